"""The rules that keep a suggestion from being shown: each has a name, and is a pure function of the change.

What people complain of most is a suggestion that undoes what they just did, deletes their code or breaks it. Silence
is better than any of these. A rule returns the reason for silence, or None where it has no objection.
"""

from __future__ import annotations

import ast
import functools
import warnings
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass

from tabtab_local.edits import Edit, shared_start
from tabtab_local.prompt import RecentEdit

# An answer may delete this many characters, and so many more for each one that it writes, without arousing suspicion.
_FREE_DELETION = 24
_DELETION_PER_WRITTEN = 2


@dataclass(frozen=True)
class Change:
    """What a suggestion would do to the code: `edits` lead from the code `before` to the code `after`."""

    before: str
    after: str
    edits: tuple[Edit, ...]
    recent_edits: tuple[RecentEdit, ...]
    confidence: float
    min_confidence: float


def no_op(change: Change) -> str | None:
    """Nothing would change."""
    return None if change.edits else "nothing to change"


def reversal(change: Change) -> str | None:
    """It would undo the user's last edit."""
    if not change.recent_edits:
        return None
    last, before, after = change.recent_edits[-1], change.before, change.after
    if before == after or len(after) - len(before) != len(last.original) - len(last.updated):
        return None
    same_start = shared_start(before, after)
    same_end = shared_start(before[::-1], after[::-1])
    # What was undone covers all that differs.
    for place in range(max(0, len(before) - same_end - len(last.updated)), same_start + 1):
        if before.startswith(last.updated, place) and after.startswith(last.original, place):
            return "it would undo the last edit"
    return None


def deletion(change: Change) -> str | None:
    """It deletes far more than it writes."""
    deleted = sum(len("".join(change.before[edit.start : edit.end].split())) for edit in change.edits)
    written = sum(len("".join(edit.text.split())) for edit in change.edits)
    if deleted <= _FREE_DELETION + _DELETION_PER_WRITTEN * written:
        return None
    return f"it would delete {deleted} characters and write {written}"


def syntax(change: Change) -> str | None:
    """The code parsed before and would not parse any more."""
    # What parses afterwards, as most does, needs no look at what was before.
    return "the code would no longer parse" if not _parses(change.after) and _parses(change.before) else None


def confidence(change: Change) -> str | None:
    """The model is not sure."""
    if change.confidence >= change.min_confidence:
        return None
    return f"the model is not sure ({change.confidence:.2f}, below {change.min_confidence:.2f})"


Gate = Callable[[Change], str | None]

# In the order in which they are asked; the first objection is the reason that is reported.
GATES: Mapping[str, Gate] = {
    "no_op": no_op,
    "reversal": reversal,
    "deletion": deletion,
    "syntax": syntax,
    "confidence": confidence,
}


def objection(change: Change, enabled: Collection[str]) -> str | None:
    """Return the first reason, among the enabled gates, not to show `change`."""
    for name, gate in GATES.items():
        reason = gate(change) if name in enabled else None
        if reason:
            return f"{name}: {reason}"
    return None


@functools.lru_cache(maxsize=4)  # a long file takes a tenth of a second, and is asked about at each key
def _parses(code: str) -> bool:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            ast.parse(code)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return False
    return True
