"""The architectures that can be converted: which tensor goes by which name in a GGUF, and what is done to it.

A table for each, and the checks that a folder's config.json asks for nothing that llama.cpp computes otherwise. Knows
nothing of files. The names are those of https://github.com/ggml-org/llama.cpp/blob/master/gguf-py/gguf/constants.py.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch

from tabtab_local.errors import ModelError

EMBEDDING, OUTPUT = "model.embed_tokens.weight", "lm_head.weight"

_SHAPE_KEYS = (
    "vocab_size",
    "hidden_size",
    "intermediate_size",
    "max_position_embeddings",
    "num_attention_heads",
    "num_hidden_layers",
    "num_key_value_heads",
    "rms_norm_eps",
)
_MODEL = {
    EMBEDDING: "token_embd.weight",
    "model.norm.weight": "output_norm.weight",
    OUTPUT: "output.weight",
}
_BLOCK = {
    "input_layernorm.weight": "attn_norm.weight",
    "self_attn.q_proj.weight": "attn_q.weight",
    "self_attn.k_proj.weight": "attn_k.weight",
    "self_attn.v_proj.weight": "attn_v.weight",
    "self_attn.o_proj.weight": "attn_output.weight",
    "post_attention_layernorm.weight": "ffn_norm.weight",
    "mlp.gate_proj.weight": "ffn_gate.weight",
    "mlp.up_proj.weight": "ffn_up.weight",
    "mlp.down_proj.weight": "ffn_down.weight",
}


@dataclass(frozen=True)
class Architecture:
    """What an architecture's tensors are called, there and here: once for the model, once for each block."""

    name: str
    model: Mapping[str, str]
    block: Mapping[str, str]
    rope_types: tuple[str, ...] = ("default",)
    permuted: Mapping[str, str] = field(default_factory=dict)
    """Endings of tensors whose rows llama.cpp wants in another order, and the config's entry with their heads.

    Hugging Face turns the halves of a head against each other, llama.cpp neighbouring rows.
    """
    fixed: Mapping[str, object] = field(default_factory=lambda: {"hidden_act": "silu"})
    """Entries of config.json that must have this value where they stand: llama.cpp computes nothing else."""

    def names(self, config: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
        """Yield the key and the GGUF's name of every tensor of a model with that config, in the table's order."""
        for key, name in self.model.items():
            if key != OUTPUT or not config.get("tie_word_embeddings"):
                yield key, name
        for number in range(config["num_hidden_layers"]):
            for key, name in self.block.items():
                yield f"model.layers.{number}.{key}", f"blk.{number}.{name}"

    def arranged(self, key: str, weight: torch.Tensor, config: Mapping[str, Any]) -> torch.Tensor:
        """Return the tensor `key` with its rows in llama.cpp's order."""
        for ending, heads in self.permuted.items():
            if key.endswith(ending):
                halves = weight.reshape(config[heads], 2, -1, *weight.shape[1:])
                return halves.swapaxes(1, 2).reshape(weight.shape)
        return weight


ARCHITECTURES = {
    "Qwen3ForCausalLM": Architecture(
        "qwen3",
        _MODEL,
        {
            **_BLOCK,
            "self_attn.q_norm.weight": "attn_q_norm.weight",
            "self_attn.k_norm.weight": "attn_k_norm.weight",
        },
        fixed={"hidden_act": "silu", "use_sliding_window": False},
    ),
    "LlamaForCausalLM": Architecture(
        "llama",
        _MODEL,
        _BLOCK,
        rope_types=("default", "llama3"),
        permuted={"q_proj.weight": "num_attention_heads", "k_proj.weight": "num_key_value_heads"},
    ),
}


def architecture_of(folder: Path, config: Mapping[str, Any]) -> Architecture:
    """Return the architecture that the config.json of `folder` names.

    Raises `ModelError` for one that is not in the table and for settings that llama.cpp does not know.
    """
    names = config.get("architectures") or ["(none)"]
    if names[0] not in ARCHITECTURES:
        raise ModelError(f"{folder} is a {names[0]}: only {', '.join(ARCHITECTURES)} can be converted")
    if missing := [key for key in _SHAPE_KEYS if key not in config]:
        raise ModelError(f"{folder / 'config.json'} lacks {', '.join(missing)}: is it complete?")
    architecture = ARCHITECTURES[names[0]]
    for key, expected in architecture.fixed.items():
        if (value := config.get(key, expected)) != expected:
            raise ModelError(f"{folder / 'config.json'} has {key} {value!r}: only {expected!r} can be converted")
    settings = rope(config)
    if not settings.get("rope_theta"):
        raise ModelError(f"{folder / 'config.json'} lacks rope_theta: is it complete?")
    if (kind := settings.get("rope_type", "default")) not in architecture.rope_types:
        known = " or ".join(map(repr, architecture.rope_types))
        raise ModelError(f"{folder / 'config.json'} has rope_type {kind!r}: only {known} can be converted")
    return architecture


def rope(config: Mapping[str, Any]) -> dict[str, Any]:
    """Return the rotary settings: an object of its own since transformers 5, two entries of the config before."""
    old = {"rope_theta": config.get("rope_theta"), **(config.get("rope_scaling") or {})}
    return config.get("rope_parameters") or old


def head_size(config: Mapping[str, Any]) -> int:
    """Return the dimensions of an attention head."""
    return int(config.get("head_dim") or config["hidden_size"] // config["num_attention_heads"])


def rope_factors(config: Mapping[str, Any]) -> torch.Tensor | None:
    """Return what llama.cpp divides the rotary frequencies by, `(head_size / 2,)`; None where it is one everywhere.

    Llama 3 slows the low frequencies down and leaves the high ones, with a ramp between them
    (`_compute_llama3_parameters` in transformers).
    """
    settings = rope(config)
    if settings.get("rope_type") != "llama3":
        return None
    size, factor = head_size(config), settings["factor"]
    low, high = settings["low_freq_factor"], settings["high_freq_factor"]
    context = settings["original_max_position_embeddings"]
    factors = []
    for frequency in 1.0 / (settings["rope_theta"] ** (torch.arange(0, size, 2, dtype=torch.float32) / size)):
        length = 2 * math.pi / frequency
        ramp = ((context / length - low) / (high - low)).clamp(0, 1)
        # The ends as they are: the ramp's own rounding would show in the last bit.
        factors.append(
            1.0 if length < context / high else factor if length > context / low else 1 / ((1 - ramp) / factor + ramp)
        )
    return torch.tensor(factors, dtype=torch.float32)
