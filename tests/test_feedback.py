"""What became of suggestions, as clients tell it or their next question does: through the desk."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

import pytest

from tabtab_local.desk.ask import Ask, ask_at
from tabtab_local.desk.desk import Desk, Limits
from tabtab_local.document import Document, document_at, document_of
from tabtab_local.edits import Span
from tabtab_local.feedback.export import objection
from tabtab_local.feedback.record import Record
from tabtab_local.prompt import parse_prompt, parse_response
from tests.editing import MARIMO, deleted, inserting, python, rewriting, typed
from tests.fakes import ScriptedEngine
from tests.test_server_dialect import LOAD

LIMITS = Limits(prefetch_delay_s=3600.0, documents=2)
OPEN = python("import json\n\nrows = |\nprint(rows)\nprint(1)\n")


class Client:
    """A client of a desk whose model gives prepared answers; `records` are those that were noted."""

    def __init__(self, *answers: str) -> None:
        self.records: list[Record] = []
        self.desk = Desk(ScriptedEngine(answers), LIMITS, self.records.append)
        self.number = 0

    def __enter__(self) -> Client:
        return self

    def __exit__(self, *_: object) -> None:
        self.desk.close()

    def ask(self, document: Document, name: str = "a.py", **more: Any) -> int | None:
        """Ask, and show what is suggested; return the number that it is shown by."""
        return self.put(ask_at("test", document.code, document.cursor, name=name, **more))

    def put(self, ask: Ask) -> int | None:
        suggestion = asyncio.run(self.desk.suggestion(ask))
        if not ask.shows(suggestion):
            return None
        self.number += 1
        self.desk.shown(self.number, ask, suggestion)
        return self.number

    @property
    def outcomes(self) -> list[str]:
        return [record.outcome for record in self.records]


def became(record: Record) -> str:
    assert record.became is not None
    return parse_response(record.became).region


def away(document: Document) -> Document:
    """Return a document after a line was added at its end."""
    return typed(document.at(0, len(document.code)), "x = 1\n")


def test_what_is_taken_is_accepted_and_the_record_says_what_was_asked() -> None:
    with Client(inserting(OPEN, LOAD), inserting(typed(OPEN, LOAD))) as client:
        client.ask(OPEN)
        assert client.records == []
        client.ask(typed(OPEN, LOAD))
    (record,) = client.records
    assert (record.outcome, record.model, record.prompt_version, record.client) == ("accepted", "scripted", 1, "test")
    assert f"{parse_prompt(record.prompt).region}\n" == OPEN.code
    assert f"{parse_response(record.answer).region}\n" == typed(OPEN, LOAD).code
    assert record.became is None and objection(record) is not None


def test_what_is_typed_along_is_one_suggestion_and_then_accepted() -> None:
    with Client(inserting(OPEN, LOAD), inserting(typed(OPEN, LOAD))) as client:
        numbers = [client.ask(typed(OPEN, LOAD[:count])) for count in range(4)]
        assert numbers == [1, 2, 3, 4] and client.records == []
        client.ask(typed(OPEN, LOAD))
    assert client.outcomes == ["accepted"]


def test_what_is_left_of_a_suggestion_can_be_rejected_too() -> None:
    with Client(inserting(OPEN, LOAD)) as client:
        client.ask(OPEN)
        number = client.ask(typed(OPEN, LOAD[:3]))
        assert number and client.desk.tell(number, "rejected")
    assert client.outcomes == ["rejected"]


def test_what_is_typed_over_is_noted_with_what_was_written_once_the_user_has_left_the_line() -> None:
    steps = [typed(OPEN, "open(file)"[:count]) for count in (1, 5, 10)]
    left = away(steps[-1])
    answers = [inserting(OPEN, LOAD), *(inserting(step) for step in (*steps, left))]
    with Client(*answers) as client:
        for document in (OPEN, *steps):
            client.ask(document)
            assert client.records == []
        client.ask(left)
    (record,) = client.records
    assert record.outcome == "typed_over" and objection(record) is None
    assert became(record) == parse_prompt(record.prompt).region.replace("rows = ", "rows = open(file)")
    assert record.became is not None and "rows = open(file)<|user_cursor_is_here|>" in record.became


def test_each_suggestion_on_the_way_is_typed_over_by_what_was_written_in_the_end() -> None:
    first, second = typed(OPEN, "o"), typed(OPEN, "op")
    left = away(typed(OPEN, "open(file)"))
    answers = [inserting(OPEN, LOAD), inserting(first, "rdered()"), inserting(second, "tional"), inserting(left)]
    with Client(*answers) as client:
        for document in (OPEN, first, second, left):
            client.ask(document)
    assert client.outcomes == ["typed_over"] * 3
    assert len({record.answer for record in client.records}) == 3
    assert len({became(record) for record in client.records}) == 1


def test_what_is_passed_over_was_shown_and_no_more() -> None:
    with Client(inserting(OPEN, LOAD), inserting(away(OPEN))) as client:
        client.ask(OPEN)
        client.ask(away(OPEN))
    assert client.outcomes == ["shown"]


def test_what_the_end_finds_open_is_noted_as_it_is() -> None:
    begun = typed(OPEN, "open")
    other = python("names = |\n\ndef first(names):\n    return names[0]\n")
    with Client(inserting(OPEN, LOAD), inserting(begun), inserting(other, "[]")) as client:
        client.ask(OPEN)
        client.ask(begun)
        client.ask(other, name="b.py")
    assert client.outcomes == ["typed_over", "shown"]
    assert all(record.became is None for record in client.records)


def test_a_document_that_is_forgotten_leaves_its_record() -> None:
    documents = [python(f"names_{number} = |\n") for number in range(3)]
    with Client(*(inserting(each, "[]") for each in documents)) as client:
        for number, document in enumerate(documents):
            client.ask(document, name=str(number))
        assert client.outcomes == ["shown"]


def test_silence_and_what_a_client_cannot_show_is_not_noted() -> None:
    answers = [inserting(OPEN), rewriting(typed(OPEN, "1"), "rows", "lines_all")]
    with Client(*answers) as client:
        assert client.ask(OPEN) is None
        assert client.ask(typed(OPEN, "1")) is None
    assert client.records == []


def test_what_is_told_counts_more_than_the_text() -> None:
    with Client(inserting(OPEN, LOAD)) as client:
        number = client.ask(OPEN)
        assert number and client.desk.tell(number, "accepted")
        assert client.outcomes == ["accepted"]
        assert not client.desk.tell(number, "rejected")
    assert client.outcomes == ["accepted"]


def test_what_is_rejected_does_not_come_again_and_what_is_written_instead_is_noted() -> None:
    left = away(typed(OPEN, "open(file)"))
    with Client(inserting(OPEN, LOAD), inserting(OPEN, LOAD), inserting(left)) as client:
        number = client.ask(OPEN)
        assert number and client.desk.tell(number, "rejected")
        assert client.ask(OPEN) is None
        client.ask(left)
    (record,) = client.records
    assert record.outcome == "rejected" and "open(file)" in became(record) and objection(record) is None


def test_where_nothing_is_written_after_a_rejection_nothing_was_to_be_done() -> None:
    with Client(inserting(OPEN, LOAD), inserting(away(OPEN))) as client:
        number = client.ask(OPEN)
        assert number and client.desk.tell(number, "rejected")
        client.ask(away(OPEN))
    (record,) = client.records
    assert record.outcome == "rejected" and objection(record) is None
    assert record.became and parse_response(record.became).region == parse_prompt(record.prompt).region


def test_a_rejection_that_comes_late_leaves_the_newer_suggestion_alone() -> None:
    begun = typed(OPEN, "o")
    with Client(inserting(OPEN, LOAD), inserting(begun, "pen(file)")) as client:
        first, second = client.ask(OPEN), client.ask(begun)
        assert first and second and client.desk.tell(first, "rejected")
        assert client.ask(begun) is not None


def test_an_answer_that_is_out_of_date_was_not_shown() -> None:
    with Client(inserting(OPEN, LOAD), inserting(typed(OPEN, "o"))) as client:
        ask = ask_at("test", OPEN.code, OPEN.cursor, name="a.py")
        suggestion = asyncio.run(client.desk.suggestion(ask))
        client.ask(typed(OPEN, "o"))
        client.desk.shown(1, ask, suggestion)
    assert client.records == []


def test_typing_back_brings_a_suggestion_back() -> None:
    wrong = typed(OPEN, "o")
    with Client(inserting(OPEN, LOAD), inserting(wrong), inserting(OPEN, LOAD), inserting(typed(OPEN, LOAD))) as client:
        for document in (OPEN, wrong, deleted(wrong), typed(OPEN, LOAD)):
            client.ask(document)
    assert "typed_over" not in client.outcomes


def test_a_cell_is_followed_whether_its_notebook_is_found_or_not() -> None:
    cell = document_at(MARIMO, MARIMO.index('print("first"') + 4)
    asked = replace(ask_at("marimo /folder", cell.code, cell.cursor), document=cell)
    after = cell.code.replace('"first"', '"once"')
    answers = [rewriting(cell, "first", "once"), inserting(Document("python", after, after, 4))]
    with Client(*answers) as client:
        client.put(replace(asked, takes_edits=True))
        client.put(ask_at("marimo /folder", after, 4))
    (record,) = client.records
    assert (record.outcome, record.client) == ("accepted", "marimo")


def test_an_edit_in_another_cell_is_followed_there() -> None:
    cells = ("total = 1\n", "print(total)\nprint(2)")

    def ask(codes: tuple[str, ...], cell: int, caret: int) -> Ask:
        asked = ask_at("test", codes[cell], caret, name="a", takes_edits=True)
        return replace(asked, document=document_of(codes, cell, caret))

    shown = ask(cells, 1, 5)
    with Client(rewriting(shown.document, "total)\n", "total, 1)\n"), inserting(document_of(cells, 0, 9))) as client:
        client.put(shown)
        client.put(ask((cells[0], "print(total, 1)\nprint(2)"), 0, 9))
    assert client.outcomes == ["accepted"]


def test_a_small_cell_is_known_again_after_a_long_suggestion() -> None:
    document = python("df = |")
    long = "pd.read_csv('sales.csv', parse_dates=['day'])"
    with Client(inserting(document, long), inserting(typed(document, long))) as client:
        client.ask(document, name="")
        client.ask(typed(document, long), name="")
        assert client.desk.load[0] == 1
    assert client.outcomes == ["accepted"]


def test_a_rejection_while_nothing_is_kept_is_heeded_too() -> None:
    with Desk(ScriptedEngine([inserting(OPEN, LOAD)] * 2), LIMITS) as desk:
        ask = ask_at("test", OPEN.code, OPEN.cursor)
        suggestion = asyncio.run(desk.suggestion(ask))
        desk.shown(1, ask, suggestion)
        assert desk.tell(1, "rejected")
        assert asyncio.run(desk.suggestion(ask)).edits == ()


@pytest.mark.parametrize(("window", "shown"), [(Span(0, 40), True), (Span(24, 40), False)])
def test_who_rewrites_a_window_shows_an_edit_inside_it(window: Span, shown: bool) -> None:
    with Client(inserting(OPEN, LOAD)) as client:
        assert (client.ask(OPEN, window=window) is not None) == shown
