"""Clean code as the corruptions take it: a text, its notebook cells, and what somebody would have asked for.

A document is parsed at most once, when first asked, and so are its lines split: many examples are made of one.
"""

from __future__ import annotations

import ast
import random
import re
import warnings
from bisect import bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import accumulate

from tabtab_local.edits import Edit, Span, apply
from tabtab_local.region import cell_region, file_region
from training.data.everyday.program import Program, gap, is_definition

# Between the cells of a notebook.
CELL_GAP = "\n\n"

# Lines that IPython reads and Python does not; as comments they keep their length.
_MAGIC = re.compile(r"^([ \t]*)[%!?]", re.MULTILINE)

_SOMETHING = re.compile(r"\w+|[^\w\s]")

# Where a block begins at the outermost level.
_TOP_LEVEL = re.compile(r"^[^\s#)\]}]", re.MULTILINE)

# How often a text that does not parse is cut off before its first error.
_CUTS = 4

# Fields of syntax nodes that hold no code of their own.
_FLAT = {"ctx", "op", "ops"}


@dataclass(frozen=True)
class Document:
    """Clean code. `cells` are the spans of a notebook's cells (none for a file); `intents` say what a span does."""

    text: str
    cells: tuple[Span, ...] = ()
    intents: tuple[tuple[Span, str], ...] = ()

    @cached_property
    def rows(self) -> list[str]:
        """The lines of the text."""
        return self.text.split("\n")

    @cached_property
    def words(self) -> list[list[str]]:
        """The words and signs of each line."""
        return [_SOMETHING.findall(row) for row in self.rows]

    @cached_property
    def row_starts(self) -> list[int]:
        """The offset at which each line begins."""
        return [0, *accumulate(len(row) + 1 for row in self.rows[:-1])]

    @cached_property
    def rows_of_code(self) -> list[int]:
        """The indices of the lines with more than two characters on them."""
        return [row for row, line in enumerate(self.rows) if len(line.strip()) > 2 and _SOMETHING.search(line)]

    @cached_property
    def tree(self) -> ast.Module | None:
        """The syntax tree, or None where the text does not parse."""
        tree, end = self._beginning
        return tree if end == len(self.text) else None

    @cached_property
    def part(self) -> ast.Module:
        """The syntax tree of as much as can be had of it simply.

        Of a text that is cut off at its end: what stands before that. Of any other that does not parse: nothing.
        """
        return self._beginning[0]

    @property
    def unparsed(self) -> str:
        """The end of the text that is not in `part`."""
        return self.text[self._beginning[1] :]

    @cached_property
    def _beginning(self) -> tuple[ast.Module, int]:
        """The syntax tree of a beginning of the text, and the length of that."""
        text = self.text
        for _ in range(_CUTS):
            parsed = parse(text)
            if isinstance(parsed, ast.Module):
                return parsed, len(text)
            text = text[: self.row_starts[min(parsed, len(self.rows)) - 1]] if parsed else ""
        starts = [match.start() for match in _TOP_LEVEL.finditer(text)]
        parsed = parse(text[: starts[-1]]) if starts else 0
        return (parsed, starts[-1]) if isinstance(parsed, ast.Module) else (ast.Module([], []), 0)

    @cached_property
    def nodes(self) -> tuple[ast.AST, ...]:
        """The nodes of `part`, outer ones first, but none inside f-strings, whose places Python 3.11 has wrong."""
        return tuple(_walk(self.part))

    def row_of(self, offset: int) -> int:
        """Return the index of the line that `offset` stands on."""
        return bisect_right(self.row_starts, offset) - 1

    def row_span(self, row: int) -> Span:
        """Return the span of a line without its newline."""
        return Span(self.row_starts[row], self.row_starts[row] + len(self.rows[row]))

    def span(self, node: ast.AST) -> Span:
        """Return the span of a syntax node. Decorators do not belong to what they decorate."""
        line, end_line = getattr(node, "lineno", 1), getattr(node, "end_lineno", None)
        start = self._offset(line, getattr(node, "col_offset", 0))
        return Span(start, self._offset(end_line or line, getattr(node, "end_col_offset", None) or 0))

    def region(self, offset: int) -> Span:
        """Return the span of whole lines that the runtime would have rewritten with the cursor at `offset`."""
        for cell in self.cells:
            if cell.start <= offset <= cell.end:
                inner = cell_region(cell.of(self.text), offset - cell.start)
                return Span(cell.start + inner.start, cell.start + inner.end)
        return file_region(self.text, offset)

    def without(self, hole: Span) -> Document:
        """Return the document with the text of `hole` removed and the cells moved accordingly."""
        removed = hole.end - hole.start

        def moved(offset: int) -> int:
            return offset - min(max(offset - hole.start, 0), removed)

        cells = tuple(Span(moved(cell.start), moved(cell.end)) for cell in self.cells)
        return Document(self.text[: hole.start] + self.text[hole.end :], cells)

    def edited(self, edits: Sequence[Edit]) -> Document:
        """Return the document with `edits` made, which are in order, and the cells moved accordingly; no intents."""
        cells = tuple(Span(moved(cell.start, edits), moved(cell.end, edits, after=True)) for cell in self.cells)
        return Document(apply(self.text, edits), cells)

    def _offset(self, line: int, column_bytes: int) -> int:
        """Return the offset of a place in a syntax tree, whose columns count UTF-8 bytes."""
        row = self.rows[line - 1]
        if row.isascii():
            return self.row_starts[line - 1] + min(column_bytes, len(row))
        return self.row_starts[line - 1] + len(row.encode()[:column_bytes].decode(errors="ignore"))


def moved(offset: int, edits: Iterable[Edit], *, after: bool = False) -> int:
    """Return where `offset` stands once `edits`, which do not cover it, are made; at an edit before or `after` it."""
    shift = 0
    for edit in edits:
        if edit.end < offset or (edit.end == offset and (after or edit.start < offset)):
            shift += len(edit.text) - (edit.end - edit.start)
    return offset + shift


def from_program(program: Program, rng: random.Random) -> Document:
    """Return a generated program as a notebook or as a file, set close or wide as people differ in it."""
    notebook = rng.random() < 0.5
    close = rng.choice((0.0, 0.4, 0.8))
    text = program.imports()
    cells = [Span(0, len(text))]
    intents: list[tuple[Span, str]] = []
    before = text
    for step in program.steps:
        space = CELL_GAP if notebook else gap(before, step.code)
        joined = rng.random() < close and not is_definition(before) and not is_definition(step.code)
        if joined and before != program.imports():
            space = "\n"
        start = len(text) + len(space) if text else 0
        text += (space if text else "") + step.code
        if space == "\n":
            cells[-1] = Span(cells[-1].start, len(text))
        else:
            cells.append(Span(start, len(text)))
        if step.intent:
            intents.append((Span(start, len(text)), step.intent))
        before = step.code
    return Document(text if notebook else text + "\n", tuple(cells) if notebook else (), tuple(intents))


def parse(text: str) -> ast.Module | int:
    """Return the syntax tree, or the number of the line of the first error, or 0 where that is not known."""
    error_line = 0
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for code in (text, _MAGIC.sub(r"\1#", text)):
            try:
                return ast.parse(code)
            except SyntaxError as error:
                error_line = min(error.lineno or 0, text.count("\n") + 1)
            except (ValueError, RecursionError, MemoryError):
                error_line = 0
            if not _MAGIC.search(text):
                break
    return error_line


def _walk(tree: ast.AST) -> list[ast.AST]:
    """Return all nodes as `ast.walk` finds them, without operators, contexts and the inside of f-strings."""
    found: list[ast.AST] = []
    waiting = [tree]
    while waiting:
        node = waiting.pop()
        found.append(node)
        if isinstance(node, ast.JoinedStr):
            continue
        for name in node._fields:
            if name not in _FLAT:
                value = getattr(node, name, None)
                if isinstance(value, list):
                    waiting += [one for one in value if isinstance(one, ast.AST)]
                elif isinstance(value, ast.AST):
                    waiting.append(value)
    return found
