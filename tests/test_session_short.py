"""A session on a machine that reads slowly: a short prompt first, all of it once there is time."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import pytest

from tabtab_local.document import Document
from tabtab_local.engine import UNGUIDED, Generation, Guide, LlamaEngine, never
from tabtab_local.errors import Cancelled
from tabtab_local.registry import embedded_path
from tabtab_local.session import SESSION_SETTINGS, Session
from tests.editing import inserting, moved, python, typed
from tests.fakes import ScriptedEngine

FAR = "import numpy as np\n" + "".join(f"far_{i} = {i}\n\n\n" for i in range(200))
NEAR = "def near(table):\n    return |\n"
LONG = python(FAR + NEAR)


class SlowReader(ScriptedEngine):
    """Takes a millisecond for each character of a prompt that its cache does not begin with."""

    def __init__(self, answers: Iterable[str] = ()) -> None:
        super().__init__(answers)
        self.held: dict[str, str] = {}
        self.keys: list[str] = []
        self.stop_after: int | None = None

    def reading_ms(self, prompt: str, guide: Guide = UNGUIDED) -> float:
        held = self.held.get(guide.key, "")
        return float(len(prompt)) if not prompt.startswith(held) else float(len(prompt) - len(held))

    def generate(
        self,
        prompt: str,
        start: str,
        *,
        max_tokens: int,
        stop: str,
        cancel: Callable[[], bool] = never,
        guide: Guide = UNGUIDED,
    ) -> Generation:
        if cancel():
            raise Cancelled("stopped")
        self.held[guide.key] = prompt
        self.keys.append(guide.key)
        return super().generate(prompt, start, max_tokens=max_tokens, stop=stop, cancel=cancel, guide=guide)


def asked_after(act: Callable[[Session], object], states: list[Document]) -> tuple[Session, SlowReader]:
    """Return a session that was asked in `states`, with `act` between each two."""
    engine = SlowReader([inserting(state) for state in states])
    session = Session(engine, SESSION_SETTINGS, name="long.py")
    for i, state in enumerate(states):
        session.update(state)
        session.suggest()
        if i < len(states) - 1:
            act(session)
    return session, engine


def test_the_first_answer_comes_from_a_short_prompt_and_the_next_from_all_of_it() -> None:
    states = [LONG, typed(LONG, "ta")]
    session, engine = asked_after(lambda session: session.widen(), states)
    short, wide = engine.requests[1].prompt, engine.requests[-1].prompt
    assert engine.requests[0].prompt == short and len(short) < 600 < len(wide)
    assert "far_199" in short and "far_190" not in short and "far_190" in wide
    assert engine.requests[-1].start.endswith("    return") and engine.requests[-1].typed == " ta"
    assert engine.keys == ["long.py\0ahead", "long.py\0ahead", "long.py", "long.py"]
    assert not session.widen()


def test_typing_goes_on_with_the_short_prompt_until_there_was_time() -> None:
    states = [LONG, typed(LONG, "t"), typed(LONG, "ta")]

    def stopped(session: Session) -> None:
        with pytest.raises(Cancelled):
            session.widen(lambda: True)

    session, engine = asked_after(stopped, states)
    assert len({request.prompt for request in engine.requests}) == 1
    assert session.widen()


def test_a_prompt_that_is_read_soon_is_asked_with_at_once() -> None:
    session, engine = asked_after(lambda session: None, [python("import numpy as np\n\n" + NEAR)])
    assert len({request.prompt for request in engine.requests}) == 1
    assert not session.widen()


def test_where_most_of_the_prompt_is_the_region_a_short_one_would_save_little() -> None:
    region = "".join(f"    long_name_{i} = another_long_name_{i} + {i}\n" for i in range(14))
    session, engine = asked_after(lambda session: None, [python(f"a = 1\n\n\ndef f():\n{region}    b = |\n")])
    assert len(engine.requests[0].prompt) > 700 and "a = 1" in engine.requests[0].prompt
    assert not session.widen()


def test_who_goes_elsewhere_while_it_is_read_is_not_given_the_old_prompt() -> None:
    engine = SlowReader([inserting(LONG)])
    session = Session(engine, SESSION_SETTINGS, name="long.py")
    session.update(LONG)
    session.suggest()

    def leave() -> bool:
        session.update(moved(LONG, 0))
        return False

    with pytest.raises(Cancelled):
        session.widen(leave)
    assert session.snapshot is None and not session.widen()


def test_a_real_engine_says_the_same_after_both_prompts_as_one_that_read_all_at_once() -> None:
    elsewhere = typed(LONG, "pri")  # not along what the short prompt suggests, which would stay
    with LlamaEngine(embedded_path(), threads=1, sequences=2) as engine:
        plain = Session(engine, SESSION_SETTINGS, name="plain")
        for state in (LONG, elsewhere):
            plain.update(state)
            expected = plain.suggest()
        engine.forget()
        engine._context._token_ms = 10.0
        session = Session(engine, SESSION_SETTINGS, name="slow")
        session.update(LONG)
        session.suggest()
        assert session.snapshot is not None and session.snapshot.wide is not None
        engine._context._token_ms = 0.0
        assert session.widen()
        session.update(elsewhere)
        found = session.suggest()
        assert (found.edits, found.silence, found.cursor) == (expected.edits, expected.silence, expected.cursor)
