"""MBPP as a suite: rows, splits, the pieces that are taken out, and the renamed variant."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from tabtab_local.errors import DocumentError
from training.evaluation import mbpp
from training.evaluation.mbpp import Problem
from training.evaluation.mbpp_suite import Choice, build
from training.evaluation.renaming import Vocabulary
from training.evaluation.sandbox import Sandbox, Trial

REAL = Path(__file__).parent.parent.parent / "shared" / "data" / "mbpp.jsonl"

PROBLEMS = (
    Problem(
        1,
        "Write a function to sum the even numbers of a list that are above a limit.",
        "def sum_even(numbers, limit):\n    total = 0\n    for n in numbers:\n        if n % 2 == 0 and n > limit:\n"
        "            kept = n\n            total += kept\n    return total",
        "assert sum_even([1, 2, 4, 6], 2) == 10\nassert sum_even([], 0) == 0\n",
    ),
    Problem(2, "Write a function that is wrong.", "def f(x):\n    return x + 1", "assert f(1) == 3\n"),
    Problem(3, "Return one.", "def one(): return 1", "assert one() == 1\n"),
)


@pytest.fixture(scope="module")
def sandbox() -> Sandbox:
    return Sandbox(unsafe=True)


def row(number: int) -> dict[str, object]:
    return {
        "task_id": number,
        "text": f"Return  {number}.",
        "code": f"def f():\r\n\treturn {number}  \r\n",
        "test_setup_code": "",
        "test_list": [f"assert f() == {number}"],
        "challenge_test_list": [],
    }


def test_the_splits_are_those_of_the_paper(tmp_path):
    path = tmp_path / "mbpp.jsonl"
    path.write_text("".join(json.dumps(row(number)) + "\n" for number in range(1, 975)))
    problems = {split: mbpp.load(split, path) for split in mbpp.IDS}
    assert {split: (rows[0].id, rows[-1].id, len(rows)) for split, rows in problems.items()} == {
        "test": (11, 510, 500),
        "dev": (511, 600, 90),
        "train": (601, 974, 374),
    }
    assert problems["dev"][0] == Problem(511, "Return 511.", "def f():\n    return 511", "assert f() == 511\n")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("no json", "is not the MBPP data set"),
        ('{"task_id": 1}\n', "is not the MBPP data set"),
        (json.dumps({**row(1), "text": 5}), "is not the MBPP data set"),
        ("", "lacks 500 problems of the test split, the first is 11"),
    ],
)
def test_a_file_that_is_not_the_data_set_is_named(tmp_path, text, message):
    path = tmp_path / "mbpp.jsonl"
    path.write_text(text)
    with pytest.raises(DocumentError, match=message):
        mbpp.load("test", path)


def test_a_missing_file_is_one_line(tmp_path):
    with pytest.raises(DocumentError, match=r"cannot read .*none\.jsonl"):
        mbpp.load("test", tmp_path / "none.jsonl")


def test_without_file_and_network_the_cure_is_named():
    with pytest.raises(DocumentError, match="--mbpp FILE"):
        mbpp.load("test")


def test_every_task_fails_as_it_is_shown_and_passes_with_the_reference(sandbox, tmp_path):
    suite = build(PROBLEMS, Choice("test", 0), sandbox, tmp_path, 2)
    assert [task.id for task in suite] == [
        "mbpp/1/finished",
        "mbpp/1/span",
        "mbpp/1/line",
        "mbpp/1/lines",
        "mbpp/1/block",
        "mbpp/3/finished",
        "mbpp/3/span",
        "mbpp/3/line",
    ]
    for task in suite:
        assert task.text.startswith("# Write a function") or task.text.startswith("# Return one.")
        assert task.reference[task.reference_cursor :] == task.text[task.cursor :]
        assert task.silent == (task.group == "finished") == (task.text == task.reference)
        shown = sandbox.judge(Trial(task.text, task.checks, task.text))
        assert shown.passed == task.silent
        assert sandbox.judge(Trial(task.reference, task.checks, task.reference)).passed


def test_what_cannot_be_asked_is_listed_with_its_reason(sandbox, tmp_path):
    suite = build(PROBLEMS, Choice("test", 0), sandbox, tmp_path, 2)
    reasons = {one.id: one.reason for one in suite.excluded}
    assert reasons["mbpp/2"].startswith("the reference does not pass its own tests: failed")
    assert reasons["mbpp/3/lines"] == "has no piece of this level that the tests need"


def test_a_suite_is_built_once_and_read_after_that(sandbox, tmp_path):
    first = build(PROBLEMS, Choice("test", 0), sandbox, tmp_path, 2)
    assert build(PROBLEMS, Choice("test", 0), None, tmp_path, 2) == first
    other = build(PROBLEMS, Choice("test", 1), sandbox, tmp_path, 2)
    assert other.fingerprint != first.fingerprint


def test_a_damaged_suite_in_the_cache_is_named(sandbox, tmp_path):
    build(PROBLEMS[2:], Choice("test", 0), sandbox, tmp_path, 2)
    (made,) = tmp_path.glob("*.json")
    made.write_text(made.read_text()[:40])
    with pytest.raises(DocumentError, match="is damaged: remove it"):
        build(PROBLEMS[2:], Choice("test", 0), sandbox, tmp_path, 2)


def test_a_draw_takes_the_same_tasks_from_both_variants(sandbox, tmp_path):
    suite = build(PROBLEMS, Choice("test", 0), sandbox, tmp_path, 2)
    fewer = replace(suite, tasks=suite.tasks[1:])
    drawn, others = ([task.id for task in one.drawn(4, 7)] for one in (suite, fewer))
    assert len(drawn) == len(others) == 4
    assert len(set(drawn) & set(others)) >= 3
    assert drawn == [task.id for task in suite if task.id in drawn]
    assert len({tuple(task.id for task in suite.drawn(4, seed)) for seed in range(9)}) > 1
    assert suite.drawn(99, 7) == suite


def test_the_renamed_twin_asks_for_the_same_pieces_by_other_names(sandbox, tmp_path):
    plain = build(PROBLEMS, Choice("test", 0), sandbox, tmp_path, 2)
    renamed = build(PROBLEMS, Choice("test", 0, Vocabulary("0"), "vocabulary"), sandbox, tmp_path, 2)
    assert renamed.name == "mbpp-renamed"
    assert [task.id for task in renamed] == [task.id for task in plain]
    for one, other in zip(plain, renamed, strict=True):
        assert one.text.count("\n", 0, one.cursor) == other.text.count("\n", 0, other.cursor)
        assert "sum_even" not in other.text + other.checks
        assert sandbox.judge(Trial(other.reference, other.checks, other.reference)).passed


@pytest.mark.skipif(not REAL.exists(), reason="the MBPP data set is not on this machine")
def test_the_real_validation_problems_become_tasks(sandbox, tmp_path):
    problems = mbpp.load("dev", REAL)[:12]
    suite = build(problems, Choice("dev", 0), sandbox, tmp_path, 2)
    assert len(suite.tasks) >= 40
    assert {task.group for task in suite} == {"finished", "span", "line", "lines", "block"}
