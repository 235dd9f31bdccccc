"""The engine, on a small real model: what it promises about text, tokens, the cache, and damaged files."""

from __future__ import annotations

import functools
import gc
import itertools
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import gguf
import pytest

from tabtab_local.engine import Engine, Generation, Guide, LlamaEngine
from tabtab_local.engine.context import _PART_TOKENS
from tabtab_local.errors import Cancelled, ModelError, UsageError
from tabtab_local.prompt import CURSOR, EDIT_END, INTENT, MARKERS, Prompt, render_prompt, response_start
from tabtab_local.registry import embedded_path
from tests.fakes import ScriptedEngine

CODE = "import json\n\n\ndef load(path):\n    with open(path) as file:\n        return json.load(file)\n"
PROMPT = render_prompt(Prompt("data = ", 7, code_above=CODE))
START = response_start("read the file") + "data = "


@pytest.fixture(scope="module")
def engine(tiny_gguf: Path) -> Iterator[LlamaEngine]:
    with LlamaEngine(tiny_gguf, threads=1) as engine:
        yield engine


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


def copy_with(source: Path, target: Path, change: Callable[[str, object], object]) -> Path:
    """Copy a GGUF; `change` maps each metadata key and value to a new value, None leaves the key out."""
    reader = gguf.GGUFReader(source)
    writer = gguf.GGUFWriter(target, reader.fields["general.architecture"].contents())
    for key, entry in reader.fields.items():
        value = change(key, entry.contents())
        if key.startswith("GGUF.") or key == "general.architecture" or value is None:
            continue
        item_type = entry.types[-1] if entry.types[0] == gguf.GGUFValueType.ARRAY else None
        writer.add_key_value(key, value, entry.types[0], item_type)
    for tensor in reader.tensors:
        writer.add_tensor(tensor.name, tensor.data, raw_dtype=tensor.tensor_type)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return target


def as_control(key: str, value: object) -> object:
    """Make control tokens of our markers."""
    if key == "tokenizer.ggml.token_type":
        user_defined, control = int(gguf.TokenType.USER_DEFINED), int(gguf.TokenType.CONTROL)
        return [control if kind == user_defined else kind for kind in value]
    return value


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


@pytest.mark.parametrize("kept", [0, 3, 5, 100, 5000, 20_000, -1])
def test_a_file_that_was_cut_short_is_refused_in_one_line(
    tiny_gguf: Path, tmp_path: Path, kept: int, capfd: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "cut.gguf"
    path.write_bytes(tiny_gguf.read_bytes()[:kept])
    with pytest.raises(ModelError) as error:
        LlamaEngine(path)
    message = str(error.value)
    assert str(path) in message and "\n" not in message
    assert ("not a GGUF" if 0 <= kept < 4 else "cut short") in message
    assert capfd.readouterr() == ("", "")


def test_other_files_are_refused_in_one_line(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    pickle, newline = tmp_path / "model.bin", tmp_path / "new\nline.gguf"
    pickle.write_bytes(b"PK\x03\x04" + bytes(100))
    for path, expected in (
        (pickle, "not a GGUF file"),
        (tmp_path, "is a folder"),
        (tmp_path / "none.gguf", "there is no model at"),
        (pickle / "below.gguf", "cannot read the model"),
    ):
        with pytest.raises(ModelError, match=expected) as error:
            LlamaEngine(path)
        assert str(path) in str(error.value) and "\n" not in str(error.value)
    assert not newline.exists()
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (lambda key, value: None if key == "tabtab.prompt_version" else value, "without tabtab metadata: make it with"),
        (lambda key, value: 2 if key == "tabtab.prompt_version" else value, "version 2, this program speaks version 1"),
        (as_control, "lacks the marker <.INTENT.>.*user-defined"),
    ],
    ids=["no metadata", "other version", "control markers"],
)
def test_a_model_made_for_something_else_is_refused_in_one_line(
    tiny_gguf: Path,
    tmp_path: Path,
    change: Callable[[str, object], object],
    expected: str,
    capfd: pytest.CaptureFixture[str],
) -> None:
    path = copy_with(tiny_gguf, tmp_path / "other.gguf", change)
    with pytest.raises(ModelError, match=expected) as error:
        LlamaEngine(path)
    assert str(path) in str(error.value) and "\n" not in str(error.value)
    assert capfd.readouterr() == ("", "")


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


def test_a_ceiling_of_memory_leaves_fewer_documents_a_cache(tiny_gguf: Path) -> None:
    with LlamaEngine(tiny_gguf, sequences=8) as engine:
        assert engine.sequences == 8
    # Two layers with two heads of 16 keys and 16 values of two bytes each.
    each = 2048 * 2 * 2 * (16 + 16) * 2
    for ceiling, expected in ((3 * each, 3), (3 * each - 1, 2), (1, 1)):
        with LlamaEngine(tiny_gguf, sequences=8, cache_bytes=ceiling) as engine:
            assert engine.sequences == expected
