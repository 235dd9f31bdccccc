"""Measuring and choosing: with costs by a script, and for real on small models. No test looks at how fast this is."""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path

import gguf
import pytest

from tabtab_local import machine, registry
from tabtab_local.doctor import autotune
from tabtab_local.doctor.autotune import bytes_per_ms
from tabtab_local.doctor.explain import render
from tabtab_local.engine import cost
from tabtab_local.engine.cost import RANDOM_KEY, SIZES, ModelCosts, batch_costs, check
from tabtab_local.errors import ModelError, UsageError
from tabtab_local.machine import ThreadPolicy
from tabtab_local.tuning import read, remember
from tests.test_engine_file import copy_with


class ScriptedCosts:
    """Stands in for measuring: a model's cost of one token by threads; more tokens cost in proportion from 8 on."""

    def __init__(self, one_token_ms: Mapping[str, Sequence[float]], *, parameters: Mapping[str, int]) -> None:
        self.asked: list[tuple[str, tuple[int, ...]]] = []
        self._one_token_ms, self._parameters = one_token_ms, parameters

    def __call__(self, path: Path, threads: Sequence[int]) -> ModelCosts:
        self.asked.append((path.name, tuple(threads)))
        if path.name not in self._one_token_ms:
            raise ModelError(f"{path} is not a GGUF file")
        ms = {
            count: {size: one * max(1, size // 4) for size in SIZES}
            for count, one in enumerate(self._one_token_ms[path.name], 1)
            if count in threads
        }
        random = path.name.startswith("random")
        return ModelCosts(path.stem, "Q8_0", self._parameters[path.name], random, 512, ms)


@pytest.fixture(autouse=True)
def idle_machine_of_two_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(autotune, "thread_policy", lambda: ThreadPolicy(2, "one for each core"))
    monkeypatch.setattr(autotune, "busy_share", lambda: 0.0)
    monkeypatch.setattr(autotune, "free_memory_bytes", lambda: 2**30)
    monkeypatch.setattr(autotune, "bytes_per_ms", lambda threads: 1e7 * threads)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Three files with nothing of a model in them."""
    for name, size in (("small.gguf", 10), ("large.gguf", 30), ("random.gguf", 50)):
        (tmp_path / name).write_bytes(name.encode().ljust(size))
    return tmp_path


# A full suggestion costs one token's time ten times: the first text, seven tokens, and two for the batch of 8.
SCRIPT = ScriptedCosts(
    {"small.gguf": (2.0, 1.0), "large.gguf": (20.0, 11.0), "random.gguf": (9.0, 9.0)},
    parameters={"small.gguf": 10, "large.gguf": 30, "random.gguf": 50},
)


def tune(folder: Path, target_ms: float = 120, names: Sequence[str] = ("small", "large", "random"), **options: object):
    paths = [folder / f"{name}.gguf" for name in names]
    return autotune.tune(paths, target_ms=target_ms, repeats=1, **{"measure": SCRIPT, **options})


def test_the_largest_model_in_time_is_chosen_and_the_table_says_why(folder):
    report = tune(folder)
    assert report.choice.model.path == folder / "large.gguf"
    assert report.tuning.chosen == report.choice.model.sha256
    assert [model.threads for model in report.tuning.models] == [2, 2, 1]
    text = render(report)
    lines = text.splitlines()
    assert lines[0].split() == ["MODEL", "QUANT", "SIZE", "THREADS", "FIRST", "TEXT", "SUGGESTION", "GUESSES"]
    assert lines[1].split() == ["small", "Q8_0", "0.0", "MB", "2", "1.0", "ms", "10", "ms", "3", "in", "time"]
    assert lines[2].endswith("110 ms      3        chosen")
    assert lines[3].endswith("random weights, never chosen")
    curves = [line.split() for line in lines if line.startswith("large ")][1:]
    assert [" ".join(cells) for cells in curves] == [
        "large Q8_0 1 20 20 20 40 80 160 320",
        "large Q8_0 2 11 11 11 22 44 88 176",
    ]
    assert (
        "Chosen: large (Q8_0), the largest model here that keeps within 120 ms: a full suggestion takes about 110 ms"
        in text
    )
    assert "It computes with 2 threads: 110 ms, against 200 ms with 1." in text
    assert "At most 2 threads may compute: one for each core." in text


def test_a_shorter_target_takes_the_smaller_model_and_none_the_smallest(folder):
    assert tune(folder, 100).choice.model.name == "small"
    report = tune(folder, 5)
    assert (report.choice.model.name, report.choice.in_time) == ("small", False)
    assert "No model here keeps within 5.0 ms. Chosen: the smallest, small (Q8_0)" in render(report)
    assert render(report).count("too slow") == 1


def test_models_that_are_not_here_are_estimates_and_never_chosen(folder):
    report = tune(folder, 60_000)
    text = render(report)
    for name in registry.MODELS:
        assert any(line.startswith(name) and line.endswith("estimated, not here") for line in text.splitlines())
    # 633 MB at 20 MB in a ms, of which six tenths are reached, times 1 for the token and 1.7 for two.
    assert [line.split()[5:7] for line in text.splitlines() if line.startswith("tabtab-qwen3-0.6b")] == [["~90", "ms"]]
    assert report.choice.model.name == "large"
    assert "Worth building and measuring (see README): tabtab-nano, tabtab-qwen3-0.6b" in text


def test_what_cannot_be_measured_is_said_and_skipped(folder, monkeypatch):
    (folder / "other\x1b[31m.gguf").write_bytes(b"?")
    shutil.copy(folder / "small.gguf", folder / "copy.gguf")
    (folder / "huge.gguf").write_bytes(bytes(2000))
    monkeypatch.setattr(autotune, "free_memory_bytes", lambda: 2000)
    report = tune(folder, names=("small", "other\x1b[31m", "copy", "huge"))
    assert [model.name for model in report.tuning.models] == ["small"]
    told = [line for line in render(report).splitlines() if line.startswith("Not measured")]
    assert len(told) == 3
    assert told[0].endswith("other?[31m.gguf is not a GGUF file.")
    assert told[1].endswith(f"copy.gguf: it is a copy of {folder / 'small.gguf'}.")
    assert "huge.gguf: it takes about 0 MiB of memory" in told[2]


def test_nothing_is_chosen_where_nothing_can_be_used(folder):
    report = tune(folder, names=("random",))
    assert report.choice.model is report.tuning.chosen is None
    assert "No model is chosen" in render(report)
    assert "No model is chosen" in render(tune(folder, names=()))


def test_only_the_threads_that_may_be_used_are_measured(folder, monkeypatch):
    for policy, threads in (
        (ThreadPolicy(1, "on battery one core is spared"), (1,)),
        (ThreadPolicy(2, "TABTAB_THREADS says so", fixed=True), (2,)),
    ):
        monkeypatch.setattr(autotune, "thread_policy", lambda policy=policy: policy)
        report = tune(folder, names=("small",))
        assert SCRIPT.asked[-1] == ("small.gguf", threads)
        assert report.tuning.models[0].threads == threads[0]
        assert policy.reason in render(report)
        assert "It computes with" not in render(report)  # there was nothing to compare


def test_a_busy_machine_and_a_battery_are_said(folder, monkeypatch):
    monkeypatch.setattr(autotune, "busy_share", lambda: 0.8)
    monkeypatch.setattr(machine, "_on_battery", lambda: True)
    report = tune(folder)
    assert report.tuning.on_battery
    assert "Other programs used 80% of the processor" in render(report)
    assert "Measured on battery: tune again" in render(report)


def test_what_was_tuned_can_be_remembered_whole(folder):
    tuning = tune(folder).tuning
    remember(tuning, folder / "tuning.json")
    assert read(folder / "tuning.json") == tuning


def test_candidates_are_the_embedded_model_those_named_and_those_found_once_each(tiny_gguf, tmp_path):
    (tmp_path / "below").mkdir()
    for name in ("b.gguf", "below/a.gguf", "no.bin"):
        shutil.copy(tiny_gguf, tmp_path / name)
    named = str(tmp_path / "b.gguf")
    found = autotune.candidates([named, "tabtab-nano"], [tmp_path, tmp_path], None)
    assert found == [
        path.resolve() for path in (registry.embedded_path(), tmp_path / "b.gguf", tmp_path / "below/a.gguf")
    ]


def test_models_that_were_measured_before_are_measured_again_while_they_are_there(folder):
    before = tune(folder).tuning
    (folder / "large.gguf").unlink()
    found = autotune.candidates([], [], before)
    assert [path.name for path in found] == [registry.embedded_path().name, "small.gguf", "random.gguf"]


def test_what_is_named_wrongly_is_said_before_anything_is_measured(tmp_path):
    (tmp_path / "text.gguf").write_text("no model")
    for model, words in (
        (tmp_path / "text.gguf", "not a GGUF"),
        (tmp_path / "no.gguf", "no model at"),
        ("x", "neither"),
    ):
        with pytest.raises(ModelError, match=words):
            autotune.candidates([str(model)], [], None)
    with pytest.raises(ModelError, match="there is no folder"):
        autotune.candidates([], [tmp_path / "none"], None)


def test_a_bad_variable_is_said_before_anything_is_measured(folder, monkeypatch):
    monkeypatch.setenv(machine.THREADS_VARIABLE, "all")
    monkeypatch.setattr(autotune, "thread_policy", machine.thread_policy)
    with pytest.raises(UsageError, match="TABTAB_THREADS is 'all'"):
        tune(folder)


def test_memory_is_read_at_some_rate():
    assert 0 < bytes_per_ms(2, 1 << 20) < 1e9


def test_every_batch_is_measured_with_every_number_of_threads(tiny_gguf, capfd):
    told: list[str] = []
    costs = batch_costs(tiny_gguf, (1, 2), repeats=3, budget_s=30, progress=told.append)
    assert list(costs.ms) == [1, 2]
    for by_tokens in costs.ms.values():
        assert tuple(by_tokens) == SIZES
        assert all(ms > 0 for ms in by_tokens.values())
    assert (costs.name, costs.file_type, costs.random_weights, costs.depth_tokens) == ("tiny", "all F32", False, 512)
    assert costs.parameters > 100_000
    assert len(told) == 1 and "about" in told[0]
    assert capfd.readouterr() == ("", "")


def test_time_that_is_spent_ends_the_measuring_after_three_rounds(tiny_gguf, monkeypatch):
    batches: list[int] = []
    real = cost._Meter.batch_ms
    monkeypatch.setattr(cost._Meter, "batch_ms", lambda self, tokens: batches.append(tokens) or real(self, tokens))
    batch_costs(tiny_gguf, (1,), (1, 2), repeats=50, budget_s=0)
    assert len(batches) == 3 * (1 + 2)  # with one to warm up in each
    # Sizes take turns at being first.
    assert batches[1:3] == [1, 2] and batches[4:6] == [2, 1]


def test_a_short_context_leaves_less_before_the_batch(tiny_gguf, tmp_path):
    length = "qwen3.context_length"
    short = copy_with(tiny_gguf, tmp_path / "short.gguf", lambda key, value: 300 if key == length else value)
    assert batch_costs(short, (1,), repeats=1, budget_s=1).depth_tokens == 236
    none = copy_with(tiny_gguf, tmp_path / "none.gguf", lambda key, value: 64 if key == length else value)
    with pytest.raises(ModelError, match="too short a context for a batch of 64"):
        batch_costs(none, (1,), repeats=1, budget_s=1)


def test_random_weights_are_known_by_what_their_file_says(tiny_gguf, tmp_path, monkeypatch):
    def write_header(writer: gguf.GGUFWriter) -> None:
        writer.add_bool(RANDOM_KEY, True)
        real(writer)

    real = gguf.GGUFWriter.write_header_to_file
    monkeypatch.setattr(gguf.GGUFWriter, "write_header_to_file", write_header)
    marked = copy_with(tiny_gguf, tmp_path / "marked.gguf", lambda key, value: value)
    assert batch_costs(marked, (1,), repeats=1, budget_s=1).random_weights


def test_files_that_are_no_models_of_ours_are_refused(tiny_gguf, tmp_path):
    check(tiny_gguf)
    plain = copy_with(tiny_gguf, tmp_path / "p.gguf", lambda key, value: None if key.startswith("tabtab.") else value)
    with pytest.raises(ModelError, match="without tabtab metadata"):
        check(plain)
