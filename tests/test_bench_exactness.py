"""Sessions beside plain decoding: what is compared, and that a difference would be found."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench import exactness
from tabtab_local.registry import embedded_path


def test_a_few_states_are_compared_and_told() -> None:
    said: list[str] = []
    report = exactness.compare(embedded_path(), states=6, seed=1, threads=1, progress=said.append)
    assert report.states >= 6 and report.tokens > report.states and said
    assert report.reused_share > 0.5
    assert len(report.differences) <= 1 and report.early >= report.early_states - 1
    text = exactness.render(report)
    assert f"{report.states - len(report.differences)} of {report.states}" in text
    assert report.as_json()["seed"] == 1


def test_an_engine_that_decodes_something_else_is_found_out(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    class Wrong(exactness.Recorder):
        def _choose(self, row, allowed, chosen):
            if len(chosen) == 1 and allowed is None:
                return int(row.argsort()[-2])
            return super()._choose(row, allowed, chosen)

    monkeypatch.setattr(exactness, "Recorder", Wrong)
    report = exactness.compare(embedded_path(), states=12, seed=1, threads=1, progress=lambda message: None)
    assert len(report.differences) >= 5
    assert all(found.token == 1 for found in report.differences)
