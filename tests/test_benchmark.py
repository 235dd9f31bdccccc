"""What `tabtab-local bench` measures. No test looks at how fast this machine is."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tabtab_local.benchmark import Quantiles, answer_start, cold_prompt, render, run
from tabtab_local.errors import ModelError, UsageError
from tabtab_local.machine import default_threads, describe
from tabtab_local.prompt import parse_prompt, response_start


def numbers(value: object) -> Iterator[float]:
    """Yield all numbers in a JSON document."""
    if isinstance(value, dict):
        for inner in value.values():
            yield from numbers(inner)
    elif isinstance(value, int | float) and not isinstance(value, bool):
        yield value


def test_the_report_is_complete_and_plausible(tiny_gguf: Path) -> None:
    messages: list[str] = []
    report = run(tiny_gguf, repeats=2, threads=1, progress=messages.append)
    document = json.loads(json.dumps(report.as_json(), allow_nan=False))
    assert set(document) == {
        "model", "file_type", "size_bytes", "sha256", "parameters", "context_tokens", "threads", "repeats", "load_ms",
        "prompt_tokens_per_s", "cold", "keystroke", "peak_memory_bytes", "machine",
    }  # fmt: skip
    assert document["sha256"] == hashlib.sha256(tiny_gguf.read_bytes()).hexdigest()
    assert document["repeats"] == 2 and document["threads"] == 1
    assert all(number >= 0 for number in numbers(document))
    for situation in (report.cold, report.keystroke):
        assert 0 < situation.first_token_ms.p50 <= situation.first_token_ms.p95
        assert situation.first_token_ms.p50 <= situation.total_ms.p50
    assert report.keystroke.evaluated_tokens < 5 < report.cold.prompt_tokens - 20 < report.cold.evaluated_tokens
    assert report.peak_memory_bytes > report.size_bytes
    assert messages


def test_the_table_names_the_model_and_the_machine(tiny_gguf: Path) -> None:
    report = run(tiny_gguf, repeats=1)
    table = render(report)
    for part in (report.model, report.sha256[:12], report.machine.cpu, "first token", "peak memory", "p95"):
        assert part in table


def test_the_quantiles_are_measured_values() -> None:
    assert Quantiles.of([3.0]) == Quantiles(3.0, 3.0)
    assert Quantiles.of(range(1, 101)) == Quantiles(50.5, 95)


def test_the_example_is_a_prompt_of_our_format() -> None:
    first, second = parse_prompt(cold_prompt(1)), parse_prompt(cold_prompt(2))
    assert first.code_above != second.code_above
    start = answer_start(3)
    assert start == f"{response_start(first.intent)}\n{first.region[: first.cursor]}gro"


def test_bad_requests_are_refused(tiny_gguf: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="0 repeats"):
        run(tiny_gguf, repeats=0)
    with pytest.raises(UsageError, match="context of 64"):
        run(tiny_gguf, repeats=1, context_tokens=64)
    with pytest.raises(ModelError, match="no model at"):
        run(tmp_path / "none.gguf")


def test_the_machine_is_described() -> None:
    machine = describe()
    assert machine.cpu and machine.os and machine.python and machine.llama_cpp_python != "not installed"
    assert 1 <= machine.physical_cores <= machine.logical_cores
    assert machine.memory_bytes > 0
    assert 1 <= default_threads() <= machine.physical_cores
