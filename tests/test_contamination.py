"""What counts as a piece of an evaluation set."""

from __future__ import annotations

from pathlib import Path

import pytest

from training.data.contamination import Pieces, Set, evaluation_sets

MBPP = Path(__file__).parent.parent.parent / "shared" / "data" / "mbpp.jsonl"
needs_mbpp = pytest.mark.skipif(not MBPP.exists(), reason="MBPP's file is not beside the checkout")


def test_pieces_of_evaluation_tasks_are_found_in_other_layouts_but_everyday_lines_are_not():
    task = "def harvest(fields, weather):\n    crop = weather.rain * fields.area\n    return crop / weather.sun\n"
    common = "if __name__ == '__main__':\n    for i in range(len(arr)):\n"
    pieces = Pieces([Set("bench", {"1": (task + common,), "2": ("Write a python function to plant an apple tree",)})])
    spread = task.replace("(", "( ").replace("    ", "\t").replace(" * ", "*")
    assert pieces.hits(["x = 1", spread, common, "# Write a Python function to plant an apple tree.", ""]) == [
        "",
        "bench",
        "",
        "bench",
        "",
    ]


def test_what_two_tasks_share_is_nobodys():
    line = "def harvest(fields, weather):\n    crop = weather.rain * fields.area\n"
    assert Pieces([Set("bench", {"1": (line,), "2": (line,)})]).hits([line]) == [""]


@needs_mbpp
def test_every_evaluation_task_would_be_recognised():
    sets = evaluation_sets(MBPP)
    assert [each.name for each in sets] == ["tabtab-bench dev", "tabtab-bench test", "mbpp dev", "mbpp test"]
    assert set(sets[-1].tasks) == {f"mbpp/{number}" for number in range(11, 511)}
    assert set(sets[-2].tasks) == {f"mbpp/{number}" for number in range(511, 601)}
    pieces = Pieces(sets)
    for each in sets:
        assert all(pieces.hits(["\n".join(texts) for texts in each.tasks.values()])), each.name
