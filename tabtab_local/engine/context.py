"""A context of llama.cpp: the tokens that a model has read, kept as a KV cache from one request to the next."""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Sequence
from typing import Any

import llama_cpp.llama_cpp as llama
import numpy as np
import numpy.typing as npt

from tabtab_local.engine.load import log
from tabtab_local.engine.protocol import never
from tabtab_local.errors import Cancelled, ModelError

_ABORTED = 2  # llama_decode: the abort callback said yes


class Context:
    """A KV cache, and the tokens that it is known to hold.

    A decode that fails, is cancelled or interrupted may leave more in the cache than `_tokens` says. Nothing is mended
    then: `replace`, with which every request begins, cuts the cache to a part of `_tokens`.
    """

    def __init__(self, model: Any, vocabulary_size: int, context_tokens: int, batch_tokens: int, threads: int) -> None:
        params = llama.llama_context_default_params()
        params.n_ctx = context_tokens
        params.n_batch = params.n_ubatch = self._batch_tokens = min(batch_tokens, context_tokens)
        params.n_threads = params.n_threads_batch = threads
        if not llama.llama_supports_gpu_offload():
            # On a processor flash attention reads a prompt 5 % faster and decodes 40 % slower (a 40-million-parameter
            # model after 600 tokens: 9.3 against 6.7 ms a token).
            params.flash_attn_type = llama.LLAMA_FLASH_ATTN_TYPE_DISABLED
        self._cancel: Callable[[], bool] = never
        self._interrupt: BaseException | None = None
        # Kept as attributes: llama.cpp holds a bare pointer, and calling a collected callback is a segfault.
        self._abort_callback = llama.ggml_abort_callback(self._should_abort)
        self._no_callback = llama.ggml_abort_callback()
        log.clear()
        self._context: Any = llama.llama_init_from_model(model, params)
        if not self._context:
            raise ModelError(f"llama.cpp cannot set up a context of {context_tokens} tokens ({log.error()})")
        self._memory: Any = llama.llama_get_memory(self._context)
        self._vocabulary_size = vocabulary_size
        self._batch: Any = llama.llama_batch_init(self._batch_tokens, 0, 1)
        for i in range(self._batch_tokens):
            self._batch.n_seq_id[i], self._batch.seq_id[i][0] = 1, 0
        self._tokens: list[int] = []

    def free(self) -> None:
        """Give the memory back; the context cannot be used any more."""
        llama.llama_batch_free(self._batch)
        llama.llama_free(self._context)

    def forget(self) -> None:
        """Empty the cache, so that nothing read before has a part in what is computed next."""
        llama.llama_memory_clear(self._memory, False)
        self._tokens.clear()

    def replace(self, tokens: Sequence[int], cancel: Callable[[], bool]) -> int:
        """Make `tokens` (one or more) what has been read; return how many of them had to be evaluated."""
        # The last token is always evaluated: the cache holds no logits.
        shared = min(_common_prefix(self._tokens, tokens), len(tokens) - 1)
        if not llama.llama_memory_seq_rm(self._memory, 0, shared, -1):
            # Recurrent and sliding-window models cannot go back part of the way.
            llama.llama_memory_clear(self._memory, False)
            shared = 0
        del self._tokens[shared:]
        self.extend(tokens[shared:], cancel)
        return len(tokens) - shared

    def extend(self, tokens: Sequence[int], cancel: Callable[[], bool]) -> None:
        """Read `tokens` after all others. Raises `Cancelled`."""
        for i in range(0, len(tokens), self._batch_tokens):
            if cancel():
                raise Cancelled("a newer request has stopped this one")
            self._evaluate(tokens[i : i + self._batch_tokens], cancel)

    def logits(self) -> npt.NDArray[np.float32]:
        """Return the logits (V,) after the last token; valid until the next one is read."""
        pointer = llama.llama_get_logits_ith(self._context, -1)
        return np.ctypeslib.as_array(pointer, shape=(self._vocabulary_size,))

    def _evaluate(self, tokens: Sequence[int], cancel: Callable[[], bool]) -> None:
        batch, count, position = self._batch, len(tokens), len(self._tokens)
        batch.n_tokens = count
        for i, token in enumerate(tokens):
            batch.token[i], batch.pos[i], batch.logits[i] = token, position + i, i == count - 1
        log.clear()
        self._cancel, self._interrupt = cancel, None
        # A single token is over soon, and its computation is not slowed down by hundreds of calls into Python.
        callback = self._abort_callback if count > 1 else self._no_callback
        llama.llama_set_abort_callback(self._context, callback, ctypes.c_void_p())
        status = llama.llama_decode(self._context, batch)
        if self._interrupt is not None:
            raise self._interrupt
        if status == _ABORTED:
            raise Cancelled("a newer request has stopped this one")
        if status:
            raise ModelError(f"llama.cpp cannot evaluate {count} tokens (status {status}, {log.error()})")
        self._tokens += tokens

    def _should_abort(self, _: object) -> bool:
        # Called for each node of the graph. An exception, such as that of Ctrl-C, would be printed and lost by ctypes.
        try:
            return self._cancel()
        except BaseException as error:
            self._interrupt = error
            return True


def _common_prefix(a: Sequence[int], b: Sequence[int]) -> int:
    """Return how many tokens `a` and `b` share from their start."""
    return next((i for i, (x, y) in enumerate(zip(a, b, strict=False)) if x != y), min(len(a), len(b)))
