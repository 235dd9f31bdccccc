"""Which threads and which model suit a machine, given what batches cost on it: the rules, without any I/O."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tabtab_local.draft import DEFAULT_COSTS
from tabtab_local.machine import ThreadPolicy
from tabtab_local.registry import Model, Quant
from tabtab_local.tuning import Curve, Tuned, Tuning

# A thread more has to save three in a hundred: less is within what measurements differ by, and costs current.
_WORTH_A_THREAD = 0.03

# Bits that a weight takes in a file, scales included; K-quants keep some matrices finer.
_BITS: dict[Quant, float] = {"Q8_0": 8.5, "Q6_K": 6.6, "Q5_K_M": 5.7, "Q4_K_M": 4.9, "Q4_0": 4.6, "F16": 16.0}

# Below this a model's time is that of its layers' bookkeeping and of caches: it says nothing about a large one's.
_TELLING_BYTES = 100e6
# The share of the memory's speed that decoding one token reached where it was measured (0.5 to 0.8, two Xeon cores).
_REACHED = 0.6


@dataclass(frozen=True)
class Choice:
    """The model to use, and whether its full suggestion is there within the target; no model where none can be used."""

    model: Tuned | None
    in_time: bool


@dataclass(frozen=True)
class Estimate:
    """What a model that is not on the machine would probably cost, from the bytes that it would read."""

    name: str
    quant: str
    size_bytes: float
    curve: Curve


@dataclass(frozen=True)
class Report:
    """What was measured, what follows from it, and what could not be measured, with the reason.

    `busy` is the share of the processor that other programs used.
    """

    tuning: Tuning
    choice: Choice
    policy: ThreadPolicy
    estimates: tuple[Estimate, ...]
    skipped: tuple[tuple[Path, str], ...]
    busy: float


def thread_counts(most: int) -> tuple[int, ...]:
    """Return the numbers of threads worth measuring: all up to 4, then half as many again each time, and `most`.

    >>> thread_counts(10)
    (1, 2, 3, 4, 6, 9, 10)
    """
    counts = list(range(1, min(most, 4) + 1))
    while counts[-1] * 3 // 2 < most and most > 4:
        counts.append(counts[-1] * 3 // 2)
    return tuple(sorted({*counts, most}))


def best_threads(curves: Sequence[Curve]) -> int:
    """Return the number of threads with the quickest full suggestion; of those nearly as quick, the lowest."""
    quickest_ms = min(curve.suggestion_ms for curve in curves)
    return min(curve.threads for curve in curves if curve.suggestion_ms * (1 - _WORTH_A_THREAD) <= quickest_ms)


def choose(models: Sequence[Tuned], target_ms: float) -> Choice:
    """Return the largest model whose full suggestion is there within `target_ms`, else the smallest of all.

    Of several files of one model the largest has the finest quantisation. Models of random weights do not count.
    """
    usable = [model for model in models if not model.random_weights]
    in_time = [model for model in usable if model.curve.suggestion_ms <= target_ms]
    if in_time:
        best = max(in_time, key=lambda model: (model.parameters, model.size_bytes, -model.curve.suggestion_ms))
        return Choice(best, in_time=True)
    smallest = min(
        usable, key=lambda model: (model.parameters, model.size_bytes, model.curve.suggestion_ms), default=None
    )
    return Choice(smallest, in_time=False)


def telling(models: Sequence[Tuned]) -> Tuned | None:
    """Return the measured model that tells most about large ones; nothing where all are small."""
    largest = max(models, key=lambda model: model.size_bytes, default=None)
    return largest if largest and largest.size_bytes >= _TELLING_BYTES else None


def estimate_like(model: Model, measured: Tuned) -> Estimate:
    """Return what `model` would cost if each of its bytes costs what one of `measured` does."""
    return _estimate(model, measured.curve, measured.size_bytes)


def estimate_from_bandwidth(model: Model, bytes_per_ms: float, threads: int) -> Estimate:
    """Return what `model` would cost where memory is read at that rate: one token reads all of it."""
    # The curve of a model of 1 byte: what larger batches cost in proportion is taken from the usual shape.
    shape = tuple((tokens, cost / DEFAULT_COSTS[0][1] / (bytes_per_ms * _REACHED)) for tokens, cost in DEFAULT_COSTS)
    return _estimate(model, Curve(threads, 0, shape), 1)


def _estimate(model: Model, curve: Curve, size_bytes: float) -> Estimate:
    wanted_bytes = model.parameters * _BITS[model.quant] / 8
    costs = tuple((tokens, ms * wanted_bytes / size_bytes) for tokens, ms in curve.costs)
    return Estimate(model.name, model.quant, wanted_bytes, Curve(curve.threads, curve.depth_tokens, costs))
