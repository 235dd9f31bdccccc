"""Our GGUF files beside those that llama.cpp's own converter makes of the same folders."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from gguf import GGUFReader, TokenType

from bench.folder import CONFIGS, write_folder
from convert.gguf_file import DType, write_gguf
from tabtab_local.prompt import MARKERS, PROMPT_VERSION, chat_template
from tests import upstream
from tests.tiny import LLAMA3_ROPE, SMALL_SHAPE, gguf_tokens, tiny_llama, tiny_qwen3

VOCABULARIES = Path(__file__).parents[2] / "shared" / "vocab"
VOCABULARY = {"qwen2": "ggml-vocab-qwen2.gguf", "llama-bpe": "ggml-vocab-llama-bpe.gguf"}

# What the two files may say differently, and why.
ABOUT_THE_MODEL = "general."  # its name, licence and base: ours from the registry, theirs guessed from the folder
OURS = {
    "tabtab.prompt_version": PROMPT_VERSION,
    "tokenizer.chat_template": chat_template(),  # theirs is the base's own, which Ollama would prefer to ours
}
NOT_IN_THEIRS = {  # what llama.cpp assumes in silence, or wrongly, where a folder does not say it
    "tokenizer.ggml.bos_token_id",
    "tokenizer.ggml.add_bos_token",
    "attention.key_length",
    "attention.value_length",
}
NOT_IN_OURS = {"tokenizer.ggml.add_eos_token", "tokenizer.ggml.add_sep_token"}  # False in theirs, and by default


@pytest.fixture(scope="module")
def converter(request: pytest.FixtureRequest) -> Path:
    return upstream.converter(request.config.cache)


def _compare(ours: Path, theirs: Path) -> None:
    mine, other = GGUFReader(ours), GGUFReader(theirs)
    expected = {tensor.name: tensor for tensor in other.tensors}
    assert {tensor.name for tensor in mine.tensors} == expected.keys()
    for tensor in mine.tensors:
        twin = expected[tensor.name]
        assert (tensor.tensor_type, list(tensor.shape)) == (twin.tensor_type, list(twin.shape)), tensor.name
        assert tensor.data.tobytes() == twin.data.tobytes(), tensor.name
    mine_says, other_says = _metadata(mine), _metadata(other)
    assert {key: mine_says.pop(key) for key in OURS} == OURS
    other_says.pop("tokenizer.chat_template", None)
    for key in NOT_IN_OURS:
        assert not other_says.pop(key, False)
    for key in list(mine_says):
        if key not in other_says and key.endswith(tuple(NOT_IN_THEIRS)):
            del mine_says[key]
    types, their_types = (says.pop("tokenizer.ggml.token_type") for says in (mine_says, other_says))
    markers = [mine_says["tokenizer.ggml.tokens"].index(marker) for marker in MARKERS]
    for marker in markers:  # they would make them invisible
        assert (types[marker], their_types[marker]) == (TokenType.USER_DEFINED, TokenType.CONTROL)
        types[marker] = their_types[marker]
    assert types == their_types
    assert mine_says == other_says


def _metadata(reader: GGUFReader) -> dict[str, Any]:
    return {
        key: field.contents()
        for key, field in reader.fields.items()
        if not key.startswith(("GGUF.", ABOUT_THE_MODEL)) or key == "general.architecture"
    }


@pytest.mark.parametrize("dtype", ["f16", "bf16", "f32"])
@pytest.mark.parametrize(
    ("make", "shape"),
    [
        (tiny_qwen3, {}),
        (tiny_qwen3, {"tied": False, "head_dim": 32, "num_key_value_heads": 1, "vocab_size": 704}),
        (tiny_llama, {}),
        (tiny_llama, {"tied": False, "num_attention_heads": 8, "vocab_size": 704}),
        (tiny_llama, {"rope_parameters": LLAMA3_ROPE, "head_dim": 64}),
    ],
    ids=[
        "qwen3 tied",
        "qwen3 untied, padded",
        "llama tied",
        "llama untied, padded",
        "llama with llama3's rope scaling",
    ],
)
def test_tensors_tokens_and_metadata_are_those_of_llama_cpps_converter(
    converter: Path, tmp_path: Path, make: Callable[..., torch.nn.Module], shape: dict[str, Any], dtype: DType
) -> None:
    folder = tmp_path / "model"
    make(folder, **shape)
    write_gguf(folder, tmp_path / "ours.gguf", name="tiny", dtype=dtype)
    upstream.convert(converter, folder, tmp_path / "theirs.gguf", dtype=dtype, pre="qwen2")
    _compare(tmp_path / "ours.gguf", tmp_path / "theirs.gguf")


@pytest.mark.parametrize("name", ["qwen3-0.6b", "llama3.2-1b"])
def test_with_the_real_tokenizers_too(converter: Path, tmp_path: Path, name: str) -> None:
    vocabulary = VOCABULARIES / VOCABULARY["llama-bpe" if name.startswith("llama") else "qwen2"]
    if not vocabulary.exists():
        pytest.skip(f"there is no {vocabulary.name} beside this checkout")
    write_folder(name, vocabulary, tmp_path / "model", **SMALL_SHAPE)
    write_gguf(tmp_path / "model", tmp_path / "ours.gguf", name="tiny", dtype="bf16")
    upstream.convert(converter, tmp_path / "model", tmp_path / "theirs.gguf", dtype="bf16")
    _compare(tmp_path / "ours.gguf", tmp_path / "theirs.gguf")
    assert set(json.loads((tmp_path / "model" / "config.json").read_text())) == set(CONFIGS[name])


@pytest.mark.parametrize("name", ["qwen3-0.6b", "llama3.2-1b"])
def test_llama_cpps_samples_have_the_tokens_that_it_expects(tmp_path: Path, name: str) -> None:
    vocabulary = VOCABULARIES / VOCABULARY["llama-bpe" if name.startswith("llama") else "qwen2"]
    if not vocabulary.exists():
        pytest.skip(f"there is no {vocabulary.name} beside this checkout")
    write_folder(name, vocabulary, tmp_path / "model", **SMALL_SHAPE)
    write_gguf(tmp_path / "model", tmp_path / "model.gguf", name="tiny")
    texts = Path(f"{vocabulary}.inp").read_text(encoding="utf-8").split("\n__ggml_vocab_test__\n")
    lines = Path(f"{vocabulary}.out").read_text(encoding="utf-8").splitlines()
    expected = [list(map(int, line.split())) for line in lines]
    assert len(expected) > 40
    assert gguf_tokens(tmp_path / "model.gguf", texts[: len(expected)]) == expected
