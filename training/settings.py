"""What decides the outcome of a training run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import MISSING, dataclass, field, fields
from pathlib import Path
from typing import Any, Literal, get_type_hints

from tabtab_local.errors import DocumentError
from training.table import keys as table_keys
from training.table import read_toml
from training.table import value as table_value


@dataclass(frozen=True)
class Pretraining:
    """Everything but the corpus that decides the outcome of a run: the fields of a file in configs/pretrain.

    A step is of `rows_per_step` rows of `row_tokens`. The rate rises over `warmup_share` of the steps and falls over
    the last `decay_share`. Of the documents, `everyday_share` are generated programs, the others windows of the corpus
    of up to `window_characters`, each kind as often as it `weights`; of all, `edit_share` are edits to be made.
    `documents_per_row` is how far a row goes on in the corpus.
    """

    steps: int
    rows_per_step: int
    row_tokens: int
    vocab_size: int
    hidden_size: int
    layers: int
    heads: int
    kv_heads: int
    head_dim: int
    intermediate_size: int
    learning_rate: float
    optimizer: Literal["muon", "adamw"] = "muon"
    warmup_share: float = 0.02
    decay_share: float = 0.4
    weight_decay: float = 0.1
    clip_norm: float = 1.0
    everyday_share: float = 0.4
    edit_share: float = 0.6
    window_characters: int = 1800
    documents_per_row: int = 3
    tokenizer_bytes: int = 60_000_000
    seed: int = 1
    weights: Mapping[str, float] = field(default_factory=lambda: dict(KIND_WEIGHTS))


# How often a window of each kind of text comes in a pass over the corpus.
KIND_WEIGHTS: Mapping[str, float] = {"notebook": 4.0, "tutorial": 3.0, "library": 1.0, "test": 0.5}


def operations(parameters: int, settings: Pretraining) -> float:
    """Return the floating-point operations of training on a token: three times those of the forward pass.

    Two for each weight, and the products of attention over half a row on average (Chowdhery et al. 2022, appendix B,
    with the causal half). A tied embedding counts once, as the output matrix.
    """
    attention = 2 * settings.layers * settings.heads * settings.head_dim * settings.row_tokens
    return 3.0 * (2 * parameters + attention)


def read_pretraining(path: Path, **changes: Any) -> Pretraining:
    """Return the settings in the TOML file `path`, with the `changes` that are not None in the place of what it says.

    Raises `DocumentError` with the first thing that is wrong.
    """
    return read_toml(path, lambda table: _pretraining(table, changes))


def _pretraining(table: dict[str, Any], changes: dict[str, Any]) -> Pretraining:
    given = {**table, **{key: value for key, value in changes.items() if value is not None}}
    weights = given.pop("weights", {})
    hints = {key: hint for key, hint in get_type_hints(Pretraining).items() if key != "weights"}
    found = {key: table_value(key, given[key], hints[key]) for key in table_keys(given, hints, "the file")}
    required = [
        each.name for each in fields(Pretraining) if each.default is MISSING and each.default_factory is MISSING
    ]
    if bad := next((key for key, number in found.items() if isinstance(number, int | float) and number < 0), None):
        raise DocumentError(f"{bad} = {found[bad]} is less than nothing")
    if not isinstance(weights, dict):
        raise DocumentError("weights is not a table: write [weights]")
    kinds = {
        key: table_value(f"weights: {key}", weights[key], float)
        for key in table_keys(weights, KIND_WEIGHTS, "[weights]")
    }
    if lacking := next((key for key in required if key not in found), None):
        raise DocumentError(f"the key {lacking} is missing: add it")
    return Pretraining(**found, weights={**KIND_WEIGHTS, **kinds})


@dataclass(frozen=True)
class Tuning:
    """What fine-tuning and preference training both need to know; longer examples than `max_tokens` are left out."""

    epochs: float = 1.0
    batch_size: int = 16
    gradient_accumulation: int = 1
    max_tokens: int = 1024
    learning_rate: float = 1e-3
    warmup_share: float = 0.03
    seed: int = 2


@dataclass(frozen=True)
class FineTuning(Tuning):
    """Everything but the base and the data that decides the outcome of a run. The defaults are the nano's."""

    rank: int = 32
    alpha: int = 32


@dataclass(frozen=True)
class Preference(Tuning):
    """Everything but the adapter and the pairs that decides the outcome of a run. The defaults are the nano's.

    `beta` holds the model to what it was; `imitation` is the weight of the loss on the preferred answers themselves.
    """

    batch_size: int = 8
    learning_rate: float = 1e-4
    warmup_share: float = 0.1
    seed: int = 3
    beta: float = 0.1
    imitation: float = 0.2
