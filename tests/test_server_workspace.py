"""The notebooks beside the server: which of them a cell is from, and that nobody waits while they are read."""

from __future__ import annotations

import asyncio
import os
import threading
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from tabtab_local.desk.desk import Desk, Dropped, Limits
from tabtab_local.document import Document
from tabtab_local.server import workspace
from tabtab_local.server.app import create_app
from tabtab_local.server.dialect.chat import Chat
from tabtab_local.server.guard import Rules
from tabtab_local.server.metrics import Metrics
from tabtab_local.server.workspace import Workspace, _File
from tests.editing import inserting, python
from tests.fakes import ScriptedEngine
from tests.test_server_dialect import ADDRESS, AFTER, CLIENTS, LOAD, Server

CELL = "rows = load(path)\nprint(rows)"


class Reader(Workspace):
    """Notes which files it looks at, and waits for each until it may."""

    def __init__(self, *roots: Path) -> None:
        super().__init__(roots)
        self.looked_at: list[str] = []
        self.may = threading.Event()
        self.may.set()

    def _file(self, path: Path) -> _File | None:
        assert self.may.wait(30), "the event loop waits for a file"
        self.looked_at.append(path.stem)
        return super()._file(path)

    def found(self, code: str, root: str = "") -> tuple[str, list[str]]:
        """Return the first cell of the notebook that holds `code`, and which files were looked at for that."""
        self.looked_at = []
        return first_cell(asyncio.run(self.document(code, 0, root))), self.looked_at


def first_cell(document: Document | None) -> str:
    return document.codes[0] if document else ""


def write(path: Path, *cells: str) -> None:
    path.parent.mkdir(exist_ok=True)
    bodies = ("".join(f"    {line}\n" for line in cell.splitlines()) for cell in cells)
    functions = "".join(f"@app.cell\ndef _():\n{body}    return\n\n\n" for body in bodies)
    path.write_text(f"import marimo\n\napp = marimo.App()\n\n\n{functions}")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("a", "b", "c"):
        write(tmp_path / f"{name}.py", f"name = {name!r}", f"{CELL}\n# {name * 9}")
    return tmp_path


@pytest.fixture(autouse=True)
def slowly_listed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workspace, "_LISTED_S", 3600.0)


def test_the_notebook_that_was_found_last_is_looked_at_first(folder: Path) -> None:
    found = Reader(folder)
    assert found.found(f"{CELL}\n# bbbbbbbbb") == ("name = 'b'", ["a", "b", "c"])
    assert found.found(f"{CELL}\n# bbbbbbbbb\nx") == ("name = 'b'", ["b"])
    assert found.found(f"{CELL}\n# aaaaaaaaa") == ("name = 'b'", ["b"])  # there is one like it
    assert found.found("nothing like it") == ("", ["b", "a", "b", "c", "a", "b", "c"])  # nor one that begins it


def test_all_are_looked_at_again_once_the_folder_is_listed_anew(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = Reader(folder)
    found.found(f"{CELL}\n# bbbbbbbbb")
    write(folder / "d.py", "name = 'd'", f"{CELL}\n# ddddddddd")
    assert found.found(f"{CELL}\n# ddddddddd") == ("name = 'b'", ["b"])
    monkeypatch.setattr(workspace, "_LISTED_S", 0.0)
    assert found.found(f"{CELL}\n# ddddddddd") == ("name = 'd'", ["a", "b", "c", "d"])


def test_a_notebook_that_changes_or_goes_is_seen_at_once(folder: Path) -> None:
    found = Reader(folder)
    found.found(f"{CELL}\n# bbbbbbbbb")
    write(folder / "b.py", "name = 'changed'", f"{CELL}\n# bbbbbbbbb")
    assert found.found(f"{CELL}\n# bbbbbbbbb") == ("name = 'changed'", ["b"])
    (folder / "b.py").unlink()
    assert found.found(f"{CELL}\n# bbbbbbbbb")[0] in ("name = 'a'", "name = 'c'")


def test_a_folder_that_is_named_is_looked_in_alone(tmp_path: Path) -> None:
    for name in ("a", "b"):
        write(tmp_path / name / f"{name}.py", f"name = {name!r}", CELL)
    found = Reader(tmp_path / "a", tmp_path / "b")
    for name in ("a", "b", "a"):
        assert found.found(CELL, str(tmp_path / name)) == (f"name = {name!r}", [name])


def test_nobody_else_waits_while_files_are_read_and_answers_come_in_order(folder: Path) -> None:
    async def main() -> list[str]:
        answered: list[str] = []

        async def ask(name: str) -> None:
            answered.append(first_cell(await found.document(f"{CELL}\n# {name * 9}", 0)))

        found.may.clear()
        tasks = [asyncio.create_task(ask("a")), asyncio.create_task(ask("nothing"))]
        await asyncio.sleep(0.01)
        found.may.set()
        await asyncio.gather(*tasks)
        return answered

    found = Reader(folder)
    assert asyncio.run(main()) == ["name = 'a'", ""]


def test_of_the_look_ups_for_a_cell_that_grows_only_the_newest_is_waited_for(folder: Path) -> None:
    async def main() -> list[str]:
        async def ask(code: str) -> str:
            try:
                return first_cell(await found.document(code, len(code)))
            except Dropped as dropped:
                return dropped.reason

        found.may.clear()
        codes = [f"{CELL}\n# bbbbb{'bbbb'[:count]}" for count in range(5)]
        tasks = [asyncio.create_task(ask(code)) for code in (*codes, "something = 'else'", codes[-1])]
        for _ in range(20):  # what is to happen by itself has
            await asyncio.sleep(0)
        assert [task.done() for task in tasks] == [*[True] * 4, *[False] * 3]
        found.may.set()
        return await asyncio.gather(*tasks)

    found = Reader(folder)
    assert asyncio.run(main()) == [*["superseded"] * 4, "name = 'b'", "", "name = 'b'"]


def test_marimo_is_told_nothing_where_a_look_up_takes_too_long(folder: Path) -> None:
    chat = Chat(found := Reader(folder))
    with Desk(ScriptedEngine([]), Limits(deadline_s=0.05)) as desk:
        rules = Rules(("127.0.0.1:8765",))
        app = create_app([chat], [], desk, ScriptedEngine([]).model, Metrics(), rules)
        found.may.clear()
        client = CLIENTS["marimo"]
        response = TestClient(app, base_url=ADDRESS).post(client.path, json=client.body(CELL, ""))
        found.may.set()
    assert response.status_code == 200 and client.read(response.text) == ""


def test_without_folders_nothing_is_looked_at() -> None:
    assert Reader().found(CELL) == ("", [])


def test_a_cell_that_grows_faster_than_it_is_saved_stays_in_its_notebook(folder: Path) -> None:
    found = Reader(folder)
    write(folder / "d.py", "name = 'd'", "df = load(f)")
    grown = ["df = load(f)", "df = load(file)", "df = some_module.load(file)", "df = some_module.load(file).sum()"]
    assert [found.found(code)[0] for code in grown] == ["name = 'd'"] * 4
    assert Reader(folder).found(grown[-1])[0] == ""
    assert found.found("something = 'else'")[0] == ""
    (folder / "d.py").write_text("app = 1\n")
    assert found.found(grown[-1])[0] == ""


def test_a_cell_that_was_saved_empty_or_begun_is_in_the_notebook_saved_last(folder: Path) -> None:
    for when, name in enumerate(("d", "e", "f"), 1):
        write(folder / f"{name}.py", f"name = {name!r}", "df = " if name == "d" else "pass")
        os.utime(folder / f"{name}.py", (when, when))
    assert Reader(folder).found("df = load(every, file)")[0] == "name = 'd'"
    empty = (folder / "e.py").read_text().replace("    pass\n", "")
    (folder / "e.py").write_text(empty)
    assert Reader(folder).found("total = sum(rows)")[0] == "name = 'e'"
    assert Reader(folder).found(f"{CELL}\n# bbbbbbbbb")[0] == "name = 'b'"


NOTEBOOK = """\
import marimo

app = marimo.App()


@app.cell
def _():
    import json

    path = "rows.json"
    return json, path


@app.cell
def _(json, path):
    rows = 1
    print(rows)
    return
"""


@pytest.fixture
def notebook(tmp_path: Path) -> Path:
    path = tmp_path / "notebooks" / "a.py"
    path.parent.mkdir()
    path.write_text(NOTEBOOK)
    (path.parent / "other.py").write_text("rows = 1\nprint(rows)\n")
    return path


def test_a_marimo_cell_is_seen_among_the_others_of_its_notebook(notebook: Path) -> None:
    client = CLIENTS["marimo"]
    cell = python(f"rows = |{AFTER.rstrip()}")
    with Server(inserting(cell, LOAD), workspaces=(notebook.parent.parent,)) as server:
        assert client.read(server.post(client, "rows = ", AFTER.rstrip())) == LOAD
        assert 'path = "rows.json"' in server.engine.requests[-1].prompt


def test_no_path_is_taken_from_the_network(notebook: Path, tmp_path: Path) -> None:
    client = CLIENTS["marimo"]
    cell = python(f"rows = |{AFTER.rstrip()}")
    empty = tmp_path / "empty"
    empty.mkdir()
    with Server(inserting(cell, LOAD), workspaces=(empty,)) as server:
        header = {"X-Tabtab-Workspace": str(notebook.parent)}
        assert client.read(server.post(client, "rows = ", AFTER.rstrip(), **header)) == LOAD
        assert 'path = "rows.json"' not in server.engine.requests[-1].prompt
