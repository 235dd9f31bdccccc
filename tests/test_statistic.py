"""Intervals and paired comparisons."""

from __future__ import annotations

import random

import pytest

from training.evaluation.statistic import clustered, paired, wilson


@pytest.mark.parametrize(
    ("successes", "total", "low", "high"),
    # By hand from Wilson (1927) with z = 1.96.
    [(0, 10, 0.0, 0.2775), (5, 10, 0.2366, 0.7634), (10, 10, 0.7225, 1.0), (47, 500, 0.0714, 0.1228)],
)
def test_the_interval_of_a_share_is_wilsons(successes, total, low, high):
    share = wilson([True] * successes + [False] * (total - successes))
    assert (share.low, share.high) == pytest.approx((low, high), abs=2e-4)
    assert share.value == successes / total


def test_nothing_counted_is_shown_as_a_dash():
    assert str(wilson([])) == "–"
    assert str(wilson([True, False])) == "50.0 (9.5-90.5)"


def test_pieces_of_one_problem_widen_the_interval():
    rng = random.Random(0)
    solved = [rng.random() < 0.5 for _ in range(100)]
    hits = [hit for hit in solved for _ in range(4)]
    clusters = [str(index) for index in range(100) for _ in range(4)]
    apart, together = wilson(hits), clustered(hits, clusters)
    assert together.value == apart.value
    assert together.high - together.low == pytest.approx(2 * (apart.high - apart.low), rel=0.1)


def test_a_difference_is_called_one_only_when_it_is():
    rng = random.Random(1)
    a = [rng.random() < 0.4 for _ in range(300)]
    better = [hit or rng.random() < 0.2 for hit in a]
    other = [hit if rng.random() < 0.9 else not hit for hit in a]
    names = [str(index) for index in range(300)]
    assert paired(a, better, names).significant
    assert "a difference" in str(paired(a, better, names))
    assert not paired(a, a, names).significant
    assert paired(a, a, names).p_value == 1
    assert not paired(a, other, names).significant
    assert "no difference" in str(paired(a, other, names))


def test_mcnemars_p_value_is_that_of_the_exact_test():
    # 1 against 7 discordant pairs: 2 * (C(8,0) + C(8,1)) / 2**8.
    a, b = [True] + [False] * 7 + [True] * 20, [False] + [True] * 7 + [True] * 20
    difference = paired(a, b, [str(index) for index in range(28)])
    assert (difference.only_a, difference.only_b) == (1, 7)
    assert difference.p_value == pytest.approx(18 / 256)
    assert difference.value == pytest.approx(6 / 28)


def test_models_without_a_task_in_common_are_not_compared():
    with pytest.raises(ValueError, match="no tasks"):
        paired([], [], [])
