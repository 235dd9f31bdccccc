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
END = {"line": 3, "character": 5}


class Editor:
    """One side of the conversation."""

    def __init__(self, **capabilities: Any) -> None:
        command = [sys.executable, "-m", "tabtab_local", "lsp", "--model", "tabtab-nano"]
        self.process = subprocess.Popen(command, cwd=ROOT, stdin=-1, stdout=-1, stderr=-1)
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

    def open(self, text: str = CODE, uri: str = URI) -> None:
        """Open a document."""
        self.tell("textDocument/didOpen", textDocument={"uri": uri, "languageId": "python", "version": 1, "text": text})

    def change(self, text: str, version: int) -> None:
        """Replace the whole text of the document."""
        document = {"uri": URI, "version": version}
        self.tell("textDocument/didChange", textDocument=document, contentChanges=[{"text": text}])

    def ghosts(self, position: dict[str, int] | None = None, **more: Any) -> list[dict[str, Any]]:
        """Return the items of an inline completion."""
        told = self.ask("textDocument/inlineCompletion", textDocument={"uri": URI}, position=position or END, **more)
        items: list[dict[str, Any]] = told["result"]["items"]
        return items

    def close(self) -> None:
        """Take leave."""
        self.ask("shutdown")
        self.tell("exit")
        assert self.process.wait(30) == 0
        for stream in (self.process.stdin, self.process.stdout, self.process.stderr):
            assert stream
            stream.close()


@pytest.fixture(scope="module")
def editor() -> Iterator[Editor]:
    editor = Editor(general={"positionEncodings": ["utf-16"]})
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
    assert isinstance(editor.ghosts({"line": 3, "character": 22}), list)


def test_a_request_without_a_context_is_answered_too(editor: Editor) -> None:
    editor.change(CODE, 3)
    assert [item["insertText"] for item in editor.ghosts()] == ["pd.read_csv(file)"]


def test_a_next_edit_names_the_version_that_it_is_for(editor: Editor) -> None:
    editor.change(CODE, 4)
    document = {"uri": URI, "version": 4}
    told = editor.ask("textDocument/copilotInlineEdit", textDocument=document, position=END, context={"triggerKind": 2})
    (edit,) = told["result"]["edits"]
    assert edit["textDocument"] == document
    assert (edit["text"], edit["range"]) == ("pd.read_csv(file)", {"start": END, "end": END})


def test_a_request_that_is_cancelled_says_so(editor: Editor) -> None:
    editor.change("x = 1\n" * 40 + CODE, 5)
    number = editor.begin(
        "textDocument/inlineCompletion", textDocument={"uri": URI}, position={"line": 43, "character": 5}
    )
    editor.tell("$/cancelRequest", id=number)
    answer = editor.answer(number)
    # It may have been quicker.
    assert "result" in answer or answer["error"]["code"] == -32800


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
