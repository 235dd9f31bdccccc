"""Clients as their own sources have them: requests as each makes them, answers as each parses them."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from tabtab_local.desk.desk import Limits
from tabtab_local.document import Document
from tabtab_local.prompt import CURSOR
from tabtab_local.server.dialect import sweep
from tabtab_local.server.serve import Service, application
from tests.editing import inserting, python, rewriting
from tests.fakes import ScriptedEngine

BEFORE = "import json\n\nrows = "
AFTER = "\nprint(rows)\n"
LOAD = "json.load(file)"
ADDRESS = "http://127.0.0.1:8765"

MARIMO_SYSTEM = "You are a python code completion assistant. Only output the code after the <|fim_suffix|> part."


@dataclass(frozen=True)
class Client:
    """Where a client posts, its body for what stands before and behind the cursor, and what it makes of an answer."""

    path: str
    body: Callable[[str, str], dict[str, Any]]
    read: Callable[[str], str]


def marimo(before: str, after: str) -> dict[str, Any]:
    """A zero-width joiner in each marker; no temperature, no stop."""
    said = f"<\u200d|fim_prefix|>{before}<\u200d|fim_suffix|>{after}<\u200d|fim_middle|>"
    messages = [{"role": "system", "content": MARIMO_SYSTEM}, {"role": "user", "content": said}]
    return {"model": "next-edit", "messages": messages, "max_completion_tokens": 1024, "stream": False}


def read_marimo(text: str) -> str:
    content = json.loads(text)["choices"][0]["message"]["content"]
    assert content, "an empty answer is asked for again"
    return str(content).replace("<|file_separator|>", "")


def notebook_intelligence(before: str, after: str) -> dict[str, Any]:
    code = f"<CODE><PREFIX>{before}</PREFIX><CURSOR/><SUFFIX>{after}</SUFFIX></CODE>\n"
    said = f"Generate a single suggestion. Current language is python and the active file is a.ipynb.\n\n{code}"
    return {"model": "m", "messages": [{"role": "user", "content": said}], "max_tokens": 1000, "stream": False}


def read_notebook_intelligence(text: str) -> str:
    content = str(json.loads(text)["choices"][0]["message"]["content"] or "")
    fenced: list[str] = re.findall(r"```\w*\n?(.*?)```", content, re.DOTALL)
    return fenced[-1] if fenced else content


def zed(before: str, after: str) -> dict[str, Any]:
    """Qwen's markers, a stop list of four, no `stream`."""
    prompt = f"<|fim_prefix|>{before}<|fim_suffix|>{after}<|fim_middle|>"
    return {"model": "qwen2.5-coder", "prompt": prompt, "max_tokens": 64, "stop": ["<|endoftext|>"]}


def read_zed(text: str) -> str:
    """All fields are required, and numbers that have no sign."""
    answer = json.loads(text)
    assert isinstance(answer["id"], str) and isinstance(answer["object"], str) and isinstance(answer["model"], str)
    counts = [answer["created"], *(answer["usage"][f"{name}_tokens"] for name in ("prompt", "completion", "total"))]
    assert all(isinstance(count, int) and count >= 0 for count in counts)
    return str(answer["choices"][0]["text"]) if answer["choices"] else ""


def zed_ollama(before: str, after: str) -> dict[str, Any]:
    options = {"num_predict": 64, "temperature": 0.2, "stop": ["<|endoftext|>"]}
    return {**zed(before, after), "raw": True, "stream": False, "options": options}


def read_ollama(text: str) -> str:
    answer = json.loads(text)
    assert isinstance(answer["created_at"], str)
    return str(answer["response"])


def continue_ollama(before: str, after: str) -> dict[str, Any]:
    """No `stream`, which is true then; a separator of its own before the prefix."""
    prefix = f"# Path: other.py\n# x = 1\n<|system_separator_istruction_repository_level|>{before}"
    options = {"temperature": 0.01, "num_predict": 4096, "stop": ["<fim_prefix>"], "num_ctx": 8192}
    return {"model": "tabtab", "prompt": prefix, "suffix": after, "options": options, "keep_alive": 1800}


def read_continue_ollama(text: str) -> str:
    """A last line that has no end is dropped."""
    return "".join(str(json.loads(line).get("response") or "") for line in text.split("\n")[:-1] if line)


def continue_openai(before: str, after: str) -> dict[str, Any]:
    repository = f"<|repo_name|>r\n<|file_sep|>other.py\nx = 1\n<|file_sep|>a.py\n<|fim_prefix|>{before}"
    prompt = f"{repository}<|fim_suffix|>{after}<|fim_middle|>"
    return {
        "model": "qwen-coder",
        "prompt": prompt,
        "max_tokens": 4096,
        "temperature": 0.01,
        "stop": [],
        "stream": True,
    }


def read_continue_openai(text: str) -> str:
    said = []
    for line in text.split("\n"):
        data = line.removeprefix("data:").strip()
        if line.startswith("data:") and data != "[DONE]":
            choice = json.loads(data)["choices"][0]
            said.append(choice["text"] if choice["finish_reason"] != "eos" else "")
    return "".join(said)


def minuet(before: str, after: str) -> dict[str, Any]:
    """Two comments first, and a line end of its own before the first line."""
    prompt = f"# language: python\n# indentation: use 4 spaces for a tab\n{before}"
    return {"model": "x", "stream": True, "prompt": prompt, "suffix": after}


def read_minuet(text: str) -> str:
    """Lines that are not JSON are passed over."""
    said = []
    for line in text.split("\n"):
        try:
            said.append(json.loads(line.removeprefix("data:"))["choices"][0]["text"])
        except ValueError:
            continue
    return "".join(said)


def llama_vim(before: str, after: str) -> dict[str, Any]:
    """`prompt` is the line up to the cursor; the time of a chunk is a list; answers are asked for by path."""
    above, _, line = before.rpartition("\n")
    extra = [{"text": "x = 1\n", "time": [1, 2], "filename": "other.py"}]
    fields = ["content", "timings/prompt_n", "timings/predicted_n", "timings/prompt_ms", "truncated", "tokens_cached"]
    return {
        "id_slot": 0,
        "input_prefix": f"{above}\n",
        "prompt": line,
        "input_suffix": after,
        "input_extra": extra,
        "n_predict": 128,
        "stop": [],
        "n_cmpl": 1,
        "n_indent": 0,
        "top_k": 40,
        "top_p": 0.9,
        "stream": False,
        "samplers": ["top_k"],
        "cache_prompt": True,
        "t_max_predict_ms": 250,
        "response_fields": fields,
    }


def read_llama_vim(text: str) -> str:
    """One line, and no blank behind the colon."""
    assert "\n" not in text
    if not re.match(r"\s*[{[]", text) or not re.search(r'"content"\s*:"', text):
        return ""
    answer = json.loads(text)
    assert isinstance(answer["timings/prompt_n"], int) and isinstance(answer["timings/predicted_n"], int)
    return str(answer["content"])


def llama_vscode(before: str, after: str) -> dict[str, Any]:
    above, _, line = before.rpartition("\n")
    extra = [{"text": "x = 1\n", "time": 1700000000000, "filename": "/w/other.py"}]
    return {
        "id_slot": 0,
        "input_prefix": f"{above}\n",
        "input_suffix": after,
        "input_extra": extra,
        "prompt": line,
        "n_predict": 128,
        "n_cmpl": 3,
        "top_k": 40,
        "top_p": 0.99,
        "stream": False,
        "samplers": ["infill"],
        "cache_prompt": True,
        "t_max_prompt_ms": 500,
        "t_max_predict_ms": 2500,
        "model": "google/gemini-2.5-flash",
    }


def read_llama_vscode(text: str) -> str:
    answer = json.loads(text)
    assert isinstance(answer["generation_settings"]["n_ctx"], int)
    assert all(isinstance(answer["timings"][name], int | float) for name in ("prompt_n", "predicted_per_second"))
    return str(answer["content"])


def native(before: str, after: str) -> dict[str, Any]:
    cursor = {"line": before.count("\n") + 1, "column": len(before.rpartition("\n")[2]) + 1}
    return {"text": before + after, "cursor": cursor, "document": "a.py", "version": 7}


def read_native(text: str) -> str:
    answer = json.loads(text)
    assert answer["version"] == 7 and answer["document"] == "a.py"
    return "".join(edit["text"] for edit in answer["edits"])


def codemirror(before: str, after: str) -> dict[str, Any]:
    said = f"You must infer the intent.\n\n<|INTENT|>\n<|EDIT_START|>\n{before}{CURSOR}{after}\n<|EDIT_END|>\n"
    return {"model": "x", "messages": [{"role": "user", "content": said}]}


def read_codemirror(text: str) -> str:
    """The whole document, stripped; without a marker nothing is shown."""
    said = str(json.loads(text)["output"]["content"][0]["text"]).strip()
    if CURSOR not in said:
        return ""
    document = said.replace(CURSOR, "", 1)
    assert document.startswith(BEFORE) and document.endswith(AFTER)
    return document[len(BEFORE) : len(document) - len(AFTER)]


CLIENTS = {
    "marimo": Client("/v1/chat/completions", marimo, read_marimo),
    "notebook-intelligence": Client("/v1/chat/completions", notebook_intelligence, read_notebook_intelligence),
    "zed, openai": Client("/v1/completions", zed, read_zed),
    "zed, ollama": Client("/api/generate", zed_ollama, read_ollama),
    "continue, ollama": Client("/api/generate", continue_ollama, read_continue_ollama),
    "continue, openai": Client("/v1/completions", continue_openai, read_continue_openai),
    "minuet": Client("/v1/completions", minuet, read_minuet),
    "llama.vim": Client("/infill", llama_vim, read_llama_vim),
    "llama.vscode": Client("/infill", llama_vscode, read_llama_vscode),
    "native": Client("/v1/tabtab/next_edit", native, read_native),
    "codemirror-ai": Client("/v1/completions", codemirror, read_codemirror),
    "codemirror-ai, bare": Client("/completions", codemirror, read_codemirror),
}
clients = pytest.mark.parametrize("client", CLIENTS.values(), ids=CLIENTS)


def seen(client: Client) -> Document:
    """Return the document that the server makes of a client's request."""
    above = {minuet: "# language: python\n# indentation: use 4 spaces for a tab\n"}.get(client.body, "")
    return python(f"{above}{BEFORE}|{AFTER}")


class Server:
    """A server whose model gives prepared answers."""

    def __init__(self, *answers: str, **service: Any) -> None:
        self.engine = ScriptedEngine(answers)
        limits = Limits(prefetch_delay_s=3600.0)
        self.client = TestClient(application(Service(**service), self.engine, limits), base_url=ADDRESS)

    def __enter__(self) -> Server:
        self.client.__enter__()
        return self

    def __exit__(self, *_: object) -> None:
        self.client.__exit__(None, None, None)

    def post(self, client: Client, before: str = BEFORE, after: str = AFTER, **headers: str) -> str:
        """Return the answer to a client that stands between two texts."""
        response = self.client.post(client.path, json=client.body(before, after), headers=headers)
        assert response.status_code == 200, response.text
        return response.text


@clients
def test_an_insertion_reaches_every_client(client: Client) -> None:
    with Server(inserting(seen(client), LOAD)) as server:
        assert client.read(server.post(client)) == LOAD


@clients
def test_silence_is_read_as_nothing(client: Client) -> None:
    with Server(inserting(seen(client))) as server:
        assert client.read(server.post(client)) == ""


@clients
def test_an_edit_that_is_no_insertion_is_told_only_to_who_can_show_it(client: Client) -> None:
    with Server(rewriting(seen(client), "rows", "lines_all")) as server:
        assert client.read(server.post(client)) == ("lines_all" if client.body is native else "")


@clients
def test_typing_on_costs_no_prompt(client: Client) -> None:
    document = seen(client)
    rest = inserting(python(f"{document.code[: document.cursor]}json.|{AFTER}"), "load(file)")
    with Server(inserting(document, LOAD), rest) as server:
        assert client.read(server.post(client)) == LOAD
        asked = len(server.engine.requests)
        typed_on = server.post(client, before=f"{BEFORE}json.")
        assert len(server.engine.requests) == asked
        if client.body is not codemirror:
            assert client.read(typed_on) == "load(file)"


def test_line_ends_of_windows_are_kept() -> None:
    client = CLIENTS["zed, openai"]
    with Server(inserting(python(f"{BEFORE}|{AFTER}"), "[\n    1\n]")) as server:
        answer = server.post(client, BEFORE.replace("\n", "\r\n"), AFTER.replace("\n", "\r\n"))
    assert client.read(answer) == "[\r\n    1\r\n]"


@pytest.mark.parametrize("before", ["print(", "b"])
@pytest.mark.parametrize("after", [")", "(b)", "", "\n"])
def test_marimo_shows_all_of_an_insertion_that_ends_as_the_text_around_it(before: str, after: str) -> None:
    """It takes what stands before the cursor from the beginning of an answer, and what stands behind from its end."""
    with Server(inserting(python(f"{before}|{after}"), "b(b)")) as server:
        shown = read_marimo(server.post(CLIENTS["marimo"], before, after)).removeprefix(before).removesuffix(after)
    assert shown == "b(b)"


@pytest.mark.parametrize("language", ["sql", "markdown"])
def test_marimo_cells_of_another_language_are_left_alone(language: str) -> None:
    body = marimo("select ", "")
    body["messages"][0]["content"] = MARIMO_SYSTEM.replace("python", language)
    with Server() as server:
        assert read_marimo(server.client.post("/v1/chat/completions", json=body).text) == ""
        assert server.engine.requests == []


def test_what_is_no_completion_is_not_chatted_about() -> None:
    with Server() as server:
        for said in ("Please return text.", "Write a poem.", ""):
            body = {"model": "x", "messages": [{"role": "user", "content": said}]}
            assert read_marimo(server.client.post("/v1/chat/completions", json=body).text) == ""
        assert server.engine.requests == []


def test_a_warm_up_asks_no_model() -> None:
    warm_up = {
        "id_slot": 0,
        "input_prefix": "",
        "input_suffix": "",
        "prompt": "",
        "n_predict": 0,
        "response_fields": [""],
    }
    with Server() as server:
        assert server.client.post("/infill", json=warm_up).status_code == 200
        lines = server.client.post("/api/generate", json={"model": "x"}).text.splitlines()
        assert [json.loads(line)["done_reason"] for line in lines] == ["load"]
        assert server.engine.requests == []


SWEEP = (
    "<|file_sep|>w/a.py.diff\noriginal:\ntotal = 0\nprint(totl)\nupdated:\ntotal = 1\nprint(totl)\n"
    "<|file_sep|>original/a.py\ntotal = 0\nprint(totl)\n"
    "<|file_sep|>current/a.py\ntotal = 1\nprint(totl)\n"
    "<|file_sep|>updated/a.py\n"
)


def test_zed_s_next_edit_prompt_is_answered_with_the_window_rewritten() -> None:
    document = python("total = 1|\nprint(totl)\n")
    window = sweep.parse(SWEEP)
    assert window and (window.text, window.caret, window.path) == (document.code, document.cursor, "a.py")
    assert [(edit.original, edit.updated) for edit in window.recent_edits] == [("total = 0", "total = 1")]
    body = {"model": "sweep-next-edit", "prompt": SWEEP, "max_tokens": 1024, "stop": ["<|file_sep|>", "</s>"]}
    with Server(rewriting(document, "totl", "total")) as server:
        assert read_zed(server.client.post("/v1/completions", json=body).text) == "total = 1\nprint(total)\n"
    with Server(inserting(document)) as server:
        assert read_zed(server.client.post("/v1/completions", json=body).text) == ""


@pytest.mark.parametrize(("row", "rows"), [(0, 5), (3, 14), (10, 21), (10, 15)])
@pytest.mark.parametrize("total", [5, 14, 40])
def test_a_window_ends_as_zed_s_does(row: int, rows: int, total: int) -> None:
    """Zed's window: ten lines on each side, to the end of the last one without its line end."""
    lines = [*(f"x{number} = {number}" for number in range(total)), ""]
    row = min(row, total - 1)
    first, last = max(0, row - 10), min(total, row + 10)
    window = "\n".join(lines[first : last + 1])
    old = window.replace(f"x{row} = {row}", f"x{row} =")
    rendered = "".join(
        f"<|file_sep|>{name}/a.py\n{text}" + ("" if text.endswith("\n") else "\n")
        for name, text in (("original", old), ("current", window))
    )
    parsed = sweep.parse(f"{rendered}<|file_sep|>updated/a.py\n")
    assert parsed and parsed.text == window
    assert parsed.caret == window.index(f"x{row} = {row}") + len(f"x{row} = {row}")


INSTINCT = (
    "Reference the user excerpt.\n\n### Context:\n\n\n### User Edits:\n\n"
    'User edited file "t.py"\n\n```diff\n@@ -1,1 +1,1 @@\n-a = 0\n+a = 1\n```\n\n'
    "### User Excerpt:\nfile:///w/t.py\n\nimport os\n<|editable_region_start|>\na = 1\n"
    f"print(b{CURSOR})\n<|editable_region_end|>\nx = 2```\n### Response:"
)


def test_continue_s_next_edit_prompt_is_answered_with_the_region_rewritten() -> None:
    document = python("import os\na = 1\nprint(b|)\nx = 2")
    body = {"model": "instinct", "messages": [{"role": "user", "content": INSTINCT}], "stream": False}
    with Server(inserting(document, "[0]")) as server:
        said = server.client.post("/v1/chat/completions", json=body).json()["choices"][0]["message"]["content"]
        assert "a = 0" in server.engine.requests[-1].prompt
    assert said == "a = 1\nprint(b[0])"


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
def notebook(tmp_path: Path) -> Iterator[Path]:
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


def test_a_native_client_sends_a_notebook_cell_by_cell() -> None:
    cell = python(f"rows = |{AFTER.rstrip()}")
    body = {"cells": ["import json", cell.code], "cell": 1, "cursor": {"line": 1, "column": 8}}
    with Server(inserting(cell, LOAD)) as server:
        answer = server.client.post("/v1/tabtab/next_edit", json=body).json()
        assert "import json" in server.engine.requests[-1].prompt
    place = {"line": 1, "column": 8}
    assert answer["edits"] == [{"start": place, "end": place, "text": LOAD}] and answer["cell"] == 1
    assert answer["cursor"] == {"line": 1, "column": 8 + len(LOAD)}


def test_an_intent_is_told_to_the_model() -> None:
    document = python(f"{BEFORE}|{AFTER}")
    answer = inserting(document, LOAD).replace("<|INTENT|>", "<|INTENT|> load the file", 1)
    body = {**native(BEFORE, AFTER), "intent": "load  the\nfile"}
    with Server(answer) as server:
        found = server.client.post("/v1/tabtab/next_edit", json=body).json()
        assert "<|INTENT|> load the file\n" in server.engine.requests[-1].prompt
    assert (found["intent"], read_native(json.dumps(found))) == ("load the file", LOAD)


@pytest.mark.parametrize(
    ("body", "complaint"),
    [
        ({"text": "x", "cursor": {"line": 3, "column": 1}}, "line 3"),
        ({"text": "x", "cursor": {"line": 0, "column": 1}}, "line"),
        ({"text": "x", "cells": [], "cursor": {"line": 1, "column": 1}}, "both text and cells"),
        ({"cells": ["x"], "cell": 1, "cursor": {"line": 1, "column": 1}}, "no cell 1"),
        ({"text": 1, "cursor": {"line": 1, "column": 1}}, "Expected `str | null`"),
        ({"cursor": {"line": 1, "column": 1}, "path": "/etc/passwd"}, "unknown field `path`"),
    ],
)
def test_a_native_request_that_makes_no_sense_is_refused_in_a_line(body: dict[str, Any], complaint: str) -> None:
    with Server() as server:
        response = server.client.post("/v1/tabtab/next_edit", json=body)
    assert response.status_code == 400
    assert complaint in response.json()["error"]["message"]
