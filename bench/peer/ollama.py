"""Ollama as a peer: a server of our own, started with the program `ollama` where that is installed.

It listens on a free port of this machine and keeps its models in a temporary folder, so that neither a server that
already runs nor its models are touched. The model is made by `ollama create` of a Modelfile, and asked by
/api/generate with raw prompts, in answers of a JSON object to a line
(https://github.com/ollama/ollama/blob/main/docs/api.md). Ollama caches prompts and drafts nothing. It counts the tokens
of a whole prompt, or in some versions those that were not in its cache; it does not say which.

An answer's end cannot be forbidden there: with random weights one in 150,000 tokens ends it early.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable
from contextlib import ExitStack, closing, suppress
from pathlib import Path
from typing import Any

import psutil

from bench.peer.peer import Reply, Tell
from bench.peer.question import Question
from bench.peer.stream import Client
from bench.port import free_port
from tabtab_local.errors import ModelError

PROGRAM = "ollama"

_NAME = "tabtab-bench"
_START_S = 30.0
_END_S = 10.0
_ENVIRONMENT = {
    "OLLAMA_KEEP_ALIVE": "-1",
    "OLLAMA_NUM_PARALLEL": "1",
    "OLLAMA_MAX_LOADED_MODELS": "1",
    "OLLAMA_FLASH_ATTENTION": "0",
    "OLLAMA_NOPRUNE": "1",
}


def missing() -> str:
    """Return why there is no Ollama here; "" where there is one."""
    return "" if shutil.which(PROGRAM) else f"there is no program {PROGRAM}: get it from https://ollama.com"


class Ollama:
    """A `Backend` that starts the server, makes the model, and ends and deletes both when it is closed.

    Raises `ModelError` where that fails.
    """

    def __init__(self, model: Path, *, threads: int, context_tokens: int) -> None:
        self._options = {
            "num_ctx": context_tokens,
            "num_thread": threads,
            "num_gpu": 0,
            "temperature": 0,
            "repeat_penalty": 1.0,
            "top_k": 1,
        }
        with ExitStack() as undo:
            folder = Path(undo.enter_context(tempfile.TemporaryDirectory(prefix="tabtab-ollama-")))
            port = free_port()
            self._environment = {**os.environ, **_ENVIRONMENT, "OLLAMA_HOST": f"127.0.0.1:{port}"}
            self._environment["OLLAMA_MODELS"] = str(folder / "models")
            self._server = subprocess.Popen(
                [PROGRAM, "serve"],
                env=self._environment,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
            )
            undo.callback(_end, self._server)
            self._client = Client("127.0.0.1", port)
            self._version = self._answering()
            self._create(model, folder)
            self._client.document("POST", "/api/generate", {**self._request(Question("own", "", 1)), "stream": False})
            first = psutil.Process(self._server.pid)
            # The process that computes is started with the first request, and stays.
            self._processes = (first, *first.children(recursive=True))
            self._undo = undo.pop_all()

    @property
    def processes(self) -> tuple[psutil.Process, ...]:
        """The server, and the one that it has started to compute."""
        return self._processes

    def complete(self, asked: Question, tell: Tell, cancel: Callable[[], bool]) -> Reply:
        """Answer by one streamed request; see `Backend.complete`."""
        request = self._request(asked)
        text, pieces = "", 0
        last: dict[str, Any] = {}
        with closing(self._client.lines("POST", "/api/generate", request, cancel)) as lines:
            for line in lines:
                last = json.loads(line)
                if "error" in last:
                    raise ModelError(f"{PROGRAM}: {last['error']}")
                if last["response"]:
                    text, pieces = text + last["response"], pieces + 1
                    tell(text, pieces)
                if last["done"] or asked.enough(text):
                    break
        # What it counts comes last, and not where the client has ended the answer.
        return Reply(
            text,
            evaluated_tokens=last.get("prompt_eval_count", 0),
            decoded_tokens=last.get("eval_count", pieces),
        )

    def settings(self) -> dict[str, object]:
        """Return the version, the server's environment and the options of a request."""
        return {
            "program": f"ollama {self._version}",
            "environment": _ENVIRONMENT,
            "options": self._options,
            "speculation": "none",
            "evaluated_tokens": "as Ollama counts them, which may be the whole prompt",
        }

    def close(self) -> None:
        """End the server and delete its models."""
        self._undo.close()

    def _request(self, asked: Question) -> dict[str, object]:
        options = {**self._options, "num_predict": asked.max_tokens, "stop": list(asked.stops)}
        return {"model": _NAME, "prompt": asked.text, "raw": True, "stream": True, "keep_alive": -1, "options": options}

    def _answering(self) -> str:
        """Wait for the server; return its version."""
        ends_s = time.monotonic() + _START_S
        while self._server.poll() is None and time.monotonic() < ends_s:
            with suppress(ModelError):
                return str(self._client.document("GET", "/api/version")["version"])
            time.sleep(0.05)
        raise ModelError(f"`{PROGRAM} serve` does not answer: run it by hand to see why")

    def _create(self, model: Path, folder: Path) -> None:
        modelfile = folder / "Modelfile"
        modelfile.write_text(f"FROM {model.resolve()}\nTEMPLATE {{{{ .Prompt }}}}\n", encoding="utf-8")
        command = [PROGRAM, "create", _NAME, "-f", str(modelfile)]
        done = subprocess.run(command, env=self._environment, capture_output=True, text=True, check=False)
        if done.returncode:
            reason = (done.stderr.strip().splitlines() or [f"status {done.returncode}"])[-1]
            raise ModelError(f"`{PROGRAM} create` cannot make a model of {model}: {reason}")


def _end(server: subprocess.Popen[bytes]) -> None:
    """End the server and what it has started."""
    children: list[psutil.Process] = []
    with suppress(psutil.Error):
        children = psutil.Process(server.pid).children(recursive=True)
    server.terminate()
    try:
        server.wait(_END_S)
    except subprocess.TimeoutExpired:
        server.kill()
        server.wait()
    for child in children:
        with suppress(psutil.Error):
            child.kill()
