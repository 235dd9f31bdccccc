"""The peers of the typing benchmark on small models; for Ollama a stand-in that speaks as its API is described."""

from __future__ import annotations

import importlib.util
import json
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from bench.peer import NAMES, available, llama_process, llama_python, open_peer
from bench.peer.llama_python import LlamaPython, context_that_fits
from bench.peer.llama_server import NGRAM, PLAIN, LlamaServer
from bench.peer.ollama import Ollama
from bench.peer.peer import Backend, Peer
from bench.peer.question import KINDS, Question, question
from bench.peer.ruler import Ruler
from bench.peer.stream import Client
from tabtab_local.document import Document
from tabtab_local.engine import LlamaEngine, never
from tabtab_local.errors import Cancelled, ModelError, UsageError
from tabtab_local.prompt import CURSOR, EDIT_END
from tabtab_local.registry import embedded_path
from tabtab_local.replay.asker import Moment

CODE = """\
import pandas as pd


def load(path):
    frame = pd.read_csv(path)
    frame = frame.dropna()
    return frame


def clean(frame):
    frame = frame.drop_duplicates()
    result =
    return result


frame = clean(load("data.csv"))
"""
PLACE = CODE.index("result =") + len("result =")
BACKENDS = ("llama-server", "llama-server-ngram", "llama-cpp-python", "llama-cpp-python-lookup")
LOCAL = tuple(name for name in NAMES if not name.startswith("ollama"))


@pytest.fixture(autouse=True)
def no_server_of_ones_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TABTAB_LLAMA_SERVER", raising=False)


def moment(typed: str = "", continuation: str = "") -> Moment:
    """Return the moment in which `typed` has been typed at `PLACE`."""
    code = CODE[:PLACE] + typed + CODE[PLACE:]
    return Moment("a trace", 1, "type", Document("python", code, code, PLACE + len(typed)), continuation)


def unshown(text: str) -> None:
    pass


def opened(name: str, path: Path, *, oracle: bool = False) -> closing[Peer]:
    return closing(open_peer(name, path, threads=1, context_tokens=1024, oracle=oracle))


def backends(path: Path, ruler: Ruler) -> dict[str, Callable[[], Backend]]:
    def server(drafts: object) -> Backend:
        return LlamaServer(path, threads=1, context_tokens=ruler.model.context_tokens, drafts=drafts, told=False)

    return {
        "llama-server": lambda: server(PLAIN),
        "llama-server-ngram": lambda: server(NGRAM),
        "llama-cpp-python": lambda: LlamaPython(path, ruler, threads=1, lookup=False),
        "llama-cpp-python-lookup": lambda: LlamaPython(path, ruler, threads=1, lookup=True),
    }


@pytest.mark.parametrize("name", LOCAL)
def test_a_peer_answers_keys_and_says_what_it_took_and_runs_with(name: str) -> None:
    with opened(name, embedded_path()) as peer:
        shown: list[str] = []
        first = peer.ask(moment(" frame.drop"), shown.append, never)
        second = peer.ask(moment(" frame.drop_"), unshown, never)
        assert first.ghost and first.visible and shown[-1] == first.ghost
        assert all(one and first.ghost.startswith(one) for one in shown)
        assert first.decoded_tokens > 0 and 0 <= first.accepted_tokens <= first.drafted_tokens
        # The code above stays in the cache.
        assert 0 < second.evaluated_tokens < first.evaluated_tokens
        assert peer.cpu_s() > 0 and peer.memory_bytes() > 10_000_000
        settings = json.loads(json.dumps(peer.settings(), allow_nan=False))
        assert peer.name == name and settings["threads"] == 1 and settings["context_tokens"] == 1024
        assert {"program", "built_for", "flash_attention", "speculation", "draft", "prompt", "answers"} <= set(settings)
        assert (settings["speculation"] == "none") == ("ngram" not in name and "lookup" not in name)


@pytest.mark.parametrize("name", BACKENDS)
def test_our_prompt_is_continued_as_our_engine_continues_it(name: str, tiny_gguf: Path) -> None:
    with (
        LlamaEngine(tiny_gguf, threads=1) as engine,
        closing(Ruler(tiny_gguf, 2048)) as ruler,
        closing(backends(tiny_gguf, ruler)[name]()) as backend,
    ):
        for typed in ("", " ", " fr", " frame.", " frame.sort_values()\n    x"):
            asked = replace(question("ours", moment(typed), ruler, told=False), max_tokens=24)
            ours = engine.generate(asked.text, "", max_tokens=24, stop=CURSOR)
            reply = backend.complete(asked, lambda text, tokens: None, never)
            assert reply.text == ours.text.removesuffix(CURSOR)
            assert reply.decoded_tokens == ours.timings.decoded_tokens
            assert reply.text


@pytest.mark.parametrize("name", LOCAL)
def test_a_peer_that_is_told_the_right_answer_writes_as_many_tokens(name: str, tiny_gguf: Path) -> None:
    answer = " frame.drop_duplicates()\n    return result"
    with opened(name, tiny_gguf, oracle=True) as peer, closing(Ruler(tiny_gguf, 1024)) as ruler:
        shown: list[str] = []
        for _ in range(2):
            work = peer.ask(moment("", answer), shown.append, never)
            assert (work.ghost, work.visible) == (answer, True)
            assert work.decoded_tokens == len(ruler.tokens(answer)) + 1
        assert shown[-1] == answer and len(set(shown)) > 1
        nothing = peer.ask(moment(" x"), shown.append, never)
        assert (nothing.ghost, nothing.visible, nothing.decoded_tokens) == ("", False, 1)
        if name == "llama-cpp-python-lookup/ours":  # the right answer stands in the prompt
            assert 0 < work.accepted_tokens < work.decoded_tokens


@pytest.mark.parametrize("name", BACKENDS)
def test_prompts_of_more_than_a_batch_are_answered(name: str, tiny_gguf: Path) -> None:
    with closing(Ruler(tiny_gguf, 2048)) as ruler, closing(backends(tiny_gguf, ruler)[name]()) as backend:
        text = "".join(f"value_{i} = compute({i})\n" for i in range(100))
        size = len(ruler.prompt_tokens(text))
        assert llama_python.BATCH_TOKENS < size < 2000
        reply = backend.complete(Question("ours", text, 8), lambda text, tokens: None, never)
        assert (reply.evaluated_tokens, reply.decoded_tokens) == (size, 8)


@pytest.mark.parametrize("name", BACKENDS)
def test_a_request_that_is_cancelled_stops_and_the_next_is_answered_as_ever(name: str, tiny_gguf: Path) -> None:
    with closing(Ruler(tiny_gguf, 2048)) as ruler, closing(backends(tiny_gguf, ruler)[name]()) as backend:
        asked = [replace(question("ours", moment(x), ruler, told=False), max_tokens=16) for x in ("", " ")]
        expected = [backend.complete(one, lambda text, tokens: None, never) for one in asked]
        assert all(one.decoded_tokens == 16 for one in expected)
        for limit in (0, 1, 5):
            told: list[str] = []

            def cancel(limit: int = limit, told: list[str] = told) -> bool:
                return len(told) >= limit

            with pytest.raises(Cancelled):
                backend.complete(asked[1], lambda text, tokens, told=told: told.append(text), cancel)
            assert len(told) == limit
            for one, before in zip(asked, expected, strict=True):
                assert backend.complete(one, lambda text, tokens: None, never).text == before.text


def test_a_suggestion_that_came_too_late_is_not_kept(tiny_gguf: Path) -> None:
    with opened("llama-cpp-python/ours", tiny_gguf, oracle=True) as peer:
        with pytest.raises(Cancelled):
            peer.ask(moment("", " frame.copy()"), unshown, lambda: True)
        assert not peer.update(moment(" "))


def test_typing_what_is_suggested_keeps_the_suggestion(tiny_gguf: Path) -> None:
    with opened("llama-cpp-python/ours", tiny_gguf, oracle=True) as peer:
        peer.ask(moment("", " frame.copy()"), unshown, never)
        assert peer.update(moment(" "))
        assert peer.update(moment(" fra"))
        assert not peer.update(moment(" frx"))
        assert not peer.update(moment(" fra"))
        peer.ask(moment("", " frame.copy()"), unshown, never)
        peer.open(moment())
        assert not peer.update(moment(" "))


def test_a_peer_that_is_not_there_says_so_in_one_line(monkeypatch: pytest.MonkeyPatch, tiny_gguf: Path) -> None:
    find_spec = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "xllamacpp" else find_spec(name))
    monkeypatch.setenv("PATH", "")
    for name in NAMES:
        reason = available(name)
        assert "\n" not in reason
        assert bool(reason) == name.startswith(("llama-server", "ollama"))
        if reason:
            with pytest.raises(UsageError, match="cannot run here"):
                open_peer(name, tiny_gguf, threads=1, context_tokens=512, oracle=False)
    with pytest.raises(UsageError, match="no peer is called 'vllm/ours'"):
        available("vllm/ours")


def test_the_server_ends_with_the_peer_and_with_whoever_started_it(tiny_gguf: Path) -> None:
    with pytest.raises(RuntimeError, match="an accident"), opened("llama-server/ours", tiny_gguf) as peer:
        (server,) = peer._backend.processes
        assert server.is_running()
        raise RuntimeError("an accident")
    assert not server.is_running()
    settings = {"model": str(tiny_gguf), "context_tokens": 256, "threads": 1, "batch_tokens": 64}
    command = [sys.executable, llama_process.__file__, json.dumps(settings)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as process:
        assert process.stdin and process.stdout
        assert process.stdout.readline()
        process.stdin.close()
        assert process.wait(30) == 0


@pytest.mark.skipif(sys.platform == "win32", reason="the stand-in is a shell script")
def test_a_llama_server_of_ones_own_takes_the_place_of_the_packages(
    tiny_gguf: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = tmp_path / "llama-server"
    monkeypatch.setenv("TABTAB_LLAMA_SERVER", str(program))
    assert "is not there" in available("llama-server/own")
    program.write_text(f'#!/bin/sh\nexec "{sys.executable}" "{Path(__file__).parent / "fake_llama_server.py"}" "$@"\n')
    program.chmod(0o755)
    with opened("llama-server-ngram/ours", tiny_gguf, oracle=True) as peer:
        (server,) = peer._backend.processes
        assert any("fake_llama_server.py" in word for word in server.cmdline())
        assert peer.ask(moment("", " frame"), unshown, never).ghost == " frame"
        settings = peer.settings()
        assert settings["program"] == f"llama-server {program}" and settings["built_for"]
    assert not server.is_running()
    program.write_text("#!/bin/sh\nexit 3\n")
    with pytest.raises(ModelError, match="cannot serve"):
        open_peer("llama-server/ours", tiny_gguf, threads=1, context_tokens=256, oracle=False)


def test_a_server_that_cannot_start_is_an_error_in_one_line(tmp_path: Path) -> None:
    broken = tmp_path / "broken.gguf"
    broken.write_bytes(b"GGUF and nothing else")
    with pytest.raises(ModelError, match="cannot serve"):
        LlamaServer(broken, threads=1, context_tokens=256, drafts=PLAIN, told=False)
    with pytest.raises(ModelError, match="vocabulary"):
        open_peer("llama-cpp-python/own", broken, threads=1, context_tokens=256, oracle=False)


def test_logits_for_a_whole_context_stay_within_what_memory_bears() -> None:
    assert context_that_fits(4096, 6144) == 4096
    for vocabulary_tokens in (151_936, 128_256):
        fitting = context_that_fits(32_768, vocabulary_tokens)
        assert 2048 <= fitting < 4096
        assert fitting * vocabulary_tokens * 4 <= llama_python.MAX_LOGITS_BYTES


@pytest.fixture
def ollama(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A program `ollama` on the path that writes ` frame.copy()`, the cursor's marker and more."""
    program = tmp_path / "bin" / "ollama"
    program.parent.mkdir()
    program.write_text(f'#!/bin/sh\nexec "{sys.executable}" "{Path(__file__).parent / "fake_ollama.py"}" "$@"\n')
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{program.parent}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setenv("FAKE_OLLAMA_TEXT", f" frame.copy(){CURSOR}\n    return result\nmore and more")


@pytest.mark.skipif(sys.platform == "win32", reason="the stand-in is a shell script")
@pytest.mark.parametrize("kind", KINDS)
def test_ollama_is_started_given_the_model_asked_and_ended(kind: str, ollama: None, tiny_gguf: Path) -> None:
    assert not available(f"ollama/{kind}")
    with opened(f"ollama/{kind}", tiny_gguf) as peer:
        shown: list[str] = []
        work = peer.ask(moment(), shown.append, never)
        assert work.ghost == {"ours": " frame.copy()", "own": f" frame.copy(){CURSOR}"}[kind]
        assert shown[0] == " frame" and shown[-1] == work.ghost
        assert work.decoded_tokens == {"ours": 6, "own": 7}[kind]
        assert work.evaluated_tokens > 0 or kind == "own"  # an answer that is cut off brings no count
        folder = Path(peer._backend._environment["OLLAMA_MODELS"])
        asked = json.loads((folder / "asked.json").read_text())
        assert asked["raw"] and asked["stream"] and asked["options"]["num_ctx"] == 1024
        assert (asked["options"]["num_thread"], asked["options"]["temperature"]) == (1, 0)
        assert asked["options"]["stop"] == {"ours": [CURSOR, EDIT_END], "own": []}[kind]
        assert json.loads(json.dumps(peer.settings()))["program"] == "ollama 0.0.0-fake"
        processes = peer._backend.processes
    assert not folder.exists() and not any(process.is_running() for process in processes)


@pytest.mark.skipif(sys.platform == "win32", reason="the stand-in is a shell script")
def test_an_answer_of_ollama_is_cancelled_and_what_fails_there_is_said(
    ollama: None, tiny_gguf: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FAKE_OLLAMA_PAUSE_S", "0.05")
    with closing(Ollama(tiny_gguf, threads=1, context_tokens=512)) as backend:
        told: list[str] = []
        asked = Question("ours", "x = ", 16)
        with pytest.raises(Cancelled):
            backend.complete(asked, lambda text, tokens: told.append(text), lambda: bool(told))
        assert told == [" frame"]
        assert backend.complete(asked, lambda text, tokens: None, never).text == " frame.copy()"
    with pytest.raises(ModelError, match="is not a GGUF"):
        Ollama(Path(__file__), threads=1, context_tokens=512)
    monkeypatch.setattr("bench.peer.ollama.PROGRAM", str(tmp_path / "bin" / "true"))
    (tmp_path / "bin" / "true").symlink_to("/bin/true")
    with pytest.raises(ModelError, match="does not answer"):
        Ollama(tiny_gguf, threads=1, context_tokens=512)


class Wire:
    """A server on this machine that answers each connection with prepared bytes, in pieces, until that is closed."""

    def __init__(self, *answers: list[bytes]) -> None:
        self.given_up = 0
        self._answers = answers
        self._listening = socket.create_server(("127.0.0.1", 0))
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    @property
    def client(self) -> Client:
        return Client("127.0.0.1", int(self._listening.getsockname()[1]))

    def _serve(self) -> None:
        for answer in self._answers:
            connection, _ = self._listening.accept()
            with connection:
                request = connection.recv(65536)
                assert request.startswith(b"POST /x HTTP/1.1\r\n") and request.endswith(b"\r\n\r\n{}")
                for piece in answer:
                    connection.sendall(piece)
                if not answer or answer[-1] == HALF:
                    self.given_up += not connection.recv(1)

    def close(self) -> None:
        self._thread.join(10)
        assert not self._thread.is_alive()
        self._listening.close()


HEAD = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
HALF = b"2\r\na\n\r\n"


def test_lines_of_an_answer_come_whole_however_it_was_cut() -> None:
    body = HEAD + b"5\r\none\nt\r\n6;x=1\r\nwo\n\nth\r\n4\r\nree\n\r\n0\r\n\r\n"
    bytewise = [bytes([byte]) for byte in body]
    with closing(Wire([body], bytewise, [b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\na\nb"])) as server:
        for expected in ([b"one", b"two", b"", b"three"], [b"one", b"two", b"", b"three"], [b"a", b"b"]):
            assert list(server.client.lines("POST", "/x", {})) == expected


def test_a_request_that_is_given_up_closes_the_connection_before_and_in_an_answer() -> None:
    for answer, lines in (([], 0), ([HEAD, HALF], 1)):
        with closing(Wire(answer)) as server:
            came: list[bytes] = []

            def cancel(came: list[bytes] = came, lines: int = lines) -> bool:
                return len(came) >= lines

            with pytest.raises(Cancelled):
                for line in server.client.lines("POST", "/x", {}, cancel):
                    came.append(line)
        assert server.given_up == 1 and len(came) == lines


def test_what_a_server_refuses_and_its_end_are_errors_in_one_line() -> None:
    refusal = b'HTTP/1.1 500 Oh\r\nContent-Length: 17\r\n\r\n{"error":\n "why"}'
    with closing(Wire([refusal], [HEAD, b"2\r\na"])) as server:
        client = server.client
        with pytest.raises(ModelError, match=r"status 500: \{.*why") as refused:
            list(client.lines("POST", "/x", {}))
        with pytest.raises(ModelError, match="in the middle of an answer"):
            list(client.lines("POST", "/x", {}))
    with pytest.raises(ModelError, match="cannot be asked"):
        list(client.lines("GET", "/"))
    assert "\n" not in str(refused.value)


def test_processor_time_and_memory_of_another_process_are_counted(tiny_gguf: Path) -> None:
    with opened("llama-server/ours", tiny_gguf) as peer:
        (server,) = peer._backend.processes
        before = peer.cpu_s()
        for i in range(20):
            peer.ask(moment(f" x{i}"), unshown, never)
        assert server.pid != os.getpid()
        assert sum(server.cpu_times()[:2]) > 0
        assert peer.cpu_s() > before
        assert peer.memory_bytes() > psutil.Process().memory_info().rss
