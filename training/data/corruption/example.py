"""What a corruption returns, and how the two sorts of them ask: for a hole to be filled, or for stale places to follow.

A *hole* is removed where the cursor stands, and the answer brings it back. *Stale* places are such as the clean code
has been made to look before an edit that the user has begun: the answer makes them clean, and its cursor stands at the
second of them, or after the only one. What stands before the prompt's cursor is the same in both, because the runtime
forces it. The region around the cursor is chosen as the runtime chooses it, and the context cut to a random budget.
"""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from tabtab_local.edits import Edit, Span, apply
from tabtab_local.prompt import Prompt, RecentEdit, Response, clean_intent
from tabtab_local.region import Context, file_context
from training.data.document import Document, moved

# Roughly; contexts of training examples vary in length anyway.
_CHARACTERS_PER_TOKEN = 3

# What there may be room for beside the region.
BUDGETS_TOKENS = (60, 150, 300, 450)

# Larger holes cannot be answered from the context and only teach the model to invent.
MAX_HOLE_CHARACTERS = 320
MAX_REGION_CHARACTERS = 1400

WORD = re.compile(r"\w+|[^\w\s]")
_NAME = re.compile(r"\w+")


@dataclass(frozen=True)
class Example:
    """A question with its answer, and the name of the corruption that made it.

    `compiles` says whether the document that the answer leaves behind parses. One cut from a file may not, nor may one
    that stops where the user has written only so far.
    """

    prompt: Prompt
    response: Response
    kind: str
    compiles: bool = True


Corruption = Callable[[Document, random.Random], Example | None]


def removed(
    document: Document,
    hole: Span,
    rng: random.Random,
    kind: str,
    *,
    ends_here: float = 0.0,
    intent: str = "",
) -> Example | None:
    """Return the example that asks for the text of `hole`, or `None` where that is too much or nothing.

    With the probability `ends_here` nothing stands after the hole: the user has only written this far. An intent that
    is not given is part of the answer where most of what it stands for was removed.
    """
    text = hole.of(document.text)
    if not text.strip() or len(text) > MAX_HOLE_CHARACTERS:
        return None
    if rng.random() < ends_here:
        document = _cut_after(document, hole.end)
    rest = document.without(hole)
    region = rest.region(hole.start)
    code, cursor = region.of(rest.text), hole.start - region.start
    if len(code) > MAX_REGION_CHARACTERS:
        return None
    answer = code[:cursor] + text + code[cursor:]
    around = context(rest, region, rng)
    prompt = Prompt(code, cursor, around.above, around.below, intent=clean_intent(intent))
    said = clean_intent(intent or _inferred(document, hole))
    return Example(prompt, Response(answer, cursor + len(text), said), kind, document.tree is not None)


def stale(
    document: Document,
    sites: Sequence[Edit],
    cursor: int,
    recent: Sequence[RecentEdit],
    rng: random.Random,
    kind: str,
) -> Example | None:
    """Return the example whose `sites`, edits of the clean text that are in order, are made and to be taken back.

    `cursor` is an offset in the clean text. `None` where no site stands in the region behind the cursor, or one before.
    """
    before = document.edited(sites)
    at = moved(cursor, sites)
    region = before.region(at)
    if region.end - region.start > MAX_REGION_CHARACTERS:
        return None
    shift, inside = 0, list[Edit]()
    first = last = region.start
    for site in sites:
        start, end = site.start + shift, site.start + shift + len(site.text)
        if region.start <= start and end <= region.end:
            if start < at:
                return None
            if not inside:
                first = region.start - shift
            inside.append(site)
            last = region.end - shift - len(site.text) + (site.end - site.start)
        elif start < region.end and end > region.start:
            return None
        shift += len(site.text) - (site.end - site.start)
    if not inside:
        return None
    answer = document.text[first:last]
    following = inside[1].start if len(inside) > 1 else inside[0].end
    around = context(before, region, rng)
    prompt = Prompt(region.of(before.text), at - region.start, around.above, around.below, tuple(recent))
    return Example(prompt, Response(answer, following - first), kind, document.tree is not None)


def recent_edit(document: Document, done: Sequence[Edit], sites: Sequence[Edit] = ()) -> RecentEdit:
    """Return what the user has just done: to the lines of `done`, which undo it, while `sites` are still stale.

    Both are edits of the clean text; `done` has one or more, in order.
    """
    first, last = document.row_of(done[0].start), document.row_of(done[-1].end)
    span = Span(document.row_starts[first], document.row_span(last).end)
    left = [site for site in sites if span.start <= site.start and site.end <= span.end]
    own = [edit for edit in done if edit not in left]
    code = span.of(document.text)
    updated = apply(code, [edit.shifted(-span.start) for edit in left])
    return RecentEdit(apply(code, [edit.shifted(-span.start) for edit in sorted([*left, *own])]), updated)


def unchanged(
    document: Document, cursor: int, recent: Sequence[RecentEdit], rng: random.Random, kind: str, compiles: bool
) -> Example | None:
    """Return the example whose answer is the region as it is, with the cursor where it was."""
    region = document.region(cursor)
    code, at = region.of(document.text), cursor - region.start
    if len(code) > MAX_REGION_CHARACTERS or not code.strip():
        return None
    around = context(document, region, rng)
    prompt = Prompt(code, at, around.above, around.below, tuple(recent))
    return Example(prompt, Response(code, at), kind, compiles)


def context(document: Document, region: Span, rng: random.Random) -> Context:
    """Return the code above and below as the runtime would show it, for a budget drawn at random."""
    return file_context(document.text, region, rng.choice(BUDGETS_TOKENS), about_tokens)


def about_tokens(text: str) -> int:
    """Return roughly how many tokens `text` has; contexts of training examples vary in length anyway."""
    return len(text) // _CHARACTERS_PER_TOKEN + 1


def random_line(document: Document, rng: random.Random) -> Span | None:
    """Return the span of a line that has code on it."""
    candidates = document.rows_of_code
    return document.row_span(rng.choice(candidates)) if candidates else None


def mentioned(text: str) -> set[str]:
    """Return the words of `text`, names and numbers among them."""
    return set(_NAME.findall(text))


def indent(line: str) -> int:
    """Return how many blanks `line` begins with."""
    return len(line) - len(line.lstrip())


def _inferred(document: Document, hole: Span) -> str:
    """Return the intent of the code that `hole` removes at least two thirds of."""
    for where, intent in document.intents:
        shared = min(where.end, hole.end) - max(where.start, hole.start)
        if shared * 3 >= (where.end - where.start) * 2:
            return intent
    return ""


def _cut_after(document: Document, offset: int) -> Document:
    """Return the document up to the end of the line of `offset`."""
    end = document.text.find("\n", offset)
    end = len(document.text) if end < 0 else end
    cells = tuple(Span(cell.start, min(cell.end, end)) for cell in document.cells if cell.start <= offset)
    return replace(document, text=document.text[:end], cells=cells)
