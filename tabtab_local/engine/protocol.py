"""What an engine is: the interface that suggestions are made through, and its values.

It knows nothing of llama.cpp, and of the prompt format nothing but that an answer ends with a marker.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol


def never() -> bool:
    """Cancel nothing."""
    return False


def _nothing(written: str) -> str:
    return ""


def _not_enough(written: str) -> bool:
    return False


def _unseen(written: str, confidence: float) -> None:
    pass


@dataclass(frozen=True)
class ModelInfo:
    """The model that an engine runs; `size_bytes` is that of its file, `file_type` its quantisation as llama.cpp names
    it (`"Q4_K - Medium"`), and `context_tokens` the most tokens that a prompt and its answer may have together."""

    name: str
    path: Path
    prompt_version: int
    context_tokens: int
    parameters: int
    size_bytes: int
    file_type: str


@dataclass(frozen=True)
class Timings:
    """The work behind one generation. Times are wall time in milliseconds.

    - `load_ms`: loading the model, once for each engine and outside `total_ms`.
    - `prompt_tokens`: prompt and forced start together; `evaluated_tokens` of them were not in the cache.
    - `prompt_ms`: until they were evaluated; `first_token_ms`: until the first token was known.
    - `decoded_tokens`: chosen by the model, the marker or end-of-text token that stopped it included.
    - `decode_ms`: from the first token to the last.
    - `drafted_tokens`, `accepted_tokens`: proposed without the model, and confirmed by it.
    """

    load_ms: float
    prompt_tokens: int
    evaluated_tokens: int
    prompt_ms: float
    first_token_ms: float
    decoded_tokens: int
    drafted_tokens: int
    accepted_tokens: int
    decode_ms: float
    total_ms: float

    def after(self, reading: Timings) -> Timings:
        """Return this work and the `reading` of its prompt, done right before it, as one."""
        return replace(
            self,
            evaluated_tokens=self.evaluated_tokens + reading.evaluated_tokens,
            prompt_ms=self.prompt_ms + reading.prompt_ms,
            first_token_ms=self.first_token_ms + reading.total_ms,
            total_ms=self.total_ms + reading.total_ms,
        )


@dataclass(frozen=True)
class Guide:
    """What is known of an answer before it is decoded, and who follows it. Each part may be left out.

    *Written* is all of an answer behind its forced start, `typed` included, up to its last whole character.

    - `typed`: what is written begins with these characters. Unlike a forced start they may end in the middle of a
      token: the model chooses among the tokens that continue them (token healing).
    - `expect`: given what is written, what is likely to follow, or nothing. It is verified many tokens at a time, so
      that a good guess saves time and a bad one changes nothing but time.
    - `echo`: asked where nothing is likely: what may follow, to be verified a few tokens at a time.
    - `enough`: given what is written, whether the answer need not go on.
    - `watch`: told what is written after each token, with the confidence up to there.
    - `key`: names a document; each has a KV cache of its own, as far as memory allows.
    - `like`: the key of a document whose cache this one should start from where that saves work.
    """

    typed: str = ""
    expect: Callable[[str], str] = _nothing
    echo: Callable[[str], str] = _nothing
    enough: Callable[[str], bool] = _not_enough
    watch: Callable[[str, float], None] = _unseen
    key: str = ""
    like: str = ""


UNGUIDED = Guide()


@dataclass(frozen=True)
class Generation:
    """What the model wrote.

    `text` begins with the forced start and ends with the stop marker where that was reached (`stopped`); otherwise the
    model ended its text or the tokens ran out. A character that was cut in its middle is left out.

    `confidence` is the geometric mean of the probabilities that the model gave to the tokens it chose, the one that
    stopped it included and the forced start not; 1 where it chose none. Where `Guide.typed` leaves a choice of tokens,
    the probability is the one among these.

    `tokens` are the ids of the tokens that were chosen; none where an engine does not tell.
    """

    text: str
    stopped: bool
    confidence: float
    timings: Timings
    tokens: tuple[int, ...] = ()


class Engine(Protocol):
    """A model that continues text."""

    @property
    def model(self) -> ModelInfo:
        """The model in use."""
        ...

    def count_tokens(self, text: str) -> int:
        """Return the number of tokens that `text` takes in a prompt."""
        ...

    def reading_ms(self, prompt: str, guide: Guide = UNGUIDED) -> float:
        """Return about how long reading what is new of `prompt` will take, in the cache that `guide` names.

        0 where nobody knows, as before the first long prompt, and where the engine has one cache: reading more of the
        same document beside it would push it out.
        """
        return 0.0

    def generate(
        self,
        prompt: str,
        start: str,
        *,
        max_tokens: int,
        stop: str,
        cancel: Callable[[], bool] = never,
        guide: Guide = UNGUIDED,
    ) -> Generation:
        """Continue `prompt` by an answer that begins with `start`, up to the marker `stop` or `max_tokens` tokens.

        With `max_tokens=0` the prompt is only evaluated, so that the next request that begins like it is quick.
        An engine that cannot follow a part of `guide` goes on without: `typed` then joins the forced start.
        `cancel` is asked again and again, possibly while a token is computed; once it says yes, `Cancelled` is raised.
        Raises `UsageError` where prompt and answer do not fit into the context.
        """
        ...
