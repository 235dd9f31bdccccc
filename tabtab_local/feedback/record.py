"""What is kept of a suggestion that was shown: what the model was asked, what it said, and what the user made of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

Outcome = Literal["shown", "accepted", "rejected", "typed_over"]


@dataclass(frozen=True)
class Record:
    """A suggestion and its end. `prompt`, `answer` and `became` are texts in the prompt format.

    - `time`: when it was first shown, in UTC.
    - `client`: which program asked, or in which words.
    - `outcome`: "rejected" where the user said so, "typed_over" where they wrote something else in its place, "shown"
      where they did neither that nor take it.
    - `became`: the answer that would have led to what stands there instead; None where it was accepted, and where that
      cannot be told.
    """

    time: str
    model: str
    prompt_version: int
    client: str
    prompt: str
    answer: str
    outcome: Outcome
    became: str | None = None


Note = Callable[[Record], None]


def unnoted(record: Record) -> None:
    """Keep nothing."""
