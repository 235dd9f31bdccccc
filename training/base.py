"""Loading a base model for fine-tuning, with the four markers as single tokens of its vocabulary.

A tokenizer that lacks the markers gets them without the embedding growing: on free rows at the end of the matrix where
there are any (Qwen3), else in place of reserved special tokens (Llama 3). Everything else stays as it was, so that an
adapter needs to carry four rows only.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import torch
from safetensors import SafetensorError
from tokenizers import AddedToken, Tokenizer
from transformers import (
    AutoModelForCausalLM,
    AutoTokenizer,
    PreTrainedModel,
    PreTrainedTokenizerBase,
    PreTrainedTokenizerFast,
)

from tabtab_local import registry
from tabtab_local.errors import ModelError
from tabtab_local.fingerprint import weights_sha256
from tabtab_local.hub import model_folder
from tabtab_local.prompt import MARKERS

ARCHITECTURES = ("qwen3", "llama")
_RESERVED = "<|reserved_special_token_"


@dataclass(frozen=True)
class Base:
    """A model to be fine-tuned. `source` is what an adapter names as its base; `sha256` is the hash of its weights."""

    source: str
    sha256: str
    model: PreTrainedModel
    tokenizer: PreTrainedTokenizerBase
    marker_ids: tuple[int, ...]
    new_markers: bool

    @cached_property
    def beginning(self) -> list[int]:
        """The token that begins a text, where there is one."""
        return first_token(self.tokenizer)


def load_base(base: str) -> Base:
    """Load `base`: a name of the registry, a folder or a hub id. Raises `ModelError` with what is wrong with it."""
    source = _source(base)
    folder = model_folder(source)
    sha256 = weights_sha256(folder)
    try:
        tokenizer = AutoTokenizer.from_pretrained(folder)
        model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32)
    except (OSError, ValueError, KeyError, RuntimeError, TypeError, SafetensorError) as error:
        raise ModelError(f"{base} cannot be loaded: {' '.join(str(error).split())[:200]}") from None
    if model.config.model_type not in ARCHITECTURES:
        raise ModelError(f"{base} is a {model.config.model_type} model: choose one of {', '.join(ARCHITECTURES)}")
    rows = model.get_input_embeddings().num_embeddings
    missing = [marker for marker in MARKERS if marker not in tokenizer.get_vocab()]
    if missing:
        tokenizer = add_markers(tokenizer, rows)
    ids = tuple(tokenizer.convert_tokens_to_ids(list(MARKERS)))
    if missing:
        _start_rows_at_mean(model, ids)
    return Base(source, sha256, model, tokenizer, ids, bool(missing))


def first_token(tokenizer: PreTrainedTokenizerBase) -> list[int]:
    """Return the token that begins a text where the model expects one (Llama does, Qwen does not)."""
    bos = tokenizer.bos_token_id
    return [bos] if bos is not None and tokenizer("x")["input_ids"][:1] == [bos] else []


def add_markers(tokenizer: PreTrainedTokenizerBase, rows: int) -> PreTrainedTokenizerBase:
    """Return `tokenizer` with the markers as tokens whose ids lie below `rows`, the height of the embedding."""
    if len(tokenizer) + len(MARKERS) <= rows:
        tokenizer.add_tokens([AddedToken(marker, special=False, normalized=False) for marker in MARKERS])
        return tokenizer
    state = json.loads(tokenizer.backend_tokenizer.to_str())
    reserved = [entry for entry in state["added_tokens"] if entry["content"].startswith(_RESERVED)][-len(MARKERS) :]
    if len(reserved) < len(MARKERS):
        raise ModelError(f"the vocabulary has no room for {len(MARKERS)} markers: no free rows and no reserved tokens")
    for entry, marker in zip(reserved, MARKERS, strict=True):
        entry |= {"content": marker, "special": False, "normalized": False}
    special = {name: str(token) for name, token in tokenizer.special_tokens_map.items() if isinstance(token, str)}
    return PreTrainedTokenizerFast(tokenizer_object=Tokenizer.from_str(json.dumps(state)), **special)


def _source(base: str) -> str:
    if base in registry.MODELS:
        repo = registry.get(base).base
        if repo is None:
            raise ModelError(f"{base} has no base on the Hub: pass the folder that `python -m training pretrain` wrote")
        return repo
    return str(Path(base).resolve()) if Path(base).exists() else base


def _start_rows_at_mean(model: PreTrainedModel, ids: tuple[int, ...]) -> None:
    """Give rows that were never trained the mean of all, so that the first steps are not spent on their scale."""
    matrices = {id(m.weight): m.weight for m in (model.get_input_embeddings(), model.get_output_embeddings()) if m}
    with torch.no_grad():
        for weight in matrices.values():
            weight[list(ids)] = weight.mean(dim=0)
