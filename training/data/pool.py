"""Chunks of units, made by worker processes or in this one, and given back in the order of their numbers."""

from __future__ import annotations

import gc
import os
import threading
from collections import deque
from concurrent.futures import Future, ProcessPoolExecutor
from multiprocessing import get_context, parent_process
from types import TracebackType

from training.data.config import Mix
from training.data.contamination import Pieces, Set
from training.data.make import Made, Maker

# A chunk is some tenths of a second of work; how large it is decides nothing about the rows.
_CHUNK_UNITS = 32

_maker: Maker | None = None


class Pool:
    """Makes chunks, on `workers` processes; with one worker, here."""

    def __init__(self, mix: Mix, sets: tuple[Set, ...], workers: int) -> None:
        self.workers = workers
        self._here = Maker(mix, Pieces(sets)) if workers == 1 else None
        self._executor: ProcessPoolExecutor | None = None
        if workers > 1:
            # A fresh interpreter for each worker: forking a process that has threads is not safe.
            self._executor = ProcessPoolExecutor(workers, get_context("spawn"), _prepare, (mix, sets))
            # They begin now, to be ready when there is work.
            for _ in range(workers):
                self._executor.submit(int)

    def submit(self, source: int, first: int, last: int) -> Future[list[Made]]:
        """Return the future of some units of a source."""
        if self._executor is not None:
            return self._executor.submit(_make, source, first, last)
        assert self._here is not None
        future: Future[list[Made]] = Future()
        future.set_result(self._here.units(source, first, last))
        return future

    def __enter__(self) -> Pool:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._executor is not None:
            self._executor.shutdown(cancel_futures=True)


class Stream:
    """The units of one source from the number `first` on, some chunks of them made ahead."""

    def __init__(self, pool: Pool, source: int, first: int, size: int | None) -> None:
        self._pool = pool
        self._source = source
        self._next = first
        self._size = size
        self._waiting: deque[Future[list[Made]]] = deque()
        self._ready: deque[Made] = deque()

    def take(self, wanted: float) -> Made | None:
        """Return the next unit, None at the end. `wanted` is about how many more units will be asked for."""
        if not self._ready:
            self._fill(wanted)
            if not self._waiting:
                return None
            self._ready.extend(self._waiting.popleft().result())
            self._fill(wanted - len(self._ready))
        return self._ready.popleft()

    def _fill(self, wanted: float) -> None:
        most = 1 if self._pool.workers == 1 else 2 * self._pool.workers + 4
        while len(self._waiting) < most and (not self._waiting or len(self._waiting) * _CHUNK_UNITS < wanted):
            if not self._waiting and wanted <= 0 and self._ready:
                return
            last = self._next + _CHUNK_UNITS
            last = last if self._size is None else min(last, self._size)
            if last <= self._next:
                return
            self._waiting.append(self._pool.submit(self._source, self._next, last))
            self._next = last


def _prepare(mix: Mix, sets: tuple[Set, ...]) -> None:
    global _maker
    threading.Thread(target=end_with_parent, daemon=True).start()
    # One thread each: the workers share the cores among themselves already.
    os.environ.setdefault("RAYON_NUM_THREADS", "1")
    _maker = Maker(mix, Pieces(sets))
    # Examples hold no circles; looking for some took a tenth of the time.
    gc.freeze()
    gc.set_threshold(200_000, 50, 50)


def end_with_parent() -> None:
    """End this process when the one that started it has been killed: it would wait for work for ever."""
    parent = parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


def _make(source: int, first: int, last: int) -> list[Made]:
    assert _maker is not None
    return _maker.units(source, first, last)
