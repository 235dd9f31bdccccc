"""What comes after Tab, prepared before anybody presses it."""

from __future__ import annotations

from typing import Any

import pytest

from tabtab_local.engine import Generation, LlamaEngine
from tabtab_local.errors import Cancelled
from tabtab_local.registry import embedded_path
from tabtab_local.session import Session
from tests.editing import asked, inserting, moved, opened, typed
from tests.test_session import BEFORE, CSV, OPEN, READ


def test_what_comes_after_tab_is_ready_when_it_was_prepared() -> None:
    after = typed(BEFORE, READ)
    session, engine = opened(BEFORE, [inserting(BEFORE, READ), inserting(after, ".dropna()")])
    session.suggest()
    assert session.prefetch()
    assert not session.prefetch()  # once is enough
    done = len(engine.requests)
    assert session.accept() == after
    suggestion = session.suggest()
    assert suggestion.ghost == ".dropna()" and suggestion.timings is None and session.shown is suggestion
    assert len(engine.requests) == done


def test_what_was_prepared_serves_after_typing_through_and_by_an_editor_that_applies_edits_itself() -> None:
    after = typed(BEFORE, READ)
    session, engine = opened(BEFORE, [inserting(BEFORE, READ), inserting(after, ".dropna()")])
    session.suggest()
    session.prefetch()
    done = len(engine.requests)
    session.update(typed(BEFORE, READ[:4]))
    assert session.suggest().ghost == READ[4:]
    session.update(after)
    assert session.suggest().ghost == ".dropna()"
    assert len(engine.requests) == done


def test_what_was_prepared_is_forgotten_where_something_else_happens() -> None:
    other, after = typed(BEFORE, "None"), typed(BEFORE, READ)
    answers = [inserting(BEFORE, READ), inserting(after, ".dropna()"), inserting(other)]
    session, engine = opened(BEFORE, answers)
    session.suggest()
    session.prefetch()
    session.update(other)
    assert session.suggest().silence
    assert len(asked(engine)) == 3


def test_nothing_is_prepared_where_nothing_is_shown() -> None:
    session, engine = opened(BEFORE, [inserting(BEFORE)])
    assert not session.prefetch()
    session.suggest()
    done = len(engine.requests)
    assert not session.prefetch()
    assert len(engine.requests) == done


def test_a_rejected_suggestion_takes_what_was_prepared_with_it() -> None:
    after = typed(BEFORE, READ)
    session, _ = opened(BEFORE, [inserting(BEFORE, READ), inserting(after, ".x"), inserting(after, ".y")])
    session.suggest()
    session.prefetch()
    session.reject()
    session.update(after)
    assert session.suggest().ghost == ".y"


def test_preparing_can_be_stopped_and_done_again() -> None:
    after = typed(BEFORE, READ)
    session, _ = opened(BEFORE, [inserting(BEFORE, READ), inserting(after, ".dropna()")])
    session.suggest()
    with pytest.raises(Cancelled):
        session.prefetch(lambda: True)
    assert session.prefetch()
    session.accept()
    assert session.suggest().timings is None


@pytest.mark.parametrize("act", ["accept", "reject", "update"])
def test_whatever_happens_stops_what_is_being_prepared(act: str) -> None:
    after = typed(BEFORE, READ)
    session, _ = opened(BEFORE, [inserting(BEFORE, READ), inserting(after)])
    session.suggest()
    calls = {"accept": session.accept, "reject": session.reject, "update": lambda: session.update(moved(BEFORE, 0))}
    with pytest.raises(Cancelled):
        session.prefetch(lambda: bool(calls.pop(act, lambda: None)()) and False)


def test_tab_in_the_middle_of_preparing_what_comes_after_it_keeps_what_was_read() -> None:
    keys: list[str] = []

    class Keyed(LlamaEngine):
        def generate(self, *arguments: Any, **options: Any) -> Generation:
            keys.append(options["guide"].key)
            return super().generate(*arguments, **options)

    with Keyed(embedded_path(), sequences=2, threads=1) as engine:
        session = Session(engine, OPEN, name="file")
        session.update(CSV)
        session.suggest()
        assert set(keys) == {"file"}
        times = iter([False] * 40)

        def tab() -> bool:
            if next(times, True):
                session.accept()
            return False

        with pytest.raises(Cancelled):
            session.prefetch(tab)
        spare = keys[-1]
        keys.clear()
        session.suggest()
        assert spare != "file" and set(keys) == {spare}
