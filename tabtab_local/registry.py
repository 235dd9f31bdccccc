"""The models that there are: what each is made from, how it is packed, and what it needs.

The one place for these facts: the command line, the converter and the Modelfiles read them here. Knows nothing of how
a model is run or fetched.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from types import MappingProxyType
from typing import Literal

from tabtab_local.errors import ModelError
from tabtab_local.prompt import PROMPT_VERSION

Quant = Literal["Q8_0", "Q6_K", "Q5_K_M", "Q4_K_M", "IQ4_NL", "Q4_0", "F16"]

# Those that err where a model's importance matrix says that it matters least; Q8_0 and F16 round each value to the
# nearest one there is, whatever it weighs.
USE_IMPORTANCE: tuple[Quant, ...] = ("Q6_K", "Q5_K_M", "Q4_K_M", "IQ4_NL", "Q4_0")


@dataclass(frozen=True)
class Model:
    """One model, packed one way."""

    name: str
    base: str | None
    """The Hub repository that it is fine-tuned from; None for our own."""
    parameters: int
    context_tokens: int
    quant: Quant
    file: str
    """The name of its GGUF file."""
    license: str
    """As the Hub names licenses."""
    memory_mib: int
    """About what running it takes: the file, and the cache of a full context."""
    prompt_version: int = PROMPT_VERSION


# Small models lose more by quantising: Q8_0 below a billion parameters, Q4_K_M from about two billion.
_MODELS = (
    Model(
        name="tabtab-nano",
        base=None,
        parameters=8_393_984,
        context_tokens=1024,
        quant="Q8_0",
        file="tabtab-nano.gguf",
        license="apache-2.0",
        memory_mib=22,
    ),
    Model(
        name="tabtab-qwen3-0.6b",
        base="Qwen/Qwen3-0.6B-Base",
        parameters=596_049_920,
        context_tokens=4096,
        quant="Q8_0",
        file="tabtab-qwen3-0.6b-Q8_0.gguf",
        license="apache-2.0",
        memory_mib=1060,
    ),
    Model(
        name="tabtab-qwen3-1.7b",
        base="Qwen/Qwen3-1.7B-Base",
        parameters=1_720_574_976,
        context_tokens=4096,
        quant="Q4_K_M",
        file="tabtab-qwen3-1.7b-Q4_K_M.gguf",
        license="apache-2.0",
        memory_mib=1510,
    ),
    Model(
        name="tabtab-qwen3-4b",
        base="Qwen/Qwen3-4B-Base",
        parameters=4_022_468_096,
        context_tokens=4096,
        quant="Q4_K_M",
        file="tabtab-qwen3-4b-Q4_K_M.gguf",
        license="apache-2.0",
        memory_mib=2960,
    ),
    Model(
        name="tabtab-llama3.2-1b",
        base="meta-llama/Llama-3.2-1B",
        parameters=1_235_814_400,
        context_tokens=4096,
        quant="Q6_K",
        file="tabtab-llama3.2-1b-Q6_K.gguf",
        license="llama3.2",
        memory_mib=1110,
    ),
    Model(
        name="tabtab-llama3.2-3b",
        base="meta-llama/Llama-3.2-3B",
        parameters=3_212_749_824,
        context_tokens=4096,
        quant="Q4_K_M",
        file="tabtab-llama3.2-3b-Q4_K_M.gguf",
        license="llama3.2",
        memory_mib=2380,
    ),
)

MODELS: Mapping[str, Model] = MappingProxyType({model.name: model for model in _MODELS})
DEFAULT_MODEL = "tabtab-nano"

# Of the file that ships inside the package.
EMBEDDED_SHA256 = "3609e31f50491161584f7948c84ba4ba0541f1e0f49e6731e452d6112874be96"


def get(name: str) -> Model:
    """Return the model with that name. Raises `ModelError` with the names that there are."""
    if name not in MODELS:
        raise ModelError(f"no model is called {name!r}: choose one of {', '.join(MODELS)}")
    return MODELS[name]


def embedded_path() -> Path:
    """Return where the model that ships inside the package lies."""
    return Path(str(resources.files("tabtab_local"))) / "models" / get(DEFAULT_MODEL).file


def locate(model: str) -> Path:
    """Return the file of `model`, the name of a model or the path of a GGUF file.

    Raises `ModelError` for a name that is not known or whose file is not on this machine.
    """
    if model == DEFAULT_MODEL:
        return embedded_path()
    if model in MODELS:
        raise ModelError(
            f"{model} does not ship with this package: make {MODELS[model].file} (see README), pass its path"
        )
    path = Path(model)
    if path.exists() or path.suffix == ".gguf" or len(path.parts) > 1:
        return path
    raise ModelError(f"{model!r} is neither a file nor one of {', '.join(MODELS)}")
