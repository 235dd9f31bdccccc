"""Requests with a guide: what was typed, what is expected next, and when an answer is enough."""

from __future__ import annotations

import functools
import itertools
from pathlib import Path

import pytest

from tabtab_local.engine import Generation, Guide, LlamaEngine
from tabtab_local.errors import Cancelled
from tabtab_local.prompt import EDIT_END, response_start
from tabtab_local.registry import embedded_path
from tests.test_engine import PROMPT, START, same


def guided(engine: LlamaEngine, start: str = START, tokens: int = 24, **guide: object) -> Generation:
    return engine.generate(PROMPT, start, max_tokens=tokens, stop=EDIT_END, guide=Guide(**guide))


@pytest.mark.parametrize("typed", ["jso", " json.lo", "é🙂", "_", "    ", "with open(pa", "\n\n  x", "<|INTENT"])
def test_what_was_typed_is_how_the_answer_goes_on(engine: LlamaEngine, typed: str) -> None:
    seen: list[str] = []
    result = guided(engine, typed=typed, watch=lambda text, _: seen.append(text))
    assert result.text.startswith(START + typed) and 0 < result.confidence <= 1
    assert [typed.startswith(text) or text.startswith(typed) for text in seen] == [True] * len(seen)
    with LlamaEngine(engine.model.path, threads=1, drafts=False) as plain:
        assert guided(plain, typed=typed).tokens == result.tokens


def test_of_the_tokens_that_agree_with_what_was_typed_the_most_likely_is_chosen(tiny_gguf: Path) -> None:
    rows = []

    class Watching(LlamaEngine):
        def _choose(self, row, allowed, chosen):
            rows.append(row.copy())
            return super()._choose(row, allowed, chosen)

    with Watching(tiny_gguf, threads=1) as engine:
        vocabulary = engine._vocabulary
        for typed in ("r", "re", "self.", " =", "0"):
            data = typed.encode()
            agree = [
                token
                for token in range(len(vocabulary))
                if (piece := vocabulary.piece(token))
                and (piece.startswith(data) or data.startswith(piece))
                and not piece.startswith(b"<|")
            ]
            chosen = guided(engine, typed=typed, tokens=1).tokens
            assert chosen == (max(agree, key=lambda token: rows[-1][token]),)


@pytest.mark.parametrize("share", [1.0, 0.5, 0.0])
def test_expectations_change_the_work_and_not_the_answer(share: float) -> None:
    # The random model writes tokens that no text has; this one writes code.
    start = response_start("read the file") + "\n"
    with LlamaEngine(embedded_path(), threads=1, drafts=False) as plain:
        expected = guided(plain, start, tokens=40)
    truth = expected.text[len(start) :]
    cut = int(len(truth) * share)
    text = truth[:cut] + "!" * (len(truth) - cut)
    with LlamaEngine(embedded_path(), threads=1) as engine:
        result = guided(engine, start, tokens=40, expect=lambda written: text[len(written) :])
    assert result.tokens == expected.tokens and same(result, expected)
    assert (result.timings.accepted_tokens > 0) == (share > 0)
    # The marker that ends the answer is never gone on from, and so not counted as accepted.
    assert (result.timings.drafted_tokens > result.timings.accepted_tokens + 1) == (share < 1)


def test_an_echo_is_verified_where_nothing_is_expected_and_changes_the_work_alone() -> None:
    start = response_start("read the file") + "\n"
    with LlamaEngine(embedded_path(), threads=1, drafts=False) as plain:
        expected = guided(plain, start, tokens=40)
    truth = expected.text[len(start) :]
    flat = tuple((size, 1.0 + size / 100) for size in (1, 2, 4, 8))
    with LlamaEngine(embedded_path(), threads=1, costs=flat) as engine:
        result = guided(engine, start, tokens=40, echo=lambda written: truth[len(written) :])
        assert result.tokens == expected.tokens and same(result, expected)
        assert result.timings.accepted_tokens > 0
        engine.forget()
        silly = guided(engine, start, tokens=40, echo=lambda written: "!!!!!")
        assert silly.tokens == expected.tokens and silly.timings.accepted_tokens == 0 < silly.timings.drafted_tokens


def test_an_answer_that_is_enough_ends_and_its_rest_is_not_computed(engine: LlamaEngine) -> None:
    whole = guided(engine)
    half = whole.text[len(START) :][: len(whole.text[len(START) :]) // 2]
    cut = guided(engine, enough=lambda written: written.startswith(half))
    assert not cut.stopped and whole.text.startswith(cut.text) and len(cut.tokens) < len(whole.tokens)
    assert whole.tokens[: len(cut.tokens)] == cut.tokens


def test_an_answer_that_was_decoded_before_is_not_computed_again(engine: LlamaEngine) -> None:
    first = guided(engine, typed="js", key="again")
    again = guided(engine, typed="js", key="again")
    longer = guided(engine, typed=first.text[len(START) :][:4], key="again")
    assert again.tokens == first.tokens == longer.tokens
    assert again.timings.evaluated_tokens == longer.timings.evaluated_tokens == 0
    assert again.timings.drafted_tokens == 0


def test_a_guided_request_can_be_cancelled_at_every_step(tiny_gguf: Path) -> None:
    guide = {"typed": "jso", "expect": lambda written: "n.load(file)\n    return data"}
    with LlamaEngine(tiny_gguf, threads=1) as engine:
        expected = guided(engine, **guide)
        asked = itertools.count()
        engine.forget()
        engine.generate(
            PROMPT, START, max_tokens=24, stop=EDIT_END, cancel=lambda: next(asked) < 0, guide=Guide(**guide)
        )
        for moment in range(0, next(asked) - 1, 29):
            engine.forget()
            cancel = functools.partial(next, iter([False] * moment), True)
            with pytest.raises(Cancelled):
                engine.generate(PROMPT, START, max_tokens=24, stop=EDIT_END, cancel=cancel, guide=Guide(**guide))
            assert guided(engine, **guide).tokens == expected.tokens


def test_drafts_stay_inside_the_context(tiny_gguf: Path) -> None:
    with LlamaEngine(tiny_gguf, context_tokens=256, threads=1) as engine:
        fitting = next(text for n in itertools.count() if engine.count_tokens(text := "x " * n) == 236)
        result = engine.generate(
            fitting, "", max_tokens=20, stop=EDIT_END, guide=Guide(expect=lambda written: "x " * 60)
        )
        assert 0 < len(result.tokens) <= 20
