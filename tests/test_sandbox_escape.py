"""Hostile programs do not get out of the sandbox, do not pass, and leave nothing behind."""

from __future__ import annotations

import os
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace

import pytest

from tabtab_local.errors import UsageError
from training.evaluation.sandbox import Limits, Sandbox, Trial
from training.evaluation.sandbox.escape import ATTEMPTS, Result, attempt, report, stage, survivors

LIMITS = Limits(cpu_s=1, wall_s=3.0)


@pytest.fixture(scope="module")
def sandbox() -> Sandbox:
    try:
        return Sandbox(LIMITS)
    except UsageError as error:
        pytest.skip(str(error))


@pytest.fixture(scope="module")
def results(sandbox: Sandbox) -> Iterator[dict[str, Future[Result]]]:
    """All attempts at once, four at a time: many of them wait for a limit."""
    with stage() as scene, ThreadPoolExecutor(4) as pool:
        yield {what.name: pool.submit(attempt, sandbox, what, scene) for what in ATTEMPTS}


@pytest.mark.parametrize("name", [what.name for what in ATTEMPTS])
def test_an_attempt_gets_nothing(name: str, results: dict[str, Future[Result]]) -> None:
    result = results[name].result()
    assert result.kept, result.got


def test_nothing_is_handed_on_from_one_program_to_the_next(sandbox: Sandbox) -> None:
    reads = "import os\nhere, there = os.listdir('.'), os.path.exists('/tmp/y')"
    writes = f"for place in ('x', '/tmp/y'): open(place, 'w').write('x')\n{reads}"
    assert sandbox.judge(Trial(writes, "assert 'x' in here and there", "")).passed
    assert sandbox.judge(Trial(reads, "assert here == [] and not there", "")).passed


def test_a_program_sees_no_memory_of_the_judging_process(sandbox: Sandbox) -> None:
    program = "import os\ntry: found = os.readlink('/proc/self/exe')\nexcept OSError: found = ''\nme = os.getpid()"
    assert sandbox.judge(Trial(program, f"assert found == '' and me != {os.getpid()}", "")).passed


def test_no_process_is_left_when_all_is_over(results: dict[str, Future[Result]]) -> None:
    for future in results.values():
        future.result()
    assert survivors("tabtab-escape-") == []


def test_the_report_is_a_table_of_all_attempts(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    quick = tuple(
        what for what in ATTEMPTS if what.name in ("reading the home directory", "an object equal to everything")
    )
    monkeypatch.setattr("training.evaluation.sandbox.escape.ATTEMPTS", quick)
    rows = report(sandbox).splitlines()
    assert rows[0] == "| attempt | must hold | kept | what it got |"
    assert len(rows) == 4 and all("| yes |" in row for row in rows[2:])


def test_an_escape_is_reported_as_one(sandbox: Sandbox) -> None:
    what = replace(ATTEMPTS[0], program="def f(x): return 4321987")
    with stage() as scene:
        assert not attempt(sandbox, what, scene).kept
