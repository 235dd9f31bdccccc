"""Put the server together, and run it."""

from __future__ import annotations

import asyncio
import errno
import ipaddress
import logging
import signal
import socket
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h11
import uvicorn
from starlette.applications import Starlette

from tabtab_local.desk.desk import Desk, Limits
from tabtab_local.engine import Engine
from tabtab_local.errors import UsageError
from tabtab_local.feedback.record import Note, unnoted
from tabtab_local.server import DEFAULT_PORT
from tabtab_local.server.app import create_app
from tabtab_local.server.dialect import Dialect
from tabtab_local.server.dialect.chat import Chat
from tabtab_local.server.dialect.completions import OpenAI
from tabtab_local.server.dialect.infill import LlamaServer
from tabtab_local.server.dialect.native import Native
from tabtab_local.server.dialect.ollama import Ollama
from tabtab_local.server.feedback import hearing
from tabtab_local.server.guard import Rules
from tabtab_local.server.host import hosts, origins, with_port
from tabtab_local.server.metrics import Metrics
from tabtab_local.server.page import pages
from tabtab_local.server.schema import described
from tabtab_local.server.workspace import Workspace

_LOOPBACK_NAMES = ("localhost", "127.0.0.1", "[::1]")
# A client that keeps a connection open and sends nothing is not waited for longer.
_KEEP_ALIVE_S = 30
_MOST_CONNECTIONS = 1000
# Where an address cannot be listened at because of its port: all else is wrong with the host.
_OF_THE_PORT = (errno.EADDRINUSE, errno.EACCES)


@dataclass(frozen=True)
class Service:
    """Where the server listens and whom it answers.

    - `names`: what it may be called besides loopback's names and `host`, with a port where that is another.
    - `origins`: web pages that may ask from a browser.
    - `token`: what clients must show; None where none is asked for.
    - `workspaces`: folders whose notebooks are looked into.
    """

    host: str = "127.0.0.1"
    port: int = DEFAULT_PORT
    names: tuple[str, ...] = ()
    origins: tuple[str, ...] = ()
    token: str | None = None
    workspaces: tuple[Path, ...] = ()


def is_loopback(host: str) -> bool:
    """Return whether only this machine can reach what listens at `host`."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def application(service: Service, engine: Engine, limits: Limits | None = None, note: Note = unnoted) -> Starlette:
    """Return the application that answers with `engine`; `note` is told what became of the answers."""
    dialects: Sequence[Dialect[Any]] = (
        Chat(Workspace(service.workspaces)),
        OpenAI(),
        OpenAI("/completions"),
        LlamaServer(),
        Native(),
        Ollama(),
    )
    desk, metrics = Desk(engine, limits, note), Metrics()
    names = hosts((*_LOOPBACK_NAMES, service.host, *service.names), service.port)
    rules = Rules(names, origins(service.origins), service.token)
    telling = pages(engine.model, desk, metrics)
    telling = (*telling, described(dialects, telling, token=service.token is not None))
    routes = [*(page.route for page in telling), hearing(desk)]
    return create_app(dialects, routes, desk, engine.model, metrics, rules)


def serve(service: Service, engine: Engine, started: Callable[[str], None], note: Note = unnoted) -> None:
    """Serve until Ctrl-C or SIGTERM.

    Raises `UsageError` where the address is taken or none of this machine's, and where other machines reach it and
    there is no token.
    """
    if not is_loopback(service.host) and service.token is None:
        raise UsageError(f"{service.host} is reached by other machines: add --token")
    config = uvicorn.Config(
        application(service, engine, note=note),
        host=service.host,
        port=service.port,
        http="h11",
        log_level="error",
        access_log=False,
        server_header=False,
        timeout_keep_alive=_KEEP_ALIVE_S,
        timeout_graceful_shutdown=2,
        limit_concurrency=_MOST_CONNECTIONS,
        ws="none",
    )
    logging.getLogger("uvicorn.error").addFilter(_is_news)
    with socket.socket(socket.AF_INET6 if ":" in service.host else socket.AF_INET) as listening:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listening.bind((service.host.strip("[]"), service.port))
        except OSError as error:
            wrong = "--port" if error.errno in _OF_THE_PORT else "--host"
            raise UsageError(f"{service.host}:{service.port}: {error.strerror}: choose another {wrong}") from None
        started(f"http://{with_port(service.host, service.port)}")
        with _until_stopped():
            uvicorn.Server(config).run(sockets=[listening])


def _is_news(record: logging.LogRecord) -> bool:
    """Return whether uvicorn logs more than that a client broke HTTP, or that it was not waited for at the end."""
    error = record.exc_info[1] if record.exc_info else None
    return not isinstance(error, (asyncio.CancelledError, h11.LocalProtocolError))


@contextmanager
def _until_stopped() -> Iterator[None]:
    """Have Ctrl-C and SIGTERM, which uvicorn raises once more at its end, end what is done inside and no more."""

    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    before = {each: signal.signal(each, stop) for each in (signal.SIGINT, signal.SIGTERM)}
    try:
        with suppress(KeyboardInterrupt):
            yield
    finally:
        for each, handler in before.items():
            signal.signal(each, handler)
