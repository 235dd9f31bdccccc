"""What became of suggestions, as clients of the server tell it or their next request does."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from tabtab_local.feedback import log
from tabtab_local.feedback.record import Record
from tabtab_local.server.serve import Service, application
from tests.editing import inserting, python, rewriting, typed
from tests.fakes import ScriptedEngine
from tests.test_feedback import LIMITS
from tests.test_server_dialect import ADDRESS, AFTER, BEFORE, LOAD, llama_vim, marimo, native, zed

FEEDBACK = "/v1/tabtab/feedback"


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
