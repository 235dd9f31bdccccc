"""Code that is not written yet: the rest of a word, of a line, of a block, a run of words, whole lines, a whole step.

These work on any text, whether it parses or not.
"""

from __future__ import annotations

import random
import re

from tabtab_local.edits import Span
from training.data.corruption.example import WORD, Example, indent, random_line, removed
from training.data.document import Document

_OPENING = re.compile(r"[=(,\[{:] ?(?=\S)|\b(?:return|in|import)\b")
_NAME = re.compile(r"[^\W\d]\w{2,}")


def line_tail(document: Document, rng: random.Random) -> Example | None:
    """Remove the rest of a line from the middle of a word or after one: what typing looks like."""
    line = random_line(document, rng)
    if line is None:
        return None
    code = line.of(document.text)
    words = list(WORD.finditer(code))
    points = [match.start() for match in words][1:] + [match.end() for match in words][:-1]
    if rng.random() < 0.3:
        points = [match.end() + 1 for match in _OPENING.finditer(code)] or points
    if rng.random() < 0.25:
        points = list(range(len(code) - len(code.lstrip()) + 1, len(code)))
    points = [point for point in points if 0 < point < len(code)]
    if not points:
        return None
    return removed(document, Span(line.start + rng.choice(points), line.end), rng, "line_tail", ends_here=0.45)


def half_typed(document: Document, rng: random.Random) -> Example | None:
    """Cut a name in its middle; the rest of it is gone, or the rest of the line, while the code below stays."""
    line = random_line(document, rng)
    if line is None:
        return None
    names = list(_NAME.finditer(line.of(document.text)))
    if not names:
        return None
    name = rng.choice(names)
    point = rng.randint(name.start() + 1, name.end() - 1)
    end = name.end() if rng.random() < 0.5 else line.end - line.start
    return removed(document, Span(line.start + point, line.start + end), rng, "half_typed")


def block_tail(document: Document, rng: random.Random) -> Example | None:
    """Remove the rest of a line and the lines after it that belong to the same block."""
    line = random_line(document, rng)
    if line is None:
        return None
    code = line.of(document.text)
    point = rng.choice([match.end() for match in WORD.finditer(code)])
    end = _block_end(document.text, line.end, indent(code), rng.randint(1, 4))
    if end == line.end:
        return None
    return removed(document, Span(line.start + point, end), rng, "block_tail", ends_here=0.5)


def span(document: Document, rng: random.Random) -> Example | None:
    """Remove a random run of words inside a line."""
    line = random_line(document, rng)
    if line is None:
        return None
    words = list(WORD.finditer(line.of(document.text)))
    first = rng.randrange(len(words))
    last = min(len(words) - 1, first + rng.randint(0, 5))
    hole = Span(line.start + words[first].start(), line.start + words[last].end())
    return removed(document, hole, rng, "span")


def lines(document: Document, rng: random.Random) -> Example | None:
    """Remove one to three whole lines; the cursor stands where the first began, often already indented."""
    line = random_line(document, rng)
    if line is None:
        return None
    code = line.of(document.text)
    end = _block_end(document.text, line.end, indent(code), rng.randint(0, 2))
    start = line.start + (indent(code) if rng.random() < 0.8 else 0)
    return removed(document, Span(start, end), rng, "lines", ends_here=0.4)


def step(document: Document, rng: random.Random) -> Example | None:
    """Remove everything that an intent stands for; the intent is given, or left as a comment, or to be inferred."""
    if not document.intents:
        return None
    where, intent = rng.choice(document.intents)
    way = rng.random()
    if way < 0.6:
        return removed(document, where, rng, "step", ends_here=0.5, intent=intent)
    if way < 0.8:
        comment = f"# {intent[:1].lower()}{intent[1:]}\n"
        text = document.text[: where.start] + comment + document.text[where.start :]
        grown = tuple(
            Span(c.start + len(comment) * (c.start > where.start), c.end + len(comment) * (c.end > where.start))
            for c in document.cells
        )
        hole = Span(where.start + len(comment), where.end + len(comment))
        return removed(Document(text, grown, ((hole, intent),)), hole, rng, "step", ends_here=0.5)
    head = re.match(r"[^\n(=]*[(=] ?", where.of(document.text))
    hole = Span(where.start + (head.end() if head else 0), where.end)
    return removed(document, hole, rng, "step", ends_here=0.5)


def _block_end(text: str, end: int, least: int, more: int) -> int:
    """Return the end of up to `more` lines after `end` that are indented by at least `least` and not blank."""
    for line in text[end + 1 :].split("\n")[:more]:
        if not line.strip() or indent(line) < least:
            break
        end += 1 + len(line)
    return end
