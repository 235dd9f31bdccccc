"""What a batch costs: the wall time of evaluating a few tokens together, on this machine, with a real model.

A keystroke evaluates one or two tokens, decoding one at a time, and a draft is verified as one batch. What these cost
decides how many threads, which drafts and which model keep up with typing. Only llama.cpp's computing is measured:
choosing a token from the logits is not. The context has the settings of the engine's own.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import llama_cpp.llama_cpp as llama

from tabtab_local.engine.context import context_params
from tabtab_local.engine.load import file_type, load, log, metadata
from tabtab_local.engine.vocabulary import Vocabulary
from tabtab_local.errors import ModelError
from tabtab_local.prompt import MARKERS

SIZES = (1, 2, 4, 8, 16, 32, 64)
DEPTH_TOKENS = 512

# What `bench/shape.py` and whoever else makes a model of random weights writes into its file.
RANDOM_KEY = "tabtab.random_weights"

# A median needs three; a budget that is spent earlier is exceeded.
_LEAST_ROUNDS = 3
_READ_TOKENS = 128  # of the context at a time, so that Ctrl-C does not wait for all of it


@dataclass(frozen=True)
class ModelCosts:
    """A model, and the median wall time in ms of a batch, by threads and then by its tokens, all with logits.

    The batch stands behind `depth_tokens` tokens of context. A model of `random_weights` is as fast as a real one.
    """

    name: str
    file_type: str
    parameters: int
    random_weights: bool
    depth_tokens: int
    ms: Mapping[int, Mapping[int, float]]


def check(path: Path) -> None:
    """Raise `ModelError` where the file at `path` is not a model of ours."""
    model = load(path)
    try:
        _check_markers(path, model)
    finally:
        llama.llama_model_free(model)


def batch_costs(
    path: Path,
    threads: Sequence[int],
    sizes: Sequence[int] = SIZES,
    *,
    depth_tokens: int = DEPTH_TOKENS,
    repeats: int,
    budget_s: float,
    progress: Callable[[str], None] = lambda line: None,
) -> ModelCosts:
    """Measure the model at `path` with each number of `threads` and each size of a batch.

    A round measures everything once; there are `repeats` of them, or fewer where `budget_s` is spent after three. Where
    the model was trained for a short context, `depth_tokens` is what that leaves. Raises `ModelError`.
    """
    with ExitStack() as undo:
        model = load(path)
        undo.callback(llama.llama_model_free, model)
        _check_markers(path, model)
        depth_tokens = min(depth_tokens, llama.llama_model_n_ctx_train(model) - max(sizes))
        if depth_tokens < 1:
            raise ModelError(f"{path} has too short a context for a batch of {max(sizes)} tokens: choose another model")
        meter = _Meter(model, depth_tokens, max(sizes), max(threads))
        undo.callback(meter.free)
        meter.fill()
        rounds = _rounds(meter, threads, sizes, repeats, budget_s, progress)
        return ModelCosts(
            name=metadata(model, "general.name") or path.stem,
            file_type=file_type(model),
            parameters=llama.llama_model_n_params(model),
            random_weights=metadata(model, RANDOM_KEY) == "true",
            depth_tokens=depth_tokens,
            ms={
                count: {size: statistics.median(one[count, size] for one in rounds) for size in sizes}
                for count in threads
            },
        )


def _rounds(
    meter: _Meter,
    threads: Sequence[int],
    sizes: Sequence[int],
    repeats: int,
    budget_s: float,
    progress: Callable[[str], None],
) -> list[dict[tuple[int, int], float]]:
    """Return the times in ms of each round, by threads and tokens.

    What is compared takes turns, in another order each time: the machine gets faster and slower meanwhile.
    """
    began = time.perf_counter()
    rounds: list[dict[tuple[int, int], float]] = []
    while len(rounds) < repeats:
        spent_s = time.perf_counter() - began
        if len(rounds) >= _LEAST_ROUNDS and spent_s > budget_s:
            break
        if len(rounds) == 1:
            planned = max(min(repeats, int(budget_s / spent_s) + 1), min(repeats, _LEAST_ROUNDS))
            progress(f"  about {max(spent_s * planned, 1):,.0f} s")
        turn = len(rounds) % len(sizes)
        times: dict[tuple[int, int], float] = {}
        for count in threads if len(rounds) % 2 else reversed(threads):
            meter.use(count)
            for size in (*sizes[turn:], *sizes[:turn]):
                times[count, size] = meter.batch_ms(size)
        rounds.append(times)
    return rounds


class _Meter:
    """A context of llama.cpp with `depth_tokens` tokens in it, and a clock."""

    def __init__(self, model: Any, depth_tokens: int, most_tokens: int, threads: int) -> None:
        context_tokens = depth_tokens + most_tokens
        params = context_params(context_tokens, max(most_tokens, _READ_TOKENS), threads)
        log.clear()
        self._context: Any = llama.llama_init_from_model(model, params)
        if not self._context:
            raise ModelError(f"llama.cpp cannot set up a context of {context_tokens} tokens ({log.error()})")
        self._memory: Any = llama.llama_get_memory(self._context)
        self._batch: Any = llama.llama_batch_init(params.n_batch, 0, 1)
        self._depth_tokens = depth_tokens
        self._vocabulary_size: int = llama.llama_vocab_n_tokens(llama.llama_model_get_vocab(model))

    def free(self) -> None:
        llama.llama_batch_free(self._batch)
        llama.llama_free(self._context)

    def fill(self) -> None:
        """Read the context; this warms up the weights too."""
        for start in range(0, self._depth_tokens, _READ_TOKENS):
            self._decode(start, min(_READ_TOKENS, self._depth_tokens - start), logits=False)

    def use(self, threads: int) -> None:
        """Compute with that many threads from now on."""
        llama.llama_set_n_threads(self._context, threads, threads)
        self.batch_ms(1)  # the first one after a change starts threads or waits for them to end

    def batch_ms(self, tokens: int) -> float:
        """Evaluate a batch behind the context, and leave the cache as it was."""
        began = time.perf_counter()
        self._decode(self._depth_tokens, tokens, logits=True)
        spent_ms = (time.perf_counter() - began) * 1000
        if not llama.llama_memory_seq_rm(self._memory, 0, self._depth_tokens, -1):
            raise ModelError("the model cannot go back to an earlier place of its cache: choose another model")
        return spent_ms

    def _decode(self, position: int, tokens: int, *, logits: bool) -> None:
        batch = self._batch
        batch.n_tokens = tokens
        for i in range(tokens):
            # Which tokens they are changes nothing but the rows of the embedding that are read.
            batch.token[i] = (position + i) * 97 % self._vocabulary_size
            batch.pos[i], batch.n_seq_id[i], batch.seq_id[i][0] = position + i, 1, 0
            batch.logits[i] = logits or i == tokens - 1
        log.clear()
        if status := llama.llama_decode(self._context, batch):
            raise ModelError(f"llama.cpp cannot evaluate {tokens} tokens (status {status}, {log.error()})")
        llama.llama_synchronize(self._context)


def _check_markers(path: Path, model: Any) -> None:
    vocabulary = Vocabulary(model)
    try:
        for text in MARKERS:
            vocabulary.marker(text)
    except ModelError as error:
        raise ModelError(f"{path}: {error}") from None
