"""The thread behind an editor: who hears of what, what stops what, and that it sleeps where there is nothing to do."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from typing import Any

import pytest

from tabtab_local.document import Document
from tabtab_local.engine import UNGUIDED, Generation, Guide, never
from tabtab_local.errors import Cancelled, ModelError, UsageError
from tabtab_local.session import Session
from tabtab_local.worker import Told, Worker
from tests.editing import inserting, moved, python, typed
from tests.fakes import ScriptedEngine

BEFORE = python("import json\n\nrows = |\nprint(rows)\n")
LOAD = "json.load(file)"
OTHER = python("names = |\n")
_PATIENCE_S = 60.0


class Ears:
    """Somebody who wants to know, and notes what they hear."""

    def __init__(self) -> None:
        self.heard: queue.Queue[tuple[str, Any]] = queue.Queue()
        self.ghosts: list[str] = []
        self.told = Told(
            ghost=self.ghosts.append,
            suggestion=lambda suggestion: self.heard.put(("suggestion", suggestion)),
            error=lambda error: self.heard.put(("error", error)),
        )

    def next(self) -> tuple[str, Any]:
        """Return what is heard next; an error where that takes too long."""
        return self.heard.get(timeout=_PATIENCE_S)

    @property
    def ghost(self) -> str:
        """The text of the suggestion that is heard next."""
        kind, suggestion = self.next()
        assert kind == "suggestion", suggestion
        ghost: str = suggestion.ghost
        return ghost


class SlowEngine(ScriptedEngine):
    """Gives its answers only when it is told to `go`, and listens to `cancel` meanwhile; may fail instead."""

    def __init__(self, answers: Iterable[str] = (), *, goes: bool = False) -> None:
        super().__init__(answers)
        self.go = threading.Event()
        self.begun: queue.Queue[int] = queue.Queue()
        self.failure: Exception | None = None
        self.cancelled_tokens: list[int] = []
        if goes:
            self.go.set()

    def generate(
        self,
        prompt: str,
        start: str,
        *,
        max_tokens: int,
        stop: str,
        cancel: Callable[[], bool] = never,
        guide: Guide = UNGUIDED,
    ) -> Generation:
        """Wait, then answer as the script says."""
        self.begun.put(max_tokens)
        while not self.go.wait(0.001):
            if cancel():
                self.cancelled_tokens.append(max_tokens)
                raise Cancelled("a newer request has stopped this one")
        if self.failure:
            raise self.failure
        return super().generate(prompt, start, max_tokens=max_tokens, stop=stop, cancel=cancel, guide=guide)

    def wait_for_requests(self, count: int) -> None:
        """Return once so many requests have begun."""
        for _ in range(count):
            self.begun.get(timeout=_PATIENCE_S)


@pytest.fixture
def worker() -> Iterator[Worker]:
    with Worker(prefetch=False) as worker:
        yield worker


def test_a_request_is_answered_with_growing_text_and_a_suggestion_from_another_thread(worker: Worker) -> None:
    ears = Ears()
    threads = []

    def show(text: str) -> None:
        threads.append(threading.current_thread())
        ears.ghosts.append(text)

    session = Session(SlowEngine([inserting(BEFORE, LOAD)], goes=True))
    assert worker.update(session, BEFORE, replace(ears.told, ghost=show)) is None
    kind, suggestion = ears.next()
    assert kind == "suggestion" and session.shown is suggestion
    assert ears.ghosts[0] == LOAD[0] and ears.ghosts[-1] == LOAD
    assert set(threads) == {worker._thread}


def test_silence_is_told_too(worker: Worker) -> None:
    ears = Ears()
    worker.update(Session(SlowEngine([inserting(BEFORE)], goes=True)), BEFORE, ears.told)
    kind, suggestion = ears.next()
    assert kind == "suggestion" and suggestion.silence


@pytest.mark.parametrize("now", [moved(BEFORE, 0), typed(BEFORE, "x")], ids=["elsewhere", "typing on"])
def test_the_newest_request_wins_and_nobody_hears_of_the_others(worker: Worker, now: Document) -> None:
    first, second = Ears(), Ears()
    engine = SlowEngine([inserting(now, "y")])
    session = Session(engine)
    worker.update(session, BEFORE, first.told)
    engine.wait_for_requests(1)
    for _ in range(3):
        worker.update(session, BEFORE, first.told)
    worker.update(session, now, second.told)
    engine.go.set()
    assert second.ghost == "y"
    assert first.heard.empty() and first.ghosts == []


def test_a_request_for_another_document_stops_the_one_that_runs(worker: Worker) -> None:
    first, second = Ears(), Ears()
    slow, quick = SlowEngine(), SlowEngine([inserting(OTHER, "[]")], goes=True)
    worker.update(Session(slow), BEFORE, first.told)
    slow.wait_for_requests(1)
    worker.update(Session(quick), OTHER, second.told)
    assert second.ghost == "[]"
    assert slow.cancelled_tokens == [0] and first.heard.empty()


def test_typing_on_does_not_stop_the_reading_of_the_prompt_that_the_next_key_needs(worker: Worker) -> None:
    ears = Ears()
    now = typed(BEFORE, "js")
    engine = SlowEngine([inserting(now, "on")])
    session = Session(engine)
    worker.update(session, BEFORE, ears.told)
    engine.wait_for_requests(1)
    for text in ("j", "js"):
        worker.update(session, typed(BEFORE, text), ears.told)
    # A poll or two of `cancel`, which would stop it.
    time.sleep(0.02)
    engine.go.set()
    assert ears.ghost == "on"
    assert engine.cancelled_tokens == [] and [request.max_tokens for request in engine.requests].count(0) == 1


def test_going_elsewhere_in_the_document_stops_the_reading_of_a_prompt_that_is_of_no_use_now(worker: Worker) -> None:
    ears = Ears()
    now = moved(BEFORE, 0)
    engine = SlowEngine([inserting(now, "# ")])
    session = Session(engine)
    worker.update(session, BEFORE, ears.told)
    engine.wait_for_requests(1)
    worker.update(session, now, ears.told)
    engine.wait_for_requests(1)
    engine.go.set()
    assert ears.ghost == "# " and engine.cancelled_tokens == [0]


def test_the_same_document_asked_for_again_is_answered_to_who_asked_last(worker: Worker) -> None:
    first, second = Ears(), Ears()
    engine = SlowEngine([inserting(BEFORE, LOAD)])
    session = Session(engine)
    worker.update(session, BEFORE, first.told)
    engine.wait_for_requests(1)
    worker.update(session, BEFORE, second.told)
    engine.go.set()
    assert second.ghost == LOAD
    assert first.heard.empty()


def test_typing_what_is_suggested_is_answered_at_once_and_told_to_nobody(worker: Worker) -> None:
    ears = Ears()
    engine = SlowEngine([inserting(BEFORE, LOAD), inserting(moved(BEFORE, 0))], goes=True)
    session = Session(engine)
    worker.update(session, BEFORE, ears.told)
    assert ears.ghost == LOAD
    left = worker.update(session, typed(BEFORE, "js"), ears.told)
    assert left is not None and left.ghost == LOAD[2:]
    time.sleep(0.05)  # it would be told now
    assert ears.heard.empty()
    worker.update(session, moved(BEFORE, 0), ears.told)
    assert ears.ghost == ""


def test_a_cursor_outside_is_refused_at_once(worker: Worker) -> None:
    with pytest.raises(UsageError):
        worker.update(Session(SlowEngine()), moved(BEFORE, 10_000), Ears().told)


def test_what_goes_wrong_is_told_and_the_next_request_is_answered(worker: Worker) -> None:
    ears = Ears()
    engine = SlowEngine([inserting(OTHER, "[]")], goes=True)
    engine.failure = ModelError("llama.cpp cannot evaluate 3 tokens")
    session = Session(engine)
    worker.update(session, BEFORE, ears.told)
    assert ears.next() == ("error", engine.failure)
    engine.failure = None
    worker.update(session, OTHER, ears.told)
    assert ears.ghost == "[]"


@pytest.mark.parametrize("what", ["ghost", "suggestion", "error", "engine"])
def test_a_mistake_in_a_callback_is_shown_and_does_not_end_the_worker(
    worker: Worker, monkeypatch: pytest.MonkeyPatch, what: str
) -> None:
    seen: queue.Queue[threading.ExceptHookArgs] = queue.Queue()
    monkeypatch.setattr(threading, "excepthook", seen.put)
    ears, mistake = Ears(), ZeroDivisionError("a mistake")

    def wrong(_: object) -> None:
        raise mistake

    engine = SlowEngine([inserting(BEFORE, LOAD)] * 2, goes=True)
    engine.failure = {"error": ModelError("broken"), "engine": mistake}.get(what)
    session = Session(engine)
    told = ears.told if what == "engine" else replace(ears.told, **{what: wrong})
    worker.update(session, BEFORE, told)
    caught = seen.get(timeout=_PATIENCE_S)
    assert caught.exc_value is mistake and caught.thread is not None and caught.thread.name == "tabtab-worker"
    engine.failure = None
    engine._answers[:] = [inserting(OTHER, "[]")]
    worker.update(session, OTHER, ears.told)
    assert ears.ghost == "[]"


def test_what_comes_after_tab_is_prepared_once_somebody_waits() -> None:
    ears = Ears()
    after = typed(BEFORE, LOAD)
    last = typed(after, "[0]")
    engine = SlowEngine([inserting(BEFORE, LOAD), inserting(after, "[0]"), inserting(last)], goes=True)
    session = Session(engine)
    with Worker(prefetch_delay_s=0.0) as worker:
        worker.update(session, BEFORE, ears.told)
        assert ears.ghost == LOAD
        assert wait_for_prefetch(session) == after
        assert len(engine.requests) == 3  # the prompt, the answer, what comes after it
        assert worker.update(session, after, ears.told) is None
        kind, suggestion = ears.next()
        assert kind == "suggestion" and suggestion.ghost == "[0]" and suggestion.timings is None


def wait_for_prefetch(session: Session) -> Document:
    """Return the document after Tab, once what comes then is ready."""
    deadline = time.monotonic() + _PATIENCE_S
    while session._ahead is None and time.monotonic() < deadline:
        time.sleep(0.001)
    return session.accept()


@pytest.mark.parametrize(
    ("answer", "options"),
    [
        (inserting(BEFORE, LOAD), {"prefetch": False, "prefetch_delay_s": 0.0}),
        (inserting(BEFORE, LOAD), {"prefetch_delay_s": 3600.0}),
        (inserting(BEFORE), {"prefetch_delay_s": 0.0}),
    ],
    ids=["switched off", "not long enough", "nothing shown"],
)
def test_nothing_is_prepared(answer: str, options: dict[str, Any]) -> None:
    ears = Ears()
    engine = SlowEngine([answer, inserting(OTHER)], goes=True)
    with Worker(**options) as worker:
        worker.update(Session(engine), BEFORE, ears.told)
        ears.next()
        worker.update(Session(engine), OTHER, ears.told)
        ears.next()
    assert len(engine.requests) == 4  # the prompts and the answers


def test_a_key_stops_what_is_being_prepared() -> None:
    ears = Ears()
    now = typed(BEFORE, "x")
    engine = SlowEngine([inserting(BEFORE, LOAD), inserting(now)], goes=True)
    session = Session(engine)

    def stop_the_engine(found: object) -> None:
        engine.go.clear()
        ears.heard.put(("suggestion", found))

    with Worker(prefetch_delay_s=0.0) as worker:
        worker.update(session, BEFORE, replace(ears.told, suggestion=stop_the_engine))
        assert ears.ghost == LOAD
        engine.wait_for_requests(3)
        worker.update(session, now, ears.told)
        engine.wait_for_requests(1)
        engine.go.set()
        assert ears.ghost == ""
    assert len(engine.cancelled_tokens) == 1 and engine.cancelled_tokens[0] > 0


def test_what_fails_while_it_is_prepared_was_asked_for_by_nobody() -> None:
    ears = Ears()
    engine = SlowEngine([inserting(BEFORE, LOAD)], goes=True)
    session = Session(engine)

    def fail(found: object) -> None:
        engine.failure = ModelError("broken")
        ears.heard.put(("suggestion", found))

    with Worker(prefetch_delay_s=0.0) as worker:
        worker.update(session, BEFORE, replace(ears.told, suggestion=fail))
        assert ears.ghost == LOAD
        engine.wait_for_requests(3)
        worker.update(session, moved(BEFORE, 0), ears.told)
        assert ears.next() == ("error", engine.failure)  # that of the request
    assert ears.heard.empty()


@pytest.mark.parametrize("moment", ["idle", "reading", "waiting to prepare"])
def test_closing_ends_the_thread_whatever_it_does(moment: str) -> None:
    ears = Ears()
    engine = SlowEngine([inserting(BEFORE, LOAD)], goes=moment != "reading")
    worker = Worker(prefetch_delay_s=3600.0)
    if moment != "idle":
        worker.update(Session(engine), BEFORE, ears.told)
        engine.wait_for_requests(1)
    if moment == "waiting to prepare":
        assert ears.ghost == LOAD
    worker.close()
    assert not worker._thread.is_alive()
    assert ears.heard.empty()
    worker.close()


class CountingCondition(threading.Condition):
    """Counts how often somebody who waits is woken."""

    woken = 0

    def wait(self, timeout: float | None = None) -> bool:
        result = super().wait(timeout)
        type(self).woken += 1
        return result


def test_the_worker_sleeps_where_there_is_nothing_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tabtab_local.worker.threading.Condition", CountingCondition)
    ears = Ears()
    after = typed(BEFORE, LOAD)
    engine = SlowEngine([inserting(BEFORE, LOAD), inserting(after)], goes=True)
    session = Session(engine)
    with Worker(prefetch_delay_s=0.0) as worker:
        worker.update(session, BEFORE, ears.told)
        assert ears.ghost == LOAD
        engine.wait_for_requests(3)
        wait_for_prefetch(session)
        time.sleep(0.05)
        woken, requests = CountingCondition.woken, len(engine.requests)
        assert woken >= 1
        time.sleep(0.3)
        assert (CountingCondition.woken, len(engine.requests)) == (woken, requests)
