"""Many clients, one engine: who waits for what, and who is told that it no longer matters.

A document has a session, so that a client which sends everything on each key still costs a token or two. One thread
computes, a document at a time, in the order in which they asked; of one document only the newest request counts. The
same question asked twice is computed once. What nobody waits for any more is stopped.
"""

from __future__ import annotations

import asyncio
import sys
import threading
from collections import deque
from concurrent.futures import Future, InvalidStateError
from contextlib import suppress
from dataclasses import dataclass
from itertools import chain
from typing import Literal

from tabtab_local.complete import complete
from tabtab_local.desk.ask import Ask
from tabtab_local.desk.offer import Event, Offers
from tabtab_local.desk.same import goes_on
from tabtab_local.engine import Engine
from tabtab_local.errors import Cancelled, TabTabError
from tabtab_local.feedback.record import Note, unnoted
from tabtab_local.session import Session, suggestion_of
from tabtab_local.suggestion import Suggestion

Reason = Literal["superseded", "late", "busy", "gone", "closing"]


class Dropped(Exception):
    """A request that is not answered: a newer one came, its time was up, too many wait, or nobody listens."""

    def __init__(self, reason: Reason) -> None:
        super().__init__(reason)
        self.reason = reason


@dataclass(frozen=True)
class Limits:
    """What the desk takes on at once."""

    documents: int = 32
    """Documents that are remembered; the one that was asked about longest ago is forgotten first."""

    waiting: int = 16
    """Documents that wait for their turn; beyond that the one that has waited longest is dropped."""

    deadline_s: float = 10.0
    """How long a client is kept waiting."""

    prefetch_delay_s: float = 0.3
    """How long nobody must have asked before what comes after Tab is prepared: the next key takes about 0.2 s."""


class _Job:
    """A question on its way, and its answer, for which one client waits or several."""

    def __init__(self, ask: Ask, place: _Place) -> None:
        self.ask, self.place = ask, place
        self.answer: Future[Suggestion] = Future()
        self.waiters = 0

    def is_over(self) -> bool:
        """Return whether nobody needs the answer any more."""
        return self.answer.done()

    def drop(self, reason: Reason) -> None:
        """Tell those who wait that there will be no answer."""
        self.settle(Dropped(reason))

    def settle(self, found: Suggestion | Exception) -> None:
        """Tell those who wait what was found, unless they have been told something already."""
        with suppress(InvalidStateError):
            if isinstance(found, Exception):
                self.answer.set_exception(found)
            else:
                self.answer.set_result(found)


class _Place:
    """A document that a client asks about: its session, what was shown of it, and the newest question."""

    def __init__(self, ask: Ask, session: Session, offers: Offers) -> None:
        self.session, self.offers = session, offers
        self.job = _Job(ask, self)

    def is_left(self) -> bool:
        """Return whether nobody waits for the newest question about it.

        An older one may go on being read for: the session knows what of it the newer one needs, and stops the rest.
        """
        return self.job.is_over()


class Desk:
    """Takes questions in an event loop and has them answered by a thread; close it at the end.

    `note` is told of each suggestion that a client showed, once it is known what became of it.
    """

    def __init__(self, engine: Engine, limits: Limits | None = None, note: Note = unnoted) -> None:
        self._engine, self._limits, self._note = engine, limits or Limits(), note
        self._places: list[_Place] = []  # the one asked about last at the end
        self._opened = 0
        self._wake = threading.Condition()
        self._waiting: deque[_Job] = deque()
        self._closed = False
        self._thread = threading.Thread(target=self._work, name="tabtab-desk", daemon=True)
        self._thread.start()

    async def suggestion(self, ask: Ask) -> Suggestion:
        """Return what is suggested. A caller that is cancelled does not wait any more.

        Raises `Dropped` where there is no answer, `TabTabError` where the session fails.
        """
        job = self._job(ask)
        job.waiters += 1
        answer = asyncio.wrap_future(job.answer)
        answer.add_done_callback(_seen)
        try:
            async with asyncio.timeout(self._limits.deadline_s):
                return await asyncio.shield(answer)
        except TimeoutError:
            raise Dropped("late") from None
        finally:
            job.waiters -= 1
            if not job.waiters:
                job.drop("gone")

    def shown(self, number: int, ask: Ask, suggestion: Suggestion) -> None:
        """Take in that a client shows what is suggested, and may tell of it by a number; not if it has asked again."""
        for place in self._places:
            if place.job.ask == ask:
                place.offers.show(number, ask, suggestion)

    def tell(self, number: int, event: Event) -> bool:
        """Take in what the user has done with a suggestion; return whether that was still to be known.

        What was rejected is not suggested again.
        """
        for place in self._places:
            if offer := place.offers.find(number):
                shown = place.session.shown
                if event == "rejected" and shown and shown.exchange is offer.exchange:
                    place.session.reject()
                place.offers.tell(offer, event)
                return True
        return False

    @property
    def deadline_s(self) -> float:
        """How long a client is kept waiting."""
        return self._limits.deadline_s

    @property
    def load(self) -> tuple[int, int]:
        """How many documents are remembered, and how many wait for their turn."""
        return len(self._places), len(self._waiting)

    def close(self) -> None:
        """Stop what runs, and end the thread."""
        with self._wake:
            self._closed = True
            for job in (*self._waiting, *(place.job for place in self._places)):
                job.drop("closing")
            self._wake.notify()
        self._thread.join()
        for place in self._places:
            place.offers.close()

    def __enter__(self) -> Desk:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _job(self, ask: Ask) -> _Job:
        """Return the job that answers `ask`: one that is on its way, or a new one."""
        place = self._place(ask)
        if place is None:
            self._opened += 1
            session = Session(self._engine, name=f"desk {self._opened}")
            place = _Place(ask, session, Offers(self._engine.model.name, self._note))
        elif place.job.ask == ask and not place.job.is_over():
            return place.job
        else:
            self._places.remove(place)
            # The thread may look at any moment: somebody waits for the new one before the old one is given up.
            before, place.job = place.job, _Job(ask, place)
            before.drop("superseded")
            place.offers.follow(ask)
        self._places.append(place)
        if len(self._places) > self._limits.documents:
            self._places.pop(0).offers.close()
        job, session = place.job, place.session
        shown = session.update(ask.document)
        if ask.recent_edits:
            session.recall(ask.recent_edits)
        if shown and not ask.intent:
            job.settle(shown)
            return job
        with self._wake:
            if self._closed:
                job.drop("closing")
            self._waiting = deque(each for each in self._waiting if not each.is_over())
            while len(self._waiting) >= self._limits.waiting:
                self._waiting.popleft().drop("busy")
            self._waiting.append(job)
            self._wake.notify()
        return job

    def _place(self, ask: Ask) -> _Place | None:
        """Return the place of the document that is asked about, if it is remembered: by its name, or by its text.

        That goes on from what it was, or else from what it is after Tab, or before one that was looked ahead of.
        """
        places = [place for place in reversed(self._places) if place.job.ask.whose == ask.whose]
        if ask.name:
            return places[0] if places else None
        # What is expected is put together only where no text is as it was.
        known = chain(
            ((place, place.job.ask.text) for place in places),
            ((place, text) for place in places for text in place.offers.expected),
        )
        return next((place for place, text in known if goes_on(text, ask.text, ask.caret)), None)

    def _work(self) -> None:
        while (job := self._next()) is not None:
            try:
                job.settle(self._suggested(job))
                self._look_ahead(job.place.session)
            except Cancelled:
                job.drop("superseded")
            except TabTabError as error:
                job.settle(error)
            except Exception as error:
                # Whoever waits must hear of it, and others must still be served.
                job.settle(error)
                threading.excepthook(threading.ExceptHookArgs((*sys.exc_info(), threading.current_thread())))

    def _suggested(self, job: _Job) -> Suggestion:
        """Return what the session suggests, or for who says what they want, what the model makes of that."""
        ask = job.ask
        if not ask.intent:
            return job.place.session.suggest(cancel=job.place.is_left)
        found = complete(
            self._engine, ask.document, intent=ask.intent, recent_edits=ask.recent_edits, cancel=job.is_over
        )
        return suggestion_of(ask.document, found)

    def _look_ahead(self, session: Session) -> None:
        """Read what was left out, and prepare what comes after Tab, while nobody asks."""
        with suppress(TabTabError):
            session.widen(self._is_asked)
            with self._wake:
                if self._wake.wait_for(self._is_asked, self._limits.prefetch_delay_s):
                    return
            session.prefetch(self._is_asked)

    def _is_asked(self) -> bool:
        return bool(self._waiting) or self._closed

    def _next(self) -> _Job | None:
        """Wait for a question that somebody waits for; return nothing at the end."""
        with self._wake:
            while True:
                self._wake.wait_for(self._is_asked)
                if self._closed:
                    return None
                job = self._waiting.popleft()
                if not job.is_over():
                    return job


def _seen(answer: asyncio.Future[Suggestion]) -> None:
    """Look at an answer: asyncio complains of an exception that nobody looks at, as where the caller has left."""
    if not answer.cancelled():
        answer.exception()
