"""`POST /v1/tabtab/feedback`: a client says what the user did with a suggestion. Most never do; then the text tells."""

from __future__ import annotations

from typing import TypedDict

import msgspec
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from tabtab_local.desk.desk import Desk
from tabtab_local.desk.offer import Event
from tabtab_local.server.body import Unread, read

PATH = "/v1/tabtab/feedback"


class Feedback(msgspec.Struct, forbid_unknown_fields=True):
    """What the user did with a suggestion: `id` is that of the answer. What was rejected is not suggested again."""

    id: int
    event: Event


class Heard(TypedDict):
    """Whether the suggestion was still open, and its end not known yet."""

    id: int
    known: bool


def hearing(desk: Desk) -> Route:
    """Return the route."""
    decoder = msgspec.json.Decoder(Feedback)

    async def hear(request: Request) -> Response:
        try:
            told = await read(request, decoder)
        except Unread as unread:
            return unread.response
        return JSONResponse(Heard(id=told.id, known=desk.tell(told.id, told.event)))

    return Route(PATH, hear, methods=["POST"])
