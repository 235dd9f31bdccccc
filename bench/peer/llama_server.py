"""llama-server as a peer: llama.cpp's own server in a process of its own, with its prompt cache, and maybe its drafts.

It is the one of the package xllamacpp, made for all processors with AVX2: what the machine's processor can do beyond
that goes unused, other than in our engine, which is compiled where it runs: of the same llama.cpp, a server compiled
on a Xeon takes a quarter to a third less time for a prompt, and as much for a token. The environment variable
`TABTAB_LLAMA_SERVER` names such a one to take its place. `settings` says which it is.

It is asked by /completion, for the most likely tokens by the sampler that costs least. Chosen by trying, on two cores
of a Xeon:

- Flash attention off: with it a prompt takes 20-30 % longer and no model decodes faster.
- Weights rearranged for the processor: a token of a Q4_K_M model takes 15 % less.
- 64 tokens in a batch, as fast as 512: only between batches the server sees that nobody waits any more.
- One slot: a second request would share the processor with the one that nobody waits for.
- Of the ways to draft without a model, `ngram-map-k` behind 3 tokens, 4 at a time: on half-written programs it saved
  the nano half of its steps with nine of ten drafted tokens right. Its default, 48 tokens behind 12, drafts late and
  much; `ngram-simple` saved less, `ngram-cache` next to nothing.
"""

from __future__ import annotations

import importlib.metadata
import importlib.util
import json
import os
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing, suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import psutil

from bench.peer import llama_process
from bench.peer.llama_process import ServerSettings
from bench.peer.peer import Reply, Tell
from bench.peer.question import Question
from bench.peer.stream import Client
from tabtab_local.errors import ModelError

PACKAGE = "xllamacpp"
PROGRAM_VARIABLE = "TABTAB_LLAMA_SERVER"

BATCH_TOKENS = 64

_END_S = 10.0


@dataclass(frozen=True)
class Drafts:
    """A way of llama-server to draft without a second model, with its options."""

    speculation: str = "none"
    options: dict[str, int] = field(default_factory=dict)


PLAIN = Drafts()
NGRAM = Drafts("ngram-map-k", {"size_n": 3, "size_m": 4})


def missing() -> str:
    """Return why there is no such server here; "" where there is one."""
    if program := os.environ.get(PROGRAM_VARIABLE):
        return "" if Path(program).is_file() else f"{PROGRAM_VARIABLE} names {program}, which is not there"
    return "" if importlib.util.find_spec(PACKAGE) else f"{PACKAGE} is not installed: pip install {PACKAGE}"


class LlamaServer:
    """A `Backend` that starts the server, and ends it when it is closed. Raises `ModelError` where it does not start.

    `told` says that the weights are random: the end of the text is then no answer.
    """

    def __init__(self, model: Path, *, threads: int, context_tokens: int, drafts: Drafts, told: bool) -> None:
        self._settings = ServerSettings(
            str(model.resolve()),
            context_tokens,
            threads,
            BATCH_TOKENS,
            speculation=drafts.speculation,
            draft=drafts.options,
            program=os.environ.get(PROGRAM_VARIABLE, ""),
        )
        self._told = told
        command = [sys.executable, llama_process.__file__, json.dumps(asdict(self._settings))]
        self._watch = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
        )
        assert self._watch.stdout
        greeting = self._watch.stdout.readline()
        if not greeting:
            self.close()
            raise ModelError(f"llama-server cannot serve {model}: run {llama_process.__file__} by hand to see why")
        self._greeting: dict[str, Any] = json.loads(greeting)
        address = urlsplit(self._greeting["address"])
        self._client = Client(address.hostname or "127.0.0.1", address.port or 0)
        self._processes = (psutil.Process(self._greeting["process"]),)

    @property
    def processes(self) -> tuple[psutil.Process, ...]:
        """The server's process."""
        return self._processes

    def complete(self, asked: Question, tell: Tell, cancel: Callable[[], bool]) -> Reply:
        """Answer by one streamed request; see `Backend.complete`."""
        text, decoded = "", 0
        timings: dict[str, Any] = {}
        with closing(self._client.lines("POST", "/completion", self._request(asked), cancel)) as lines:
            for line in lines:
                if not line.startswith(b"data: "):
                    continue
                event: dict[str, Any] = json.loads(line[len(b"data: ") :])
                if "error" in event:
                    raise ModelError(f"llama-server: {event['error'].get('message', event['error'])}")
                text += event["content"]
                decoded = event.get("tokens_predicted", decoded)
                timings = event.get("timings", timings)
                if event["content"]:
                    tell(text, decoded)
                if event["stop"] or asked.enough(text):
                    break
        return Reply(
            text,
            evaluated_tokens=timings.get("prompt_n", 0),
            decoded_tokens=decoded,
            drafted_tokens=timings.get("draft_n", 0),
            accepted_tokens=timings.get("draft_n_accepted", 0),
        )

    def settings(self) -> dict[str, object]:
        """Return the server's version and settings, and the fixed part of a request."""
        program = self._settings.program or f"of {PACKAGE} {importlib.metadata.version(PACKAGE)}"
        request = self._request(Question("ours", "", 0))
        left_out = ("model", "program", "prompt", "n_predict")
        return {
            "program": f"llama-server {program}",
            "built_for": self._greeting["built_for"],
            "extra_buffers": self._greeting["extra_buffers"],
            **{name: value for name, value in asdict(self._settings).items() if name not in left_out},
            "slots": 1,
            "GOMP_SPINCOUNT": os.environ.get("GOMP_SPINCOUNT", ""),
            "request": {name: value for name, value in request.items() if name not in left_out},
            "drafts_are_of": "the model's own text, not the right answer" if self._told else "the model's own text",
        }

    def close(self) -> None:
        """End the server, which its watch does once nobody talks to that any more."""
        assert self._watch.stdin and self._watch.stdout
        with suppress(BrokenPipeError):
            self._watch.stdin.close()
        try:
            self._watch.wait(_END_S)
        except subprocess.TimeoutExpired:
            self._watch.kill()
            self._watch.wait()
        self._watch.stdout.close()

    def _request(self, asked: Question) -> dict[str, object]:
        return {
            "prompt": asked.text,
            "n_predict": asked.max_tokens,
            "stop": list(asked.stops),
            "stream": True,
            "cache_prompt": True,
            "temperature": 0.0,
            "samplers": ["temperature"],
            "ignore_eos": self._told,
            # Where the client ends the answer, the server's last event does not come.
            "timings_per_token": asked.kind == "own",
        }
