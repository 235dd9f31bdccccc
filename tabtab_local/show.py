"""A suggestion as people read it: a unified diff, coloured on a terminal. Pure."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator, Sequence

import click

from tabtab_local.edits import lines_of

_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")
_COLOURS = {"+": "green", "-": "red", "@": "cyan"}


def unified_diff(before: str, after: str, name: str) -> str:
    """Return the unified diff between two texts with `\\n` line ends, as `git apply` takes it for the file `name`."""
    name = name.lstrip("/")
    # patch takes what stands behind a tab for a date, and only then a blank for a part of the name.
    tab = "\t" if " " in name else ""
    lines = difflib.unified_diff(lines_of(before), lines_of(after), f"a/{name}{tab}", f"b/{name}{tab}")
    return "".join(_ended(line) for line in lines)


def coloured(diff: str) -> str:
    """Return a unified diff for a terminal: added lines green, removed ones red, control characters made visible."""
    return "".join(_coloured_line(line) for line in lines_of(diff))


def _ended(line: str) -> str:
    return line if line.endswith("\n") else f"{line}\n\\ No newline at end of file\n"


def _coloured_line(line: str) -> str:
    shown = _CONTROL.sub(lambda match: ascii(match[0])[1:-1], line)
    if line.startswith(("---", "+++")):
        return click.style(shown, bold=True)
    return click.style(shown, fg=_COLOURS.get(line[:1]))


def table(rows: Sequence[tuple[str, ...]]) -> Iterator[str]:
    """Yield the lines of a table, the first row its heading, each column as wide as its widest cell."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        yield "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
