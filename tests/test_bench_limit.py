"""The limits of decoding: what is counted and how it is put together. No test looks at how fast this machine is."""

from __future__ import annotations

import json
import math
import random
from collections.abc import Iterator
from pathlib import Path

import pytest
from gguf import GGUFReader, GGUFWriter

from bench.bandwidth import Bandwidth, beyond_cache_bytes, cache_bytes, measure
from bench.limit import Endless, Ratio, Record, Settings, Work, code_prompt, compare, read_work, render
from bench.native import Native
from bench.shape import Shape, read_vocabulary, write_random
from convert.gguf_file import write_gguf
from tabtab_local.errors import ModelError, UsageError
from tabtab_local.fingerprint import file_sha256
from tabtab_local.registry import DEFAULT_MODEL, embedded_path, get
from tests.tiny import tiny_qwen3

SMALL = Settings(rounds=6, prompt_tokens=48, decoded_tokens=5, threads=1)


@pytest.fixture(scope="module", autouse=True)
def little_memory() -> Iterator[None]:
    """How much is read says how exact a rate is, which no test asks."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("bench.bandwidth._PASS_BYTES", 1 << 21)
        patch.setattr("bench.bandwidth.cache_bytes", lambda: 1 << 19)
        yield


@pytest.fixture(scope="module")
def tiny_shape(tiny_gguf: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    shape = Shape(hidden=64, layers=2, heads=4, kv_heads=2, feed_forward=96, head_dim=32, rows=700, first_free_row=650)
    path = tmp_path_factory.mktemp("shape") / "tiny.gguf"
    write_random("tiny-shape", shape, read_vocabulary(tiny_gguf, shape), path)
    return path


@pytest.fixture(scope="module")
def record(tiny_shape: Path) -> Record:
    return compare(tiny_shape, SMALL, progress=lambda message: None)


def test_the_record_is_complete_and_plausible(record: Record, tiny_shape: Path) -> None:
    document = json.loads(json.dumps(record.as_json(), allow_nan=False))
    assert (document["model"], document["file_type"]) == ("tiny-shape", "F16")
    assert document["random_weights"] is True
    assert document["sha256"] == file_sha256(tiny_shape)
    assert document["settings"] == {"rounds": 6, "prompt_tokens": 48, "decoded_tokens": 5, "threads": 1}
    for side in (record.native, record.ours):
        for quantiles in (side.prompt_ms_per_token, side.decode_ms_per_token):
            assert 0 < quantiles.p50 <= quantiles.p95
    for ratio in (record.decode_ratio, record.prompt_ratio):
        assert 0 < ratio.low <= ratio.median <= ratio.high
    assert record.model_sized.array_bytes == record.work.total_bytes
    assert record.floor_ms == pytest.approx(
        record.work.total_bytes / record.model_sized.best_bytes_per_s * 1000, rel=1e-12
    )


def test_the_table_names_the_model_its_limits_and_that_its_weights_are_random(record: Record) -> None:
    table = render(record)
    for part in (record.sha256[:12], "RANDOM WEIGHTS", "floor", "native llama_decode", "ours over native", "GB/s"):
        assert part in table


def test_a_trained_model_is_not_called_random() -> None:
    nano = compare(embedded_path(), SMALL, progress=lambda message: None)
    assert not nano.random_weights
    assert "RANDOM" not in render(nano)


def test_a_token_reads_each_weight_once_where_the_output_matrix_is_the_embedding(tiny_shape: Path) -> None:
    matrices = 700 * 64 + 2 * (64 * 128 * 2 + 64 * 64 * 2 + 3 * 64 * 96)
    vectors = 64 + 2 * (2 * 64 + 2 * 32)
    assert read_work(GGUFReader(tiny_shape), 0) == Work(2 * matrices + 4 * vectors, 0, 0)


def test_the_embedded_models_tensors_fill_its_file_but_for_the_header() -> None:
    work = read_work(GGUFReader(embedded_path()), 0)
    size = embedded_path().stat().st_size
    # Q8_0 takes 34 bytes for 32 weights; the rest is the vocabulary.
    assert get(DEFAULT_MODEL).parameters * 34 / 32 <= work.weight_bytes < size
    assert work.weight_bytes > 0.9 * size


def test_a_token_reads_one_row_of_an_embedding_that_is_not_the_output_matrix(tmp_path: Path) -> None:
    model = tiny_qwen3(tmp_path / "model", tied=False)
    write_gguf(tmp_path / "model", tmp_path / "model.gguf", name="untied", dtype="f32")
    weights = {name: parameter.numel() for name, parameter in model.named_parameters()}
    others = sum(weights.values()) - weights["model.embed_tokens.weight"]
    assert read_work(GGUFReader(tmp_path / "model.gguf"), 0).weight_bytes == 4 * (others + 64)


def test_a_token_reads_the_keys_and_values_of_all_before_it(tiny_gguf: Path, tiny_shape: Path) -> None:
    layers, kv_heads, values, float16_bytes = 2, 2, 2, 2
    assert read_work(GGUFReader(tiny_gguf), 100).cache_bytes == 100 * layers * kv_heads * values * 16 * float16_bytes
    work = read_work(GGUFReader(tiny_shape), 7)
    assert work.cache_bytes == 7 * layers * kv_heads * values * 32 * float16_bytes
    assert work.total_bytes == work.weight_bytes + work.cache_bytes


def test_a_model_with_experts_is_refused(tmp_path: Path) -> None:
    writer = GGUFWriter(tmp_path / "experts.gguf", "qwen3moe")
    writer.add_expert_count(8)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    with pytest.raises(ModelError, match="the model has experts, of which a token reads only some: give a dense one"):
        read_work(GGUFReader(tmp_path / "experts.gguf"), 0)


def test_the_interval_of_a_ratio_holds_the_true_median_in_95_cases_of_100() -> None:
    # The sign test's own table: with 12 pairs the third smallest and the third largest, with 6 to 8 the very ends.
    assert Ratio.of(range(12, 0, -1)) == Ratio(6.5, 3, 10)
    assert Ratio.of([1.0, 2.0, 3.0, 4.0, 5.0, 9.0]) == Ratio(3.5, 1.0, 9.0)
    assert Ratio.of(range(1, 10)) == Ratio(5, 2, 8)
    draw = random.Random(0)
    drawn = [Ratio.of(draw.lognormvariate(0, 1) for _ in range(15)) for _ in range(2000)]
    assert 0.94 < sum(ratio.low <= 1 <= ratio.high for ratio in drawn) / 2000 < 0.99


def test_bandwidth_is_of_the_array_that_was_asked_for_and_gives_times() -> None:
    found = measure(1 << 20, threads=2, passes=2)
    assert (found.array_bytes, found.threads, found.passes) == (1 << 20, 2, 2)
    assert 0 < found.median_bytes_per_s <= found.best_bytes_per_s
    assert cache_bytes() is None or cache_bytes() >= 1 << 16
    assert Bandwidth(8, 1, 1, best_bytes_per_s=2e9, median_bytes_per_s=1e9).ms(5e6) == 2.5


def test_the_large_array_is_four_times_the_cache_or_a_whole_pass(monkeypatch: pytest.MonkeyPatch) -> None:
    assert beyond_cache_bytes() == 1 << 21
    monkeypatch.setattr("bench.bandwidth.cache_bytes", lambda: 3 << 20)
    assert beyond_cache_bytes() == 12 << 20


def test_an_answer_has_all_its_tokens_even_where_the_model_would_end_it(tiny_gguf: Path) -> None:
    class Ending(Endless):
        """A model that always wants to end its answer, by its marker and by the end of the text in turn."""

        wishes = 0

        def _choose(self, row, allowed, chosen):  # type: ignore[no-untyped-def]
            row = row.copy()
            row[self._ending if len(chosen) % 2 else self._end_of_text()] = math.inf
            self.wishes += 1
            return super()._choose(row, allowed, chosen)

        def _end_of_text(self) -> int:
            return next(token for token in range(len(self._vocabulary)) if self._vocabulary.ends_text(token))

    with Ending(tiny_gguf, threads=1, context_tokens=64) as engine:
        answer = engine.answer("import os\n", 8)
        assert answer.timings.decoded_tokens == engine.wishes == 8
        assert not answer.stopped
        again = engine.answer("import os\n", 8).timings
        assert again.evaluated_tokens == again.prompt_tokens == answer.timings.prompt_tokens


def test_native_decoding_fills_the_context_and_says_where_it_is_full(tiny_gguf: Path) -> None:
    with Native(tiny_gguf, context_tokens=768, threads=1) as native:
        for _ in range(2):
            assert native.prompt_ms(600) > 0
            assert native.decode_ms(168) > 0
        with pytest.raises(ModelError, match="cannot evaluate 1 tokens"):
            native.decode_ms(1)


def test_prompts_are_code_of_at_most_so_many_tokens_and_differ() -> None:
    def count(text: str) -> int:
        return len(text) // 4

    first, second = code_prompt(count, 300, 0), code_prompt(count, 300, 23)
    assert first != second
    for prompt in (first, second):
        assert 250 < count(prompt) <= 300
        assert prompt.endswith("\n")
    assert code_prompt(count, 300, 0) == first
    assert 0.9e6 < count(code_prompt(count, 1_000_000, 5)) <= 1e6
    with pytest.raises(UsageError, match="a prompt of 1 tokens has no room for a line of code"):
        code_prompt(len, 1, 0)


def test_settings_that_measure_nothing_are_refused(tiny_gguf: Path) -> None:
    with pytest.raises(UsageError, match="5 rounds give no interval: measure 6 or more"):
        Settings(rounds=5)
    with pytest.raises(UsageError, match="1 decoded tokens have no time between them"):
        Settings(decoded_tokens=1)
    with pytest.raises(UsageError, match="cannot have a context of 9064 tokens"):
        compare(tiny_gguf, Settings(prompt_tokens=9000), progress=lambda message: None)
