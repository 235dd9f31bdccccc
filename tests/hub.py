"""A server on the loopback that speaks the Hub's protocol for what publishing calls, and keeps what it is sent.

Small text goes with the commit, large files by git LFS in parts (https://github.com/git-lfs/git-lfs/tree/main/docs/api);
a file whose hash is known is not asked for again. A commit is taken whole, or refused where a large file is missing.
"""

from __future__ import annotations

import base64
import hashlib
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

TOKEN = "hf_test"
_LARGE_BYTES = 4096
_PART_BYTES = 1 << 16


@dataclass
class Hub:
    """What the server has: repositories with their settings, commits, and large files by hash."""

    repositories: dict[str, dict[str, Any]] = field(default_factory=dict)
    commits: dict[str, list[dict[str, bytes]]] = field(default_factory=dict)
    objects: dict[str, bytes] = field(default_factory=dict)
    parts: dict[str, dict[int, bytes]] = field(default_factory=dict)
    requests: list[str] = field(default_factory=list)
    refused_uploads: int | None = None
    """After so many large files each further one is refused; None refuses none."""

    url = ""

    def files(self, repository: str) -> dict[str, bytes]:
        """Return the files of a repository, of which there must have been one commit."""
        [files] = self.commits[repository]
        return files


@contextmanager
def serve() -> Iterator[Hub]:
    """Run the server while the block runs."""
    hub = Hub()
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (_Handler,), {"hub": hub}))
    hub.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield hub
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class _Handler(BaseHTTPRequestHandler):
    hub: Hub
    protocol_version = "HTTP/1.1"

    def log_message(self, *arguments: object) -> None:
        pass

    def do_POST(self) -> None:
        path, body = self.path.split("?")[0], self._body()
        self.hub.requests.append(f"POST {path}")
        if path.startswith("/complete/"):
            self._complete(path.removeprefix("/complete/"))
        elif self.headers.get("Authorization") != f"Bearer {TOKEN}":
            self._answer({"error": "Invalid username or password."}, 401)
        elif path == "/api/repos/create":
            self._create(json.loads(body))
        elif path == "/api/validate-yaml":
            self._answer({"errors": [], "warnings": []})
        elif path.endswith("/preupload/main"):
            repository = path.removeprefix("/api/models/").removesuffix("/preupload/main")
            self._answer({"files": [self._mode(repository, file) for file in json.loads(body)["files"]]})
        elif path.endswith(".git/info/lfs/objects/batch"):
            wanted = json.loads(body)
            assert "multipart" in wanted["transfers"]
            objects = [self._action(one) for one in wanted["objects"]]
            self._answer({"transfer": "multipart", "objects": objects})
        elif path.startswith("/verify/"):
            self._answer({} if json.loads(body)["oid"] in self.hub.objects else {"error": "missing"})
        elif path.endswith("/commit/main"):
            self._commit(path.removeprefix("/api/models/").removesuffix("/commit/main"), body)
        else:
            self._answer({"error": f"no {path}"}, 404)

    def do_GET(self) -> None:
        self.hub.requests.append(f"GET {self.path}")
        repository = self.path.removeprefix("/api/models/").removesuffix("/revision/main")
        self._answer({"id": repository, "sha": "0" * 40, "siblings": []})

    def do_PUT(self) -> None:
        self.hub.requests.append(f"PUT {self.path}")
        _, _, oid, part = self.path.split("/")
        body = self._body()
        known = len(self.hub.objects)
        if self.hub.refused_uploads is not None and known >= self.hub.refused_uploads:
            self._answer({"error": "the storage is gone"}, 403)
            return
        self.hub.parts.setdefault(oid, {})[int(part)] = body
        self._answer({}, headers={"ETag": hashlib.md5(body).hexdigest()})

    def _create(self, wanted: dict[str, Any]) -> None:
        id_ = f"{wanted['organization']}/{wanted['name']}"
        status = 409 if id_ in self.hub.repositories else 200
        self.hub.repositories.setdefault(id_, wanted)
        self.hub.commits.setdefault(id_, [])
        self._answer({"url": f"{self.hub.url}/{id_}"}, status)

    def _mode(self, repository: str, file: dict[str, Any]) -> dict[str, Any]:
        path = file["path"]
        large = file["size"] > _LARGE_BYTES and not path.endswith((".json", ".md", "LICENSE"))
        mode = {"path": path, "uploadMode": "lfs" if large else "regular", "shouldIgnore": False}
        for files in self.hub.commits[repository]:
            if (there := files.get(path)) is not None:
                blob = b"blob %d\0%b" % (len(there), there)  # as git names it
                mode["oid"] = hashlib.sha256(there).hexdigest() if large else hashlib.sha1(blob).hexdigest()
        return mode

    def _action(self, one: dict[str, Any]) -> dict[str, Any]:
        oid, size = one["oid"], one["size"]
        if oid in self.hub.objects:
            return one
        parts = {str(n + 1): f"{self.hub.url}/part/{oid}/{n + 1}" for n in range(-(-size // _PART_BYTES))}
        upload = {"href": f"{self.hub.url}/complete/{oid}", "header": {"chunk_size": str(_PART_BYTES), **parts}}
        return {**one, "actions": {"upload": upload, "verify": {"href": f"{self.hub.url}/verify/{oid}"}}}

    def _complete(self, oid: str) -> None:
        parts = self.hub.parts.pop(oid)
        content = b"".join(parts[number] for number in sorted(parts))
        assert hashlib.sha256(content).hexdigest() == oid
        self.hub.objects[oid] = content
        self._answer({})

    def _commit(self, repository: str, body: bytes) -> None:
        files: dict[str, bytes] = {}
        for line in body.splitlines():
            item = json.loads(line)
            value = item["value"]
            if item["key"] == "file":
                files[value["path"]] = base64.b64decode(value["content"])
            elif item["key"] == "lfsFile":
                files[value["path"]] = self.hub.objects[value["oid"]]
        self.hub.commits[repository].append(files)
        oid = hashlib.sha1(body).hexdigest()
        self._answer({"commitUrl": f"{self.hub.url}/{repository}/commit/{oid}", "commitOid": oid})

    def _body(self) -> bytes:
        if self.headers.get("Transfer-Encoding") == "chunked":
            pieces = []
            while size := int(self.rfile.readline(), 16):
                pieces.append(self.rfile.read(size))
                self.rfile.readline()
            self.rfile.readline()
            return b"".join(pieces)
        return self.rfile.read(int(self.headers.get("Content-Length", 0)))

    def _answer(self, document: dict[str, Any], status: int = 200, headers: dict[str, str] | None = None) -> None:
        content = json.dumps(document).encode()
        self.send_response(status)
        for name, value in {"Content-Type": "application/json", **(headers or {})}.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)
