"""Any OpenAI-compatible server: llama-server, vLLM, Ollama, a hosted model.

Two styles. *completions* is for a model that was made for our format: `/completions` continues prompt and forced start
up to a marker, so that the runtime's steps work over the wire. *chat* is for all others. Left to itself (*auto*),
completions is chosen where the server's own tokenizer, asked through `/tokenize` as llama.cpp and vLLM have it, knows
our markers as single tokens, else chat: a server that does not show its tokenizer (Ollama, hosted ones) needs to be
told where it serves a model of ours.

Differences from an engine in the process: tokens are estimated where there is no `/tokenize` (`server.py`); a
server that does not say why it stopped is taken to have met the marker, for OpenAI's `stop` means that or the end of
the text; the confidence leaves out the tokens that the server gives no probability of, as llama.cpp's the marker. An
answer comes in one piece, and is cut where it would have been enough. What was typed is healed as
`tabtab_local/engine/remote/` does it.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

from tabtab_local.config import Settings
from tabtab_local.engine import UNGUIDED, Engine, Generation, Guide, ModelInfo, never
from tabtab_local.engine.remote.completion import RIVALS, begins_with, streamed
from tabtab_local.engine.remote.reading import Opening, Reading
from tabtab_local.engine.remote.server import describe, estimated_tokens
from tabtab_local.errors import Cancelled, ModelError
from training.evaluation.respondent.chat import DEFAULT_MAX_TOKENS, ChatRespondent, Said
from training.evaluation.respondent.client import DEFAULT_TIMEOUT_S, MAX_RETRIES, Client, Received, Spent, connect
from training.evaluation.respondent.engine import EngineRespondent, versions
from training.evaluation.respondent.failure import NoAnswer, NotCached
from training.evaluation.respondent.reply import Question, Reply
from training.evaluation.respondent.server import Connection

Style = Literal["auto", "completions", "chat"]
STYLES: tuple[Style, ...] = ("auto", "completions", "chat")


class EndpointRespondent:
    """A model behind a server. `spent` is what has been asked for; `pending` tells what a question would still cost."""

    def __init__(self, client: Client, inner: EngineRespondent | ChatRespondent) -> None:
        self._client = client
        self._inner = inner
        self.name = inner.name
        self.identity = inner.identity
        self.concurrency = inner.concurrency

    def reply(self, question: Question) -> Reply:
        """Return the model's answer; its `error` is set where the server has none for now. Raises `ModelError`."""
        try:
            return self._inner.reply(question)
        except NoAnswer as error:
            return Reply("", question.document.region(), error=str(error))

    @property
    def spent(self) -> Spent:
        """What has been asked and counted up to now."""
        return self._client.spent

    def pending(self, question: Question) -> int | None:
        """Return about how many prompt tokens the next request for `question` has; nothing where none is left."""
        try:
            with self._client.only_cached():
                self._inner.reply(question)
        except NotCached as request:
            return estimated_tokens(request.text)
        return None

    def close(self) -> None:
        """Close the connections and the cache."""
        self._inner.close()


def endpoint(
    url: str,
    model: str,
    settings: Settings,
    *,
    style: Style = "auto",
    cache: Path | None = None,
    concurrency: int = 1,
    max_tokens: int = DEFAULT_MAX_TOKENS,
    context_tokens: int | None = None,
    timeout_s: float = DEFAULT_TIMEOUT_S,
    max_retries: int = MAX_RETRIES,
) -> EndpointRespondent:
    """Return the model that the server at `url` calls `model`.

    `cache` is a folder for its responses, `max_tokens` the most that it may say in the chat style, `context_tokens`
    what it reads at once, by default what the server says. Raises `UsageError` where there is no key, and `ModelError`
    where the server cannot be reached or does not accept it.
    """
    client = connect(url, model, cache=cache, timeout_s=timeout_s, max_retries=max_retries)
    try:
        connection = Connection(client, describe(client), context_tokens)
        inner = _inner(connection, settings, style, concurrency, max_tokens)
    except BaseException:
        client.close()
        raise
    return EndpointRespondent(client, inner)


def _inner(
    connection: Connection, settings: Settings, style: Style, concurrency: int, max_tokens: int
) -> EngineRespondent | ChatRespondent:
    """Return the respondent of the style, which does not know that the model is elsewhere."""
    client = connection.client
    identity: dict[str, object] = {
        "engine": "endpoint",
        "url": client.base_url,
        "model": client.model,
        "server": connection.server.program,
        "packages": versions("openai"),
    }
    if style == "completions" and connection.server.program == "ollama":
        raise ModelError(
            f"Ollama at {client.base_url} puts prompts of completions into the model's template: "
            "serve the same GGUF with llama-server, or name the file as --model"
        )
    if style == "completions" or (style == "auto" and connection.knows_markers()):
        return EngineRespondent(
            EndpointEngine(connection),
            settings,
            name=client.model,
            identity=identity,
            concurrency=concurrency,
            close=client.close,
        )
    return ChatRespondent(
        EndpointChat(connection),
        settings,
        name=client.model,
        identity=identity,
        concurrency=concurrency,
        max_tokens=max_tokens,
        close=client.close,
    )


class _Served:
    """What both styles of asking have in common."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    @property
    def model(self) -> ModelInfo:
        """The model in use; a server does not tell its size."""
        return self._connection.model

    def count_tokens(self, text: str) -> int:
        """Return the number of tokens of `text`, exactly where the server counts, else about."""
        return self._connection.count_tokens(text)


class EndpointEngine(_Served, Engine):
    """An `Engine` over `/completions`. Probabilities and the first token's time are NaN where they are not known."""

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

        Raises `ModelError` where the server does not answer.
        """
        if cancel():
            raise Cancelled("a newer request has stopped this one")
        body = {"max_tokens": max_tokens, "stop": [stop], "temperature": 0, "logprobs": 1}
        opening = Opening(healed=guide.typed, forced=self._connection.server.program == "llama.cpp")
        reading = Reading(guide, opening, stop)
        received = [self._ask(prompt + start, body, reading)]
        if reading.strayed:
            reading = Reading(guide, Opening(joined=guide.typed), stop)
            received.append(self._ask(prompt + start, body, reading))
        done = reading.generation(start, 0)
        return replace(
            done,
            confidence=math.nan if reading.is_blind else done.confidence,
            timings=replace(
                done.timings,
                evaluated_tokens=done.timings.prompt_tokens,
                prompt_ms=math.nan,
                first_token_ms=math.nan,
                decode_ms=math.nan,
                total_ms=sum(one.total_ms for one in received),
            ),
        )

    def _ask(self, text: str, body: dict[str, Any], reading: Reading) -> Received:
        opening = reading.opening
        if opening.healed and opening.forced:
            body = body | {"grammar": begins_with(opening.healed), "logprobs": RIVALS}
        text += opening.joined
        received = self._connection.client.post(
            "/completions", {"prompt": text, **body} | self._connection.extras(), text
        )
        for piece in streamed(received.data):
            reading.take(piece)
            if reading.is_over:
                break
        return received


class EndpointChat(_Served):
    """A `Chat` over `/chat/completions`."""

    def say(self, message: str, max_tokens: int) -> Said:
        """Return the answer to one user message. Raises `UsageError` where it does not fit, and `ModelError`."""
        max_tokens = self._connection.room(message, max_tokens)
        body = {"messages": [{"role": "user", "content": message}], "max_tokens": max_tokens, "temperature": 0}
        received = self._connection.client.post("/chat/completions", body | self._connection.extras(), message)
        choice = received.data["choices"][0]
        usage = received.data.get("usage") or {}
        return Said(
            text=(choice.get("message") or {}).get("content") or "",
            finished=choice.get("finish_reason") != "length",
            confidence=math.nan,
            prompt_tokens=usage.get("prompt_tokens") or 0,
            decoded_tokens=usage.get("completion_tokens") or 0,
            first_token_ms=math.nan,
            total_ms=received.total_ms,
        )
