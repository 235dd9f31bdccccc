"""A real OpenAI-compatible server on this machine, llama.cpp's, and a proxy before it that counts and makes trouble.

    with serve(path) as url, Proxy(url) as proxy:
        proxy.faults = [(429, {"Retry-After": "0.1"})]
        ...
        assert len(proxy.asked) == 2

Run as a program, this file is the server's process.
"""

from __future__ import annotations

import http.client
import http.server
import json
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from urllib.parse import urlsplit

_SLOTS = 4


@contextmanager
def serve(model: Path, *, slot_tokens: int = 1024, key: str = "") -> Iterator[str]:
    """Serve a GGUF to four clients at once, `slot_tokens` of context each, and give the URL of its API."""
    command = [sys.executable, __file__, str(model), str(slot_tokens), key]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as process:
        assert process.stdin and process.stdout
        try:
            address = process.stdout.readline().strip()
            assert address, "the server did not start"
            yield f"{address}/v1"
        finally:
            process.kill()


class Proxy:
    """Passes requests on to the server at `url`; notes the paths of those that ask a model, and when they came.

    `faults` are given, in order, in place of the first answers of the model, as status and headers; the header
    `x-message` is what the error says. `headers` are added to answers that come from the model, each entry to one of
    them. `delay_s` is waited before each of its answers. The paths in `hidden` are not found.
    """

    def __init__(self, url: str) -> None:
        self.faults: list[tuple[int, dict[str, str]]] = []
        self.headers: list[dict[str, str]] = []
        self.asked: list[dict[str, object]] = []
        self.times: list[float] = []
        self.delay_s = 0.0
        self.hidden: tuple[str, ...] = ()
        self._lock = threading.Lock()
        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), _handler(self, urlsplit(url).netloc))
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_port}/v1"

    def __enter__(self) -> Proxy:
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def note(self, body: bytes, now: float) -> tuple[int, dict[str, str]] | None:
        """Note a request to the model; return the fault that it is to meet."""
        with self._lock:
            self.asked.append(json.loads(body))
            self.times.append(now)
            return self.faults.pop(0) if self.faults else None

    def extra_headers(self) -> dict[str, str]:
        """Return the headers to add to the next answer of the model."""
        with self._lock:
            return self.headers.pop(0) if self.headers else {}


def _handler(proxy: Proxy, netloc: str) -> type[http.server.BaseHTTPRequestHandler]:
    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        wbufsize = -1  # head and body in one packet, or the client waits for the second

        def do_GET(self) -> None:
            self._pass_on(b"")

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            if "completions" not in self.path:
                return self._pass_on(body)
            fault = proxy.note(body, time.monotonic())
            time.sleep(proxy.delay_s)
            if fault is None:
                return self._forward(body, proxy.extra_headers())
            status, headers = fault[0], dict(fault[1])
            message = headers.pop("x-message", f"made up: {status}")
            text = json.dumps({"error": {"message": message, "type": "test"}}).encode()
            return self._answer(status, headers | {"Content-Type": "application/json"}, text)

        def _pass_on(self, body: bytes) -> None:
            if self.path in proxy.hidden:
                self._answer(404, {}, b"{}")
            else:
                self._forward(body, {})

        def _forward(self, body: bytes, extra: dict[str, str]) -> None:
            connection = http.client.HTTPConnection(netloc, timeout=60)
            try:
                headers = {name: self.headers[name] for name in ("Content-Type", "Authorization") if self.headers[name]}
                connection.request(self.command, self.path, body, headers)
                response = connection.getresponse()
                data = response.read()
            finally:
                connection.close()
            kind = response.getheader("Content-Type", "application/json")
            self._answer(response.status, {"Content-Type": kind, **extra}, data)

        def _answer(self, status: int, headers: dict[str, str], data: bytes) -> None:
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)
            self.wfile.flush()

        def log_message(self, *_: object) -> None:
            pass

    return Handler


def _run(model: str, slot_tokens: int, key: str) -> None:
    import xllamacpp

    params = xllamacpp.CommonParams()
    params.model.path = model
    params.hostnames = ["127.0.0.1"]
    params.port = 0
    params.n_ctx = slot_tokens * _SLOTS
    params.n_parallel = _SLOTS
    params.cpuparams.n_threads = 1
    params.n_gpu_layers = 0
    params.flash_attn_type = xllamacpp.llama_flash_attn_type.LLAMA_FLASH_ATTN_TYPE_DISABLED
    params.warmup = False
    # llama.cpp's AMX kernels end the process on some processors, where a compiler has mistaken them.
    params.no_extra_bufts = True
    if key:
        params.api_keys = [key]
    server = xllamacpp.Server(params)
    print(server.listening_address, flush=True)
    sys.stdin.read()


if __name__ == "__main__":
    _run(sys.argv[1], int(sys.argv[2]), sys.argv[3])
