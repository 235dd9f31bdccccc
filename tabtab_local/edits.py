"""Positions, spans, edits: the arithmetic of changing text.

Texts have `\\n` line ends only; files are brought to that form where they are read (`store.py`). Inside the program a
place is an *offset*: a 0-based count of code points from the start of the text. People and editors are shown a
`Position`, converted once at the edge. All ends are exclusive.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from tabtab_local.errors import UsageError

# What a person sees as one piece: a word, a run of blanks, or a single other character.
_PIECE = re.compile(r"\w+|[^\S\n]+|.", re.DOTALL)

# Beyond this many pieces a changed block is replaced as a whole: difflib's time grows with the square.
_MAX_PIECES = 4000


@dataclass(frozen=True, order=True)
class Position:
    """A place as people count it: line and column from 1, columns in code points."""

    line: int
    column: int


@dataclass(frozen=True, order=True)
class Span:
    """The offsets `start` to `end` (exclusive) of a text."""

    start: int
    end: int

    def of(self, text: str) -> str:
        """Return the part of `text` that the span covers."""
        return text[self.start : self.end]


@dataclass(frozen=True, order=True)
class Edit:
    """Replace the offsets `start` to `end` (exclusive) by `text`."""

    start: int
    end: int
    text: str

    def shifted(self, by: int) -> Edit:
        """Return the same edit for a text in which everything stands `by` code points later."""
        return replace(self, start=self.start + by, end=self.end + by)


def offset_of(text: str, position: Position) -> int:
    """Return the offset of `position` in `text`.

    Raises `UsageError` for a line or column that the text does not have. The column after the last character is valid.
    """
    lines = text.split("\n")
    if not 1 <= position.line <= len(lines):
        raise UsageError(
            f"line {position.line} is outside the text, which has {len(lines)} lines: choose 1-{len(lines)}"
        )
    last_column = len(lines[position.line - 1]) + 1
    if not 1 <= position.column <= last_column:
        raise UsageError(
            f"column {position.column} is outside line {position.line}: choose 1-{last_column}, counted in characters"
        )
    return sum(len(line) + 1 for line in lines[: position.line - 1]) + position.column - 1


def position_of(text: str, offset: int) -> Position:
    """Return the position of `offset` (0 to `len(text)`) in `text`."""
    line_start = text.rfind("\n", 0, offset) + 1
    return Position(text.count("\n", 0, offset) + 1, offset - line_start + 1)


def line_span(text: str, first: int, last: int) -> Span:
    """Return the span of the 1-based lines `first` to `last` (inclusive), without the newline after the last."""
    start = offset_of(text, Position(first, 1))
    line_start = offset_of(text, Position(last, 1))
    end = text.find("\n", line_start)
    return Span(start, len(text) if end < 0 else end)


def apply(text: str, edits: Iterable[Edit]) -> str:
    """Return `text` with all `edits` made; their offsets are those of the unchanged `text`.

    Raises `ValueError` where edits overlap, stand out of order or reach outside the text.
    """
    parts: list[str] = []
    done = 0
    for edit in edits:
        if not done <= edit.start <= edit.end <= len(text):
            place = f"{edit.start}-{edit.end}"  # and not what it puts there: that is somebody's code
            raise ValueError(f"the edit of {place} overlaps another or lies outside the text of {len(text)} characters")
        parts += (text[done : edit.start], edit.text)
        done = edit.end
    return "".join([*parts, text[done:]])


def diff(old: str, new: str) -> tuple[Edit, ...]:
    """Return edits, in order and apart from each other, with `apply(old, diff(old, new)) == new`.

    Whole lines are compared first, then the words of lines that changed, so that `df = ` → `df = pd.read_csv(file)`
    is one insertion.
    """
    edits: list[Edit] = []
    for edit in _compare(lines_of(old), lines_of(new)):
        before = old[edit.start : edit.end]
        if not before or not edit.text:
            edits.append(edit)
            continue
        old_pieces, new_pieces = _PIECE.findall(before), _PIECE.findall(edit.text)
        if len(old_pieces) + len(new_pieces) > _MAX_PIECES:
            edits.append(edit)
        else:
            edits += (inner.shifted(edit.start) for inner in _compare(old_pieces, new_pieces))
    return tuple(_trimmed(old, edits))


def shared_start(a: Sequence[object], b: Sequence[object]) -> int:
    """Return how many items `a` and `b`, two texts or two lists, share from their start."""
    low, high = 0, min(len(a), len(b))
    if a[:high] == b[:high]:
        return high
    # Slices are compared a hundred times faster than items.
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if a[low:middle] == b[low:middle] else (low, middle)
    return low


def shared_end(old: str, new: str, start: int) -> int:
    """Return how many characters two texts share at their ends, both read from `start` on."""
    low, high = 0, min(len(old), len(new)) - start
    while low < high:
        middle = (low + high + 1) // 2
        if old[len(old) - middle : len(old) - low] == new[len(new) - middle : len(new) - low]:
            low = middle
        else:
            high = middle - 1
    return low


def lines_of(text: str) -> list[str]:
    """Return the lines of `text` with their ends: split after every `\\n` only.

    `str.splitlines` also splits at form feeds and Unicode separators.
    """
    return re.findall(r"[^\n]*\n|[^\n]+", text)


def _compare(old: Sequence[str], new: Sequence[str]) -> Iterator[Edit]:
    """Yield the edits between two sequences of strings, in offsets of the joined old one."""
    starts = [0]
    for piece in old:
        starts.append(starts[-1] + len(piece))
    for tag, i1, i2, j1, j2 in difflib.SequenceMatcher(None, old, new, autojunk=False).get_opcodes():
        if tag != "equal":
            yield Edit(starts[i1], starts[i2], "".join(new[j1:j2]))


def _trimmed(old: str, edits: Iterable[Edit]) -> Iterator[Edit]:
    """Yield the edits without the characters that both sides share at their ends."""
    for edit in edits:
        start, end, text = edit.start, edit.end, edit.text
        while start < end and text and old[start] == text[0]:
            start, text = start + 1, text[1:]
        while start < end and text and old[end - 1] == text[-1]:
            end, text = end - 1, text[:-1]
        if start < end or text:
            yield Edit(start, end, text)
