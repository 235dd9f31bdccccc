"""Where a replay takes place in real time: one thread types and sleeps between keys, another one answers.

The newest job wins: one that has not begun when a newer one comes is left out, and the one that runs is told to stop.
Sleeping threads wait for the operating system, so that the processor is the model's.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from types import TracebackType
from typing import Protocol

Cancel = Callable[[], bool]
Job = Callable[[Cancel], None]
"""What is done in the other thread; it is given what tells whether to stop."""


class Stage(Protocol):
    """Time, and a place for one job at a time."""

    def now_s(self) -> float:
        """Return the time, in seconds since some moment."""
        ...

    def begin(self, job: Job) -> None:
        """Start `job` as soon as the one that runs has stopped, for which it is told to."""
        ...

    def until(self, time_s: float) -> float:
        """Wait for a time while the job goes on; return the time that it is then."""
        ...

    def finish(self) -> None:
        """Stop the job and wait for its end. Raises what a job has raised."""
        ...


class RealTime:
    """A stage in real time, with a thread of its own; use it in a `with` statement."""

    def __init__(self) -> None:
        self._condition = threading.Condition()
        self._next: tuple[int, Job] | None = None
        self._newest = 0
        self._busy = False
        self._closed = False
        self._failure: BaseException | None = None
        self._thread = threading.Thread(target=self._work, name="replay", daemon=True)
        self._thread.start()

    def now_s(self) -> float:
        """Return the performance counter's time."""
        return time.perf_counter()

    def begin(self, job: Job) -> None:
        """Start `job` as soon as the one that runs has stopped, for which it is told to."""
        with self._condition:
            self._newest += 1
            self._next = (self._newest, job)
            self._condition.notify_all()

    def until(self, time_s: float) -> float:
        """Sleep until a time."""
        left_s = time_s - self.now_s()
        if left_s > 0:
            time.sleep(left_s)
        return self.now_s()

    def finish(self) -> None:
        """Stop the job and wait for its end. Raises what a job has raised."""
        with self._condition:
            self._newest += 1
            self._next = None
            self._condition.wait_for(lambda: not self._busy)
            failure, self._failure = self._failure, None
        if failure is not None:
            raise failure

    def __enter__(self) -> RealTime:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        with self._condition:
            self._newest += 1
            self._next, self._closed = None, True
            self._condition.notify_all()
        self._thread.join()

    def _work(self) -> None:
        while True:
            with self._condition:
                self._condition.wait_for(lambda: self._next is not None or self._closed)
                if self._next is None:
                    return
                (number, job), self._next = self._next, None
                self._busy = True
            try:
                job(lambda number=number: self._newest != number)  # type: ignore[misc]
            except BaseException as error:  # it belongs to the thread that types, which raises it
                self._failure = self._failure or error
            finally:
                with self._condition:
                    self._busy = False
                    self._condition.notify_all()
