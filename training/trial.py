"""A model is asked for an edit through the runtime, with room for the whole of its answer."""

from __future__ import annotations

from dataclasses import dataclass

from tabtab_local.answer import answer, question
from tabtab_local.config import Settings
from tabtab_local.engine import Engine
from tabtab_local.errors import FormatError
from tabtab_local.prompt import Prompt, Response, parse_response

# What an answer may add to the region and the intent that it repeats.
_ADDED_TOKENS = 160


@dataclass(frozen=True)
class Trial:
    """What a model wrote: its text, the response that this is, None where it broke the format, and how sure it was."""

    text: str
    response: Response | None
    confidence: float


def attempt(engine: Engine, prompt: Prompt, settings: Settings) -> Trial:
    """Ask for an edit. Raises `UsageError` where the prompt does not fit into the model's context."""
    generation = answer(engine, question(prompt, answer_room(engine, prompt)), settings)
    try:
        return Trial(generation.text, parse_response(generation.text), generation.confidence)
    except FormatError:
        return Trial(generation.text, None, generation.confidence)


def answer_room(engine: Engine, prompt: Prompt) -> int:
    """Return how many tokens an answer may have."""
    return engine.count_tokens(prompt.region + prompt.intent) + _ADDED_TOKENS
