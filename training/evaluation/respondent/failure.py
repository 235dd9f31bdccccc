"""What can go wrong with a server, each in one line: for this question, for all questions, or for now."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from tabtab_local.errors import ModelError, UsageError

_TOO_LONG = re.compile(r"context|too (long|large|many tokens)|maximum.{0,40}(length|tokens)|exceed", re.IGNORECASE)
_WITHHELD = re.compile(r"content.?(filter|policy|management)|safety", re.IGNORECASE)
_NO_MONEY = re.compile(r"insufficient.?(quota|funds|balance)|billing", re.IGNORECASE)


class NoAnswer(ModelError):
    """A question got no answer although it was asked again and again; another run may have more luck."""


class NotCached(ModelError):
    """The response is not in the cache, and only the cache may be asked."""

    def __init__(self, text: str) -> None:
        super().__init__("not in the cache")
        self.text = text


@dataclass(frozen=True)
class Whom:
    """Who was asked, for messages; `variable` is where the key came from."""

    base_url: str
    model: str
    variable: str
    timeout_s: float
    max_retries: int


def refusal(error: Exception, whom: Whom) -> ModelError | UsageError:
    """Return the error of ours that says in one line what the library's `error` does."""
    import openai

    where = whom.base_url
    if isinstance(error, openai.APITimeoutError):
        return NoAnswer(f"{where} gave no answer within {whom.timeout_s:g} seconds")
    if isinstance(error, openai.APIConnectionError):
        reason = " ".join(str(error.__cause__ or error).split())
        return ModelError(f"cannot reach {where} ({reason}): is the server running, is the URL right?")
    if not isinstance(error, openai.APIStatusError):
        return NoAnswer(f"{where} broke off its answer: {' '.join(str(error).split())[:160]}")
    said = _message(error)
    if error.status_code in (401, 403):
        return ModelError(f"{where} refuses the key in {whom.variable} ({error.status_code}: {said}): check it")
    if error.status_code == 404:
        return ModelError(f"{where} does not serve the model {whom.model!r} (404: {said}): check URL and name")
    if error.status_code == 429 and _NO_MONEY.search(said):
        return ModelError(f"{where} wants to be paid first (429: {said})")
    if error.status_code in (408, 409, 429) or error.status_code >= 500:
        return NoAnswer(
            f"{where} refuses for now ({error.status_code}: {said}), after up to {whom.max_retries} retries"
        )
    if _TOO_LONG.search(said):
        return UsageError(f"the prompt does not fit: {said}")
    if _WITHHELD.search(said):
        return UsageError(f"the server withholds an answer: {said}")
    return ModelError(f"{where} refuses the request ({error.status_code}: {said})")


def _message(error: Any) -> str:
    """Return the server's own words on one line."""
    body = error.body if isinstance(error.body, dict) else {}
    said = body.get("message") or body.get("detail") or body.get("error") or str(error)
    code = body.get("code") or body.get("type")
    text = " ".join(str(said).split())[:200]
    return f"{text} ({code})" if isinstance(code, str) and code not in text else text
