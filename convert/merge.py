"""Merge an adapter into its base: a plain Hugging Face folder that any runtime loads.

Reads what training left: the adapter, its tokenizer, and `training.json`, which says for which prompt format and for
which weights the adapter was made. peft does the sums, on a model without weights into which one tensor at a time is
put, so that memory holds the adapter and the largest tensor. Sums are taken in float32 and saved in the base's own
type. Tied embeddings stay tied, although the adapter may have changed rows of them.
"""

from __future__ import annotations

import shutil
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from peft import PeftModel, get_peft_model_state_dict
from peft.tuners.trainable_tokens import TrainableTokensLayer
from peft.tuners.tuners_utils import BaseTunerLayer
from peft.utils.other import ModulesToSaveWrapper, TrainableTokensWrapper
from safetensors import SafetensorError, safe_open
from transformers import (
    AutoConfig,
    AutoModelForCausalLM,
    AutoTokenizer,
    PretrainedConfig,
    PreTrainedModel,
    PreTrainedTokenizerBase,
)

from convert.architecture import EMBEDDING, OUTPUT
from convert.folder import Stored, check_finite, read_json, stored_tensors, write_tensors
from convert.terms import copy_terms
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
    config: PretrainedConfig
    tokenizer: PreTrainedTokenizerBase
    tensors: dict[str, Stored]
    """Those of the base."""


def merge(base: str | None, adapter: Path, out: Path) -> None:
    """Write the model `base` (a folder or a Hub id; by default what the adapter names) with `adapter` into `out`.

    The files of `out` hold the tensors that those of the base hold. Raises `ModelError` where the two do not belong
    together and `DocumentError` where `out` holds something; nothing is written then.
    """
    check_free(out)
    inputs = _check(base, adapter)
    changed = _changed(inputs)
    with new_folder(out) as folder:
        tensors = {key: one.moved(folder) for key, one in inputs.tensors.items()}
        write_tensors(folder, tensors, _merged(inputs, changed))
        shutil.copyfile(inputs.base / "config.json", folder / "config.json")
        if (generation := inputs.base / "generation_config.json").is_file():
            shutil.copyfile(generation, folder / generation.name)
        copy_terms(inputs.base, folder)
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
    tensors = stored_tensors(folder)
    if base_config.tie_word_embeddings:
        tensors.pop(OUTPUT, None)
    return _Inputs(adapter, folder, base_config, tokenizer, tensors)


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


def _changed(inputs: _Inputs) -> dict[str, Any]:
    """Return, by the key of the tensor that each changes, the parts of the adapter."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # what peft only warns of, `_check_complete` refuses
            saved = _saved(inputs.adapter)
            model = PeftModel.from_pretrained(_skeleton(inputs.config), inputs.adapter, torch_device="cpu")
            _check_complete(inputs.adapter, saved, model)
    except TabTabError:
        raise
    except (OSError, ValueError, RuntimeError, KeyError, SafetensorError) as error:
        raise _misfit(inputs, error) from error
    parts = {f"{name}.weight": part for name, part in _parts(model.base_model.model)}
    if unknown := parts.keys() - inputs.tensors.keys():
        raise ModelError(f"{inputs.adapter} changes {min(unknown)}, which {inputs.base} has not: give the same base")
    if inputs.config.tie_word_embeddings and not isinstance(parts.get(EMBEDDING), TrainableTokensLayer | None):
        raise ModelError(
            f"{inputs.adapter} changes all of the embedding, which is the output matrix too in {inputs.base}: train "
            "single rows of it (trainable_token_indices), or untie them before training"
        )
    return parts


def _skeleton(config: PretrainedConfig) -> PreTrainedModel:
    """Return a model of the base's shape in which each matrix is one number, repeated without being stored."""
    with torch.device("meta"):
        model: PreTrainedModel = AutoModelForCausalLM.from_config(config, dtype=torch.float32)
    for module in model.modules():
        for name, parameter in module.named_parameters(recurse=False):
            module.register_parameter(
                name, torch.nn.Parameter(torch.zeros(()).expand(parameter.shape), requires_grad=False)
            )
    model.tie_weights()
    return model


def _parts(model: torch.nn.Module) -> Iterator[tuple[str, Any]]:
    """Yield each module that the adapter changes, by the name that it has in the base."""
    for name, module in model.named_modules():
        if isinstance(module, TrainableTokensWrapper):
            if not module.token_adapter.tied_adapter:  # else the embedding has these rows, and it is the output matrix
                yield name, module.token_adapter
        elif isinstance(module, ModulesToSaveWrapper) or (
            isinstance(module, BaseTunerLayer) and not isinstance(module, TrainableTokensLayer)
        ):
            yield name, module


def _merged(inputs: _Inputs, changed: dict[str, Any]) -> Iterator[torch.Tensor]:
    """Yield the tensors of the base in their order, with what the adapter changes of them."""
    for key, one in inputs.tensors.items():
        weight = one.read()
        if (part := changed.get(key)) is not None:
            weight = _sum(inputs, key, part, weight)
        yield weight


def _sum(inputs: _Inputs, key: str, part: Any, weight: torch.Tensor) -> torch.Tensor:
    new: torch.Tensor
    if isinstance(part, ModulesToSaveWrapper):
        new = part.modules_to_save[part.active_adapter].weight.data
    else:
        # Rows are replaced as they are; what is added to needs the precision.
        whole_rows = isinstance(part, TrainableTokensLayer)
        layer = part.get_base_layer()
        layer.weight = torch.nn.Parameter(weight if whole_rows else weight.float(), requires_grad=False)
        try:
            part.merge(safe_merge=not whole_rows)
        except (ValueError, RuntimeError, IndexError) as error:
            raise _misfit(inputs, error) from error
        new = layer.weight.data
        layer.weight = torch.nn.Parameter(torch.empty(0), requires_grad=False)
    if new.shape != weight.shape:
        raise ModelError(
            f"{inputs.adapter} holds {key} of shape {tuple(new.shape)}, the base {tuple(weight.shape)}: give the same"
        )
    merged = new.to(weight.dtype)
    check_finite(merged, f"{key} with {inputs.adapter}")
    return merged


def _misfit(inputs: _Inputs, error: Exception) -> ModelError:
    reason = " ".join(str(error).split())[:300]
    return ModelError(f"{inputs.adapter} cannot be merged into {inputs.base}: {reason}")


def _saved(adapter: Path) -> set[str]:
    """Return the keys of the adapter's tensors; refuse one that brings rows of its base along."""
    with safe_open(adapter / _ADAPTER_WEIGHTS, framework="pt") as tensors:
        saved = set(tensors.keys())
    if copies := sorted(key for key in saved if ".base_layer." in key):
        raise ModelError(
            f"{adapter} holds a copy of its base's {copies[0]}: save it with save_embedding_layers=False, or train "
            "single rows (trainable_token_indices)"
        )
    return saved


def _check_complete(adapter: Path, saved: set[str], model: PeftModel) -> None:
    """Refuse an adapter whose tensors are not exactly those of the model."""
    if difference := saved ^ set(get_peft_model_state_dict(model, save_embedding_layers=False)):
        raise ModelError(
            f"{adapter} and its base differ in {len(difference)} tensors, {min(difference)} for one: give the same base"
        )
