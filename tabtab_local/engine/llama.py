"""An engine on llama.cpp, in this process.

It uses llama.cpp's batch API. llama-cpp-python's own `Llama` can do more than is needed here, and with drafts asks for
the logits of every prompt token, which reserves gigabytes.

What a request costs is the tokens that must be evaluated, so what was read for the last one is kept (`context.py`), and
what is likely to follow is verified many tokens at a time (`decoding.py`). Decoding is greedy.

Prompt and forced start are tokenised as one string, as in training: a marker separates what stands before it from
what stands after, and between two markers only the whole text has the right tokens.
"""

from __future__ import annotations

import threading
import time
import weakref
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import llama_cpp.llama_cpp as llama
import numpy as np
import numpy.typing as npt

from tabtab_local.draft import DEFAULT_COSTS, Costs
from tabtab_local.engine.context import Cache, Context, Row, layout
from tabtab_local.engine.decoding import Decoding, Task, most_likely
from tabtab_local.engine.load import cache_bytes_per_token, file_type, load, metadata
from tabtab_local.engine.protocol import UNGUIDED, Generation, Guide, ModelInfo, Timings, never
from tabtab_local.engine.vocabulary import Vocabulary
from tabtab_local.engine.warm import WarmStore, model_key
from tabtab_local.errors import ModelError, UsageError
from tabtab_local.machine import default_threads
from tabtab_local.prompt import MARKERS, PROMPT_VERSION

# More than a prompt and its answer take; large models are trained for contexts whose cache fills gigabytes.
DEFAULT_CONTEXT_TOKENS = 4096

# What KV caches may take together, though one is always had: 4,096 tokens of a model of 0.6 billion parameters take
# 470 MB.
DEFAULT_CACHE_BYTES = 2 * 2**30


class LlamaEngine:
    """A GGUF model in this process; close it, or use it in a `with` statement, to give its memory back.

    - `context_tokens`: the model's trained context unless given, at most `DEFAULT_CONTEXT_TOKENS`: the KV cache takes
      its memory at once.
    - `threads`: one for each physical core unless given.
    - `batch_tokens`: how much of a prompt is evaluated in one go; a request that is cancelled loses no more than that.
    - `sequences`: how many KV caches there are, as far as `cache_bytes` reach; a document takes one, and a second where
      a session prepares what comes after Tab. The one that was used least recently makes room.
    - `drafts`: whether `Guide.expect` and `Guide.echo` are followed; `costs` is what a batch costs on this machine.
    - `warm`: the folder where the KV caches of documents are kept on disk, on `keep`, on `close` and when one that was
      not in use lately makes room, and looked for where much of a prompt is unknown; none are unless given (`warm.py`).

    Safe to share between threads: requests run one after the other.

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
        sequences: int = 1,
        cache_bytes: int = DEFAULT_CACHE_BYTES,
        drafts: bool = True,
        costs: Costs = DEFAULT_COSTS,
        warm: Path | None = None,
    ) -> None:
        began = time.perf_counter()
        path = Path(path)
        with ExitStack() as undo:
            model = load(path)
            undo.callback(llama.llama_model_free, model)
            self._vocabulary = _checked_vocabulary(path, model)
            self._model = _describe(path, model, context_tokens)
            each = self._model.context_tokens * cache_bytes_per_token(model)
            self._sequences = max(1, min(sequences, cache_bytes // each))
            self._context = Context(
                model,
                len(self._vocabulary),
                self._model.context_tokens,
                batch_tokens,
                threads or default_threads(),
                self._sequences,
                WarmStore(warm, model_key(path, layout(self._model.context_tokens, self._sequences))) if warm else None,
            )
            undo.callback(self._context.free)
            self._free = weakref.finalize(self, undo.pop_all().close)
        self._costs = costs if drafts else None
        self._lock = threading.Lock()
        self._load_ms = (time.perf_counter() - began) * 1000

    @property
    def model(self) -> ModelInfo:
        """The model in use."""
        return self._model

    @property
    def sequences(self) -> int:
        """How many documents have a KV cache of their own."""
        return self._sequences

    def count_tokens(self, text: str) -> int:
        """Return the number of tokens that `text` takes in a prompt."""
        self._check_open()
        return len(self._vocabulary.prompt_tokens(text)) - self._vocabulary.added_tokens

    def reading_ms(self, prompt: str, guide: Guide = UNGUIDED) -> float:
        """Return about how long reading `prompt` would take; see `Engine.reading_ms`."""
        with self._lock:
            self._check_open()
            tokens = self._vocabulary.prompt_tokens(prompt)
            return self._context.reading_ms(self._prepared(guide, tokens), tokens) if self._sequences > 1 else 0.0

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
        """Continue `prompt` by an answer that begins with `start`; see `Engine.generate`.

        Raises `ModelError` where `stop` is not one token of the model.
        """
        clock = _Clock()
        with self._lock:
            self._check_open()
            stop_token = self._vocabulary.marker(stop)
            tokens = self._vocabulary.prompt_tokens(prompt + start)
            self._check_fits(len(tokens), max_tokens)
            cache = self._prepared(guide, tokens)
            evaluated = self._context.hold(cache, tokens, cancel)
            clock.prompt_ms = clock.now_ms()
            task = Task(guide, stop_token, max_tokens, self._model.context_tokens, cancel)
            answer = Decoding(task, self._context, cache, self._vocabulary, self._costs)
            answer.run(len(tokens), self._choose, clock.token)
            return Generation(
                text=start + answer.written,
                stopped=answer.stopped,
                confidence=answer.confidence(),
                timings=clock.timings(self._load_ms, len(tokens), evaluated, answer),
                tokens=tuple(answer.tokens),
            )

    def forget(self) -> None:
        """Empty the KV caches: the next answer is that of a fresh engine to the last bit.

        Which tokens are evaluated together changes how sums are rounded, and with it, rarely, which token is the most
        likely. What is measured must not depend on what was asked before. What is on disk stays there.
        """
        with self._lock:
            self._check_open()
            self._context.forget()

    def keep(self) -> None:
        """Have the KV caches on disk, where a folder for them was given."""
        with self._lock:
            self._check_open()
            self._context.put_away()

    def close(self) -> None:
        """Free the model, after the request that is running; the engine cannot be used any more."""
        with self._lock:
            try:
                if self._free.alive:
                    self._context.put_away()
            finally:
                self._free()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def _prepared(self, guide: Guide, tokens: Sequence[int]) -> Cache:
        """Return the document's cache, with what is known elsewhere of the beginning of `tokens`."""
        cache = self._context.cache(guide.key)
        self._context.restore(cache, guide.like, tokens)
        self._context.start_like(cache, guide.like, tokens)
        return cache

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

    def _choose(self, row: Row, allowed: npt.NDArray[np.int64] | None, chosen: Sequence[int]) -> int:
        """Return the next token of an answer; a benchmark may put another in its place (see `Choose`)."""
        return most_likely(row, allowed, chosen)


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

    def timings(self, load_ms: float, prompt_tokens: int, evaluated_tokens: int, answer: Decoding) -> Timings:
        """Return all times; the request ends now."""
        total_ms = self.now_ms()
        first_token_ms = total_ms if self._first_token_ms is None else self._first_token_ms
        return Timings(
            load_ms=load_ms,
            prompt_tokens=prompt_tokens,
            evaluated_tokens=evaluated_tokens,
            prompt_ms=self.prompt_ms,
            first_token_ms=first_token_ms,
            decoded_tokens=len(answer.tokens),
            drafted_tokens=answer.drafted_tokens,
            accepted_tokens=answer.accepted_tokens,
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
