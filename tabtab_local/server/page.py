"""The routes that tell of the server and its model, as clients look at them before they ask."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from tabtab_local import __version__
from tabtab_local.desk.desk import Desk
from tabtab_local.engine import ModelInfo
from tabtab_local.server.metrics import Metrics

# Continue sends prefix and suffix apart where the template takes a suffix.
_TEMPLATE = "{{ .Prompt }}{{ .Suffix }}"


def pages(model: ModelInfo, desk: Desk, metrics: Metrics, document: Mapping[str, Any]) -> list[Route]:
    """Return the routes; `document` describes the interface (OpenAPI)."""
    listed = {"id": model.name, "object": "model", "created": 0, "owned_by": "tabtab-local"}
    tag = _tag(model)
    shown = {
        "modelfile": "",
        "parameters": f"num_ctx {model.context_tokens}",
        "template": _TEMPLATE,
        "details": tag["details"],
        "model_info": {"general.architecture": "qwen3", "qwen3.context_length": model.context_tokens},
        "capabilities": ["completion", "insert"],
    }
    told: dict[str, Mapping[str, Any]] = {
        "/health": {"status": "ok"},
        "/v1/models": {"object": "list", "data": [listed]},
        "/api/tags": {"models": [tag]},
        "/api/version": {"version": __version__},
        "/openapi.json": document,
    }

    async def count(_: Request) -> Response:
        return Response(metrics.page(desk), media_type="text/plain; version=0.0.4")

    return [
        *(Route(path, _telling(what), methods=["GET"]) for path, what in told.items()),
        Route("/api/show", _telling(shown), methods=["POST"]),
        Route("/metrics", count, methods=["GET"]),
    ]


def _telling(what: Mapping[str, Any]) -> Callable[[Request], Any]:
    async def tell(_: Request) -> Response:
        return _json(what)

    return tell


def _json(what: Mapping[str, Any]) -> Response:
    return Response(msgspec.json.encode(what), media_type="application/json")


def _tag(model: ModelInfo) -> dict[str, Any]:
    """Return the model as Ollama lists its own."""
    since = datetime.now(UTC).isoformat().replace("+00:00", "Z")
    return {
        "name": model.name,
        "model": model.name,
        "modified_at": since,
        "size": model.size_bytes,
        "digest": hashlib.sha256(model.name.encode()).hexdigest(),
        "details": {
            "parent_model": "",
            "format": "gguf",
            "family": "qwen3",
            "families": ["qwen3"],
            "parameter_size": f"{model.parameters / 1e6:.0f}M",
            "quantization_level": model.file_type,
        },
    }
