"""Greedy decoding along what is known: tokens that a cache holds, characters that were typed, a text that is expected.

The tokens are those of plain greedy decoding, one by one from an empty cache, up to rounding: which tokens are
evaluated together changes how sums are rounded, and with it, rarely, which of two nearly equal logits is larger.
"""

from __future__ import annotations

import codecs
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from tabtab_local.draft import COPIES, ECHOES, Costs, DraftLength
from tabtab_local.engine.context import Cache, Context, Row
from tabtab_local.engine.protocol import Guide
from tabtab_local.engine.vocabulary import Vocabulary

Choose = Callable[[Row, "npt.NDArray[np.int64] | None", Sequence[int]], int]
"""Takes the logits (V,), the ids of the tokens that are allowed (all where None) and the tokens chosen up to now."""

# About as many characters as a token has, for cutting a text before it is tokenised.
_CHARACTERS_PER_TOKEN = 6


def most_likely(row: Row, allowed: npt.NDArray[np.int64] | None, chosen: Sequence[int]) -> int:
    """Return the token with the largest logit."""
    return int(row.argmax()) if allowed is None else int(allowed[row[allowed].argmax()])


@dataclass(frozen=True)
class Task:
    """What an answer has to keep to: `limit` is the most tokens that a cache may hold."""

    guide: Guide
    stop_token: int
    max_tokens: int
    limit: int
    cancel: Callable[[], bool]


class Decoding:
    """One answer in the making; `run` makes it, and the attributes say what it is."""

    def __init__(self, task: Task, context: Context, cache: Cache, vocabulary: Vocabulary, costs: Costs | None) -> None:
        self.tokens: list[int] = []
        self.written = ""
        self.stopped = False  # by the stop marker
        self.drafted_tokens = 0
        self.accepted_tokens = 0
        self._task = task
        self._context = context
        self._cache = cache
        self._vocabulary = vocabulary
        self._copies = DraftLength(costs, COPIES) if costs else None
        self._echoes = DraftLength(costs, ECHOES) if costs else None
        self._guessing = self._copies  # what the last guesses were made by
        self._rest = task.guide.typed.encode("utf-8", errors="replace")
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._log_probability = 0.0
        self._guesses = range(0)  # where tokens stand that were guessed and not looked at yet

    def run(self, position: int, choose: Choose, noted: Callable[[], None]) -> None:
        """Choose tokens from `position` on, the first free one, until one of them ends the answer; `noted` each."""
        task, guide = self._task, self._task.guide
        while len(self.tokens) < task.max_tokens:
            token = self._next(choose, position)
            noted()
            self.stopped = token == task.stop_token and not self._rest
            if not self.stopped and self._vocabulary.ends_text(token):
                break
            self._write(token)
            guide.watch(self.written, self.confidence())
            if self.stopped or len(self.tokens) == task.max_tokens or (not self._rest and guide.enough(self.written)):
                break
            self._go_on(position, token)
            position += 1

    def confidence(self) -> float:
        """Return the geometric mean of the probabilities, 1 for no tokens."""
        return math.exp(self._log_probability / max(len(self.tokens), 1))

    def _next(self, choose: Choose, position: int) -> int:
        row = self._context.logits(self._cache, position - 1)
        allowed = self._vocabulary.pieces.allowed(self._rest) if self._rest else None
        if allowed is not None and not len(allowed):
            allowed, self._rest = None, b""  # the vocabulary cannot write what was typed
        token = choose(row, allowed, self.tokens)
        candidates = row if allowed is None else row[allowed]
        largest = candidates.max()
        self._log_probability += float(row[token] - largest) - math.log(np.exp(candidates - largest).sum())
        self.tokens.append(token)
        return token

    def _write(self, token: int) -> None:
        piece = self._vocabulary.piece(token)
        self.written += self._decoder.decode(piece)
        self._rest = self._rest[len(piece) :]

    def _go_on(self, position: int, token: int) -> None:
        """Have the logits behind `token`, which comes at `position`."""
        if position in self._guesses:
            right = position < len(self._cache.tokens) and self._cache.tokens[position] == token
            if right:
                self.accepted_tokens += 1
            if not right or position == self._guesses[-1]:
                self._learn(position - self._guesses[0] + right)
        room = min(self._task.limit - position - 1, self._task.max_tokens - len(self.tokens))
        guessed = self._context.go_on(
            self._cache, position, token, lambda: self._guess(max(0, room)), self._task.cancel
        )
        if guessed:
            self.drafted_tokens += guessed
            self._guesses = range(position + 1, position + 1 + guessed)

    def _learn(self, right: int) -> None:
        if self._guessing:
            self._guessing.learn(len(self._guesses), right)
        self._guesses = range(0)

    def _guess(self, room: int) -> Sequence[int]:
        """Return up to `room` tokens that are likely to follow."""
        if self._copies is None or self._echoes is None:
            return ()
        self._guessing = self._copies
        if self._rest:
            # The last token is not whole, and the model may choose another for it.
            guess = self._vocabulary.guess_tokens(self._rest.decode("utf-8", errors="replace"))[:-1]
            return guess[: self._copies.best(room)] if guess else ()
        text = self._task.guide.expect(self.written)
        if not text:
            self._guessing = self._echoes
            text = self._task.guide.echo(self.written)
        most = self._guessing.best(room) if text else 0
        return self._vocabulary.guess_tokens(text[: _CHARACTERS_PER_TOKEN * most])[:most] if most else ()
