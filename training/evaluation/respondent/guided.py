"""Guided decoding with transformers: token healing, watching and stopping early, as our own engine does them."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable
from typing import Any

import torch
from transformers import (
    LogitsProcessor,
    LogitsProcessorList,
    PreTrainedTokenizerBase,
    StoppingCriteria,
    StoppingCriteriaList,
)
from transformers.convert_slow_tokenizer import bytes_to_unicode

from tabtab_local.engine import UNGUIDED, Guide
from tabtab_local.engine.healing import Pieces
from tabtab_local.errors import Cancelled


class Spelling:
    """The bytes of a tokenizer's tokens; of added tokens, which are no text that can be typed, none."""

    def __init__(self, tokens: list[bytes]) -> None:
        self._tokens = tokens
        self.allowed = Pieces(tokens).allowed

    def __getitem__(self, token: int) -> bytes:
        # A matrix may have more rows than the vocabulary has tokens.
        return self._tokens[token] if token < len(self._tokens) else b""


def spelling(tokenizer: PreTrainedTokenizerBase) -> Spelling | None:
    """Return the bytes of the tokens; nothing where they are not written in GPT-2's alphabet of bytes."""
    state = json.loads(tokenizer.backend_tokenizer.to_str())
    if (state.get("decoder") or {}).get("type") != "ByteLevel":
        return None
    byte_of = {character: byte for byte, character in bytes_to_unicode().items()}
    added = set(tokenizer.added_tokens_decoder)
    texts = tokenizer.convert_ids_to_tokens(list(range(len(tokenizer))))
    return Spelling(
        [b"" if i in added else bytes(byte_of[character] for character in text or "") for i, text in enumerate(texts)]
    )


class Course:
    """The course of one answer, which begins behind `prompt_tokens` tokens.

    What `guide` says was typed is written first, by tokens whose bytes are in `spelt`. `ends` are tokens that end a
    text and are none; `decode` gives the text of the others.
    """

    def __init__(
        self,
        guide: Guide,
        cancel: Callable[[], bool],
        prompt_tokens: int,
        *,
        decode: Callable[[list[int]], str],
        ends: set[int],
        spelt: Spelling | None,
    ) -> None:
        self.first_token: float | None = None  # on the clock `time.perf_counter`
        self._guide = guide
        self._cancel = cancel
        self._prompt_tokens = prompt_tokens
        self._decode = decode
        self._ends = ends
        self._spelt = spelt
        self._rest = guide.typed.encode("utf-8", errors="replace") if spelt else b""
        self._logarithms: list[torch.Tensor] = []

    def confidence(self) -> float:
        """Return the geometric mean of the probabilities, above 0; 1 for no tokens."""
        return max(math.exp(float(torch.stack(self._logarithms).mean())), 1e-30) if self._logarithms else 1.0

    def choose(self, scores: torch.Tensor) -> torch.Tensor:
        """Return the scores (1, V) of the next token, minus infinity for those that disagree with what was typed."""
        if self._cancel():
            raise Cancelled("a newer request has stopped this one")
        if self._spelt and self._rest:
            allowed = torch.from_numpy(self._spelt.allowed(self._rest)).to(scores.device)
            if len(allowed):
                scores = torch.full_like(scores, -math.inf).index_copy(1, allowed, scores[:, allowed])
            else:
                self._rest = b""  # the vocabulary cannot write it
        self._logarithms.append(scores[0].float().log_softmax(dim=0).max().cpu())
        if self.first_token is None:
            self.first_token = time.perf_counter()
        return scores

    def is_done(self, tokens: list[int]) -> bool:
        """Return whether the answer need not go on, now that it has `tokens`."""
        if self._spelt and self._rest:
            self._rest = self._rest[len(self._spelt[tokens[-1]]) :]
        if tokens[-1] in self._ends or (self._guide.watch is UNGUIDED.watch and self._guide.enough is UNGUIDED.enough):
            return False
        written = self._decode(tokens)
        self._guide.watch(written, self.confidence())
        return not self._rest and self._guide.enough(written)

    def processor(self) -> LogitsProcessorList:
        """Return what transformers asks before it chooses a token."""
        return LogitsProcessorList([_Choosing(self)])

    def criteria(self) -> StoppingCriteriaList:
        """Return what transformers asks after it has chosen one."""
        return StoppingCriteriaList([_Stopping(self, self._prompt_tokens)])


class _Choosing(LogitsProcessor):  # type: ignore[misc]
    def __init__(self, course: Course) -> None:
        self._course = course

    def __call__(self, input_ids: torch.Tensor, scores: torch.Tensor) -> torch.Tensor:
        return self._course.choose(scores)


class _Stopping(StoppingCriteria):  # type: ignore[misc]
    def __init__(self, course: Course, prompt_tokens: int) -> None:
        self._course = course
        self._prompt_tokens = prompt_tokens

    def __call__(self, input_ids: torch.Tensor, scores: Any, **_: Any) -> torch.Tensor:
        done = self._course.is_done(input_ids[0, self._prompt_tokens :].tolist())
        return torch.tensor([done], device=input_ids.device)
