"""Loading a base model for fine-tuning, with the four markers as single tokens of its vocabulary.

A tokenizer that lacks the markers gets them without the embedding growing: on free rows at the end of the matrix where
there are any (Qwen3), else in place of reserved special tokens (Llama 3). Everything else stays as it was, so that an
adapter needs to carry four rows only.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import torch
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


def load_base(base: str) -> Base:
    """Load `base`: a name of the registry, a folder or a hub id. Raises `ModelError` with what is wrong with it."""
    source = _source(base)
    folder = _folder(source)
    tokenizer = AutoTokenizer.from_pretrained(folder)
    model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32)
    if model.config.model_type not in ARCHITECTURES:
        raise ModelError(f"{base} is a {model.config.model_type} model: choose one of {', '.join(ARCHITECTURES)}")
    rows = model.get_input_embeddings().num_embeddings
    missing = [marker for marker in MARKERS if marker not in tokenizer.get_vocab()]
    if missing:
        tokenizer = add_markers(tokenizer, rows)
    ids = tuple(tokenizer.convert_tokens_to_ids(list(MARKERS)))
    if missing:
        _start_rows_at_mean(model, ids)
    return Base(source, weights_sha256(folder), model, tokenizer, ids, bool(missing))


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


def _folder(source: str) -> Path:
    """Return the local folder of `source`, downloading it from the Hub where it is not a folder."""
    path = Path(source)
    if path.is_dir():
        if not (path / "config.json").is_file():
            raise ModelError(f"{path} is not a model folder: it has no config.json")
        return path
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError, LocalEntryNotFoundError

    try:
        return Path(snapshot_download(source, allow_patterns=["*.json", "*.safetensors", "*.txt", "*.jinja"]))
    except HFValidationError:
        raise ModelError(f"{source} is neither a folder nor a hub id (owner/name)") from None
    except (HfHubHTTPError, LocalEntryNotFoundError, OSError) as error:
        reason = str(error).splitlines()[0]
        raise ModelError(
            f"cannot get {source} from the Hub: {reason}; check the name, the network and `hf auth login`"
        ) from None


def _start_rows_at_mean(model: PreTrainedModel, ids: tuple[int, ...]) -> None:
    """Give rows that were never trained the mean of all, so that the first steps are not spent on their scale."""
    matrices = {id(m.weight): m.weight for m in (model.get_input_embeddings(), model.get_output_embeddings()) if m}
    with torch.no_grad():
        for weight in matrices.values():
            weight[list(ids)] = weight.mean(dim=0)
