"""Ollama's own interface (https://docs.ollama.com/api/generate) in terms of completions.

Its `/v1/completions` puts the prompt into the model's template, in which a whole prompt does not belong; only `raw`
requests to `/api/generate` are taken as they are.
"""

from __future__ import annotations

from typing import Any

ROUTE = "/api/generate"


def request(body: dict[str, Any], context_tokens: int) -> dict[str, Any]:
    """Return the request that asks for the completion of `body`."""
    return {
        "model": body["model"],
        "prompt": body["prompt"],
        "raw": True,
        "stream": True,
        "logprobs": "logprobs" in body,
        "options": {
            "num_ctx": context_tokens,
            "num_predict": body["max_tokens"],
            "stop": body["stop"],
            "temperature": 0,
            # Ollama's default of 1.1 would punish copying, which is most of an answer.
            "repeat_penalty": 1.0,
        },
    }


def completion(piece: dict[str, Any]) -> dict[str, Any]:
    """Return a piece of a streamed response as a piece of a streamed completion."""
    if "response" not in piece:
        return piece
    choice = {
        "text": piece["response"],
        "logprobs": piece.get("logprobs"),
        "finish_reason": piece.get("done_reason") or "stop" if piece.get("done") else None,
    }
    found: dict[str, Any] = {"choices": [choice]}
    if piece.get("done"):
        found["usage"] = {
            "completion_tokens": piece.get("eval_count"),
            "prompt_tokens": piece.get("prompt_eval_count"),
        }
    return found
