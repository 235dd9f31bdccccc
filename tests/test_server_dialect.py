"""Clients as their own sources have them: requests as each makes them, answers as each parses them."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import msgspec
import pytest
from starlette.testclient import TestClient

from tabtab_local.desk.desk import Limits
from tabtab_local.document import Document
from tabtab_local.prompt import CURSOR
from tabtab_local.server.dialect.chat import Conversation
from tabtab_local.server.dialect.completions import Completions
from tabtab_local.server.dialect.infill import Infill
from tabtab_local.server.dialect.native import NextEdit
from tabtab_local.server.dialect.ollama import Generate
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


BODIES = {
    "/v1/chat/completions": Conversation,
    "/v1/completions": Completions,
    "/completions": Completions,
    "/infill": Infill,
    "/api/generate": Generate,
    "/v1/tabtab/next_edit": NextEdit,
}


@clients
def test_null_is_as_good_as_nothing(client: Client) -> None:
    nulls = dict.fromkeys(BODIES[client.path].__struct_fields__)
    with Server(inserting(seen(client), LOAD)) as server:
        response = server.client.post(client.path, json={**nulls, **client.body(BEFORE, AFTER)})
        assert client.read(response.text) == LOAD


@pytest.mark.parametrize("path", BODIES)
def test_where_all_is_null_nothing_is_asked(path: str) -> None:
    required = {
        "messages": [{"role": "user", "content": [{"type": None, "text": None}]}],
        "cursor": {"line": 1, "column": 1},
    }
    fields = msgspec.structs.fields(BODIES[path])
    body = {field.name: required[field.name] if field.required else None for field in fields}
    with Server() as server:
        response = server.client.post(path, json=body)
        assert response.status_code == 200, response.text
        assert server.engine.requests == []


@pytest.mark.parametrize("client", [CLIENTS["zed, openai"], CLIENTS["native"]], ids=["zed", "native"])
def test_line_ends_of_windows_are_kept(client: Client) -> None:
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


def test_a_mistake_of_ours_is_told_in_json_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(threading, "excepthook", lambda _: None)
    client = CLIENTS["native"]
    with Server() as server:  # its engine takes a question for a mistake
        careless = TestClient(server.client.app, base_url=ADDRESS, raise_server_exceptions=False)
        response = careless.post(client.path, json=client.body(BEFORE, AFTER))
    assert response.status_code == 500
    assert response.json()["error"]["message"] == "the server has a mistake: AssertionError"


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
