"""Who is asked in a replay: our session, or another engine behind the same few methods.

A replay knows the person and the clock; an `Asker` knows how suggestions are made. Whatever is timed is timed by the
replay, in the same way for all: from the key press to the first call of `show`, and to the return of `ask`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, Protocol

from tabtab_local.document import Document

Action = Literal["jump", "type", "backspace", "accept"]


@dataclass(frozen=True)
class Moment:
    """What a person has before them right after a step of a trace, and where the trace is going.

    `trace` is its name and `number` the step's, from 0. `document` is the text and the cursor after the step.
    `continuation` is what a perfect suggestion would insert at that cursor: the true answer, for engines that are told
    it and for sizing an answer. "" means that nothing is to be suggested.
    """

    trace: str
    number: int
    action: Action
    document: Document
    continuation: str


@dataclass(frozen=True)
class Work:
    """What an answer took, in tokens, and the ghost text that it came to; "" for silence and for an edit elsewhere."""

    ghost: str = ""
    visible: bool = False
    evaluated_tokens: int = 0
    drafted_tokens: int = 0
    accepted_tokens: int = 0
    decoded_tokens: int = 0


class Asker(Protocol):
    """Something that makes suggestions while a person types.

    `open`, `update` and `accept` are called by the thread that types, which waits for them; `ask` and `idle` by one
    other thread, one at a time. `ask` may still be running when `update` is called: its `cancel` then says yes.
    """

    @property
    def name(self) -> str:
        """How the tables call it."""
        ...

    def open(self, moment: Moment) -> None:
        """Another document is opened: nothing of what was asked before helps."""
        ...

    def update(self, moment: Moment) -> bool:
        """The text or the cursor has changed; tell whether what is on screen still holds, so that nothing is asked."""
        ...

    def ask(self, moment: Moment, show: Callable[[str], None], cancel: Callable[[], bool]) -> Work:
        """Answer for `moment`; `show` gets the ghost text as it grows.

        Raises `Cancelled` as soon as it can once `cancel` says yes.
        """
        ...

    def idle(self, cancel: Callable[[], bool]) -> None:
        """Use the time in which nothing is asked, until there is nothing more to do or `cancel` says yes."""
        ...

    def accept(self, moment: Moment) -> bool:
        """The person took what the trace has for a suggestion, which led to `moment`; else like `update`."""
        ...

    def cpu_s(self) -> float:
        """Return the processor time that has been used so far, in all processes that take part."""
        ...

    def memory_bytes(self) -> int:
        """Return the memory that is resident now, in all processes that take part."""
        ...

    def settings(self) -> dict[str, object]:
        """Return what a result should be read with, as values that `json.dumps` takes."""
        ...

    def close(self) -> None:
        """Give everything back."""
        ...
