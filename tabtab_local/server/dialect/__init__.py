"""What a dialect is: how a body is read into a question, and an answer written."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Generic, Protocol, TypedDict, TypeVar

import msgspec

from tabtab_local.complete import NO_WORK
from tabtab_local.desk.ask import Ask
from tabtab_local.engine import ModelInfo, Timings
from tabtab_local.suggestion import Suggestion


class Part(msgspec.Struct):
    """A part of a message; only text is read."""

    type: str | None = "text"
    text: str | None = ""


class Message(msgspec.Struct):
    """A message of a conversation."""

    role: str
    content: str | list[Part] | None = None

    @property
    def text(self) -> str:
        """All of its text."""
        if isinstance(self.content, list):
            return "".join(part.text or "" for part in self.content if part.type in ("text", None))
        return self.content or ""


def last_said(messages: Sequence[Message]) -> str:
    """Return the text of the last message of the user."""
    return next((message.text for message in reversed(messages) if message.role == "user"), "")


Body = TypeVar("Body", bound=msgspec.Struct)

# The media types of answers in parts: events, of which the last one says that there are no more, and lines.
SSE = "text/event-stream"
NDJSON = "application/x-ndjson"


@dataclass(frozen=True)
class Found:
    """What there is to tell: the question, where there was one, and what is suggested.

    `suggestion` is None where there was nothing to ask, and where a newer request came or time was up, of which
    `silence` tells. All of them are told as silence is, so that a client goes on.
    """

    model: ModelInfo
    number: int
    created_s: int
    ask: Ask | None
    suggestion: Suggestion | None
    silence: str
    total_ms: float

    @property
    def insertion(self) -> str:
        """The text for a client that can only insert at its caret."""
        return self.ask.insertion(self.suggestion) if self.ask and self.suggestion else ""

    @property
    def timings(self) -> Timings:
        """The work that it took; none where no model was asked."""
        return (self.suggestion.timings if self.suggestion else None) or NO_WORK


@dataclass(frozen=True)
class Parts:
    """An answer in several objects, as a client that asked for a stream reads them, and its media type."""

    media: str
    objects: Sequence[Mapping[str, Any]]


class Dialect(Protocol, Generic[Body]):
    """One route: what it takes, and how it answers.

    `name` stands in the metrics. `replies` are the types that an answer may have, and `media` is what it comes in where
    a client asks for a stream; empty where there are none.
    """

    name: str
    path: str
    body: type[Body]
    replies: tuple[Any, ...]
    media: str

    async def ask(self, body: Body, headers: Mapping[str, str]) -> Ask | None:
        """Return the question, None where nothing is to be asked.

        Raises `UsageError` for what makes no sense, `DocumentError` for a notebook that cannot be understood.
        """

    def answer(self, body: Body, found: Found) -> Mapping[str, Any] | Parts:
        """Return the answer."""


class Usage(TypedDict):
    """Tokens as OpenAI's interface counts them."""

    prompt_tokens: int
    completion_tokens: int
    total_tokens: int


def usage(found: Found) -> Usage:
    """Return the tokens that an answer took."""
    prompt, decoded = found.timings.prompt_tokens, found.timings.decoded_tokens
    return {"prompt_tokens": prompt, "completion_tokens": decoded, "total_tokens": prompt + decoded}
