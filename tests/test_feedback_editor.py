"""What became of suggestions, as an editor tells it, or shows it by what it edits."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tabtab_local.feedback import log
from tests.test_feedback import became
from tests.test_lsp import CODE, END, LSP, URI, Editor


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
