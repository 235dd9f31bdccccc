"""A model that only chats: the same content as for our own models, inside one message after a short instruction.

What it says is read leniently (`lenient.py`). It knows nothing of where the model runs.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Protocol, cast

from tabtab_local.complete import build_prompt
from tabtab_local.config import Settings
from tabtab_local.engine import Engine, ModelInfo
from tabtab_local.errors import UsageError
from tabtab_local.prompt import CURSOR, EDIT_END, EDIT_START, INTENT, Prompt, render_prompt
from training.evaluation.respondent.engine import deciding, known
from training.evaluation.respondent.lenient import read
from training.evaluation.respondent.reply import Question, Reply

INSTRUCTION = f"""\
You predict the next edit of a person who writes Python. Below is what they see: maybe code above and below, their \
last edits, what they want to do (behind {INTENT}), and last the region that you rewrite, between {EDIT_START} and \
{EDIT_END}, with {CURSOR} where their cursor stands.

Rewrite the region with the edit that they would make next: finish what they began, in their style, and carry a change \
of theirs to the other places in the region that need it. Keep every other line exactly as it is. Where nothing is to \
change, give the region back unchanged.

Answer in exactly this form and say nothing else, without code fences:

{INTENT} what the edit does, in a few words
{EDIT_START}
the whole region after the edit, with {CURSOR} once, where the next edit belongs: right behind your edit, or at the \
second place where there is more than one to edit
{EDIT_END}

This is what they see:

"""

# Enough for any region; models that think aloud need more.
DEFAULT_MAX_TOKENS = 2048

# What a chat template puts around the message.
_TEMPLATE_TOKENS = 32


@dataclass(frozen=True)
class Said:
    """What a chat model said. `finished` is false where its tokens ran out; a time or probability may be NaN, a count
    of tokens 0, where it is not known. Times are in milliseconds."""

    text: str
    finished: bool
    confidence: float
    prompt_tokens: int
    decoded_tokens: int
    first_token_ms: float
    total_ms: float


class Chat(Protocol):
    """A model that answers a message."""

    @property
    def model(self) -> ModelInfo:
        """The model in use."""
        ...

    def count_tokens(self, text: str) -> int:
        """Return the number of tokens that `text` takes, exactly or about."""
        ...

    def say(self, message: str, max_tokens: int) -> Said:
        """Return the answer to one user message. Raises `UsageError` where it does not fit into the context."""
        ...


@dataclass(frozen=True)
class _Room:
    """What a prompt may take of a chat model's context, beside the instruction."""

    model: ModelInfo
    count_tokens: Callable[[str], int]


class ChatRespondent:
    """A chat model that is told of our format in the message.

    `max_tokens` is the most that it may say, thoughts included.
    """

    def __init__(
        self,
        chat: Chat,
        settings: Settings,
        *,
        name: str,
        identity: dict[str, object],
        concurrency: int = 1,
        max_tokens: int = DEFAULT_MAX_TOKENS,
        close: Callable[[], None] | None = None,
    ) -> None:
        self._chat = chat
        taken = chat.count_tokens(INSTRUCTION) + _TEMPLATE_TOKENS
        self._room = _Room(replace(chat.model, context_tokens=chat.model.context_tokens - taken), chat.count_tokens)
        self._settings = settings
        self._max_tokens = max_tokens
        self.name = name
        self.identity: dict[str, object] = {
            **identity,
            **deciding(settings, chat.model.context_tokens),
            "style": "chat",
            "instruction_sha256": hashlib.sha256(INSTRUCTION.encode()).hexdigest(),
            "max_tokens": max_tokens,
        }
        self.concurrency = concurrency
        self._close = close

    def reply(self, question: Question) -> Reply:
        """Return the model's answer; see `Respondent.reply`."""
        document, region = question.document, question.document.region()
        try:
            # Of an engine, building a prompt needs the count of tokens and the size of the context alone.
            room = cast(Engine, self._room)
            prompt, _ = build_prompt(room, document, region, question.intent, question.recent_edits, self._settings)
            said = self._chat.say(message(prompt), self._max_tokens)
        except UsageError as error:
            return Reply("", region, fault=str(error))
        response, strict, fault = read(said.text, prompt, finished=said.finished)
        return Reply(
            text=said.text,
            region=region,
            response=response,
            fault=fault,
            strict=strict,
            confidence=known(said.confidence),
            prompt_tokens=said.prompt_tokens or None,
            decoded_tokens=said.decoded_tokens or None,
            first_token_ms=known(said.first_token_ms),
            total_ms=said.total_ms,
        )

    def close(self) -> None:
        """Give back what the model holds."""
        if self._close:
            self._close()


def message(prompt: Prompt) -> str:
    """Return the one user message that asks a chat model what `prompt` asks our own."""
    return INSTRUCTION + render_prompt(prompt)
