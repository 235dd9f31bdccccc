"""Everyday questions: generated programs in each of which a line breaks off at the cursor."""

from __future__ import annotations

import random

from tabtab_local.document import open_document
from training.data.everyday import WRITERS
from training.evaluation.respondent.reply import Question

# Short programs are answered quickly.
_MAX_CHARACTERS = 500


def questions(count: int) -> list[Question]:
    """Return `count` questions; always the same."""
    return [_question(random.Random(f"question/{index}")) for index in range(count)]


def _question(rng: random.Random) -> Question:
    text = "x" * _MAX_CHARACTERS
    while len(text) >= _MAX_CHARACTERS:
        text = rng.choice(WRITERS)(rng).script()
    lines = text.split("\n")
    index = rng.choice([number for number, line in enumerate(lines) if len(line.strip()) > 12])
    line = lines[index]
    cut = rng.randint(len(line) - len(line.lstrip()) + 2, len(line) - 3)
    lines[index] = line[:cut]
    return Question(open_document("\n".join(lines), jupyter=False, line=index + 1, column=cut + 1))
