"""Connections to the server of a model, whose answers arrive piece by piece and can be given up at any moment.

Requests run in an event loop in a thread of its own (`exchange.py`). Whoever waits for a piece looks a hundred times a
second whether it is still wanted; giving up closes the connection, by which llama.cpp, vLLM and Ollama learn that they
may stop, be it before the first piece or in the middle of an answer. While nothing is asked the thread sleeps.
"""

from __future__ import annotations

import asyncio
import queue
import threading
import weakref
from collections.abc import Callable, Coroutine, Generator
from concurrent.futures import CancelledError, Future
from typing import Any, TypeVar
from urllib.parse import urlsplit, urlunsplit

from tabtab_local.engine.remote.exchange import CLOSED, Exchange, Piece, Refusal
from tabtab_local.errors import Cancelled, ModelError, UsageError

_LOOK_S = 0.01  # how long it may take until a request that is not wanted any more is given up
_CLOSE_S = 5.0

# A connection lets go of its socket in a later round of the loop than the one in which it is closed.
_LAST_ROUNDS = 5

# What servers say where they lack a route; 403: a key that may ask models need not be allowed to list them.
_NO_ROUTE = (400, 403, 404, 405, 422, 501)

_T = TypeVar("_T")


def base_url_of(url: str) -> str:
    """Return `url` as the base of an OpenAI API: `/v1` is added to a bare host. Raises `UsageError`."""
    try:
        parts = urlsplit(url)
        host = parts.hostname
    except ValueError:
        host = None
    if not host or parts.scheme not in ("http", "https"):
        raise UsageError(f"{url!r} is not the URL of a server: give one such as http://127.0.0.1:8080/v1")
    return urlunsplit((parts.scheme, parts.netloc, parts.path.rstrip("/") or "/v1", "", ""))


class Wire:
    """Connections to the server at `base_url`, where the model `model` is asked; safe to share between threads.

    `key` is empty where the server wants none; `timeout_s` is how long the server may be silent. A URL is a whole one,
    or a path below `base_url`. All that can go wrong is a `ModelError` in one line.
    """

    def __init__(self, base_url: str, model: str, key: str, timeout_s: float) -> None:
        self.base_url = base_url
        self._loop = asyncio.new_event_loop()
        self._exchange = Exchange(base_url, model, key, timeout_s)
        thread = threading.Thread(target=_run, args=(self._loop, self._exchange), name="tabtab-wire", daemon=True)
        thread.start()
        self._close = weakref.finalize(self, _stop, self._loop, thread)

    @property
    def model(self) -> str:
        """The name of the model that is asked."""
        return self._exchange.model

    @model.setter
    def model(self, name: str) -> None:
        self._exchange.model = name

    def get_json(self, url: str, body: Piece | None = None, *, once: bool = False) -> Any:
        """Return what the server says at `url`, to `body` if there is one; nothing where it has no such route.

        With `once`, a server that is busy is not asked again.
        """
        request = self._submit(self._exchange.json(self._whole(url), body, once))
        try:
            return request.result()
        except CancelledError:
            raise ModelError(CLOSED) from None
        except Refusal as refusal:
            if refusal.status in _NO_ROUTE:
                return None
            raise
        finally:
            request.cancel()  # after Ctrl-C; else it has ended

    def stream(self, url: str, body: Piece, cancel: Callable[[], bool]) -> Generator[Piece]:
        """Give the pieces of the answer to `body` as they arrive. Closing the iterator closes the connection.

        Raises `Cancelled` once `cancel` says yes.
        """
        arrived: queue.SimpleQueue[Piece | Exception | None] = queue.SimpleQueue()
        request = self._submit(self._exchange.stream(self._whole(url), body, arrived.put))
        ended = False
        try:
            while not ended:
                if cancel():
                    raise Cancelled("a newer request has stopped this one")
                try:
                    piece = arrived.get(timeout=_LOOK_S)
                except queue.Empty:
                    continue
                if isinstance(piece, Exception):
                    raise piece
                if piece is None:
                    ended = True
                else:
                    yield piece
        finally:
            # What follows an end is read in the background, and the connection kept.
            if not ended:
                request.cancel()

    def close(self) -> None:
        """Close the connections. Nothing can be asked any more."""
        self._close()

    def _whole(self, url: str) -> str:
        return self.base_url + url if url.startswith("/") else url

    def _submit(self, work: Coroutine[Any, Any, _T]) -> Future[_T]:
        if not self._close.alive:
            work.close()
            raise ValueError("the engine is closed")
        return asyncio.run_coroutine_threadsafe(work, self._loop)


def _run(loop: asyncio.AbstractEventLoop, exchange: Exchange) -> None:
    """Run `loop` until it is stopped, and leave nothing open."""
    asyncio.set_event_loop(loop)
    loop.run_forever()
    while tasks := asyncio.all_tasks(loop):
        for task in tasks:
            task.cancel()
        loop.run_until_complete(asyncio.gather(*tasks, return_exceptions=True))
    loop.run_until_complete(exchange.close())
    for _ in range(_LAST_ROUNDS):
        loop.run_until_complete(asyncio.sleep(0))
    loop.close()


def _stop(loop: asyncio.AbstractEventLoop, thread: threading.Thread) -> None:
    if thread.is_alive():
        loop.call_soon_threadsafe(loop.stop)
    if thread is not threading.current_thread():  # garbage is collected in any thread
        thread.join(_CLOSE_S)
