"""Our own session as the one that is asked in a replay."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import asdict

import psutil

from tabtab_local.config import Settings
from tabtab_local.desk.desk import Limits
from tabtab_local.document import Document
from tabtab_local.engine import Engine
from tabtab_local.replay.asker import Moment, Work
from tabtab_local.session import SESSION_SETTINGS, Session
from tabtab_local.suggestion import Suggestion

_NAP_S = 0.001
_PREFETCH_DELAY_S = Limits().prefetch_delay_s


class EachKeySession(Session):
    """A session that is asked at each key: what is on screen does not stay there while its beginning is typed."""

    def update(self, document: Document, cursor: int | None = None) -> Suggestion | None:
        """Take in that the text or the cursor has changed; return nothing."""
        super().update(document, cursor)
        self._shown = None
        return None


class SessionAsker:
    """Asks `engine` through a `Session`, a new one for each document that is opened; the engine stays the caller's.

    With `each_key` the model is asked at each key, even where what is typed was suggested: that is what a key costs
    that does not type through.
    """

    def __init__(
        self,
        engine: Engine,
        settings: Settings = SESSION_SETTINGS,
        *,
        name: str = "tabtab-local",
        each_key: bool = False,
    ) -> None:
        self._engine = engine
        self._settings = settings
        self._name = name
        self._kind = EachKeySession if each_key else Session
        self._opened = self._told = 0
        self._process = psutil.Process()
        self._session = self._kind(engine, settings)

    @property
    def name(self) -> str:
        """How the tables call it."""
        return self._name

    def open(self, moment: Moment) -> None:
        """Begin a session; its name is new, so that nothing read for the last one helps."""
        self._opened += 1
        self._session = self._kind(self._engine, self._settings, name=f"{moment.trace} {self._opened}")

    def update(self, moment: Moment) -> bool:
        """Tell the session of a change; return whether its suggestion still holds."""
        self._told += 1
        return self._session.update(moment.document) is not None

    def ask(self, moment: Moment, show: Callable[[str], None], cancel: Callable[[], bool]) -> Work:
        """Return what the newest suggestion took. Raises `Cancelled`."""
        told = self._told
        # Of the next press the session knows by itself; what it goes on reading then, the next answer needs. But where
        # nothing has changed, this is the end.
        return _work(self._session.suggest(show=show, cancel=lambda: cancel() and self._told == told))

    def idle(self, cancel: Callable[[], bool]) -> None:
        """Read what was left out, and after a little wait prepare what comes after Tab, as a `Desk` does."""
        self._session.widen(cancel)
        begins_s = time.monotonic() + _PREFETCH_DELAY_S
        while time.monotonic() < begins_s:
            if cancel():
                return
            time.sleep(_NAP_S)
        self._session.prefetch(cancel)

    def accept(self, moment: Moment) -> bool:
        """Accept what is shown where it is what the person takes; otherwise the text has just changed."""
        shown = self._session.shown
        if shown is not None and shown.accepted().code == moment.document.code:
            self._session.accept()
        return self.update(moment)

    def cpu_s(self) -> float:
        """Return this process's processor time."""
        return time.process_time()

    def memory_bytes(self) -> int:
        """Return what is resident of this process."""
        return int(self._process.memory_info().rss)

    def settings(self) -> dict[str, object]:
        """Return the settings of the session."""
        settings = asdict(self._settings)
        return {**settings, "gates": sorted(self._settings.gates), "each_key": self._kind is EachKeySession}

    def close(self) -> None:
        """Do nothing: the engine is the caller's."""


def _work(suggestion: Suggestion) -> Work:
    timings = suggestion.timings
    if timings is None:
        return Work(suggestion.ghost, bool(suggestion.edits))
    return Work(
        ghost=suggestion.ghost,
        visible=bool(suggestion.edits),
        evaluated_tokens=timings.evaluated_tokens,
        drafted_tokens=timings.drafted_tokens,
        accepted_tokens=timings.accepted_tokens,
        decoded_tokens=timings.decoded_tokens,
    )
