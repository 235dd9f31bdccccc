"""What the server counts."""

from __future__ import annotations

from dataclasses import replace

from tabtab_local.complete import NO_WORK
from tabtab_local.desk.desk import Desk
from tabtab_local.server.metrics import Metrics
from tabtab_local.suggestion import Suggestion
from tests.editing import python
from tests.fakes import ScriptedEngine


def test_a_prompt_that_was_read_twice_was_not_cached() -> None:
    metrics = Metrics()
    for evaluated in (30, 4):
        timings = replace(NO_WORK, prompt_tokens=10, evaluated_tokens=evaluated, decoded_tokens=1)
        found = Suggestion(python("x = |"), (), None, "", "no_op: nothing to change", 1.0, timings)
        metrics.answered("infill", "no_op", 0.1, found)
    with Desk(ScriptedEngine([])) as desk:
        lines = metrics.page(desk).decode().splitlines()
    counts = [f'tabtab_tokens_total{{kind="{kind}"}} {count}' for kind, count in (("evaluated", 34.0), ("cached", 6.0))]
    assert set(counts) <= set(lines)
