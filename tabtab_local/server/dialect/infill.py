"""`POST /infill`, as llama.vim and llama.vscode send it to llama-server."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypedDict

import msgspec

from tabtab_local.desk.ask import Ask, ask_between
from tabtab_local.server.dialect import Found

# What llama-server calls its times and counts; llama.vim formats the counts as whole numbers.
_TIMINGS = "timings/"


class Infill(msgspec.Struct):
    """The lines before the cursor's, that line up to the cursor, and all behind it.

    Nothing is to be predicted where `n_predict` is 0: such a request has llama-server read `input_extra` in advance.
    """

    input_prefix: str | None = ""
    prompt: str | None = ""
    input_suffix: str | None = ""
    n_predict: int | float | None = -1
    response_fields: list[str] | None = None


class Infilled(TypedDict, total=False):
    """An answer as llama-server has it, or the parts of it that were asked for."""

    index: int
    content: str
    model: str
    stop: bool
    truncated: bool
    tokens_cached: int
    tokens_predicted: int
    tokens_evaluated: int
    generation_settings: dict[str, int]
    timings: dict[str, float]


class LlamaServer:
    """Text at the cursor, with timings as llama-server reports them."""

    name = "infill"
    path = "/infill"
    body = Infill
    replies = (Infilled,)
    media = ""

    async def ask(self, body: Infill, headers: Mapping[str, str]) -> Ask | None:
        """Return the question, None for a request that only warms up."""
        if body.n_predict == 0:
            return None
        before = (body.input_prefix or "") + (body.prompt or "")
        return ask_between(self.name, before, body.input_suffix or "", looks_ahead=True)

    def answer(self, body: Infill, found: Found) -> Mapping[str, Any]:
        """Return the insertion; of the rest what was asked for, by its path, or all of it."""
        timings = found.timings
        whole: dict[str, Any] = {
            "index": 0,
            "content": found.insertion,
            "model": found.model.name,
            "stop": True,
            "truncated": False,
            "tokens_cached": max(0, timings.prompt_tokens - timings.evaluated_tokens),
            "tokens_predicted": timings.decoded_tokens,
            "tokens_evaluated": timings.prompt_tokens,
            "generation_settings": {"n_ctx": found.model.context_tokens},
            "timings": _timings(found),
        }
        fields = [field for field in body.response_fields or () if field]
        if not fields:
            return whole
        flat = {**whole, **{f"{_TIMINGS}{name}": value for name, value in whole["timings"].items()}}
        return {field: flat[field] for field in fields if field in flat}


def _timings(found: Found) -> dict[str, float]:
    timings = found.timings
    read, written = timings.evaluated_tokens, timings.decoded_tokens
    return {
        "prompt_n": read,
        "prompt_ms": timings.prompt_ms,
        "prompt_per_token_ms": timings.prompt_ms / max(1, read),
        "prompt_per_second": 1000 * read / timings.prompt_ms if timings.prompt_ms else 0.0,
        "predicted_n": written,
        "predicted_ms": timings.decode_ms,
        "predicted_per_token_ms": timings.decode_ms / max(1, written),
        "predicted_per_second": 1000 * written / timings.decode_ms if timings.decode_ms else 0.0,
    }
