"""A peer in a replay: a backend, which is another program's engine, asked with one kind of prompt.

All peers are treated alike. Typing what is suggested keeps the suggestion, by the same rule as ours: llama.vim does so
too. Nothing is prepared in pauses. With random weights the suggestion is the right answer, of which as much is shown as
the backend has written tokens.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

import psutil

from bench.peer.question import PromptKind, Question, describe, question
from bench.peer.ruler import Ruler
from tabtab_local.edits import Edit
from tabtab_local.replay.asker import Moment, Work
from tabtab_local.suggestion import Suggestion


@dataclass(frozen=True)
class Reply:
    """What a backend wrote, without what ended it, and the tokens that it took, the one that ended it included."""

    text: str
    evaluated_tokens: int
    decoded_tokens: int
    drafted_tokens: int = 0
    accepted_tokens: int = 0


Tell = Callable[[str, int], None]
"""Told the text so far and the number of its tokens."""


class Backend(Protocol):
    """An engine that continues a text."""

    @property
    def processes(self) -> Sequence[psutil.Process]:
        """The processes in which it computes, besides this one."""
        ...

    def complete(self, asked: Question, tell: Tell, cancel: Callable[[], bool]) -> Reply:
        """Answer up to one of `asked.stops`, until `asked.enough`, or with `asked.max_tokens` tokens.

        Raises `Cancelled` as soon as it can once `cancel` says yes, and `ModelError`.
        """
        ...

    def settings(self) -> dict[str, object]:
        """Return what it runs with, as values for JSON."""
        ...

    def close(self) -> None:
        """Give everything back, and end what was started."""
        ...


class Peer:
    """An `Asker` that asks a `backend`, which it closes; `told` says whether it goes by the traces' right answers."""

    def __init__(self, name: str, backend: Backend, kind: PromptKind, ruler: Ruler, *, told: bool) -> None:
        self._name = name
        self._backend = backend
        self._kind: PromptKind = kind
        self._ruler = ruler
        self._told = told
        self._process = psutil.Process()
        self._shown: Suggestion | None = None

    @property
    def name(self) -> str:
        """How the tables call it."""
        return self._name

    def settings(self) -> dict[str, object]:
        """Return what was measured, as values for JSON."""
        return {
            **self._backend.settings(),
            "prompt": describe(self._kind, self._ruler, told=self._told),
            "answers": _answers(self._told),
            "type_through": True,
            "prefetch": False,
        }

    def open(self, moment: Moment) -> None:
        """Forget the suggestion; the backend's cache is its own matter."""
        self._shown = None

    def update(self, moment: Moment) -> bool:
        """Tell whether the suggestion that was shown goes on with what has been typed."""
        self._shown = self._shown.typed_along(moment.document) if self._shown else None
        return self._shown is not None

    def accept(self, moment: Moment) -> bool:
        """Do as for any change: nothing is left of a suggestion that was taken."""
        return self.update(moment)

    def idle(self, cancel: Callable[[], bool]) -> None:
        """Do nothing."""

    def ask(self, moment: Moment, show: Callable[[str], None], cancel: Callable[[], bool]) -> Work:
        """Ask the backend once. Raises `Cancelled`."""
        asked = question(self._kind, moment, self._ruler, told=self._told)

        def ghost(text: str, tokens: int) -> str:
            written = self._ruler.text(asked.truth[:tokens]) if asked.truth else text
            return asked.insertion(written)

        def tell(text: str, tokens: int) -> None:
            if shown := ghost(text, tokens):
                show(shown)

        reply = self._backend.complete(asked, tell, cancel)
        found = ghost(reply.text, reply.decoded_tokens)
        if found and not cancel():
            edit = Edit(moment.document.cursor, moment.document.cursor, found)
            self._shown = Suggestion(moment.document, (edit,), None, "", None, 1.0, None)
        return Work(
            ghost=found,
            visible=bool(found),
            evaluated_tokens=reply.evaluated_tokens,
            drafted_tokens=reply.drafted_tokens,
            accepted_tokens=reply.accepted_tokens,
            decoded_tokens=reply.decoded_tokens,
        )

    def cpu_s(self) -> float:
        """Return the processor time of this process and of the backend's."""
        return time.process_time() + sum(map(_cpu_s, self._backend.processes))

    def memory_bytes(self) -> int:
        """Return what is resident of this process and of the backend's."""
        return sum(int(process.memory_info().rss) for process in (self._process, *self._backend.processes))

    def close(self) -> None:
        """End the backend."""
        self._backend.close()
        self._ruler.close()


def _answers(told: bool) -> str:
    if told:
        return "random weights: as many tokens as the right answer has, which is what is shown"
    return "the model's own"


def _cpu_s(process: psutil.Process) -> float:
    try:
        times = process.cpu_times()
    except psutil.Error:  # it has just ended
        return 0.0
    return float(times.user + times.system)
