"""What was changed a moment ago: as the training data shows it, and one edit where typing goes on."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tabtab_local.edits import lines_of
from tabtab_local.prompt import RecentEdit
from tabtab_local.recent import MAX_CHARACTERS, MAX_EDITS, changed_lines, recent_edit, remember
from training.data.source import state
from training.data.source.hunk import hunks


@pytest.mark.parametrize(
    ("old", "new", "original", "updated"),
    [
        ("a\nb\nc\n", "a\nB\nc\n", "b", "B"),
        ("a\nb\nc\n", "a\nb\nx\nc\n", "b", "b\nx"),
        ("a\nb\nc\n", "a\nc\n", "a\nb", "a"),
        ("a\n", "x\na\n", "", "x"),
        ("x\na\n", "a\n", "x", ""),
        ("a", "a\nb", "a", "a\nb"),
        ("a\nb", "a\nc", "b", "c"),
        ("", "a", "", "a"),
        ("a", "", "a", ""),
        ("    foo\n    bar\n", "    foo\n    baz\n    bar\n", "    foo", "    foo\n    baz"),
        ("a\nb\nc\nd\n", "a\nB\nc\nD\n", "b\nc\nd", "B\nc\nD"),
        ("x = 1\n", "x = 12\n", "x = 1", "x = 12"),
        ("é = '🙂'\n", "é = '🙂!'\n", "é = '🙂'", "é = '🙂!'"),
    ],
)
def test_an_edit_is_shown_as_whole_lines(old, new, original, updated):
    assert recent_edit(old, new) == RecentEdit(original, updated)


@pytest.mark.parametrize(("old", "new"), [("a\n", "a\n"), ("", ""), ("a", "a\n"), ("a\n", "a\n\n")])
def test_what_changes_nothing_to_be_seen_is_no_edit(old, new):
    assert recent_edit(old, new) is None


def test_an_edit_that_is_too_long_is_not_shown():
    line = "x" * MAX_CHARACTERS
    assert recent_edit("a\n", f"{line}\n") == RecentEdit("a", line)
    assert recent_edit("a\n", f"{line}x\n") is None
    assert recent_edit(f"{line}x\n", "a\n") is None
    assert recent_edit(f"{line}\n", f"{line}\nb\n") is None


def test_the_limits_are_those_of_the_training_data():
    assert (MAX_CHARACTERS, MAX_EDITS) == (state._MAX_RECENT_CHARACTERS, state._MAX_RECENT)


_texts = st.lists(st.sampled_from(["a", "b", "  c", "", "é🙂", "a b"]), max_size=8).map("\n".join)
_distinct = st.lists(st.sampled_from("abcdefghijkl"), unique=True, max_size=8).map(
    lambda lines: "".join(f"{line}\n" for line in lines)
)


@given(_texts, _texts)
def test_changed_lines_are_all_that_differs_and_no_more(old, new):
    before, after = changed_lines(old, new)
    assert before.start == after.start
    assert old[: before.start] + after.of(new) + old[before.end :] == new
    first, second = lines_of(before.of(old)), lines_of(after.of(new))
    assert first == lines_of(old)[old.count("\n", 0, before.start) :][: len(first)]
    if first and second:
        assert first[0] != second[0]
        assert first[-1] != second[-1]


@given(_distinct, _distinct)
def test_an_edit_is_the_one_that_training_shows(old, new):
    found = hunks(old, new)
    if len(found) == 1:
        assert recent_edit(old, new) == state.recent(old, found[0].edit)


def typed(states: list[str], limit: int = MAX_EDITS) -> tuple[RecentEdit, ...]:
    history: tuple[RecentEdit, ...] = ()
    for old, new in pairwise(states):
        history = remember(history, old, new, limit=limit)
    return history


def test_typing_is_one_edit():
    text = "x = 1\ny = 2\n"
    states = [text] + [text.replace("y = 2", f"y = {'compute(x)'[:count]}") for count in range(11)]
    assert typed(states) == (RecentEdit("y = 2", "y = compute(x)"),)


def test_typing_that_opens_lines_is_one_edit():
    lines = ["b", "b1", "b1\n", "b1\nc", "b1\nc\n    ", "b1\nc\n    d"]
    assert typed([f"a\n{line}\nz\n" for line in lines]) == (RecentEdit("b", "b1\nc\n    d"),)


def test_edits_of_other_lines_stay_apart():
    states = ["a\nb\nc\nd\n", "a1\nb\nc\nd\n", "a1\nb\nc1\nd\n", "a1\nb\nc12\nd\n"]
    assert typed(states) == (RecentEdit("a", "a1"), RecentEdit("c", "c12"))


def test_only_the_last_edits_are_remembered():
    states = ["a\nb\nc\nd\ne\n", "A\nb\nc\nd\ne\n", "A\nb\nC\nd\ne\n", "A\nb\nC\nd\nE\n"]
    assert typed(states, limit=2) == (RecentEdit("c", "C"), RecentEdit("e", "E"))
    assert typed(states, limit=0) == ()


def test_what_is_taken_back_is_forgotten():
    assert typed(["a\nb\nc\n", "A\nb\nc\n", "A\nb\nC\n", "A\nb\nc\n"]) == (RecentEdit("a", "A"),)


def test_an_edit_that_grows_too_long_becomes_the_next():
    line = "x" * (MAX_CHARACTERS - 1)
    history = typed(["a\n", f"{line}\n", f"{line}xx\n"])
    assert history == (RecentEdit("a", line),)
    assert typed(["a\nb\n", f"{line}\nb\n", f"{line}\n\n"]) == (RecentEdit("a", line), RecentEdit("b", ""))


def test_what_is_too_long_to_show_leaves_the_history_as_it_is():
    history = (RecentEdit("a", "b"),)
    assert remember(history, "b\n", "z" * 400) == history
    assert remember(history, "b\n", "b\n") == history


def test_a_line_that_reads_the_same_elsewhere_takes_nothing_up_from_afar():
    states = ["x = 1\n1\n2\nx = 0\n", "x = 2\n1\n2\nx = 0\n", "x = 2\n1\n2\nx = 5\n"]
    assert typed(states) == (RecentEdit("x = 1", "x = 2"), RecentEdit("x = 0", "x = 5"))


@given(st.lists(_texts, min_size=2, max_size=6))
def test_a_history_never_shows_more_than_was_changed(states):
    history = typed(states, limit=3)
    assert len(history) <= 3
    for edit in history:
        assert edit.original != edit.updated
        assert max(len(edit.original), len(edit.updated)) <= MAX_CHARACTERS
        assert not (edit.original.endswith("\n") or edit.updated.endswith("\n"))


@given(_distinct, st.integers(0, 7), st.text(alphabet="wxyz", min_size=1, max_size=5))
def test_typing_a_line_shows_its_first_and_its_last_state(text, row, word):
    lines = text.split("\n")[:-1]
    if row >= len(lines):
        return
    states = [
        "\n".join([*lines[:row], lines[row] + word[:count], *lines[row + 1 :], ""]) for count in range(len(word) + 1)
    ]
    assert typed(states) == (RecentEdit(lines[row], lines[row] + word),)


def test_texts_of_a_megabyte_are_compared_as_any_other():
    lines = [f"value_{number} = compute({number})\n" for number in range(40_000)]
    old = "".join(lines)
    lines[20_000:20_001] = ["value = 1\n", "other = 2\n"]
    edit = recent_edit(old, "".join(lines))
    assert edit == RecentEdit("value_20000 = compute(20000)", "value = 1\nother = 2")
