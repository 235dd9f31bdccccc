"""Nothing is to be changed: the right answer is the region as it is, with the cursor where it was.

Silence is as much a thing to learn as an edit is, and there are several states in which it is right: code at rest, an
edit that has just been completed, in one place or in all of them, and code that was deleted on purpose.
"""

from __future__ import annotations

import ast
import random
import re
from collections.abc import Sequence

from tabtab_local.edits import Edit, Span
from tabtab_local.prompt import Prompt, RecentEdit, Response
from training.data.corruption.drift import comment_drift, stale_copy
from training.data.corruption.example import WORD, Corruption, Example, indent, mentioned, random_line, unchanged
from training.data.corruption.propagation import propagate_rename
from training.data.corruption.signature import signature
from training.data.corruption.syntax import argument, expression, statement
from training.data.corruption.unfinished import half_typed, line_tail, lines, span
from training.data.document import Document

# What may have been completed, and how often.
_COMPLETED: Sequence[tuple[Corruption, int]] = (
    (line_tail, 5),
    (half_typed, 3),
    (span, 2),
    (expression, 2),
    (argument, 2),
    (statement, 3),
    (lines, 2),
    (propagate_rename, 4),
    (signature, 3),
    (comment_drift, 1),
    (stale_copy, 1),
)


def no_edit(document: Document, rng: random.Random) -> Example | None:
    """Leave finished code as it is: the right answer is the same text with the cursor where it was."""
    line = random_line(document, rng)
    if line is None:
        return None
    words = [match.end() for match in WORD.finditer(line.of(document.text))]
    offset = line.end if rng.random() < 0.6 else line.start + rng.choice(words)
    return unchanged(document, offset, (), rng, "no_edit", document.tree is not None)


def no_edit_anywhere(document: Document, rng: random.Random) -> Example | None:
    """Leave code at rest with the cursor anywhere: in a word, at a line's start, between definitions, at the end.

    Not on the empty lines inside a block: there, something may be about to be written.
    """
    way = rng.random()
    line = random_line(document, rng)
    if line is None:
        return None
    if way < 0.4:
        offset = rng.randint(line.start, line.end)
    elif way < 0.6:
        offset = line.start + indent(line.of(document.text))
    elif way < 0.75:
        offset = line.start
    elif way < 0.85:
        offset = len(document.text.rstrip())
    else:
        gaps = [match.start() + 2 for match in re.finditer(r"\n\n\n", document.text)]
        offset = rng.choice(gaps) if gaps else line.end
    return unchanged(document, offset, (), rng, "no_edit_anywhere", document.tree is not None)


def no_edit_completed(document: Document, rng: random.Random) -> Example | None:
    """Leave code as it is after an edit that has brought it to where it should be, which the recent edits show.

    The edit is the answer to another corruption: what was typed or accepted a moment ago.
    """
    kinds, weights = zip(*_COMPLETED, strict=True)
    example = rng.choices(kinds, weights)[0](document, rng)
    # Code that stops in the middle of something is not to be left alone.
    if example is None or (document.tree is not None and not example.compiles):
        return None
    prompt, answer = example.prompt, example.response
    recent = (*prompt.recent_edits, _changed_lines(prompt.region, answer.region))[-3:]
    asked = Prompt(answer.region, answer.cursor, prompt.code_above, prompt.code_below, recent)
    return Example(asked, Response(answer.region, answer.cursor), "no_edit_completed", example.compiles)


def no_edit_deleted(document: Document, rng: random.Random) -> Example | None:
    """Leave code as it is after a statement was deleted that nothing else needs."""
    candidates = [
        body[index]
        for node in document.nodes
        for body in (getattr(node, "body", None),)
        if isinstance(body, list) and len(body) > 1
        for index in range(1, len(body))
        if not isinstance(body[index], ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef | ast.Return)
    ]
    rng.shuffle(candidates)
    for node in candidates[:4]:
        span = document.span(node)
        first, last = node.lineno - 1, (node.end_lineno or node.lineno) - 1
        start, end = document.row_starts[first], document.row_span(last).end
        whole = document.text[start:end].strip() == span.of(document.text)
        if not whole or not document.rows[first - 1].strip() or _is_needed(document, node, span):
            continue
        gone = Edit(start - 1, end, "")
        before = document.row_span(first - 1)
        recent = RecentEdit(document.text[before.start : end], before.of(document.text))
        left = document.edited([gone])
        made = unchanged(left, before.end, (recent,), rng, "no_edit_deleted", document.tree is not None)
        if made:
            return made
    return None


def _is_needed(document: Document, node: ast.stmt, span: Span) -> bool:
    """Return whether code below mentions a name that `node` binds."""
    names = {name.id for name in ast.walk(node) if isinstance(name, ast.Name) and isinstance(name.ctx, ast.Store)}
    names |= {name.attr for name in ast.walk(node) if isinstance(name, ast.Attribute)}
    if isinstance(node, ast.Import | ast.ImportFrom):
        names |= {(name.asname or name.name).split(".")[0] for name in node.names}
    return not names.isdisjoint(mentioned(document.text[span.end :]))


def _changed_lines(before: str, after: str) -> RecentEdit:
    """Return the lines that differ, with the line before them where there is nothing on one of the sides."""
    old, new = before.split("\n"), after.split("\n")
    first = 0
    while first < min(len(old), len(new)) and old[first] == new[first]:
        first += 1
    end = 0
    while end < min(len(old), len(new)) - first and old[-1 - end] == new[-1 - end]:
        end += 1
    if first and (first == len(old) - end or first == len(new) - end):
        first -= 1
    return RecentEdit("\n".join(old[first : len(old) - end]), "\n".join(new[first : len(new) - end]))
