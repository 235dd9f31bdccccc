"""The defaults of the runtime, each with its unit and its reason."""

from __future__ import annotations

from dataclasses import dataclass

from tabtab_local.gates import GATES


@dataclass(frozen=True)
class Settings:
    """How suggestions are made."""

    context_tokens: int = 1024
    """Most tokens of code above and below; more costs time on each change of the context and helps little."""

    answer_tokens: int = 160
    """Most tokens that an answer may have beside those of the region that it rewrites."""

    infer_intent: bool = True
    """Whether the model says what the edit is for where the user did not; that takes as long as a line of code."""

    rewrite_before: bool = False
    """Whether the answer may change what stands before the cursor. If not, it is the forced beginning of the answer."""

    exact: bool = False
    """Whether an answer is decoded to its end even where it has re-joined the old text behind the cursor."""

    min_confidence: float = 0.65
    """Suggestions with a lower geometric mean of the tokens' probabilities are not shown. Of an insertion, that is the
    mean up to its end; what is copied behind it says nothing about it.

    Chosen for the embedded nano on the development sets of MBPP and TabTab-Bench: of 401 edits it shows 110, of which
    12 are right; at 0.7 it would show 80 with 9, at 0.5 189 with 12. Of 109 finished programs it speaks into 8.
    """

    gates: frozenset[str] = frozenset(GATES)
    """The rules, by name, that keep a suggestion from being shown."""
