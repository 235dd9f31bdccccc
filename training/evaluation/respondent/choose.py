"""From what a user names, a name, a file, a folder, a hub id or a server's model, to what answers questions."""

from __future__ import annotations

import re
from pathlib import Path

from tabtab_local import registry
from tabtab_local.config import Settings
from tabtab_local.errors import ModelError, UsageError
from training.evaluation.respondent.chat import DEFAULT_MAX_TOKENS
from training.evaluation.respondent.client import DEFAULT_TIMEOUT_S
from training.evaluation.respondent.endpoint import STYLES
from training.evaluation.respondent.endpoint import endpoint as served
from training.evaluation.respondent.engine import llama
from training.evaluation.respondent.reply import Respondent

_HUB_ID = re.compile(r"[\w.-]+/[\w.-]+")


def choose(
    model: str,
    *,
    settings: Settings,
    endpoint: str | None = None,
    style: str = "auto",
    cache: Path | None = None,
    concurrency: int = 1,
    max_tokens: int = DEFAULT_MAX_TOKENS,
    context_tokens: int | None = None,
    timeout_s: float = DEFAULT_TIMEOUT_S,
) -> Respondent:
    """Return the model that `model` names; close it when it is not needed any more.

    With `endpoint`, a URL, that is the name of a model on that server. Otherwise a name of the registry or a GGUF file
    runs in llama.cpp, a folder or a hub id in transformers. All options but `style` and `max_tokens` are for servers.
    Raises `UsageError` for what cannot be together, and `ModelError` for a model that is not there or cannot be used.
    """
    if style not in STYLES:
        raise UsageError(f"the style is {style!r}: choose one of {', '.join(STYLES)}")
    if endpoint is not None:
        return served(
            endpoint,
            model,
            settings,
            style=style,
            cache=cache,
            concurrency=concurrency,
            max_tokens=max_tokens,
            context_tokens=context_tokens,
            timeout_s=timeout_s,
        )
    if model in registry.MODELS or Path(model).suffix == ".gguf" or Path(model).is_file():
        if style == "chat":
            raise UsageError(
                f"{model} runs in llama.cpp in our own format: leave --style out, or serve it and --endpoint"
            )
        path = registry.locate(model)
        return llama(path, settings, name=model if model in registry.MODELS else path.stem)
    if Path(model).is_dir() or _HUB_ID.fullmatch(model):
        from training.evaluation.respondent.hub import hub

        name = Path(model).resolve().name if Path(model).is_dir() else model.rpartition("/")[2]
        return hub(model, settings, name=name, style=style, max_tokens=max_tokens)
    raise ModelError(
        f"{model!r} is no GGUF file, no folder, no hub id such as Qwen/Qwen3-0.6B and none of "
        f"{', '.join(registry.MODELS)}: with a server, give --endpoint too"
    )
