"""Positions, spans and edits."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tabtab_local.edits import Edit, Position, Span, apply, diff, line_span, offset_of, position_of
from tabtab_local.errors import UsageError

TEXT = st.lists(
    st.sampled_from(["a", "b", "x = 1", "\n", "\n", "    ", "\t", "é", "🙂", "e\u0301", "\x0c", "\r", "\u2028"]),
    max_size=30,
).map("".join)


@given(TEXT, TEXT)
def test_applying_a_diff_gives_the_new_text(old, new):
    assert apply(old, diff(old, new)) == new


@given(TEXT, TEXT)
def test_a_diff_is_in_order_apart_and_minimal_at_its_ends(old, new):
    edits = diff(old, new)
    for edit in edits:
        before = old[edit.start : edit.end]
        assert before != edit.text
        assert not (before and edit.text and (before[0] == edit.text[0] or before[-1] == edit.text[-1]))
    assert all(left.end < right.start for left, right in itertools.pairwise(edits))


@given(TEXT)
def test_equal_texts_have_no_diff(text):
    assert diff(text, text) == ()


@given(TEXT, st.data())
def test_positions_and_offsets_convert_both_ways(text, data):
    offset = data.draw(st.integers(0, len(text)))
    assert offset_of(text, position_of(text, offset)) == offset


@given(TEXT, TEXT, TEXT, TEXT)
def test_nothing_outside_the_region_changes(above, old, new, below):
    region = Span(len(above), len(above) + len(old))
    changed = apply(above + old + below, [edit.shifted(region.start) for edit in diff(old, new)])
    assert changed == above + new + below


def test_finishing_a_line_is_one_insertion():
    assert diff("df = ", "df = pd.read_csv(file)") == (Edit(5, 5, "pd.read_csv(file)"),)


def test_lines_before_and_the_rest_of_a_line_are_two_insertions():
    assert diff("df = ", "import pandas as pd\ndf = pd.read_csv(file)") == (
        Edit(0, 0, "import pandas as pd\n"),
        Edit(5, 5, "pd.read_csv(file)"),
    )


def test_a_renamed_word_is_replaced_as_a_word():
    assert diff("total = count + 1\n", "total = number + 1\n") == (Edit(8, 13, "number"),)


def test_positions_count_code_points_not_bytes_or_clusters():
    assert position_of("é🙂e\u0301x", 4) == Position(1, 5)


@pytest.mark.parametrize(("line", "column"), [(0, 1), (3, 1), (1, 0), (1, 3)])
def test_a_position_outside_the_text_is_refused_with_the_limits(line, column):
    with pytest.raises(UsageError, match="choose 1-2"):
        offset_of("a\nb", Position(line, column))


def test_a_line_span_leaves_out_the_last_newline():
    assert line_span("a\nb\nc\n", 2, 3) == Span(2, 5)
    assert line_span("a\nb", 2, 2).of("a\nb") == "b"


@pytest.mark.parametrize(
    "edits", [[Edit(0, 9, "")], [Edit(1, 2, ""), Edit(0, 1, "")], [Edit(0, 2, ""), Edit(1, 3, "")]]
)
def test_edits_that_overlap_or_reach_outside_are_refused(edits):
    with pytest.raises(ValueError, match="outside the text"):
        apply("abc", edits)


def test_the_complaint_of_an_edit_shows_no_code():
    with pytest.raises(ValueError, match="outside the text") as caught:
        apply("abc", [Edit(0, 9, "secret")])
    assert "secret" not in str(caught.value)
