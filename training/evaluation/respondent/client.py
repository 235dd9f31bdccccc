"""Requests to an OpenAI-compatible server: cached, repeated where that helps, counted, and failing in one line.

Repeating is done by the `openai` library: connection errors, 408, 409, 429 and 5xx, after the `Retry-After` of the
server (up to two minutes) or after pauses that double from half a second to eight, less up to a quarter by chance.
`pace.py` adds what it lacks. A response's time is that of its last attempt, without pauses.
"""

from __future__ import annotations

import contextlib
import os
import re
import threading
import weakref
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from tabtab_local.engine.remote.wire import base_url_of
from tabtab_local.errors import ModelError, UsageError
from training.evaluation.respondent.cache import ResponseCache, request_key
from training.evaluation.respondent.failure import NoAnswer, NotCached, Whom, refusal
from training.evaluation.respondent.lenient import without_thoughts
from training.evaluation.respondent.pace import Pace

# Pauses of about a minute and a half in all: what a limit by the minute needs.
MAX_RETRIES = 14
DEFAULT_TIMEOUT_S = 300.0

KEY_VARIABLES = ("TABTAB_API_KEY", "OPENAI_API_KEY")
OPENAI_URL = "https://api.openai.com/v1"

_LOOPBACK = ("localhost", "127.0.0.1", "::1")

# 403: a key that may ask models need not be allowed to list them.
_NO_ROUTE = (400, 403, 404, 405, 422, 501)

_UNKNOWN = re.compile(r"support|unknown|unrecognized|deprecated|not permitted|not allowed", re.IGNORECASE)

# Whole copies of the request in llama.cpp's responses.
_NOT_KEPT = ("generation_settings", "prompt")


@dataclass(frozen=True)
class Prices:
    """US dollars for a million tokens."""

    prompt: float
    answer: float


@dataclass(frozen=True)
class Spent:
    """Requests that were answered, and the tokens that the server counted; what came from the cache is free."""

    requests: int = 0
    prompt_tokens: int = 0
    answer_tokens: int = 0

    def cost(self, prices: Prices) -> float:
        """Return the cost in US dollars."""
        return (self.prompt_tokens * prices.prompt + self.answer_tokens * prices.answer) / 1e6


@dataclass(frozen=True)
class Received:
    """A response as JSON, and how long it took when it was measured."""

    data: dict[str, Any]
    total_ms: float


class Client:
    """A server at `base_url` and the model `model` there; `variable` is where the key came from, for messages."""

    def __init__(
        self,
        base_url: str,
        model: str,
        key: str,
        *,
        variable: str,
        cache: ResponseCache | None = None,
        timeout_s: float = DEFAULT_TIMEOUT_S,
        max_retries: int = MAX_RETRIES,
    ) -> None:
        import openai

        pace = Pace()
        hooks: Any = {"request": [pace.before], "response": [pace.after]}
        self._openai = openai.OpenAI(
            base_url=base_url,
            api_key=key,
            timeout=timeout_s,
            max_retries=max_retries,
            http_client=openai.DefaultHttpxClient(event_hooks=hooks, timeout=timeout_s),
        )
        self._once = self._openai.with_options(max_retries=0)
        self.base_url = base_url
        self.model = model
        self._whom = Whom(base_url, model, variable, timeout_s, max_retries)
        self._cache = cache
        self._lock = threading.Lock()
        self._spent = Spent()
        self._dropped: set[str] = set()
        self._local = threading.local()

    @property
    def spent(self) -> Spent:
        """What has been asked and counted up to now."""
        with self._lock:
            return self._spent

    @contextlib.contextmanager
    def only_cached(self) -> Iterator[None]:
        """Within this, in this thread, a request that is not in the cache raises `NotCached`."""
        self._local.only_cached = True
        try:
            yield
        finally:
            self._local.only_cached = False

    def post(self, path: str, body: dict[str, Any], text: str) -> Received:
        """Return the response to `body`, from the cache or the server; `text` is the part of it that is the question.

        Raises `UsageError` where it does not fit into the context, `NoAnswer`, and `ModelError` for all that would
        befall every other question too.
        """
        key = request_key(base_url=self.base_url, model=self.model, path=path, body=body)
        found = self._cache.get(key) if self._cache else None
        if found is not None:
            return Received(found["data"], found["total_ms"])
        if getattr(self._local, "only_cached", False):
            raise NotCached(text)
        received = self._send(path, body)
        self._count(received.data)
        if self._cache:
            self._cache.put(key, {"data": received.data, "total_ms": received.total_ms})
        return received

    def get_json(self, url: str, body: dict[str, Any] | None = None, *, once: bool = False) -> Any:
        """Return what the server says at `url`, nothing where it has no such route; with `once`, without repeating.

        Raises `NoAnswer`, and `ModelError` where the server cannot be reached or refuses the key.
        """
        import openai

        client = self._once if once else self._openai
        try:
            if body is None:
                return client.get(url, cast_to=object)
            return client.post(url, cast_to=object, body=body)
        except openai.APIStatusError as error:
            if error.status_code in _NO_ROUTE:
                return None
            raise refusal(error, self._whom) from None
        except openai.APIConnectionError as error:
            raise refusal(error, self._whom) from None
        except (openai.APIError, ValueError):
            return None

    def close(self) -> None:
        """Close the connections and the cache."""
        self._openai.close()
        if self._cache:
            self._cache.close()

    def _send(self, path: str, body: dict[str, Any]) -> Received:
        import openai

        while True:
            sent = self._adapted(body)
            try:
                response = self._openai.post(path, cast_to=_response_type(), body={"model": self.model, **sent})
                data = response.json()
            except openai.BadRequestError as error:
                if not self._adapt(str(error), sent):
                    raise refusal(error, self._whom) from None
            except openai.APIError as error:
                raise refusal(error, self._whom) from None
            except ValueError:
                raise ModelError(f"{self.base_url} does not answer in JSON: give the URL of an OpenAI API") from None
            else:
                if not isinstance(data, dict) or not data.get("choices"):
                    raise NoAnswer(f"{self.base_url} gave a response without choices: {str(data)[:120]}")
                for name in _NOT_KEPT:
                    data.get("__verbose", {}).pop(name, None)
                return Received(data, response.elapsed.total_seconds() * 1000)

    def _adapted(self, body: dict[str, Any]) -> dict[str, Any]:
        """Return `body` in the words of this server: newer models of OpenAI know other names and fewer settings."""
        sent = {name: value for name, value in body.items() if name not in self._dropped}
        if "max_tokens" in self._dropped:
            sent["max_completion_tokens"] = body["max_tokens"]
        return sent

    def _adapt(self, message: str, sent: dict[str, Any]) -> bool:
        """Note that the server does not take a setting of `sent`; return whether it may be asked again without."""
        for name in ("max_tokens", "temperature", "logprobs"):
            if name in sent and _UNKNOWN.search(message) and re.search(rf"['\"`]{name}['\"`]", message):
                self._dropped.add(name)
                return True
        # Another thread may have been first.
        return bool(self._dropped & sent.keys())

    def _count(self, data: dict[str, Any]) -> None:
        usage = data.get("usage") or {}
        with self._lock:
            self._spent = replace(
                self._spent,
                requests=self._spent.requests + 1,
                prompt_tokens=self._spent.prompt_tokens + (usage.get("prompt_tokens") or 0),
                answer_tokens=self._spent.answer_tokens + (usage.get("completion_tokens") or 0),
            )


def _response_type() -> Any:
    """Return the type of a response as it came, which the library gives back unread where it is asked for."""
    import httpx2

    return httpx2.Response


def connect(
    url: str,
    model: str,
    *,
    cache: Path | None = None,
    timeout_s: float = DEFAULT_TIMEOUT_S,
    max_retries: int = MAX_RETRIES,
) -> Client:
    """Return a client of the server at `url` with the key of the environment, and `cache` as the folder of responses.

    Raises `UsageError` where there is no key.
    """
    base_url = base_url_of(url)
    variable, key = api_key(base_url, os.environ)
    responses = ResponseCache(cache) if cache else None
    return Client(
        base_url, model, key, variable=variable, cache=responses, timeout_s=timeout_s, max_retries=max_retries
    )


def asker(url: str | None, model: str, *, cache: Path | None = None, max_tokens: int = 2048) -> Callable[[str], str]:
    """Return a function that asks the chat model `model` at `url`, by default OpenAI, and returns what it says.

    The function raises `ModelError` where there is no answer, and `UsageError` where the question is too long.
    """
    client = connect(url or OPENAI_URL, model, cache=cache)

    def ask(question: str) -> str:
        body = {"messages": [{"role": "user", "content": question}], "max_tokens": max_tokens, "temperature": 0}
        choice = client.post("/chat/completions", body, question).data["choices"][0]
        return without_thoughts((choice.get("message") or {}).get("content") or "").strip()

    # The connections live as long as the function.
    weakref.finalize(ask, client.close)
    return ask


def api_key(base_url: str, environment: Mapping[str, str]) -> tuple[str, str]:
    """Return the variable that the key is in, and the key; a server on this machine may need none."""
    for variable in KEY_VARIABLES:
        if environment.get(variable):
            return variable, environment[variable]
    if urlsplit(base_url).hostname in _LOOPBACK:
        return KEY_VARIABLES[0], "none"
    raise UsageError(f"{base_url} needs a key: put it into the environment as {' or '.join(KEY_VARIABLES)}")
