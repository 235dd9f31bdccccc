"""The rules that keep a suggestion from being shown."""

from __future__ import annotations

import pytest

from tabtab_local.edits import diff
from tabtab_local.gates import GATES, Change, objection
from tabtab_local.prompt import RecentEdit


def change(before: str, after: str, *recent: RecentEdit, confidence: float = 1.0) -> Change:
    return Change(before, after, diff(before, after), recent, confidence, 0.5)


@pytest.mark.parametrize(
    ("name", "refused", "passed"),
    [
        ("no_op", change("x = 1", "x = 1"), change("x = ", "x = 1")),
        (
            "reversal",
            change("a = total\n", "a = sum\n", RecentEdit("a = sum", "a = total")),
            change("a = total\n", "a = total + 1\n", RecentEdit("a = sum", "a = total")),
        ),
        ("reversal", change("a\n", "a\nb\n", RecentEdit("b\n", "")), change("a\n", "a\nc\n", RecentEdit("b\n", ""))),
        ("deletion", change("x = 1\n" * 20, "x = 1\n"), change("total_of_all = 1", "total = 1")),
        ("syntax", change("x = (1)", "x = (1"), change("x = (", "x = (1")),
        ("confidence", change("x", "y", confidence=0.4), change("x", "y", confidence=0.6)),
    ],
)
def test_a_gate_refuses_its_case_alone_and_can_be_switched_off(name, refused, passed):
    assert (objection(refused, {name}) or "").startswith(f"{name}: ")
    assert objection(passed, set(GATES)) is None
    assert objection(refused, set(GATES) - {name}) is None


def test_a_reversal_is_seen_in_the_midst_of_repeated_text():
    before, after = "a\na\na\n", "a\na\na\na\n"
    assert objection(change(before, after, RecentEdit("a\n", "")), {"reversal"})
    assert objection(change("ab" * 9, "ab" * 10, RecentEdit("ba", "")), {"reversal"}) is not None
    assert objection(change(before, "b\n" + after, RecentEdit("a\n", "")), {"reversal"}) is None


def test_every_gate_has_a_sentence_that_says_what_it_refuses():
    assert all(gate.__doc__ for gate in GATES.values())
