"""A Hugging Face tokenizer as the arrays that a GGUF holds: tokens, their types, merges, and special ids.

Knows byte-level BPE only, the kind that Qwen and Llama 3 use. It follows llama.cpp's converter, with one difference:
our markers are USER_DEFINED, never CONTROL, for CONTROL tokens are neither printed nor found in plain text.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gguf import TokenType

from convert.folder import read_json
from tabtab_local.errors import ModelError
from tabtab_local.prompt import MARKERS

_CONTRACTIONS_AND_WORDS = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+"
_PUNCTUATION_AND_BLANKS = r" ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"

# llama.cpp implements each of these by hand, under a name. A wrong name gives wrong tokens without a word, so the
# expression itself is compared and anything else refused.
PRE_TOKENIZERS = {
    rf"{_CONTRACTIONS_AND_WORDS}|\p{{N}}|{_PUNCTUATION_AND_BLANKS}": "qwen2",
    rf"{_CONTRACTIONS_AND_WORDS}|\p{{N}}{{1,3}}|{_PUNCTUATION_AND_BLANKS}": "llama-bpe",
}

# Of these, llama.cpp takes a word that is a token as it is, where BPE would not merge up to it.
_IGNORES_MERGES = {"llama-bpe"}


@dataclass(frozen=True)
class Vocabulary:
    """The tokenizer part of a GGUF; `tokens` and `types` have one entry for each row of the embedding matrix."""

    tokens: list[str]
    types: list[TokenType]
    merges: list[str]
    pre_tokenizer: str
    eos: int
    bos: int
    padding: int | None
    adds_bos: bool
    """Whether the tokenizer begins every text with `bos`; a model that was trained so needs it."""


def read_vocabulary(folder: Path, rows: int, *, markers: bool = True) -> Vocabulary:
    """Return the tokenizer in `folder` for a model whose embedding matrix has that many rows.

    Raises `ModelError` for a tokenizer of another kind, an id beyond the matrix and, with `markers`, a marker that is
    not one token.
    """
    document = read_json(folder / "tokenizer.json")
    try:
        tokens, types = _tokens(document, rows)
        if markers:
            _check_markers(document)
        ids = _special_ids(folder, tokens)
        return Vocabulary(
            tokens=tokens,
            types=types,
            merges=_merges(document["model"]),
            pre_tokenizer=_pre_tokenizer(document),
            **ids,
            adds_bos=_adds_bos(document, tokens[ids["bos"]]),
        )
    except (KeyError, TypeError, AttributeError) as error:
        raise ModelError(f"{folder / 'tokenizer.json'} is not a byte-level BPE tokenizer: {error!r}") from error
    except ModelError as error:
        raise ModelError(f"{folder}: {error}") from error


def _tokens(document: dict[str, Any], rows: int) -> tuple[list[str], list[TokenType]]:
    vocabulary: dict[int, str] = {id_: token for token, id_ in document["model"]["vocab"].items()}
    added: dict[int, dict[str, Any]] = {token["id"]: token for token in document["added_tokens"]}
    vocabulary |= {id_: token["content"] for id_, token in added.items()}
    beyond = max(vocabulary)
    if beyond >= rows:
        raise ModelError(f"token {vocabulary[beyond]!r} has id {beyond}, but the embedding matrix has {rows} rows")
    tokens = [vocabulary.get(id_, f"[PAD{id_}]") for id_ in range(rows)]
    return tokens, [_type(vocabulary.get(id_), added.get(id_)) for id_ in range(rows)]


def _type(token: str | None, added: dict[str, Any] | None) -> TokenType:
    if token is None:
        return TokenType.UNUSED
    if added is None:
        return TokenType.NORMAL
    if token in MARKERS:
        return TokenType.USER_DEFINED
    looks_special = token.startswith("<|") and token.endswith("|>")  # `<|fim_prefix|>` in Qwen's is not special
    return TokenType.CONTROL if added["special"] or looks_special else TokenType.USER_DEFINED


def _check_markers(document: dict[str, Any]) -> None:
    plain = {
        token["content"]
        for token in document["added_tokens"]
        if not (token["lstrip"] or token["rstrip"] or token["single_word"])
    }
    for marker in MARKERS:
        if marker not in plain:
            raise ModelError(f"the marker {marker} is not a token of its own: use the tokenizer that training saved")


def _merges(model: dict[str, Any]) -> list[str]:
    if model["type"] != "BPE" or model.get("byte_fallback"):
        raise ModelError(f"the tokenizer is of type {model['type']!r}: only byte-level BPE is supported")
    return [merge if isinstance(merge, str) else " ".join(merge) for merge in model["merges"]]


def _pre_tokenizer(document: dict[str, Any]) -> str:
    # llama.cpp has no normaliser. NFC, which Qwen has, leaves nearly all code as it is; others change plain ASCII.
    normalizer = (document.get("normalizer") or {"type": "NFC"})["type"]
    if normalizer != "NFC":
        raise ModelError(f"the tokenizer normalises text with {normalizer}, which llama.cpp cannot do")
    steps = document["pre_tokenizer"].get("pretokenizers", [document["pre_tokenizer"]])
    if [step["type"] for step in steps] != ["Split", "ByteLevel"]:
        raise ModelError(f"the pre-tokenizer is {[step['type'] for step in steps]}: expected ['Split', 'ByteLevel']")
    split, byte_level = steps
    expression = split["pattern"].get("Regex")
    known = expression in PRE_TOKENIZERS and split["behavior"] == "Isolated" and not split["invert"]
    if not known or byte_level["add_prefix_space"] or byte_level["use_regex"]:
        names = ", ".join(PRE_TOKENIZERS.values())
        raise ModelError(f"the pre-tokenizer splits with {split['pattern']}, which is none of llama.cpp's {names}")
    name = PRE_TOKENIZERS[expression]
    if (ignores := bool(document["model"].get("ignore_merges"))) != (name in _IGNORES_MERGES):
        raise ModelError(f"the tokenizer has ignore_merges {ignores}, and llama.cpp's {name} the opposite")
    return name


def _adds_bos(document: dict[str, Any], bos: str) -> bool:
    """Return whether texts get the token `bos` put before them; refuse a tokenizer that puts anything else."""
    processor = document.get("post_processor") or {}
    for step in processor.get("processors", [processor]):
        if step.get("type") == "TemplateProcessing":
            added = [
                (at, part["SpecialToken"]["id"]) for at, part in enumerate(step["single"]) if "SpecialToken" in part
            ]
            if added not in ([], [(0, bos)]):
                raise ModelError(f"the tokenizer adds {added[-1][1]!r} to texts: only {bos!r} before them can be had")
            return bool(added)
    return False


def _special_ids(folder: Path, tokens: list[str]) -> dict[str, Any]:
    """Return the ids of `bos`, `eos` and `padding`, as tokenizer_config.json, or else config.json, names them."""
    named, config = read_json(folder / "tokenizer_config.json"), read_json(folder / "config.json")

    def find(name: str) -> int | None:
        token = named.get(f"{name}_token")
        token = token["content"] if isinstance(token, dict) else token
        if token is not None:
            if token not in tokens:
                raise ModelError(f"the {name} token {token!r} of tokenizer_config.json is not in the vocabulary")
            return tokens.index(token)
        ids = config.get(f"{name}_token_id")
        return ids[0] if isinstance(ids, list) else ids

    eos, bos = find("eos"), find("bos")
    if eos is None:
        raise ModelError(
            "neither tokenizer_config.json nor config.json names an end-of-text token: generation never ends"
        )
    # Without an entry for it llama.cpp takes token 11 of any BPE vocabulary as BOS.
    ids = {"eos": eos, "bos": eos if bos is None else bos, "padding": find("pad")}
    for name, id_ in ids.items():
        if id_ is not None and not 0 <= id_ < len(tokens):
            raise ModelError(f"the {name} token has id {id_}, but the embedding matrix has {len(tokens)} rows")
    return ids
