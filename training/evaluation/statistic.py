"""Intervals and comparisons, so that a difference is called one only when it is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import stats

_RESAMPLES = 10_000
_SEED = 0


@dataclass(frozen=True)
class Share:
    """A proportion with its 95 % interval; all three are NaN where nothing was counted."""

    value: float
    low: float
    high: float
    count: int

    def __str__(self) -> str:
        """Per cent, as tables show it."""
        return f"{100 * self.value:.1f} ({100 * self.low:.1f}-{100 * self.high:.1f})" if self.count else "–"


@dataclass(frozen=True)
class Difference:
    """The mean of paired differences `b - a`, its 95 % interval, and the p-value of McNemar's exact test.

    `only_a` and `only_b` are the pairs that only one side has right.
    """

    value: float
    low: float
    high: float
    p_value: float
    only_a: int
    only_b: int
    count: int

    @property
    def significant(self) -> bool:
        """Whether the interval of the difference lies on one side of zero."""
        return self.low > 0 or self.high < 0

    def __str__(self) -> str:
        """In points of per cent, with the verdict."""
        verdict = "a difference" if self.significant else "no difference that can be told from chance"
        return (
            f"{100 * self.value:+.1f} points ({100 * self.low:+.1f} to {100 * self.high:+.1f}), "
            f"McNemar p = {self.p_value:.3g}, {self.count} pairs: {verdict}"
        )


def wilson(hits: Sequence[bool]) -> Share:
    """Return a share of independent trials with its Wilson score interval (Wilson 1927)."""
    if not hits:
        return Share(float("nan"), float("nan"), float("nan"), 0)
    interval = stats.binomtest(sum(hits), len(hits)).proportion_ci(method="wilson")
    return Share(sum(hits) / len(hits), float(interval.low), float(interval.high), len(hits))


def clustered(hits: Sequence[bool], clusters: Sequence[str]) -> Share:
    """Return a share of trials that come in clusters, as several pieces of one problem.

    The interval is a percentile bootstrap over clusters; where every cluster has one trial, it is Wilson's.
    """
    if len(set(clusters)) == len(hits):
        return wilson(hits)
    low, high = _bootstrap([float(hit) for hit in hits], clusters)
    return Share(sum(hits) / len(hits), low, high, len(hits))


def paired(a: Sequence[bool], b: Sequence[bool], clusters: Sequence[str]) -> Difference:
    """Compare two models on the same tasks: `a[i]` and `b[i]` say whether each has task `i` right.

    The interval is a percentile bootstrap of the difference over clusters (Efron and Tibshirani 1993), the p-value that
    of McNemar's exact test (McNemar 1947), which takes the tasks as independent. Raises `ValueError` without tasks.
    """
    if not a:
        raise ValueError("no tasks in common")
    low, high = _bootstrap([float(y) - float(x) for x, y in zip(a, b, strict=True)], clusters)
    only_a = sum(x and not y for x, y in zip(a, b, strict=True))
    only_b = sum(y and not x for x, y in zip(a, b, strict=True))
    p_value = stats.binomtest(only_a, only_a + only_b).pvalue if only_a + only_b else 1.0
    return Difference((only_b - only_a) / len(a), low, high, float(p_value), only_a, only_b, len(a))


def _bootstrap(values: Sequence[float], clusters: Sequence[str]) -> tuple[float, float]:
    """Return the 95 % percentile interval of the mean, drawing whole clusters with replacement from a fixed seed."""
    names = {name: index for index, name in enumerate(dict.fromkeys(clusters))}
    sums, counts = np.zeros(len(names)), np.zeros(len(names))
    for value, cluster in zip(values, clusters, strict=True):
        sums[names[cluster]] += value
        counts[names[cluster]] += 1
    drawn = np.random.default_rng(_SEED).integers(len(names), size=(_RESAMPLES, len(names)))
    means = sums[drawn].sum(axis=1) / counts[drawn].sum(axis=1)
    low, high = np.quantile(means, [0.025, 0.975])
    return float(low), float(high)
