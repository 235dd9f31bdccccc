"""A stand-in for the program `ollama`, as far as its API's documentation goes: `serve`, `create`, /api/generate.

It writes the text in `FAKE_OLLAMA_TEXT`, a word at a time with `FAKE_OLLAMA_PAUSE_S` between them. What it was asked
last is in `$OLLAMA_MODELS/asked.json`; models are remembered in that folder too.
"""

from __future__ import annotations

import http.server
import json
import os
import re
import sys
import time
from pathlib import Path


class _Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = -1

    def do_GET(self) -> None:
        self._whole({"version": "0.0.0-fake"})

    def do_POST(self) -> None:
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        folder = Path(os.environ["OLLAMA_MODELS"])
        if not (folder / asked["model"]).is_file():
            self._whole({"error": f"model '{asked['model']}' not found"}, 404)
        elif not asked["prompt"]:
            self._whole({"model": asked["model"], "response": "", "done": True, "done_reason": "load"})
        else:
            (folder / "asked.json").write_text(json.dumps(asked))
            self._generate(asked)

    def _generate(self, asked: dict) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "application/x-ndjson")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        options, text, count = asked["options"], "", 0
        for piece in re.findall(r"<\|\w+\|>|\s*\w+|\W", os.environ["FAKE_OLLAMA_TEXT"]):
            count += 1
            stop = any(stop in text + piece for stop in options.get("stop", []))
            if not stop:
                text += piece
                self._chunk({"model": asked["model"], "response": piece, "done": False})
                time.sleep(float(os.environ.get("FAKE_OLLAMA_PAUSE_S", "0")))
            if stop or count == options["num_predict"]:
                break
        end = {"response": "", "done": True, "prompt_eval_count": len(asked["prompt"].split()), "eval_count": count}
        self._chunk({"model": asked["model"], "done_reason": "stop", **end})
        self.wfile.write(b"0\r\n\r\n")
        self.wfile.flush()

    def _chunk(self, document: dict) -> None:
        data = json.dumps(document).encode() + b"\n"
        self.wfile.write(b"%x\r\n%s\r\n" % (len(data), data))
        self.wfile.flush()

    def _whole(self, document: dict, status: int = 200) -> None:
        data = json.dumps(document).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)
        self.wfile.flush()

    def log_message(self, *_: object) -> None:
        pass


def _create(name: str, modelfile: Path) -> None:
    source = Path(re.search(r"^FROM (.+)$", modelfile.read_text(), re.MULTILINE)[1])
    if source.read_bytes()[:4] != b"GGUF":
        sys.exit(f"Error: {source} is not a GGUF")
    folder = Path(os.environ["OLLAMA_MODELS"])
    folder.mkdir(exist_ok=True)
    (folder / name).write_text(str(source))


if __name__ == "__main__":
    if sys.argv[1] == "serve":
        host, port = os.environ["OLLAMA_HOST"].split(":")
        http.server.ThreadingHTTPServer((host, int(port)), _Handler).serve_forever()
    else:
        _create(sys.argv[2], Path(sys.argv[4]))
