"""An engine on llama.cpp, in this process.

It uses llama.cpp's batch API. llama-cpp-python's own `Llama` can do more than is needed here, and with drafts asks for
the logits of every prompt token, which reserves gigabytes.

What a prompt costs is the tokens that must be evaluated, so the KV cache is kept: a new prompt shares the longest
common prefix with what has been read, and only the rest is evaluated. Decoding is greedy. Tokens are not drafted yet:
`drafted_tokens` and `accepted_tokens` are 0.

Prompt and forced start are tokenised as one string, as in training: a marker separates what stands before it from
what stands after, and between two markers only the whole text has the right tokens.
"""

from __future__ import annotations

import math
import threading
import time
import weakref
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any

import llama_cpp.llama_cpp as llama
import numpy as np
import numpy.typing as npt

from tabtab_local.engine.context import Context
from tabtab_local.engine.load import file_type, load, metadata
from tabtab_local.engine.protocol import Generation, ModelInfo, Timings, never
from tabtab_local.engine.vocabulary import Vocabulary
from tabtab_local.errors import ModelError, UsageError
from tabtab_local.machine import default_threads
from tabtab_local.prompt import MARKERS, PROMPT_VERSION

# More than a prompt and its answer take; large models are trained for contexts whose cache fills gigabytes.
DEFAULT_CONTEXT_TOKENS = 4096


class LlamaEngine:
    """A GGUF model in this process; close it, or use it in a `with` statement, to give its memory back.

    `context_tokens` is the model's trained context unless given, at most `DEFAULT_CONTEXT_TOKENS`: the KV cache takes
    its memory at once. `threads` is one for each physical core unless given. `batch_tokens` is how much of a prompt is
    evaluated in one go. Safe to share between threads: requests run one after the other.

    Raises `ModelError` for a file that is missing, damaged or made for something else, and `UsageError` for a context
    that the model was not trained for.
    """

    def __init__(
        self,
        path: str | Path,
        *,
        context_tokens: int | None = None,
        threads: int | None = None,
        batch_tokens: int = 512,
    ) -> None:
        began = time.perf_counter()
        path = Path(path)
        with ExitStack() as undo:
            model = load(path)
            undo.callback(llama.llama_model_free, model)
            self._vocabulary = _checked_vocabulary(path, model)
            self._model = _describe(path, model, context_tokens)
            self._context = Context(
                model, len(self._vocabulary), self._model.context_tokens, batch_tokens, threads or default_threads()
            )
            undo.callback(self._context.free)
            self._free = weakref.finalize(self, undo.pop_all().close)
        self._lock = threading.Lock()
        self._load_ms = (time.perf_counter() - began) * 1000

    @property
    def model(self) -> ModelInfo:
        """The model in use."""
        return self._model

    def count_tokens(self, text: str) -> int:
        """Return the number of tokens that `text` takes in a prompt."""
        self._check_open()
        return len(self._vocabulary.tokenize(text))

    def generate(
        self, prompt: str, start: str, *, max_tokens: int, stop: str, cancel: Callable[[], bool] = never
    ) -> Generation:
        """Continue `prompt` by an answer that begins with `start`; see `Engine.generate`.

        Raises `ModelError` where `stop` is not one token of the model.
        """
        clock = _Clock()
        with self._lock:
            self._check_open()
            stop_token = self._vocabulary.marker(stop)
            tokens = self._vocabulary.prompt_tokens(prompt + start)
            self._check_fits(len(tokens), max_tokens)
            evaluated = self._context.replace(tokens, cancel)
            clock.prompt_ms = clock.now_ms()
            answer = self._decode(max_tokens, stop_token, cancel, clock)
            return Generation(
                text=start + self._vocabulary.text(answer.written),
                stopped=answer.stopped,
                confidence=answer.confidence(),
                timings=clock.timings(self._load_ms, len(tokens), evaluated, len(answer.tokens)),
            )

    def forget(self) -> None:
        """Empty the KV cache: the next answer is that of a fresh engine to the last bit.

        Which tokens are evaluated together changes how sums are rounded, and with it, rarely, which token is the most
        likely. What is measured must not depend on what was asked before.
        """
        with self._lock:
            self._check_open()
            self._context.forget()

    def close(self) -> None:
        """Free the model, after the request that is running; the engine cannot be used any more."""
        with self._lock:
            self._free()

    def __enter__(self) -> LlamaEngine:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def _check_open(self) -> None:
        # llama.cpp would read freed memory.
        if not self._free.alive:
            raise ValueError("the engine is closed")

    def _check_fits(self, prompt_tokens: int, max_tokens: int) -> None:
        size = self._model.context_tokens
        if not prompt_tokens:
            raise UsageError("the prompt is empty: there is nothing to continue")
        if prompt_tokens + max_tokens > size:
            raise UsageError(
                f"the prompt has {prompt_tokens} tokens, but a context of {size} leaves room for "
                f"{max(size - max_tokens, 0)} beside an answer of {max_tokens}: give less code or a larger context"
            )

    def _decode(self, max_tokens: int, stop_token: int, cancel: Callable[[], bool], clock: _Clock) -> _Answer:
        """Choose tokens until one of them ends the answer or there are `max_tokens`."""
        answer = _Answer()
        while len(answer.tokens) < max_tokens:
            if answer.tokens:
                self._context.extend(answer.tokens[-1:], cancel)
            token = answer.choose(self._context.logits())
            clock.token()
            answer.stopped = token == stop_token
            answer.ended = not answer.stopped and self._vocabulary.ends_text(token)
            if answer.stopped or answer.ended:
                break
        return answer


@dataclass
class _Answer:
    """The tokens chosen so far, the logarithm of the product of their probabilities, and what the last of them was."""

    tokens: list[int] = field(default_factory=list)
    log_probability: float = 0.0
    stopped: bool = False  # by the stop marker
    ended: bool = False  # by a token that ends a text

    @property
    def written(self) -> list[int]:
        """The tokens that are text."""
        return self.tokens[:-1] if self.ended else self.tokens

    def choose(self, logits: npt.NDArray[np.float32]) -> int:
        """Add the most likely token, given the logits (V,), and return it."""
        token = int(logits.argmax())
        self.tokens.append(token)
        self.log_probability -= float(np.log(np.exp(logits - logits[token]).sum()))
        return token

    def confidence(self) -> float:
        """Return the geometric mean of the probabilities, 1 for no tokens."""
        return math.exp(self.log_probability / max(len(self.tokens), 1))


class _Clock:
    """When a request reached what, in milliseconds since it began."""

    def __init__(self) -> None:
        self.prompt_ms = 0.0
        self._began = time.perf_counter()
        self._first_token_ms: float | None = None

    def now_ms(self) -> float:
        return (time.perf_counter() - self._began) * 1000

    def token(self) -> None:
        """Note that a token has been chosen."""
        if self._first_token_ms is None:
            self._first_token_ms = self.now_ms()

    def timings(self, load_ms: float, prompt_tokens: int, evaluated_tokens: int, decoded_tokens: int) -> Timings:
        """Return all times; the request ends now."""
        total_ms = self.now_ms()
        first_token_ms = total_ms if self._first_token_ms is None else self._first_token_ms
        return Timings(
            load_ms=load_ms,
            prompt_tokens=prompt_tokens,
            evaluated_tokens=evaluated_tokens,
            prompt_ms=self.prompt_ms,
            first_token_ms=first_token_ms,
            decoded_tokens=decoded_tokens,
            drafted_tokens=0,
            accepted_tokens=0,
            decode_ms=total_ms - first_token_ms,
            total_ms=total_ms,
        )


def _checked_vocabulary(path: Path, model: Any) -> Vocabulary:
    vocabulary = Vocabulary(model)
    try:
        for text in MARKERS:
            vocabulary.marker(text)
    except ModelError as error:
        raise ModelError(f"{path}: {error}") from None
    return vocabulary


def _describe(path: Path, model: Any, context_tokens: int | None) -> ModelInfo:
    trained = llama.llama_model_n_ctx_train(model)
    if context_tokens is not None and not 0 < context_tokens <= trained:
        raise UsageError(f"{path} cannot have a context of {context_tokens} tokens: choose 1-{trained}")
    return ModelInfo(
        name=metadata(model, "general.name") or path.stem,
        path=path,
        prompt_version=PROMPT_VERSION,
        context_tokens=context_tokens or min(trained, DEFAULT_CONTEXT_TOKENS),
        parameters=llama.llama_model_n_params(model),
        size_bytes=path.stat().st_size,
        file_type=file_type(model),
    )
