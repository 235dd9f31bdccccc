"""What typing does to a suggestion on the screen, and when a snapshot still serves."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tabtab_local.document import Document, open_document
from tabtab_local.edits import Edit, Span, apply
from tabtab_local.prompt import Prompt
from tabtab_local.suggestion import Snapshot, Suggestion

MARIMO = """\
import marimo

app = marimo.App()


@app.cell
def _():
    rows = []
    return (rows,)


@app.cell
def _(rows):
    print(rows)
    return
"""


def python(marked: str) -> Document:
    """Return a file whose cursor stands at the bar."""
    cursor = marked.index("|")
    code = marked.replace("|", "", 1)
    return Document("python", code, code, cursor)


def suggested(document: Document, *edits: Edit, cursor: int = 0) -> Suggestion:
    return Suggestion(document, edits, cursor, "", None, 1.0, None)


BEFORE = python("df = |\nprint(df)")
LOAD = suggested(BEFORE, Edit(5, 5, "pd.read()"), cursor=14)


@pytest.mark.parametrize("count", range(1, 9))
def test_typing_the_beginning_of_a_suggestion_leaves_its_rest(count: int) -> None:
    left = LOAD.typed_along(python(f"df = {'pd.read()'[:count]}|\nprint(df)"))
    assert left is not None
    assert left.ghost == "pd.read()"[count:]
    assert left.accepted() == LOAD.accepted()


@pytest.mark.parametrize(
    "now",
    [
        "df = x|\nprint(df)",
        "df = pd|.\nprint(df)",
        "df = |p\nprint(df)",
        "df =|\nprint(df)",
        "df = pd|\nprint(de)",
        "dg = pd|\nprint(df)",
        "df = pd.read()|\nprint(df)",
        "df = pd.read())|\nprint(df)",
        "df = \n|print(df)",
    ],
)
def test_anything_else_ends_a_suggestion(now: str) -> None:
    assert LOAD.typed_along(python(now)) is None


def test_a_suggestion_stays_while_nothing_happens_and_a_silent_one_does_not() -> None:
    assert LOAD.typed_along(BEFORE) == LOAD
    assert replace(LOAD, edits=(), silence="no_op").typed_along(BEFORE) is None


def test_edits_behind_the_cursor_move_along() -> None:
    both = suggested(BEFORE, Edit(5, 5, "ab"), Edit(12, 14, "d2"), cursor=16)
    left = both.typed_along(python("df = a|\nprint(df)"))
    assert left is not None and left.edits == (Edit(6, 6, "b"), Edit(13, 15, "d2"))
    last = both.typed_along(python("df = ab|\nprint(df)"))
    assert last is not None and last.edits == (Edit(14, 16, "d2"),)
    assert apply("df = ab\nprint(df)", last.edits) == apply(BEFORE.code, both.edits)
    assert (both.ghost, last.ghost) == ("", "")


def test_a_replacement_at_the_cursor_can_be_typed() -> None:
    swap = suggested(python("x = |old + 1"), Edit(4, 7, "new"), cursor=7)
    left = swap.typed_along(python("x = n|old + 1"))
    assert left is not None and apply("x = nold + 1", left.edits) == "x = new + 1"


CODE = st.text("ab\n ", max_size=12)


@given(CODE, CODE, st.text("ab\n ", min_size=1, max_size=6), st.data())
def test_what_is_left_always_leads_to_the_same_text(before: str, behind: str, text: str, data: st.DataObject) -> None:
    document = Document("python", before + behind, before + behind, len(before))
    whole = suggested(document, Edit(len(before), len(before), text), cursor=len(before + text))
    typed = data.draw(st.text("ab\n ", min_size=1, max_size=6) | st.just(text[: data.draw(st.integers(1, len(text)))]))
    code = before + typed + behind
    left = whole.typed_along(Document("python", code, code, len(before + typed)))
    if left is not None:
        assert apply(code, left.edits) == apply(document.code, whole.edits)
        assert left.ghost == text[len(typed) :] != ""
    else:
        assert not (text.startswith(typed) and len(typed) < len(text))


def snapshot(document: Document, start: int = 0) -> Snapshot:
    region = Span(start, len(document.code))
    return Snapshot(document, region, Prompt(region.of(document.code), document.cursor - start), 100)


def test_a_snapshot_serves_while_there_is_typing_at_its_cursor_alone() -> None:
    taken = snapshot(python("a\nb = |\nc"), start=2)
    for before in ("b = ", "b = 1", "b =", "", "b = 1\nx = ", "q"):
        now = python(f"a\n{before}|\nc")
        assert taken.before(now) == before
        assert taken.region_of(now).of(now.code) == f"{before}\nc"
    for other in ("A\nb = 1|\nc", "a\nb = 1\n|c", "a\nb = 1|\nd", "a\nb = 1|\nc\n", "|\nc", "a\nb |= \nc"):
        assert taken.before(python(other)) is None


def test_a_snapshot_ends_where_much_was_typed() -> None:
    taken = snapshot(python("b = |\nc"))
    assert taken.before(python("b = " + "1\n" * 8 + "|\nc")) is not None
    assert taken.before(python("b = " + "1\n" * 9 + "|\nc")) is None
    assert taken.before(python("b = " + "1" * 320 + "|\nc")) is not None
    assert taken.before(python("b = " + "1" * 321 + "|\nc")) is None


def test_another_cell_ends_both() -> None:
    text = MARIMO
    first = open_document(text, jupyter=False, line=8)
    taken = snapshot(first)
    typed = open_document(text.replace("rows = []", "rows = []1"), jupyter=False, line=8)
    assert taken.before(typed) == "rows = []1"
    elsewhere = open_document(text.replace("print(rows)", "print(rows, 1)"), jupyter=False, line=8)
    assert taken.before(elsewhere) is None
    assert taken.before(open_document(text, jupyter=False, line=14)) is None
    shown = suggested(first, Edit(9, 9, "12"), cursor=11)
    left = shown.typed_along(typed)
    assert left is not None and left.ghost == "2"
    assert shown.typed_along(open_document(text, jupyter=False, line=14)) is None


def test_after_tab_the_file_holds_the_edit_and_the_cursor_is_where_it_belongs() -> None:
    shown = suggested(open_document(MARIMO, jupyter=False, line=8), Edit(9, 9, "\nrows.append(1)"), cursor=24)
    after = shown.accepted()
    assert after.code == "rows = []\nrows.append(1)" and after.cursor == 24
    assert "    rows = []\n    rows.append(1)\n    return (rows,)\n" in after.file
    assert after.codes == ("rows = []\nrows.append(1)", "print(rows)")


def test_blank_lines_that_a_notebook_file_cannot_hold_stay_in_the_editor() -> None:
    text = MARIMO.replace("    return\n", "")
    document = open_document(text, jupyter=False, line=14)
    after = document.edited((Edit(len(document.code), len(document.code), "\n\n"),), len(document.code) + 2)
    assert after.code == "print(rows)\n\n" == after.codes[1]
