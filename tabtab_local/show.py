"""A suggestion as people read it: a unified diff, coloured on a terminal. Pure."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator, Sequence

import click

_COLOURS = {"+": "green", "-": "red", "@": "cyan"}


def unified_diff(before: str, after: str, name: str) -> str:
    """Return the unified diff between two texts of the file `name`, as `git apply` and `patch -p1` take it."""
    lines = difflib.unified_diff(_lines(before), _lines(after), f"a/{name}", f"b/{name}")
    return "".join(_ended(line) for line in lines)


def coloured(diff: str) -> str:
    """Return a unified diff with terminal colours: what is added green, what is removed red."""
    return "".join(_coloured_line(line) for line in _lines(diff))


def _lines(text: str) -> list[str]:
    """Split after every `\\n` only."""
    return re.findall(r"[^\n]*\n|[^\n]+", text)


def _ended(line: str) -> str:
    return line if line.endswith("\n") else f"{line}\n\\ No newline at end of file\n"


def _coloured_line(line: str) -> str:
    if line.startswith(("---", "+++")):
        return click.style(line, bold=True)
    return click.style(line, fg=_COLOURS.get(line[:1]))


def table(rows: Sequence[tuple[str, ...]]) -> Iterator[str]:
    """Yield the lines of a table, the first row its heading, each column as wide as its widest cell."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        yield "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
