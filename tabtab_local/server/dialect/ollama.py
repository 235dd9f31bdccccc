"""Ollama's interface: `POST /api/generate` and the three routes that clients look at first."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, TypedDict

import msgspec

from tabtab_local.desk.ask import Ask, ask_between
from tabtab_local.server.dialect import NDJSON, Found, Parts, fim

_NS_PER_MS = 1_000_000


class Generate(msgspec.Struct):
    """A prompt and what follows the cursor, or both in one prompt that was rendered for filling in."""

    model: str | None = ""
    prompt: str | None = ""
    suffix: str | None = ""
    stream: bool | None = True


class Generated(TypedDict):
    """An answer as Ollama has it; durations are in nanoseconds."""

    model: str
    created_at: str
    response: str
    done: bool
    done_reason: str
    total_duration: int
    load_duration: int
    prompt_eval_count: int
    prompt_eval_duration: int
    eval_count: int
    eval_duration: int


class Ollama:
    """Text at the cursor, in lines of JSON unless `stream` is false."""

    name = "ollama"
    path = "/api/generate"
    body = Generate
    replies = (Generated,)
    media = NDJSON

    async def ask(self, body: Generate, headers: Mapping[str, str]) -> Ask | None:
        """Return the question, None for a prompt that cannot be read, and for none, by which a model is loaded."""
        if not body.prompt and not body.suffix:
            return None
        around = fim.around(body.prompt or "", body.suffix or "")
        return ask_between(self.name, *around) if around else None

    def answer(self, body: Generate, found: Found) -> Mapping[str, Any] | Parts:
        """Return the insertion."""
        timings = found.timings
        created = datetime.fromtimestamp(found.created_s, UTC).isoformat().replace("+00:00", "Z")
        head = {"model": body.model or found.model.name, "created_at": created}
        end = {
            "done": True,
            "done_reason": "stop" if body.prompt or body.suffix else "load",
            "total_duration": round(found.total_ms * _NS_PER_MS),
            "load_duration": 0,
            "prompt_eval_count": timings.prompt_tokens,
            "prompt_eval_duration": round(timings.prompt_ms * _NS_PER_MS),
            "eval_count": timings.decoded_tokens,
            "eval_duration": round(timings.decode_ms * _NS_PER_MS),
        }
        if body.stream is False:
            return {**head, "response": found.insertion, **end}
        text = [{**head, "response": found.insertion, "done": False}] if found.insertion else []
        return Parts(NDJSON, [*text, {**head, "response": "", **end}])
