"""What became of suggestions, as clients tell it or their next question does: through the desk, HTTP and the editor."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from tabtab_local.desk.ask import Ask, ask_at
from tabtab_local.desk.desk import Desk, Limits
from tabtab_local.document import Document, document_at, document_of
from tabtab_local.edits import Span
from tabtab_local.feedback import log
from tabtab_local.feedback.export import objection
from tabtab_local.feedback.record import Record
from tabtab_local.prompt import parse_prompt, parse_response
from tabtab_local.server.serve import Service, application
from tests.editing import MARIMO, deleted, inserting, python, rewriting, typed
from tests.fakes import ScriptedEngine
from tests.test_lsp import CODE, END, LSP, URI, Editor
from tests.test_server_dialect import ADDRESS, AFTER, BEFORE, LOAD, llama_vim, marimo, native, zed

FEEDBACK = "/v1/tabtab/feedback"
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


@pytest.fixture
def served() -> Iterator[Callable[..., tuple[TestClient, list[Record]]]]:
    """A function that serves prepared answers, and returns a client and the records that are noted."""
    open_clients: list[TestClient] = []

    def serve(*answers: str, **service: Any) -> tuple[TestClient, list[Record]]:
        records: list[Record] = []
        app = application(Service(**service), ScriptedEngine(answers), LIMITS, records.append)
        open_clients.append(TestClient(app, base_url=ADDRESS))
        return open_clients[-1].__enter__(), records

    yield serve
    for client in open_clients:
        client.__exit__(None, None, None)


def test_a_native_client_tells_by_the_answer_s_id(served: Any) -> None:
    document = python(f"{BEFORE}|{AFTER}")
    after = python(f"{BEFORE}|{AFTER}x = 1\n")
    client, records = served(*[inserting(document, LOAD)] * 2, inserting(after))
    first = client.post("/v1/tabtab/next_edit", json=native(BEFORE, AFTER)).json()
    told = {"id": first["id"], "event": "rejected"}
    assert client.post(FEEDBACK, json=told).json() == {"id": first["id"], "known": True}
    again = client.post("/v1/tabtab/next_edit", json=native(BEFORE, AFTER)).json()
    assert again["edits"] == [] and again["silence"].startswith("rejected")
    assert records == []  # what is written instead is still to be seen
    client.post("/v1/tabtab/next_edit", json=native(BEFORE, f"{AFTER}x = 1\n"))
    assert [record.outcome for record in records] == ["rejected"]
    assert client.post(FEEDBACK, json=told).json()["known"] is False


@pytest.mark.parametrize(
    "body", ["{", "[]", '{"id": 1}', '{"id": "1", "event": "accepted"}', '{"id": 1, "event": "x"}']
)
def test_feedback_that_makes_no_sense_is_refused_in_a_line(served: Any, body: str) -> None:
    client, _ = served()
    response = client.post(FEEDBACK, content=body, headers={"content-type": "application/json"})
    assert response.status_code == 400 and "\n" not in response.json()["error"]["message"]


def test_feedback_stands_behind_the_guard_and_in_the_description(served: Any) -> None:
    client, _ = served(token="right")
    told = {"id": 1, "event": "accepted"}
    assert client.post(FEEDBACK, json=told).status_code == 401
    headers = {"authorization": "Bearer right"}
    assert client.post(FEEDBACK, json=told, headers={**headers, "origin": "http://evil.example"}).status_code == 403
    assert client.post(FEEDBACK, json=told, headers=headers).json()["known"] is False
    paths = client.get("/openapi.json", headers=headers).json()["paths"]
    assert "$ref" in paths[FEEDBACK]["post"]["requestBody"]["content"]["application/json"]["schema"]


@pytest.mark.parametrize(
    ("path", "body"),
    [("/v1/chat/completions", marimo), ("/v1/completions", zed), ("/v1/tabtab/next_edit", native)],
    ids=["marimo", "zed", "native"],
)
def test_clients_that_never_tell_are_understood(served: Any, path: str, body: Any) -> None:
    before, after = (python(f"{BEFORE}{text}|{AFTER}") for text in ("", LOAD))
    client, records = served(inserting(before, LOAD), inserting(after))
    client.post(path, json=body(BEFORE, AFTER))
    client.post(path, json=body(BEFORE + LOAD, AFTER))
    assert [record.outcome for record in records] == ["accepted"]


class LlamaVim:
    """llama.vim: it keeps answers, and asks about the text after each that it shows before anybody has taken it."""

    def __init__(self, client: TestClient) -> None:
        self._client, self._kept = client, dict[str, str]()

    def type(self, text: str) -> str:
        """Type up to a text before the cursor; return what is shown there."""
        shown = self._answer(text)
        if shown:
            self._answer(text + shown)
        return shown

    def _answer(self, before: str) -> str:
        for length in range(len(before) + 1):  # an older answer that is typed along
            older = self._kept.get(before[: len(before) - length], "")
            if older and older.startswith(before[len(before) - length :]) and len(older) > length:
                return older[length:]
        if before not in self._kept:
            self._kept[before] = self._client.post("/infill", json=llama_vim(before, AFTER)).json()["content"]
        return self._kept[before]


VIM = python(f"{BEFORE}|{AFTER}")
TAKEN = typed(VIM, LOAD)


@pytest.fixture
def vim(served: Any) -> Callable[..., tuple[LlamaVim, list[Record], Callable[[], None]]]:
    def start(*answers: str) -> tuple[LlamaVim, list[Record], Callable[[], None]]:
        client, records = served(*answers)
        return LlamaVim(client), records, lambda: client.__exit__(None, None, None)

    return start


def test_what_is_only_looked_ahead_of_is_not_accepted(vim: Any) -> None:
    over = typed(VIM, "open(file)")
    editor, records, close = vim(
        inserting(VIM, LOAD), inserting(TAKEN, "[0]"), inserting(typed(VIM, "o")), inserting(over)
    )
    assert editor.type(BEFORE) == LOAD
    assert records == []
    editor.type(f"{BEFORE}o")
    assert records == []  # and nobody has seen what would have come after
    editor.type(f"{BEFORE}open(file)")
    close()
    assert [(record.outcome, "[0]" in record.answer) for record in records] == [("typed_over", False)]


@pytest.mark.parametrize("long", [LOAD, "[\n    1,\n]"])
def test_what_is_passed_over_after_a_look_ahead_was_shown_and_no_more(vim: Any, long: str) -> None:
    answers = (inserting(VIM, long), inserting(typed(VIM, long), "[0]"), inserting(typed(VIM, "x")))
    editor, records, close = vim(*answers)
    assert editor.type(BEFORE) == long
    editor.type(f"{BEFORE}x")
    editor.type(BEFORE)
    close()
    assert len(records) == 1 and records[0].outcome != "accepted"


def test_what_was_looked_ahead_of_is_accepted_once_the_client_goes_on_from_there(vim: Any) -> None:
    further = typed(TAKEN, "[0]")
    editor, records, close = vim(inserting(VIM, LOAD), inserting(TAKEN, "[0]"), inserting(further))
    assert editor.type(BEFORE) == LOAD
    assert editor.type(BEFORE + LOAD) == "[0]"  # asks no more than what comes after that
    assert [record.outcome for record in records] == ["accepted"]
    close()
    assert [record.outcome for record in records] == ["accepted", "shown"]


def test_what_nobody_went_on_from_is_shown_and_what_came_after_it_is_not(vim: Any) -> None:
    editor, records, close = vim(inserting(VIM, LOAD), inserting(TAKEN, "[0]"))
    assert editor.type(BEFORE) == LOAD
    close()
    assert [(record.outcome, "[0]" in record.answer) for record in records] == [("shown", False)]


@pytest.mark.parametrize("body", [marimo, zed, native], ids=["marimo", "zed", "native"])
def test_what_a_client_was_not_told_was_not_shown(served: Any, body: Any) -> None:
    paths = {marimo: "/v1/chat/completions", zed: "/v1/completions", native: "/v1/tabtab/next_edit"}
    document = python(f"{BEFORE}|{AFTER}")
    client, records = served(rewriting(document, "rows", "lines_all"))
    client.post(paths[body], json=body(BEFORE, AFTER))
    client.__exit__(None, None, None)
    assert [record.outcome for record in records] == (["shown"] if body is native else [])


@pytest.mark.parametrize(("window", "shown"), [(Span(0, 40), True), (Span(24, 40), False)])
def test_who_rewrites_a_window_shows_an_edit_inside_it(window: Span, shown: bool) -> None:
    with Client(inserting(OPEN, LOAD)) as client:
        assert (client.ask(OPEN, window=window) is not None) == shown


def test_without_the_option_nothing_is_written(served: Any, temporary_home: Path) -> None:
    document = python(f"{BEFORE}|{AFTER}")
    app = application(Service(), ScriptedEngine([inserting(document, LOAD)]), LIMITS)
    with log.keeping(False, print), TestClient(app, base_url=ADDRESS) as client:
        number = client.post("/v1/tabtab/next_edit", json=native(BEFORE, AFTER)).json()["id"]
        client.post(FEEDBACK, json={"id": number, "event": "accepted"})
    assert list(temporary_home.iterdir()) == []


def test_with_it_the_log_is_written_and_its_place_is_told() -> None:
    said: list[str] = []
    document = python(f"{BEFORE}|{AFTER}")
    with log.keeping(True, said.append) as note:
        app = application(Service(), ScriptedEngine([inserting(document, LOAD)]), LIMITS, note)
        with TestClient(app, base_url=ADDRESS) as client:
            client.post("/v1/completions", json=zed(BEFORE, AFTER))
    assert [record.outcome for record in log.read(log.default_folder()) if record] == ["shown"]
    assert len(said) == 1 and str(log.default_folder()) in said[0]


def test_a_log_that_fails_is_no_failure_of_the_server() -> None:
    said: list[str] = []
    documents = [python(f"{BEFORE}|{AFTER}"), python(f"{BEFORE}{LOAD}|{AFTER}")]
    answers = [inserting(documents[0], LOAD), inserting(documents[1], ".items()")]
    with log.keeping(True, said.append) as note:
        log.default_folder().rmdir()
        log.default_folder().write_text("in the way")
        with TestClient(application(Service(), ScriptedEngine(answers), LIMITS, note), base_url=ADDRESS) as client:
            for before in (BEFORE, BEFORE + LOAD):
                assert client.post("/v1/completions", json=zed(before, AFTER)).json()["choices"][0]["text"]
    assert [line.partition(":")[0] for line in said[1:]] == ["feedback is not kept any more"]


def kept() -> bytes:
    """Return what is said on stderr where feedback is kept."""
    folder = log.default_folder()
    return f"what becomes of suggestions is kept in {folder}: `tabtab-local feedback delete` removes it\n".encode()


@pytest.fixture
def editor() -> Iterator[Editor]:
    editor = Editor(*LSP, "--feedback")
    yield editor
    if editor.process.poll() is None:
        editor.close(kept())


def test_an_editor_tells_by_commands(editor: Editor) -> None:
    assert "tabtab.reject" in editor.told["capabilities"]["executeCommandProvider"]["commands"]
    editor.open()
    (item,) = editor.ghosts()
    uri, number = item["command"]["arguments"]
    assert (uri, isinstance(number, int)) == (URI, True)
    editor.ask("workspace/executeCommand", command="tabtab.reject", arguments=[URI])
    assert editor.ghosts() == []
    document = {"uri": URI, "version": 1}
    told = editor.ask("textDocument/copilotInlineEdit", textDocument=document, position=END)
    assert told["result"] == {"edits": []}
    editor.change(CODE.replace("df = ", "df = open(file)\n"), 2)
    editor.ghosts({"line": 4, "character": 0})
    editor.close(kept())
    records = [record for record in log.read(log.default_folder()) if record]
    assert records[0].outcome == "rejected" and "df = open(file)" in became(records[0])
    assert (records[0].client, records[0].model) == ("lsp", "tabtab-nano")


def test_an_editor_s_acceptance_is_noted_at_once(editor: Editor) -> None:
    editor.open()
    (item,) = editor.ghosts()
    editor.ask("workspace/executeCommand", **item["command"] | {"title": None})
    editor.ask("workspace/executeCommand", command="tabtab.reject", arguments=[])
    editor.close(kept())
    assert [record.outcome for record in log.read(log.default_folder()) if record] == ["accepted"]


def test_an_editor_s_code_is_not_kept_unless_asked_for() -> None:
    editor = Editor(*LSP)
    editor.open()
    assert editor.ghosts()
    editor.close()
    assert not log.default_folder().exists()
