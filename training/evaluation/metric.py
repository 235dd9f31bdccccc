"""What is measured of one answer, beside whether the program passes. Pure.

Every function takes the code before the edit (`old`), after the answer (`new`) and after a right edit (`reference`).
"""

from __future__ import annotations

import re
from collections import Counter

from rapidfuzz.distance import Indel, Levenshtein

from tabtab_local.edits import shared_start
from tabtab_local.prompt import RecentEdit

_WORD = re.compile(r"\w+|[^\w\s]")


def similarity(old: str, new: str, reference: str) -> float:
    """Return the edit similarity of the changed part, 0 to 1: one minus the normalised Levenshtein distance.

    What the right edit leaves alone at both ends of the text, and the answer as well, does not count: else copying a
    long file would be half of a good answer.
    """
    head = shared_start(old, reference)
    tail = shared_start(old[head:][::-1], reference[head:][::-1])
    head = min(head, shared_start(reference, new))
    tail = min(tail, shared_start(reference[head:][::-1], new[head:][::-1]))
    return float(
        Levenshtein.normalized_similarity(new[head : len(new) - tail], reference[head : len(reference) - tail])
    )


def cursor_right(new: str, cursor: int, reference: str, reference_cursor: int) -> bool:
    """Return whether the same text follows the answer's cursor as follows the right one."""
    return new[cursor:] == reference[reference_cursor:]


def reversal(old: str, new: str, last: RecentEdit) -> float:
    """Return the share of the answer, in characters deleted and written, that undoes the user's last edit.

    That is how far the answer goes back to the text before that edit: a character that undoes brings the text one step
    nearer to it, any other one step away, in insertions and deletions. 0 where the edit stands elsewhere.
    """
    if last.updated not in old:
        return 0.0
    before = old.replace(last.updated, last.original, 1)
    changed = Indel.distance(old, new)
    undone = (changed + Indel.distance(old, before) - Indel.distance(new, before)) / 2
    return undone / changed if changed else 0.0


def deletes_user_text(old: str, new: str, reference: str) -> bool:
    """Return whether the answer deletes a word or sign that a right edit keeps."""
    words = [Counter(_WORD.findall(text)) for text in (old, new, reference)]
    return bool((words[0] - words[1]) - (words[0] - words[2]))
