"""Write a Hugging Face folder as a GGUF file, with our metadata in it.

Knows which architectures there are (a table) and which tensor goes by which name; nothing of quantising. Tensors are
read one at a time, so memory holds the largest of them and not the model. The format:
https://github.com/ggml-org/ggml/blob/master/docs/gguf.md
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from gguf import GGML_QUANT_VERSION, GGMLQuantizationType, GGUFWriter, LlamaFileType
from safetensors import SafetensorError, safe_open

from convert.vocabulary import Vocabulary, read_json, read_vocabulary
from tabtab_local.errors import ModelError
from tabtab_local.fingerprint import TRAINING_FILE
from tabtab_local.output import new_file
from tabtab_local.prompt import PROMPT_VERSION, PROMPT_VERSION_KEY, chat_template
from tabtab_local.registry import MODELS

DType = Literal["f16", "f32", "bf16"]
_TORCH_TYPES = {"f16": torch.float16, "f32": torch.float32, "bf16": torch.bfloat16}
_GGML_TYPES = {dtype: GGMLQuantizationType[dtype.upper()] for dtype in _TORCH_TYPES}
_FILE_TYPES = {
    "f16": LlamaFileType.MOSTLY_F16,
    "f32": LlamaFileType.ALL_F32,
    "bf16": LlamaFileType.MOSTLY_BF16,
}


@dataclass(frozen=True)
class Architecture:
    """What an architecture's tensors are called, there and here: once for the model, once for each block."""

    name: str
    model: Mapping[str, str]
    block: Mapping[str, str]
    fixed: Mapping[str, object]
    """Entries of config.json that must have this value where they stand: llama.cpp computes nothing else."""


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
    "model.embed_tokens.weight": "token_embd.weight",
    "model.norm.weight": "output_norm.weight",
    "lm_head.weight": "output.weight",
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
_QWEN3_BLOCK = _BLOCK | {
    "self_attn.q_norm.weight": "attn_q_norm.weight",
    "self_attn.k_norm.weight": "attn_k_norm.weight",
}
ARCHITECTURES = {
    "Qwen3ForCausalLM": Architecture(
        "qwen3", _MODEL, _QWEN3_BLOCK, {"hidden_act": "silu", "use_sliding_window": False}
    ),
}


@dataclass(frozen=True)
class _Tensor:
    """A tensor to write: its name in the GGUF, where it is now, and its shape (outermost dimension first)."""

    name: str
    key: str
    file: Path
    shape: tuple[int, ...]


def write_gguf(folder: Path, out: Path, *, name: str, dtype: DType = "f16") -> None:
    """Write the model in `folder` to `out`, matrices as `dtype`, under the name `name`.

    Raises `ModelError` for an architecture, tokenizer or tensor that it cannot write exactly; `out` is then untouched.
    """
    _check_version(folder)
    config = read_json(folder / "config.json")
    architecture = _architecture(folder, config)
    vocabulary = read_vocabulary(folder, config["vocab_size"])
    tensors = _find_tensors(folder, architecture, config)
    with new_file(out) as temporary:
        writer = GGUFWriter(temporary, architecture.name)
        try:
            _add_general(writer, name, dtype)
            _add_shape(writer, config)
            _add_vocabulary(writer, vocabulary)
            _write_tensors(writer, tensors, dtype)
        finally:
            writer.close()


def _check_version(folder: Path) -> None:
    """Refuse a model that training made for another prompt format; one that was not trained by us says nothing."""
    record = folder / TRAINING_FILE
    if record.exists() and (version := read_json(record).get("prompt_version")) != PROMPT_VERSION:
        raise ModelError(
            f"{folder} was trained for prompt version {version}, this is version {PROMPT_VERSION}: train it again"
        )


def _architecture(folder: Path, config: dict[str, Any]) -> Architecture:
    names = config.get("architectures") or ["(none)"]
    if names[0] not in ARCHITECTURES:
        raise ModelError(f"{folder} is a {names[0]}: only {', '.join(ARCHITECTURES)} can be converted")
    if missing := [key for key in _SHAPE_KEYS if key not in config]:
        raise ModelError(f"{folder / 'config.json'} lacks {', '.join(missing)}: is it complete?")
    architecture = ARCHITECTURES[names[0]]
    rope = _rope(config)
    if not rope.get("rope_theta"):
        raise ModelError(f"{folder / 'config.json'} lacks rope_theta: is it complete?")
    rope_type = rope.get("rope_type", "default")
    for key, value in {**config, "rope_type": rope_type}.items():
        expected = {**architecture.fixed, "rope_type": "default"}.get(key, value)
        if value != expected:
            raise ModelError(f"{folder / 'config.json'} has {key} {value!r}: only {expected!r} can be converted")
    return architecture


def _rope(config: dict[str, Any]) -> dict[str, Any]:
    """Return the rotary settings: an object of its own since transformers 5, two entries of the config before."""
    old = {"rope_theta": config.get("rope_theta"), **(config.get("rope_scaling") or {})}
    return config.get("rope_parameters") or old


def _find_tensors(folder: Path, architecture: Architecture, config: dict[str, Any]) -> list[_Tensor]:
    """Return all tensors in the order of the table; refuse what is missing, left over or of another shape."""
    found: dict[str, tuple[Path, tuple[int, ...]]] = {}
    for file in sorted(folder.glob("*.safetensors")):
        try:
            with safe_open(file, framework="pt") as tensors:
                keys = tensors.keys()
                for key in keys:
                    found[key] = (file, tuple(tensors.get_slice(key).get_shape()))
        except SafetensorError as error:
            raise ModelError(f"{file} cannot be read: {error}") from error
    if config.get("tie_word_embeddings"):
        found.pop("lm_head.weight", None)
    names = _names(architecture, config)
    if missing := names.keys() - found.keys():
        raise ModelError(f"{folder} lacks {len(missing)} tensors, {min(missing)} for one: is the folder complete?")
    if extra := found.keys() - names.keys():
        raise ModelError(f"{folder} has {len(extra)} unknown tensors, {min(extra)} for one: convert cannot place them")
    rows, expected = found["model.embed_tokens.weight"][1][0], config["vocab_size"]
    if rows != expected:
        raise ModelError(f"{folder} has {rows} rows of embeddings, but its config.json a vocab_size of {expected}")
    return [_Tensor(name, key, *found[key]) for key, name in names.items()]


def _names(architecture: Architecture, config: dict[str, Any]) -> dict[str, str]:
    names = dict(architecture.model)
    if config.get("tie_word_embeddings"):
        del names["lm_head.weight"]
    for number in range(config["num_hidden_layers"]):
        names |= {f"model.layers.{number}.{key}": f"blk.{number}.{name}" for key, name in architecture.block.items()}
    return names


def _add_general(writer: GGUFWriter, name: str, dtype: DType) -> None:
    writer.add_type("model")
    writer.add_name(name)
    if known := MODELS.get(name):
        writer.add_license(known.license)
        if known.base:
            writer.add_base_model_count(1)
            writer.add_base_model_name(0, known.base.split("/")[1])
            writer.add_base_model_organization(0, known.base.split("/")[0])
            writer.add_base_model_repo_url(0, f"https://huggingface.co/{known.base}")
    writer.add_file_type(_FILE_TYPES[dtype])
    writer.add_quantization_version(GGML_QUANT_VERSION)
    writer.add_uint32(PROMPT_VERSION_KEY, PROMPT_VERSION)


def _add_shape(writer: GGUFWriter, config: dict[str, Any]) -> None:
    heads = config["num_attention_heads"]
    head_dim = config.get("head_dim") or config["hidden_size"] // heads
    writer.add_context_length(config["max_position_embeddings"])
    writer.add_embedding_length(config["hidden_size"])
    writer.add_block_count(config["num_hidden_layers"])
    writer.add_feed_forward_length(config["intermediate_size"])
    writer.add_head_count(heads)
    writer.add_head_count_kv(config["num_key_value_heads"])
    writer.add_key_length(head_dim)
    writer.add_value_length(head_dim)
    writer.add_rope_freq_base(_rope(config)["rope_theta"])
    writer.add_layer_norm_rms_eps(config["rms_norm_eps"])


def _add_vocabulary(writer: GGUFWriter, vocabulary: Vocabulary) -> None:
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre(vocabulary.pre_tokenizer)
    writer.add_token_list(vocabulary.tokens)
    writer.add_token_types(vocabulary.types)
    writer.add_token_merges(vocabulary.merges)
    writer.add_bos_token_id(vocabulary.bos)
    writer.add_eos_token_id(vocabulary.eos)
    if vocabulary.padding is not None:
        writer.add_pad_token_id(vocabulary.padding)
    # Prompts are raw text; Ollama would put a BOS even before raw ones.
    writer.add_add_bos_token(False)
    # Not the base's own: where a template speaks of tools or thinking, Ollama ignores the Modelfile's TEMPLATE.
    writer.add_chat_template(chat_template())


def _write_tensors(writer: GGUFWriter, tensors: list[_Tensor], dtype: DType) -> None:
    for tensor in tensors:
        kind = _dtype(tensor, dtype)
        size = int(np.prod(tensor.shape)) * _TORCH_TYPES[kind].itemsize
        writer.add_tensor_info(tensor.name, tensor.shape, np.dtype(np.uint16), size, raw_dtype=_GGML_TYPES[kind])
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_ti_data_to_file()
    with ExitStack() as stack:
        files = {file: stack.enter_context(safe_open(file, framework="pt")) for file in {t.file for t in tensors}}
        for tensor in tensors:
            writer.write_tensor_data(_data(tensor, files[tensor.file].get_tensor(tensor.key), _dtype(tensor, dtype)))


def _dtype(tensor: _Tensor, dtype: DType) -> DType:
    """Return the type to write: llama.cpp multiplies by vectors (norms) in float32 only."""
    return "f32" if len(tensor.shape) == 1 else dtype


def _data(tensor: _Tensor, weights: torch.Tensor, dtype: DType) -> np.ndarray[Any, Any]:
    if not torch.isfinite(weights).all():
        raise ModelError(f"{tensor.key} in {tensor.file} holds values that are not finite numbers: training went wrong")
    converted = weights.to(_TORCH_TYPES[dtype])
    if not torch.isfinite(converted).all():
        raise ModelError(f"{tensor.key} in {tensor.file} holds values too large for {dtype}: choose bf16 or f32")
    # NumPy has no bfloat16; the bytes are the same under any type of that size.
    return converted.contiguous().view(torch.uint8).numpy()
