"""The thread that asks for suggestions while an editor goes on: the newest request wins, and then it looks ahead.

It sleeps where there is nothing to do. A server or a benchmark has one for an engine, with a session for each document.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass

from tabtab_local.document import Document
from tabtab_local.errors import Cancelled, TabTabError
from tabtab_local.session import Session
from tabtab_local.suggestion import Suggestion

# Somebody who types on takes 0.2 seconds to the next key; preparing what comes after Tab waits a little longer.
PREFETCH_DELAY_S = 0.3


@dataclass(frozen=True)
class Told:
    """Who wants to know of a request: of the growing text at the cursor, of its end, and of what went wrong."""

    ghost: Callable[[str], None]
    suggestion: Callable[[Suggestion], None]
    error: Callable[[TabTabError], None]


@dataclass(frozen=True)
class _Request:
    """An update that has come; `shown` is what it got at once."""

    number: int
    session: Session
    told: Told
    shown: Suggestion | None


class Worker:
    """One thread over any number of sessions; close it, or use it in a `with` statement, to end it."""

    def __init__(self, *, prefetch: bool = True, prefetch_delay_s: float = PREFETCH_DELAY_S) -> None:
        self._prefetch = prefetch
        self._delay_s = prefetch_delay_s
        self._wake = threading.Condition()
        self._waiting: _Request | None = None
        self._newest: Session | None = None
        self._number = 0
        self._closed = False
        self._thread = threading.Thread(target=self._work, name="tabtab-worker", daemon=True)
        self._thread.start()

    def update(self, session: Session, document: Document, told: Told) -> Suggestion | None:
        """Take in a change, and ask for a suggestion unless one is still valid, which is returned.

        Returns at once; `told` hears of the rest from the worker's thread, and nothing where a newer request came.
        Raises `UsageError` for a cursor outside the code.
        """
        with self._wake:
            shown = session.update(document)
            self._number += 1
            self._newest = session
            self._waiting = _Request(self._number, session, told, shown)
            self._wake.notify()
        return shown

    def close(self) -> None:
        """Stop what runs, and end the thread."""
        with self._wake:
            self._closed = True
            self._number += 1
            self._newest = None
            self._wake.notify()
        self._thread.join()

    def __enter__(self) -> Worker:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _work(self) -> None:
        while (request := self._next()) is not None:
            try:
                self._serve(request)
            except Exception:
                # A callback's mistake is its author's to see, and must not leave everybody without suggestions.
                threading.excepthook(threading.ExceptHookArgs((*sys.exc_info(), threading.current_thread())))

    def _serve(self, request: _Request) -> None:
        session, told = request.session, request.told

        def newer() -> bool:
            return self._number != request.number

        def elsewhere() -> bool:
            # Of its own updates a session knows by itself, and goes on reading what the next key needs, too.
            return self._newest is not session

        def show(text: str) -> None:
            if not newer():
                told.ghost(text)

        try:
            suggestion = session.suggest(show=show, cancel=elsewhere)
        except Cancelled:
            return
        except TabTabError as error:
            if not newer():
                told.error(error)
            return
        if suggestion is not request.shown and not newer():
            told.suggestion(suggestion)
        # What fails from here on is told where it is asked for, if it ever is.
        with suppress(TabTabError):
            session.widen(newer)
            if self._prefetch and not suggestion.silence and not self._interrupted(request.number):
                session.prefetch(newer)

    def _next(self) -> _Request | None:
        """Wait for a request; return it, or nothing at the end."""
        with self._wake:
            self._wake.wait_for(lambda: self._waiting is not None or self._closed)
            request, self._waiting = self._waiting, None
            return None if self._closed else request

    def _interrupted(self, number: int) -> bool:
        """Wait a little; return whether a newer request came meanwhile."""
        with self._wake:
            return self._wake.wait_for(lambda: self._number != number, self._delay_s)
