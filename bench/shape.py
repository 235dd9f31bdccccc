"""Models of the true shapes of Qwen3 with random weights and the real tokenizer, to measure what those models cost.

What a token costs depends on the shape, the quantisation and the tokens, not on what the weights are: such a file is
as large and as slow as the model that it stands in for, and writes nonsense. It says so itself, by its name and by
`tabtab.random_weights`.

The tokenizer comes from a GGUF with Qwen's vocabulary, such as the vocabulary-only ones of llama.cpp's own tests. Our
markers are added to it as `python -m convert` would have them. Quantising is left to `python -m convert quantize`, in
a process of its own. Knows nothing of Hugging Face folders: `python -m convert gguf` makes a GGUF of one.
"""

from __future__ import annotations

import math
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from gguf import GGML_QUANT_VERSION, GGMLQuantizationType, GGUFReader, GGUFWriter, LlamaFileType, TokenType

from tabtab_local.command import failure
from tabtab_local.engine.cost import RANDOM_KEY
from tabtab_local.errors import ModelError
from tabtab_local.output import new_file
from tabtab_local.prompt import MARKERS, PROMPT_VERSION, PROMPT_VERSION_KEY, chat_template
from tabtab_local.registry import Quant

_PRE_TOKENIZER = "qwen2"
_CHECKOUT = Path(__file__).parents[1]

# What the weights of these models are drawn with before training (`initializer_range` in their config.json): numbers
# stay in float16's range through all layers.
_DEVIATION = 0.02
_PIECE = 1 << 24  # values drawn at a time, so that memory holds no float32 copy of a large matrix


@dataclass(frozen=True)
class Shape:
    """The dimensions of a Qwen3 model whose output matrix is its embedding matrix.

    `first_free_row` is the first row of the embedding that no token of the real model takes.
    """

    hidden: int
    layers: int
    heads: int
    kv_heads: int
    feed_forward: int
    head_dim: int = 128
    rows: int = 151_936
    first_free_row: int = 151_669
    context_tokens: int = 32_768
    rope_base: float = 1e6
    rms_epsilon: float = 1e-6

    @property
    def parameters(self) -> int:
        """The number of weights."""
        return sum(math.prod(dimensions) for _, dimensions in self.tensors())

    def tensors(self) -> Iterator[tuple[str, tuple[int, ...]]]:
        """Yield the name and the dimensions, outermost first, of each tensor as llama.cpp wants them."""
        yield "token_embd.weight", (self.rows, self.hidden)
        for layer in range(self.layers):
            for name, dimensions in self._block().items():
                yield f"blk.{layer}.{name}.weight", dimensions
        yield "output_norm.weight", (self.hidden,)

    def _block(self) -> dict[str, tuple[int, ...]]:
        queries, keys = self.heads * self.head_dim, self.kv_heads * self.head_dim
        return {
            "attn_norm": (self.hidden,),
            "attn_q": (queries, self.hidden),
            "attn_k": (keys, self.hidden),
            "attn_v": (keys, self.hidden),
            "attn_q_norm": (self.head_dim,),
            "attn_k_norm": (self.head_dim,),
            "attn_output": (self.hidden, queries),
            "ffn_norm": (self.hidden,),
            "ffn_gate": (self.feed_forward, self.hidden),
            "ffn_up": (self.feed_forward, self.hidden),
            "ffn_down": (self.hidden, self.feed_forward),
        }


# The config.json of Qwen/Qwen3-*-Base.
SHAPES = {
    "qwen3-0.6b": Shape(hidden=1024, layers=28, heads=16, kv_heads=8, feed_forward=3072),
    "qwen3-1.7b": Shape(hidden=2048, layers=28, heads=16, kv_heads=8, feed_forward=6144),
    "qwen3-4b": Shape(hidden=2560, layers=36, heads=32, kv_heads=8, feed_forward=9728),
}


@dataclass(frozen=True)
class Vocabulary:
    """A tokenizer with an entry for each row of the embedding."""

    tokens: list[str]
    types: list[int]
    merges: list[str]
    eos: int


def write_shape(name: str, vocabulary: Path, out: Path, *, quant: Quant, threads: int | None = None) -> None:
    """Write a model of the shape `name` to `out`, quantised; weights are the same in every run.

    Takes the float16 file's size on the disk meanwhile. Raises `ModelError` for a vocabulary that is not Qwen's.
    """
    if name not in SHAPES:
        raise ModelError(f"no shape is called {name!r}: choose one of {', '.join(SHAPES)}")
    tokenizer = read_vocabulary(vocabulary, SHAPES[name])
    out = out.resolve()
    out.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=out.parent) as folder:
        unquantised = Path(folder) / "f16.gguf"
        write_random(f"{name}-shape", SHAPES[name], tokenizer, unquantised)
        quantize(unquantised, out, quant, threads)


def write_random(name: str, shape: Shape, vocabulary: Vocabulary, out: Path) -> None:
    """Write a float16 GGUF of that shape to `out`; a matrix at a time is in memory."""
    with new_file(out) as temporary:
        writer = GGUFWriter(temporary, "qwen3")
        try:
            _add_metadata(writer, name, shape)
            _add_vocabulary(writer, vocabulary)
            _write_tensors(writer, shape)
        finally:
            writer.close()


def quantize(source: Path, out: Path, quant: Quant, threads: int | None = None) -> None:
    """Quantise the GGUF `source`. Raises `ModelError` with what the converter says."""
    command = [sys.executable, "-m", "convert", "quantize", str(source), "--out", str(out), "--quant", quant]
    if threads:
        command += ["--threads", str(threads)]
    done = subprocess.run(command, cwd=_CHECKOUT, capture_output=True, text=True, check=False)
    if done.returncode:
        raise ModelError(f"`python -m convert quantize` failed: {failure(done)}")


def read_vocabulary(path: Path, shape: Shape) -> Vocabulary:
    """Return the tokenizer of the GGUF at `path` with our markers, padded to the rows of `shape`.

    Markers that are not in it take the first free rows, in the order of `MARKERS`. Raises `ModelError` for a file
    without a vocabulary, one of another kind, and one with more tokens than there are rows.
    """
    fields = _tokenizer_fields(path)
    listed = fields["tokens"]
    types = {
        row: kind
        for row, (token, kind) in enumerate(zip(listed, fields["token_type"], strict=True))
        if token != _padding(row)
    }
    if max(types) >= shape.rows:
        raise ModelError(f"{path} has a token of id {max(types)}: the embedding has {shape.rows} rows")
    tokens = {row: listed[row] for row in types}
    free = (row for row in range(shape.first_free_row, shape.rows) if row not in types)
    for marker in MARKERS:
        row = listed.index(marker) if marker in listed else next(free, None)
        if row is None:
            raise ModelError(f"{path} leaves no row for {marker}: the embedding has {shape.rows} rows")
        tokens[row], types[row] = marker, TokenType.USER_DEFINED
    return Vocabulary(
        [tokens.get(row, _padding(row)) for row in range(shape.rows)],
        [types.get(row, TokenType.UNUSED) for row in range(shape.rows)],
        fields["merges"],
        fields["eos_token_id"],
    )


def _tokenizer_fields(path: Path) -> dict[str, Any]:
    try:
        reader = GGUFReader(path)
    except FileNotFoundError:
        raise ModelError(f"there is no vocabulary at {path}: check the path") from None
    except ValueError as error:
        raise ModelError(f"{path} is not a GGUF file: {error}") from error
    names = ("model", "pre", "tokens", "token_type", "merges", "eos_token_id")
    found = {name: reader.get_field(f"tokenizer.ggml.{name}") for name in names}
    if missing := [name for name, field in found.items() if field is None]:
        raise ModelError(f"{path} lacks tokenizer.ggml.{missing[0]}: give a GGUF with a vocabulary")
    fields = {name: field.contents() for name, field in found.items() if field is not None}
    if (kind := (fields["model"], fields["pre"])) != ("gpt2", _PRE_TOKENIZER):
        raise ModelError(f"{path} has a tokenizer of the kind {'/'.join(kind)}: Qwen's is gpt2/{_PRE_TOKENIZER}")
    return fields


def _padding(row: int) -> str:
    """Return what llama.cpp's converter calls the entry of a row without a token."""
    return f"[PAD{row}]"


def _add_metadata(writer: GGUFWriter, name: str, shape: Shape) -> None:
    writer.add_type("model")
    writer.add_name(name)
    writer.add_description("Random weights: for measuring time and memory only.")
    writer.add_bool(RANDOM_KEY, True)
    writer.add_uint32(PROMPT_VERSION_KEY, PROMPT_VERSION)
    writer.add_file_type(LlamaFileType.MOSTLY_F16)
    writer.add_quantization_version(GGML_QUANT_VERSION)
    writer.add_context_length(shape.context_tokens)
    writer.add_embedding_length(shape.hidden)
    writer.add_block_count(shape.layers)
    writer.add_feed_forward_length(shape.feed_forward)
    writer.add_head_count(shape.heads)
    writer.add_head_count_kv(shape.kv_heads)
    writer.add_key_length(shape.head_dim)
    writer.add_value_length(shape.head_dim)
    writer.add_rope_freq_base(shape.rope_base)
    writer.add_layer_norm_rms_eps(shape.rms_epsilon)


def _add_vocabulary(writer: GGUFWriter, vocabulary: Vocabulary) -> None:
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre(_PRE_TOKENIZER)
    writer.add_token_list(vocabulary.tokens)
    writer.add_token_types(vocabulary.types)
    writer.add_token_merges(vocabulary.merges)
    # Without an entry for it llama.cpp takes token 11 as BOS.
    writer.add_bos_token_id(vocabulary.eos)
    writer.add_eos_token_id(vocabulary.eos)
    writer.add_add_bos_token(False)
    writer.add_chat_template(chat_template())


def _write_tensors(writer: GGUFWriter, shape: Shape) -> None:
    for name, dimensions in shape.tensors():
        # llama.cpp multiplies by vectors (norms) in float32 only.
        kind = GGMLQuantizationType.F32 if len(dimensions) == 1 else GGMLQuantizationType.F16
        dtype = np.dtype(np.float32 if len(dimensions) == 1 else np.float16)
        writer.add_tensor_info(name, dimensions, dtype, math.prod(dimensions) * dtype.itemsize, raw_dtype=kind)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_ti_data_to_file()
    generator = np.random.default_rng(0)
    for _, dimensions in shape.tensors():
        # Norms are one where training begins, and stay near it.
        matrix = len(dimensions) > 1
        writer.write_tensor_data(_matrix(dimensions, generator) if matrix else np.ones(dimensions, np.float32))


def _matrix(dimensions: tuple[int, ...], generator: np.random.Generator) -> npt.NDArray[np.float16]:
    values = np.empty(math.prod(dimensions), np.float16)
    for start in range(0, values.size, _PIECE):
        piece = values[start : start + _PIECE]
        piece[:] = generator.standard_normal(piece.size, np.float32) * np.float32(_DEVIATION)
    return values.reshape(dimensions)
