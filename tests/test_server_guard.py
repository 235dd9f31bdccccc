"""Who may ask the server: names, web pages, tokens, bodies; and that it reads and sends nothing else."""

from __future__ import annotations

import asyncio
import os
import re
import socket
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from starlette.testclient import TestClient

from tabtab_local.cli import main
from tabtab_local.errors import DocumentError
from tabtab_local.server import guard
from tabtab_local.server.serve import is_loopback
from tabtab_local.server.token import token
from tests.editing import inserting, python
from tests.test_server_dialect import ADDRESS, AFTER, BEFORE, LOAD, Server, zed

PAGE = "http://127.0.0.1:2718"
ROUTES = [
    ("GET", "/health"),
    ("GET", "/metrics"),
    ("GET", "/v1/models"),
    ("GET", "/api/tags"),
    ("GET", "/api/version"),
    ("GET", "/openapi.json"),
    ("GET", "/no/such/page"),
    ("POST", "/v1/completions"),
    ("POST", "/completions"),
    ("POST", "/v1/chat/completions"),
    ("POST", "/infill"),
    ("POST", "/api/generate"),
    ("POST", "/api/show"),
    ("POST", "/v1/tabtab/next_edit"),
    ("POST", "/v1/tabtab/feedback"),
    ("POST", "/v1/tabtab/feedback"),
    ("OPTIONS", "/v1/completions"),
]
routes = pytest.mark.parametrize(("method", "path"), ROUTES, ids=[f"{method} {path}" for method, path in ROUTES])


def asked(server: Server, method: str, path: str, **headers: str) -> Any:
    content = b"{}" if method == "POST" else None
    given = {"content-type": "application/json"} if content else {}
    return server.client.request(method, path, content=content, headers={**given, **headers})


@routes
@pytest.mark.parametrize(
    "host", ["evil.example", "evil.example:8765", "127.0.0.1", "127.0.0.1:80", "localhost.evil:8765"]
)
def test_another_name_is_not_answered_to(method: str, path: str, host: str) -> None:
    with Server() as server:
        assert asked(server, method, path, host=host).status_code == 421


def test_a_name_is_allowed_as_it_is_given_and_the_refusal_says_how() -> None:
    with Server(host="0.0.0.0", names=("Box.lan", "localhost:9000", "fd00::1", "proxy:80")) as server:
        for host in ("box.lan:8765", "BOX.LAN:8765", "localhost:9000", "[fd00::1]:8765", "proxy", "proxy:80"):
            assert asked(server, "GET", "/health", host=host).status_code == 200, host
        for host in ("box.lan", "box.lan:9000", "127.0.0.1:9000", "proxy:8765", "192.168.1.5:8765", "sub.box.lan:8765"):
            refusal = asked(server, "GET", "/health", host=host)
            assert refusal.status_code == 421, host
            assert "--allow-host" in refusal.text and host not in refusal.text


@pytest.mark.parametrize(
    ("host", "called"), [("::1", "[::1]:8765"), ("fd00::1", "[fd00::1]:8765"), ("[fd00::1]", "[fd00::1]:8765")]
)
def test_the_address_that_the_server_listens_at_is_its_name(host: str, called: str) -> None:
    with Server(host=host) as server:
        assert asked(server, "GET", "/health", host=called).status_code == 200


def test_at_http_s_own_port_clients_leave_it_out() -> None:
    with Server(port=80) as server:
        assert asked(server, "GET", "/health", host="127.0.0.1").status_code == 200


@pytest.mark.parametrize("name", ["", "*", "http://box.lan", "box.lan/", "a b", "box.lan:", "box.lan:x", "[box]"])
def test_what_is_no_name_is_refused_in_a_line(name: str) -> None:
    done = CliRunner().invoke(main, ["serve", "--allow-host", name])
    assert done.exit_code == 2
    assert done.stderr.startswith(f"error: {name!r} is not the name of a host: ") and done.stderr.count("\n") == 1


@routes
@pytest.mark.parametrize("origin", ["http://evil.example", "null", PAGE, "http://127.0.0.1:8765"])
def test_a_web_page_is_not_answered(method: str, path: str, origin: str) -> None:
    with Server() as server:
        response = asked(server, method, path, origin=origin)
        assert response.status_code == 403
        assert not any(name.startswith("access-control") for name in response.headers)


@routes
@pytest.mark.parametrize("site", ["cross-site", "same-site"])
def test_nor_what_a_page_embeds(method: str, path: str, site: str) -> None:
    with Server() as server:
        assert asked(server, method, path, **{"sec-fetch-site": site}).status_code == 403


def test_a_page_that_is_allowed_can_ask_and_read() -> None:
    with Server(inserting(python(f"{BEFORE}|{AFTER}"), LOAD), origins=(PAGE,)) as server:
        before = server.client.options("/v1/completions", headers={"origin": PAGE})
        assert before.status_code == 204 and before.headers["access-control-allow-origin"] == PAGE
        assert "content-type" in before.headers["access-control-allow-headers"]
        after = server.client.post("/v1/completions", json=zed(BEFORE, AFTER), headers={"origin": PAGE})
        assert after.status_code == 200 and after.headers["access-control-allow-origin"] == PAGE
        assert server.client.get("/health", headers={"origin": "http://127.0.0.1:2719"}).status_code == 403


@pytest.mark.parametrize(
    ("given", "origin"),
    [
        (f"{PAGE}/", PAGE),
        ("HTTP://Box.lan:80", "http://box.lan"),
        ("https://box.lan:443/", "https://box.lan"),
        ("http://box.lan:443", "http://box.lan:443"),
        ("http://[::1]:2718", "http://[::1]:2718"),
        ("vscode-webview://0a1b", "vscode-webview://0a1b"),
    ],
)
def test_a_page_is_allowed_by_the_origin_that_browsers_send(given: str, origin: str) -> None:
    with Server(origins=(given,)) as server:
        assert asked(server, "GET", "/health", origin=origin).status_code == 200
        assert asked(server, "GET", "/health", origin="http://evil.example").status_code == 403


@pytest.mark.parametrize(
    "given",
    ["", "*", "null", "box.lan", "127.0.0.1:2718", f"{PAGE}/notebook", f"{PAGE}//", f"{PAGE}?a", "http://a b", "://"],
)
def test_what_is_no_origin_is_refused_in_a_line(given: str) -> None:
    done = CliRunner().invoke(main, ["serve", "--allow-origin", given])
    assert done.exit_code == 2
    assert done.stderr.startswith(f"error: {given!r} is not the origin of a web page: ")
    assert done.stderr.count("\n") == 1


@routes
@pytest.mark.parametrize("shown", ["", "Bearer", "Bearer wrong", "Basic right", "right", "Bearer rightt"])
def test_without_the_token_nothing_is_answered(method: str, path: str, shown: str) -> None:
    with Server(token="right") as server:
        headers = {"authorization": shown} if shown else {}
        assert asked(server, method, path, **headers).status_code == 401


@routes
def test_with_the_token_all_is_as_without_one(method: str, path: str) -> None:
    with Server(token="right") as server, Server() as open_server:
        answers = [
            asked(server, method, path, authorization="Bearer right"),
            asked(open_server, method, path),
        ]
    assert answers[0].status_code == answers[1].status_code


def test_two_machines_that_give_a_document_the_same_name_do_not_see_each_other_s() -> None:
    before, after = python("key = 'secret'\nx = |\n"), python("key = ''\nx = |\n")
    with Server(inserting(before, "1"), inserting(after, "2"), token="right") as server:
        for number, document in enumerate((before, after), 1):
            peer = TestClient(server.client.app, base_url=ADDRESS, client=(f"10.0.0.{number}", 50000))
            body = {"text": document.code, "cursor": {"line": 2, "column": 5}, "document": "a.py"}
            answer = peer.post("/v1/tabtab/next_edit", json=body, headers={"authorization": "Bearer right"})
            assert answer.json()["edits"][0]["text"] == str(number)
        assert "secret" not in server.engine.requests[-1].prompt


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data", ""])
def test_only_json_is_read(kind: str) -> None:
    with Server() as server:
        headers = {"content-type": kind} if kind else {}
        assert server.client.post("/infill", content=b'{"prompt": "x"}', headers=headers).status_code == 415
        assert server.engine.requests == []


def test_what_is_compressed_is_not_read() -> None:
    with Server() as server:
        headers = {"content-type": "application/json", "content-encoding": "gzip"}
        assert server.client.post("/infill", content=b"\x1f\x8b", headers=headers).status_code == 415


def test_a_body_is_refused_by_its_length_and_where_it_goes_on() -> None:
    most = guard.MOST_BYTES
    with Server() as server:
        headers = {"content-type": "application/json"}
        told = server.client.post("/infill", content=b" " * (most + 1), headers=headers)
        pieces = (b" " * 65536 for _ in range(most // 65536 + 2))
        untold = server.client.post("/infill", content=pieces, headers=headers)
    assert (told.status_code, untold.status_code) == (413, 413)


def test_a_body_that_does_not_come_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    async def main(app: Any) -> list[dict[str, Any]]:
        sent: list[dict[str, Any]] = []

        async def receive() -> dict[str, Any]:
            if sent:
                return {"type": "http.disconnect"}
            await asyncio.Event().wait()
            raise AssertionError

        async def send(message: dict[str, Any]) -> None:
            sent.append(message)

        headers = [(b"host", b"127.0.0.1:8765"), (b"content-type", b"application/json"), (b"content-length", b"9")]
        scope = {"type": "http", "method": "POST", "path": "/infill", "headers": headers, "query_string": b""}
        await app(scope, receive, send)
        return sent

    monkeypatch.setattr("tabtab_local.server.body._PATIENCE_S", 0.01)
    with Server() as server:
        start, body = asyncio.run(main(server.client.app))
    assert start["status"] == 408 and (b"connection", b"close") in start["headers"]
    assert b"did not come" in body["body"]


@pytest.mark.parametrize(
    "body",
    [
        *(b"", b"{", b"[]", b"null", b"1e999", b"\xff", b"{}{}", b"[" * 100_000, b'{"x": ' + b"[" * 100_000),
        *(
            b'{"prompt": 1}',
            b'{"prompt": "\\ud800"}',
            b'{"prompt": "x", "messages": [], "n_predict": [], "stream": "yes"}',
        ),
    ],
)
@pytest.mark.parametrize("path", [path for method, path in ROUTES if method == "POST" and path != "/api/show"])
def test_a_body_that_is_wrong_is_refused_in_a_line(path: str, body: bytes) -> None:
    with Server() as server:
        response = server.client.post(path, content=body, headers={"content-type": "application/json"})
    assert response.status_code == 400
    message = response.json()["error"]["message"]
    assert message.startswith(f"the body is not what {path} takes: ") and "\n" not in message


@pytest.mark.parametrize("path", ["/api/create", "/api/pull", "/api/push", "/api/delete", "/api/copy", "/api/blobs/x"])
@pytest.mark.parametrize("method", ["GET", "POST", "DELETE", "HEAD"])
def test_there_is_nothing_that_loads_writes_or_deletes(method: str, path: str) -> None:
    with Server() as server:
        assert asked(server, method, path).status_code == 404


def test_a_token_is_made_once_for_its_owner_alone(tmp_path: Path) -> None:
    path = tmp_path / "folder" / "token"
    first = token(path)
    assert len(first) > 40 and token(path) == first
    if os.name == "posix":
        assert path.stat().st_mode & 0o777 == 0o600
        path.chmod(0o644)
        with pytest.raises(DocumentError, match="chmod 600"):
            token(path)
    path.unlink()
    path.touch(0o600)
    with pytest.raises(DocumentError, match="empty"):
        token(path)
    path.write_bytes(b"\xff\xfe")
    with pytest.raises(DocumentError, match="holds no text"):
        token(path)
    path.unlink()
    path.mkdir(0o700)
    with pytest.raises(DocumentError, match="holds no text"):
        token(path)


@pytest.mark.parametrize(
    ("host", "inside"),
    [("127.0.0.1", True), ("::1", True), ("localhost", True), ("127.8.9.1", True), ("0.0.0.0", False), ("::", False)],
)
def test_what_is_loopback(host: str, inside: bool) -> None:
    assert is_loopback(host) == inside


def test_off_loopback_a_token_is_needed() -> None:
    done = CliRunner().invoke(main, ["serve", "--host", "0.0.0.0"])
    assert done.exit_code == 2
    assert done.stderr == "error: 0.0.0.0 is reached by other machines: add --token\n"


def test_a_port_that_is_taken_is_named() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        done = CliRunner().invoke(main, ["serve", "--port", str(port)])
    assert done.exit_code == 2
    assert done.stderr.startswith(f"error: 127.0.0.1:{port}: ") and "choose another --port" in done.stderr


def test_an_address_that_is_not_this_machine_s_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown(*_: object) -> None:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    def complaint(host: str) -> str:
        done = CliRunner().invoke(main, ["serve", "--host", host, "--token"])
        assert done.exit_code == 2
        return done.stderr

    assert re.fullmatch(r"error: 192\.0\.2\.1:8765: [^:\n]+: choose another --host\n", complaint("192.0.2.1"))
    monkeypatch.setattr(socket.socket, "bind", unknown)
    expected = "error: no.such.invalid:8765: Name or service not known: choose another --host\n"
    assert complaint("no.such.invalid") == expected


def test_nothing_is_sent_anywhere(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise AssertionError("a connection was opened")

    with Server(inserting(python(f"{BEFORE}|{AFTER}"), LOAD)) as server:
        monkeypatch.setattr(socket.socket, "connect", refuse)
        monkeypatch.setattr(socket.socket, "connect_ex", refuse)
        monkeypatch.setattr(socket.socket, "sendto", refuse)
        assert server.client.post("/v1/completions", json=zed(BEFORE, AFTER)).status_code == 200
        assert server.client.get("/metrics").status_code == 200
