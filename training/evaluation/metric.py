"""What is measured of one answer, beside whether the program passes. Pure.

Every function takes the code before the edit (`old`), after the answer (`new`) and after a right edit (`reference`).
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence

from rapidfuzz.distance import Levenshtein

from tabtab_local.edits import Edit, diff
from tabtab_local.prompt import RecentEdit

_WORD = re.compile(r"\w+|[^\w\s]")


def similarity(old: str, new: str, reference: str) -> float:
    """Return the edit similarity of the changed part, 0 to 1: one minus the normalised Levenshtein distance.

    What the right edit leaves alone at both ends of the text, and the answer as well, does not count: else copying a
    long file would be half of a good answer.
    """
    head = _shared(old, reference)
    tail = _shared(old[head:][::-1], reference[head:][::-1])
    head = min(head, _shared(reference, new))
    tail = min(tail, _shared(reference[head:][::-1], new[head:][::-1]))
    return float(
        Levenshtein.normalized_similarity(new[head : len(new) - tail], reference[head : len(reference) - tail])
    )


def cursor_right(new: str, cursor: int, reference: str, reference_cursor: int) -> bool:
    """Return whether the same text follows the answer's cursor as follows the right one."""
    return new[cursor:] == reference[reference_cursor:]


def reversal(old: str, edits: Sequence[Edit], last: RecentEdit) -> float:
    """Return the share of the answer, in characters deleted and written, that undoes the user's last edit.

    What counts as undoing: to write again what that edit deleted, and to delete what it wrote.
    """
    deleted, written = set[str](), set[str]()
    for edit in diff(last.original, last.updated):
        deleted.add(last.original[edit.start : edit.end].strip())
        written.add(edit.text.strip())
    undone = changed = 0
    for edit in edits:
        before = old[edit.start : edit.end]
        changed += len(before) + len(edit.text)
        undone += len(before) * (before.strip() in written - {""})
        undone += len(edit.text) * (edit.text.strip() in deleted - {""})
    return undone / changed if changed else 0.0


def deletes_user_text(old: str, new: str, reference: str) -> bool:
    """Return whether the answer deletes a word or sign that a right edit keeps."""
    words = [Counter(_WORD.findall(text)) for text in (old, new, reference)]
    return bool((words[0] - words[1]) - (words[0] - words[2]))


def _shared(a: str, b: str) -> int:
    """Return how many characters two texts share from their start."""
    return next((i for i, (x, y) in enumerate(zip(a, b, strict=False)) if x != y), min(len(a), len(b)))
