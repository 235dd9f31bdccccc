"""Recorded editing traces: what a person did, press by press, and the document after each press.

Three things are as editors do them:

    Enter       is one key: it inserts the newline together with the blanks that follow it in the typed text, be they
                deeper or shallower than the line before
    Backspace   deletes one character, but in a line's indentation up to four blanks, back to a column that four divides
    Tab         takes a suggestion: one key, whatever it inserts

Lines and columns are those of the text that a person sees: the file's, and in Jupyter notebooks the cell's.
`load.py` reads traces from files; `speed.py` says how long a key takes. Pure.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from tabtab_local.document import Document, Kind, open_document
from tabtab_local.edits import Edit, Position, apply, offset_of, position_of
from tabtab_local.errors import DocumentError, TabTabError
from tabtab_local.jupyter import ipynb_edit, parse_ipynb
from tabtab_local.notebook import code_cell, split_indent

# Lines with text that the continuation goes on for after the cursor's line.
AHEAD_LINES = 0

_INDENT_COLUMNS = 4
_KEY = re.compile(r"\n[ \t]*|.", re.DOTALL)


@dataclass(frozen=True)
class Type:
    """The person types `text`, one key after the other."""

    text: str


@dataclass(frozen=True)
class Backspace:
    """The person presses Backspace `count` times."""

    count: int


@dataclass(frozen=True)
class Pause:
    """The person thinks for `ms`, besides the time that lies between any two keys."""

    ms: int


@dataclass(frozen=True)
class Jump:
    """The person puts the cursor elsewhere: `line` and `column` from 1; without a column, the line's end.

    `cell` counts from 1 and stands for Jupyter notebooks only; None is the cell where the cursor is.
    """

    line: int
    column: int | None = None
    cell: int | None = None


@dataclass(frozen=True)
class Accept:
    """The person takes a suggestion, which inserts `text` at the cursor."""

    text: str


Event = Type | Backspace | Pause | Jump | Accept
StepKind = Literal["jump", "type", "backspace", "accept"]


@dataclass(frozen=True)
class Trace:
    """One piece of work: the file's `text` at first, what the person did, and the `final` text that it led to.

    Jupyter notebooks are JSON in both. `name` is the trace's file without its suffix.
    """

    name: str
    title: str
    source: str
    kind: Kind
    text: str
    events: tuple[Event, ...]
    final: str


@dataclass(frozen=True)
class Step:
    """One press of a key, or one jump, and what it led to.

    `key` is what it inserts in what the person sees: a character, a newline with its indentation, an accepted text; ""
    for Backspace and jumps. `document` is that after it. `pause_ms` is the thinking before it. `after_jump` says that
    it is the first at a new place. `continuation` is what a good suggestion would insert in the document's code at its
    cursor now (see `steps`). `event` is the number of the event that it belongs to, from 1.
    """

    kind: StepKind
    key: str
    document: Document
    pause_ms: int
    after_jump: bool
    continuation: str
    event: int

    @property
    def is_key(self) -> bool:
        """Whether a key was pressed; a jump may come from the mouse."""
        return self.kind != "jump"


def steps(trace: Trace, ahead_lines: int = AHEAD_LINES) -> Iterator[Step]:
    """Yield every press of a key and every jump of a trace, in order. The first is a jump in the text at first.

    The **continuation** is what stands at this place when the person leaves it by a jump: mistakes that are typed and
    deleted on the way are no part of it, and pauses do not end it, as they are when suggestions are read. It reaches to
    the end of the cursor's line and `ahead_lines` lines with text further. It is "" where nothing more is inserted, and
    where text before the cursor is still to be changed: nothing that is inserted behind it would be right.

    Raises `DocumentError`, which names the event, for a place that is not in the text or not in a cell.
    """
    states = list(_states(trace))
    after_jump = False
    for state, last in zip(states, _leaving(states), strict=True):
        document = _document(trace, state)
        yield Step(
            kind=state.kind,
            key=state.key,
            document=document,
            pause_ms=state.pause_ms,
            after_jump=after_jump,
            continuation=_in_code(document, _bounded(_inserted(state, last), ahead_lines)),
            event=state.event,
        )
        after_jump = state.kind == "jump"


def check(trace: Trace) -> None:
    """Raise `DocumentError`, which names the event, unless the events can be done and lead to the final text."""
    last = None
    for last in _states(trace):
        if last.kind == "jump":
            _document(trace, last)
    if last is None or not _same_text(trace.kind, last.file, trace.final):
        raise DocumentError("the events do not lead to the final text: correct the one or the other")


def keys_of(text: str) -> list[str]:
    """Return what each press of a key inserts when `text` is typed."""
    return _KEY.findall(text)


def backspace_length(text: str, offset: int) -> int:
    """Return how many characters Backspace deletes before `offset`: 0 at the start of the text."""
    before = text[text.rfind("\n", 0, offset) + 1 : offset]
    if before and not before.strip(" "):
        return (len(before) - 1) % _INDENT_COLUMNS + 1
    return min(offset, 1)


@dataclass(frozen=True)
class _State:
    """The file after a step, what the person sees of it, and the cursor's `offset` in that.

    `cell` counts from 1, None where the file has no numbered cells.
    """

    file: str
    seen: str
    offset: int = 0
    cell: int | None = None
    kind: StepKind = "jump"
    key: str = ""
    pause_ms: int = 0
    event: int = 1


def _states(trace: Trace) -> Iterator[_State]:
    """Yield the state after every step, without the time that opening documents takes."""
    state = _State(trace.text, "" if trace.kind == "jupyter" else trace.text)
    pause_ms = 0
    if not trace.events or not isinstance(trace.events[0], Jump):
        raise DocumentError("the trace must begin with a jump, which says where the cursor is: add one")
    for number, event in enumerate(trace.events, start=1):
        state = replace(state, event=number)
        if isinstance(event, Pause):
            pause_ms += event.ms
            continue
        for after in _done(state, event):
            state = replace(after, pause_ms=pause_ms)
            pause_ms = 0
            yield state
    if pause_ms:
        raise DocumentError(f"event {len(trace.events)}: nothing follows the pause: remove it")


def _done(state: _State, event: Event) -> Iterator[_State]:
    """Yield the states to which an event leads. Raises `DocumentError` where it cannot be done."""
    if isinstance(event, Jump):
        yield _jumped(state, event)
    elif isinstance(event, Accept):
        yield _changed(state, "accept", event.text)
    elif isinstance(event, Type):
        for key in keys_of(event.text):
            state = _changed(state, "type", key)
            yield state
    elif isinstance(event, Backspace):
        for _ in range(event.count):
            length = backspace_length(state.seen, state.offset)
            if not length:
                raise DocumentError(f"event {state.event}: Backspace at the start of the text: press it less often")
            state = _changed(state, "backspace", "", length)
            yield state


def _jumped(state: _State, jump: Jump) -> _State:
    seen, cell = state.seen, state.cell if jump.cell is None else jump.cell
    try:
        if cell is not None and cell != state.cell:
            notebook = parse_ipynb(state.file)
            seen = notebook.cells[code_cell(notebook, cell)].code
        column = 1 if jump.column is None else jump.column
        offset = offset_of(seen, Position(jump.line, column))
    except TabTabError as error:
        raise DocumentError(f"event {state.event}: {error}") from error
    if jump.column is None:
        end = seen.find("\n", offset)
        offset = len(seen) if end < 0 else end
    return replace(state, seen=seen, cell=cell, offset=offset, kind="jump", key="")


def _changed(state: _State, kind: StepKind, key: str, deleted: int = 0) -> _State:
    """Return the state after `deleted` characters before the cursor are gone and `key` stands there."""
    edit = Edit(state.offset - deleted, state.offset, key)
    seen = apply(state.seen, [edit])
    file = seen if state.cell is None else apply(state.file, ipynb_edit(state.file, state.cell - 1, [edit]))
    return replace(state, file=file, seen=seen, offset=edit.start + len(key), kind=kind, key=key)


def _document(trace: Trace, state: _State) -> Document:
    if trace.kind == "jupyter" and state.cell is None:
        raise DocumentError(f"event {state.event}: the first jump in a Jupyter notebook must name its cell: add one")
    place = position_of(state.seen, state.offset)
    try:
        document = open_document(
            state.file, jupyter=trace.kind == "jupyter", line=place.line, column=place.column, cell=state.cell
        )
    except TabTabError as error:
        raise DocumentError(f"event {state.event}: {error}") from error
    if document.kind != trace.kind:
        raise DocumentError(f"event {state.event}: the text is of kind {document.kind}, the trace {trace.kind}")
    return document


def _leaving(states: Sequence[_State]) -> list[_State]:
    """Return for each state the last one before the next jump."""
    last: list[_State] = []
    for i in reversed(range(len(states))):
        stays = i + 1 < len(states) and states[i + 1].kind != "jump"
        last.append(last[-1] if stays else states[i])
    return last[::-1]


def _inserted(now: _State, then: _State) -> str:
    """Return what stands at the cursor of `now` by `then`, where the text before it is the same."""
    if then.seen[: now.offset] != now.seen[: now.offset]:
        return ""
    return then.seen[now.offset : len(then.seen) - (len(now.seen) - now.offset)]


def _in_code(document: Document, text: str) -> str:
    """Return text to be inserted in what a person sees as text to be inserted in the document's code."""
    if document.kind != "marimo" or document.notebook is None:
        return text
    indent = document.notebook.cells[document.cell].indent
    first, *others = text.split("\n")
    return "\n".join([first, *(split_indent(line, indent)[1] for line in others)])


def _bounded(text: str, ahead_lines: int) -> str:
    """Return the beginning of `text`: the rest of a line and up to `ahead_lines` lines with text."""
    lines = text.split("\n")
    end = 1
    while end < len(lines) and sum(bool(line.strip()) for line in lines[1:end]) < ahead_lines:
        end += 1
    while end > 1 and not lines[end - 1].strip():
        end -= 1
    return "\n".join(lines[:end])


def _same_text(kind: Kind, text: str, other: str) -> bool:
    # Equal notebooks can be written in more than one way.
    return parse_ipynb(text) == parse_ipynb(other) if kind == "jupyter" else text == other
