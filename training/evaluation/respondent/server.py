"""What a server is: which program, how much its model reads at once, and how it counts tokens."""

from __future__ import annotations

import functools
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from tabtab_local.engine import ModelInfo
from tabtab_local.prompt import MARKERS, PROMPT_VERSION
from training.evaluation.respondent.client import Client

# What is counted on where a server does not say how much its model reads at once.
DEFAULT_CONTEXT_TOKENS = 4096

# Python code in the vocabularies of large models has three to four.
CHARACTERS_PER_TOKEN = 3


@dataclass(frozen=True)
class Server:
    """What a server tells of itself: which program it is, how much its model reads at once, whether it counts."""

    program: Literal["llama.cpp", "vllm", "other"]
    context_tokens: int | None
    tokenizes: bool


def describe(client: Client) -> Server:
    """Return what the server tells of itself. Raises `ModelError` where it cannot be reached."""
    models = client.get_json("/models", once=True)
    rows = models.get("data") if isinstance(models, dict) else None
    rows = [row for row in rows or () if isinstance(row, dict)]
    row: dict[str, Any] = next(
        (row for row in rows if row.get("id") == client.model), rows[0] if len(rows) == 1 else {}
    )
    owner = row.get("owned_by")
    if owner == "llamacpp":
        meta = row.get("meta") or {}
        context = meta.get("n_ctx") or meta.get("n_ctx_train")
        return Server("llama.cpp", context, _count(client, "llama.cpp", "x") is not None)
    if owner == "vllm":
        return Server("vllm", row.get("max_model_len"), _count(client, "vllm", "x") is not None)
    return Server("other", None, False)


def estimated_tokens(text: str) -> int:
    """Return about how many tokens `text` has."""
    return math.ceil(len(text) / CHARACTERS_PER_TOKEN)


class Connection:
    """What both styles share: the client, the server's model, and the count of its tokens."""

    def __init__(self, client: Client, server: Server, context_tokens: int | None) -> None:
        self.client = client
        self.server = server
        self.model = ModelInfo(
            name=client.model,
            path=Path(),
            prompt_version=PROMPT_VERSION,
            context_tokens=context_tokens or server.context_tokens or DEFAULT_CONTEXT_TOKENS,
            parameters=0,
            size_bytes=0,
            file_type="",
        )
        self._is_limited = bool(context_tokens or server.context_tokens)
        self.count_tokens = functools.lru_cache(maxsize=50_000)(self._count_tokens)

    def knows_markers(self) -> bool:
        """Return whether the served model surely has our markers as single tokens."""
        return self.server.tokenizes and all(self.count_tokens(marker) == 1 for marker in MARKERS)

    def extras(self) -> dict[str, Any]:
        """Return what a request to this program may have beside what OpenAI knows.

        Without a prompt cache an answer of llama.cpp depends less on what was asked before: rounding does, where
        tokens are evaluated in other groups.
        """
        return {"cache_prompt": False} if self.server.program == "llama.cpp" else {}

    def room(self, text: str, max_tokens: int) -> int:
        """Return how many tokens an answer to `text` may have: `max_tokens`, or fewer where the context is known."""
        if not self._is_limited:
            return max_tokens
        return max(1, min(max_tokens, self.model.context_tokens - self.count_tokens(text) - 1))

    def _count_tokens(self, text: str) -> int:
        count = _count(self.client, self.server.program, text) if self.server.tokenizes and text else None
        return estimated_tokens(text) if count is None else count


def _count(client: Client, program: str, text: str) -> int | None:
    """Return the server's own count of the tokens in `text`, or nothing where it has no such route."""
    # The route stands beside /v1, not below it.
    url = client.base_url.removesuffix("/v1") + "/tokenize"
    if program == "vllm":
        said = client.get_json(url, {"model": client.model, "prompt": text, "add_special_tokens": False})
        return said.get("count") if isinstance(said, dict) else None
    said = client.get_json(url, {"content": text, "add_special": False, "parse_special": False})
    return len(said["tokens"]) if isinstance(said, dict) and isinstance(said.get("tokens"), list) else None
