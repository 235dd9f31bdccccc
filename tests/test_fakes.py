"""The scripted engine follows a guide as a model's would."""

from __future__ import annotations

import pytest

from tabtab_local.engine import Guide
from tabtab_local.errors import Cancelled
from tabtab_local.prompt import CURSOR, EDIT_END
from tests.fakes import ScriptedEngine

ANSWER = f"ab.cd{CURSOR}e{EDIT_END}"


def test_it_writes_what_was_typed_and_tells_of_each_character() -> None:
    engine, seen = ScriptedEngine([ANSWER], confidence=0.5), []
    guide = Guide(typed=".c", watch=lambda written, confidence: seen.append((written, confidence)))
    found = engine.generate("p", "ab", max_tokens=100, stop=EDIT_END, guide=guide)
    assert (found.text, found.stopped, engine.requests[0].typed) == (ANSWER, True, ".c")
    texts = [".", ".c", ".cd", f".cd{CURSOR}", f".cd{CURSOR}e", f".cd{CURSOR}e{EDIT_END}"]
    assert seen == [(text, 0.5) for text in texts]


def test_it_stops_where_it_is_enough_but_not_before_what_was_typed() -> None:
    engine = ScriptedEngine([ANSWER])
    guide = Guide(typed=".c", enough=lambda written: True)
    found = engine.generate("p", "ab", max_tokens=100, stop=EDIT_END, guide=guide)
    assert (found.text, found.stopped, found.timings.decoded_tokens) == ("ab.c", False, 2)


def test_an_answer_that_does_not_go_on_as_typed_is_an_error_of_the_test() -> None:
    engine = ScriptedEngine([ANSWER])
    with pytest.raises(AssertionError, match=r"does not begin with 'ab' and '\.x'"):
        engine.generate("p", "ab", max_tokens=100, stop=EDIT_END, guide=Guide(typed=".x"))


def test_an_answer_that_is_cancelled_or_not_asked_for_comes_next() -> None:
    engine, seen = ScriptedEngine([ANSWER]), []
    assert engine.generate("p", "ab", max_tokens=0, stop=EDIT_END).text == "ab"
    with pytest.raises(Cancelled):
        engine.generate(
            "p",
            "ab",
            max_tokens=9,
            stop=EDIT_END,
            cancel=lambda: len(seen) == 2,
            guide=Guide(watch=lambda written, _: seen.append(written)),
        )
    assert seen == [".", ".c"]
    assert engine.generate("p", "ab", max_tokens=100, stop=EDIT_END).text == ANSWER
