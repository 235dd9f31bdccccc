"""Hours of typing: what is counted, and what is made of it. How much memory a machine shows is asked nowhere."""

from __future__ import annotations

import json
import math
import random
from pathlib import Path

import pytest
from click.testing import CliRunner

from bench.__main__ import main
from bench.soak import Growth, Note, Record, Settings, growth, render, soak, verdict
from tabtab_local.errors import UsageError
from tabtab_local.fingerprint import file_sha256
from tabtab_local.registry import embedded_path

MIB = 2**20
TINY = Settings(hours=160 * 238.66 / 3_600_000, note_keys=20, threads=1)


@pytest.fixture(scope="module")
def record() -> Record:
    return soak(embedded_path(), TINY, progress=lambda message: None)


def test_eight_hours_are_as_many_keys_as_the_average_typist_presses() -> None:
    assert Settings(8).keys == round(8 * 3_600_000 / 238.66) == 120_674
    assert Settings(8).warm_up_keys == 5000 and TINY.keys == 160 and TINY.warm_up_keys == 40


@pytest.mark.parametrize("hours", [0.0, -1.0, math.nan, math.inf])
def test_no_hours_are_refused(hours: float) -> None:
    with pytest.raises(UsageError, match="hours"):
        Settings(hours)


def test_the_record_is_complete_and_plausible(record: Record) -> None:
    document = json.loads(json.dumps(record.as_json(), allow_nan=False))
    assert document["sha256"] == file_sha256(embedded_path()) and document["machine"]["cpu"]
    assert [keys for keys, _ in document["notes"]] == list(range(20, 161, 20))
    assert all(resident > 10 * MIB for _, resident in document["notes"])
    assert record.peak_mib >= max(record.first_mib, record.last_mib)
    assert document["keys"] == 160 and document["settings"]["documents"] == 3
    for event in ("asked", "opened", "shown", "typed through", "prepared", "cancelled"):
        assert record.events[event] > 0, event
    assert "refused" not in record.events


def test_the_table_ends_in_a_plain_sentence(record: Record) -> None:
    table = render(record)
    assert table.endswith(record.verdict) and record.sha256[:12] in table and "160 keys" in table


def notes(slope: float, noise: float = 0.0, *, hours: float = 8.0, start: float = 300.0) -> list[Note]:
    """Return notes of memory that grows by `slope` MiB an hour, give or take `noise` MiB."""
    rng = random.Random(1)
    keys = [round(hours * 3_600_000 / 238.66 * part / 200) for part in range(200)]
    grown = [start + slope * 238.66 * key / 3_600_000 + rng.gauss(0, noise) for key in keys]
    return [Note(key, round(mib * MIB)) for key, mib in zip(keys, grown, strict=True)]


def test_the_slope_is_found_and_lies_in_its_interval() -> None:
    for slope in (-2.0, 0.0, 0.5, 7.0):
        found = growth(notes(slope))
        assert found.mib_per_hour == pytest.approx(slope, abs=1e-3)
        noisy = growth(notes(slope, 3.0))
        assert noisy.low < slope < noisy.high and noisy.low < noisy.mib_per_hour < noisy.high


def test_an_interval_of_95_per_cent_holds_the_truth_about_as_often() -> None:
    rng = random.Random(0)
    held = 0
    for _ in range(400):
        found = growth([Note(key * 1000, round((100 + rng.gauss(0, 5)) * MIB)) for key in range(25)])
        held += found.low <= 0 <= found.high
    assert 0.92 < held / 400 < 0.98


def test_of_too_few_notes_nothing_is_made() -> None:
    few = growth(notes(1.0)[:5])
    assert math.isnan(few.mib_per_hour) and verdict(few).startswith("Too few")


@pytest.mark.parametrize(
    ("slope", "said"),
    [
        (Growth(0.1, -0.2, 0.4), "Memory is flat"),
        (Growth(0.5, 0.4, 0.6), "Memory is flat"),
        (Growth(-3.0, -4.0, -2.0), "Memory is flat"),
        (Growth(1.5, -0.1, 3.1), "Memory is flat"),
        (Growth(1.5, 1.0, 2.0), "Memory grows"),
        (Growth(40.0, 10.0, 70.0), "Memory grows"),
        (Growth(3.0, -20.0, 26.0), "This was too short"),
        (Growth(0.0, -20.0, 20.0), "This was too short"),
    ],
)
def test_memory_is_flat_where_its_growth_is_none_or_nobody_would_notice(slope: Growth, said: str) -> None:
    sentence = verdict(slope)
    assert sentence.startswith(said) and sentence.endswith(".")


def test_caches_that_fill_are_no_growth() -> None:
    slope = Growth(8.0, 6.0, 10.0)
    assert verdict(slope, warm=False).startswith("This was too short") and verdict(slope).startswith("Memory grows")
    assert verdict(Growth(0.0, -0.1, 0.1), warm=False).startswith("Memory is flat")


def test_the_command_writes_the_record_and_prints_the_sentence(tmp_path: Path) -> None:
    out = tmp_path / "soak.json"
    options = ["soak", "--hours", "0.001", "--threads", "1", "--json", str(out)]
    done = CliRunner().invoke(main, options, catch_exceptions=False)
    assert done.exit_code == 0 and "15 keys" in done.stdout
    assert json.loads(out.read_text())["verdict"] in done.stdout


def test_a_file_that_is_no_model_is_refused_in_a_line(tmp_path: Path) -> None:
    (tmp_path / "a.gguf").write_text("x")
    done = CliRunner().invoke(main, ["soak", "--hours", "1", "--model", str(tmp_path / "a.gguf")])
    assert done.exit_code == 1 and "not a GGUF" in done.stderr and "Traceback" not in done.stderr
