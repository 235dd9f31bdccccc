"""A context of llama.cpp: what a model has read, kept from one request to the next, for several documents at a time.

Each document has a *sequence*: a KV cache of its own, the tokens that it is known to hold, and the logits behind some
of them. Logits are kept because a request often goes where the last one went: through a prompt that has not changed,
or along an answer that was decoded, or guessed, before. What is known is not computed again.
"""

from __future__ import annotations

import ctypes
import os
import time
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import llama_cpp
import llama_cpp.llama_cpp as llama
import numpy as np
import numpy.typing as npt

from tabtab_local.edits import shared_start
from tabtab_local.engine.load import log
from tabtab_local.engine.protocol import never
from tabtab_local.engine.warm import WarmStore
from tabtab_local.errors import Cancelled, ModelError

Row = npt.NDArray[np.float32]
"""The logits (V,) of the next token."""

_ABORTED = 2  # llama_decode: the abort callback said yes

# Logits that are kept for all sequences together, and at most how many rows of them.
_ROWS_BYTES = 64 * 2**20
_MOST_ROWS = 512

# A prompt is read in parts of so many tokens where one of `batch_tokens` would take longer than half a second: what was
# read before a request is stopped stays. From so many tokens on, a part tells how fast this machine reads.
_PART_TOKENS = 64
_PART_MS = 500.0
_TELLING_TOKENS = 32

# Copying another document's cache moves megabytes: reading fewer tokens than this anew is as quick.
_WORTH_COPYING_TOKENS = 64

# A cache that makes room goes to disk where nobody asked for it this many times. Where documents take turns in too few
# places, megabytes would be written at every key.
_AGED_REQUESTS = 32


@dataclass(eq=False)
class Cache:
    """One document's KV cache: the tokens that it holds, and where the logits behind each position are kept."""

    number: int
    tokens: list[int] = field(default_factory=list)
    rows: dict[int, int] = field(default_factory=dict)
    # A decode that failed, was cancelled or interrupted may have left more in the cache than `tokens` says.
    dirty: bool = False
    # The number of the last request for it.
    request: int = 0


class Context:
    """The caches of up to `sequences` documents, of `context_tokens` each; the least recently used makes room.

    Nothing is mended where a decode fails: the next one cuts the cache to what is known to be in it.
    A cache that makes room, and was not in use lately, goes to the store `warm`, where there is one.
    """

    def __init__(
        self,
        model: Any,
        vocabulary_size: int,
        context_tokens: int,
        batch_tokens: int,
        threads: int,
        sequences: int = 1,
        warm: WarmStore | None = None,
    ) -> None:
        params = context_params(context_tokens, batch_tokens, threads, sequences)
        self._batch_tokens: int = params.n_batch
        self._warm = warm
        # llama.cpp copies a cache at the next decode only; until then what is in memory is not what it should be.
        self._copying = False
        self._requests = 0
        self._token_ms = 0.0  # for reading a token of a prompt; not known yet
        self._cancel: Callable[[], bool] = never
        self._interrupt: BaseException | None = None
        # Kept as attributes: llama.cpp holds a bare pointer, and calling a collected callback is a segfault.
        self._abort_callback = llama.ggml_abort_callback(self._should_abort)
        self._no_callback = self._callback = llama.ggml_abort_callback()
        log.clear()
        self._context: Any = llama.llama_init_from_model(model, params)
        if not self._context:
            raise ModelError(f"llama.cpp cannot set up {sequences} contexts of {context_tokens} tokens ({log.error()})")
        self._memory: Any = llama.llama_get_memory(self._context)
        self._batch: Any = llama.llama_batch_init(self._batch_tokens, 0, 1)
        for i in range(self._batch_tokens):
            self._batch.n_seq_id[i] = 1
        self._free_numbers = list(range(sequences))
        self._caches: OrderedDict[str, Cache] = OrderedDict()
        count = max(2, min(_MOST_ROWS, _ROWS_BYTES // (4 * vocabulary_size)))
        self._rows: npt.NDArray[np.float32] = np.empty((count, vocabulary_size), np.float32)
        self._rows_address, self._row_bytes = self._rows.ctypes.data, self._rows.strides[0]
        self._row_owners: list[tuple[Cache, int] | None] = [None] * count
        self._next_row = 0

    def free(self) -> None:
        """Give the memory back; the context cannot be used any more."""
        llama.llama_batch_free(self._batch)
        llama.llama_free(self._context)

    def forget(self) -> None:
        """Empty all caches, so that nothing read before has a part in what is computed next."""
        llama.llama_memory_clear(self._memory, False)
        for cache in self._caches.values():
            cache.tokens.clear()
            cache.rows.clear()
            cache.dirty = False

    def cache(self, key: str) -> Cache:
        """Return the cache of the document `key`, empty if that is new."""
        if key not in self._caches:
            if not self._free_numbers:
                oldest = next(iter(self._caches))
                if self._requests - self._caches[oldest].request >= _AGED_REQUESTS:
                    self._put_away(self._caches[oldest])
                self._free_numbers.append(self._caches.pop(oldest).number)
            self._caches[key] = Cache(self._free_numbers.pop(0), dirty=True)
        self._caches.move_to_end(key)
        self._requests += 1
        self._caches[key].request = self._requests
        return self._caches[key]

    def put_away(self) -> None:
        """Have all caches in the store, where there is one, and go on with them."""
        for cache in self._caches.values():
            self._put_away(cache)

    def restore(self, cache: Cache, like: str, tokens: Sequence[int]) -> None:
        """Fill `cache` from the store, where that has more of the start of `tokens` than it, and than `like` has."""
        if self._warm and not self._copying:
            caches = (cache, self._caches.get(like, cache))
            known = max(shared_start(one.tokens, tokens) for one in caches)
            self._warm.restore(tokens, known, partial(self._load, cache))

    def start_like(self, cache: Cache, like: str, tokens: Sequence[int]) -> None:
        """Fill `cache` from that of the document `like`, where that holds much more of the beginning of `tokens`."""
        other = self._caches.get(like)
        if other is None or other is cache:
            return
        shared = shared_start(other.tokens, tokens)
        if shared < shared_start(cache.tokens, tokens) + _WORTH_COPYING_TOKENS:
            return
        self._cut(other, len(other.tokens))
        self._cut(cache, 0)
        self._copying = True
        llama.llama_memory_seq_cp(self._memory, other.number, cache.number, -1, -1)
        cache.tokens = other.tokens.copy()
        self._cut(cache, shared)

    def hold(self, cache: Cache, tokens: Sequence[int], cancel: Callable[[], bool]) -> int:
        """Make `tokens` (one or more) the beginning of what `cache` holds; return how many had to be evaluated.

        The logits behind the last of them are known then. What the cache held behind them stays, if they were in it.
        """
        shared = shared_start(cache.tokens, tokens)
        if shared == len(tokens) and shared - 1 in cache.rows:
            return 0
        self._cut(cache, min(shared, len(tokens) - 1))
        known = len(cache.tokens)
        self._read(cache, tokens[known:], 1, cancel)
        return len(tokens) - known

    def go_on(
        self, cache: Cache, position: int, token: int, guesses: Callable[[], Sequence[int]], cancel: Callable[[], bool]
    ) -> int:
        """Put `token` at `position`, which is the end of what the answer has; return how many guesses were read.

        Nothing is evaluated where the cache holds it there already, with its logits. Otherwise `guesses`, the tokens
        that may follow, are read in the same batch, and their logits are known too.
        """
        if position < len(cache.tokens) and cache.tokens[position] == token and position in cache.rows:
            return 0
        self._cut(cache, position)
        if len(cache.tokens) < position:
            raise ModelError("the model cannot take back a token that it has read: use one with full attention")
        guessed = list(guesses())[: self._batch_tokens - 1]
        self._read(cache, [token, *guessed], 1 + len(guessed), cancel)
        return len(guessed)

    def reading_ms(self, cache: Cache, tokens: Sequence[int]) -> float:
        """Return how long reading what `cache` lacks of `tokens` will take, by what reading took up to now."""
        return self._token_ms * (len(tokens) - shared_start(cache.tokens, tokens))

    def logits(self, cache: Cache, position: int) -> Row:
        """Return the logits behind `position`, where they are known."""
        row: Row = self._rows[cache.rows[position]]
        return row

    def _cut(self, cache: Cache, length: int) -> None:
        """Leave the first `length` tokens in the cache; none where it cannot go back part of the way."""
        if length >= len(cache.tokens) and not cache.dirty:
            return
        if not llama.llama_memory_seq_rm(self._memory, cache.number, length, -1):
            # Recurrent and sliding-window models.
            llama.llama_memory_seq_rm(self._memory, cache.number, -1, -1)
            length = 0
        del cache.tokens[length:]
        for position in [position for position in cache.rows if position >= length]:
            del cache.rows[position]
        cache.dirty = False

    def _put_away(self, cache: Cache) -> None:
        if self._warm and not self._copying:
            self._warm.keep(cache.tokens, partial(self._save, cache))

    def _save(self, cache: Cache, path: Path) -> int:
        """Write the cache to `path`; return the size of the file in bytes, 0 where it could not be written."""
        self._cut(cache, len(cache.tokens))
        if not self._reaches_back(cache, len(cache.tokens)):
            return 0
        tokens = (llama.llama_token * len(cache.tokens))(*cache.tokens)
        size: int = llama.llama_state_seq_save_file(self._context, os.fsencode(path), cache.number, tokens, len(tokens))
        return size

    def _load(self, cache: Cache, path: Path, tokens: Sequence[int]) -> bool:
        """Make `cache` the one that was written to `path` with `tokens`; where that fails, it is empty."""
        cache.tokens.clear()
        cache.rows.clear()
        cache.dirty = True
        found, count = (llama.llama_token * len(tokens))(), ctypes.c_size_t()
        size = llama.llama_state_seq_load_file(
            self._context, os.fsencode(path), cache.number, found, len(found), ctypes.byref(count)
        )
        read = found[: count.value] if size else []
        if read != list(tokens) or not self._reaches_back(cache, len(read)):
            return False
        cache.tokens = read
        cache.dirty = False
        return True

    def _reaches_back(self, cache: Cache, length: int) -> bool:
        """Tell whether llama.cpp has all of `length` tokens; recurrent and sliding-window models have the last ones."""
        first = llama.llama_memory_seq_pos_min(self._memory, cache.number)
        last = llama.llama_memory_seq_pos_max(self._memory, cache.number)
        return bool((first, last) == (0, length - 1))

    def _read(self, cache: Cache, tokens: Sequence[int], wanted: int, cancel: Callable[[], bool]) -> None:
        """Evaluate `tokens` behind all others, and keep the logits behind the last `wanted` of them."""
        slow = self._token_ms * self._batch_tokens > _PART_MS
        size = min(_PART_TOKENS, self._batch_tokens) if slow else self._batch_tokens
        for i in range(0, len(tokens), size):
            if cancel():
                raise Cancelled("a newer request has stopped this one")
            part = tokens[i : i + size]
            left = len(tokens) - i - len(part)
            began = time.perf_counter()
            self._evaluate(cache, part, max(0, wanted - left), cancel)
            if len(part) >= _TELLING_TOKENS and wanted == 1:  # not a draft's, with logits for each token
                self._token_ms = (time.perf_counter() - began) * 1000 / len(part)

    def _evaluate(self, cache: Cache, tokens: Sequence[int], wanted: int, cancel: Callable[[], bool]) -> None:
        batch, count, position = self._batch, len(tokens), len(cache.tokens)
        first_wanted = count - wanted
        batch.n_tokens = count
        for i, token in enumerate(tokens):
            batch.token[i], batch.pos[i], batch.logits[i] = token, position + i, i >= first_wanted
            batch.seq_id[i][0] = cache.number
        log.clear()
        self._cancel, self._interrupt = cancel, None
        # A single token is over soon, and its computation is not slowed down by hundreds of calls into Python.
        callback = self._abort_callback if count > 1 else self._no_callback
        if callback is not self._callback:
            llama.llama_set_abort_callback(self._context, callback, ctypes.c_void_p())
            self._callback = callback
        cache.dirty = True
        status = llama.llama_decode(self._context, batch)
        if self._interrupt is not None:
            raise self._interrupt
        if status == _ABORTED:
            raise Cancelled("a newer request has stopped this one")
        if status:
            raise ModelError(f"llama.cpp cannot evaluate {count} tokens (status {status}, {log.error()})")
        self._copying = False
        cache.tokens += tokens
        cache.dirty = False
        for i in range(first_wanted, count):
            self._keep(cache, position + i, i)

    def _keep(self, cache: Cache, position: int, index: int) -> None:
        """Keep the logits of the batch's token `index`, which stands at `position`, in the place of the oldest ones."""
        slot, self._next_row = self._next_row, (self._next_row + 1) % len(self._rows)
        owner = self._row_owners[slot]
        if owner and owner[0].rows.get(owner[1]) == slot:
            del owner[0].rows[owner[1]]
        pointer = llama.llama_get_logits_ith(self._context, index)
        ctypes.memmove(self._rows_address + slot * self._row_bytes, pointer, self._row_bytes)
        self._row_owners[slot] = (cache, position)
        cache.rows[position] = slot

    def _should_abort(self, _: object) -> bool:
        # Called for each node of the graph. An exception, such as that of Ctrl-C, would be printed and lost by ctypes.
        try:
            return self._cancel()
        except BaseException as error:
            self._interrupt = error
            return True


def layout(context_tokens: int, sequences: int) -> str:
    """Return what decides, besides the model, how llama.cpp writes a cache and what is in it."""
    params = context_params(context_tokens, 1, 1, sequences)
    names = ("n_ctx", "n_seq_max", "kv_unified", "flash_attn_type", "type_k", "type_v", "swa_full")
    facts = " ".join(f"{name}={getattr(params, name)}" for name in names)
    return f"llama-cpp-python {llama_cpp.__version__} gpu={llama.llama_supports_gpu_offload()} {facts}"


def context_params(context_tokens: int, batch_tokens: int, threads: int, sequences: int = 1) -> Any:
    """Return llama.cpp's parameters of a context of ours; what is measured beside it has to take the same."""
    params = llama.llama_context_default_params()
    params.n_ctx = context_tokens * sequences
    params.n_seq_max = sequences
    # A cache for each sequence: in a common one each token would be compared with those of all documents.
    params.kv_unified = False
    params.n_batch = params.n_ubatch = min(batch_tokens, context_tokens)
    params.n_threads = params.n_threads_batch = threads
    if not llama.llama_supports_gpu_offload():
        # On a processor flash attention reads a prompt 5 % faster and decodes 40 % slower (a 40-million-parameter
        # model after 600 tokens: 9.3 against 6.7 ms a token).
        params.flash_attn_type = llama.LLAMA_FLASH_ATTN_TYPE_DISABLED
    return params
