"""What is open in the editor: changes, in the client's units, make of a text what they made of it there."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lsprotocol import types

from tabtab_local.lsp.buffer import Buffer, Buffers
from tabtab_local.prompt import RecentEdit

BYTES = {"utf-8": ("utf-8", 1), "utf-16": ("utf-16-le", 2), "utf-32": ("utf-32-le", 4)}
NOTEBOOK = "file:///w/sales.ipynb"


def position(text: str, offset: int, encoding: str) -> types.Position:
    """Return where an editor says that an offset is."""
    lines = re.split(r"\r\n|\n|\r", text[:offset])
    codec, size = BYTES[encoding]
    return types.Position(len(lines) - 1, len(lines[-1].encode(codec)) // size)


def part(text: str, start: int, end: int, new: str, encoding: str) -> types.TextDocumentContentChangePartial:
    """Return the change of a part of a text as an editor tells it."""
    range = types.Range(position(text, start, encoding), position(text, end, encoding))
    return types.TextDocumentContentChangePartial(range=range, text=new)


def item(uri: str, text: str, language: str = "python") -> types.TextDocumentItem:
    return types.TextDocumentItem(uri, language, 1, text)


def edited(uri: str, text: str, version: int = 2) -> types.NotebookDocumentCellContentChanges:
    """Return that the whole text of a cell has changed."""
    whole = types.TextDocumentContentChangeWholeDocument(text)
    return types.NotebookDocumentCellContentChanges(types.VersionedTextDocumentIdentifier(version, uri), [whole])


def code_cell(uri: str) -> types.NotebookCell:
    return types.NotebookCell(types.NotebookCellKind.Code, uri)


def notebook(*cells: tuple[str, str]) -> Buffers:
    """Return what is open where that is a notebook with these cells, given by URI and code, and words above them."""
    words = types.NotebookCell(types.NotebookCellKind.Markup, "words")
    document = types.NotebookDocument(NOTEBOOK, "jupyter", 1, [words, *(code_cell(uri) for uri, _ in cells)])
    found = Buffers()
    found.open_notebook(types.DidOpenNotebookDocumentParams(document, [item(*cell) for cell in cells]), "utf-16")
    return found


def change(buffers: Buffers, **cells: object) -> None:
    """Tell of changes to the cells of the notebook."""
    event = types.NotebookDocumentChangeEvent(cells=types.NotebookDocumentCellChanges(**cells))  # type: ignore[arg-type]
    identifier = types.VersionedNotebookDocumentIdentifier(2, NOTEBOOK)
    buffers.change_notebook(types.DidChangeNotebookDocumentParams(identifier, event), "utf-16")


@given(st.data(), st.sampled_from(sorted(BYTES)))
def test_changes_make_of_a_text_what_the_editor_has(data: st.DataObject, encoding: str) -> None:
    texts = st.text("ab\n\r\x0c\u2028ß😀", max_size=20)
    text = data.draw(texts)
    buffer = Buffer(text, 1, "python", encoding)
    for _ in range(3):
        # No editor has a position between the two characters of a line end.
        places = [at for at in range(len(text) + 1) if text[at - 1 : at + 1] != "\r\n"]
        start, end = sorted((data.draw(st.sampled_from(places)), data.draw(st.sampled_from(places))))
        new = data.draw(texts)
        buffer = buffer.changed(part(text, start, end, new, encoding))
        text = text[:start] + new + text[end:]
        assert buffer.text == text


@pytest.mark.parametrize(
    ("opened", "asked"),
    [("untitled:Untitled-1", "untitled:Untitled-1"), ("file:///c%3A/w/%C3%A4.py", "file:///c:/w/ä.py")],
)
def test_a_document_is_found_however_its_name_is_quoted(opened: str, asked: str) -> None:
    buffers = Buffers()
    buffers.open(item(opened, "x = 1"), "utf-16")
    assert buffers.get(asked) == Buffer("x = 1", 1, "python", "utf-16")
    buffers.close(asked)
    assert buffers.get(opened) is None


def test_what_is_told_of_a_text_that_is_not_open_means_nothing() -> None:
    buffers = Buffers()
    whole = types.TextDocumentContentChangeWholeDocument("x")
    buffers.change(types.VersionedTextDocumentIdentifier(2, "file:///w/a.py"), [whole])
    buffers.close("file:///w/a.py")
    change(buffers, text_content=[edited("a", "x")])
    assert buffers.get("file:///w/a.py") is None and buffers.recent_edits("file:///w/a.py") == ()


def test_edits_of_one_file_are_not_those_of_another() -> None:
    buffers = Buffers()
    for uri in ("file:///w/a.py", "file:///w/b.py"):
        buffers.open(item(uri, "total = 1\nprint(total)\n"), "utf-16")
    identifier = types.VersionedTextDocumentIdentifier(2, "file:///w/a.py")
    buffers.change(identifier, [part("total = 1\nprint(total)\n", 0, 5, "price", "utf-16")])
    assert buffers.recent_edits("file:///w/a.py") == (RecentEdit("total = 1", "price = 1"),)
    assert buffers.recent_edits("file:///w/b.py") == ()


def test_edits_of_a_cell_are_known_in_the_others() -> None:
    buffers = notebook(("a", "total = 1"), ("b", "print(total)"))
    change(buffers, text_content=[edited("a", "price = 1")])
    assert buffers.recent_edits("b") == (RecentEdit("total = 1", "price = 1"),)
    assert buffers.notebook("b") == (["price = 1", "print(total)"], 1)


def test_cells_come_and_go_and_change_their_kind() -> None:
    buffers = notebook(("a", "total = 1"), ("b", "print(total)"))
    change(buffers, text_content=[edited("a", "price = 1")])
    added = types.NotebookDocumentCellChangeStructure(
        types.NotebookCellArrayChange(1, 0, [code_cell("c")]), did_open=[item("c", "import os")]
    )
    change(buffers, structure=added)
    assert buffers.notebook("b") == (["import os", "price = 1", "print(total)"], 2)
    assert buffers.recent_edits("c") == (RecentEdit("total = 1", "price = 1"),)
    removed = types.NotebookDocumentCellChangeStructure(
        types.NotebookCellArrayChange(2, 1), did_close=[types.TextDocumentIdentifier("a")]
    )
    change(buffers, structure=removed, data=[types.NotebookCell(types.NotebookCellKind.Markup, "c")])
    assert buffers.notebook("b") == (["print(total)"], 0)
    assert buffers.notebook("a") is None and buffers.notebook("c") is None


def test_a_notebook_that_is_closed_is_forgotten_with_its_cells() -> None:
    buffers = notebook(("a", "total = 1"))
    change(buffers, text_content=[edited("a", "price = 1")])
    identifier, cells = types.NotebookDocumentIdentifier(NOTEBOOK), [types.TextDocumentIdentifier("a")]
    buffers.close_notebook(types.DidCloseNotebookDocumentParams(identifier, cells))
    assert buffers.get("a") is None and buffers.notebook("a") is None and buffers.recent_edits("a") == ()
