"""Two hundred clients of a server that mean it no good, over real sockets: slow, rude, broken, or gone.

Each does what a seed says. One that asks properly must be answered, and whoever breaks the rules must be refused or
left; whatever takes longer than `PATIENCE_S` is a request that got stuck.
"""

from __future__ import annotations

import asyncio
import json
import socket
import struct
from collections.abc import Awaitable, Callable
from contextlib import suppress
from random import Random

from tests.test_server_dialect import CLIENTS

PATIENCE_S = 60.0

BEFORE = (
    "def area(width, height):\n    return ",
    "import os\n\nfor name in os.listdir('.'):\n    ",
    "numbers = [1, 2, 3]\ntotal = ",
)
AFTER = ("", "\n", "\n\nprint(area(2, 3))\n", "\n\n\nclass Point:\n    x: int = 0\n")

_REPEATED = 40_000
BODIES = (
    *(b"", b"{", b"[]", b"null", b"1e999", b"\xff\xfe", b'"', b"[" * 50_000, b'{"prompt":' * 10_000, b"\0" * 100),
    *(b'{"prompt": 1}', b'{"messages": [{}]}', b'{"messages": [{"role": "user", "content": {"a": 1}}]}'),
    *(b'{"cursor": {"line": 1e999, "column": 1}}', b'{"cursor": {"line": %d, "column": 1}}' % 10**300),
    *(b'{"text": "x", "cursor": {"line": 9, "column": 9}}', b'{"n_predict": -%d}' % 10**40, b'{"prompt": "\xc3"}'),
    *(b'{"prompt": "\\ud800", "suffix": "x"}', b'{"prompt": "\\u0000"}', b'{"prompt": "a\\u2028b\\u0085"}', b"{}" * 99),
)
# Each marker of a dialect over and over, which nobody may read more than a few times.
LONG = tuple(
    json.dumps({"messages": [{"role": "user", "content": marker * _REPEATED + end}]}).encode()
    for marker, end in (
        ("<CODE><PREFIX>", ""),
        ("<|EDIT_START|>\n", ""),
        ("### User Excerpt:\na\n\n", "```\n### Response: x"),
        ("<|fim_prefix|>", "<|fim_middle|>"),
    )
)
HEADS = (
    *(
        b"\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00",
        b"GET\r\n\r\n",
        b"GET / HTTP/9.9\r\n\r\n",
        b"GET /health HTTP/1.1\r\n\r\n",
    ),
    *(
        b"GET /health HTTP/1.1\r\nHost: evil.example\r\n\r\n",
        b"GET /\xff HTTP/1.1\r\nHost: x\r\n\r\n",
        b"\0" * 100 + b"\r\n\r\n",
    ),
    b"POST /infill HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n",
    b"POST /infill HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
    b"POST /infill HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
    b"GET /health HTTP/1.1\r\nHost: x\r\nX: %s\r\n\r\n" % (b"x" * 200_000),
)


class Connection:
    """A connection to the server, as a client has it who writes the bytes itself."""

    def __init__(self, port: int, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.port, self.reader, self.writer = port, reader, writer

    @classmethod
    async def open(cls, port: int) -> Connection:
        """Connect."""
        return cls(port, *await asyncio.open_connection("127.0.0.1", port))

    def head(self, path: str, length: int | None, method: str = "POST") -> bytes:
        """Return the head of a request, with a body in chunks where no length is given."""
        size = "Transfer-Encoding: chunked" if length is None else f"Content-Length: {length}"
        host = f"Host: 127.0.0.1:{self.port}"
        return f"{method} {path} HTTP/1.1\r\n{host}\r\nContent-Type: application/json\r\n{size}\r\n\r\n".encode()

    async def send(self, *data: bytes) -> None:
        """Send; a server that hangs up meanwhile has its reasons."""
        with suppress(ConnectionError):
            for each in data:
                self.writer.write(each)
                await self.writer.drain()

    async def answer(self, pause_s: float = 0.0) -> tuple[int, bytes]:
        """Return status and body of the next answer, status 0 where the connection is closed instead.

        With `pause_s` it is read a byte at a time, with pauses between the first ones.
        """
        try:
            head = await self._slowly(pause_s) + await self.reader.readuntil(b"\r\n\r\n")
        except (asyncio.IncompleteReadError, ConnectionError):
            return 0, b""
        lines = head.decode("latin-1").lower().split("\r\n")
        length = next((int(line[15:]) for line in lines if line.startswith("content-length:")), 0)
        return int(lines[0].split(" ")[1]), await self.reader.readexactly(length)

    async def _slowly(self, pause_s: float) -> bytes:
        found = b""
        while pause_s and len(found) < 12:
            found += await self.reader.readexactly(1)
            await asyncio.sleep(pause_s)
        return found

    async def close(self, *, rudely: bool = False) -> None:
        """Hang up; rudely, with what is on its way thrown away."""
        if rudely:
            linger = struct.pack("ii", 1, 0)
            self.writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
            self.writer.transport.abort()
        self.writer.close()
        with suppress(ConnectionError):
            await self.writer.wait_closed()


def question(random: Random) -> tuple[str, bytes]:
    """Return where a client posts, and its body."""
    client = random.choice(list(CLIENTS.values()))
    number = random.randrange(40)
    body = client.body(f"# {number}\n{random.choice(BEFORE)}", random.choice(AFTER))
    if "document" in body:
        body["document"] = f"{number}.py"
    return client.path, json.dumps(body).encode()


async def ask(server: Connection, random: Random) -> None:
    """Ask properly, and read slowly now and then."""
    path, body = question(random)
    await server.send(server.head(path, len(body)), body)
    status, text = await server.answer(random.choice((0.0, 0.0, 0.01)))
    assert status == 200 and text, (status, path, body)


async def pipeline(server: Connection, random: Random) -> None:
    """Ask several times before the first answer is read."""
    asked = [question(random) for _ in range(4)]
    await server.send(b"".join(server.head(path, len(body)) + body for path, body in asked))
    for path, body in asked:
        status, _ = await server.answer()
        assert status == 200, (status, path, body)


async def chunk(server: Connection, random: Random) -> None:
    """Send a body in pieces, slowly, or more of it than is read."""
    path, body = question(random)
    if random.random() < 0.2:
        await server.send(server.head(path, None), *(b"10000\r\n%s\r\n" % (b" " * 65536) for _ in range(80)))
        assert (await server.answer())[0] in (0, 413)
        return
    await server.send(server.head(path, None))
    for piece in (body[at : at + 99] for at in range(0, len(body), 99)):
        await asyncio.sleep(0.002)
        await server.send(b"%x\r\n%s\r\n" % (len(piece), piece))
    await server.send(b"0\r\n\r\n")
    assert (await server.answer())[0] == 200


async def send_nonsense(server: Connection, random: Random) -> None:
    """Send a body that is none."""
    path, body = question(random)[0], random.choice(BODIES)
    await server.send(server.head(path, len(body)), body)
    status, text = await server.answer()
    assert status in (200, 400) and json.loads(text.removeprefix(b"data: ").split(b"\n")[0]), (status, path, body)


async def send_long(server: Connection, random: Random) -> None:
    """Send nearly as much as is read, which begins again and again what a dialect looks for."""
    body = random.choice(LONG)
    await server.send(server.head("/v1/chat/completions", len(body)), body)
    assert (await server.answer())[0] == 200


async def break_http(server: Connection, random: Random) -> None:
    """Send what is no request, or one that is not for this server."""
    await server.send(random.choice(HEADS))
    with suppress(OSError):
        server.writer.write_eof()
    assert (await server.answer())[0] in (0, 400, 404, 405, 411, 421, 431)


async def lie_about_length(server: Connection, random: Random) -> None:
    """Send more than was said, or say that more comes than is read."""
    path, body = question(random)
    if random.random() < 0.5:
        await server.send(server.head(path, 5_000_000))
        assert (await server.answer())[0] == 413
    else:
        await server.send(server.head(path, len(body) - 9), body)
        assert (await server.answer())[0] == 400


async def stall(server: Connection, random: Random) -> None:
    """Begin a request, and say no more; most go then, some go on."""
    path, body = question(random)
    whole = server.head(path, len(body)) + body
    cut = random.randrange(len(whole))
    await server.send(whole[:cut])
    await asyncio.sleep(random.random())
    if random.random() < 0.3:
        await server.send(whole[cut:])
        assert (await server.answer())[0] == 200


async def leave(server: Connection, random: Random) -> None:
    """Ask, and do not wait for the answer."""
    path, body = question(random)
    await server.send(server.head(path, len(body)), body)
    await asyncio.sleep(random.choice((0.0, 0.005, 0.05)))


async def read_nothing(server: Connection, random: Random) -> None:
    """Ask for more than the sockets hold, and leave it lying there."""
    await server.send(server.head("/openapi.json", 0, "GET") * 100)
    await asyncio.sleep(random.random())


WAYS: dict[Callable[[Connection, Random], Awaitable[None]], int] = {
    ask: 30,
    pipeline: 5,
    chunk: 10,
    send_nonsense: 20,
    send_long: 1,
    break_http: 10,
    lie_about_length: 10,
    stall: 15,
    leave: 20,
    read_nothing: 5,
}


async def client(port: int, random: Random, turns: int) -> None:
    """Be one client: connect, behave in one way or another, hang up; several times."""
    for _ in range(turns):
        (way,) = random.choices(list(WAYS), list(WAYS.values()))
        async with asyncio.timeout(PATIENCE_S):
            server = await Connection.open(port)
            try:
                await way(server, random)
            finally:
                await server.close(rudely=random.random() < 0.5)


async def storm(port: int, seed: int, *, clients: int = 200, turns: int = 3) -> None:
    """Be so many clients at once."""
    async with asyncio.TaskGroup() as group:
        for number in range(clients):
            group.create_task(client(port, Random(f"{seed} {number}"), turns))
