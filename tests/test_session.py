"""A session while somebody edits: what stays, what is shown, what Tab does."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tabtab_local.config import Settings
from tabtab_local.document import open_document
from tabtab_local.engine import Generation, LlamaEngine
from tabtab_local.errors import Cancelled, UsageError
from tabtab_local.prompt import EDIT_START, INTENT, Response, render_response
from tabtab_local.registry import embedded_path
from tabtab_local.session import SESSION_SETTINGS, Session
from tabtab_local.suggestion import Suggestion
from tests.editing import MARIMO, TerseEngine, asked, deleted, essence, inserting, moved, opened, python, typed
from tests.fakes import ScriptedEngine

BEFORE = python("import pandas as pd\n\nfile = 'a.csv'\ndf = |\nprint(df)\n")
READ = "pd.read_csv(file)"
# The nano knows how this one goes on.
CSV = python("import csv\nimport pandas as pd\n\nfile = 'a.csv'\ndf = |\n\n\ndef main():\n    print(df.head())\n")
OPEN = Settings(infer_intent=False, gates=frozenset())


class CountingEngine(LlamaEngine):
    """Counts the tokens that it evaluates in prompts."""

    evaluated = 0

    def generate(self, *arguments: Any, **options: Any) -> Generation:
        generation = super().generate(*arguments, **options)
        self.evaluated += generation.timings.evaluated_tokens
        return generation

    def evaluated_by(self, work: Callable[[], object]) -> int:
        """Return how many tokens are evaluated in prompts while `work` is done."""
        before = self.evaluated
        work()
        return self.evaluated - before


@pytest.fixture(scope="module")
def nano() -> Iterator[CountingEngine]:
    with CountingEngine(embedded_path(), threads=1, sequences=4) as engine:
        yield engine


def test_the_work_of_a_suggestion_has_the_reading_of_its_prompt(nano: CountingEngine) -> None:
    session = Session(nano, OPEN, name="work")
    session.update(CSV)
    found: list[Suggestion] = []
    tokens = nano.evaluated_by(lambda: found.append(session.suggest()))
    (timings,) = (suggestion.timings for suggestion in found)
    assert timings is not None
    assert timings.evaluated_tokens == tokens > len(CSV.code) / 8
    assert 0 < timings.prompt_ms < timings.first_token_ms < timings.total_ms


def test_while_somebody_types_the_prompt_stays_and_what_is_typed_is_forced() -> None:
    states = [BEFORE, *(typed(BEFORE, text) for text in ("p", "pa", "pan", "pan = ")), typed(BEFORE, "pa")]
    session, engine = opened(BEFORE, [inserting(state) for state in states])
    for state in states:
        session.update(state)
        assert session.suggest().silence == "no_op: nothing to change"
    requests = asked(engine)
    assert len({request.prompt for request in engine.requests}) == 1
    for state, request in zip(states, requests, strict=True):
        assert (request.start + request.typed).endswith(state.code[: state.cursor])
    assert len(engine.requests) == len(requests) + 1  # the prompt is read once, by itself


def test_deleting_what_stood_there_is_an_edit_in_progress_too() -> None:
    states = [BEFORE, deleted(BEFORE, 2), typed(deleted(BEFORE, 2), "+= ")]
    session, engine = opened(BEFORE, [inserting(state) for state in states])
    for state in states:
        session.update(state)
        session.suggest()
    assert len({request.prompt for request in engine.requests}) == 1
    last = asked(engine)[-1]
    assert (last.start + last.typed).endswith("\ndf += ")


def test_elsewhere_there_is_a_new_prompt_with_the_region_as_it_is_then() -> None:
    there = moved(BEFORE, 3)
    session, engine = opened(BEFORE, [inserting(BEFORE), inserting(there)])
    session.suggest()
    session.update(there)
    session.suggest()
    prompts = [request.prompt for request in asked(engine)]
    assert "imp<|user_cursor_is_here|>ort" in prompts[1] and prompts[0] != prompts[1]


def test_nothing_can_be_asked_before_a_document_is_open() -> None:
    with pytest.raises(UsageError, match="update"):
        Session(ScriptedEngine([])).suggest()


def test_typing_what_is_suggested_asks_no_model() -> None:
    session, engine = opened(BEFORE, [inserting(BEFORE, READ)])
    whole = session.suggest()
    assert whole.ghost == READ and whole.timings is not None
    done = len(engine.requests)
    for count in range(1, len(READ)):
        left = session.update(typed(BEFORE, READ[:count]))
        assert left is not None and left.ghost == READ[count:] and left.timings is None
        assert session.shown is left is session.suggest()
    assert session.update(typed(BEFORE, READ)) is None and session.shown is None
    assert len(engine.requests) == done


def test_typing_something_else_takes_the_suggestion_away() -> None:
    other = typed(BEFORE, "None")
    session, _ = opened(BEFORE, [inserting(BEFORE, READ), inserting(other)])
    session.suggest()
    assert session.update(other) is None and session.shown is None
    assert session.suggest().silence


def test_the_same_document_again_changes_nothing() -> None:
    session, engine = opened(BEFORE, [inserting(BEFORE, READ)])
    shown = session.suggest()
    assert session.update(replace(BEFORE)) is shown
    assert session.suggest() is shown
    assert len(asked(engine)) == 1


def test_the_text_at_the_cursor_is_shown_as_it_grows() -> None:
    session, _ = opened(BEFORE, [inserting(BEFORE, READ)])
    seen: list[str] = []
    session.suggest(show=seen.append)
    # The cursor's marker comes by itself and shows the whole once more.
    assert list(dict.fromkeys(seen)) == [READ[:count] for count in range(1, len(READ) + 1)]


def test_text_that_the_model_is_not_sure_of_is_not_shown() -> None:
    seen: list[str] = []
    session, _ = opened(BEFORE, [inserting(BEFORE, READ)], confidence=0.3)
    silent = session.suggest(show=seen.append)
    assert (silent.silence or "").startswith("confidence") and seen == [] and session.shown is None
    engine = ScriptedEngine([inserting(BEFORE, READ)], confidence=0.3)
    session = Session(engine, OPEN)
    session.update(BEFORE)
    assert session.suggest(show=seen.append).ghost == READ and seen[-1] == READ


def test_tab_puts_the_text_and_the_cursor_where_the_answer_said() -> None:
    region = BEFORE.code.rstrip("\n")
    text = region.replace("df = ", f"df = {READ}.head()")
    session, _ = opened(BEFORE, [render_response(Response(text, text.index(".head")))])
    suggestion = session.suggest()
    after = session.accept()
    assert after.code == text + "\n"
    assert after.cursor == suggestion.cursor == text.index(".head")
    assert session.shown is None and session.update(after) is None


def test_there_is_nothing_to_accept_where_nothing_is_shown() -> None:
    session, _ = opened(BEFORE, [inserting(BEFORE)])
    session.suggest()
    with pytest.raises(UsageError, match="nothing"):
        session.accept()


def test_what_was_edited_is_told_in_the_next_prompt() -> None:
    after = typed(BEFORE, READ)
    session, engine = opened(BEFORE, [inserting(BEFORE, READ), inserting(after)])
    session.suggest()
    assert "# Recent edits" not in engine.requests[-1].prompt
    session.accept()
    session.suggest()
    edit = f"# Recent edits\noriginal:\ndf = \nupdated:\ndf = {READ}\n"
    assert edit in engine.requests[-1].prompt


def test_an_edit_of_a_short_cell_does_not_make_a_notebook_another_text() -> None:
    first = open_document(MARIMO, jupyter=False, line=8)
    second = open_document(MARIMO.replace("total = 1", "total = 12"), jupyter=False, line=14)
    session, engine = opened(first, [inserting(first), inserting(second)])
    session.suggest()
    session.update(second)
    session.suggest()
    assert "original:\ntotal = 1\nupdated:\ntotal = 12\n" in engine.requests[-1].prompt


@pytest.mark.parametrize("cells", [3, 2])
def test_another_notebook_has_no_history_of_edits(cells: int) -> None:
    first = open_document(MARIMO, jupyter=False, line=8)
    edited = open_document(MARIMO.replace("total = 1", "total = 12"), jupyter=False, line=14)
    text = MARIMO.replace("total", "rows").replace("print", "show").replace(" = 1", " = load(path, sheet=2)")
    if cells == 2:
        text = text[: text.rindex("@app.cell")]
    other = open_document(text, jupyter=False, line=8)
    session, engine = opened(first, [inserting(document) for document in (first, edited, other)])
    for document in (first, edited, other):
        session.update(document)
        session.suggest()
    assert "# Recent edits" in asked(engine)[1].prompt and "# Recent edits" not in asked(engine)[2].prompt


def test_a_cell_that_is_added_leaves_the_history() -> None:
    first = open_document(MARIMO, jupyter=False, line=8)
    edited = open_document(MARIMO.replace("total = 1", "total = 12"), jupyter=False, line=14)
    more = open_document(edited.file + "\n\n@app.cell\ndef _():\n    x = 1\n    return\n", jupyter=False, line=14)
    session, engine = opened(first, [inserting(document) for document in (first, edited, more)])
    for document in (first, edited, more):
        session.update(document)
        session.suggest()
    assert "updated:\ntotal = 12\n" in asked(engine)[2].prompt


def test_a_rejected_change_is_not_suggested_again_and_another_is() -> None:
    begun = typed(BEFORE, "pd")
    answers = [inserting(BEFORE, READ), inserting(BEFORE, READ), inserting(begun, READ[2:]), inserting(begun, ".NA")]
    session, _ = opened(BEFORE, answers)
    session.suggest()
    session.reject()
    assert session.shown is None
    assert (session.suggest().silence or "").startswith("rejected")
    session.update(begun)
    assert (session.suggest().silence or "").startswith("rejected")
    assert session.suggest().ghost == ".NA"


def test_what_was_rejected_in_one_cell_may_be_right_in_another() -> None:
    text = MARIMO.replace('print("second", total)', 'print("first", total)')
    here, there = (open_document(text, jupyter=False, line=line) for line in (14, 20))
    assert here.code == there.code
    session, _ = opened(here, [inserting(here, "  # x"), inserting(there, "  # x")])
    session.suggest()
    session.reject()
    session.update(there)
    assert session.suggest().ghost == "  # x"


def test_rejecting_nothing_does_nothing() -> None:
    session, _ = opened(BEFORE, [inserting(BEFORE, READ)])
    session.reject()
    assert session.suggest().ghost == READ


def test_typing_on_after_a_prefetch_evaluates_few_tokens(nano: CountingEngine) -> None:
    session = Session(nano, name="kept")
    session.update(CSV)
    assert nano.evaluated_by(session.suggest) > 40
    assert session.shown is not None and session.shown.ghost.startswith("pd.read_csv")
    assert session.prefetch()
    session.update(typed(CSV, "pd.re"))
    assert nano.evaluated_by(session.suggest) == 0
    session.update(typed(CSV, "pd.rex"))
    assert session.shown is None and nano.evaluated_by(session.suggest) < 10


def test_after_tab_typing_goes_on_from_what_was_prepared(nano: CountingEngine) -> None:
    session = Session(nano, name="tab")
    session.update(CSV)
    session.suggest()
    assert nano.evaluated_by(session.prefetch) > 0
    after = session.accept()
    assert nano.evaluated_by(session.suggest) == 0
    session.update(typed(after, "\nx"))
    assert nano.evaluated_by(session.suggest) < 10


def test_an_edit_that_the_file_cannot_hold_is_not_suggested() -> None:
    text = MARIMO.replace(
        '@app.cell\ndef _(total):\n    print("first", total)\n    return\n',
        'app._unparsable_cell(\n    r"""\n    print(total\n    """,\n    name="_"\n)\n',
    )
    document = open_document(text, jupyter=False, line=14)
    session, _ = opened(document, [inserting(document, ', """x""")'), inserting(document, ", 'x')")])
    assert (session.suggest().silence or "").startswith("file: the cell is stored as one string")
    session.update(moved(document, 0))
    session.update(document)
    assert session.suggest().ghost == ", 'x')"


def test_an_update_stops_the_request_that_runs_and_the_next_answer_is_right(nano: CountingEngine) -> None:
    session, now = Session(nano, name="latest"), typed(CSV, "pd.")
    expected = Session(nano, name="reference")
    for document in (CSV, now):
        expected.update(document)
        right = expected.suggest()
    session.update(CSV)
    nano.forget()

    def change(text: str) -> None:
        thread = threading.Thread(target=session.update, args=(now,))
        thread.start()
        thread.join()

    with pytest.raises(Cancelled):
        session.suggest(show=change)
    assert session.shown is None
    again = session.suggest()
    assert essence(again) == essence(right) and again.document == now


def test_several_documents_on_one_engine_get_what_each_gets_alone(tiny_gguf: Path) -> None:
    beginnings = {
        name: python(f"import {name}\n\nrows = {name}.|\nprint(rows, {name})\n") for name in ("csv", "json", "re")
    }

    def play(engine: LlamaEngine, *names: str) -> dict[str, list[object]]:
        """Return what was suggested in each document, edited by turns."""
        sessions = {name: Session(engine, OPEN, name=name) for name in names}
        said: dict[str, list[object]] = {name: [] for name in names}
        for text in ("", "l", "lo", "loa", "loa(", "lo", "los"):
            for name, session in sessions.items():
                session.update(typed(beginnings[name], text))
                said[name].append(essence(session.suggest()))
                session.prefetch()
                if text == "loa(" and session.shown:
                    session.accept()
                    said[name].append(essence(session.suggest()))
        return said

    alone: dict[str, list[object]] = {}
    for name in beginnings:
        with TerseEngine(tiny_gguf, threads=1, sequences=2) as engine:
            alone |= play(engine, name)
    assert any(len(said) > 7 for said in alone.values())  # something was accepted
    for sequences in (8, 2):  # with two, documents push each other out
        with TerseEngine(tiny_gguf, threads=1, sequences=sequences) as engine:
            assert play(engine, *beginnings) == alone


def test_a_document_that_lost_its_cache_gets_the_same_suggestion(nano: CountingEngine) -> None:
    session = Session(nano, name="first")
    session.update(CSV)
    expected = session.suggest()
    for number in range(4):
        other = Session(nano, name=f"other {number}")
        other.update(python(f"x{number} = |"))
        other.suggest()
    session.update(moved(CSV, 0))
    session.update(CSV)
    assert nano.evaluated_by(session.suggest) > 40
    assert session.shown is not None and essence(session.shown) == essence(expected)


def test_an_intent_is_inferred_where_the_settings_say_so() -> None:
    answer = inserting(BEFORE, READ).replace(INTENT, f"{INTENT} Read the file")
    engine = ScriptedEngine([answer, answer])
    session = Session(engine, Settings())
    session.update(BEFORE)
    suggestion = session.suggest()
    assert (suggestion.intent, suggestion.ghost) == ("Read the file", READ)
    assert [request.stop for request in asked(engine)] == [EDIT_START, "<|EDIT_END|>"]
    assert SESSION_SETTINGS.infer_intent is False


def test_a_gate_that_is_switched_off_has_no_say() -> None:
    document = python("x = 1|\ny = 2\n")
    broken = inserting(document, " +")
    session, _ = opened(document, [broken])
    assert (session.suggest().silence or "").startswith("syntax")
    session = Session(ScriptedEngine([broken]), Settings(infer_intent=False, gates=frozenset({"no_op"})))
    session.update(document)
    assert session.suggest().ghost == " +"


def test_an_exact_answer_is_decoded_to_its_end() -> None:
    document = python("x = |\ny = 2\nz = 3\nprint(x)\nprint(y)\n")
    written = []
    for exact in (False, True):
        session = Session(ScriptedEngine([inserting(document, "1")]), Settings(infer_intent=False, exact=exact))
        session.update(document)
        suggestion = session.suggest()
        assert suggestion.ghost == "1" and suggestion.timings is not None
        written.append(suggestion.timings.decoded_tokens)
    assert written[0] < written[1]


def test_a_suggestion_is_valid_for_the_document_it_names() -> None:
    session, _ = opened(BEFORE, [inserting(BEFORE, READ)])
    suggestion = session.suggest()
    assert isinstance(suggestion, Suggestion) and suggestion.document == BEFORE
    assert session.snapshot is not None and session.snapshot.document == BEFORE


def test_a_suggestion_that_changes_nothing_is_not_shown_whatever_the_gates() -> None:
    engine = ScriptedEngine([inserting(BEFORE), inserting(typed(BEFORE, "x"))])
    session = Session(engine, OPEN)
    session.update(BEFORE)
    assert not session.suggest().edits and session.shown is None
    assert session.update(typed(BEFORE, "x")) is None
    assert not session.prefetch()
