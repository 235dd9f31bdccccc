"""Load a Hugging Face model, or an adapter on its base, with its tokenizer, and say which weights they are."""

from __future__ import annotations

import json
import warnings
from pathlib import Path
from typing import Any

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer, PreTrainedTokenizerBase

from tabtab_local.errors import ModelError
from tabtab_local.fingerprint import TRAINING_FILE, weights_sha256
from tabtab_local.hub import model_folder

ADAPTER_FILE = "adapter_config.json"


def load_weights(folder: Path, device: str) -> tuple[Any, dict[str, object]]:
    """Return the model in `folder`, with the adapter where that is one, and the hashes of its weights."""
    dtype: Any = torch.float32 if device == "cpu" else "auto"
    if not (folder / ADAPTER_FILE).is_file():
        model = AutoModelForCausalLM.from_pretrained(folder, dtype=dtype)
        return model.to(device).eval(), {"weights_sha256": weights_sha256(folder)}
    from peft import PeftModel

    base = _base(folder)
    hashes: dict[str, object] = {"weights_sha256": weights_sha256(base), "adapter_sha256": weights_sha256(folder)}
    record = folder / TRAINING_FILE
    expected = json.loads(record.read_text(encoding="utf-8")).get("base_sha256") if record.is_file() else None
    if expected and expected != hashes["weights_sha256"]:
        raise ModelError(
            f"{folder} was trained on other weights than those of {base}: give it the base of its training"
        )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # peft calls what transformers has renamed
        model = PeftModel.from_pretrained(AutoModelForCausalLM.from_pretrained(base, dtype=dtype), folder)
    return model.to(device).eval(), hashes


def _base(adapter: Path) -> Path:
    base = json.loads((adapter / ADAPTER_FILE).read_text(encoding="utf-8")).get("base_model_name_or_path")
    if not base:
        raise ModelError(f"{adapter / ADAPTER_FILE} names no base model: name it as base_model_name_or_path")
    return model_folder(base)


def load_tokenizer(folder: Path) -> PreTrainedTokenizerBase:
    """Return the tokenizer in `folder`, or that of the base where an adapter has none."""
    here = (folder / "tokenizer_config.json").is_file() or not (folder / ADAPTER_FILE).is_file()
    return AutoTokenizer.from_pretrained(folder if here else _base(folder))
