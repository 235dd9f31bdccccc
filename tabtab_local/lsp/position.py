"""Places as a client counts them, in the units that were agreed on, and as offsets in the text. Pure."""

from __future__ import annotations

import re
from bisect import bisect_right
from functools import cached_property
from typing import Any

from lsprotocol.types import Position, PositionEncodingKind, Range

from tabtab_local.edits import Edit

# What ends a line in the protocol; Python's splitlines knows others, too.
_LINE_END = re.compile(r"\r\n|\n|\r")

_UNIT_BYTES = {PositionEncodingKind.Utf8: ("utf-8", 1), PositionEncodingKind.Utf16: ("utf-16-le", 2)}


class Lines:
    """A text, and the units that its columns are counted in."""

    def __init__(self, text: str, encoding: PositionEncodingKind | str | None) -> None:
        self._text = text
        # Halves of a surrogate pair, which some editors send, take a unit as they do there.
        self._codec, self._bytes = _UNIT_BYTES.get(PositionEncodingKind(encoding or "utf-16"), ("utf-32-le", 4))

    def offset(self, position: Any) -> int:
        """Return the offset of what has a `line` and a `character`; beyond a line or the text, that of its end."""
        if position.line >= len(self._starts):
            return len(self._text)
        start = int(self._starts[position.line])
        end = _LINE_END.search(self._text, start)
        last = end.start() if end else len(self._text)
        if self._text[start:last].isascii():
            return min(start + int(position.character), last)
        offset, units = start, 0
        while offset < last and units < position.character:
            units += self._units(self._text[offset])
            offset += 1
        return offset

    def position(self, offset: int) -> Position:
        """Return the position of an offset."""
        number = bisect_right(self._starts, offset) - 1
        return Position(number, self._units(self._text[self._starts[number] : offset]))

    def range(self, edit: Edit) -> Range:
        """Return what an edit of the text replaces."""
        return Range(self.position(edit.start), self.position(edit.end))

    @cached_property
    def _starts(self) -> list[int]:
        return [0, *(match.end() for match in _LINE_END.finditer(self._text))]

    def _units(self, text: str) -> int:
        return len(text.encode(self._codec, "surrogatepass")) // self._bytes
