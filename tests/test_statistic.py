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


def test_a_few_pairs_that_all_point_one_way_are_no_difference():
    a, b = [False] * 6, [True] * 3 + [False] * 3
    difference = paired(a, b, [str(index) for index in range(6)])
    assert difference.low > 0
    assert difference.p_value == pytest.approx(0.25)
    assert not difference.significant


def test_pieces_of_one_problem_are_swapped_together():
    # Three problems of four pieces: all twelve pairs point one way, but only three of them on their own account.
    difference = paired([False] * 12, [True] * 12, [str(index // 4) for index in range(12)])
    assert difference.p_value == pytest.approx(2 / 2**3)
    assert not difference.significant


@pytest.mark.parametrize("hit", [True, False])
def test_trials_that_all_end_alike_leave_room_for_another_end(hit):
    share = clustered([hit] * 40, [str(index // 4) for index in range(40)])
    apart = wilson([hit] * 10)
    assert (share.value, share.low, share.high) == (apart.value, apart.low, apart.high)
    assert share.count == 40


def test_clusters_that_say_no_more_than_chance_keep_wilsons_interval():
    share = clustered([True, False] * 20, [str(index // 2) for index in range(40)])
    apart = wilson([True, False] * 20)
    assert (share.low, share.high) == (apart.low, apart.high)


def test_models_without_a_task_in_common_are_not_compared():
    with pytest.raises(ValueError, match="no tasks"):
        paired([], [], [])
