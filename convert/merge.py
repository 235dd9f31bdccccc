"""Merge an adapter into its base: a plain Hugging Face folder that any runtime loads.

Reads what training left: the adapter, its tokenizer, and `training.json`, which says for which prompt format and for
which weights the adapter was made. The sum is taken in float32 and saved in the base's own type. Tied embeddings
stay tied, although the adapter may have changed rows of them.
"""

from __future__ import annotations

import shutil
import warnings
from dataclasses import dataclass
from pathlib import Path

import torch
from peft import PeftModel, get_peft_model_state_dict
from safetensors import SafetensorError, safe_open
from transformers import AutoConfig, AutoModelForCausalLM, AutoTokenizer, PreTrainedModel, PreTrainedTokenizerBase
from transformers.utils import logging as transformers_logging

from convert.vocabulary import read_json
from tabtab_local.errors import ModelError, TabTabError
from tabtab_local.fingerprint import TRAINING_FILE, weights_sha256
from tabtab_local.hub import model_folder
from tabtab_local.output import check_free, new_folder
from tabtab_local.prompt import MARKERS, PROMPT_VERSION, chat_template

_ADAPTER_WEIGHTS = "adapter_model.safetensors"


@dataclass(frozen=True)
class _Inputs:
    """What is merged, checked as far as it can be without loading the weights."""

    adapter: Path
    base: Path
    tokenizer: PreTrainedTokenizerBase
    dtype: torch.dtype


def merge(base: str | None, adapter: Path, out: Path) -> None:
    """Write the model `base` (a folder or a Hub id; by default what the adapter names) with `adapter` into `out`.

    Raises `ModelError` where the two do not belong together and `DocumentError` where `out` holds something;
    nothing is written then.
    """
    check_free(out)
    inputs = _check(base, adapter)
    transformers_logging.disable_progress_bar()
    with new_folder(out) as folder:
        model = _merged(inputs)
        model.to(dtype=inputs.dtype)
        model.save_pretrained(folder)
        inputs.tokenizer.save_pretrained(folder)
        shutil.copyfile(adapter / TRAINING_FILE, folder / TRAINING_FILE)


def _check(base: str | None, adapter: Path) -> _Inputs:
    training = read_json(adapter / TRAINING_FILE)
    config = read_json(adapter / "adapter_config.json")
    version = training.get("prompt_version")
    if version != PROMPT_VERSION:
        raise ModelError(
            f"{adapter} was trained for prompt version {version}, this is version {PROMPT_VERSION}: train it again"
        )
    if not (adapter / _ADAPTER_WEIGHTS).is_file():
        raise ModelError(f"{adapter / _ADAPTER_WEIGHTS} is missing: give the folder that training wrote")
    base = base or config.get("base_model_name_or_path")
    if not base:
        raise ModelError(f"{adapter / 'adapter_config.json'} names no base model: give one with --base")
    folder = model_folder(base)
    found, expected = weights_sha256(folder), training.get("base_sha256")
    if found != expected:
        raise ModelError(
            f"{adapter} was trained on weights with SHA-256 {expected}, {base} has {found}: give the same base"
        )
    try:
        base_config = AutoConfig.from_pretrained(folder)
    except (OSError, ValueError) as error:
        raise ModelError(
            f"{base} has a config.json that cannot be used: {' '.join(str(error).split())[:200]}"
        ) from None
    tokenizer = _tokenizer(adapter, folder, base_config.vocab_size)
    return _Inputs(adapter, folder, tokenizer, base_config.dtype or torch.float32)


def _tokenizer(adapter: Path, base: Path, rows: int) -> PreTrainedTokenizerBase:
    """Return the tokenizer of the adapter, where it has one, with the chat template of our prompt format."""
    folder = adapter if (adapter / "tokenizer_config.json").exists() else base
    try:
        tokenizer = AutoTokenizer.from_pretrained(folder)
    except (OSError, ValueError) as error:
        reason = str(error).strip().partition("\n")[0]
        raise ModelError(f"{folder} holds no tokenizer that can be read: {reason}") from error
    for marker in MARKERS:
        ids = tokenizer.encode(marker, add_special_tokens=False)
        if len(ids) != 1 or ids[0] >= rows:
            raise ModelError(f"the tokenizer in {folder} makes {ids} of {marker}: expected one id below {rows}")
    tokenizer.chat_template = chat_template()
    return tokenizer


def _merged(inputs: _Inputs) -> PreTrainedModel:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # what peft only warns of, `_check_complete` refuses
            base = AutoModelForCausalLM.from_pretrained(inputs.base, dtype=torch.float32)
            model = PeftModel.from_pretrained(base, inputs.adapter)
            _check_complete(inputs.adapter, model)
            merged: PreTrainedModel = model.merge_and_unload(safe_merge=True)
            return merged
    except TabTabError:
        raise
    except (OSError, ValueError, RuntimeError, KeyError, SafetensorError) as error:
        reason = " ".join(str(error).split())
        raise ModelError(f"{inputs.adapter} cannot be merged into {inputs.base}: {reason}") from error


def _check_complete(adapter: Path, model: PeftModel) -> None:
    """Refuse an adapter whose tensors are not exactly those of the model."""
    with safe_open(adapter / _ADAPTER_WEIGHTS, framework="pt") as tensors:
        saved = set(tensors.keys())
    if difference := saved ^ set(get_peft_model_state_dict(model, save_embedding_layers=False)):
        raise ModelError(
            f"{adapter} and its base differ in {len(difference)} tensors, {min(difference)} for one: give the same base"
        )
