"""A GGUF through llama.cpp's C interface: its tokens, its logits, what a batch of it costs.

For judging files, so nothing is taken for granted: no cache is reused, every logit is read, and the weights stay as
they are in the file (`use_extra_bufts` would rearrange them).
"""

from __future__ import annotations

import ctypes
import os
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import llama_cpp
import numpy as np
import numpy.typing as npt
from gguf import GGUFReader, LlamaFileType

from convert.quantize import quiet
from tabtab_local.errors import ModelError

Logits = npt.NDArray[np.float32]


class Native:
    """An opened GGUF; `with open_native(path) as native`.

    `rows` is how many tokens it has, `begin` the tokens that begin every text.
    """

    def __init__(self, path: Path, *, context_tokens: int, threads: int) -> None:
        settings = llama_cpp.llama_model_default_params()
        settings.use_extra_bufts = False
        settings.n_gpu_layers = 0
        self._model = llama_cpp.llama_model_load_from_file(os.fsencode(path), settings)
        if not self._model:
            raise ModelError(f"{path} cannot be loaded by llama.cpp: is it a GGUF, and whole?")
        self._vocab = llama_cpp.llama_model_get_vocab(self._model)
        self.rows: int = llama_cpp.llama_vocab_n_tokens(self._vocab)
        adds_bos = llama_cpp.llama_vocab_get_add_bos(self._vocab)
        self.begin: list[int] = [llama_cpp.llama_vocab_bos(self._vocab)] if adds_bos else []
        shape = llama_cpp.llama_context_default_params()
        shape.n_ctx = shape.n_batch = shape.n_ubatch = context_tokens
        shape.n_threads = shape.n_threads_batch = threads
        shape.no_perf = True
        self._context = llama_cpp.llama_init_from_model(self._model, shape)
        self._batch = llama_cpp.llama_batch_init(context_tokens, 0, 1)
        self._most = context_tokens

    def close(self) -> None:
        """Give back the model's memory."""
        llama_cpp.llama_batch_free(self._batch)
        llama_cpp.llama_free(self._context)
        llama_cpp.llama_model_free(self._model)

    def tokens(self, text: str, *, special: bool = False) -> list[int]:
        """Return the tokens of `text`; names of special tokens in it are plain text, unless `special`. Without BOS."""
        data = text.encode()
        room = (llama_cpp.llama_token * (len(data) + 1))()
        count = llama_cpp.llama_tokenize(self._vocab, data, len(data), room, len(room), False, special)
        return list(room[:count])

    def text(self, tokens: Sequence[int]) -> str:
        """Return the text of `tokens`; half a character at an end of it is replaced."""
        data = b""
        room = ctypes.create_string_buffer(256)
        for token in tokens:
            size = llama_cpp.llama_token_to_piece(self._vocab, token, room, len(room), 0, True)
            data += room.raw[:size]
        return data.decode(errors="replace")

    def logits(self, tokens: Sequence[int], start: int) -> Logits:
        """Return the logits `(len(tokens) - start, rows)` for the tokens from `start` on, which is 1 or more.

        They are read as one batch from an empty cache.
        """
        self._forget(0)
        self._read(tokens, start=0, outputs=range(start - 1, len(tokens) - 1))
        found = [llama_cpp.llama_get_logits_ith(self._context, index) for index in range(start - 1, len(tokens) - 1)]
        return np.stack([np.ctypeslib.as_array(row, (self.rows,)).copy() for row in found])

    def greedy(self, tokens: Sequence[int], most: int, end: int) -> list[int]:
        """Return up to `most` tokens that follow `tokens`, the likeliest each time, up to and including `end`."""
        self._forget(0)
        said: list[int] = []
        following = list(tokens)
        at = 0
        while len(said) < most and (not said or said[-1] != end):
            self._read(following, start=at, outputs=range(len(following) - 1, len(following)))
            at += len(following)
            row = llama_cpp.llama_get_logits_ith(self._context, len(following) - 1)
            said.append(int(np.argmax(np.ctypeslib.as_array(row, (self.rows,)))))
            following = said[-1:]
        return said

    def batch_ms(self, tokens: Sequence[int], *, behind: int) -> float:
        """Return what a batch of `tokens` takes, all with logits, behind the first `behind` tokens of the cache."""
        self._forget(behind)
        started = time.perf_counter()
        self._read(tokens, start=behind, outputs=range(len(tokens)))
        return (time.perf_counter() - started) * 1000

    def _forget(self, behind: int) -> None:
        memory = llama_cpp.llama_get_memory(self._context)
        llama_cpp.llama_memory_seq_rm(memory, 0, behind, -1)

    def _read(self, tokens: Sequence[int], *, start: int, outputs: range) -> None:
        if start + len(tokens) > self._most:
            raise ValueError(f"{start + len(tokens)} tokens do not fit into a context of {self._most}")
        self._batch.n_tokens = len(tokens)
        for index, token in enumerate(tokens):
            self._batch.token[index], self._batch.pos[index] = token, start + index
            self._batch.logits[index] = index in outputs
            self._batch.n_seq_id[index], self._batch.seq_id[index][0] = 1, 0
        if (status := llama_cpp.llama_decode(self._context, self._batch)) != 0:
            raise ModelError(f"llama.cpp cannot evaluate {len(tokens)} tokens: status {status}")
        llama_cpp.llama_synchronize(self._context)


@contextmanager
def open_native(path: Path, *, context_tokens: int, threads: int | None = None) -> Iterator[Native]:
    """Open the GGUF at `path`. Raises `ModelError` for a file that llama.cpp does not load."""
    with quiet():
        native = Native(path, context_tokens=context_tokens, threads=threads or os.cpu_count() or 1)
        try:
            yield native
        finally:
            native.close()


def file_type(path: Path) -> LlamaFileType:
    """Return how the matrices of the GGUF at `path` are kept. Raises `ModelError` for a file that does not say it."""
    try:
        field = GGUFReader(path).get_field("general.file_type")
        return LlamaFileType(None if field is None else field.contents())
    except (ValueError, OSError, IndexError) as error:
        raise ModelError(f"{path} is no GGUF that says how it is quantised: {error}") from None


def error(reference: Logits, other: Logits) -> float:
    """Return how far two arrays of logits lie apart, as a share of how far the logits of one token do.

    What is added to all logits of a token changes nothing, and does not count.
    """
    difference = other - reference
    spread = reference.std(-1).mean()
    return float((difference - difference.mean(-1, keepdims=True)).std(-1).mean() / spread)


def divergence(reference: Logits, other: Logits) -> npt.NDArray[np.float64]:
    """Return KL(reference || other) in nats, `(T,)`, of the distributions of two arrays of logits `(T, rows)`."""
    found = []
    for first, second in zip(reference, other, strict=True):  # a row at a time: in float64 all of them are large
        expected = _log_softmax(first)
        found.append(float((np.exp(expected) * (expected - _log_softmax(second))).sum()))
    return np.array(found)


def _log_softmax(row: Logits) -> npt.NDArray[np.float64]:
    shifted = row.astype(np.float64) - row.max()
    normal: npt.NDArray[np.float64] = shifted - np.log(np.exp(shifted).sum())
    return normal
