"""`tabtab-local doctor` on the way from an editor to the model: real servers on loopback, real configuration files."""

from __future__ import annotations

import json
import socket
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest
import uvicorn
from click.testing import CliRunner

from bench.port import free_port
from tabtab_local.cli import main
from tabtab_local.doctor import chain
from tabtab_local.doctor.checkup import Checkup
from tabtab_local.prompt import fim_template, ollama_template
from tabtab_local.server import token
from tabtab_local.server.serve import Service, application
from tests.fakes import ScriptedEngine


@pytest.fixture(autouse=True)
def nobody(temporary_home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No Ollama that really runs here, no configuration above us."""
    monkeypatch.setenv("OLLAMA_HOST", f"127.0.0.1:{free_port()}")
    monkeypatch.delenv("TABTAB_TOKEN_FILE", raising=False)
    monkeypatch.delenv("TABTAB_TOKEN", raising=False)
    monkeypatch.chdir(temporary_home)


class Answering:
    """A server that gives an answer for each path, and keeps what it was sent, and which tokens it was shown."""

    def __init__(self, answers: dict[str, object], status: int = 200) -> None:
        self.asked: list[tuple[str, bytes]] = []
        self.shown: list[str | None] = []
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                outer.asked.append((self.path, body))
                outer.shown.append(self.headers.get("Authorization"))
                found = answers.get(self.path)
                data = found if isinstance(found, bytes) else json.dumps(found).encode()
                self.send_response(404 if found is None else status)
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            do_POST = do_GET

            def log_message(self, *_: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.port = self.server.server_address[1]
        Thread(target=self.server.serve_forever, daemon=True).start()


@pytest.fixture
def answering() -> Iterator[Callable[..., Answering]]:
    started: list[Answering] = []

    def start(answers: dict[str, object], status: int = 200) -> Answering:
        started.append(Answering(answers, status))
        return started[-1]

    yield start
    for each in started:
        each.server.shutdown()
        each.server.server_close()


@pytest.fixture
def ours() -> Iterator[Callable[[str | None], int]]:
    """Start our own server, with a token or without; its port."""
    running: list[tuple[uvicorn.Server, Thread]] = []

    def start(secret: str | None) -> int:
        port = free_port()
        app = application(Service(port=port, token=secret), ScriptedEngine([]))
        server = uvicorn.Server(uvicorn.Config(app, port=port, log_level="warning", ws="none"))
        thread = Thread(target=server.run)
        thread.start()
        while not server.started:
            thread.join(0.01)
        running.append((server, thread))
        return port

    yield start
    for server, thread in running:
        server.should_exit = True
        thread.join()


def facts(checkup: Checkup) -> dict[str, str]:
    return dict(checkup.facts)


def test_our_server_is_known_with_its_token_and_without(ours):
    checkup = Checkup()
    port = ours(None)
    chain.server(checkup, port)
    assert facts(checkup)["server"] == f"scripted at 127.0.0.1:{port}"
    assert facts(checkup)["token"].startswith("none: ")
    port, checkup = ours(token.token(token.token_file())), Checkup()
    chain.server(checkup, port)
    assert (facts(checkup)["server"], checkup.problems) == (f"scripted at 127.0.0.1:{port}", [])
    assert facts(checkup)["token"] == f"in {token.token_file()}, for you alone"
    port, checkup = ours("another"), Checkup()
    chain.server(checkup, port)
    assert "does not take the token" in checkup.problems[0]


@pytest.mark.parametrize("answer", [None, {"data": [{"id": "llama", "owned_by": "me"}]}, [1], b"<html>", {"data": 1}])
def test_another_program_at_our_port_is_said_to_be_wrong(answering, answer):
    checkup = Checkup()
    other = answering({} if answer is None else {"/v1/models": answer})
    chain.server(checkup, other.port)
    assert checkup.problems == [
        f"another program answers at 127.0.0.1:{other.port}: start ours with another --port, and set editors up with it"
    ]


def test_our_token_is_shown_to_no_other_program(answering):
    token.token(token.token_file())
    for told in (None, {"error": {"message": "Invalid API Key", "code": 401}}):
        other, checkup = answering({"/v1/models": told or b""}, status=401), Checkup()
        assert chain.server(checkup, other.port) == "others"
        assert "another program answers" in checkup.problems[0]
        assert other.shown == [None]


def test_a_server_that_asks_for_a_token_which_nobody_kept_is_said_to_be_wrong(ours):
    port, checkup = ours("gone"), Checkup()
    assert chain.server(checkup, port) == "ours"
    assert checkup.problems == [
        f"the server at 127.0.0.1:{port} asks for a token, and there is no {token.token_file()}: "
        "start it anew with --token"
    ]


def test_a_program_that_says_nothing_is_not_taken_for_none(monkeypatch):
    monkeypatch.setattr(chain, "_PATIENCE_S", 0.2)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port, checkup = silent.getsockname()[1], Checkup()
        assert chain.server(checkup, port) == "others"
        assert f"what listens at 127.0.0.1:{port} does not answer" in checkup.problems[0]
    checkup = Checkup()
    assert chain.server(checkup, port) == "nobody"
    assert facts(checkup)["server"].startswith("none at ") and checkup.problems == []


def test_a_token_that_others_can_read_is_said_to_be_wrong_and_sent_to_nobody(answering):
    file = token.token_file()
    token.token(file)
    file.chmod(0o644)
    checkup = Checkup()
    chain.server(checkup, answering({}).port)
    assert checkup.problems[0] == f"{file} can be read by others: chmod 600 {file}"


def test_ollamas_models_are_held_against_the_template_of_this_release(answering, monkeypatch):
    models = {"models": [{"name": "me/tabtab-nano:latest"}, {"name": "qwen3:4b"}]}
    ollama = answering({"/api/tags": models, "/api/show": {"template": ollama_template()}})
    monkeypatch.setenv("OLLAMA_HOST", f"http://localhost:{ollama.port}")
    checkup = Checkup()
    chain.ollama(checkup)
    assert (facts(checkup)["Ollama"], checkup.problems) == (f"me/tabtab-nano:latest at 127.0.0.1:{ollama.port}", [])
    assert ollama.asked[-1] == ("/api/show", b'{"model":"me/tabtab-nano:latest"}')
    for template, right in ((fim_template(), True), ("{{ .Prompt }}", False), (None, False)):
        other, checkup = answering({"/api/tags": models, "/api/show": {"template": template}}), Checkup()
        monkeypatch.setenv("OLLAMA_HOST", f":{other.port}")
        chain.ollama(checkup)
        assert (checkup.problems == []) is right


def test_an_ollama_elsewhere_is_not_asked_and_our_own_server_is_not_taken_for_one(ours, monkeypatch):
    monkeypatch.setenv("OLLAMA_HOST", "ollama.example:1")
    monkeypatch.setattr(chain, "_asked", lambda *_, **__: pytest.fail("asked another machine"))
    checkup = Checkup()
    chain.ollama(checkup)
    assert "not this machine" in facts(checkup)["Ollama"]
    monkeypatch.undo()
    for host in (f"127.0.0.1:{ours(None)}", "127.0.0.1:nonsense"):
        monkeypatch.setenv("OLLAMA_HOST", host)
        checkup = Checkup()
        chain.ollama(checkup)
        assert facts(checkup)["Ollama"].startswith("none at ") and checkup.problems == []


def test_what_setup_writes_for_marimo_is_found_well(monkeypatch):
    for arguments in ([], ["--token"]):
        done = CliRunner().invoke(main, ["setup", "marimo", "--write", "--port", "9000", *arguments])
        assert done.exit_code == 0, done.output
        monkeypatch.setenv("TABTAB_TOKEN", "x")
        checkup = Checkup()
        chain.marimo(checkup, 9000, "others")
        assert (facts(checkup)["Marimo"].partition(",")[0], checkup.problems) == ("asks http://127.0.0.1:9000/v1", [])
    monkeypatch.delenv("TABTAB_TOKEN")
    chain.marimo(checkup, 9000, "others")
    assert "TABTAB_TOKEN is not set" in checkup.problems[0]
    assert f'export TABTAB_TOKEN="$(cat {token.token_file()})"' in checkup.problems[0]


CUSTOM = (
    '[completion]\ncopilot = "custom"\n[ai.models]\nautocomplete_model = "tabtab/x"\n[ai.custom_providers.tabtab]\n'
)


@pytest.mark.parametrize(
    ("text", "wrong"),
    [
        (CUSTOM + 'base_url = "http://127.0.0.1:9000/v1"\napi_key = "x"\n', []),
        (
            CUSTOM + 'base_url = "https://api.example.com/v1"\napi_key = "x"\n',
            ["example.com/v1, not to this"],
        ),
        (CUSTOM + 'base_url = "http://127.0.0.1:a/v1"\napi_key = "x"\n', ["not to this machine"]),
        (CUSTOM + 'base_url = "http://127.0.0.1:9001/v1"\napi_key = "x"\n', ["asks port 9001, not 9000"]),
        (CUSTOM + 'base_url = "http://localhost:9000/v1"\n', ["tabtab has no api_key"]),
        (CUSTOM.replace("tabtab/x", "openai/gpt"), ["openai/gpt completes code, which is no custom provider"]),
        (CUSTOM.split("[ai.models]")[0], ["no model completes code"]),
        ('[completion]\ncopilot = "github"\n', []),
        (
            '[completion]\nmodel = "m"\nbase_url = "http://127.0.0.1:9000"\napi_key = "k"\n',
            ["does not follow completion.model", "completion.base_url any more", "completion.api_key"],
        ),
        ('[completion]\nmodel = "m"\n[ai.models]\nautocomplete_model = "tabtab/x"\n', []),
        ("[completion\n", ["cannot be read"]),
        ("completion = 1\nai = 2\n", []),
    ],
)
def test_marimos_configuration_is_judged_with_its_cure(temporary_home, text, wrong):
    (temporary_home / ".marimo.toml").write_text(text)
    checkup = Checkup()
    chain.marimo(checkup, 9000, "others")
    assert len(checkup.problems) == len(wrong)
    for problem, part in zip(checkup.problems, wrong, strict=True):
        assert part in problem and str(temporary_home / ".marimo.toml") in problem and ": " in problem


def judged(port: int) -> list[str]:
    """Return what is wrong on the way from Marimo to a port."""
    checkup = Checkup()
    answers = chain.server(checkup, port)
    chain.marimo(checkup, port, answers)
    return checkup.problems


def test_settings_that_marimo_no_longer_reads_are_remarked_on_where_another_stands_in_their_place(temporary_home):
    file = temporary_home / ".marimo.toml"
    file.write_text(
        f'{CUSTOM}base_url = "http://127.0.0.1:9000/v1"\napi_key = "x"\n'.replace("]\n", ']\nmodel = "m"\n', 1)
    )
    checkup = Checkup()
    chain.marimo(checkup, 9000, "others")
    assert checkup.problems == []
    assert checkup.facts[-1] == ("", f"{file}: completion.model is no longer read: remove it")


def test_a_key_that_our_server_does_not_take_is_said_to_be_wrong(ours, temporary_home, monkeypatch):
    secret = token.token(token.token_file())
    port, file = ours(secret), temporary_home / ".marimo.toml"
    text = f'{CUSTOM}base_url = "http://localhost:{port}/v1/"\n'
    file.write_text(f'{text}api_key = "none"\n')
    (problem,) = judged(port)
    assert problem.startswith(
        f"{file}: the server at http://localhost:{port}/v1/ asks for a token, which api_key is not"
    )
    assert problem.endswith(f": `tabtab-local setup marimo --token --write --port {port}`")
    file.write_text(f'{text}api_key = "env:TABTAB_TOKEN"\n')
    monkeypatch.setenv("TABTAB_TOKEN", "of last year")
    (problem,) = judged(port)
    assert f'does not take what TABTAB_TOKEN holds: export TABTAB_TOKEN="$(cat {token.token_file()})"' in problem
    monkeypatch.setenv("TABTAB_TOKEN", secret)
    assert judged(port) == []
    file.write_text(file.read_text().replace("/v1/", "/v2"))
    assert f"there is no OpenAI interface at http://localhost:{port}/v2: " in judged(port)[0]


def test_marimos_key_is_shown_to_no_other_program(answering, temporary_home):
    other = answering({"/v1/models": {"data": []}})
    text = f'{CUSTOM}base_url = "http://127.0.0.1:{other.port}/v1"\napi_key = "secret"\n'
    (temporary_home / ".marimo.toml").write_text(text)
    (problem,) = judged(other.port)
    assert "another program answers" in problem and set(other.shown) == {None}


def test_marimo_that_asks_where_nobody_answers_is_said_to_be_wrong(temporary_home):
    port, file = free_port(), temporary_home / ".marimo.toml"
    file.write_text(f'{CUSTOM}base_url = "http://127.0.0.1:{port}/v1"\napi_key = "x"\n')
    words = f"Marimo asks http://127.0.0.1:{port}/v1, where nobody answers"
    assert judged(port) == [f"{file}: {words}: start `tabtab-local serve --port {port}`"]


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("completion.copilot = false", "completion.copilot"),
        ("ai.models.autocomplete_model = 'openai/gpt'", "ai.models.autocomplete_model"),
        ("ai.custom_providers.x.base_url = 'y'", "ai.custom_providers"),
        ("ai.custom_providers.tabtab.base_url = 'http://x.example'", "ai.custom_providers.tabtab.base_url"),
        ("runtime.pythonpath = []", ""),
    ],
)
def test_what_a_project_says_over_the_users_settings_is_said_by_setup_and_doctor(
    ours, tmp_path, monkeypatch, text, name
):
    port, project = ours(None), tmp_path / "pyproject.toml"
    project.write_text(f"[tool.marimo]\n{text}\n")
    (tmp_path / "notebooks").mkdir()
    monkeypatch.chdir(tmp_path / "notebooks")
    done = CliRunner().invoke(main, ["setup", "marimo", "--write", "--port", str(port)])
    step = f"then: remove tool.marimo.{name} from {project}, which overrides this\n"
    assert (step in done.stderr) is bool(name)
    problems = judged(port)
    assert len(problems) == bool(name)
    for problem in problems:
        assert problem.startswith(f"{project}: ") and f": remove tool.marimo.{name}, which overrides " in problem


def test_a_project_alone_can_have_marimo_ask_us(ours, tmp_path, monkeypatch):
    port, project = ours(None), tmp_path / "pyproject.toml"
    text = f'{CUSTOM}base_url = "http://127.0.0.1:{port}/v1"\napi_key = "x"\n'
    project.write_text(text.replace("[", "[tool.marimo."))
    monkeypatch.chdir(tmp_path)
    checkup = Checkup()
    chain.marimo(checkup, port, "ours")
    assert checkup.problems == []
    assert facts(checkup)["Marimo"] == f"asks http://127.0.0.1:{port}/v1, as {project} says"
    project.write_text("[tool.marimo\n")  # Marimo passes over it, too
    assert judged(port) == []
