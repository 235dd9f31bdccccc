"""What all respondents have in common: a question goes in, a reply with its cost comes out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from tabtab_local.document import Document
from tabtab_local.edits import Span
from tabtab_local.prompt import RecentEdit, Response


@dataclass(frozen=True)
class Question:
    """What a respondent is asked: a document with a cursor, the intent (one line or nothing), the user's last edits."""

    document: Document
    intent: str = ""
    recent_edits: tuple[RecentEdit, ...] = ()


@dataclass(frozen=True)
class Reply:
    """An answer as it came, and as it was understood.

    `text` is what the model wrote. `response` is that read as a rewrite of the span `region` of the document's code,
    None where it cannot be read, and `fault` then says why. `strict` says whether the text follows the prompt format to
    the letter; a chat model's answer may be read without. `confidence` (0-1) is None where the model's probabilities
    are not known. `prompt_tokens` and `decoded_tokens` are the model's own count, None where it does not say.
    `first_token_ms` is None for a reply that came in one piece. `error` is set, and everything else without meaning,
    where no answer could be had at all; such a row is asked again by the next run.
    """

    text: str
    region: Span
    response: Response | None = None
    fault: str = ""
    strict: bool = False
    confidence: float | None = None
    prompt_tokens: int | None = None
    decoded_tokens: int | None = None
    first_token_ms: float | None = None
    total_ms: float = 0.0
    error: str = ""


class Respondent(Protocol):
    """A model that answers questions.

    `identity` holds the hash of the weights, the settings, the style: a run with another identity is not resumed.
    """

    @property
    def name(self) -> str:
        """What the model is called in tables."""
        ...

    @property
    def identity(self) -> dict[str, object]:
        """What decides the answers, as JSON."""
        ...

    @property
    def concurrency(self) -> int:
        """How many questions may be asked at once."""
        ...

    def reply(self, question: Question) -> Reply:
        """Return the model's answer; the same question gets the same answer, whatever was asked before."""
        ...

    def close(self) -> None:
        """Give back what the model holds."""
        ...
