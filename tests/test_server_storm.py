"""A server that two hundred clients treat badly: it answers on, keeps nothing, and ends when it is told to."""

from __future__ import annotations

import asyncio
import json
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest

from bench.port import free_port
from tests.storm import PATIENCE_S, Connection, storm
from tests.test_server_dialect import CLIENTS
from tests.test_server_next_edit import INSTINCT, SWEEP

ROOT = Path(__file__).parent.parent
_MIB = 1 << 20

# What the second storm may leave behind that the first did not: 32 documents are remembered, some of a megabyte.
MOST_GROWTH_BYTES = 24 * _MIB

# What is another each time: numbers, times, and what was still in the cache.
_VOLATILE = re.compile(
    rb'"(?:id|created|created_at|timings(?:/\w+)?|usage|tokens_\w+|\w+_duration|\w*eval_count)":'
    rb'(?:"[^"]*"|\{[^{}]*\}|[^,{}]*)'
)

# The nano knows how this one goes on.
CSV = 'import pandas as pd\n\nfile = "sales.csv"\ndf = '
QUESTIONS = [(client.path, client.body(CSV, "\n")) for client in CLIENTS.values()] + [
    ("/v1/completions", {"prompt": SWEEP}),
    ("/v1/chat/completions", {"messages": [{"role": "user", "content": INSTINCT}]}),
    ("/v1/tabtab/next_edit", {"cells": ["import json", "rows = "], "cell": 1, "cursor": {"line": 1, "column": 8}}),
]


class Served:
    """A server in a process of its own."""

    def __init__(self, process: subprocess.Popen[bytes], port: int, errors: Path) -> None:
        self.process, self.port, self._errors = process, port, errors
        self._seen = psutil.Process(process.pid)

    @property
    def said(self) -> str:
        """What the server said on stderr."""
        return self._errors.read_text(encoding="utf-8")

    @property
    def memory_bytes(self) -> int:
        """What is resident."""
        return int(self._seen.memory_info().rss)

    def holds(self) -> tuple[int, int, int]:
        """Return how many connections, open files and threads there are."""
        return len(self._seen.net_connections("tcp")), self._seen.num_fds(), self._seen.num_threads()

    def answers(self) -> list[bytes]:
        """Return what the server says to questions in all dialects, but for what is another each time."""
        return asyncio.run(self._answers())

    async def _answers(self) -> list[bytes]:
        server = await Connection.open(self.port)
        found = []
        for path, body in QUESTIONS:
            text = json.dumps(body).encode()
            await server.send(server.head(path, len(text)), text)
            status, answer = await asyncio.wait_for(server.answer(), PATIENCE_S)
            assert status == 200, answer
            found.append(_VOLATILE.sub(b"", answer))
        await server.close()
        return found


@contextmanager
def serving(folder: Path) -> Iterator[Served]:
    """Start a server on a port that is free."""
    port = free_port()
    errors = folder / "stderr"
    command = [sys.executable, "-m", "tabtab_local", "serve", "--model", "tabtab-nano", "--port", str(port)]
    with errors.open("wb") as file, subprocess.Popen(command, cwd=ROOT, stderr=file) as process:
        try:
            served = Served(process, port, errors)
            wait_until(lambda: process.poll() is not None or is_open(port))
            assert process.poll() is None, served.said
            yield served
        finally:
            process.kill()


def is_open(port: int) -> bool:
    with socket.socket() as client:
        return client.connect_ex(("127.0.0.1", port)) == 0


def wait_until(true: Callable[[], bool]) -> None:
    until = time.monotonic() + PATIENCE_S
    while not true():
        assert time.monotonic() < until
        time.sleep(0.1)


@pytest.mark.skipif(sys.platform == "win32", reason="counts files as POSIX has them")
def test_after_a_storm_all_is_as_before(tmp_path: Path) -> None:
    with serving(tmp_path) as served:
        before = served.answers()
        assert sum(b"pd.read_csv(file)" in answer for answer in before) >= len(CLIENTS) - 2, before
        wait_until(lambda: served.holds()[0] == 1)
        held = served.holds()
        memory_bytes = []
        for seed in range(2):
            asyncio.run(storm(served.port, seed))
            assert served.answers() == before
            wait_until(lambda: served.holds() == held)
            memory_bytes.append(served.memory_bytes)
        assert memory_bytes[1] - memory_bytes[0] < MOST_GROWTH_BYTES
        assert served.said.count("\n") == 1, served.said  # where it listens
        assert "answers at" in served.said


@pytest.mark.skipif(sys.platform == "win32", reason="ends by signals as POSIX has them")
@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM])
def test_whatever_clients_do_a_signal_ends_the_server_well(tmp_path: Path, how: signal.Signals) -> None:
    async def main() -> None:
        stalled = [await Connection.open(served.port) for _ in range(20)]
        body = json.dumps(QUESTIONS[0][1]).encode()
        for number, each in enumerate(stalled):
            whole = each.head(QUESTIONS[0][0], len(body)) + body
            await each.send(whole[: len(whole) * number // 19])
        served.process.send_signal(how)
        assert await asyncio.to_thread(served.process.wait, PATIENCE_S) == 0
        for each in stalled:
            await each.close()

    with serving(tmp_path) as served:
        asyncio.run(main())
        assert "Traceback" not in served.said
