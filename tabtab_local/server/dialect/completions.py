"""`POST /v1/completions`: a prompt with a suffix, one that was rendered for filling in, or a prompt for a next edit.

Next edits are asked for by Sweep's prompt, which Zed sends, and by the messages of codemirror-ai.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, TypedDict

import msgspec

from tabtab_local.desk.ask import Ask, ask_between
from tabtab_local.server.dialect import SSE, Found, Message, Parts, Usage, codemirror, fim, last_said, sweep, usage

_OnePrompt = Annotated[list[str], msgspec.Meta(min_length=1, max_length=1)]


class Completions(msgspec.Struct):
    """A prompt, and what follows the cursor where the client says so apart from it; or codemirror-ai's messages."""

    prompt: str | _OnePrompt | None = ""
    messages: list[Message] | None = None
    model: str | None = ""
    suffix: str | None = None
    stream: bool | None = False


class TextChoice(TypedDict):
    """The only choice that there is."""

    index: int
    text: str
    logprobs: None
    finish_reason: str


class TextCompletion(TypedDict):
    """An answer as OpenAI's interface has it."""

    id: str
    object: str
    created: int
    model: str
    choices: list[TextChoice]
    usage: Usage


class OpenAI:
    """Text at the cursor, or for Sweep's prompt the window as it is after the edit."""

    name = "completions"
    path = "/v1/completions"
    body = Completions
    replies = (TextCompletion, codemirror.Output)
    media = SSE

    def __init__(self, path: str = path) -> None:
        self.path = path

    async def ask(self, body: Completions, headers: Mapping[str, str]) -> Ask | None:
        """Return the question; None where messages hold none, and where a rendered prompt cannot be read."""
        if body.messages:
            return codemirror.ask(last_said(body.messages))
        prompt = body.prompt[0] if isinstance(body.prompt, list) else body.prompt or ""
        if window := sweep.parse(prompt):
            return window.ask()
        around = fim.parts(prompt) if sweep.is_rendered(prompt) else fim.around(prompt, body.suffix or "")
        return ask_between(self.name, *around) if around else None

    def answer(self, body: Completions, found: Found) -> Mapping[str, Any] | Parts:
        """Return the text that the client inserts, or puts in the place of the window."""
        if body.messages:
            return codemirror.answer(found)
        text = _text(found)
        head = {
            "id": f"cmpl-{found.number}",
            "object": "text_completion",
            "created": found.created_s,
            "model": body.model or found.model.name,
        }
        choice = {"index": 0, "text": text, "logprobs": None, "finish_reason": "stop"}
        if not body.stream:
            return {**head, "choices": [choice], "usage": usage(found)}
        begun = [{**head, "choices": [{**choice, "finish_reason": None}]}] if text else []
        return Parts(SSE, [*begun, {**head, "choices": [{**choice, "text": ""}], "usage": usage(found)}])


def _text(found: Found) -> str:
    """Return what the client inserts, or puts in the place of its window; nothing where that stays as it is."""
    if found.ask is None or found.ask.window is None:
        return found.insertion
    after = found.ask.rewritten(found.suggestion)
    return "" if after == found.ask.rewritten(None) else after
