"""Nothing leaves the machine: programs that end at once where they would reach for another one still do their work."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.test_lsp import LSP, Editor
from tests.test_server_storm import ROOT, serving

# Python reads it at its start. Connections and names that are looked up, by whatever library, come by here.
WATCH = """\
import os
import sys

HERE = ("127.0.0.1", "::1", "localhost", "", None)
ADDRESSED = ("socket.connect", "socket.sendto", "socket.sendmsg")
NAMED = ("socket.getaddrinfo", "socket.gethostbyname", "socket.gethostbyaddr")


def watch(event, arguments):
    if event in ADDRESSED:
        host = arguments[1][0] if isinstance(arguments[1], tuple) else None  # a path: within the machine
    elif event in NAMED:
        host = arguments[0]
    else:
        return
    if host not in HERE:
        os.write(2, f"reached for {host}".encode())
        os._exit(99)


sys.addaudithook(watch)
"""


@pytest.fixture(autouse=True)
def watched(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the programs that a test starts be watched."""
    (tmp_path / "sitecustomize.py").write_text(WATCH)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    monkeypatch.setenv("OLLAMA_HOST", "ollama.example:11434")


def run(*arguments: str) -> tuple[int, str]:
    done = subprocess.run([sys.executable, *arguments], cwd=ROOT, capture_output=True, text=True, check=False)
    return done.returncode, done.stderr


@pytest.mark.parametrize(
    ("call", "host"),
    [
        ("socket.create_connection(('192.0.2.1', 80))", "192.0.2.1"),
        ("socket.getaddrinfo('example.org', 80)", "example.org"),
        ("socket.socket(type=socket.SOCK_DGRAM).sendto(b'x', ('192.0.2.1', 53))", "192.0.2.1"),
        ("__import__('httpx').get('http://example.org')", "example.org"),
    ],
)
def test_whoever_reaches_for_another_machine_is_caught(call: str, host: str) -> None:
    assert run("-c", f"import socket; {call}") == (99, f"reached for {host}")


def test_the_server_answers_every_client_without_another_machine(tmp_path: Path) -> None:
    with serving(tmp_path) as server:
        assert all(server.answers())
        assert server.process.poll() is None and "reached" not in server.said


def test_the_language_server_answers_without_another_machine() -> None:
    editor = Editor(*LSP)
    editor.open()
    assert editor.ghosts()
    editor.close()


def test_the_other_commands_do_their_work_without_another_machine() -> None:
    for command in (["complete", "examples/load_csv.py", "--line", "4"], ["doctor"], ["setup", "marimo"], ["models"]):
        code, said = run("-m", "tabtab_local", *command)
        assert code in (0, 1) and "reached" not in said, (command, said)
