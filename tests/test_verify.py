"""Holding a GGUF against its folder: it passes where it is the same, and whatever is damaged is found."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from convert.gguf_file import write_gguf
from convert.quantize import quantize
from convert.verify import verify
from tabtab_local.errors import ModelError
from tests.tiny import tiny_llama, tiny_qwen3


@pytest.mark.parametrize("make", [tiny_qwen3, tiny_llama])
def test_a_file_and_its_quants_pass(tmp_path: Path, make: Callable[..., torch.nn.Module]) -> None:
    make(tmp_path / "model", hidden_size=256, intermediate_size=512, head_dim=64, initializer_range=0.05)
    write_gguf(tmp_path / "model", tmp_path / "f16.gguf", name="tiny")
    quantize(tmp_path / "f16.gguf", tmp_path / "q4.gguf", "Q4_K_M", threads=1)
    full, quantised = verify(tmp_path / "model", [tmp_path / "f16.gguf", tmp_path / "q4.gguf"], threads=1)
    assert full.divergence < quantised.divergence
    assert full.agreement > 0.95
    assert str(full).startswith("f16.gguf: ")


def _swap(first: str, second: str) -> Callable[[Path], None]:
    def change(folder: Path) -> None:
        tensors = load_file(folder / "model.safetensors")
        tensors[first], tensors[second] = tensors[second], tensors[first]
        save_file(tensors, folder / "model.safetensors")

    return change


def _other_rope(folder: Path) -> None:
    config = json.loads((folder / "config.json").read_text())
    config["rope_parameters"] = {"rope_type": "default", "rope_theta": 100.0}
    (folder / "config.json").write_text(json.dumps(config))


def _other_tokens(folder: Path) -> None:
    document = json.loads((folder / "tokenizer.json").read_text())
    document["model"]["merges"] = document["model"]["merges"][50:]
    (folder / "tokenizer.json").write_text(json.dumps(document))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (_swap("model.layers.0.mlp.up_proj.weight", "model.layers.1.mlp.up_proj.weight"), "does not compute what"),
        (_swap("model.layers.0.self_attn.k_proj.weight", "model.layers.0.self_attn.v_proj.weight"), "does not compute"),
        (_other_rope, "does not compute what"),
        (_other_tokens, "the GGUF has another tokenizer"),
    ],
)
def test_one_that_was_made_of_something_else_fails(
    tiny_qwen3_folder: Path, tmp_path: Path, change: Callable[[Path], None], message: str
) -> None:
    shutil.copytree(tiny_qwen3_folder, tmp_path / "other")
    change(tmp_path / "other")
    write_gguf(tmp_path / "other", tmp_path / "other.gguf", name="tiny")
    with pytest.raises(ModelError, match=message):
        verify(tiny_qwen3_folder, [tmp_path / "other.gguf"], threads=1)


def test_what_is_no_model_of_ours_is_refused(tiny_qwen3_folder: Path, tmp_path: Path) -> None:
    (tmp_path / "text.gguf").write_text("no model")
    with pytest.raises(ModelError, match=r"text\.gguf"):
        verify(tiny_qwen3_folder, [tmp_path / "text.gguf"])
