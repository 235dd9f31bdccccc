"""Notebooks as cells, and edits of a cell as edits of the file that holds it.

What Marimo (`marimo.py`) and Jupyter (`jupyter.py`) have in common. A cell's code stands in the file line by line,
each line behind an indentation; an offset is meant in the file or in the cell's code, and each function says which.
Pure: texts in, texts out.

Not representable, and so lost when the file is parsed again: empty lines at the end of a cell whose end nothing
marks (a Marimo function, class or setup cell, or a cell without its `return`); in cells whose code is not indented in
the file, or in strings that are not, a line that reads like the beginning of the next cell.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import Literal

from tabtab_local.edits import Edit, Span, apply, diff
from tabtab_local.errors import DocumentError, UsageError
from tabtab_local.names import definitions, uses


@dataclass(frozen=True)
class CellLine:
    """Where a line of a cell starts in the file, and the indentation before its code there."""

    start: int
    indent: str


@dataclass(frozen=True)
class Cell:
    """One cell and its place in the file.

    `span` covers the file's lines where a cursor is in this cell; None where the file's text is not the code's, as in
    JSON. `lines` has one entry per line of `code`, and none where the cell has no line of its own yet: its first line
    then goes before `span`. `indent` stands before new lines. `quote` is what the code must not hold, because it
    stands between such quotes.
    """

    code: str
    kind: Literal["code", "markdown", "raw"] = "code"
    span: Span | None = None
    lines: tuple[CellLine, ...] = ()
    indent: str = ""
    quote: str = ""


@dataclass(frozen=True)
class Notebook:
    """All cells of a notebook, in the file's order."""

    cells: tuple[Cell, ...]


def code_cell(notebook: Notebook, number: int) -> int:
    """Return the index of the code cell that people call `number`: all cells are counted, from 1.

    Raises `UsageError` where there is no such cell or it holds no code.
    """
    if not 1 <= number <= len(notebook.cells):
        raise UsageError(f"the notebook has no cell {number}: choose 1-{len(notebook.cells)}")
    kind = notebook.cells[number - 1].kind
    if kind != "code":
        numbers = [str(i) for i, cell in enumerate(notebook.cells, start=1) if cell.kind == "code"]
        choice = f"choose one of {', '.join(numbers)}" if numbers else "the notebook has no code cell"
        raise UsageError(f"cell {number} is a {kind} cell, not code: {choice}")
    return number - 1


def cell_at(notebook: Notebook, offset: int) -> int | None:
    """Return the index of the cell around the file's `offset`; None in headers, generated lines and between cells."""
    for index, cell in enumerate(notebook.cells):
        if cell.span is not None and cell.span.start <= offset <= cell.span.end:
            return index
    return None


def split_indent(line: str, indent: str) -> tuple[str, str]:
    """Return the indentation and the code of a line in a cell whose lines stand behind `indent`.

    A line without it, as inside a string of many lines, is code from its first character on.
    """
    if line.startswith(indent):
        return indent, line[len(indent) :]
    return (line, "") if indent.startswith(line) else ("", line)


def to_cell(cell: Cell, offset: int) -> int:
    """Return the place in the code for the file's `offset`, which `cell_at` has found in this cell.

    A place in a line's indentation becomes the beginning of its code.
    """
    if not cell.lines:
        return 0
    row = max(0, bisect_right(cell.lines, offset, key=lambda line: line.start) - 1)
    line = cell.lines[row]
    starts = _line_starts(cell.code)
    return min(starts[row] + max(0, offset - line.start - len(line.indent)), starts[row + 1] - 1)


def from_cell(cell: Cell, offset: int) -> int:
    """Return the file's offset for a place in the code. Raises `ValueError` where the code is not the file's text."""
    if cell.span is None:
        raise ValueError("the code of this cell is not text of the file")
    if not cell.lines:
        return cell.span.start
    starts = _line_starts(cell.code)
    row = bisect_right(starts, offset, hi=len(cell.lines)) - 1
    return cell.lines[row].start + len(cell.lines[row].indent) + offset - starts[row]


def to_file(cell: Cell, edits: Sequence[Edit]) -> tuple[Edit, ...]:
    """Return edits of the cell's code as edits of the file: new lines that are not empty get the cell's indentation.

    Raises `DocumentError` where the file cannot hold the new code, and `ValueError` for a cell without a place.
    """
    if cell.span is None:
        raise ValueError("the code of this cell is not text of the file")
    if cell.quote and cell.quote in apply(cell.code, edits):
        raise DocumentError(
            f"the cell is stored as one string and cannot hold {cell.quote}: open and save it in Marimo first"
        )
    if not cell.lines:
        lines = "".join(edit.text for edit in edits).split("\n")
        text = "".join(f"{_indented(line, cell.indent)}\n" for line in lines)
        return (Edit(cell.span.start, cell.span.start, text),) if lines != [""] else ()
    return tuple(moved for block in _blocks(cell, edits) for moved in _moved(cell, block))


def context_order(notebook: Notebook, index: int) -> tuple[int, ...]:
    """Return the other code cells, the most telling for cell `index` first.

    First those that define names used here, then those that use names defined here, then the rest; near before far.
    """
    here = notebook.cells[index].code
    used, defined = uses(here), definitions(here)

    def rank(other: int) -> tuple[int, int, int]:
        code = notebook.cells[other].code
        kinship = 0 if definitions(code) & used else 1 if uses(code) & defined else 2
        return kinship, abs(other - index), other

    others = [i for i, cell in enumerate(notebook.cells) if i != index and cell.kind == "code" and cell.code.strip()]
    return tuple(sorted(others, key=rank))


@dataclass(frozen=True)
class _Block:
    """Edits of the code that share lines, and the 0-based first and last of these lines."""

    first: int
    last: int
    edits: tuple[Edit, ...]


def _blocks(cell: Cell, edits: Sequence[Edit]) -> Iterator[_Block]:
    """Yield the edits in groups that have no line in common."""
    starts = _line_starts(cell.code)
    block: _Block | None = None
    for edit in edits:
        first, last = (bisect_right(starts, offset, hi=len(cell.lines)) - 1 for offset in (edit.start, edit.end))
        if block is not None and first <= block.last:
            block = _Block(block.first, max(last, block.last), (*block.edits, edit))
            continue
        if block is not None:
            yield block
        block = _Block(first, last, (edit,))
    if block is not None:
        yield block


def _moved(cell: Cell, block: _Block) -> Iterator[Edit]:
    """Yield the edits of the file that do to a block's lines what its edits do to the code."""
    base = _line_starts(cell.code)[block.first]
    old = cell.code.split("\n")[block.first : block.last + 1]
    new = apply("\n".join(old), [edit.shifted(-base) for edit in block.edits]).split("\n")
    lines = cell.lines[block.first : block.last + 1]
    placed = [_indented(line, cell.indent) for line in new]
    placed[0] = _first_line(new[0], old[0], lines[0].indent, cell.indent)
    if new[-1] == old[-1]:
        placed[-1] = lines[-1].indent + new[-1]
    before = "\n".join(line.indent + code for line, code in zip(lines, old, strict=True))
    yield from (edit.shifted(lines[0].start) for edit in diff(before, "\n".join(placed)))


def _first_line(new: str, old: str, own: str, indent: str) -> str:
    """Return the file's line for the first line of a block, which keeps its `own` indentation where it can."""
    if not new:
        return own
    # Inside a string that is not indented, an indentation would become part of the string.
    if own == indent or (old and split_indent(new, indent) == ("", new)):
        return own + new
    return indent + new


def _indented(line: str, indent: str) -> str:
    return indent + line if line else ""


def _line_starts(code: str) -> list[int]:
    """Return the offset of each line, and that of the line which would follow the last."""
    return list(accumulate((len(line) + 1 for line in code.split("\n")), initial=0))
