"""What is said over HTTP with the server of a model, and how it is understood when something goes wrong.

Pieces of an answer are JSON objects, sent as server-sent events of which only `data` is used
(https://html.spec.whatwg.org/multipage/server-sent-events.html), or one on a line. Nothing is known here of what they
say.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from tabtab_local.errors import ModelError

if TYPE_CHECKING:
    import httpx

KEY_VARIABLE = "TABTAB_API_KEY"
CLOSED = "the engine was closed while it was asked"

_CONNECT_S = 5.0
_PAUSE_S = 0.5  # before a busy server is asked again, unless it says how long
_MAX_PAUSE_S = 2.0  # nobody who types waits longer
_KEEP_S = 4.0  # llama.cpp closes connections that were idle for five seconds

_BUSY = (429, 503)

_LOOPBACK = ("localhost", "127.0.0.1", "::1")
_END = b"[DONE]"

Piece = dict[str, Any]


class Refusal(ModelError):
    """The server answers with an HTTP status that is an error; `said` is its own message."""

    def __init__(self, message: str, status: int, said: str) -> None:
        super().__init__(message)
        self.status = status
        self.said = said


class Exchange:
    """Requests about the model `model` to the server whose interface begins at `where`; see `Wire`.

    It runs in one event loop, and knows nothing of those who wait in other threads.
    """

    def __init__(self, where: str, model: str, key: str, timeout_s: float) -> None:
        self._where = where
        self.model = model
        self._key = key
        self._timeout_s = timeout_s
        self._client: httpx.AsyncClient | None = None

    async def close(self) -> None:
        """Close the connections."""
        if self._client:
            await self._client.aclose()

    async def json(self, url: str, body: Piece | None, once: bool) -> Any:
        """Return the JSON at `url`, nothing where that is none. Raises `ModelError`."""
        try:
            async with self._answer(url, body, once) as response:
                text = await response.aread()
        except Exception as error:
            raise self._failure(error) from None
        try:
            return json.loads(text)
        except ValueError:
            return None

    async def stream(self, url: str, body: Piece, put: Callable[[Piece | Exception | None], None]) -> None:
        """Hand on the pieces of an answer, then nothing or what went wrong."""
        try:
            async with self._answer(url, body, once=False) as response:
                async for line in _lines(response):
                    payload = _payload(line)
                    if payload == _END:
                        put(None)
                    elif payload:
                        put(self._parsed(payload))
            put(None)
        except asyncio.CancelledError:
            put(ModelError(CLOSED))
            raise
        except Exception as error:
            put(self._failure(error))

    @asynccontextmanager
    async def _answer(self, url: str, body: Piece | None, once: bool) -> AsyncIterator[httpx.Response]:
        """Give the response when its head is there. A server that is busy or hangs up is asked twice, unless `once`."""
        import httpx

        for last in (once, True):
            try:
                response = await self._send(url, body)
            except (httpx.RemoteProtocolError, httpx.ReadError, httpx.WriteError):
                # It may have closed a connection that was kept in the moment in which it was used again.
                if last:
                    raise
                continue
            try:
                if response.is_success:
                    yield response
                    return
                said = _message(await response.aread())
            finally:
                await response.aclose()
            pause_s = _pause_s(response)
            if last or response.status_code not in _BUSY or pause_s > _MAX_PAUSE_S:
                raise self._refusal(response.status_code, said)
            await asyncio.sleep(pause_s)

    async def _send(self, url: str, body: Piece | None) -> httpx.Response:
        if self._client is None:
            self._client = _client(self._where, self._key, self._timeout_s)
        request = self._client.build_request("GET" if body is None else "POST", url, json=body)
        return await self._client.send(request, stream=True)

    def _parsed(self, payload: bytes) -> Piece:
        try:
            found = json.loads(payload)
        except ValueError:
            found = None
        if not isinstance(found, dict):
            raise ModelError(f"{self._where} does not answer in JSON ({payload[:40]!r}): give the URL of an OpenAI API")
        return found

    def _failure(self, error: Exception) -> Exception:
        """Return the error of ours for one of the library's."""
        import httpx

        if isinstance(error, (httpx.ConnectError, httpx.ConnectTimeout, httpx.InvalidURL, httpx.UnsupportedProtocol)):
            return ModelError(
                f"cannot reach {self._where} ({_reason(error)}): is the server running, is the URL right?"
            )
        if isinstance(error, httpx.TimeoutException):
            return ModelError(f"{self._where} said nothing for {self._timeout_s:g} seconds: is it busy, or too slow?")
        if isinstance(error, (httpx.HTTPError, httpx.StreamError)):
            return ModelError(f"{self._where} broke off its answer ({_reason(error)}): see what its log says")
        return error

    def _refusal(self, status: int, said: str) -> Refusal:
        what = f"({status}: {said})"
        if status in (401, 403) and not self._key:
            text = f"{self._where} wants a key {what}: put it into the environment as {KEY_VARIABLE}"
        elif status in (401, 403):
            text = f"{self._where} refuses the key in {KEY_VARIABLE} {what}: check it"
        elif status == 404:
            text = f"{self._where} does not serve the model {self.model!r} {what}: check URL and name"
        elif status in _BUSY:
            text = f"{self._where} is busy {what}: try again later"
        elif status >= 500:
            text = f"{self._where} has failed {what}: see what its log says"
        else:
            text = f"{self._where} refuses the request {what}"
        return Refusal(text, status, said)


def _client(where: str, key: str, timeout_s: float) -> httpx.AsyncClient:
    import httpx

    return httpx.AsyncClient(
        headers={"Authorization": f"Bearer {key}"} if key else None,
        timeout=httpx.Timeout(timeout_s, connect=min(_CONNECT_S, timeout_s), pool=None),
        limits=httpx.Limits(keepalive_expiry=_KEEP_S),
        # Loading the certificates takes longer than an answer from next door.
        verify=urlsplit(where).scheme == "https",
        # A proxy in the environment cannot reach this machine by its loopback address.
        trust_env=urlsplit(where).hostname not in _LOOPBACK,
    )


async def _lines(response: httpx.Response) -> AsyncIterator[bytes]:
    """Give the lines that are not empty. The library's own end at U+2028 too, which JSON may hold as it is."""
    rest = b""
    async for chunk in response.aiter_bytes():
        *lines, rest = (rest + chunk).split(b"\n")
        for line in lines:
            if line.strip():
                yield line.strip()
    if rest.strip():
        yield rest.strip()


def _payload(line: bytes) -> bytes:
    """Return what a line of a stream holds, nothing where it is about the stream."""
    name, colon, value = line.partition(b":")
    if colon and name in (b"data", b"error"):
        return value.strip()
    return b"" if name in (b"", b"event", b"id", b"retry") else line


def _pause_s(response: httpx.Response) -> float:
    """Return how long to wait before the server is asked again."""
    try:
        return max(0.0, float(response.headers.get("Retry-After", _PAUSE_S)))
    except ValueError:
        return _PAUSE_S  # a date


def _message(text: bytes) -> str:
    """Return the server's own words on one line."""
    said: object = text.decode("utf-8", errors="replace")
    try:
        found = json.loads(text)
    except ValueError:
        found = None
    if isinstance(found, dict):
        error = found.get("error") or found
        said = (error.get("message") or error.get("detail") or error) if isinstance(error, dict) else error
    return " ".join(str(said).split())[:200] or "no reason given"


def _reason(error: BaseException) -> str:
    """Return why, in the words of the innermost cause that has any."""
    cause = error.__cause__ or error.__context__
    return (_reason(cause) if cause else "") or " ".join(str(error).split())[:160]
