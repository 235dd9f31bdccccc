"""Any OpenAI-compatible server: llama-server, vLLM, Ollama, a hosted model.

Two styles. *completions* is for a model that was made for our format: `/completions` continues prompt and forced start
up to a marker, so that the runtime's steps work over the wire. *chat* is for all others. Left to itself (*auto*),
completions is chosen where the server's own tokenizer, asked through `/tokenize` as llama.cpp and vLLM have it, knows
our markers as single tokens, else chat: a server that does not show its tokenizer (Ollama, hosted ones) needs to be
told where it serves a model of ours.

Differences from an engine in the process: tokens are estimated where there is no `/tokenize` (`server.py`); a
server that does not say why it stopped is taken to have met the marker, for OpenAI's `stop` means that or the end of
the text; the confidence leaves out the tokens that the server gives no probability of, as llama.cpp's the marker.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

from tabtab_local.config import Settings
from tabtab_local.engine import Generation, ModelInfo, Timings, never
from tabtab_local.errors import Cancelled
from training.evaluation.respondent.chat import DEFAULT_MAX_TOKENS, ChatRespondent, Said
from training.evaluation.respondent.client import DEFAULT_TIMEOUT_S, MAX_RETRIES, Client, Spent, connect
from training.evaluation.respondent.engine import EngineRespondent, versions
from training.evaluation.respondent.failure import NoAnswer, NotCached
from training.evaluation.respondent.reply import Question, Reply
from training.evaluation.respondent.server import Connection, describe, estimated_tokens

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


class EndpointEngine(_Served):
    """An `Engine` over `/completions`. Probabilities and the first token's time are NaN where they are not known."""

    def generate(
        self, prompt: str, start: str, *, max_tokens: int, stop: str, cancel: Callable[[], bool] = never
    ) -> Generation:
        """Continue `prompt` by an answer that begins with `start`; see `Engine.generate`.

        Raises `ModelError` where the server does not answer.
        """
        if cancel():
            raise Cancelled("a newer request has stopped this one")
        body = {"prompt": prompt + start, "max_tokens": max_tokens, "stop": [stop], "temperature": 0, "logprobs": 1}
        if self._connection.server.program == "llama.cpp":
            body["verbose"] = True  # says what ended the text
        received = self._connection.client.post("/completions", body | self._connection.extras(), prompt + start)
        choice = received.data["choices"][0]
        usage = received.data.get("usage") or {}
        stopped = _stopped(choice, received.data)
        prompt_tokens = usage.get("prompt_tokens") or 0
        return Generation(
            text=start + (choice.get("text") or "").removesuffix(stop) + (stop if stopped else ""),
            stopped=stopped,
            confidence=_confidence(choice),
            timings=Timings(
                load_ms=0.0,
                prompt_tokens=prompt_tokens,
                evaluated_tokens=prompt_tokens,
                prompt_ms=math.nan,
                first_token_ms=math.nan,
                decoded_tokens=usage.get("completion_tokens") or 0,
                drafted_tokens=0,
                accepted_tokens=0,
                decode_ms=math.nan,
                total_ms=received.total_ms,
            ),
        )


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


def _stopped(choice: dict[str, Any], data: dict[str, Any]) -> bool:
    """Return whether the stop marker ended the text, as far as the server tells."""
    if choice.get("finish_reason") != "stop":
        return False
    if "__verbose" in data:  # llama.cpp
        return bool(data["__verbose"].get("stop_type") == "word")
    if "stop_reason" in choice:  # vLLM: the string that stopped it, null at the end of the text
        return choice["stop_reason"] is not None
    return True


def _confidence(choice: dict[str, Any]) -> float:
    """Return the geometric mean of the probabilities of the tokens, NaN where the server does not give them."""
    given = choice.get("logprobs") or {}
    if "content" in given:  # llama.cpp
        logarithms = [entry.get("logprob") for entry in given["content"] or ()]
    else:
        logarithms = given.get("token_logprobs") or []
    found = [value for value in logarithms if value is not None]
    if not found:
        # Of the marker alone, which some servers leave out, nothing is known; nothing else was chosen.
        return math.nan if choice.get("text") else 1.0
    return max(math.exp(sum(found) / len(found)), 1e-30)
