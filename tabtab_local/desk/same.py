"""Whether two texts are of one document, which clients that do not say so are known by. Pure.

A document changes where its cursor stands: a text goes on from another one if they differ only there, and by no more
than is typed, taken or removed at once. Two files that begin with the same licence are not of one document.

Some clients send no more of a large file than a window of lines that moves with the cursor. What only one of two texts
has at an end, because its window reaches further there, makes no difference.
"""

from __future__ import annotations

from tabtab_local.edits import shared_end, shared_start

# Of the longer of two texts, how much must be the same for them to be one while it is edited.
SAME = 0.5

# More than this is not typed, taken or removed between two questions.
_MOST_CHANGED_CHARACTERS = 600
# What is put in the place of something replaces a word at most: all else is another file that begins and ends alike.
_MOST_REPLACED_CHARACTERS = 40
# So much of the end of a window is looked for in the other one.
_ANCHOR_CHARACTERS = 200


def likeness(old: str, new: str) -> float:
    """Return how much of the longer of two texts both share, at their ends."""
    start = shared_start(old, new)
    return (start + shared_end(old, new, start)) / max(1, len(old), len(new))


def goes_on(old: str, new: str, caret: int) -> bool:
    """Return whether `new`, with its cursor at the offset `caret`, is `old` a moment later."""
    enough = SAME * max(len(old), len(new))
    if min(len(old), len(new)) < enough:
        return False
    first, last = _common(old, new, caret)
    old = old[first[0] : last[0]]
    new, caret = new[first[1] : last[1]], caret - first[1]
    # An edit at the cursor of a run of equal characters is one of any of them.
    start = min(shared_start(old, new), max(0, caret))
    end = shared_end(old, new, start)
    gone, come = old[start : len(old) - end], new[start : len(new) - end]
    return (
        start + end >= enough
        and max(len(gone), len(come)) <= _MOST_CHANGED_CHARACTERS
        and (not gone or not come or _is_word(gone))
        and new.count("\n", len(new) - end, max(0, caret)) <= 1
    )


def _common(old: str, new: str, caret: int) -> tuple[tuple[int, int], tuple[int, int]]:
    """Return where what two windows have in common starts and ends, in the one and in the other, around the cursor."""
    start, end = (0, 0), (len(old), len(new))
    if min(end) < _ANCHOR_CHARACTERS:
        return start, end
    if (at := old.find(new[:_ANCHOR_CHARACTERS])) >= 0:
        start = at, 0
    elif 0 <= (at := new.find(old[:_ANCHOR_CHARACTERS])) <= caret:
        start = 0, at
    if (at := old.rfind(new[-_ANCHOR_CHARACTERS:])) >= 0:
        end = at + _ANCHOR_CHARACTERS, end[1]
    elif (at := new.rfind(old[-_ANCHOR_CHARACTERS:])) >= max(0, caret - _ANCHOR_CHARACTERS):
        end = end[0], at + _ANCHOR_CHARACTERS
    return start, end


def _is_word(text: str) -> bool:
    return len(text) <= _MOST_REPLACED_CHARACTERS and len(text.split()) <= 1
