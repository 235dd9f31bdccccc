"""Servers that run in a process of their own for as long as somebody needs them."""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from bench.port import free_port
from tabtab_local.errors import TabTabError

_START_S = 60.0
_END_S = 10.0
_LOOK_S = 0.05


@contextmanager
def running(command: Sequence[str], url: str, environment: Mapping[str, str]) -> Iterator[None]:
    """Run a server from the moment that `url` answers. Raises `TabTabError` where it ends before, or takes too long."""
    with tempfile.TemporaryFile("w+") as said:
        process = subprocess.Popen(
            command, env=dict(environment), stdin=subprocess.DEVNULL, stdout=said, stderr=subprocess.STDOUT
        )
        try:
            if not _answers(process, url):
                said.seek(0)
                last = (said.read().split("\n")[-2:] or [""])[0]
                raise TabTabError(f"{Path(command[0]).name} does not answer at {url}: {last}")
            yield
        finally:
            process.terminate()
            try:
                process.wait(_END_S)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


@contextmanager
def tabtab(*options: str, environment: Mapping[str, str], port: int | None = None) -> Iterator[str]:
    """Run `tabtab-local serve` on a free port, or on `port`, and give its address."""
    port = port or free_port()
    address = f"http://127.0.0.1:{port}"
    command = [sys.executable, "-m", "tabtab_local", "serve", "--port", str(port), *options]
    with running(command, f"{address}/health", environment):
        yield address


def _answers(process: subprocess.Popen[bytes], url: str) -> bool:
    ends_s = time.monotonic() + _START_S
    while process.poll() is None and time.monotonic() < ends_s:
        try:
            with urllib.request.urlopen(url, timeout=_START_S):
                return True
        except OSError:  # not yet
            time.sleep(_LOOK_S)
    return False
