"""The language server as an editor has it: a process, messages on its stdin and stdout."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from tabtab_local.edits import Edit
from tabtab_local.lsp.position import Lines

ROOT = Path(__file__).parent.parent
URI = "file:///w/sales.py"
CODE = 'import pandas as pd\n\nfile = "sales.csv"\ndf = \n'
LSP = ("tabtab_local", "lsp", "--model", "tabtab-nano")
START, END = {"line": 0, "character": 0}, {"line": 3, "character": 5}
RENAMED = "total = 1\nprint(total)\n"


class Editor:
    """One side of the conversation."""

    def __init__(self, *program: str, **capabilities: Any) -> None:
        self.process = subprocess.Popen([sys.executable, "-m", *program], cwd=ROOT, stdin=-1, stdout=-1, stderr=-1)
        self.number = 0
        self.told = self.ask("initialize", processId=None, rootUri=None, capabilities=capabilities)["result"]
        self.tell("initialized")

    def tell(self, method: str, **params: Any) -> None:
        """Send a notification."""
        self.send({"jsonrpc": "2.0", "method": method, "params": params})

    def send(self, message: dict[str, Any]) -> None:
        """Send a message."""
        body = json.dumps(message).encode()
        assert self.process.stdin
        self.process.stdin.write(b"Content-Length: %d\r\n\r\n%s" % (len(body), body))
        self.process.stdin.flush()

    def begin(self, method: str, **params: Any) -> int:
        """Send a request, and return its number."""
        self.number += 1
        self.send({"jsonrpc": "2.0", "id": self.number, "method": method, "params": params})
        return self.number

    def answer(self, number: int) -> dict[str, Any]:
        """Return the answer to a request; what comes before it is passed over."""
        assert self.process.stdout
        while True:
            size = 0
            while (line := self.process.stdout.readline()) != b"\r\n":
                assert line, "the server has ended"
                if line.lower().startswith(b"content-length:"):
                    size = int(line.partition(b":")[2])
            message: dict[str, Any] = json.loads(self.process.stdout.read(size))
            if message.get("id") == number and "method" not in message:
                return message

    def ask(self, method: str, **params: Any) -> dict[str, Any]:
        """Return the answer to a request."""
        return self.answer(self.begin(method, **params))

    def open(self, text: str = CODE, uri: str = URI, language: str = "python") -> None:
        """Open a document."""
        self.tell("textDocument/didOpen", textDocument={"uri": uri, "languageId": language, "version": 1, "text": text})

    def change(self, text: str, version: int) -> None:
        """Replace the whole text of the document."""
        document = {"uri": URI, "version": version}
        self.tell("textDocument/didChange", textDocument=document, contentChanges=[{"text": text}])

    def ghosts(self, position: dict[str, int] | None = None, **more: Any) -> list[dict[str, Any]]:
        """Return the items of an inline completion."""
        told = self.ask("textDocument/inlineCompletion", textDocument={"uri": URI}, position=position or END, **more)
        items: list[dict[str, Any]] = told["result"]["items"]
        return items

    def edits(self, line: int, character: int, uri: str = URI, **document: Any) -> list[tuple[str, int]]:
        """Return the text of each next edit, and the line where it begins."""
        at = {"line": line, "character": character}
        told = self.ask("textDocument/copilotInlineEdit", textDocument={"uri": uri, **document}, position=at)
        return [(edit["text"], edit["range"]["start"]["line"]) for edit in told["result"]["edits"]]

    def close(self, said: bytes = b"", *, politely: bool = True) -> None:
        """Take leave; nothing else than `said` is on stderr, which editors keep."""
        if politely:
            self.ask("shutdown")
            late = self.begin("textDocument/inlineCompletion")
        self.tell("exit")
        if politely:
            assert self.answer(late)["error"]["code"] == -32600
        assert self.process.wait(30) == (0 if politely else 1)
        assert self.process.stderr and self.process.stderr.read() == said
        for stream in (self.process.stdin, self.process.stdout, self.process.stderr):
            assert stream
            stream.close()


@pytest.fixture(scope="module")
def editor() -> Iterator[Editor]:
    editor = Editor(*LSP, general={"positionEncodings": ["utf-16"]})
    yield editor
    editor.close()


@pytest.fixture(scope="module")
def renaming() -> Iterator[Editor]:
    """One whose server's model is a rule."""
    editor = Editor("tests.renaming_server")
    editor.open("")
    yield editor
    editor.close()


def test_what_the_server_can_do_is_told(editor: Editor) -> None:
    assert "copilot" in editor.told["serverInfo"]["name"]
    assert editor.told["capabilities"]["inlineCompletionProvider"] == {}
    assert "tabtab.accept" in editor.told["capabilities"]["executeCommandProvider"]["commands"]


def test_ghost_text_comes_and_after_it_was_accepted_the_next_is_asked_for(editor: Editor) -> None:
    editor.open()
    (item,) = editor.ghosts(context={"triggerKind": 2})
    assert item["insertText"] == "pd.read_csv(file)"
    assert item["range"] == {"start": END, "end": END}
    command = item["command"]
    assert (
        editor.ask("workspace/executeCommand", command=command["command"], arguments=command["arguments"])["result"]
        is None
    )
    editor.change(CODE.replace("df = ", "df = pd.read_csv(file)"), 2)
    assert editor.ghosts({"line": 3, "character": 22}) == []
    editor.change(CODE.replace("df = ", "df = pd.read_csv(file)\n"), 3)
    (item,) = editor.ghosts({"line": 4, "character": 0})
    assert item["insertText"].startswith("df.")


def test_a_request_without_a_context_is_answered_too(editor: Editor) -> None:
    editor.change(CODE, 4)
    assert [item["insertText"] for item in editor.ghosts()] == ["pd.read_csv(file)"]


def test_a_next_edit_names_the_version_that_it_is_for(editor: Editor) -> None:
    editor.change(CODE, 5)
    document = {"uri": URI, "version": 5}
    told = editor.ask("textDocument/copilotInlineEdit", textDocument=document, position=END, context={"triggerKind": 2})
    (edit,) = told["result"]["edits"]
    assert edit["textDocument"] == document
    assert (edit["text"], edit["range"]) == ("pd.read_csv(file)", {"start": END, "end": END})


def test_a_request_that_is_cancelled_says_so_and_the_next_is_answered(editor: Editor) -> None:
    editor.change("x = 1\n" * 40 + CODE, 6)
    at = {"line": 43, "character": 5}
    number = editor.begin("textDocument/inlineCompletion", textDocument={"uri": URI}, position=at)
    editor.tell("$/cancelRequest", id=number)
    answer = editor.answer(number)
    texts = [item["insertText"] for item in editor.ghosts(at)]
    assert texts == ["pd.read_csv(file)"]
    # It may have been quicker.
    if "result" in answer:
        assert [item["insertText"] for item in answer["result"]["items"]] == texts
    else:
        assert answer["error"]["code"] == -32800


def test_a_place_beyond_all_that_the_protocol_knows_is_the_end(renaming: Editor) -> None:
    renaming.open("x = f(1)\nx = ", "file:///w/end.py")
    assert renaming.edits(10**30, 2**31, uri="file:///w/end.py") == [("f(1)", 1)]


@pytest.mark.parametrize(
    ("encoding", "units"), [("utf-8", (0, 1, 3, 7, 8)), ("utf-16", (0, 1, 2, 4, 5)), ("utf-32", (0, 1, 2, 3, 4))]
)
def test_columns_are_counted_in_the_units_agreed_on(encoding: str, units: tuple[int, ...]) -> None:
    text = "x\r\naß😀b\x0c\ry"
    lines = Lines(text, encoding)
    for offset, unit in zip(range(3, 8), units, strict=True):
        assert (lines.position(offset).line, lines.position(offset).character) == (1, unit)
        assert lines.offset(SimpleNamespace(line=1, character=unit)) == offset
    assert lines.offset(SimpleNamespace(line=1, character=99)) == 8
    assert lines.offset(SimpleNamespace(line=9, character=0)) == len(text)
    assert lines.range(Edit(9, 10, "")).start.line == 2


def test_an_edit_is_carried_on_for_the_version_that_the_editor_has(renaming: Editor) -> None:
    renaming.open(RENAMED)
    renaming.change(RENAMED.replace("total = 1", "price = 1"), 2)
    assert renaming.edits(0, 5, version=2) == [("price", 1)]
    assert renaming.edits(0, 5, version=1) == []


def test_an_edit_in_another_cell_is_carried_on(renaming: Editor) -> None:
    cells = [
        {"uri": f"cell:{number}", "languageId": "python", "version": 1, "text": text}
        for number, text in enumerate(RENAMED.splitlines())
    ]
    listed = [{"kind": 2, "document": cell["uri"]} for cell in cells]
    notebook = {"uri": "file:///w/a.ipynb", "notebookType": "jupyter-notebook", "version": 1, "cells": listed}
    renaming.tell("notebookDocument/didOpen", notebookDocument=notebook, cellTextDocuments=cells)
    first = {"start": {"line": 0, "character": 0}, "end": {"line": 0, "character": 5}}
    changed = {"document": {"uri": "cell:0", "version": 2}, "changes": [{"range": first, "text": "price"}]}
    renaming.tell(
        "notebookDocument/didChange",
        notebookDocument={"uri": "file:///w/a.ipynb", "version": 2},
        change={"cells": {"textContent": [changed]}},
    )
    assert renaming.edits(0, 0, uri="cell:1") == [("price", 0)]


@pytest.mark.parametrize("uri", ["untitled:Untitled-1", "file:///c%3A/w/a.py", "git:/w/a.py?%7B%22ref%22%3A%22%22%7D"])
def test_a_document_needs_no_file(renaming: Editor, uri: str) -> None:
    renaming.open("x = f(1)\nx = ", uri)
    assert renaming.edits(1, 4, uri=uri) == [("f(1)", 1)]


def test_there_is_nothing_to_say_of_what_is_not_python_or_not_open(renaming: Editor, tmp_path: Path) -> None:
    renaming.open("x = f(1)\nx = ", "file:///w/a.r", "r")
    assert renaming.edits(1, 4, uri="file:///w/a.r") == []
    (tmp_path / "a.py").write_text("x = f(1)\nx = ")
    assert renaming.edits(1, 4, uri=(tmp_path / "a.py").as_uri()) == []


def test_a_long_file_is_changed_in_parts(renaming: Editor) -> None:
    long = "".join(f"name_{number} = {number}\n" for number in range(50_000))
    renaming.open(long, "file:///w/long.py")
    for column, character in enumerate("name_49999 = "):
        at = {"line": 50_000, "character": column}
        renaming.tell(
            "textDocument/didChange",
            textDocument={"uri": "file:///w/long.py", "version": column + 2},
            contentChanges=[{"range": {"start": at, "end": at}, "text": character}],
        )
    assert renaming.edits(50_000, 13, uri="file:///w/long.py", version=14) == [("49999", 50_000)]


def test_a_request_that_is_cancelled_is_stopped(renaming: Editor) -> None:
    renaming.change("# wait\n", 10)
    number = renaming.begin("textDocument/inlineCompletion", textDocument={"uri": URI}, position=START)
    renaming.tell("$/cancelRequest", id=number)
    assert renaming.answer(number)["error"]["code"] == -32800
    renaming.change("x = f(1)\nx = ", 11)
    assert renaming.edits(1, 4) == [("f(1)", 1)]


@pytest.mark.parametrize(
    ("method", "params", "code"),
    [
        ("textDocument/inlineCompletion", {"textDocument": {"uri": URI}}, -32602),
        ("textDocument/inlineCompletion", {"textDocument": {"uri": 1}, "position": START}, -32602),
        ("textDocument/copilotInlineEdit", {"position": START}, -32602),
        ("textDocument/copilotInlineEdit", {"textDocument": {"uri": URI}, "position": {**START, "line": -1}}, -32602),
        ("textDocument/copilotInlineEdit", [], -32602),
        ("workspace/executeCommand", {"arguments": []}, -32602),
        ("workspace/executeCommand", {"command": "tabtab.other"}, -32602),
        ("textDocument/other", {}, -32601),
    ],
)
def test_a_request_of_another_form_is_refused(renaming: Editor, method: str, params: Any, code: int) -> None:
    renaming.number += 1
    renaming.send({"jsonrpc": "2.0", "id": renaming.number, "method": method, "params": params})
    assert renaming.answer(renaming.number)["error"]["code"] == code


def test_a_notification_of_another_form_changes_nothing(renaming: Editor) -> None:
    renaming.change("x = f(1)\nx = ", 12)
    renaming.tell("textDocument/didChange", textDocument={"uri": URI})
    renaming.tell("textDocument/didFocus", textDocument={"uri": URI})
    renaming.tell("$/cancelRequest", id=999)
    assert renaming.edits(1, 4, version=12) == [("f(1)", 1)]


def test_a_server_that_is_at_work_ends_when_it_is_told() -> None:
    editor = Editor("tests.renaming_server")
    editor.open("# wait\n")
    editor.begin("textDocument/inlineCompletion", textDocument={"uri": URI}, position=START)
    editor.close()


def test_an_exit_without_a_shutdown_is_a_failure() -> None:
    Editor("tests.renaming_server").close(politely=False)
