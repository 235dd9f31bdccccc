"""The completions of OpenAI's interface, and what servers add to them: how one is asked for, and what it says.

A *choice* is the part of a response, or of a piece of a streamed one, that holds text. Sources: OpenAI's reference of
`/v1/completions`, llama.cpp's `tools/server/README.md`, vLLM's "OpenAI-Compatible Server".
"""

from __future__ import annotations

import codecs
import math
from dataclasses import dataclass
from typing import Any

# How many of the likeliest tokens are asked for where it matters which others could stand there.
RIVALS = 10


@dataclass(frozen=True)
class Chosen:
    """A token that the model chose, its log-probability, and the likeliest tokens in its place, itself among them."""

    piece: bytes
    logarithm: float
    rivals: tuple[tuple[bytes, float], ...] = ()


def own_settings(program: str) -> dict[str, Any]:
    """Return what a request to `program` needs beside what OpenAI's interface knows."""
    if program == "llama.cpp":
        return {"verbose": True}  # says what ended the text
    if program == "vllm":
        # A marker that is a special token would neither be seen nor stop the text.
        return {"skip_special_tokens": False, "spaces_between_special_tokens": False}
    return {}


def begins_with(text: str) -> str:
    """Return a grammar of llama.cpp (GBNF) for all texts that begin with `text`.

    Sampling by it is token healing: the tokens are those of the whole text, not of its beginning.
    """
    quoted = "".join(f"\\U{ord(character):08x}" for character in text)
    return f'root ::= "{quoted}" [^\\x00]*\n'


def stopped(choice: dict[str, Any], data: dict[str, Any]) -> bool:
    """Return whether the stop marker ended the text, as far as the server tells, given the `data` around the choice."""
    if choice.get("finish_reason") != "stop":
        return False
    if "__verbose" in data:  # llama.cpp
        return bool(data["__verbose"].get("stop_type") == "word")
    if "stop_reason" in choice:  # vLLM: the string that stopped it, null at the end of the text
        return choice["stop_reason"] is not None
    return True


def chosen(choice: dict[str, Any]) -> list[Chosen]:
    """Return the tokens of the choice that the server gives the probability of."""
    given = choice.get("logprobs") or {}
    if isinstance(given, list):  # Ollama
        given = {"content": given}
    if "content" in given:  # llama.cpp
        return [_chosen(entry) for entry in given["content"] or () if entry.get("logprob") is not None]
    tokens, logarithms = given.get("tokens") or [], given.get("token_logprobs") or []
    tokens = tokens if len(tokens) == len(logarithms) else [""] * len(logarithms)
    return [
        Chosen(token.encode("utf-8", errors="replace"), value)
        for token, value in zip(tokens, logarithms, strict=True)
        if value is not None
    ]


def streamed(data: dict[str, Any]) -> list[dict[str, Any]]:
    """Return a response that came as a whole in the pieces that it would have been streamed in, a token in each.

    What stands behind the tokens that the server tells of, how it ended and how many tokens it has is in the last one.
    """
    choice = data["choices"][0]
    text, logprobs = choice.get("text") or "", choice.get("logprobs") or {}
    decoder, end = codecs.getincrementaldecoder("utf-8")("replace"), 0
    pieces: list[dict[str, Any]] = []
    for index, piece in enumerate(_pieces(logprobs)):
        part = decoder.decode(piece)
        if not text.startswith(part, end):
            break
        end += len(part)
        pieces.append({"choices": [{"text": part, "logprobs": _part(logprobs, index, index + 1)}]})
    last = {**choice, "text": text[end:], "logprobs": _part(logprobs, len(pieces), None)}
    usage = {name: value for name, value in (data.get("usage") or {}).items() if name != "completion_tokens"}
    return [{"usage": usage}, *pieces, {**data, "choices": [last]}]


def geometric_mean(logarithms: list[float]) -> float:
    """Return the geometric mean of probabilities whose logarithms these are, above 0; 1 where there are none."""
    return max(math.exp(sum(logarithms) / max(1, len(logarithms))), 1e-30)


def logarithm_among(token: Chosen, rest: bytes) -> float | None:
    """Return the log-probability of `token` among the tokens that may stand where `rest` is to be written.

    Nothing where it is not among the likeliest ones that the server tells of: then the others' share is not known.
    """
    fitting = [logarithm for piece, logarithm in token.rivals if piece and _fits(piece, rest)]
    if not fitting or not any(piece == token.piece for piece, _ in token.rivals):
        return None
    return token.logarithm - math.log(sum(map(math.exp, fitting)))


def _pieces(logprobs: dict[str, Any]) -> list[bytes]:
    """Return the bytes of the tokens that `logprobs` speaks of."""
    if "content" in logprobs:  # llama.cpp
        return [_bytes(entry) for entry in logprobs["content"] or ()]
    return [str(token).encode("utf-8", errors="replace") for token in logprobs.get("tokens") or ()]


def _part(logprobs: dict[str, Any], start: int, end: int | None) -> dict[str, Any]:
    """Return what `logprobs` says of the tokens from `start` to `end`."""
    return {name: values[start:end] for name, values in logprobs.items() if isinstance(values, list)}


def _fits(piece: bytes, rest: bytes) -> bool:
    return piece.startswith(rest) or rest.startswith(piece)


def _chosen(entry: dict[str, Any]) -> Chosen:
    top = [rival for rival in entry.get("top_logprobs") or () if rival.get("logprob") is not None]
    rivals = tuple((_bytes(rival), rival["logprob"]) for rival in top)
    return Chosen(_bytes(entry), entry["logprob"], rivals)


def _bytes(entry: dict[str, Any]) -> bytes:
    """Return the bytes of a token; its text is not whole where it is a part of a character."""
    given = entry.get("bytes")
    return bytes(given) if given else str(entry.get("token") or "").encode("utf-8", errors="replace")
