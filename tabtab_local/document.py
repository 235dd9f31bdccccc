"""What the user has open: a Python file, or one cell of a Marimo or Jupyter notebook among the others.

Joins the readings of files (`region.py`) and notebooks (`notebook.py`) to the three questions that a completion asks:
which code is rewritten, what surrounds it, and what an edit of that code is in the file. Pure.

Three texts are told apart: the *file*'s; the *code* that is edited, which is the file's or the cell's; and the text
that a person *sees*, in which lines are counted: the file's, but for Jupyter, whose files nobody reads, the cell's.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

from tabtab_local.edits import Edit, Position, Span, apply, offset_of, position_of
from tabtab_local.errors import UsageError
from tabtab_local.jupyter import ipynb_edit, parse_ipynb
from tabtab_local.marimo import is_marimo, parse_marimo
from tabtab_local.notebook import Cell, Notebook, cell_at, code_cell, context_order, from_cell, to_cell, to_file
from tabtab_local.region import Context, CountTokens, cell_context, cell_region, file_context, file_region

Kind = Literal["python", "marimo", "jupyter", "cells"]


@dataclass(frozen=True)
class Document:
    """A file with a cursor: `code` is what is edited, `cursor` an offset in it, `cell` the index of its cell.

    Of the kind "cells" is a notebook that an editor gives cell by cell; it has no file.
    """

    kind: Kind
    file: str
    code: str
    cursor: int
    notebook: Notebook | None = None
    cell: int = 0

    @property
    def seen(self) -> str:
        """The text in which a person counts lines."""
        return self.code if self.kind in ("jupyter", "cells") else self.file

    def region(self) -> Span:
        """Return the part of `code` that the model rewrites."""
        return cell_region(self.code, self.cursor) if self.notebook else file_region(self.code, self.cursor)

    def context(self, region: Span, budget_tokens: int, count: CountTokens) -> Context:
        """Return what is shown around `region`: the rest of the file, or of the cell and then the other cells."""
        around = file_context(self.code, region, budget_tokens, count)
        if self.notebook is None:
            return around
        budget_tokens -= count(around.above) + count(around.below)
        cells = [cell.code for cell in self.notebook.cells]
        others = cell_context(cells, self.cell, context_order(self.notebook, self.cell), budget_tokens, count)
        above = "\n\n".join(filter(None, (others.above, around.above)))
        return Context(above, "\n\n".join(filter(None, (around.below, others.below))))

    @property
    def codes(self) -> tuple[str, ...]:
        """The code of each cell; of a file, the one."""
        return tuple(cell.code for cell in self.notebook.cells) if self.notebook else (self.code,)

    def like(self, other: Document) -> bool:
        """Return whether the cursor stands in the same cell of the same kind of file, and all other cells are equal."""
        if (self.kind, self.cell) != (other.kind, other.cell):
            return False
        if self.notebook is None or other.notebook is None:
            return self.notebook is other.notebook
        others = (document.codes[: self.cell] + document.codes[self.cell + 1 :] for document in (self, other))
        return next(others) == next(others)

    def at(self, cell: int, cursor: int) -> Document:
        """Return the same document with the cursor at an offset in the code of `cell`."""
        return replace(self, code=self.codes[cell], cell=cell, cursor=cursor)

    def edited(self, edits: Sequence[Edit], cursor: int) -> Document:
        """Return the document after edits of its code, with the cursor at an offset in the new code.

        Raises `DocumentError` where the file cannot hold them.
        """
        code = apply(self.code, edits)
        if self.notebook is None:
            return Document(self.kind, code, code, cursor)
        if self.kind == "cells":
            return replace(self, code=code, cursor=cursor, notebook=self._with(code))
        file = apply(self.file, self.file_edits(edits))
        notebook = parse_ipynb(file) if self.kind == "jupyter" else parse_marimo(file)
        if len(notebook.cells) != len(self.notebook.cells) or notebook.cells[self.cell].code != code:
            # What the file cannot hold as it is, such as blank lines at a cell's end, the editor still has.
            notebook = self._with(code)
        return Document(self.kind, file, code, cursor, notebook, self.cell)

    def _with(self, code: str) -> Notebook:
        """Return the notebook with other code in the cell."""
        cells = list(self.notebook.cells) if self.notebook else []
        cells[self.cell] = replace(cells[self.cell], code=code)
        return Notebook(tuple(cells))

    def seen_edits(self, edits: Sequence[Edit]) -> tuple[Edit, ...]:
        """Return edits of `code` as edits of the text that a person sees."""
        return self.file_edits(edits) if self.kind == "marimo" else tuple(edits)

    def file_edits(self, edits: Sequence[Edit]) -> tuple[Edit, ...]:
        """Return edits of `code` as edits of the file. Raises `DocumentError` where the file cannot hold them."""
        if self.notebook is None or self.kind == "cells":
            return tuple(edits)
        if self.kind == "jupyter":
            return ipynb_edit(self.file, self.cell, edits)
        return to_file(self.notebook.cells[self.cell], edits)

    def seen_position(self, edits: Sequence[Edit], offset: int) -> Position | None:
        """Return where the `offset` of the edited code stands in the text that a person sees after `edits`.

        Nothing where the edits leave no such cell, as an emptied function cell of Marimo.
        """
        code = apply(self.code, edits)
        if self.kind != "marimo":
            return position_of(code, offset)
        text = apply(self.file, self.file_edits(edits))
        cells = parse_marimo(text).cells
        if self.cell >= len(cells) or cells[self.cell].code != code:
            return None
        return position_of(text, from_cell(cells[self.cell], offset))


def open_document(
    text: str, *, jupyter: bool, line: int, column: int | None = None, cell: int | None = None
) -> Document:
    """Return the document of a file's `text` with the cursor at a place that is counted as a person counts it.

    Lines and columns count from 1; without a column the cursor stands at the end of the line. Raises `UsageError` for
    a place that is not there, and `DocumentError` for a notebook that cannot be understood.
    """
    if not text.strip():
        raise UsageError("the file is empty: write a line of code first")
    if jupyter:
        return _in_jupyter(text, cell, line, column)
    if cell is not None:
        raise UsageError(f"cell {cell} of what? --cell goes with Jupyter notebooks (.ipynb): leave it out")
    document = document_at(text, _offset(text, line, column))
    if document.kind == "python" and is_marimo(text):
        raise UsageError(f"line {line} is not inside a cell of this Marimo notebook: choose a line of a cell's code")
    return document


def document_at(text: str, offset: int) -> Document:
    """Return the document of a Python file's `text` with the cursor at an offset, as an editor has it.

    In a Marimo notebook that is the cell there; the file itself where the cursor is in none. Raises `UsageError` for a
    cursor outside the text.
    """
    if not 0 <= offset <= len(text):
        raise UsageError(f"the cursor {offset} is outside the text: choose 0-{len(text)}")
    if is_marimo(text):
        notebook = parse_marimo(text)
        index = cell_at(notebook, offset)
        if index is not None:
            found = notebook.cells[index]
            return Document("marimo", text, found.code, to_cell(found, offset), notebook, index)
    return Document("python", text, text, offset)


def document_of(codes: Sequence[str], cell: int, cursor: int) -> Document:
    """Return the document of a notebook that is given as the code of its cells, with the cursor in one of them.

    Raises `UsageError` for a cell or a cursor that is not there.
    """
    if not 0 <= cell < len(codes):
        raise UsageError(f"there is no cell {cell}: choose 0-{len(codes) - 1}")
    if not 0 <= cursor <= len(codes[cell]):
        raise UsageError(f"the cursor {cursor} is outside the cell: choose 0-{len(codes[cell])}")
    notebook = Notebook(tuple(Cell(code) for code in codes))
    return Document("cells", "", codes[cell], cursor, notebook, cell)


def _in_jupyter(text: str, cell: int | None, line: int, column: int | None) -> Document:
    notebook = parse_ipynb(text)
    if cell is None:
        raise UsageError(f"a Jupyter notebook needs --cell: choose 1-{len(notebook.cells)}")
    index = code_cell(notebook, cell)
    code = notebook.cells[index].code
    return Document("jupyter", text, code, _offset(code, line, column), notebook, index)


def _offset(text: str, line: int, column: int | None) -> int:
    if column is not None:
        return offset_of(text, Position(line, column))
    start = offset_of(text, Position(line, 1))
    end = text.find("\n", start)
    return len(text) if end < 0 else end
