"""llama.cpp by itself, as its own `llama-bench` measures it: batches prepared beforehand, and nothing but decoding.

No text, no choosing of tokens, no logits read: what an engine needs beyond this time is its own. The context has the
parameters of our engine's.
"""

from __future__ import annotations

import time
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Any

import llama_cpp.llama_cpp as llama

from tabtab_local.engine.context import context_params
from tabtab_local.engine.load import load
from tabtab_local.errors import ModelError

_BATCH_TOKENS = 512
_SPREAD = 7919  # a prime: tokens from all over the vocabulary


class Native:
    """A model and a context of `context_tokens`; use it in a `with` statement. Raises `ModelError`."""

    def __init__(self, path: Path, *, context_tokens: int, threads: int) -> None:
        with ExitStack() as undo:
            model = load(path)
            undo.callback(llama.llama_model_free, model)
            self._vocabulary_size: int = llama.llama_vocab_n_tokens(llama.llama_model_get_vocab(model))
            parameters = context_params(context_tokens, _BATCH_TOKENS, threads)
            self._context: Any = llama.llama_init_from_model(model, parameters)
            if not self._context:
                raise ModelError(f"llama.cpp cannot set up a context of {context_tokens} tokens for {path}")
            undo.callback(llama.llama_free, self._context)
            self._batch: Any = llama.llama_batch_init(_BATCH_TOKENS, 0, 1)
            undo.callback(llama.llama_batch_free, self._batch)
            self._undo = undo.pop_all()
        for i in range(_BATCH_TOKENS):
            self._batch.n_seq_id[i], self._batch.seq_id[i][0] = 1, 0
        self._position = 0

    def prompt_ms(self, tokens: int) -> float:
        """Read that many tokens from an empty cache, in batches of up to 512, and return how long it took."""
        llama.llama_memory_clear(llama.llama_get_memory(self._context), False)
        self._position = 0
        return sum(self._decode_ms(min(_BATCH_TOKENS, tokens - start), 1) for start in range(0, tokens, _BATCH_TOKENS))

    def decode_ms(self, tokens: int) -> float:
        """Read that many tokens one by one after all others, and return how long it took altogether."""
        return self._decode_ms(1, tokens)

    def __enter__(self) -> Native:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._undo.close()

    def _decode_ms(self, batch_tokens: int, times: int) -> float:
        """Read a batch of that size `times` times, the logits behind its last token included."""
        batch = self._batch
        batch.n_tokens = batch_tokens
        for i in range(batch_tokens):
            batch.token[i] = (self._position + i) * _SPREAD % self._vocabulary_size
            batch.logits[i] = i == batch_tokens - 1
        began = time.perf_counter()
        for _ in range(times):
            for i in range(batch_tokens):
                batch.pos[i] = self._position + i
            if status := llama.llama_decode(self._context, batch):
                raise ModelError(f"llama.cpp cannot evaluate {batch_tokens} tokens (status {status})")
            self._position += batch_tokens
        llama.llama_synchronize(self._context)
        return (time.perf_counter() - began) * 1000
