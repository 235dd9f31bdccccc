"""A Hugging Face tokenizer as the arrays that a GGUF holds: tokens, their types, merges, and special ids.

Knows byte-level BPE only, the kind that Qwen and Llama 3 use. It follows llama.cpp's converter, with one difference:
what the tokenizer calls not special is USER_DEFINED, never CONTROL, for CONTROL tokens are neither printed nor found
in plain text.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gguf import TokenType

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


def read_vocabulary(folder: Path, rows: int) -> Vocabulary:
    """Return the tokenizer in `folder` for a model whose embedding matrix has that many rows.

    Raises `ModelError` for a tokenizer of another kind, a marker that is not one token, and an id beyond the matrix.
    """
    document = read_json(folder / "tokenizer.json")
    try:
        tokens, types = _tokens(document, rows)
        return Vocabulary(
            tokens=tokens,
            types=types,
            merges=_merges(document["model"]),
            pre_tokenizer=_pre_tokenizer(document),
            **_special_ids(folder, tokens),
        )
    except (KeyError, TypeError, AttributeError) as error:
        raise ModelError(f"{folder / 'tokenizer.json'} is not a byte-level BPE tokenizer: {error!r}") from error
    except ModelError as error:
        raise ModelError(f"{folder}: {error}") from error


def read_json(path: Path) -> dict[str, Any]:
    """Return the JSON object in the file `path`. Raises `ModelError` where there is none."""
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise ModelError(f"{path} is missing: is this the right folder, and is it complete?") from error
    except ValueError as error:
        raise ModelError(f"{path} is not valid JSON: {error}") from error
    if not isinstance(document, dict):
        raise ModelError(f"{path} holds {type(document).__name__} where an object is expected")
    return document


def _tokens(document: dict[str, Any], rows: int) -> tuple[list[str], list[TokenType]]:
    vocabulary: dict[int, str] = {id_: token for token, id_ in document["model"]["vocab"].items()}
    added: dict[int, dict[str, Any]] = {token["id"]: token for token in document["added_tokens"]}
    vocabulary |= {id_: token["content"] for id_, token in added.items()}
    _check_markers(added)
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
    return TokenType.CONTROL if added["special"] and token not in MARKERS else TokenType.USER_DEFINED


def _check_markers(added: dict[int, dict[str, Any]]) -> None:
    plain = {
        token["content"] for token in added.values() if not (token["lstrip"] or token["rstrip"] or token["single_word"])
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
    return PRE_TOKENIZERS[expression]


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
