"""A model behind a server as both styles of asking see it: what it is, and how many tokens a text has there."""

from __future__ import annotations

import functools
from pathlib import Path
from typing import Any

from tabtab_local.engine import ModelInfo
from tabtab_local.engine.remote.completion import own_settings
from tabtab_local.engine.remote.server import DEFAULT_CONTEXT_TOKENS, Server, estimated_tokens, server_tokens
from tabtab_local.prompt import MARKERS, PROMPT_VERSION
from training.evaluation.respondent.client import Client


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
        cache = {"cache_prompt": False} if self.server.program == "llama.cpp" else {}
        return own_settings(self.server.program) | cache

    def room(self, text: str, max_tokens: int) -> int:
        """Return how many tokens an answer to `text` may have: `max_tokens`, or fewer where the context is known."""
        if not self._is_limited:
            return max_tokens
        return max(1, min(max_tokens, self.model.context_tokens - self.count_tokens(text) - 1))

    def _count_tokens(self, text: str) -> int:
        count = server_tokens(self.client, self.server.program, text) if self.server.tokenizes and text else None
        return estimated_tokens(text) if count is None else count
