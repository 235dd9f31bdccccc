"""What the user changed a moment ago, in the form in which the training data shows it.

An edit is a run of whole lines before and after, without the last newline. Lines that only come or go are shown below
the line above them, and what is too long is not shown at all. Pure, and quick on texts of a megabyte: texts are
compared slice by slice, never character by character.
"""

from __future__ import annotations

from dataclasses import dataclass

from tabtab_local.edits import Span, shared_end, shared_start
from tabtab_local.prompt import RecentEdit

# As in the training data: a longer edit is left out, and so are all but the last few.
MAX_CHARACTERS = 300
MAX_EDITS = 3


@dataclass(frozen=True)
class History:
    """What was edited in a document, oldest first, up to a state of it: `codes` is the code of each of its cells."""

    edits: tuple[RecentEdit, ...] = ()
    codes: tuple[str, ...] = ()

    def up_to(self, codes: tuple[str, ...]) -> History:
        """Return the history up to another state.

        Where more than half of the text is gone it is another text, about which the edits of the old one say nothing.
        """
        same_cells = len(codes) == len(self.codes)
        pairs = list(zip(self.codes, codes, strict=True)) if same_cells else [("\n".join(self.codes), "\n".join(codes))]
        gone = [changed_lines(*pair)[0] for pair in pairs]
        if 2 * sum(span.end - span.start for span in gone) > sum(map(len, self.codes)):
            return History((), codes)
        edits = self.edits
        for old, new in pairs if same_cells else ():
            edits = remember(edits, old, new) if old != new else edits
        return History(edits, codes)


def changed_lines(old: str, new: str) -> tuple[Span, Span]:
    """Return the whole lines, ends included, that differ: where they stand in `old`, and in `new`.

    Both spans start at the same offset, and what follows them is the same. Both are empty for equal texts.

    Example: "a\\nb\\nc\\n", "a\\nB\\nB\\nc\\n" → Span(2, 4), Span(2, 6)
    """
    same = shared_start(old, new)
    if same == len(old) == len(new):
        return Span(same, same), Span(same, same)
    start = old.rfind("\n", 0, same) + 1
    kept = shared_end(old, new, start)
    old_end, new_end = len(old) - kept, len(new) - kept
    if not (_is_line_start(old, old_end, start) and _is_line_start(new, new_end, start)):
        newline = old.find("\n", old_end)
        moved = (newline + 1 if newline >= 0 else len(old)) - old_end
        old_end, new_end = old_end + moved, new_end + moved
    return Span(start, old_end), Span(start, new_end)


def recent_edit(old: str, new: str) -> RecentEdit | None:
    """Return what was changed between two states of the code, None where that is nothing or too long to show.

    Example: "a\\nb\\n", "a\\nx\\nb\\n" → RecentEdit("a", "a\\nx")
    """
    before, after = changed_lines(old, new)
    if max(before.end - before.start, after.end - after.start) > MAX_CHARACTERS + 1:
        return None
    start = _shown_start(old, before, after)
    original, updated = old[start : before.end].rstrip("\n"), new[start : after.end].rstrip("\n")
    if max(len(original), len(updated)) > MAX_CHARACTERS or original == updated:
        return None
    return RecentEdit(original, updated)


def remember(history: tuple[RecentEdit, ...], old: str, new: str, *, limit: int = MAX_EDITS) -> tuple[RecentEdit, ...]:
    """Return `history`, oldest first, with what was changed between two states: at most `limit` edits.

    A change of lines that the last edit shows continues it: the two become one, and nothing where the second takes the
    first back. Which lines those are is told by their text, so a change elsewhere of lines that read just the same
    counts as a continuation too. A change that is too long to show is not remembered.
    """
    made = recent_edit(old, new)
    if made is None or limit < 1:
        return history[max(0, len(history) - limit) :]
    base = _taken_back(history[-1], old, new) if history else None
    if base is not None:
        joined = recent_edit(base, new)
        if joined is not None:
            history, made = history[:-1], joined
        elif base == new:
            return history[:-1]
    return (*history, made)[-limit:]


def _taken_back(last: RecentEdit, old: str, new: str) -> str | None:
    """Return `old` without the `last` edit, where the change to `new` touches the lines that the edit shows."""
    before, after = changed_lines(old, new)
    start = _shown_start(old, before, after)
    size = len(last.updated)
    # The last line ends of an edit are not shown: the empty line that Enter has opened belongs to it.
    above = before.start - 1 if before.of(old) == "\n" else -1
    at = old.find(last.updated, max(0, start - 1 - size), before.end + size)
    while at >= 0:
        end = at + size
        if (at == 0 or old[at - 1] == "\n") and (end == len(old) or old[end] == "\n"):
            if at < before.end and end > start:
                return old[:at] + last.original + old[end:]
            if end == above:
                return old[:at] + last.original + old[before.end - 1 :]
        at = old.find(last.updated, at + 1, before.end + size)
    return None


def _shown_start(old: str, before: Span, after: Span) -> int:
    """Return where the lines to show start: with the line above where lines only come or go."""
    if before.start < before.end and after.start < after.end:
        return before.start
    return old.rfind("\n", 0, max(0, before.start - 1)) + 1


def _is_line_start(text: str, offset: int, start: int) -> bool:
    """Return whether a line begins at `offset`; one begins at `start`."""
    return offset == start or text[offset - 1] == "\n"
