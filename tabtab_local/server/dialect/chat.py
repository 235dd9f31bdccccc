"""`POST /v1/chat/completions`, as Marimo, notebook-intelligence and Continue's Instinct send it. Never a chat."""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, TypedDict

import msgspec

from tabtab_local.desk.ask import Ask, ask_between
from tabtab_local.server.dialect import SSE, Found, Message, Parts, Usage, fim, instinct, last_said, usage
from tabtab_local.server.workspace import Workspace

# What Marimo takes away from an answer. An empty one it would ask for once more.
NOTHING = "<|file_separator|>"

WORKSPACE_HEADER = "x-tabtab-workspace"

_MARIMO = re.compile(r"You are an? (\w+) code completion assistant")
_NBI_CLIENT = "notebook-intelligence"
_NBI_OPEN = re.compile(r"<CODE>\s*<PREFIX>")
_NBI_HOLE = re.compile(r"</PREFIX>\s*<CURSOR\s*/>\s*<SUFFIX>")
_NBI_CLOSE = re.compile(r"</SUFFIX>\s*</CODE>")


class Conversation(msgspec.Struct):
    """Messages, of which the last one of the user holds the code around the cursor."""

    messages: list[Message]
    model: str | None = ""
    stream: bool | None = False


class Said(TypedDict):
    """What the assistant says."""

    role: str
    content: str


class ChatChoice(TypedDict):
    """The only choice that there is."""

    index: int
    message: Said
    logprobs: None
    finish_reason: str


class ChatCompletion(TypedDict):
    """An answer as OpenAI's interface has it."""

    id: str
    object: str
    created: int
    model: str
    choices: list[ChatChoice]
    usage: Usage


class Chat:
    """Text at the cursor, as the content of a message."""

    name = "chat"
    path = "/v1/chat/completions"
    body = Conversation
    replies = (ChatCompletion,)
    media = SSE

    def __init__(self, workspace: Workspace) -> None:
        self._workspace = workspace

    async def ask(self, body: Conversation, headers: Mapping[str, str]) -> Ask | None:
        """Return the question about the cell, among the others of its notebook; None for anything else."""
        said, root = last_said(body.messages), headers.get(WORKSPACE_HEADER, "")
        if region := instinct.ask(said):
            return region
        if cell := _nbi_cell(said):
            return ask_between(_NBI_CLIENT, *cell)
        if around := fim.parts(said):
            if _language(body.messages) != "python":
                return None
            ask = ask_between(f"marimo {root}", *around)
            document = await self._workspace.document(ask.text, ask.caret, root)
            return replace(ask, document=document) if document else ask
        return None

    def answer(self, body: Conversation, found: Found) -> Mapping[str, Any] | Parts:
        """Return the insertion, or what takes the place of the region, as what the assistant says."""
        text = _said(found)
        head = {"id": f"chatcmpl-{found.number}", "created": found.created_s, "model": body.model or found.model.name}
        if not body.stream:
            message = {"role": "assistant", "content": text}
            choice = {"index": 0, "message": message, "logprobs": None, "finish_reason": "stop"}
            return {**head, "object": "chat.completion", "choices": [choice], "usage": usage(found)}
        head["object"] = "chat.completion.chunk"
        said = {"index": 0, "delta": {"role": "assistant", "content": text}, "finish_reason": None}
        end = {"index": 0, "delta": {}, "finish_reason": "stop"}
        return Parts(SSE, [{**head, "choices": [said]}, {**head, "choices": [end], "usage": usage(found)}])


def _nbi_cell(said: str) -> tuple[str, str] | None:
    """Return what stands before and behind the cursor in notebook-intelligence's words; None where there is none.

    Each marker is looked for by itself: one pattern of all of them would take the square of the time.
    """
    begin = _NBI_OPEN.search(said)
    end = begin and _last(_NBI_CLOSE, said, begin.end(), len(said))
    hole = begin and end and _last(_NBI_HOLE, said, begin.end(), end.start())
    return (said[begin.end() : hole.start()], said[hole.end() : end.start()]) if begin and hole and end else None


def _last(pattern: re.Pattern[str], text: str, start: int, end: int) -> re.Match[str] | None:
    return next(iter(deque(pattern.finditer(text, start, end), maxlen=1)), None)


def _said(found: Found) -> str:
    if found.ask and found.ask.window:
        return found.ask.rewritten(found.suggestion)
    if found.ask and found.ask.client == _NBI_CLIENT:
        # Of an answer with a fence the client takes what is inside as it is.
        return f"```python\n{found.insertion}```" if found.insertion else ""
    return _between(found) or NOTHING


def _between(found: Found) -> str:
    """Return the insertion so that Marimo shows all of it: it takes what stands around the cursor from its ends."""
    if not found.ask or not found.insertion:
        return ""
    before, after = found.ask.around
    begun = before if before and found.insertion.startswith(before) else ""
    ended = after if after and found.insertion.endswith(after) else ""
    return begun + found.insertion + ended


def _language(messages: Sequence[Message]) -> str:
    """Return what Marimo says that the cell is written in; Python where nothing is said."""
    found = next(filter(None, (_MARIMO.match(each.text) for each in messages if each.role == "system")), None)
    return found[1] if found else "python"
