"""The body of a request: read in time and as what the route takes, or refused."""

from __future__ import annotations

import asyncio
from typing import TypeVar

import msgspec
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from tabtab_local.server.guard import refused

GONE = Response(status_code=499)  # nginx's number for a client that does not wait; nobody reads it

# Bodies are small and come from this machine, or one nearby.
_PATIENCE_S = 30.0

_Body = TypeVar("_Body")


class Unread(Exception):
    """A body was not read; `response` says why."""

    def __init__(self, response: Response) -> None:
        super().__init__(response.status_code)
        self.response = response


async def read(request: Request, decoder: msgspec.json.Decoder[_Body]) -> _Body:
    """Return the body of a request. Raises `Unread` where it does not come, or is not what `decoder` takes."""
    try:
        async with asyncio.timeout(_PATIENCE_S):
            return decoder.decode(await request.body())
    except TimeoutError:
        late = refused(408, f"the body did not come within {_PATIENCE_S:.0f} s")
        late.headers["connection"] = "close"
        raise Unread(late) from None
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise Unread(refused(400, f"the body is not what {request.url.path} takes: {error}")) from None
    except ClientDisconnect:
        raise Unread(GONE) from None
