"""The engine, on a small real model: what it promises about text, tokens and the cache."""

from __future__ import annotations

import functools
import gc
import itertools
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tabtab_local.engine import Engine, Generation, Guide, LlamaEngine
from tabtab_local.engine.context import _PART_TOKENS
from tabtab_local.errors import Cancelled, ModelError, UsageError
from tabtab_local.prompt import CURSOR, EDIT_END, INTENT, MARKERS, Prompt, render_prompt, response_start
from tests.fakes import ScriptedEngine

CODE = "import json\n\n\ndef load(path):\n    with open(path) as file:\n        return json.load(file)\n"
PROMPT = render_prompt(Prompt("data = ", 7, code_above=CODE))
START = response_start("read the file") + "data = "


@pytest.fixture
def fresh(tiny_gguf: Path) -> Iterator[Callable[[str, str], Generation]]:
    """Generates with an engine that has read nothing before."""

    def generate(prompt: str, start: str) -> Generation:
        with LlamaEngine(tiny_gguf, threads=1) as engine:
            return engine.generate(prompt, start, max_tokens=16, stop=EDIT_END)

    yield generate


def same(a: Generation, b: Generation) -> bool:
    """Tell whether two engines wrote the same, apart from rounding in the probabilities."""
    return a.text == b.text and a.stopped == b.stopped and a.confidence == pytest.approx(b.confidence, rel=1e-3)


def test_an_answer_begins_with_the_forced_start_and_repeats_exactly(engine: LlamaEngine) -> None:
    first = engine.generate(PROMPT, START, max_tokens=16, stop=EDIT_END)
    assert first.text.startswith(START)
    assert len(first.text) > len(START)
    assert 0 < first.confidence <= 1
    assert same(first, engine.generate(PROMPT, START, max_tokens=16, stop=EDIT_END))


def test_the_model_is_described(engine: LlamaEngine, tiny_gguf: Path) -> None:
    model = engine.model
    assert model.name and model.path == tiny_gguf and model.prompt_version == 1
    assert model.size_bytes == tiny_gguf.stat().st_size
    assert model.context_tokens == 2048 and model.parameters > 1000
    assert "F32" in model.file_type


def test_both_engines_speak_the_protocol(engine: LlamaEngine) -> None:
    engines: list[Engine] = [engine, ScriptedEngine([START + EDIT_END])]
    assert all(one.generate(PROMPT, START, max_tokens=16, stop=EDIT_END).text.startswith(START) for one in engines)


@pytest.mark.parametrize("marker", MARKERS)
def test_a_marker_is_one_token_and_splits_the_text_around_it(engine: LlamaEngine, marker: str) -> None:
    assert engine.count_tokens(marker) == 1
    assert engine.count_tokens(f"x{marker}y") == 3


def test_control_tokens_in_code_stay_text(engine: LlamaEngine) -> None:
    assert engine.count_tokens("<|endoftext|>") > 1


def test_a_used_cache_gives_what_an_empty_one_gives(
    engine: LlamaEngine, fresh: Callable[[str, str], Generation]
) -> None:
    typed = [PROMPT + START[:n] for n in range(0, len(START), 9)]
    others = [render_prompt(Prompt(f"x{n} = ", 5, code_above=CODE[n * 7 :])) for n in range(4)]
    for prompt in [*typed, *others, *reversed(typed), PROMPT, PROMPT, PROMPT[:40], "x"]:
        assert same(engine.generate(prompt, "", max_tokens=16, stop=EDIT_END), fresh(prompt, ""))


def test_a_small_change_costs_few_evaluated_tokens(engine: LlamaEngine) -> None:
    engine.generate(CODE, "", max_tokens=0, stop=EDIT_END)
    cold = engine.generate(PROMPT, START, max_tokens=4, stop=EDIT_END).timings
    typed = engine.generate(PROMPT, START + "l", max_tokens=4, stop=EDIT_END).timings
    again = engine.generate(PROMPT, START + "l", max_tokens=4, stop=EDIT_END).timings
    assert cold.prompt_tokens == engine.count_tokens(PROMPT + START)
    assert cold.evaluated_tokens > 40
    assert 1 <= typed.evaluated_tokens <= 3
    assert again.evaluated_tokens == 0


def test_timings_add_up(engine: LlamaEngine) -> None:
    timings = engine.generate(PROMPT, START, max_tokens=8, stop=EDIT_END).timings
    assert timings.load_ms > 0
    assert 0 < timings.prompt_ms <= timings.first_token_ms <= timings.total_ms
    assert timings.first_token_ms + timings.decode_ms == pytest.approx(timings.total_ms)
    assert 1 <= timings.decoded_tokens <= 8
    assert timings.drafted_tokens == timings.accepted_tokens == 0


def test_without_tokens_to_decode_the_prompt_is_only_evaluated(engine: LlamaEngine) -> None:
    result = engine.generate(PROMPT, START, max_tokens=0, stop=EDIT_END)
    assert (result.text, result.stopped, result.confidence, result.timings.decoded_tokens) == (START, False, 1.0, 0)
    assert engine.generate(PROMPT, START, max_tokens=1, stop=EDIT_END).timings.evaluated_tokens == 0


def test_decoding_stops_at_the_marker_and_keeps_it(engine: LlamaEngine) -> None:
    # A random model does not write markers on purpose: look for a start after which it does.
    for n in range(400):
        start = f"{START}{n}"
        result = engine.generate(PROMPT, start, max_tokens=24, stop=CURSOR)
        if result.stopped:
            assert result.text.endswith(CURSOR)
            assert result.text.count(CURSOR) == 1
            return
        assert CURSOR not in result.text
    pytest.fail("the model never wrote the marker")


def test_a_token_that_ends_the_text_ends_decoding_and_is_no_text(engine: LlamaEngine) -> None:
    for n in range(400):
        start = f"{START}{n}"
        result = engine.generate(PROMPT, start, max_tokens=24, stop=EDIT_END)
        assert "<|endoftext|>" not in result.text
        if not result.stopped and result.timings.decoded_tokens < 24:
            assert result.text.startswith(start)
            return
    pytest.fail("the model never ended its text")


def test_a_stop_of_several_tokens_is_refused(engine: LlamaEngine) -> None:
    with pytest.raises(ModelError, match=r"lacks the marker <.OTHER.>"):
        engine.generate(PROMPT, START, max_tokens=4, stop="<|OTHER|>")


def test_a_prompt_may_fill_the_context_exactly_and_not_more(tiny_gguf: Path) -> None:
    with LlamaEngine(tiny_gguf, context_tokens=256, threads=1) as engine:
        fitting = next(text for n in itertools.count() if engine.count_tokens(text := "x " * n) == 236)
        assert engine.generate(fitting, "", max_tokens=20, stop=EDIT_END).timings.prompt_tokens == 236
        with pytest.raises(UsageError, match=r"236 tokens.*context of 256.*room for 235 beside an answer of 21"):
            engine.generate(fitting, "", max_tokens=21, stop=EDIT_END)
        with pytest.raises(UsageError, match="room for 0 beside an answer of 300"):
            engine.generate("x", "", max_tokens=300, stop=EDIT_END)


def test_an_empty_prompt_is_refused(engine: LlamaEngine) -> None:
    with pytest.raises(UsageError, match="empty"):
        engine.generate("", "", max_tokens=4, stop=EDIT_END)


@pytest.mark.parametrize("context_tokens", [-1, 0, 2049])
def test_a_context_that_the_model_was_not_trained_for_is_refused(tiny_gguf: Path, context_tokens: int) -> None:
    with pytest.raises(UsageError, match=f"context of {context_tokens} tokens: choose 1-2048"):
        LlamaEngine(tiny_gguf, context_tokens=context_tokens)


@pytest.mark.parametrize("batch_tokens", [1, 7, 32])
def test_the_size_of_a_batch_does_not_change_the_answer(
    tiny_gguf: Path, fresh: Callable[[str, str], Generation], batch_tokens: int
) -> None:
    with LlamaEngine(tiny_gguf, threads=1, batch_tokens=batch_tokens) as engine:
        assert same(engine.generate(PROMPT, START, max_tokens=16, stop=EDIT_END), fresh(PROMPT, START))


def test_a_request_can_be_cancelled_at_every_moment(tiny_gguf: Path, fresh: Callable[[str, str], Generation]) -> None:
    other = render_prompt(Prompt("y = 1", 5, code_above=CODE))
    expected = fresh(PROMPT, START), fresh(other, "")
    with LlamaEngine(tiny_gguf, threads=1, batch_tokens=16) as engine:
        asked = itertools.count()
        engine.generate(PROMPT, START, max_tokens=16, stop=EDIT_END, cancel=lambda: next(asked) < 0)
        moments = next(asked)
        assert moments > 200  # asked at the nodes of the graph too, not only between tokens
        for moment in [*range(12), *range(12, moments - 1, 41)]:
            engine.generate(CODE, "", max_tokens=0, stop=EDIT_END)
            cancel = functools.partial(next, iter([False] * moment), True)
            with pytest.raises(Cancelled):
                engine.generate(PROMPT, START, max_tokens=16, stop=EDIT_END, cancel=cancel)
            prompt, start, result = ((PROMPT, START, expected[0]), (other, "", expected[1]))[moment % 2]
            assert same(engine.generate(prompt, start, max_tokens=16, stop=EDIT_END), result)


def test_an_exception_in_the_middle_of_a_computation_gets_through(
    engine: LlamaEngine, fresh: Callable[[str, str], Generation], capfd: pytest.CaptureFixture[str]
) -> None:
    asked = itertools.count()

    def interrupt() -> bool:
        if next(asked) == 30:
            raise KeyboardInterrupt
        return False

    engine.generate(CODE, "", max_tokens=0, stop=EDIT_END)
    with pytest.raises(KeyboardInterrupt):
        engine.generate(PROMPT, START, max_tokens=16, stop=EDIT_END, cancel=interrupt)
    assert same(engine.generate(PROMPT, START, max_tokens=16, stop=EDIT_END), fresh(PROMPT, START))
    assert capfd.readouterr() == ("", "")


def test_several_engines_live_side_by_side(tiny_gguf: Path, fresh: Callable[[str, str], Generation]) -> None:
    expected = fresh(PROMPT, START)
    with LlamaEngine(tiny_gguf, threads=1) as a, LlamaEngine(tiny_gguf, threads=2) as b:
        assert same(a.generate(PROMPT, START, max_tokens=16, stop=EDIT_END), expected)
        b.generate(CODE, "", max_tokens=16, stop=EDIT_END)
        a.close()
        gc.collect()  # the callbacks of the engine that lives on must outlast this
        assert same(b.generate(PROMPT, START, max_tokens=16, stop=EDIT_END), expected)


def test_threads_share_an_engine(engine: LlamaEngine, fresh: Callable[[str, str], Generation]) -> None:
    prompts = [render_prompt(Prompt(f"x{n} = ", 5, code_above=CODE)) for n in range(4)]
    results: dict[str, Generation] = {}

    def work(prompt: str) -> None:
        for _ in range(3):
            results[prompt] = engine.generate(prompt, "", max_tokens=16, stop=EDIT_END)

    workers = [threading.Thread(target=work, args=(prompt,)) for prompt in prompts]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert all(same(results[prompt], fresh(prompt, "")) for prompt in prompts)


def test_a_closed_engine_says_so(tiny_gguf: Path) -> None:
    engine = LlamaEngine(tiny_gguf)
    engine.close()
    engine.close()
    with pytest.raises(ValueError, match="closed"):
        engine.generate(PROMPT, START, max_tokens=1, stop=EDIT_END)
    with pytest.raises(ValueError, match="closed"):
        engine.count_tokens("x")


def test_text_outside_ascii_goes_in_and_comes_out(engine: LlamaEngine) -> None:
    start = INTENT + " Größe 🙂 日本語\x00 \ud800"
    result = engine.generate("naïve = 'été'\n", start, max_tokens=24, stop=EDIT_END)
    assert result.text.startswith(start)
    vocabulary = engine._vocabulary
    for text in ("Größe 🙂 日本語", "\x00\r\n\t", "e\u0301\u2060"):
        tokens = vocabulary.tokenize(text)
        assert vocabulary.text(tokens) == text
        # Cut anywhere, what is left is a beginning of the text without half a character.
        assert all(text.startswith(vocabulary.text(tokens[:n])) for n in range(len(tokens)))


def test_greedy_decoding_agrees_with_transformers(engine: LlamaEngine, tiny_qwen3_folder: Path) -> None:
    torch = pytest.importorskip("torch")
    transformers = pytest.importorskip("transformers")
    tokenizer = transformers.AutoTokenizer.from_pretrained(tiny_qwen3_folder)
    model = transformers.AutoModelForCausalLM.from_pretrained(tiny_qwen3_folder, dtype=torch.float32).eval()
    for prompt, start in ((PROMPT, START), (CODE, ""), (PROMPT, response_start(""))):
        ids = tokenizer(prompt + start, return_tensors="pt").input_ids
        assert ids.shape[1] == engine.count_tokens(prompt + start)
        with torch.no_grad():
            output = model.generate(
                ids,
                attention_mask=torch.ones_like(ids),
                max_new_tokens=12,
                do_sample=False,
                eos_token_id=[tokenizer.eos_token_id, tokenizer.convert_tokens_to_ids(EDIT_END)],
                return_dict_in_generate=True,
                output_logits=True,
            )
        chosen = output.sequences[0, ids.shape[1] :]
        logarithms = [scores[0].log_softmax(0)[token] for scores, token in zip(output.logits, chosen, strict=True)]
        result = engine.generate(prompt, start, max_tokens=12, stop=EDIT_END)
        written = [token for token in chosen.tolist() if token != tokenizer.eos_token_id]
        assert result.text == start + engine._vocabulary.text(written)
        assert result.timings.decoded_tokens == len(chosen)
        assert result.confidence == pytest.approx(float(torch.stack(logarithms).mean().exp()), rel=1e-3)


def test_nothing_is_printed(tiny_gguf: Path, capfd: pytest.CaptureFixture[str]) -> None:
    with LlamaEngine(tiny_gguf) as engine:
        engine.generate(PROMPT, START, max_tokens=8, stop=EDIT_END)
    assert capfd.readouterr() == ("", "")


def test_the_interface_loads_no_llama_cpp() -> None:
    code = (
        "import sys; from tabtab_local.engine import Engine, Generation, Timings, ModelInfo, never; "
        "assert not {'llama_cpp', 'numpy', 'torch'} & set(sys.modules), sys.modules.keys()"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_a_scripted_answer_is_cut_as_a_models_would_be() -> None:
    engine = ScriptedEngine(["abc<|EDIT_END|>more", "abcdef", "x"], confidence=0.5)
    first = engine.generate("p", "a", max_tokens=100, stop=EDIT_END)
    assert (first.text, first.stopped, first.confidence) == ("abc<|EDIT_END|>", True, 0.5)
    second = engine.generate("p", "", max_tokens=3, stop=EDIT_END)
    assert (second.text, second.stopped) == ("abc", False)
    with pytest.raises(Cancelled):
        engine.generate("p", "", max_tokens=3, stop=EDIT_END, cancel=lambda: True)
    assert engine.generate("p", "", max_tokens=3, stop=EDIT_END).text == "x"
    assert [request.start for request in engine.requests] == ["a", "", "", ""]


def test_an_engine_that_has_forgotten_answers_to_the_bit_as_a_fresh_one(
    engine: LlamaEngine, fresh: Callable[[str, str], Generation]
) -> None:
    expected = fresh(PROMPT, START)
    for other in (CODE, PROMPT, PROMPT[:-30]):
        engine.generate(other, "", max_tokens=4, stop=EDIT_END)
        engine.forget()
        again = engine.generate(PROMPT, START, max_tokens=16, stop=EDIT_END)
        assert (again.text, again.confidence) == (expected.text, expected.confidence)
        assert again.timings.evaluated_tokens == again.timings.prompt_tokens


def test_how_long_reading_takes_is_known_once_something_was_read(tiny_gguf: Path) -> None:
    with LlamaEngine(tiny_gguf, threads=1, sequences=2) as engine:
        guide = Guide(key="a")
        assert engine.reading_ms(PROMPT, guide) == 0
        engine.generate(PROMPT, "", max_tokens=0, stop=EDIT_END, guide=guide)
        other = render_prompt(Prompt("y = 1", 5, code_above=CODE))
        assert engine.reading_ms(PROMPT, guide) == 0 < engine.reading_ms(other, guide)
        assert engine.reading_ms(PROMPT, Guide(key="b")) > engine.reading_ms(PROMPT[:100], Guide(key="b")) > 0
    with LlamaEngine(tiny_gguf, threads=1) as alone:
        alone.generate(PROMPT, "", max_tokens=0, stop=EDIT_END)
        assert alone.reading_ms(other) == 0


def test_what_a_slow_machine_has_read_of_a_prompt_when_it_is_stopped_stays(
    tiny_gguf: Path, fresh: Callable[[str, str], Generation]
) -> None:
    long = render_prompt(Prompt("y = 1", 5, code_above=CODE * 5))
    with LlamaEngine(tiny_gguf, threads=1) as engine:
        total = engine.count_tokens(long)
        assert total > 3 * _PART_TOKENS
        asked = itertools.count()
        engine._context._token_ms = 100.0
        engine.generate(long, START, max_tokens=16, stop=EDIT_END, cancel=lambda: next(asked) < 0)
        half = next(asked) // 2
        engine.forget()
        engine._context._token_ms = 100.0
        with pytest.raises(Cancelled):
            engine.generate(
                long, START, max_tokens=16, stop=EDIT_END, cancel=functools.partial(next, iter([False] * half), True)
            )
        result = engine.generate(long, START, max_tokens=16, stop=EDIT_END)
        assert result.timings.evaluated_tokens <= total - _PART_TOKENS
        assert same(result, fresh(long, START))


def test_documents_have_caches_of_their_own(tiny_gguf: Path, fresh: Callable[[str, str], Generation]) -> None:
    others = {f"{n}": render_prompt(Prompt(f"x{n} = ", 5, code_above=CODE[n * 9 :])) for n in range(4)}
    expected = {key: fresh(prompt, "") for key, prompt in others.items()}
    with LlamaEngine(tiny_gguf, threads=1, sequences=3) as engine:

        def ask(key: str) -> int:
            result = engine.generate(others[key], "", max_tokens=16, stop=EDIT_END, guide=Guide(key=key))
            assert same(result, expected[key])
            return result.timings.evaluated_tokens

        cold = [ask(key) for key in "012"]
        assert min(cold) > 20
        assert [ask(key) for key in "0120"] == [0, 0, 0, 0]
        assert ask("3") > 20  # in the place of the least recently used
        assert [ask("0"), ask("2"), ask("3")] == [0, 0, 0]
        assert ask("1") > 20


def test_a_cache_can_start_from_another_documents(tiny_gguf: Path, fresh: Callable[[str, str], Generation]) -> None:
    first, other = (render_prompt(Prompt(region, 7, code_above=CODE * 3)) for region in ("data = ", "rows = "))
    expected = fresh(first, START), fresh(other, "")
    with LlamaEngine(tiny_gguf, threads=1, sequences=2) as engine:
        engine.generate(first, START, max_tokens=16, stop=EDIT_END, guide=Guide(key="a"))
        copied = engine.generate(other, "", max_tokens=16, stop=EDIT_END, guide=Guide(key="b", like="a"))
        kept = engine.generate(first, START, max_tokens=16, stop=EDIT_END, guide=Guide(key="a"))
        assert same(copied, expected[1]) and same(kept, expected[0])
        assert copied.timings.evaluated_tokens < expected[1].timings.evaluated_tokens / 2
        assert kept.timings.evaluated_tokens == 0
        nothing = engine.generate(other, "", max_tokens=16, stop=EDIT_END, guide=Guide(key="c", like="gone"))
        assert same(nothing, expected[1])


def test_a_ceiling_of_memory_leaves_fewer_documents_a_cache(tiny_gguf: Path) -> None:
    with LlamaEngine(tiny_gguf, sequences=8) as engine:
        assert engine.sequences == 8
    # Two layers with two heads of 16 keys and 16 values of two bytes each.
    each = 2048 * 2 * 2 * (16 + 16) * 2
    for ceiling, expected in ((3 * each, 3), (3 * each - 1, 2), (1, 1)):
        with LlamaEngine(tiny_gguf, sequences=8, cache_bytes=ceiling) as engine:
            assert engine.sequences == expected
