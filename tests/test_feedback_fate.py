"""What became of a suggestion, told from the text alone."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tabtab_local.document import Document
from tabtab_local.edits import Edit, apply, diff
from tabtab_local.feedback.fate import Fate, fate
from tabtab_local.prompt import Prompt, Response
from tabtab_local.suggestion import Exchange, Suggestion
from tests.editing import python

BEFORE = python("import json\n\nfile = 'a'\nrows = |\nprint(rows)\nprint(1)\nprint(2)\nprint(3)\n")
LOAD = "json.load(file)"

texts = st.text(st.sampled_from("ab_( \n"), max_size=40)


def suggested(document: Document, *edits: Edit) -> Suggestion:
    """Return a suggestion whose region is the whole code."""
    after = apply(document.code, edits)
    exchange = Exchange(Prompt(document.code, document.cursor), Response(after, 0), 0, 0)
    return Suggestion(document, edits, 0, "", None, 1.0, None, exchange)


def inserted(document: Document, text: str) -> Suggestion:
    return suggested(document, Edit(document.cursor, document.cursor, text))


def found(marked: str, suggestion: Suggestion | None = None) -> Fate:
    """Return the fate where the text is by now as given, with a bar at the cursor."""
    now = python(marked)
    return fate(suggestion or inserted(BEFORE, LOAD), now.code, now.cursor)


def rows(line: str) -> str:
    """Return the text with another line in the place of the one that is being written."""
    return BEFORE.code.replace("rows = ", line, 1)


@given(texts, texts, st.integers(0, 80))
def test_making_the_edit_is_accepting_it(old: str, new: str, cursor: int) -> None:
    edits = diff(old, new)
    if edits:
        assert fate(suggested(python(f"{old}|"), *edits), new, min(cursor, len(new))).kind == "accepted"


@given(texts, texts, st.integers(0, 80))
def test_as_long_as_nothing_changes_all_is_open(old: str, new: str, cursor: int) -> None:
    edits = diff(old, new)
    if edits:
        assert fate(suggested(python(f"{old}|"), *edits), old, min(cursor, len(old))).kind == "open"


@given(texts, texts, texts.filter(bool), st.data())
def test_typing_a_part_of_it_leaves_it_open(above: str, below: str, text: str, data: st.DataObject) -> None:
    document = Document("python", above + below, above + below, len(above))
    count = data.draw(st.integers(0, len(text) - 1))
    now = above + text[:count] + below
    assert fate(inserted(document, text), now, len(above) + count).kind == "open"


@given(texts, texts, texts.filter(bool), texts)
def test_going_on_below_it_is_accepting_it_too(above: str, below: str, text: str, more: str) -> None:
    document = Document("python", f"{above}\n{below}", f"{above}\n{below}", len(above))
    now = f"{above}{text}\n{more}\n{below}"
    assert fate(inserted(document, text), now, None).kind in ("accepted", "open")


@given(texts, texts, texts.filter(bool), st.text(st.sampled_from("ab_( "), max_size=40))
def test_what_was_written_instead_is_the_region_as_it_became(above: str, below: str, text: str, other: str) -> None:
    document = Document("python", above + below, above + below, len(above))
    now = above + other + below
    told = fate(inserted(document, text), now, len(above) + len(other))
    if told.kind in ("writing", "typed_over"):
        assert told.region == now


@given(texts, texts, texts, st.one_of(st.none(), st.integers(0, 40)))
def test_any_two_texts_have_a_fate(old: str, new: str, now: str, cursor: int | None) -> None:
    edits = diff(old, new)
    if edits:
        told = fate(suggested(python(f"{old}|"), *edits), now, cursor)
        assert (told.kind == "accepted") >= (now == new) and (told.kind == "open") >= (now == old)


@pytest.mark.parametrize(
    ("marked", "kind"),
    [
        (rows(f"rows = {LOAD}|"), "accepted"),
        (rows(f"rows = {LOAD}.items|"), "accepted"),
        (rows(f"rows = {LOAD}\nother = 1|"), "accepted"),
        (rows("rows = json.lo|"), "open"),
        (rows("rows = open(fi|"), "writing"),
        (rows("rows|"), "writing"),
        (rows("rows = open(file)\n|"), "typed_over"),
        (rows("rows = open(file)").replace("print(3)", "print(3)|"), "typed_over"),
        (rows("rows = open(file)\n\nother = 1|"), "typed_over"),
        (rows("rows = open(file,\n    mode=1|"), "writing"),
        (rows("rows = \nother|"), "left"),
        (rows("rows = ").replace("print(3)", "print(4)|"), "left"),
        ("|" + rows("rows = ").removeprefix("import json\n"), "left"),
        ("something else|\n", "left"),
        (rows("rows = " + "x" * 700 + "|"), "typed_over"),
    ],
)
def test_what_becomes_of_an_insertion(marked: str, kind: str) -> None:
    assert found(marked).kind == kind


def test_a_longer_word_is_another_word() -> None:
    suggestion = inserted(BEFORE, "json")
    assert found(rows("rows = json|"), suggestion).kind == "accepted"
    assert found(rows("rows = jsonschema|"), suggestion).kind == "writing"


def test_what_should_have_gone_and_has_not_is_no_acceptance() -> None:
    document = python("a = |old\nb = 1\n")
    suggestion = suggested(document, Edit(4, 7, "new"))
    assert found("a = new|\nb = 1\n", suggestion).kind == "accepted"
    assert found("a = new\n|b = 1\n", suggestion).kind == "accepted"
    assert found("a = new\n|old\nb = 1\n", suggestion).kind != "accepted"
    assert found("a = newer|old\nb = 1\n", suggestion).kind == "writing"


def test_text_that_is_begun_before_what_it_replaces_is_typed_along() -> None:
    suggestion = suggested(python("a = |old\n"), Edit(4, 7, "new"))
    assert found("a = ne|old\n", suggestion).kind == "open"


def test_lines_are_found_in_a_window_that_has_moved() -> None:
    lines = [f"row_{number} = {number}" for number in range(12)]
    code = "\n".join(lines)
    document = Document("python", code, code, code.index("row_5 = 5") + len("row_5 = 5"))
    suggestion = inserted(document, " + x\nmore = 1")
    made = [*lines[:5], "row_5 = 5 + x", "more = 1", *lines[6:], "row_12 = 12"]
    assert fate(suggestion, "\n".join(made[2:]), None).kind == "accepted"
    other = [*lines[:5], "row_5 = 50", *lines[6:], "row_12 = 12"]
    told = fate(suggestion, "\n".join(other[1:]), None)
    assert (told.kind, told.region) == ("typed_over", code.replace("row_5 = 5", "row_5 = 50"))
    assert fate(suggestion, "\n".join(made[5:]), None).kind == "left"


@pytest.mark.parametrize(
    ("marked", "kind", "region"),
    [
        ("df = \nx = 1|", "left", "df = \n"),
        ("df = |", "left", "df = \n"),
        ("df = read()|", "accepted", None),
        ("df = read()\n\nx = 1|", "accepted", None),
        ("df = open()\n\nx = 1|", "typed_over", "df = open()\n"),
        ("df = open()\n|\n", "typed_over", "df = open()\n\n"),
        ("df = open(|", "writing", "df = open(\n"),
    ],
)
def test_at_the_end_of_a_file_more_may_follow(marked: str, kind: str, region: str | None) -> None:
    assert found(marked, inserted(python("df = |\n"), "read()")) == Fate(kind, region)  # type: ignore[arg-type]


def test_who_goes_on_below_has_typed_over_what_was_suggested_below() -> None:
    suggestion = inserted(python("def f(x):|\n"), "\n    return x")
    assert found("def f(x):\n    y|\n", suggestion).kind == "writing"
    assert found("def f(x):\n    ret|\n", suggestion).kind == "open"


def test_of_lines_that_are_there_more_than_once_nothing_is_told() -> None:
    code = "x = 1\n" * 12
    document = Document("python", code, code, 36)
    now = "y = 0\n" + code[:36] + "z" + code[36:] + "y = 0\n"
    assert fate(inserted(document, "w"), now, 43) == Fate("left")


def test_only_the_region_counts_as_what_became_of_it() -> None:
    exchange = Exchange(Prompt("rows = \n", 7), Response("rows = 1\n", 8), BEFORE.code.index("rows"), 35)
    suggestion = inserted(BEFORE, LOAD)
    told = fate(
        Suggestion(suggestion.document, suggestion.edits, 0, "", None, 1.0, None, exchange),
        rows("rows = open(file)"),
        None,
    )
    assert told.region is not None
    assert told.region == rows("rows = open(file)")[exchange.above : -35]
