"""Clients that leave, type on or wait, over real connections."""

from __future__ import annotations

import http.client
import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from typing import Any

import pytest
import uvicorn

from bench.port import free_port
from tabtab_local.desk.desk import Limits
from tabtab_local.server.dialect.chat import NOTHING
from tabtab_local.server.serve import Service, application
from tests.editing import inserting, python, typed
from tests.fakes import SlowEngine
from tests.test_server_dialect import AFTER, BEFORE, CLIENTS, Client

PATIENCE_S = 20.0
DOCUMENT = python(f"{BEFORE}|{AFTER}")
asking = pytest.mark.parametrize("client", [CLIENTS["marimo"], CLIENTS["llama.vim"]], ids=["marimo", "llama.vim"])


class Served:
    """A server behind a real port, whose model answers when it is told to."""

    def __init__(self, engine: SlowEngine, deadline_s: float) -> None:
        self.engine, self.port = engine, free_port()
        app = application(Service(port=self.port), engine, Limits(prefetch_delay_s=3600.0, deadline_s=deadline_s))
        self._server = uvicorn.Server(uvicorn.Config(app, port=self.port, http="h11", log_level="error", ws="none"))
        self._thread = threading.Thread(target=self._server.run, daemon=True)
        self._thread.start()
        wait_until(lambda: self._server.started)

    def ask(self, client: Client, document: Any) -> http.client.HTTPConnection:
        """Send a client's question, and do not wait for the answer."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE_S)
        body = client.body(document.code[: document.cursor], document.code[document.cursor :])
        connection.request("POST", client.path, json.dumps(body), {"Content-Type": "application/json"})
        return connection

    def close(self) -> None:
        """Let the model answer, and end the server."""
        self.engine.go.set()
        self._server.should_exit = True
        self._thread.join(PATIENCE_S)
        assert not self._thread.is_alive()


def wait_until(true: Callable[[], bool]) -> None:
    until = time.monotonic() + PATIENCE_S
    while not true():
        assert time.monotonic() < until
        time.sleep(0.005)


def content(connection: http.client.HTTPConnection) -> Any:
    """Return what a client is answered, and close its connection."""
    with closing(connection):
        response = connection.getresponse()
        assert response.status == 200
        told = json.loads(response.read())
    return told["choices"][0]["message"]["content"] if "choices" in told else told["content"]


@pytest.fixture
def serve() -> Iterator[Callable[..., Served]]:
    servers: list[Served] = []

    def start(*answers: str, deadline_s: float = 3600.0) -> Served:
        servers.append(Served(SlowEngine(answers), deadline_s))
        return servers[-1]

    yield start
    for server in servers:
        server.close()


@asking
def test_the_work_for_a_client_that_leaves_is_stopped(serve: Callable[..., Served], client: Client) -> None:
    server = serve()
    connection = server.ask(client, DOCUMENT)
    server.engine.wait_for_requests(1)
    assert server.engine.cancelled_tokens == []
    connection.close()
    wait_until(lambda: bool(server.engine.cancelled_tokens))


@asking
def test_a_question_that_a_newer_one_replaces_is_answered_with_nothing(
    serve: Callable[..., Served], client: Client
) -> None:
    now = typed(DOCUMENT, "json.")
    server = serve(inserting(now, "load(file)"))
    first = server.ask(client, DOCUMENT)
    server.engine.wait_for_requests(1)
    second = server.ask(client, now)
    assert content(first) == (NOTHING if client is CLIENTS["marimo"] else "")
    server.engine.go.set()
    assert content(second) == "load(file)"


@asking
def test_a_client_is_not_kept_waiting(serve: Callable[..., Served], client: Client) -> None:
    connection = serve(deadline_s=0.05).ask(client, DOCUMENT)
    assert content(connection) == (NOTHING if client is CLIENTS["marimo"] else "")
