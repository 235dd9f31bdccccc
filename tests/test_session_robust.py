"""A session that is treated badly: odd texts, cancelled requests, failing engines. It recovers.

After each fault the next suggestion is that of a session that went the same way without it.
"""

from __future__ import annotations

import functools
import itertools
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import llama_cpp.llama_cpp as llama
import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as with_settings
from hypothesis import strategies as st

from tabtab_local.config import Settings
from tabtab_local.document import Document, open_document
from tabtab_local.engine import LlamaEngine
from tabtab_local.errors import Cancelled, ModelError, TabTabError, UsageError
from tabtab_local.registry import embedded_path
from tabtab_local.session import Session
from tests.editing import MARIMO, ForgetfulEngine, TerseEngine, deleted, essence, inserting, moved, python, typed
from tests.fakes import ScriptedEngine

OPEN = Settings(infer_intent=False, gates=frozenset())
CODE = python(
    "import json\n\n\ndef load(path):\n    with open(path) as file:\n        return |\n\n\nprint(load('a'))\n"
)
OTHER = python(
    "class Point:\n    x: int = 0\n\n    def shift(self, by):\n        self.x |\n\n    def show(self):\n        ...\n"
)


@pytest.fixture(scope="module")
def terse(tiny_gguf: Path) -> Iterator[TerseEngine]:
    with TerseEngine(tiny_gguf, threads=1, sequences=4) as engine:
        yield engine


@pytest.fixture(scope="module")
def forgetful(tiny_gguf: Path) -> Iterator[ForgetfulEngine]:
    with ForgetfulEngine(tiny_gguf, threads=1, sequences=4) as engine:
        yield engine


@pytest.fixture(scope="module")
def nano() -> Iterator[LlamaEngine]:
    with LlamaEngine(embedded_path(), threads=1, sequences=4) as engine:
        yield engine


_names = map(str, itertools.count())


def session_on(engine: LlamaEngine, *states: Document, ask: bool = True) -> Session:
    """Return a new session that went through `states`, asked in each but the last."""
    session = Session(engine, OPEN, name=next(_names))
    for number, state in enumerate(states, start=1):
        session.update(state)
        if ask and number < len(states):
            session.suggest()
    return session


def same_as_anew(terse: TerseEngine, forgetful: ForgetfulEngine, states: Sequence[Document]) -> list[Any]:
    """Check that a session which remembers says in each state what one that reads all anew says; return it."""
    sessions = [Session(engine, OPEN, name=next(_names)) for engine in (terse, forgetful)]
    said = []
    for state in states:
        both = []
        for session in sessions:
            session.update(state)
            both.append(essence(session.suggest()))
        assert both[0] == both[1]
        said.append(both[0])
    return said


def test_the_engines_of_these_tests_suggest_something(terse: TerseEngine) -> None:
    assert session_on(terse, CODE).suggest().edits


def test_another_text_is_answered_as_by_a_fresh_session(terse: TerseEngine, forgetful: ForgetfulEngine) -> None:
    session = session_on(terse, CODE, typed(CODE, "json"), moved(CODE, 3), OTHER)
    assert essence(session.suggest()) == essence(session_on(forgetful, OTHER).suggest())
    empty = Document("python", "", "", 0)
    session.update(empty)
    assert essence(session.suggest()) == essence(session_on(forgetful, empty).suggest())
    notebook = open_document(MARIMO, jupyter=False, line=8)
    session.update(notebook)
    assert essence(session.suggest()) == essence(session_on(forgetful, notebook).suggest())


@pytest.mark.parametrize("cursor", [-1, len(CODE.code) + 1, 10**9])
def test_a_cursor_outside_is_refused_and_nothing_changes(terse: TerseEngine, cursor: int) -> None:
    session = session_on(terse, CODE)
    shown = session.suggest()
    with pytest.raises(UsageError, match=f"cursor {cursor} is outside"):
        session.update(CODE, cursor)
    assert session.shown is shown is session.suggest()
    assert session.update(CODE, CODE.cursor) is shown


def test_a_text_of_a_megabyte(terse: TerseEngine, forgetful: ForgetfulEngine) -> None:
    lines = [f"value_{number} = compute({number}, 'text')\n" for number in range(30_000)]
    lines[15_000] = "x = |\n"
    huge = python("".join(lines))
    assert len(huge.code) > 1_000_000
    states = [
        huge,
        typed(huge, "va"),
        typed(huge, "val"),
        deleted(huge, 2),
        moved(huge, 0),
        moved(huge, len(huge.code)),
    ]
    assert any(edits for _, edits, _, _ in same_as_anew(terse, forgetful, states))


def test_a_line_of_ten_thousand_characters_is_refused_or_answered_and_the_next_text_is(terse: TerseEngine) -> None:
    long = python(f"x = [{'1, ' * 3400}|]\n")
    session = session_on(terse, CODE, long)
    with pytest.raises(UsageError, match="break up long lines"):
        session.suggest()
    assert session.shown is None
    session.update(CODE)
    assert essence(session.suggest()) == essence(session_on(terse, CODE).suggest())
    beside = python(long.code.replace("|", "") + "\n" * 3 + "y = 1\n" * 12 + "z = |")
    session.update(beside)
    assert session.suggest().document == beside


GRAPHEMES = {
    "an accent that is put on": ["e", "e\u0301", "e\u0301t"],
    "a family, person by person": ["👩", "👩\u200d", "👩\u200d👩", "👩\u200d👩\u200d👧", "👩\u200d👩\u200d👧\ufe0f'"],
    "a flag": ["🇩", "🇩🇪", "🇩🇪🇫"],
    "Hangul, jamo by jamo": ["\u1112", "\u1112\u1161", "\u1112\u1161\u11ab"],
    "right to left": ["\u202e", "\u202eא", "\u202eאב\u202c"],
    "beyond the basic plane": ["𝒳", "𝒳 =", "𝒳 = '\U0010ffff"],
    "a control character": ["\0", "\0\0", "\0\x1b[31m\x7f"],
    "a lone surrogate": ["\ud83d", "\ud83dx", "\ud83d\ude00"],
    "a marker": ["<|EDIT_END|>", "<|user_cursor_is_here|>", "<|INTENT|> x"],
    "line ends that are none": ["a\u2028", "a\u2028b\x0c", "a\u2028b\x0c\x1c"],
}


@pytest.mark.parametrize("texts", GRAPHEMES.values(), ids=GRAPHEMES)
@pytest.mark.parametrize("behind", ["", "\u0301é", "🙂\u200d", "\udc00 "])
def test_odd_characters_at_the_cursor(
    terse: TerseEngine, forgetful: ForgetfulEngine, texts: list[str], behind: str
) -> None:
    start = python(f"name = '|{behind}'\nprint(name)\n")
    states = [typed(start, text) for text in texts]
    # Typed one after the other, and each in a prompt of its own.
    for begun in ([start, *states, *states[::-1]], [start, *(moved(state, 0) for state in states), *states]):
        for document, edits, _, _ in same_as_anew(terse, forgetful, begun):
            # What stands before the cursor is kept, to the code point.
            assert all(edit.start >= document.cursor for edit in edits)


@pytest.mark.parametrize("behind", ["\udc00", "x\udc00", "x\n\udc00y\nz"])
def test_what_cannot_be_shown_to_a_model_is_not_changed(behind: str) -> None:
    document = python(f"a = |{behind}\nb = 1\n")
    session = Session(ScriptedEngine([inserting(document, "1 + ").replace("\udc00", "?")]), OPEN)
    session.update(document)
    assert (session.suggest().silence or "").startswith("characters") and session.shown is None
    repaired = python(f"a = |{behind}\nb = 1\n".replace("\udc00", ""))
    session = Session(ScriptedEngine([inserting(repaired, "1 + ")]), OPEN)
    for state in (document, repaired):
        session.update(state)
        suggestion = session.suggest()
    assert suggestion.ghost == "1 + "


def test_two_documents_edited_by_turns(terse: TerseEngine, forgetful: ForgetfulEngine) -> None:
    alone = [
        same_as_anew(terse, forgetful, [typed(document, text) for text in ("", "s", "se", "", "s = ")])
        for document in (CODE, OTHER)
    ]
    sessions = [Session(terse, OPEN, name=next(_names)) for _ in alone]
    for number, text in enumerate(("", "s", "se", "", "s = ")):
        for session, document, said in zip(sessions, (CODE, OTHER), alone, strict=True):
            session.update(typed(document, text))
            assert essence(session.suggest()) == said[number]


def test_two_documents_in_one_session_by_turns(terse: TerseEngine, forgetful: ForgetfulEngine) -> None:
    states = [typed(document, text) for text in ("", "s", "se", "s = ") for document in (CODE, OTHER)]
    same_as_anew(terse, forgetful, states)


Work = Callable[[Session, Callable[[], bool]], object]
WORKS: dict[str, Work] = {
    "suggest": lambda session, cancel: session.suggest(cancel=cancel),
    "prefetch": lambda session, cancel: session.prefetch(cancel),
}


@pytest.mark.parametrize("work", WORKS.values(), ids=WORKS)
def test_a_request_can_be_cancelled_at_every_step(terse: TerseEngine, work: Work) -> None:
    def prepared() -> Session:
        terse.forget()
        session = session_on(terse, CODE, typed(CODE, "js"))
        if work is WORKS["prefetch"]:
            session.suggest()
        return session

    def outcome(session: Session) -> list[object]:
        session.prefetch()
        first = session.suggest()
        session.accept()
        return [essence(first), essence(session.suggest())]

    checks = itertools.count()
    session = prepared()
    work(session, lambda: next(checks) < 0)
    session.suggest()
    expected = outcome(session)
    count = next(checks)
    assert count > 20
    for moment in range(0, count - 1, max(1, count // 40)):
        session = prepared()
        with pytest.raises(Cancelled):
            work(session, functools.partial(next, iter([False] * moment), True))
        session.suggest()
        assert outcome(session) == expected


def fails_after(count: int, status: int, *, computed: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """Make llama.cpp fail once, after so many evaluations; `computed` says whether the cache holds its tokens then."""
    left = itertools.count(count, -1)
    decode = llama.llama_decode

    def failing(context: Any, batch: Any) -> int:
        if next(left) != 0:
            return decode(context, batch)
        if computed:
            decode(context, batch)
        return status

    monkeypatch.setattr(llama, "llama_decode", failing)


@pytest.mark.parametrize("computed", [False, True])
@pytest.mark.parametrize("status", [1, -1, -3])
@pytest.mark.parametrize("count", range(6))
def test_an_engine_that_fails_is_told_of_and_serves_again(
    terse: TerseEngine, monkeypatch: pytest.MonkeyPatch, count: int, status: int, computed: bool
) -> None:
    states = [CODE, typed(CODE, "js"), typed(CODE, "json.")]
    expected = essence(session_on(terse, *states).suggest())
    terse.forget()
    session = session_on(terse, *states[:2])
    with monkeypatch.context() as patch:
        fails_after(count, status, computed=computed, monkeypatch=patch)
        with pytest.raises(ModelError, match=f"status {status}"):
            session.suggest()
    assert session.shown is None
    session.suggest()
    session.update(states[2])
    assert essence(session.suggest()) == expected


class Unexpected(BaseException):
    """What no program raises."""


@pytest.mark.parametrize("error", [KeyboardInterrupt, Unexpected])
@pytest.mark.parametrize("moment", [0, 1, 5, 20, 40])
def test_an_interrupt_while_the_engine_works_gets_out_and_the_session_goes_on(
    terse: TerseEngine, error: type[BaseException], moment: int
) -> None:
    states = [CODE, typed(CODE, "js")]
    expected = essence(session_on(terse, *states).suggest())
    terse.forget()
    session = session_on(terse, *states)
    checks = itertools.count()

    def interrupted() -> bool:
        if next(checks) == moment:
            raise error
        return False

    with pytest.raises(error):
        session.suggest(cancel=interrupted)
    assert essence(session.suggest()) == expected


def test_an_interrupt_while_text_is_shown_gets_out_and_the_session_goes_on(terse: TerseEngine) -> None:
    expected = essence(session_on(terse, CODE).suggest())
    session = session_on(terse, CODE)

    def show(text: str) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        session.suggest(show=show)
    assert session.shown is None
    assert essence(session.suggest()) == expected


def test_a_full_context_shows_less_and_answers(tiny_gguf: Path) -> None:
    lines = "".join(f"value_{number} = compute({number}, 'text')\n" for number in range(60))
    document = python(lines.replace("compute(30", "compute(|30"))
    said = []
    for kind in (TerseEngine, ForgetfulEngine):
        with kind(tiny_gguf, threads=1, context_tokens=1100) as engine:
            session = Session(engine, OPEN)
            for text in ["", *itertools.accumulate(["word, "] * 12), "'" + "🙂" * 100]:
                session.update(typed(document, text))
                said.append(essence(session.suggest()))
    half = len(said) // 2
    assert said[:half] == said[half:] and all(edits for _, edits, _, _ in said)


def test_where_what_is_typed_has_no_room_behind_the_prompt_another_is_made() -> None:
    lines = "".join(f"value_{number} = compute({number}, 'text')\n" for number in range(60))
    document = python(f"{lines}x = |")
    now = typed(document, " ".join(map(str, range(105))))
    engine = ScriptedEngine([inserting(document), inserting(now, "y")], context_tokens=1400)
    session = Session(engine, OPEN)
    session.update(document)
    session.suggest()
    session.update(now)
    assert session.snapshot is not None and session.snapshot.document == document
    assert session.suggest().ghost == "y"
    assert session.snapshot.document == now


def test_a_context_that_is_too_small_for_the_region_is_an_error_and_no_end(tiny_gguf: Path) -> None:
    with TerseEngine(tiny_gguf, threads=1, context_tokens=300) as engine:
        session = session_on(engine, python("x = 'words of a text'\n" * 16 + "|"))
        with pytest.raises(UsageError, match="too many for the 300"):
            session.suggest()
        short = python("x = |")
        session.update(short)
        assert essence(session.suggest()) == essence(session_on(engine, short).suggest())


# Typing, deleting, going elsewhere, and what can be done about a suggestion.
WORDS = st.sampled_from(["x", "(", "json", ".", " = ", "\n    ", "é", "e\u0301", "🙂", "\0", "\ud83d", "<|EDIT_END|>"])
ACTIONS = st.one_of(
    st.tuples(st.just("type"), WORDS),
    st.tuples(st.just("delete"), st.integers(1, 6)),
    st.tuples(st.just("jump"), st.floats(0, 1)),
    st.tuples(st.sampled_from(["suggest", "accept", "reject", "prefetch", "along"]), st.none()),
)
NOTEBOOK = open_document(MARIMO, jupyter=False, line=8)


def act(session: Session, document: Document, action: str, value: Any) -> Document:
    """Do something in a session; return the document after it. Raises what the session raises."""
    if action == "type":
        document = typed(document, value)
    elif action == "delete":
        document = deleted(document, value)
    elif action == "jump":
        document = moved(document, round(value * len(document.code)))
    elif action == "along" and session.shown and session.shown.document == document:
        document = typed(document, session.shown.ghost[:2])
    elif action == "accept" and session.shown:
        document = session.accept()
    elif action == "reject":
        session.reject()
    elif action == "prefetch":
        session.prefetch()
    session.update(document)
    if action != "jump":
        session.suggest()
    return document


@given(st.sampled_from([CODE, OTHER, NOTEBOOK]), st.lists(ACTIONS, max_size=8))
@with_settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_whatever_somebody_does_the_suggestion_is_that_of_an_engine_that_has_forgotten_all(
    terse: TerseEngine, forgetful: ForgetfulEngine, document: Document, actions: list[tuple[str, Any]]
) -> None:
    sessions = [Session(engine, OPEN, name=next(_names)) for engine in (terse, forgetful)]
    documents = [document, document]
    for session in sessions:
        session.update(document)
    for action, value in actions:
        for number, session in enumerate(sessions):
            documents[number] = act(session, documents[number], action, value)
        assert documents[0] == documents[1]
        first, second = (session.suggest() for session in sessions)
        assert essence(first) == essence(second)


@given(st.sampled_from([CODE, OTHER, NOTEBOOK]), st.lists(ACTIONS, max_size=8))
@with_settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_whatever_somebody_does_the_nano_raises_nothing_but_our_errors(
    nano: LlamaEngine, document: Document, actions: list[tuple[str, Any]]
) -> None:
    session = Session(nano, name=next(_names))
    session.update(document)
    for action, value in actions:
        try:
            document = act(session, document, action, value)
        except TabTabError:
            session.update(document)
    assert session.suggest().document.codes
