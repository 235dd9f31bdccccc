"""The server's routes: read a body, ask the desk, write the answer; and what is the same for all of them."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from itertools import count
from typing import Any, TypeVar

import msgspec
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from tabtab_local.desk.ask import Ask
from tabtab_local.desk.desk import Desk, Dropped
from tabtab_local.engine import ModelInfo
from tabtab_local.errors import DocumentError, ModelError, TabTabError, UsageError
from tabtab_local.server.body import GONE, Unread, read
from tabtab_local.server.dialect import SSE, Dialect, Found, Parts
from tabtab_local.server.guard import Guard, Rules, refused
from tabtab_local.server.metrics import Metrics
from tabtab_local.suggestion import Suggestion

_Result = TypeVar("_Result")


class Endpoint:
    """The route of a dialect."""

    def __init__(
        self, dialect: Dialect[Any], desk: Desk, model: ModelInfo, metrics: Metrics, numbers: Iterator[int]
    ) -> None:
        self._dialect, self._desk, self._model, self._metrics = dialect, desk, model, metrics
        self._decoder = msgspec.json.Decoder(dialect.body)
        self._numbers = numbers

    async def answer(self, request: Request) -> Response:
        """Answer a request. What a client can do nothing about is silence, not an error."""
        started_s = time.monotonic()
        try:
            body = await read(request, self._decoder)
        except Unread as unread:
            self._metrics.failed(self._dialect.name, unread.response.status_code)
            return unread.response
        ask: Ask | None = None
        suggestion: Suggestion | None = None
        outcome = silence = "nothing asked"
        try:
            async with asyncio.timeout(self._desk.deadline_s):
                ask = await _while_connected(request, self._dialect.ask(body, request.headers))
            if ask is not None:
                ask = replace(ask, peer=request.client.host if request.client else "")
            if ask is not None and ask.text.strip():
                suggestion = await _while_connected(request, self._desk.suggestion(ask))
                silence = suggestion.silence or ""
                outcome = silence.partition(":")[0] or "suggestion"
        except Dropped as dropped:
            outcome = silence = dropped.reason
        except TimeoutError:
            outcome = silence = "late"
        except UsageError as error:
            if ask is None:
                return self._failed(400, str(error))
            outcome, silence = "too long", str(error)
        except DocumentError as error:
            outcome, silence = "file", str(error)
        except (ModelError, TabTabError) as error:
            return self._failed(500, str(error))
        took_s = time.monotonic() - started_s
        self._metrics.answered(self._dialect.name, outcome, took_s, suggestion)
        if outcome == "gone":
            return GONE
        number, now_s = next(self._numbers), int(time.time())
        found = Found(self._model, number, now_s, ask, suggestion, silence, took_s * 1000)
        if ask is not None and suggestion is not None and ask.shows(suggestion):
            self._desk.shown(number, ask, suggestion)
        return _response(self._dialect.answer(body, found))

    def _failed(self, status: int, message: str) -> Response:
        self._metrics.failed(self._dialect.name, status)
        return refused(status, message)


def create_app(
    dialects: Sequence[Dialect[Any]],
    pages: Sequence[Route],
    desk: Desk,
    model: ModelInfo,
    metrics: Metrics,
    rules: Rules,
) -> Starlette:
    """Return the application: a route for each dialect, and `pages`, behind a guard. At its end it closes the desk."""

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        yield
        desk.close()

    numbers = count(1)  # of all dialects, for who tells what became of an answer
    endpoints = {each.path: Endpoint(each, desk, model, metrics, numbers) for each in dialects}
    routes = [Route(path, endpoint.answer, methods=["POST"]) for path, endpoint in endpoints.items()]
    handlers = {HTTPException: _refused, 404: _refused, 405: _refused, Exception: _broken}
    return Starlette(
        routes=[*routes, *pages],
        middleware=[Middleware(Guard, rules=rules)],
        exception_handlers=handlers,  # type: ignore[arg-type]
        lifespan=lifespan,
    )


# Were these not asynchronous, each would be called in a thread, of which many would stay.
async def _refused(_: Request, error: HTTPException) -> Response:
    response = refused(error.status_code, str(error.detail).lower())
    response.headers.update(error.headers or {})
    return response


async def _broken(_: Request, error: Exception) -> Response:
    """Return what a client is told of a mistake of ours, which is shown on stderr."""
    return refused(500, f"the server has a mistake: {type(error).__name__}")


def _response(answer: Mapping[str, Any] | Parts) -> Response:
    """Return an answer without blanks between its parts, which llama.vim could not read."""
    if not isinstance(answer, Parts):
        return Response(msgspec.json.encode(answer), media_type="application/json")
    return Response(b"".join(_framed(answer)), media_type=answer.media)


def _framed(parts: Parts) -> Iterator[bytes]:
    for each in parts.objects:
        line = msgspec.json.encode(each)
        yield b"data: " + line + b"\n\n" if parts.media == SSE else line + b"\n"
    if parts.media == SSE:
        yield b"data: [DONE]\n\n"


async def _while_connected(request: Request, work: Awaitable[_Result]) -> _Result:
    """Return what `work` gives. Raises `Dropped` as soon as the client is gone, and stops the work."""
    working = asyncio.ensure_future(work)
    leaving = asyncio.ensure_future(_left(request))
    try:
        await asyncio.wait({working, leaving}, return_when=asyncio.FIRST_COMPLETED)
        if not working.done():
            raise Dropped("gone")
        return working.result()
    finally:
        working.cancel()
        leaving.cancel()


async def _left(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass
