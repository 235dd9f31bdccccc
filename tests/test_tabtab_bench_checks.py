"""The hidden checks of TabTab-Bench: every reference passes them, and no document does before its edit."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor

import pytest

from tabtab_local.errors import DocumentError, UsageError
from training.evaluation.program import program
from training.evaluation.sandbox import Sandbox, Trial, Verdict
from training.evaluation.tabtab_bench import SPLITS, TASKS, load
from training.evaluation.task import Task


@pytest.fixture(scope="module")
def sandbox() -> Sandbox:
    try:
        return Sandbox()
    except UsageError:
        return Sandbox(unsafe=True)  # The programs are our own.


@pytest.mark.parametrize("shape", sorted(path.stem for path in TASKS.glob("*.yaml")))
def test_references_pass_and_documents_fail_before_the_edit(sandbox, shape):
    tasks = [task for split in SPLITS for task in load(split) if task.group == shape]
    assert tasks

    def faults(task: Task) -> list[str]:
        after = sandbox.judge(Trial(program(task.reference), task.checks, task.reference, task.files))
        found = [] if after.passed else [f"{task.id}: the reference does not pass: {after.outcome}: {after.detail}"]
        if not task.silent and _before(sandbox, task).passed:
            found.append(f"{task.id}: passes without the edit")
        return found

    with ThreadPoolExecutor(os.cpu_count()) as pool:
        assert [fault for found in pool.map(faults, tasks) for fault in found] == []


def _before(sandbox: Sandbox, task: Task) -> Verdict:
    try:
        return sandbox.judge(Trial(program(task.text), task.checks, task.text, task.files))
    except DocumentError as error:
        return Verdict("error", str(error), 0.0)
