"""Hugging Face folders of true shapes with random weights and the real tokenizer: what a converter is measured on.

What converting costs depends on the shapes, the types and the tokenizer, not on what the weights are. The tokenizer
comes from a GGUF with the vocabulary, such as the vocabulary-only ones of llama.cpp's own tests; our markers take the
rows that training gives them. The same in every run.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from gguf import GGUFReader, TokenType
from safetensors.torch import save_file

from bench.shape import SHAPES, Shape
from tabtab_local.errors import ModelError
from tabtab_local.output import new_folder
from tabtab_local.prompt import MARKERS

_WORDS = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+"
_REST = r" ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"

# By llama.cpp's name: the expression that splits text, whether text is put into Unicode's form C, whether a word that
# is a token is taken without merging, whether texts begin with BOS, and the first row that markers may take.
_TOKENIZERS: dict[str, tuple[str, bool, bool, bool, int]] = {
    "qwen2": (rf"{_WORDS}|\p{{N}}|{_REST}", True, False, False, 151_669),
    "llama-bpe": (rf"{_WORDS}|\p{{N}}{{1,3}}|{_REST}", False, True, True, 128_252),
}

# Tokens of Qwen3 that Qwen2's vocabulary has not, from row 151,646 on; those in the second tuple are not special.
_QWEN3_SPECIAL = (
    *("<|object_ref_start|>", "<|object_ref_end|>", "<|box_start|>", "<|box_end|>", "<|quad_start|>", "<|quad_end|>"),
    *("<|vision_start|>", "<|vision_end|>", "<|vision_pad|>", "<|image_pad|>", "<|video_pad|>"),
)
_QWEN3_PLAIN = (
    *("<tool_call>", "</tool_call>", "<|fim_prefix|>", "<|fim_middle|>", "<|fim_suffix|>", "<|fim_pad|>"),
    *("<|repo_name|>", "<|file_sep|>", "<tool_response>", "</tool_response>", "<think>", "</think>"),
)
_QWEN3_FIRST = 151_646


def _qwen3(shape: Shape) -> dict[str, Any]:
    return {
        "architectures": ["Qwen3ForCausalLM"],
        "model_type": "qwen3",
        "hidden_size": shape.hidden,
        "intermediate_size": shape.feed_forward,
        "num_hidden_layers": shape.layers,
        "num_attention_heads": shape.heads,
        "num_key_value_heads": shape.kv_heads,
        "head_dim": shape.head_dim,
        "hidden_act": "silu",
        "max_position_embeddings": shape.context_tokens,
        "rms_norm_eps": shape.rms_epsilon,
        "rope_theta": shape.rope_base,
        "tie_word_embeddings": True,
        "vocab_size": shape.rows,
        "bos_token_id": 151_643,
        "eos_token_id": 151_643,
        "dtype": "bfloat16",
    }


# The config.json of each base, without what does not bear on its shape.
CONFIGS: dict[str, dict[str, Any]] = {
    **{name: _qwen3(shape) for name, shape in SHAPES.items()},
    "llama3.2-1b": {
        "architectures": ["LlamaForCausalLM"],
        "model_type": "llama",
        "hidden_size": 2048,
        "intermediate_size": 8192,
        "num_hidden_layers": 16,
        "num_attention_heads": 32,
        "num_key_value_heads": 8,
        "head_dim": 64,
        "hidden_act": "silu",
        "max_position_embeddings": 131_072,
        "rms_norm_eps": 1e-5,
        "rope_theta": 500_000.0,
        "rope_scaling": {
            "rope_type": "llama3",
            "factor": 32.0,
            "low_freq_factor": 1.0,
            "high_freq_factor": 4.0,
            "original_max_position_embeddings": 8192,
        },
        "tie_word_embeddings": True,
        "vocab_size": 128_256,
        "bos_token_id": 128_000,
        "eos_token_id": 128_001,
        "dtype": "bfloat16",
    },
}
_TOKENIZER_OF = {"qwen3": "qwen2", "llama": "llama-bpe"}
_DEVIATION = 0.02
_FILE_BYTES = 1 << 30


def write_folder(name: str, vocabulary: Path, out: Path, **changes: object) -> None:
    """Write a model with the config of `name` and `changes` to it into the new folder `out`, in files of a gigabyte.

    Raises `ModelError` for a vocabulary of another kind than the model's.
    """
    config = {**CONFIGS[name], **changes}
    with new_folder(out) as folder:
        (folder / "config.json").write_text(json.dumps(config, indent=2) + "\n", encoding="utf-8")
        write_tokenizer(vocabulary, folder, pre=_TOKENIZER_OF[config["model_type"]])
        _write_weights(folder, config)


def write_tokenizer(vocabulary: Path, folder: Path, *, pre: str) -> None:
    """Write the tokenizer of the GGUF at `vocabulary` into `folder`, as the files that Hugging Face has for it."""
    try:
        reader = GGUFReader(vocabulary)
    except (FileNotFoundError, ValueError) as error:
        raise ModelError(f"{vocabulary} is no GGUF with a vocabulary: {error}") from error

    def field(key: str) -> Any:
        found = reader.get_field(f"tokenizer.ggml.{key}")
        return found.contents() if found else None

    if field("pre") != pre:
        raise ModelError(f"{vocabulary} has a tokenizer of the kind {field('pre')!r}: give one of {pre!r}")
    split, normalized, ignores_merges, adds_bos, first = _TOKENIZERS[pre]
    tokens, types = field("tokens"), field("token_type")
    normal = {
        token: id_ for id_, (token, kind) in enumerate(zip(tokens, types, strict=True)) if kind == TokenType.NORMAL
    }
    added = {
        id_: token for id_, (token, kind) in enumerate(zip(tokens, types, strict=True)) if kind == TokenType.CONTROL
    }
    if pre == "qwen2":
        added |= dict(enumerate((*_QWEN3_SPECIAL, *_QWEN3_PLAIN), _QWEN3_FIRST))
    added |= dict(enumerate(MARKERS, first))
    bos, eos = tokens[field("bos_token_id")], tokens[field("eos_token_id")]
    byte_level = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": False, "use_regex": False}
    begin: list[dict[str, Any]] = [{"SpecialToken": {"id": bos, "type_id": 0}}] if adds_bos else []
    template = {
        "type": "TemplateProcessing",
        "single": [*begin, {"Sequence": {"id": "A", "type_id": 0}}],
        "pair": [*begin, {"Sequence": {"id": "A", "type_id": 0}}, *begin, {"Sequence": {"id": "B", "type_id": 1}}],
        "special_tokens": {bos: {"id": bos, "ids": [tokens.index(bos)], "tokens": [bos]}} if adds_bos else {},
    }
    document = {
        "version": "1.0",
        "truncation": None,
        "padding": None,
        "added_tokens": [_added(id_, token) for id_, token in sorted(added.items())],
        "normalizer": {"type": "NFC"} if normalized else None,
        "pre_tokenizer": {
            "type": "Sequence",
            "pretokenizers": [
                {"type": "Split", "pattern": {"Regex": split}, "behavior": "Isolated", "invert": False},
                byte_level,
            ],
        },
        "post_processor": {"type": "Sequence", "processors": [byte_level, template]} if adds_bos else byte_level,
        "decoder": byte_level,
        "model": {
            "type": "BPE",
            "dropout": None,
            "unk_token": None,
            "continuing_subword_prefix": None,
            "end_of_word_suffix": None,
            "fuse_unk": False,
            "byte_fallback": False,
            "ignore_merges": ignores_merges,
            "vocab": normal,
            "merges": [merge.split(" ") for merge in field("merges")],
        },
    }
    settings = {"tokenizer_class": "PreTrainedTokenizerFast", "bos_token": bos, "eos_token": eos}
    (folder / "tokenizer.json").write_text(json.dumps(document, ensure_ascii=False), encoding="utf-8")
    (folder / "tokenizer_config.json").write_text(json.dumps(settings, indent=2) + "\n", encoding="utf-8")


def _added(id_: int, token: str) -> dict[str, Any]:
    plain = {"lstrip": False, "rstrip": False, "single_word": False, "normalized": False}
    return {"id": id_, "content": token, "special": token not in (*MARKERS, *_QWEN3_PLAIN), **plain}


def _write_weights(folder: Path, config: dict[str, Any]) -> None:
    files: dict[str, list[str]] = {}
    generator = np.random.default_rng(0)
    part: dict[str, torch.Tensor] = {}

    def finish() -> None:
        name = f"model-{len(files) + 1:05}.safetensors"
        save_file(part, folder / name, {"format": "pt"})
        files[name] = list(part)
        part.clear()

    for key, shape in tensors_of(config):
        if sum(tensor.nbytes for tensor in part.values()) > _FILE_BYTES:
            finish()
        values = generator.standard_normal(shape, np.float32) * np.float32(_DEVIATION)
        part[key] = (torch.from_numpy(values) if len(shape) > 1 else torch.ones(shape)).bfloat16()
    finish()
    weight_map = {key: name for name, keys in files.items() for key in keys}
    index = {"metadata": {}, "weight_map": weight_map}
    (folder / "model.safetensors.index.json").write_text(json.dumps(index, indent=2) + "\n", encoding="utf-8")


def tensors_of(config: dict[str, Any]) -> Iterator[tuple[str, tuple[int, ...]]]:
    """Yield the key and the shape `(rows, columns)` or `(columns,)` of each tensor."""
    hidden, feed_forward, head = config["hidden_size"], config["intermediate_size"], config["head_dim"]
    queries, keys = config["num_attention_heads"] * head, config["num_key_value_heads"] * head
    yield "model.embed_tokens.weight", (config["vocab_size"], hidden)
    for number in range(config["num_hidden_layers"]):
        block = {
            "input_layernorm": (hidden,),
            "self_attn.q_proj": (queries, hidden),
            "self_attn.k_proj": (keys, hidden),
            "self_attn.v_proj": (keys, hidden),
            "self_attn.o_proj": (hidden, queries),
            "post_attention_layernorm": (hidden,),
            "mlp.gate_proj": (feed_forward, hidden),
            "mlp.up_proj": (feed_forward, hidden),
            "mlp.down_proj": (hidden, feed_forward),
        }
        if config["model_type"] == "qwen3":
            block |= {"self_attn.q_norm": (head,), "self_attn.k_norm": (head,)}
        for name, shape in block.items():
            yield f"model.layers.{number}.{name}.weight", shape
    yield "model.norm.weight", (hidden,)
    if not config["tie_word_embeddings"]:
        yield "lm_head.weight", (config["vocab_size"], hidden)
