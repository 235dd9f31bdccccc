"""The hunks of a changed file, and which of them are edits that a person would make.

A hunk replaces a run of whole lines. Hunks that change nothing but layout are told from edits; so are files whose
change is layout alone.
"""

from __future__ import annotations

import ast
import re
import warnings
from collections.abc import Sequence
from dataclasses import dataclass

import pygit2

from tabtab_local.edits import Edit, lines_of

_LAYOUT = re.compile(r"\s+|,(?=\s*[)\]}])|\\")
_COMMENT = re.compile(r"#[^\n]*")


@dataclass(frozen=True)
class Hunk:
    """`old` are the offsets in the old text that the text `new` takes the place of; both are whole lines."""

    edit: Edit
    old: str

    @property
    def new(self) -> str:
        """The text that the hunk leaves."""
        return self.edit.text


def hunks(before: str, after: str) -> tuple[Hunk, ...]:
    """Return the hunks, in order, that make `after` of `before`."""
    patch = pygit2.Patch.create_from(before, after, context_lines=0, interhunk_lines=0)
    old_lines, new_lines = lines_of(before), lines_of(after)
    starts = [0]
    for line in old_lines:
        starts.append(starts[-1] + len(line))
    found = []
    for hunk in patch.hunks:
        # Git counts from 1, and names the line before where a side is empty.
        first = hunk.old_start - 1 if hunk.old_lines else hunk.old_start
        new_first = hunk.new_start - 1 if hunk.new_lines else hunk.new_start
        start, end = starts[first], starts[first + hunk.old_lines]
        text = "".join(new_lines[new_first : new_first + hunk.new_lines])
        found.append(Hunk(Edit(start, end, text), before[start:end]))
    return tuple(found)


def is_layout(hunk: Hunk) -> bool:
    """Return whether a hunk changes blanks, quotes and trailing commas only, and indents nothing anew."""
    return _bare(hunk.old) == _bare(hunk.new) and _indent(hunk.old) == _indent(hunk.new)


def same_program(before: str, after: str) -> bool:
    """Return whether two texts are the same syntax tree and the same comments: a formatter's work."""
    if sorted(_COMMENT.findall(before)) != sorted(_COMMENT.findall(after)):
        return False
    trees = tree(before), tree(after)
    return None not in trees and ast.dump(trees[0]) == ast.dump(trees[1])  # type: ignore[arg-type]


def tree(text: str) -> ast.Module | None:
    """Return the syntax tree of `text`, None where it does not parse."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return ast.parse(text)
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            return None


def mostly_layout(found: Sequence[Hunk]) -> bool:
    """Return whether a commit's hunks look like a formatter's run: many of them, nearly all of them layout."""
    return len(found) >= 8 and sum(map(is_layout, found)) * 5 >= len(found) * 4


def _indent(text: str) -> int:
    text = text.lstrip("\n")
    return len(text) - len(text.lstrip())


def _bare(text: str) -> str:
    return _LAYOUT.sub("", text).replace("'", '"')
