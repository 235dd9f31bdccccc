"""HTTP/1.1 to a server on this machine, with answers that arrive in lines and can be given up at any moment.

A request is one packet, and Nagle's algorithm is off. Each has a connection of its own: llama-server closes it after
an answer that it has streamed, and on one machine opening one takes less than a tenth of a millisecond. While an answer
is awaited, `cancel` is asked every few milliseconds; once it says yes the connection is closed, by which a server
learns that nobody listens. Bodies are JSON; nothing is known here of what they say.
"""

from __future__ import annotations

import json
import select
import socket
import time
from collections.abc import Callable, Generator, Iterator

from tabtab_local.engine import never
from tabtab_local.errors import Cancelled, ModelError

_LOOK_S = 0.002
_PIECE_BYTES = 65536
_CANCELLED = "a newer request has stopped this one"


class Client:
    """Asks the server at `host:port`; `silence_s` is how long that may say nothing."""

    def __init__(self, host: str, port: int, *, silence_s: float = 300.0) -> None:
        self._address = (host, port)
        self._name = f"the server at {host}:{port}"
        self._silence_s = silence_s

    def lines(
        self, method: str, path: str, document: object = None, cancel: Callable[[], bool] = never
    ) -> Generator[bytes, None, None]:
        """Send a request and yield the lines of the answer's body, without their ends, as soon as each is there.

        Close the generator to give an answer up. Raises `Cancelled`, and `ModelError` for a status that is none of
        success and where the server is gone or silent.
        """
        try:
            with socket.create_connection(self._address, timeout=self._silence_s) as connection:
                connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                connection.sendall(self._request(method, path, document))
                received = _Received(connection, lambda: self._wait(connection, cancel))
                status, headers = received.head()
                rest = b""
                for data in received.body(headers):
                    *whole, rest = (rest + data).split(b"\n")
                    if status >= 300:
                        rest = b" ".join((*whole, rest))
                        continue
                    for line in whole:
                        if cancel():
                            raise Cancelled(_CANCELLED)
                        yield line.removesuffix(b"\r")
        except OSError as error:
            raise ModelError(f"{self._name} cannot be asked ({error}): it may have ended") from error
        if status >= 300:
            said = rest.decode("utf-8", "replace").strip()
            raise ModelError(f"{self._name} answers {path} with status {status}: {said[:200]}")
        if rest:
            yield rest

    def document(self, method: str, path: str, document: object = None) -> dict[str, object]:
        """Send a request and return the JSON object that it is answered with. Raises `ModelError`."""
        answer: dict[str, object] = json.loads(b"\n".join(self.lines(method, path, document)))
        return answer

    def _request(self, method: str, path: str, document: object) -> bytes:
        body = b"" if document is None else json.dumps(document).encode()
        head = f"{method} {path} HTTP/1.1\r\nHost: {self._address[0]}:{self._address[1]}\r\nConnection: close\r\n"
        return f"{head}Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body

    def _wait(self, connection: socket.socket, cancel: Callable[[], bool]) -> None:
        """Wait until something has come."""
        ends_s = time.monotonic() + self._silence_s
        while not select.select([connection], [], [], _LOOK_S)[0]:
            if cancel():
                break
            if time.monotonic() > ends_s:
                raise TimeoutError(f"silent for {self._silence_s:g} s")
        if cancel():
            raise Cancelled(_CANCELLED)


class _Received:
    """Takes apart what comes over a connection; `wait` returns once there is something."""

    def __init__(self, connection: socket.socket, wait: Callable[[], None]) -> None:
        self._connection = connection
        self._wait = wait
        self._data = b""

    def head(self) -> tuple[int, dict[str, str]]:
        """Return the status and the headers, their names in small letters."""
        first, *lines = self._until(b"\r\n\r\n").decode("latin-1").split("\r\n")
        pairs = (line.partition(":") for line in lines)
        return int(first.split()[1]), {name.lower(): value.strip() for name, _, value in pairs}

    def body(self, headers: dict[str, str]) -> Iterator[bytes]:
        """Yield the body in pieces."""
        if headers.get("transfer-encoding", "").lower() != "chunked":
            yield self._take(int(headers.get("content-length", "0")))
            return
        while size := int(self._until(b"\r\n").split(b";")[0], 16):
            yield self._take(size)
            self._until(b"\r\n")

    def _until(self, end: bytes) -> bytes:
        while end not in self._data:
            self._receive()
        found, _, self._data = self._data.partition(end)
        return found

    def _take(self, size: int) -> bytes:
        while len(self._data) < size:
            self._receive()
        found, self._data = self._data[:size], self._data[size:]
        return found

    def _receive(self) -> None:
        self._wait()
        data = self._connection.recv(_PIECE_BYTES)
        if not data:
            raise ConnectionError("closed in the middle of an answer")
        self._data += data
