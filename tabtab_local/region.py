"""Which part of a text the model rewrites, and how much of the rest it is shown.

The *region* is a run of whole lines around the cursor. In a file it is a window that stops where two blank lines part
one definition from the next; in a notebook it is the cell, if that is not too long. What stands above and below is
context, cut to a budget of tokens. Everything here is pure: the caller brings the text and a way to count tokens.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from tabtab_local.edits import Span, line_span

CountTokens = Callable[[str], int]

# Lines of a file's region on each side of the cursor; of a notebook cell, before it is cut like a file.
FILE_LINES = 8
CELL_LINES = 32

# Context is kept or dropped in groups of this many lines, counted from the start of the file, so that moving the
# cursor by a line leaves the start of the prompt, and with it the model's cache, as it was.
_GROUP_LINES = 16

_IMPORT = re.compile(r"^(?:from[^\S\n]+\S+[^\S\n]+)?import[^\S\n]+(?:\([^)]*\)|[^\n]*)", re.MULTILINE)


@dataclass(frozen=True)
class Context:
    """The code that the model sees beside the region."""

    above: str = ""
    below: str = ""


def file_region(text: str, offset: int, lines: int = FILE_LINES) -> Span:
    """Return the region around `offset` in a file: at most `lines` lines on each side of the cursor's line."""
    rows = text.split("\n")
    row = text.count("\n", 0, offset)
    first = _reach(rows, row, -1, lines)
    last = _reach(rows, row, +1, lines)
    return line_span(text, first + 1, last + 1)


def cell_region(code: str, offset: int) -> Span:
    """Return the region around `offset` in the code of a notebook cell: all of it, unless it is long."""
    if code.count("\n") < CELL_LINES:
        return Span(0, len(code))
    return file_region(code, offset, CELL_LINES // 2)


def _reach(rows: Sequence[str], row: int, step: int, lines: int) -> int:
    """Return the last row that the region takes in when it grows from `row` in the direction `step`."""

    def blank(index: int) -> bool:
        return not 0 <= index < len(rows) or not rows[index].strip()

    end = row
    while abs(end - row) < lines and 0 <= end + step < len(rows):
        if blank(end + step) and blank(end + 2 * step):
            break
        end += step
    while end != row and blank(end):
        end -= step
    return end


def file_context(text: str, region: Span, budget_tokens: int, count: CountTokens) -> Context:
    """Return what a file shows around `region` within `budget_tokens`: the nearest lines, and the imports.

    A quarter of the budget is for the code below; what one side does not use goes to the other. Import lines of the
    part above that is cut off are kept first.
    """
    above = text[: region.start].rstrip("\n").split("\n")
    below = text[region.end :].strip("\n")
    below_text, spent = _nearest_below(below, budget_tokens // 4, count)
    kept, left = _nearest_above(above, budget_tokens - spent, count)
    if kept == 0:
        below_text, _ = _nearest_below(below, left + spent, count)
        return Context("\n".join(above), below_text)
    imports = _within(_IMPORT.findall("\n".join(above[:kept])), (budget_tokens - spent) // 4, count)
    taken = sum(count(line + "\n") for line in imports)
    kept, _ = _nearest_above(above, budget_tokens - spent - taken, count)
    return Context("\n".join([*imports, *above[kept:]]), below_text)


def cell_context(
    cells: Sequence[str], index: int, order: Iterable[int], budget_tokens: int, count: CountTokens
) -> Context:
    """Return the other cells around cell `index` within `budget_tokens`, in notebook order.

    `order` lists the other cells from the most to the least important; a cell is shown whole or not at all.
    """
    kept = []
    for other in order:
        cost = count(cells[other] + "\n\n")
        if cells[other].strip() and cost <= budget_tokens:
            kept.append(other)
            budget_tokens -= cost
    kept.sort()
    return Context(
        "\n\n".join(cells[other].strip("\n") for other in kept if other < index),
        "\n\n".join(cells[other].strip("\n") for other in kept if other > index),
    )


def _nearest_above(rows: Sequence[str], budget_tokens: int, count: CountTokens) -> tuple[int, int]:
    """Return the first row that is kept, a multiple of the group's size, and the budget that is left."""
    start = len(rows)
    while start > 0:
        group = (start - 1) // _GROUP_LINES * _GROUP_LINES
        cost = count("\n".join(rows[group:start]) + "\n")
        if cost > budget_tokens:
            break
        start, budget_tokens = group, budget_tokens - cost
    return start, budget_tokens


def _nearest_below(text: str, budget_tokens: int, count: CountTokens) -> tuple[str, int]:
    """Return the first lines of `text` that fit, and their cost."""
    kept = _within(text.split("\n"), budget_tokens, count) if text else []
    below = "\n".join(kept).rstrip("\n")
    return below, sum(count(line + "\n") for line in kept)


def _within(lines: Iterable[str], budget_tokens: int, count: CountTokens) -> list[str]:
    """Return the leading `lines` that fit into the budget."""
    kept: list[str] = []
    for line in lines:
        budget_tokens -= count(line + "\n")
        if budget_tokens < 0:
            break
        kept.append(line)
    return kept
