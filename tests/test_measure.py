"""The first look at a model."""

from __future__ import annotations

from tabtab_local.prompt import Prompt, Response, render_response
from tests.fakes import ScriptedEngine
from training.data.corruption import Example
from training.measure import Outcome, _outcome, report


def example(before: str, after: str, kind: str = "line_tail") -> Example:
    return Example(Prompt(before, len(before)), Response(after, len(after)), kind)


def test_an_answer_is_exact_silent_or_broken():
    asked = example("x = ", "x = 1")
    exact = render_response(asked.response)
    silent = render_response(Response("x = ", 4))
    outcomes = [_outcome(ScriptedEngine([said] * 4), asked) for said in (exact, silent, "<|INTENT|>nonsense")]
    assert [outcome.exact for outcome in outcomes] == [True, False, False]
    assert [outcome.silent for outcome in outcomes] == [False, True, True]
    assert outcomes[2].answer is None


def test_the_report_counts_what_is_shown_apart_from_silence():
    asked = example("x = ", "x = 1")
    rows = [Outcome(asked, asked.response, silent=False), Outcome(asked, Response("x = ", 4), silent=True)]
    lines = report({"code": rows}).splitlines()
    assert "| code | all edits | 2 | 50.0 (9.5-90.5) |" in lines
    assert "| code | of what is shown | 1 | 100.0 (20.7-100.0) |" in lines
