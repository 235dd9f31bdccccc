"""Write a Hugging Face folder as a GGUF file, with our metadata in it.

Tensors are read one at a time, so memory holds the largest of them and not the model. Tensors, tokens and merges are
those of llama.cpp's own converter, bit for bit; the metadata differs where a model of ours has to (the type of the
markers, the chat template, what it says of itself). Knows nothing of quantising. The format:
https://github.com/ggml-org/ggml/blob/master/docs/gguf.md
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from gguf import GGML_QUANT_VERSION, GGMLQuantizationType, GGUFWriter, LlamaFileType

from convert.architecture import EMBEDDING, OUTPUT, Architecture, architecture_of, head_size, rope, rope_factors
from convert.folder import Stored, finite, read_json, stored_tensors
from convert.vocabulary import Vocabulary, read_vocabulary
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
_ROPE_FACTORS = "rope_freqs.weight"


def write_gguf(folder: Path, out: Path, *, name: str, dtype: DType = "f16") -> None:
    """Write the model in `folder` to `out`, matrices as `dtype`, under the name `name`.

    Raises `ModelError` for an architecture, tokenizer or tensor that it cannot write exactly; `out` is then untouched.
    """
    _check_version(folder)
    config = read_json(folder / "config.json")
    architecture = architecture_of(folder, config)
    vocabulary = read_vocabulary(folder, config["vocab_size"])
    tensors = _find_tensors(folder, architecture, config)
    with new_file(out) as temporary:
        writer = GGUFWriter(temporary, architecture.name)
        try:
            _add_general(writer, name, dtype)
            _add_shape(writer, architecture, config)
            _add_vocabulary(writer, vocabulary)
            _write_tensors(writer, _Source(architecture, config, tensors), dtype)
        finally:
            writer.close()


def _check_version(folder: Path) -> None:
    """Refuse a model that training made for another prompt format; one that was not trained by us says nothing."""
    record = folder / TRAINING_FILE
    if record.exists() and (version := read_json(record).get("prompt_version")) != PROMPT_VERSION:
        raise ModelError(
            f"{folder} was trained for prompt version {version}, this is version {PROMPT_VERSION}: train it again"
        )


def _find_tensors(folder: Path, architecture: Architecture, config: dict[str, Any]) -> dict[str, Stored]:
    """Return all tensors by their names in the GGUF; refuse what is missing, left over or of another shape."""
    found = stored_tensors(folder)
    if config.get("tie_word_embeddings"):
        found.pop(OUTPUT, None)
    names = dict(architecture.names(config))
    if missing := names.keys() - found.keys():
        raise ModelError(f"{folder} lacks {len(missing)} tensors, {min(missing)} for one: is the folder complete?")
    if extra := found.keys() - names.keys():
        raise ModelError(f"{folder} has {len(extra)} unknown tensors, {min(extra)} for one: convert cannot place them")
    rows, expected = found[EMBEDDING].shape[0], config["vocab_size"]
    if rows != expected:
        raise ModelError(f"{folder} has {rows} rows of embeddings, but its config.json a vocab_size of {expected}")
    return {name: found[key] for key, name in names.items()}


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


def _add_shape(writer: GGUFWriter, architecture: Architecture, config: dict[str, Any]) -> None:
    writer.add_context_length(config["max_position_embeddings"])
    writer.add_embedding_length(config["hidden_size"])
    writer.add_block_count(config["num_hidden_layers"])
    writer.add_feed_forward_length(config["intermediate_size"])
    writer.add_head_count(config["num_attention_heads"])
    writer.add_head_count_kv(config["num_key_value_heads"])
    writer.add_key_length(head_size(config))
    writer.add_value_length(head_size(config))
    writer.add_rope_freq_base(rope(config)["rope_theta"])
    writer.add_layer_norm_rms_eps(config["rms_norm_eps"])
    if architecture.name == "llama":
        writer.add_vocab_size(config["vocab_size"])
        writer.add_rope_dimension_count(head_size(config))


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
    writer.add_add_bos_token(vocabulary.adds_bos)
    # Not the base's own: where a template speaks of tools or thinking, Ollama ignores the Modelfile's TEMPLATE.
    writer.add_chat_template(chat_template())


@dataclass(frozen=True)
class _Source:
    """What the tensors are made of: those of the folder, by their names in the GGUF."""

    architecture: Architecture
    config: dict[str, Any]
    tensors: dict[str, Stored]


def _write_tensors(writer: GGUFWriter, source: _Source, dtype: DType) -> None:
    factors = rope_factors(source.config)
    if factors is not None:
        writer.add_tensor_info(_ROPE_FACTORS, tuple(factors.shape), np.dtype(np.float32), factors.nbytes)
    for name, stored in source.tensors.items():
        kind = _dtype(stored, dtype)
        size = math.prod(stored.shape) * _TORCH_TYPES[kind].itemsize
        writer.add_tensor_info(name, stored.shape, np.dtype(np.uint16), size, raw_dtype=_GGML_TYPES[kind])
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_ti_data_to_file()
    if factors is not None:
        writer.write_tensor_data(factors.numpy())
    for stored in source.tensors.values():
        weight = source.architecture.arranged(stored.key, stored.read(), source.config)
        writer.write_tensor_data(_data(stored, weight, _dtype(stored, dtype)))


def _dtype(stored: Stored, dtype: DType) -> DType:
    """Return the type to write: llama.cpp multiplies by vectors (norms) in float32 only."""
    return "f32" if len(stored.shape) == 1 else dtype


def _data(stored: Stored, weight: torch.Tensor, dtype: DType) -> np.ndarray[Any, Any]:
    converted = weight.to(_TORCH_TYPES[dtype])
    if not finite(converted):
        raise ModelError(f"{stored.key} in {stored.file} holds values too large for {dtype}: choose bf16 or f32")
    # NumPy has no bfloat16; the bytes are the same under any type of that size.
    return converted.contiguous().view(torch.uint8).numpy()
