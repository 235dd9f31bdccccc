"""The routes that tell of the server and its model, as clients look at them before they ask."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, TypedDict

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from tabtab_local import __version__
from tabtab_local.desk.desk import Desk
from tabtab_local.engine import ModelInfo
from tabtab_local.server.metrics import Metrics

JSON = "application/json"

# Continue sends prefix and suffix apart where the template takes a suffix.
_TEMPLATE = "{{ .Prompt }}{{ .Suffix }}"


class Health(TypedDict):
    """Whether the server is up."""

    status: str


class ListedModel(TypedDict):
    """A model, as OpenAI's interface has it."""

    id: str
    object: str
    created: int
    owned_by: str


class Models(TypedDict):
    """All models that there are, which is one."""

    object: str
    data: list[ListedModel]


class Details(TypedDict):
    """What Ollama tells of a model's file."""

    parent_model: str
    format: str
    family: str
    families: list[str]
    parameter_size: str
    quantization_level: str


class Tag(TypedDict):
    """A model, as Ollama lists it."""

    name: str
    model: str
    modified_at: str
    size: int
    digest: str
    details: Details


class Tags(TypedDict):
    """All models that there are, which is one."""

    models: list[Tag]


class Shown(TypedDict):
    """A model, as Ollama shows it."""

    modelfile: str
    parameters: str
    template: str
    details: Details
    model_info: dict[str, str | int]
    capabilities: list[str]


class Version(TypedDict):
    """The version of tabtab-local."""

    version: str


@dataclass(frozen=True)
class Page:
    """A route that tells `told()`, which is of the type `reply`, whatever it is sent."""

    path: str
    words: str
    reply: Any
    told: Callable[[], bytes]
    media: str = JSON
    method: str = "GET"

    @property
    def route(self) -> Route:
        """The route."""

        async def tell(_: Request) -> Response:
            return Response(self.told(), media_type=self.media)

        return Route(self.path, tell, methods=[self.method])


def pages(model: ModelInfo, desk: Desk, metrics: Metrics) -> Sequence[Page]:
    """Return the pages of a server."""
    tag = _tag(model)
    listed: Models = {
        "object": "list",
        "data": [{"id": model.name, "object": "model", "created": 0, "owned_by": "tabtab-local"}],
    }
    shown: Shown = {
        "modelfile": "",
        "parameters": f"num_ctx {model.context_tokens}",
        "template": _TEMPLATE,
        "details": tag["details"],
        "model_info": {"general.architecture": "qwen3", "qwen3.context_length": model.context_tokens},
        "capabilities": ["completion", "insert"],
    }
    return (
        Page("/health", "Whether the server is up.", Health, encoded(Health(status="ok"))),
        Page("/v1/models", "The model, as OpenAI lists its own.", Models, encoded(listed)),
        Page("/api/tags", "The model, as Ollama lists its own.", Tags, encoded(Tags(models=[tag]))),
        Page("/api/show", "The model, as Ollama shows one.", Shown, encoded(shown), method="POST"),
        Page("/api/version", "The version of tabtab-local.", Version, encoded(Version(version=__version__))),
        Page(
            "/metrics",
            "Counts and times, for Prometheus.",
            str,
            lambda: metrics.page(desk),
            media="text/plain; version=0.0.4; charset=utf-8",
        ),
    )


def encoded(what: object) -> Callable[[], bytes]:
    """Return a function that tells always the same, in JSON."""
    text = msgspec.json.encode(what)
    return lambda: text


def _tag(model: ModelInfo) -> Tag:
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
