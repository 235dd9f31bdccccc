"""Ghost text in Marimo, measured: what is made of the times. A browser types in `tests/editors`."""

from __future__ import annotations

import json
import os
import urllib.request
from pathlib import Path

import pytest

from bench import report
from bench.browser.ghost import CELLS, PAUSE, PAUSES, Record, Settings, Side, render
from bench.browser.instant import instant
from tabtab_local.benchmark import Quantiles
from tabtab_local.machine import describe

ROOT = Path(__file__).parent.parent
RECORD = Record(
    model="tabtab-nano",
    sha256="0123456789abcdef",
    settings=Settings(rounds=1),
    pauses=4,
    ours=Side.of([250.0, None, 270.0, 260.0]),
    instant=Side.of([200.0, 210.0, 220.0, None]),
    both=2,
    more_ms=Quantiles.of([50.0, 50.0]),
    marimo="0.25.2",
    chromium="156.0",
    machine=describe(),
)


def test_pauses_without_ghost_text_are_counted_and_have_no_time() -> None:
    assert (RECORD.ours.shown, RECORD.ours.ghost_ms) == (3, Quantiles(260.0, 270.0))
    assert Side.of([None]) == Side(0, None)


def test_the_cells_are_code_and_have_pauses_in_it() -> None:
    assert PAUSES >= 30
    for cell in CELLS:
        compile(cell.replace(PAUSE, ""), "cell", "exec")


def test_the_table_names_both_sides_and_what_is_longer() -> None:
    lines = render(RECORD).splitlines()
    assert lines[-3].split()[-3:] == ["3", "260.0", "270.0"]
    assert lines[-1].split()[-3:] == ["2", "50.0", "50.0"]


def test_the_summary_has_the_table_of_the_result(tmp_path: Path) -> None:
    (tmp_path / "marimo.json").write_text(json.dumps(RECORD.as_json()))
    assert "| longer, where both showed some | 2 | 50 | 50 |\n" in report.write_summary(tmp_path)


def test_readme_has_the_table_of_the_result_where_there_is_one() -> None:
    found = ROOT / "bench/results/marimo.json"
    documents = [json.loads(found.read_text(encoding="utf-8"))] if found.exists() else []
    table = report.summary([], [], documents).split("\n\n")[-1].strip()
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    assert table in readme and ("from a key to ghost text |" in readme) == found.exists()


@pytest.mark.parametrize("text", ["x = 1", "größer"])
def test_the_other_server_says_the_same_to_everyone(text: str) -> None:
    with instant(text, environment=os.environ) as address:
        asked = urllib.request.Request(f"{address}/v1/chat/completions", b'{"messages": []}')
        with urllib.request.urlopen(asked) as answer:
            assert json.load(answer)["choices"][0]["message"]["content"] == text
