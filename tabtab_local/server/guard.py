"""Who may ask: what stands before every route, so that a web page in a browser cannot reach the server behind it.

A page that the user visits can make their browser send requests to loopback. Such a request says where it comes from
(`Origin`), or else which name the page believes to talk to (`Host`), which after DNS rebinding is the attacker's; and
only a request that it may not send without asking can say that it is JSON. All three are checked, bodies are limited
before they are read, and where there is a token the request must carry it.
"""

from __future__ import annotations

import hmac
from collections.abc import Collection
from dataclasses import dataclass
from typing import TypedDict

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import JSONResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from tabtab_local.server.token import NEEDED

# Several times the largest file that anybody edits by hand.
MOST_BYTES = 1_000_000

_PREFLIGHT = {
    "Access-Control-Allow-Methods": "POST, GET",
    "Access-Control-Allow-Headers": "authorization, content-type",
    "Access-Control-Max-Age": "600",
}


@dataclass(frozen=True)
class Rules:
    """Which requests are let through.

    - `hosts`: the names, with the port, that the server answers to.
    - `origins`: web pages that may ask from a browser; none by default.
    - `token`: what a request must carry as `Authorization: Bearer …`; none where it is None.
    """

    hosts: Collection[str]
    origins: Collection[str] = ()
    token: str | None = None
    most_bytes: int = MOST_BYTES


class Guard:
    """ASGI middleware that lets through what the rules allow."""

    def __init__(self, app: ASGIApp, rules: Rules) -> None:
        self._app, self._rules = app, rules

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request that is not let through; pass on the others."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        if scope["type"] != "http":
            return  # a WebSocket is closed before it opens
        headers = Headers(scope=scope)
        origin = headers.get("origin")
        refusal = self._refusal(scope, headers, origin)
        if refusal is None and scope["method"] == "OPTIONS" and origin:
            refusal = Response(status_code=204, headers=_PREFLIGHT)
        send = _sharing(send, origin) if origin in self._rules.origins else send
        if refusal is None:
            try:
                await self._app(scope, self._limited(receive), send)
            except _TooLarge:
                refusal = refused(413, f"the request goes on: {self._rules.most_bytes} bytes are read at most")
        if refusal is not None:
            await refusal(scope, receive, send)

    def _refusal(self, scope: Scope, headers: Headers, origin: str | None) -> Response | None:
        rules = self._rules
        if headers.get("host", "").lower() not in rules.hosts:
            return refused(421, "this server does not answer to that name: allow it with --allow-host")
        if origin is not None and origin not in rules.origins:
            return refused(403, "this server does not answer to web pages: allow one with --allow-origin")
        if origin is None and headers.get("sec-fetch-site", "none") not in ("none", "same-origin"):
            return refused(403, "this server does not answer to web pages")
        if scope["method"] == "OPTIONS" and origin:
            return None
        if rules.token is not None and not _carries(headers, rules.token):
            return refused(401, NEEDED)
        if scope["method"] not in ("POST", "PUT", "PATCH"):
            return None
        if headers.get("content-type", "").partition(";")[0].strip().lower() != "application/json":
            return refused(415, "only JSON is read: send Content-Type: application/json")
        if headers.get("content-encoding", "identity").lower() != "identity":
            return refused(415, "compressed requests are not read: send it as it is")
        length = headers.get("content-length", "0")
        if length.isdecimal() and int(length) > rules.most_bytes:
            return refused(413, f"the request has {length} bytes: {rules.most_bytes} are read at most")
        return None

    def _limited(self, receive: Receive) -> Receive:
        """Return `receive` for a body that does not say how long it is."""
        taken = 0

        async def limited() -> Message:
            nonlocal taken
            message = await receive()
            taken += len(message.get("body", b""))
            if taken > self._rules.most_bytes:
                raise _TooLarge
            return message

        return limited


class Fault(TypedDict):
    """What is wrong, in a line."""

    message: str
    type: str
    code: int


class Refusal(TypedDict):
    """An error as OpenAI's interface has it, which all clients can read."""

    error: Fault


class _TooLarge(Exception):
    """A body goes on beyond what is read."""


def refused(status: int, message: str) -> JSONResponse:
    """Return an error."""
    kind = "server_error" if status >= 500 else "invalid_request_error"
    told: Refusal = {"error": {"message": message, "type": kind, "code": status}}
    return JSONResponse(told, status)


def _carries(headers: Headers, token: str) -> bool:
    scheme, _, given = headers.get("authorization", "").partition(" ")
    return scheme.lower() == "bearer" and hmac.compare_digest(given.strip().encode(), token.encode())


def _sharing(send: Send, origin: str | None) -> Send:
    """Return `send` that lets the page at `origin` read the answer."""

    async def sharing(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            headers["Access-Control-Allow-Origin"] = origin or ""
            headers.add_vary_header("Origin")
        await send(message)

    return sharing
