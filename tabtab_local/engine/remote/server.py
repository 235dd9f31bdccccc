"""What a model's server is: which program, how much its model reads at once, and how it counts tokens.

llama.cpp's server, vLLM and Ollama are told apart, for each can do something that OpenAI's interface does not name.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import Any, Literal, Protocol

# What is counted on where a server does not say how much its model reads at once.
DEFAULT_CONTEXT_TOKENS = 4096

# Python code in the vocabularies of large models has three to four; other scripts have three bytes to a character.
_BYTES_PER_TOKEN = 3

_NUM_CTX = re.compile(r"^num_ctx\s+(\d+)", re.MULTILINE)


class Asked(Protocol):
    """Whatever asks a server for JSON."""

    @property
    def base_url(self) -> str:
        """The URL that ends in `/v1`."""
        ...

    @property
    def model(self) -> str:
        """The name of the model."""
        ...

    def get_json(self, url: str, body: dict[str, Any] | None = None, *, once: bool = False) -> Any:
        """Return what the server says, nothing where it has no such route. Raises `ModelError`."""
        ...


@dataclass(frozen=True)
class Server:
    """What a server tells of itself: which program it is, how much its model reads at once, whether it counts."""

    program: Literal["llama.cpp", "vllm", "ollama", "other"]
    context_tokens: int | None
    tokenizes: bool


def describe(asked: Asked) -> Server:
    """Return what the server tells of itself. Raises `ModelError` where it cannot be reached."""
    row = _row(asked.get_json("/models", once=True), asked.model)
    owner = row.get("owned_by")
    if owner == "llamacpp":
        meta = row.get("meta") or {}
        context = _slot_context(asked) or meta.get("n_ctx") or meta.get("n_ctx_train")
        return Server("llama.cpp", context, server_tokens(asked, "llama.cpp", "x") is not None)
    if owner == "vllm":
        return Server("vllm", row.get("max_model_len"), server_tokens(asked, "vllm", "x") is not None)
    if _dictionary(asked.get_json(beside(asked, "/api/version"), once=True)).get("version"):
        return Server("ollama", _ollama_context(asked), False)
    return Server("other", None, False)


def served_models(asked: Asked) -> list[str]:
    """Return the names of the models that the server has, none where it does not tell."""
    return [str(row["id"]) for row in _rows(asked.get_json("/models", once=True)) if row.get("id")]


def beside(asked: Asked, path: str) -> str:
    """Return the URL of a route that stands beside `/v1`, not below it."""
    return asked.base_url.removesuffix("/v1") + path


def server_tokens(asked: Asked, program: str, text: str) -> int | None:
    """Return the server's own count of the tokens in `text`, nothing where it has no such route."""
    url = beside(asked, "/tokenize")
    if program == "vllm":
        body = {"model": asked.model, "prompt": text, "add_special_tokens": False}
        count = _dictionary(asked.get_json(url, body)).get("count")
        return count if isinstance(count, int) else None
    tokens = _dictionary(asked.get_json(url, {"content": text, "add_special": False, "parse_special": False}))
    return len(tokens["tokens"]) if isinstance(tokens.get("tokens"), list) else None


def estimated_tokens(text: str) -> int:
    """Return about how many tokens `text` has, rather too many than too few."""
    return math.ceil(len(text.encode("utf-8", errors="replace")) / _BYTES_PER_TOKEN)


def _rows(models: Any) -> list[dict[str, Any]]:
    rows = _dictionary(models).get("data")
    return [row for row in rows if isinstance(row, dict)] if isinstance(rows, list) else []


def _row(models: Any, name: str) -> dict[str, Any]:
    """Return what a list of models says of `name`, or of the only one that there is."""
    rows = _rows(models)
    return next((row for row in rows if row.get("id") == name), rows[0] if len(rows) == 1 else {})


def _slot_context(asked: Asked) -> int | None:
    """Return the context of one of the clients that llama.cpp serves at a time."""
    properties = _dictionary(asked.get_json(beside(asked, "/props"), once=True))
    size = _dictionary(properties.get("default_generation_settings")).get("n_ctx")
    return size if isinstance(size, int) and size > 0 else None


def _ollama_context(asked: Asked) -> int | None:
    """Return the context that the model's Modelfile asks for."""
    shown = _dictionary(asked.get_json(beside(asked, "/api/show"), {"model": asked.model}, once=True))
    match = _NUM_CTX.search(str(shown.get("parameters") or ""))
    return int(match[1]) if match else None


def _dictionary(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}
