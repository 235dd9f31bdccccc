"""Intervals and comparisons, so that a difference is called one only when it is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np

_RESAMPLES = 10_000
_SEED = 0
_LEVEL = 0.05
_Z = NormalDist().inv_cdf(1 - _LEVEL / 2)


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
    """The mean of paired differences `b - a`, its 95 % interval, and the p-value of `paired`'s test.

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
        """Whether the test rejects chance at 5 % and the interval lies on one side of zero.

        The interval alone will not do: of few pairs it is too narrow.
        """
        return self.p_value < _LEVEL and (self.low > 0 or self.high < 0)

    def __str__(self) -> str:
        """In points of per cent, with the verdict."""
        verdict = "a difference" if self.significant else "no difference that can be told from chance"
        return (
            f"{100 * self.value:+.1f} points ({100 * self.low:+.1f} to {100 * self.high:+.1f}), "
            f"exact p = {self.p_value:.3g}, {self.count} pairs: {verdict}"
        )


def wilson(hits: Sequence[bool]) -> Share:
    """Return a share of independent trials with its Wilson score interval (Wilson 1927)."""
    return _wilson(hits, len(hits))


def clustered(hits: Sequence[bool], clusters: Sequence[str]) -> Share:
    """Return a share of trials that come in clusters, as several pieces of one problem.

    The interval is Wilson's for the number of independent trials that tell as much (Kish 1965: the number of trials by
    the design effect), never more than there are. Where all trials end alike, nothing tells how alike the trials of a
    cluster are, and each cluster counts as one. Where every cluster has one trial, it is Wilson's own.
    """
    indices, count = _indices(clusters), len(set(clusters))
    if count == len(hits):
        return wilson(hits)
    share = sum(hits) / len(hits)
    if share in (0, 1) or count == 1:
        return _wilson(hits, count)
    residuals = np.bincount(indices, weights=np.asarray(hits, dtype=float) - share)
    variance = float((residuals**2).sum()) * count / (count - 1) / len(hits) ** 2
    independent = share * (1 - share) / len(hits)
    return _wilson(hits, len(hits) * min(1.0, independent / variance) if variance else len(hits))


def paired(a: Sequence[bool], b: Sequence[bool], clusters: Sequence[str]) -> Difference:
    """Compare two models on the same tasks: `a[i]` and `b[i]` say whether each has task `i` right.

    The interval is a percentile bootstrap of the difference over clusters (Efron and Tibshirani 1993). The p-value is
    of the exact test that swaps the two models in whole clusters; where every cluster has one task, that is McNemar's
    exact test (McNemar 1947). Raises `ValueError` without tasks.
    """
    if not a:
        raise ValueError("no tasks in common")
    differences = [int(y) - int(x) for x, y in zip(a, b, strict=True)]
    indices = _indices(clusters)
    low, high = _bootstrap(differences, indices)
    return Difference(
        value=sum(differences) / len(a),
        low=low,
        high=high,
        p_value=_swapped([round(one) for one in np.bincount(indices, weights=differences)]),
        only_a=differences.count(-1),
        only_b=differences.count(1),
        count=len(a),
    )


def _wilson(hits: Sequence[bool], trials: float) -> Share:
    """Return the share of hits with Wilson's interval for so many trials, of which the same share are hits."""
    if not hits:
        return Share(float("nan"), float("nan"), float("nan"), 0)
    share, part = sum(hits) / len(hits), _Z**2 / trials
    middle = (share + part / 2) / (1 + part)
    half = (part * (share * (1 - share) + part / 4)) ** 0.5 / (1 + part)
    # At the ends of the scale the bounds are exact but for rounding.
    return Share(share, 0.0 if share == 0 else middle - half, 1.0 if share == 1 else middle + half, len(hits))


def _swapped(sums: Sequence[int]) -> float:
    """Return how likely a total as far from zero as that of `sums` is, if each of them has either sign as likely."""
    chances, reach = np.ones(1), 0
    for step in (abs(one) for one in sums if one):
        grown = np.zeros(len(chances) + 2 * step)
        grown[: len(chances)] += chances / 2
        grown[2 * step :] += chances / 2
        chances, reach = grown, reach + step
    totals = np.arange(-reach, reach + 1)
    return min(1.0, float(chances[np.abs(totals) >= abs(sum(sums))].sum()))


def _bootstrap(values: Sequence[int], indices: Sequence[int]) -> tuple[float, float]:
    """Return the 95 % percentile interval of the mean, drawing whole clusters with replacement from a fixed seed."""
    sums, counts = np.bincount(indices, weights=values), np.bincount(indices)
    drawn = np.random.default_rng(_SEED).integers(len(counts), size=(_RESAMPLES, len(counts)))
    means = sums[drawn].sum(axis=1) / counts[drawn].sum(axis=1)
    low, high = np.quantile(means, [_LEVEL / 2, 1 - _LEVEL / 2])
    return float(low), float(high)


def _indices(clusters: Sequence[str]) -> list[int]:
    """Return the number of each trial's cluster, counted in the order in which they come."""
    numbers = {name: index for index, name in enumerate(dict.fromkeys(clusters))}
    return [numbers[name] for name in clusters]
