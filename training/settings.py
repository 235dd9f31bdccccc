"""What decides the outcome of a training run, with the defaults that the nano is made with."""

from __future__ import annotations

from dataclasses import dataclass

# Distributions whose source is used beside the standard library; all are dependencies of the `train` extra.
DISTRIBUTIONS: tuple[str, ...] = (
    "accelerate",
    "click",
    "datasets",
    "httpx",
    "huggingface-hub",
    "jinja2",
    "networkx",
    "numpy",
    "packaging",
    "pandas",
    "peft",
    "trl",
)


@dataclass(frozen=True)
class Pretraining:
    """Everything that decides the outcome of a run. The defaults take about an hour on two CPU cores."""

    steps: int = 3000
    rows_per_step: int = 4
    row_tokens: int = 1024
    vocab_size: int = 6144
    hidden_size: int = 256
    layers: int = 6
    heads: int = 4
    kv_heads: int = 2
    head_dim: int = 64
    intermediate_size: int = 768
    learning_rate: float = 2.5e-3
    warmup_steps: int = 120
    weight_decay: float = 0.1
    clip_norm: float = 1.0
    everyday_share: float = 0.7
    edit_share: float = 0.5
    distributions: tuple[str, ...] = DISTRIBUTIONS
    tokenizer_documents: int = 12_000
    seed: int = 1


@dataclass(frozen=True)
class FineTuning:
    """Everything but the base and the data that decides the outcome of a run. The defaults are the nano's."""

    epochs: float = 1.0
    batch_size: int = 16
    gradient_accumulation: int = 1
    max_tokens: int = 1024
    rank: int = 32
    alpha: int = 32
    learning_rate: float = 1e-3
    warmup_share: float = 0.03
    seed: int = 2
