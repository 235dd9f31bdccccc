"""A real OpenAI-compatible server on this machine, llama.cpp's, and a proxy before it that counts and makes trouble.

    with serve(path) as url, Proxy(url) as proxy:
        proxy.faults = [(429, {"Retry-After": "0.1"})]
        ...
        assert len(proxy.asked) == 2

Run as a program, this file is the server's process.
"""

from __future__ import annotations

import contextlib
import http.client
import http.server
import io
import json
import select
import socket
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
    `x-message` is what the error says, `x-body` the whole answer in its place. `headers` are added to answers that come
    from the model, each entry to one of them. `delay_s` is waited before each of its answers, and for `is_open`, which
    is set at first. The paths in `hidden` are not found, those in `instead` are answered with the given bytes.

    An answer that is streamed is passed on piece by piece, at most `most_pieces` of them; then the connection is cut,
    or where `holds` is set nothing comes any more. `hung_up` is released for each client that closes its connection
    before the end of a stream; that is passed on to the server.
    """

    def __init__(self, url: str) -> None:
        self.faults: list[tuple[int, dict[str, str]]] = []
        self.headers: list[dict[str, str]] = []
        self.asked: list[dict[str, object]] = []
        self.times: list[float] = []
        self.delay_s = 0.0
        self.is_open = threading.Event()
        self.is_open.set()
        self.hidden: tuple[str, ...] = ()
        self.instead: dict[str, bytes] = {}
        self.most_pieces: int | None = None
        self.holds = False
        self.hung_up = threading.Semaphore(0)
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

    def asks_model(self, path: str) -> bool:
        """Return whether a request to `path` is one to the model."""
        return "completions" in path

    def path(self, path: str) -> str:
        """Return where the server has what the client asks for at `path`."""
        return path

    def question(self, body: bytes) -> bytes:
        """Return a request in the words of the server."""
        return body

    def piece(self, line: bytes) -> list[bytes]:
        """Return a line of a stream in the words that the client knows; blank lines end a piece."""
        return [line + b"\n"] if line.strip() else []

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


class Ollama(Proxy):
    """The model of llama.cpp behind the routes and in the words of Ollama: `/api/generate`, for `raw` prompts only.

    The names are those of its documentation; that a prompt is not put into a template is checked.
    """

    def __init__(self, url: str) -> None:
        super().__init__(url)
        self.gives_probabilities = True
        self.hidden = ("/props", "/tokenize", "/slots")
        self.instead = {
            "/v1/models": b'{"data": [{"id": "nano:latest", "owned_by": "library"}]}',
            "/api/version": b'{"version": "0.40.12"}',
            "/api/show": b'{"parameters": "num_predict    512\\nnum_ctx    1024"}',
        }

    def asks_model(self, path: str) -> bool:
        """Return whether a request to `path` is one to the model."""
        return path == "/api/generate"

    def path(self, path: str) -> str:
        """Return where llama.cpp has what the client asks for at `path`."""
        return "/v1/completions" if path == "/api/generate" else path

    def question(self, body: bytes) -> bytes:
        """Return a request to generate as one for a completion."""
        if not body:
            return body
        asked = json.loads(body)
        assert asked["raw"] and asked["stream"]
        options = asked["options"]
        sent = {name: options[name] for name in ("stop", "temperature", "repeat_penalty")}
        sent |= {"prompt": asked["prompt"], "max_tokens": options["num_predict"], "stream": True}
        return json.dumps(sent | ({"logprobs": 1} if asked["logprobs"] else {})).encode()

    def piece(self, line: bytes) -> list[bytes]:
        """Return a piece of a completion as one of Ollama's, which is a line."""
        if not line.startswith(b"data: {"):
            return []
        data = json.loads(line[6:])
        choice = data["choices"][0]
        said = {"model": "nano:latest", "response": choice["text"], "done": bool(choice["finish_reason"])}
        if choice["logprobs"] and self.gives_probabilities:
            said["logprobs"] = choice["logprobs"]["content"]
        if said["done"]:
            usage = data["usage"]
            said |= {"done_reason": choice["finish_reason"], "eval_count": usage["completion_tokens"]}
            said |= {"prompt_eval_count": usage["prompt_tokens"]}
        return [json.dumps(said).encode() + b"\n"]


def _handler(proxy: Proxy, netloc: str) -> type[http.server.BaseHTTPRequestHandler]:
    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        wbufsize = -1  # head and body in one packet, or the client waits for the second

        def do_GET(self) -> None:
            self._pass_on(b"")

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            if not proxy.asks_model(self.path):
                return self._pass_on(body)
            fault = proxy.note(body, time.monotonic())
            time.sleep(proxy.delay_s)
            proxy.is_open.wait()
            if fault is None:
                return self._forward(body, proxy.extra_headers())
            status, headers = fault[0], dict(fault[1])
            message = headers.pop("x-message", f"made up: {status}")
            error = json.dumps({"error": {"message": message, "type": "test"}})
            text = headers.pop("x-body", error).encode()
            return self._answer(status, headers | {"Content-Type": "application/json"}, text)

        def _pass_on(self, body: bytes) -> None:
            if self.path in proxy.hidden:
                self._answer(404, {}, b"{}")
            elif self.path in proxy.instead:
                self._answer(200, {"Content-Type": "application/json"}, proxy.instead[self.path])
            else:
                self._forward(body, {})

        def _forward(self, body: bytes, extra: dict[str, str]) -> None:
            connection = http.client.HTTPConnection(netloc, timeout=60)
            try:
                headers = {name: self.headers[name] for name in ("Content-Type", "Authorization") if self.headers[name]}
                connection.request(self.command, proxy.path(self.path), proxy.question(body), headers)
                response = connection.getresponse()
                kind = response.getheader("Content-Type", "application/json")
                if kind.startswith("text/event-stream"):
                    self._stream(connection.sock, response)
                else:
                    self._answer(response.status, {"Content-Type": kind, **extra}, response.read())
            finally:
                connection.close()

        def _stream(self, upstream: socket.socket, response: http.client.HTTPResponse) -> None:
            self.close_connection = True
            ended = threading.Event()
            watcher = threading.Thread(target=self._watch, args=(upstream, ended), daemon=True)
            watcher.start()
            # Where the client has hung up there is nothing left to read or to write to.
            with contextlib.suppress(OSError, ValueError, AttributeError, http.client.HTTPException):
                self._pieces(response)
                if not proxy.holds:
                    ended.set()
            watcher.join()
            self.wfile = io.BytesIO()  # what the base class flushes at last

        def _pieces(self, response: http.client.HTTPResponse) -> None:
            self.send_response(200)
            self.send_header("Transfer-Encoding", "chunked")
            self.end_headers()
            passed = 0
            for line in response:
                for piece in proxy.piece(line):
                    if passed == proxy.most_pieces:
                        return
                    passed += 1
                    self.wfile.write(b"%x\r\n%b\r\n" % (len(piece), piece))
                    self.wfile.flush()
            self.wfile.write(b"0\r\n\r\n")

        def _watch(self, upstream: socket.socket, ended: threading.Event) -> None:
            """Note that the client hangs up, and hang up on the server."""
            while not ended.wait(0.005):
                readable, _, _ = select.select([self.connection], [], [], 0)
                if readable and not self.connection.recv(1, socket.MSG_PEEK):
                    proxy.hung_up.release()
                    upstream.shutdown(socket.SHUT_RDWR)
                    return

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
