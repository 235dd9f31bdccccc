"""The interface in words that programs read: OpenAPI, from the types that bodies are read into."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from tabtab_local import __version__
from tabtab_local.server.dialect import Dialect

_REFUSED = {
    "400": "The body is not what the route takes.",
    "401": "A token is needed.",
    "403": "The request comes from a web page.",
    "413": "The body is too large.",
    "415": "The body is not JSON.",
    "421": "The server does not answer to that name.",
    "500": "The model failed.",
}
_TELLING = {
    "/health": "Whether the server is up.",
    "/v1/models": "The model, as OpenAI lists its own.",
    "/api/tags": "The model, as Ollama lists its own.",
    "/api/version": "The version of tabtab-local.",
    "/metrics": "Counts and times, for Prometheus.",
}


def openapi(dialects: Sequence[Dialect[Any]]) -> dict[str, Any]:
    """Return the OpenAPI document."""
    bodies, components = msgspec.json.schema_components(
        [each.body for each in dialects], ref_template="#/components/schemas/{name}"
    )
    asking = {
        each.path: {"post": _operation(str(type(each).__doc__), body)}
        for each, body in zip(dialects, bodies, strict=True)
    }
    telling = {path: {"get": _operation(words, None)} for path, words in _TELLING.items()}
    return {
        "openapi": "3.1.0",
        "info": {"title": "tabtab-local", "version": __version__},
        "paths": {**asking, **telling},
        "components": {"schemas": components, "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}}},
    }


def _operation(words: str, body: Mapping[str, Any] | None) -> dict[str, Any]:
    refused = {status: {"description": why} for status, why in _REFUSED.items()}
    found: dict[str, Any] = {"summary": words, "responses": {"200": {"description": "The answer."}, **refused}}
    if body is not None:
        found["requestBody"] = {"required": True, "content": {"application/json": {"schema": body}}}
    return found
