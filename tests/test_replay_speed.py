"""How fast people type: the drawn times have the mean and the spread that were asked for, and a seed fixes them."""

from __future__ import annotations

import math
import statistics

import pytest

from tabtab_local.errors import UsageError
from tabtab_local.replay.load import parse
from tabtab_local.replay.speed import AVERAGE, FAST, HOMING_MS, POINTING_MS, REACTION_MS, VARIATION, intervals, speed_of
from tabtab_local.replay.trace import Step, steps

LENGTH = 20_000


def steps_of(events: str, final: str) -> list[Step]:
    head = "title = 'A'\nsource = 'written by hand'\nkind = 'python'\n"
    return list(steps(parse(f"{head}text = 'x'\nfinal = '{final}'\nevents = [{events}]\n", "a")))


@pytest.fixture(scope="module")
def typing() -> list[Step]:
    """The steps of plain typing, one of them again and again: nothing but the time between keys."""
    first, key = steps_of("{jump = [1]}, {type = 'y'}", "xy")
    return [first, *[Step("type", key.key, key.document, 0, False, "", 2)] * LENGTH]


def test_the_figures_are_those_of_the_study():
    assert (AVERAGE.mean_ms, FAST.mean_ms) == (238.66, 120.0)
    assert round(AVERAGE.mean_ms * VARIATION, 2) == 111.60


@pytest.mark.parametrize("speed", [AVERAGE, FAST, speed_of(60), speed_of(400.5)], ids=lambda speed: speed.name)
def test_times_have_the_mean_and_the_spread_of_the_typist(typing, speed):
    times = intervals(typing, speed, 1)[1:]
    # Four standard errors of the mean.
    assert statistics.fmean(times) == pytest.approx(speed.mean_ms, rel=4 * VARIATION / math.sqrt(LENGTH))
    assert statistics.stdev(times) == pytest.approx(speed.mean_ms * VARIATION, rel=0.05)


def test_times_are_log_normal(typing):
    logarithms = [math.log(time) for time in intervals(typing, AVERAGE, 2)[1:]]
    mean, spread = statistics.fmean(logarithms), statistics.stdev(logarithms)
    within_one = sum(abs(value - mean) < spread for value in logarithms) / LENGTH
    assert within_one == pytest.approx(math.erf(1 / math.sqrt(2)), abs=0.015)
    assert statistics.median(logarithms) == pytest.approx(mean, abs=0.015)


def test_a_seed_fixes_the_times_and_another_changes_them(typing):
    some = typing[:50]
    assert intervals(some, AVERAGE, 7) == intervals(some, AVERAGE, 7)
    assert intervals(some, AVERAGE, 7) != intervals(some, AVERAGE, 8)
    assert intervals(some, AVERAGE, "7 csv-script") != intervals(some, AVERAGE, "7 add-parameter")


def test_the_same_seed_gives_the_same_pattern_at_every_speed(typing):
    slow, fast = intervals(typing[:50], speed_of(240), 3), intervals(typing[:50], speed_of(120), 3)
    assert slow == pytest.approx([2 * time for time in fast])


def test_thinking_reacting_and_reaching_for_the_mouse_come_on_top():
    plain = steps_of("{jump = [1]}, {type = 'abcdef'}", "xabcdef")
    rich = steps_of(
        "{jump = [1]}, {type = 'a'}, {pause_ms = 700}, {accept = 'b'}, {jump = [1, 1]}, {type = 'c'}, {backspace = 1}",
        "xab",
    )
    more = [b - a for a, b in zip(intervals(plain, FAST, 5), intervals(rich, FAST, 5), strict=False)]
    assert [step.kind for step in rich] == ["jump", "type", "accept", "jump", "type", "backspace"]
    assert more == pytest.approx([0, 0, 700 + REACTION_MS, HOMING_MS + POINTING_MS, HOMING_MS, 0])


def test_nothing_comes_before_the_first_step():
    assert intervals((), AVERAGE, 1) == ()
    assert intervals(steps_of("{jump = [1]}, {type = 'a'}", "xa"), AVERAGE, 1)[0] == 0.0


@pytest.mark.parametrize("mean_ms", [0, -3, math.inf, math.nan])
def test_no_time_between_keys_is_refused(mean_ms):
    with pytest.raises(UsageError, match="choose more than 0"):
        speed_of(mean_ms)
