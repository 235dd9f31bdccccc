"""Clean code as the corruptions take it: a text, its notebook cells, and what somebody would have asked for."""

from __future__ import annotations

import random
from dataclasses import dataclass

from tabtab_local.edits import Span
from tabtab_local.region import cell_region, file_region
from training.data.everyday.program import Program, gap, is_definition

_CELL_GAP = "\n\n"


@dataclass(frozen=True)
class Document:
    """Clean code. `cells` are the spans of a notebook's cells (none for a file); `intents` say what a span does."""

    text: str
    cells: tuple[Span, ...] = ()
    intents: tuple[tuple[Span, str], ...] = ()

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


def from_program(program: Program, rng: random.Random) -> Document:
    """Return a generated program as a notebook or as a file, set close or wide as people differ in it."""
    notebook = rng.random() < 0.5
    close = rng.choice((0.0, 0.4, 0.8))
    text = program.imports()
    cells = [Span(0, len(text))]
    intents: list[tuple[Span, str]] = []
    before = text
    for step in program.steps:
        space = _CELL_GAP if notebook else gap(before, step.code)
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
