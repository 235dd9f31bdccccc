"""Messages over a socket between the program and its checks: a length of 4 bytes, then that many bytes.

It knows nothing of what a message says.
"""

from __future__ import annotations

import os
from _struct import pack, unpack

# Reads of this many bytes at most, so that a forged length allocates nothing by itself.
_PIECE = 1 << 18


class LinkError(Exception):
    """The other side broke the rules of the link."""


class Link:
    """One end. `wait` is called before each read, and may do something else until the socket has bytes."""

    def __init__(self, descriptor: int, limit: int) -> None:
        self.descriptor, self.limit = descriptor, limit

    def wait(self) -> None:
        """Return when there is something to read."""

    def send(self, message: bytes) -> None:
        """Send a message. Raises `EOFError` where the other side has gone."""
        view = memoryview(pack("<I", len(message)) + message)
        try:
            while view:
                view = view[os.write(self.descriptor, view) :]
        except (BrokenPipeError, ConnectionError):
            raise EOFError from None

    def receive(self) -> bytes:
        """Return the next message. Raises `EOFError` where the other side has gone, `LinkError` for a wrong length."""
        (size,) = unpack("<I", self._exactly(4))
        if size > self.limit:
            raise LinkError(f"a message of {size} bytes")
        return self._exactly(size)

    def _exactly(self, size: int) -> bytes:
        data = bytearray()
        while len(data) < size:
            self.wait()
            try:
                piece = os.read(self.descriptor, min(size - len(data), _PIECE))
            except ConnectionError:
                piece = b""
            if not piece:
                raise EOFError
            data += piece
        return bytes(data)
