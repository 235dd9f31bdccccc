"""An engine in another process or on another machine: llama.cpp's server, vLLM, Ollama and whatever is like them.

It streams `/v1/completions`, from Ollama its own route (see `ollama.py`). What a `Guide` asks for is done as far as the
server can do it:

- `watch` and `enough` follow the stream. What is enough, or cancelled, is ended by closing the connection.
- `typed`: llama.cpp is given a grammar, which is token healing as in this process. Others are asked without what is
  typed, and followed while they write just that: the tokens are then those of the whole text too. Where they write
  something else they are asked again, with it joined to the forced start. That is a second request now and then;
  forcing half a word at once would spoil the answer to every keystroke.
- `expect`, `echo` and `like` are not followed. `key` brings a document back to the cache of llama.cpp that it was in.

The confidence leaves out tokens that the server gives no probability of, as llama.cpp the marker that ends an answer.
Where it gives none at all the confidence is 1: a gate that knows nothing lets pass, for whoever connects a server wants
to see what it suggests. `degraded` says what cannot be had.
"""

from __future__ import annotations

import functools
import os
import re
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from types import TracebackType

from tabtab_local.engine.protocol import UNGUIDED, Engine, Generation, Guide, ModelInfo, never
from tabtab_local.engine.remote import ollama
from tabtab_local.engine.remote.completion import RIVALS, begins_with, own_settings
from tabtab_local.engine.remote.exchange import KEY_VARIABLE, Piece, Refusal
from tabtab_local.engine.remote.reading import Opening, Reading
from tabtab_local.engine.remote.server import (
    DEFAULT_CONTEXT_TOKENS,
    beside,
    describe,
    estimated_tokens,
    served_models,
    server_tokens,
)
from tabtab_local.engine.remote.wire import Wire, base_url_of
from tabtab_local.errors import ModelError, UsageError
from tabtab_local.prompt import MARKERS, PROMPT_VERSION

DEFAULT_TIMEOUT_S = 60.0

# A first prompt takes some fifty counts of tokens; a server farther away than this is not asked for them.
_NEAR_MS = 20.0

# What is typed is a word. Anything longer is read faster than it is written token by token.
_MAX_HEALED = 64

# Counts are kept for as many texts as this; few of them are whole prompts.
_MAX_COUNTS = 4096

# Documents whose place in llama.cpp's caches is kept.
_MAX_SLOTS = 256

_TOO_LONG = re.compile(r"context|too (long|large|many tokens)|maximum.{0,40}(length|tokens)|exceed", re.IGNORECASE)

# Settings that some servers do not take, and that can be done without.
_OPTIONAL = ("logprobs", "stream_options")


class RemoteEngine(Engine):
    """The model `model` on the server at `url`; close it, or use it in a `with` statement.

    - `model` may be empty where the server has only one.
    - `key`: by default that in the environment as `TABTAB_API_KEY`.
    - `timeout_s`: how long the server may say nothing.
    - `context_tokens`: how much the model reads at once, by default what the server says.
    - `exact_counts`: whether the server is asked how many tokens a text has, by default if it can tell and is near.

    Safe to share between threads, whose requests run at the same time. Raises `UsageError` for a URL that is none, and
    `ModelError`, here and later, where the server cannot be reached, refuses or was given another kind of model.
    """

    def __init__(
        self,
        url: str,
        model: str,
        *,
        key: str = "",
        timeout_s: float = DEFAULT_TIMEOUT_S,
        context_tokens: int | None = None,
        exact_counts: bool | None = None,
    ) -> None:
        key = (key or os.environ.get(KEY_VARIABLE, "")).strip()
        if not key.isascii():
            raise UsageError(f"the key in {KEY_VARIABLE} holds a character outside ASCII: copy it again")
        self._wire = Wire(base_url_of(url), model, key, timeout_s)
        try:
            self._wire.model = model or self._only_model()
            self._server = describe(self._wire)
            self._counts = self._server.tokenizes and (self._is_near() if exact_counts is None else exact_counts)
            self._count = functools.lru_cache(maxsize=_MAX_COUNTS)(self._ask_for_count)
            self._check_markers()
        except BaseException:
            self._wire.close()
            raise
        self._model = ModelInfo(
            name=self._wire.model,
            path=Path(),
            prompt_version=PROMPT_VERSION,
            context_tokens=context_tokens or self._server.context_tokens or DEFAULT_CONTEXT_TOKENS,
            parameters=0,
            size_bytes=0,
            file_type="",
        )
        self._is_blind = False
        self._refused: set[str] = set()
        self._slots: dict[str, int] = {}  # of llama.cpp, by the key of the document that was last there
        self._given_up: set[str] = set()  # keys whose last request was broken off

    @property
    def model(self) -> ModelInfo:
        """The model in use; a server does not tell its size."""
        return self._model

    @property
    def url(self) -> str:
        """The base of the server's interface."""
        return self._wire.base_url

    @property
    def program(self) -> str:
        """The server's program: `llama.cpp`, `vllm`, `ollama` or `other`."""
        return self._server.program

    @property
    def degraded(self) -> tuple[str, ...]:
        """What this server cannot do of what an engine in this process does; one more may show with an answer."""
        found = ["no drafts: each token of an answer is computed alone"]
        if not self._heals:
            found.append("no token healing: a word that you began in another way than the model is completed less well")
        if not self._counts:
            why = "is too far away to be asked" if self._server.tokenizes else "does not count"
            found.append(f"tokens are estimated, so less code is shown: the server {why}")
        if self._is_blind:
            found.append("no probabilities: nothing is held back because the model is not sure")
        return tuple(found)

    def count_tokens(self, text: str) -> int:
        """Return the number of tokens of `text`, exactly where the server is asked, else about."""
        return self._count(text)

    def generate(
        self,
        prompt: str,
        start: str,
        *,
        max_tokens: int,
        stop: str,
        cancel: Callable[[], bool] = never,
        guide: Guide = UNGUIDED,
    ) -> Generation:
        """Continue `prompt` by an answer that begins with `start`; see `Engine.generate`.

        Raises `ModelError` where the server does not answer or breaks off.
        """
        began = time.perf_counter()
        prompt_tokens = self._check_fits(prompt + start, max_tokens)
        body = {"model": self._model.name, "prompt": prompt + start, "max_tokens": max_tokens, "stop": [stop]}
        if not max_tokens:
            reading = Reading(UNGUIDED, Opening(), stop, began)
            self._read(body, reading, cancel, guide.key)
            return _nothing_written(reading.generation(start, prompt_tokens), start)
        reading = Reading(guide, self._opening(guide.typed), stop, began)
        self._read(body, reading, cancel, guide.key)
        spent_tokens = 0
        if reading.strayed:
            spent_tokens = reading.decoded_tokens
            reading = Reading(guide, Opening(joined=guide.typed), stop, began)
            self._read(body, reading, cancel, guide.key)
        self._is_blind = self._is_blind or reading.is_blind
        return reading.generation(start, prompt_tokens, spent_tokens)

    def close(self) -> None:
        """Close the connections; the engine cannot be used any more."""
        self._wire.close()

    def __enter__(self) -> RemoteEngine:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    @property
    def _heals(self) -> bool:
        return self._server.program == "llama.cpp"

    def _opening(self, typed: str) -> Opening:
        """Return how the model is to begin with `typed`. llama.cpp's grammars cannot hold a zero byte."""
        if len(typed) > _MAX_HEALED or "\0" in typed:
            return Opening(joined=typed)
        return Opening(healed=typed, forced=self._heals)

    def _read(self, body: Piece, reading: Reading, cancel: Callable[[], bool], key: str) -> None:
        """Read the answer to `body`, as far as it is wanted."""
        while True:
            route, sent = self._request(body, reading.opening, key)
            if key in self._slots:
                self._given_up.add(key)
            try:
                with closing(self._wire.stream(route, sent, cancel)) as pieces:
                    for piece in pieces:
                        reading.take(self._understood(piece))
                        if reading.is_over:
                            return
            except Refusal as refusal:
                self._do_without(refusal, sent)
                continue
            if not reading.ended:
                raise ModelError(f"{self.url} broke off its answer: see what its log says")
            self._given_up.discard(key)
            if reading.slot is not None:
                self._keep_slot(key, reading.slot)
            return

    def _request(self, body: Piece, opening: Opening, key: str) -> tuple[str, Piece]:
        """Return the route and the request in the words of this server."""
        program = self._server.program
        prompt = (body["prompt"] + opening.joined).encode("utf-8", errors="replace").decode()
        # Others than llama.cpp want to write one token at least.
        tokens = body["max_tokens"] if program == "llama.cpp" else max(1, body["max_tokens"])
        sent = {**body, "prompt": prompt, "max_tokens": tokens, "temperature": 0, "logprobs": 1, "stream": True}
        sent |= own_settings(program)
        if program == "vllm":
            sent["stream_options"] = {"include_usage": True}
        if program == "llama.cpp":
            sent |= {"cache_prompt": True, "timings_per_token": True}
            if opening.healed:
                sent |= {"grammar": begins_with(opening.healed), "logprobs": RIVALS}
            if key in self._given_up and key in self._slots:
                # It may still be busy with what was given up, and another one would read the whole prompt again.
                sent["id_slot"] = self._slots[key]
        sent = {name: value for name, value in sent.items() if name not in self._refused}
        if program == "ollama":
            return beside(self._wire, ollama.ROUTE), ollama.request(sent, self._model.context_tokens)
        return "/completions", sent

    def _understood(self, piece: Piece) -> Piece:
        """Return a piece of a stream as one of a completion. Raises `ModelError` where it says what went wrong."""
        error = piece.get("error")
        if error:
            said = error.get("message", error) if isinstance(error, dict) else error
            raise ModelError(f"{self.url} broke off its answer: {' '.join(str(said).split())[:200]}")
        return ollama.completion(piece) if self._server.program == "ollama" else piece

    def _do_without(self, refusal: Refusal, sent: Piece) -> None:
        """Leave out from now on what the server does not take. Raises `refusal`, or what it means."""
        if refusal.status == 400:
            for name in _OPTIONAL:
                if name in sent and name in refusal.said:
                    self._refused.add(name)
                    return
            if _TOO_LONG.search(refusal.said):
                raise UsageError(f"the prompt does not fit: {refusal.said}") from None
        raise refusal

    def _keep_slot(self, key: str, slot: int) -> None:
        self._slots.pop(key, None)
        self._slots[key] = slot
        if len(self._slots) > _MAX_SLOTS:
            oldest = next(iter(self._slots))
            self._given_up.discard(oldest)
            del self._slots[oldest]

    def _check_fits(self, text: str, max_tokens: int) -> int:
        """Return how many tokens a prompt has. Raises `UsageError` where the answer would not fit beside it."""
        if not text:
            raise UsageError("the prompt is empty: there is nothing to continue")
        tokens, size = self.count_tokens(text), self._model.context_tokens
        if tokens + max_tokens > size:
            raise UsageError(
                f"the prompt has {tokens} tokens, but a context of {size} leaves room for "
                f"{max(size - max_tokens, 0)} beside an answer of {max_tokens}: give less code or a larger context"
            )
        return tokens

    def _only_model(self) -> str:
        names = served_models(self._wire)
        if len(names) != 1:
            found = f"has {len(names)} models ({', '.join(names)[:200]})" if names else "does not say what it serves"
            raise UsageError(f"{self.url} {found}: name the model with --model")
        return names[0]

    def _check_markers(self) -> None:
        for marker in MARKERS if self._server.tokenizes else ():
            if server_tokens(self._wire, self._server.program, marker) != 1:
                raise ModelError(
                    f"the model {self._wire.model!r} at {self.url} was not made for this program: it has no {marker}; "
                    "serve one that `python -m convert` made"
                )

    def _is_near(self) -> bool:
        """Return whether the server counts quickly enough to be asked again and again."""
        times_s = []
        for text in "xyz":
            began = time.perf_counter()
            server_tokens(self._wire, self._server.program, text)
            times_s.append(time.perf_counter() - began)
        return min(times_s) * 1000 <= _NEAR_MS

    def _ask_for_count(self, text: str) -> int:
        count = server_tokens(self._wire, self._server.program, text) if self._counts and text else None
        return estimated_tokens(text) if count is None else count


def _nothing_written(done: Generation, start: str) -> Generation:
    """Return `done` without what the server wrote although it was only to read."""
    return replace(done, text=start, stopped=False, confidence=1.0, timings=replace(done.timings, decoded_tokens=0))
