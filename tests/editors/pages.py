"""Web pages of others: what they try against a server on this machine, and a server that lets them."""

from __future__ import annotations

import queue
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

BODY = '{"prompt": "import numpy as ", "suffix": "\\n"}'

# What a page runs with the address of a server. It returns what the page can read, and fails where it is refused.
TOLD = {
    "a simple POST": "fetch(url + '/v1/completions', {method: 'POST', body}).then(r => r.text())",
    "a POST of JSON": "fetch(url + '/v1/completions', {method: 'POST', body, headers: json}).then(r => r.text())",
    "a POST that hides its page": """
        fetch(url + '/infill', {method: 'POST', body, headers: json, referrerPolicy: 'no-referrer'})
            .then(r => r.text())""",
    "a POST of an old kind": """
        new Promise((done, fail) => {
            const request = new XMLHttpRequest();
            request.onload = () => done(request.responseText);
            request.onerror = () => fail(new Error());
            request.open('POST', url + '/api/generate');
            request.setRequestHeader('Content-Type', 'application/json');
            request.send(body);
        })""",
    "a look at the models": "fetch(url + '/v1/models').then(r => r.text())",
    "a look at the counts": "fetch(url + '/metrics').then(r => r.text())",
    "a script": "embedded('script', 'src', url + '/v1/models')",
    "a style": "embedded('link', 'href', url + '/openapi.json')",
    "a picture": "embedded('img', 'src', url + '/health')",
    "a stream of events": """
        new Promise((done, fail) => {
            const source = new EventSource(url + '/v1/completions');
            source.onopen = () => done('open');
            source.onerror = () => { source.close(); fail(new Error()); };
        })""",
    "a socket": """
        new Promise((done, fail) => {
            const socket = new WebSocket(url.replace('http:', 'ws:') + '/v1/completions');
            socket.onopen = () => done('open');
            socket.onerror = () => fail(new Error());
        })""",
}
# The same, but the browser does not tell the page how it ended.
UNTOLD = {
    "a POST": "fetch(url + '/v1/completions', {method: 'POST', mode: 'no-cors', body}).then(r => r.text())",
    "a look": "fetch(url + '/v1/models', {mode: 'no-cors'}).then(r => r.text())",
    "a beacon": "Promise.resolve(navigator.sendBeacon(url + '/v1/completions', body)).then(() => '')",
    "a form": "framed(frame => submitted(frame, url + '/v1/completions', body))",
    "a frame": "framed(frame => { frame.src = url + '/v1/models'; })",
}
ATTEMPTS = {**TOLD, **UNTOLD}

_PAGE = """<!doctype html><title>elsewhere</title><script>
const json = {'Content-Type': 'application/json'};
function embedded(tag, name, url) {
    return new Promise((done, fail) => {
        const element = document.createElement(tag);
        element.rel = 'stylesheet';
        element.onload = () => done('loaded');
        element.onerror = () => fail(new Error());
        element[name] = url;
        document.head.append(element);
    });
}
function framed(start) {
    return new Promise(done => {
        const frame = document.createElement('iframe');
        frame.name = 'inside';
        document.body.append(frame);
        frame.onload = () => {
            let read = '';
            try { read = frame.contentDocument?.body?.innerText ?? ''; } catch {}
            frame.remove();
            done(read);
        };
        start(frame);
    });
}
function submitted(frame, url, body) {
    const form = document.createElement('form');
    Object.assign(form, {method: 'post', enctype: 'text/plain', action: url, target: frame.name});
    const field = document.createElement('input');
    Object.assign(field, {name: body.slice(0, -1) + ', "x": "', value: '"}'});  // JSON with a = in it
    form.append(field);
    document.body.append(form);
    form.submit();
}
async function attempt(work) {
    try { return await work(); } catch (error) { return 'refused'; }
}
</script><body></body>"""


def script(attempt: str) -> str:
    """Return what a page runs to make an attempt with the address that it is given."""
    return f"([url, body]) => attempt(() => {attempt.strip()})"


class Elsewhere:
    """A server of others: it gives the page to whoever asks, lets all pages ask, and notes what they ask for."""

    def __init__(self) -> None:
        self.asked: queue.SimpleQueue[str] = queue.SimpleQueue()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self._server.daemon_threads = True
        self.port = self._server.server_port

    @contextmanager
    def running(self) -> Iterator[Elsewhere]:
        """Answer in a thread of its own."""
        thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        thread.start()
        try:
            yield self
        finally:
            self._server.shutdown()
            self._server.server_close()
            thread.join()


def _handler(server: Elsewhere) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self._answer()

        def do_POST(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length", 0)))
            self._answer()

        def do_OPTIONS(self) -> None:
            self._answer()

        def _answer(self) -> None:
            server.asked.put(self.path)
            kind = "text/html" if self.path == "/" else "text/plain"
            self.send_response(200)
            self.send_header("Content-Type", kind)
            self.send_header("Access-Control-Allow-Origin", "*")
            self.send_header("Access-Control-Allow-Headers", "content-type")
            data = (_PAGE if self.path == "/" else "open").encode()
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, *_: object) -> None:
            pass

    return Handler
