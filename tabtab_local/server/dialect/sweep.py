"""Sweep's next-edit prompt, as Zed renders it: blocks of files, of which the last one is to be written. Pure.

    <|file_sep|>PATH.diff          the last edits, each with what stood there before and after
    original:
    …
    updated:
    …
    <|file_sep|>original/PATH      the lines around the cursor before the last of them
    <|file_sep|>current/PATH       as they are
    <|file_sep|>updated/PATH       the answer

The window holds ten lines on each side of the cursor, which is not marked: it stands where the window was changed last.
A block ends with a newline whether the window does or not, and the answer must have exactly the window's own.
"""

from __future__ import annotations

from dataclasses import dataclass

from tabtab_local.desk.ask import Ask, ask_at
from tabtab_local.edits import Span, shared_end, shared_start
from tabtab_local.prompt import RecentEdit
from tabtab_local.recent import recent_edit

_SEPARATOR = "<|file_sep|>"
_LINES = 10


@dataclass(frozen=True)
class Window:
    """The lines around the cursor of the file `path`, where the cursor is likely to stand, and the last edits."""

    path: str
    text: str
    caret: int
    recent_edits: tuple[RecentEdit, ...]

    def ask(self) -> Ask:
        """Return the question about the window."""
        window = Span(0, len(self.text))
        return ask_at("sweep", self.text, self.caret, name=self.path, recent_edits=self.recent_edits, window=window)


def is_rendered(prompt: str) -> bool:
    """Return whether a prompt is made of blocks, whether they can be read or not."""
    return prompt.startswith(_SEPARATOR)


def parse(prompt: str) -> Window | None:
    """Return the window that a prompt asks about, None for a prompt of another kind.

    None also where the last blocks are not these three, as where the code holds what separates them.
    """
    if not is_rendered(prompt):
        return None
    blocks = [block.partition("\n") for block in prompt.removeprefix(_SEPARATOR).split(_SEPARATOR)]
    names, path = [name for name, _, _ in blocks], blocks[-1][0].removeprefix("updated/")
    window = [f"original/{path}", f"current/{path}", f"updated/{path}"]
    if names[-3:] != window or not {*window}.isdisjoint(names[:-3]) or blocks[-1][2]:
        return None
    original, current = blocks[-3][2], blocks[-2][2]
    edits = (_edit(content) for name, _, content in blocks if name.endswith(".diff"))
    recent = tuple(edit for edit in edits if edit)
    text = current.removesuffix("\n")
    caret = _caret(original.removesuffix("\n"), text, recent)
    rows, row = text.count("\n") + 1, min(_LINES, text.count("\n", 0, caret))
    # Where fewer lines follow than the window has room for, it goes to the end of the file, and that is a line end.
    reaches_end = rows <= 2 * _LINES and rows - 1 - row < _LINES
    return Window(path, current if reaches_end else text, caret, recent)


def _edit(content: str) -> RecentEdit | None:
    """Return what a block of a `.diff` tells, None where that is too long to be shown."""
    original, found, updated = content.removeprefix("original:\n").partition("\nupdated:\n")
    return recent_edit(f"{original}\n", updated) if found else None


def _caret(original: str, current: str, recent: tuple[RecentEdit, ...]) -> int:
    """Return the end of what was changed last, or that of the middle line where nothing tells."""
    if original != current:
        start = shared_start(original, current)
        return len(current) - shared_end(original, current, start)
    place = current.find(recent[-1].updated) if recent else -1
    if place >= 0:
        same = shared_start(recent[-1].original[::-1], recent[-1].updated[::-1])
        return place + max(0, len(recent[-1].updated) - same)
    lines = current.split("\n")
    return len("\n".join(lines[: len(lines) // 2 + 1]))
