"""What a replay comes to: quantiles, coverage and the verdict, counted by hand."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner

from tabtab_local.cli import main
from tabtab_local.machine import Machine
from tabtab_local.registry import embedded_path
from tabtab_local.replay.load import parse
from tabtab_local.replay.press import Press
from tabtab_local.replay.replay import Run
from tabtab_local.replay.report import Share, Spread, coverage_at, quantiles, render, report
from tabtab_local.replay.speed import AVERAGE, FAST, Speed
from tabtab_local.replay.verdict import Verdict, measure, render_verdict, sentence

PRESS = Press("t", 1, "type", False, 100.0, False, 10.0, 40.0, 45.0, True, 2, 6, 5, 8, 0.02)
IN_TIME = PRESS
ONLY_BEGUN = replace(PRESS, full_ms=None, evaluated_tokens=0, drafted_tokens=0, accepted_tokens=0, decoded_tokens=0)
STOPPED = replace(ONLY_BEGUN, first_ms=None, visible=False)
LATE = replace(PRESS, first_ms=120.0, full_ms=150.0, new_place=True)
SILENT = replace(PRESS, first_ms=None, full_ms=20.0, visible=False)
THROUGH = replace(PRESS, typed_through=True, first_ms=0.1, full_ms=0.1, evaluated_tokens=0, decoded_tokens=0, cpu_s=0.0)
JUMP = replace(PRESS, number=0, action="jump", first_ms=300.0, full_ms=400.0, interval_ms=1000.0)
TRACE = """
title = "Counts on"
source = "written by hand"
kind = "python"
text = "a = 1"
events = [{jump = [1]}, {type = "000"}]
final = "a = 1000"
"""
RUN = Run("ours", (JUMP, IN_TIME, ONLY_BEGUN, STOPPED, LATE, SILENT, THROUGH), (100, 180, 150))


def test_coverage_counts_complete_answers_in_time_and_what_was_to_be_seen_stands_beside_it():
    keys = report(RUN, AVERAGE).keys
    assert keys and keys.presses == 6
    # In time, silent and typed through; what had only begun, was stopped or came late does not count.
    assert keys.coverage and keys.coverage.value == 3 / 6
    # In time, only begun and typed through.
    assert keys.seen and keys.seen.value == 3 / 6
    assert keys.typed_through.value == 1 / 6 and keys.cancelled.value == 2 / 6
    assert keys.cpu_s_per_press == pytest.approx(0.02 * 5 / 6)


def test_a_jump_is_no_press_of_a_key_and_has_figures_of_its_own():
    found = report(RUN, AVERAGE)
    assert found.jumps and found.jumps.presses == 1 and found.jumps.full_ms == Spread(400.0, 400.0, 400.0, 1)
    assert found.asked and found.asked.presses == 5
    assert found.new_place and found.new_place.full_ms.p50 == 150.0


def test_an_answer_that_was_stopped_counts_as_longer_than_all_others():
    asked = report(RUN, AVERAGE).asked
    assert asked
    assert asked.full_ms == Spread(150.0, None, None, 5)  # 20, 40, 150, and two that are not known
    assert asked.first_ms == Spread(65.0, None, None, 4)  # 10, 10, 120, and one that is not known; silence shows none
    assert quantiles(asked.full_ms) == "150.0 / > / >"


def test_tokens_are_those_of_complete_answers():
    keys = report(RUN, AVERAGE).keys
    assert keys
    assert keys.decoded_tokens == Spread(8.0, 8, 8, 4) and keys.evaluated_tokens.count == 4


def test_memory_grows_from_the_first_piece_to_the_last():
    found = report(RUN, FAST)
    assert (found.memory_peak_bytes, found.memory_growth_bytes) == (180, 50)
    assert (found.speed, found.mean_ms) == ("fast", 120.0)


def test_where_the_person_waited_coverage_is_computed_from_answer_times():
    presses = [replace(press, interval_ms=None) for press in (IN_TIME, LATE)]
    found = report(Run("ours", tuple(presses), (1,)), None)
    assert found.speed == "unhurried" and found.mean_ms is None
    assert found.keys and found.keys.coverage is None and found.keys.seen is None
    shares = [share for _, share in found.by_speed]
    assert shares == sorted(shares) and shares[0] < 0.3 and shares[-1] > 0.99
    assert report(RUN, AVERAGE).by_speed == ()


def test_coverage_at_a_speed_is_the_chance_that_the_next_key_comes_later():
    # The median of a log-normal distribution is its mean by the square root of one and the variation's square.
    speed = Speed("typist", 200.0, variation=0.5)
    at_median = replace(PRESS, full_ms=200 / math.sqrt(1 + 0.5**2))
    assert coverage_at([at_median], speed) == pytest.approx(0.5)
    sure, never = replace(PRESS, full_ms=0.0), STOPPED
    assert coverage_at([at_median, sure, never, never], speed) == pytest.approx((0.5 + 1) / 4)


def test_quantiles_are_measured_values():
    assert Spread.of(range(1, 201)) == Spread(100.5, 190, 198, 200)
    assert Spread.of([7.0]) == Spread(7.0, 7.0, 7.0, 1)
    assert Spread.of([None, 1.0, 2.0]) == Spread(2.0, None, None, 3)
    assert Spread.of([]) == Spread(None, None, None, 0)
    assert quantiles(Spread.of([])) == "–"


def test_the_interval_is_wilsons():
    # Worked example: 9 of 10, z = 1.96 (Wilson 1927; Newcombe 1998 gives such tables).
    share = Share.of(9, 10)
    assert (share.value, share.count) == (0.9, 10)
    assert (share.low, share.high) == pytest.approx((0.5958, 0.9821), abs=1e-4)
    assert Share.of(0, 10).low == 0.0 and Share.of(10, 10).high == 1.0
    assert Share.of(10, 10).low == pytest.approx(0.7225, abs=1e-4)


def test_a_report_goes_into_json_and_a_table():
    found = report(RUN, AVERAGE)
    document = json.loads(json.dumps(found.as_json(), allow_nan=False))
    assert document["keys"]["coverage"]["value"] == 0.5
    table = render([found, report(Run("empty", (JUMP,), ()), AVERAGE)])
    heading, row = table.splitlines()
    assert heading.split()[:3] == ["TYPING", "KEYS", "COVERAGE"]
    assert row.startswith("ours") and "50.0 %" in row and "10.0 / > / >" not in heading


@pytest.mark.parametrize(
    ("average", "fast", "said"),
    [
        (1.0, 0.993, "nano keeps up with fast typing on this machine: 99 % of keys had a fresh answer before the next "
                     "at 120 ms."),
        (0.96, 0.949, "nano keeps up with average typing on this machine, but not with fast typing: 96 % of keys had a "
                      "fresh answer before the next at 239 ms, 94 % at 120 ms."),
        (0.9499, 0.5, "nano does not keep up with typing on this machine: 94 % of keys had a fresh answer before the "
                      "next at 239 ms; a smaller model or quant is faster."),
    ],
)  # fmt: skip
def test_one_plain_sentence_says_whether_the_model_keeps_up(average, fast, said):
    assert sentence("nano", average, fast) == said


def test_a_verdict_is_measured_with_a_real_model_and_ends_in_the_sentence(tiny_gguf: Path):
    said: list[str] = []
    found = measure(tiny_gguf, threads=1, traces=[parse(TRACE, "short")], progress=said.append)
    document = json.loads(json.dumps(found.as_json(), allow_nan=False))
    assert document["average"]["mean_ms"] == AVERAGE.mean_ms and document["fast"]["mean_ms"] == FAST.mean_ms
    assert document["unhurried"]["keys"]["presses"] == document["fast"]["keys"]["presses"] == 3
    assert document["threads"] == 1
    assert len(said) == 4 and "239 ms between keys" in said[1]
    lines = render_verdict(found).splitlines()
    assert lines[-1] == found.sentence and found.sentence.startswith("tiny ") and found.sentence.endswith(".")
    assert sum(line.startswith("tiny ") for line in lines) == 5  # the heading, three rows, the sentence


def test_the_command_prints_the_verdict(monkeypatch: pytest.MonkeyPatch):
    group = report(RUN, AVERAGE)
    machine = Machine("A CPU", 2, 4, 2**30, "os", "3.11", "0", "0", None)
    verdict = Verdict("nano", "Q8_0", "0" * 64, 2, group, group, group, "nano keeps up.", machine)
    asked: dict[str, object] = {}

    def prepared(path: Path, *, threads: int | None, progress: object) -> Verdict:
        asked.update(path=path, threads=threads)
        return verdict

    monkeypatch.setattr("tabtab_local.replay.verdict.measure", prepared)
    done = CliRunner().invoke(main, ["bench", "--typing", "--model", "tabtab-nano", "--threads", "2"])
    assert done.exit_code == 0 and done.stdout.splitlines()[-1] == "nano keeps up."
    assert asked == {"path": embedded_path(), "threads": 2}
    done = CliRunner().invoke(main, ["bench", "--typing", "--model", "tabtab-nano", "--json"])
    assert json.loads(done.stdout)["sentence"] == "nano keeps up." and asked["threads"] is None
