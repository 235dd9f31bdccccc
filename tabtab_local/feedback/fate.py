"""What became of a suggestion, as far as the code tells that its document has now. Pure.

Most clients never say whether a suggestion was taken. Their next question does, by the lines that it would change:

    as after the edit, or with more behind it            accepted
    as they were, and all else too                       open: nobody has done anything yet
    with a beginning of the edit                         open: it is typed along
    as they were, and something else is not              left
    otherwise, with the cursor on a line that is new     writing: what stands there is not finished
    otherwise                                            typed over
    not to be found                                      left

Lines are found by all that stands above and below them, below the last ones by what stands above. Where that has
changed too, as where a client sends no more than a window that moves with the cursor, a few lines on each side must do.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

from tabtab_local.edits import Edit, Span, apply
from tabtab_local.suggestion import Suggestion

# So many lines on each side tell where something stands.
_NEAR_LINES = 3

# What comes behind an empty line is something else.
_EMPTY_LINE = re.compile(r"\n[^\S\n]*\n")

# More than this is no edit that a model would be asked for.
_MOST_WRITTEN_CHARACTERS = 600


@dataclass(frozen=True)
class Fate:
    """What became of a suggestion; `region`: the text of the region that it belongs to by now, if that can be told."""

    kind: Literal["open", "accepted", "left", "writing", "typed_over"]
    region: str | None = None


def fate(suggestion: Suggestion, code: str | None, cursor: int | None) -> Fate:
    """Return what became of a suggestion that has edits and an exchange.

    `code` is that of its document by now, None where that is not known any more; `cursor` an offset in it, None where
    the user is elsewhere.
    """
    old, exchange = suggestion.document.code, suggestion.exchange
    lines = _lines(old, suggestion.edits)
    place = None if code is None else _found(old, lines, code)
    if code is None or place is None or exchange is None:
        return Fate("left")
    was, now = lines.of(old), place.of(code)
    edits = tuple(edit.shifted(-lines.start) for edit in suggestion.edits)
    made = apply(was, edits)

    def region(lines_now: str) -> str:
        return old[exchange.above : lines.start] + lines_now + old[lines.end : len(old) - exchange.below]

    if now == made or _goes_on(was, edits, made, now):
        return Fate("accepted")
    if code == old or _is_begun(was, edits[0], now):
        return Fate("open")
    if now == was or (now.startswith(f"{was}\n") and not made.startswith(f"{was}\n")):
        return Fate("left", region(was))
    written = now if "\n" in was else _EMPTY_LINE.split(now, 1)[0]
    if len(written) - len(was) > _MOST_WRITTEN_CHARACTERS:
        return Fate("typed_over")
    unfinished = cursor is not None and _is_at_new_line(was, written, cursor - place.start)
    return Fate("writing" if unfinished else "typed_over", region(written))


def _lines(text: str, edits: tuple[Edit, ...]) -> Span:
    """Return the whole lines that edits change, without the last line end."""
    end = text.find("\n", edits[-1].end)
    return Span(text.rfind("\n", 0, edits[0].start) + 1, end if end >= 0 else len(text))


def _found(old: str, lines: Span, new: str) -> Span | None:
    """Return where in `new` the text stands that has taken the place of some lines of `old`."""
    above, below = old[: lines.start], old[lines.end :]
    if len(above) + len(below) <= len(new) and new.startswith(above) and new.endswith(below):
        return Span(len(above), len(new) - len(below))
    if not below.strip() and new.startswith(above):
        return Span(len(above), max(len(above), len(new.rstrip("\n"))))
    near_above = "\n".join(above.rsplit("\n", _NEAR_LINES + 1)[-_NEAR_LINES - 1 :])
    near_below = "\n".join(below.split("\n", _NEAR_LINES + 1)[: _NEAR_LINES + 1])
    if not all(near.strip() and new.count(near) == 1 for near in (near_above, near_below)):
        return None
    start, end = new.index(near_above) + len(near_above), new.index(near_below)
    return Span(start, end) if start <= end else None


def _is_begun(was: str, first: Edit, now: str) -> bool:
    """Return whether a beginning of the first edit's text was typed, and nothing else."""
    count = len(now) - len(was)
    return count > 0 and now == was[: first.start] + first.text[:count] + was[first.start :]


def _goes_on(was: str, edits: tuple[Edit, ...], made: str, now: str) -> bool:
    """Return whether more was written behind what the edits made: on lines of its own, or right behind an insertion."""
    gone = [was[edit.start : edit.end] for edit in edits if edit.start < edit.end]
    if now.startswith(f"{made}\n"):
        # What looks like more may be what should have gone.
        return not any(text in now[len(made) :] for text in gone)
    if gone:
        return False
    end = len(made) - (len(was) - edits[-1].end)
    if len(now) < len(made) or not (now.startswith(made[:end]) and now.endswith(made[end:])):
        return False
    return not (_is_in_word(made[end - 1]) and _is_in_word(now[end]))


def _is_in_word(character: str) -> bool:
    return character.isalnum() or character == "_"


def _is_at_new_line(was: str, now: str, cursor: int) -> bool:
    """Return whether the cursor stands on a line that was not there; an empty one below the first is not begun yet."""
    if not 0 <= cursor <= len(now):
        return False
    start, end = now.rfind("\n", 0, cursor) + 1, now.find("\n", cursor)
    line = now[start : end if end >= 0 else len(now)]
    return line not in was.split("\n") and (start == 0 or bool(line.strip()))
