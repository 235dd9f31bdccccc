"""Clean code → an edit to be made: the states in which people leave code while they write it.

Each corruption is a pure function of a document and a random generator. `None` means that the document has nothing
that this corruption could work on.
"""

from __future__ import annotations

import random
from collections.abc import Mapping

from training.data.corruption.drift import comment_drift, duplicated_line, reordered_line, stale_copy
from training.data.corruption.example import Corruption, Example
from training.data.corruption.propagation import propagate_rename
from training.data.corruption.signature import signature
from training.data.corruption.silence import no_edit, no_edit_anywhere, no_edit_completed, no_edit_deleted
from training.data.corruption.syntax import argument, block, decorator, docstring, expression, import_line, statement
from training.data.corruption.unfinished import block_tail, half_typed, line_tail, lines, span, step
from training.data.document import Document

__all__ = ["WEIGHTS", "Corruption", "Document", "Example", "corrupt", "corruptions"]

# Weights are of attempts: what is rarely possible, such as a signature with calls near it, has more of them than it is
# to have of the examples. About a fifth of the examples are silence.
WEIGHTS: Mapping[Corruption, int] = {
    line_tail: 150,
    half_typed: 75,
    block_tail: 30,
    span: 30,
    expression: 55,
    argument: 60,
    statement: 60,
    lines: 30,
    block: 40,
    step: 60,
    import_line: 25,
    decorator: 20,
    docstring: 30,
    propagate_rename: 80,
    signature: 80,
    comment_drift: 50,
    stale_copy: 100,
    reordered_line: 15,
    duplicated_line: 10,
    no_edit: 50,
    no_edit_anywhere: 50,
    no_edit_completed: 100,
    no_edit_deleted: 40,
}

_ATTEMPTS = 4


def corrupt(document: Document, rng: random.Random, weights: Mapping[Corruption, int] = WEIGHTS) -> Example | None:
    """Return one example made of `document`, by a corruption drawn by weight."""
    kinds = list(weights)
    for _ in range(_ATTEMPTS):
        example = rng.choices(kinds, [weights[kind] for kind in kinds])[0](document, rng)
        if example:
            return example
    return None


def corruptions(
    document: Document, rng: random.Random, count: int, weights: Mapping[Corruption, int] = WEIGHTS
) -> tuple[Example, ...]:
    """Return up to `count` examples made of `document`, no two of which ask the same."""
    made: dict[object, Example] = {}
    for _ in range(count):
        example = corrupt(document, rng, weights)
        if example:
            made.setdefault((example.prompt.region, example.prompt.cursor), example)
    return tuple(made.values())
