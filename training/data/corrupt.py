"""Clean code → an edit to be made: the states in which people leave code while they write it.

Each corruption is a pure function of a document and a random generator. Most of them remove one piece (a *hole*), put
the cursor there and ask for it back; the region around the cursor is chosen as the runtime chooses it. `None` means
that the document has nothing that this corruption could work on.
"""

from __future__ import annotations

import ast
import io
import keyword
import random
import re
import tokenize
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from tabtab_local.edits import Edit, Span, apply, line_span, position_of
from tabtab_local.prompt import Prompt, RecentEdit, Response, clean_intent
from tabtab_local.region import Context, file_context
from training.data.document import Document

# Roughly; contexts of training examples vary in length anyway.
_CHARACTERS_PER_TOKEN = 3

# Larger holes cannot be answered from the context and only teach the model to invent.
_MAX_HOLE_CHARACTERS = 320
_MAX_REGION_CHARACTERS = 1400

_WORD = re.compile(r"\w+|[^\w\s]")
_BOUND = re.compile(rf"^[ \t]*((?!(?:{'|'.join(keyword.kwlist)})\b)[a-z_]\w*) = ", re.MULTILINE)


@dataclass(frozen=True)
class Example:
    """A question with its answer, and the name of the corruption that made it."""

    prompt: Prompt
    response: Response
    kind: str


Corruption = Callable[[Document, random.Random], Example | None]


def line_tail(document: Document, rng: random.Random) -> Example | None:
    """Remove the rest of a line from the middle of a word or after one: what typing looks like."""
    line = _random_line(document, rng)
    if line is None:
        return None
    code = line.of(document.text)
    points = [match.start() for match in _WORD.finditer(code)][1:] + [match.end() for match in _WORD.finditer(code)][
        :-1
    ]
    if rng.random() < 0.3:
        points = [
            match.end() + 1 for match in re.finditer(r"[=(,\[{:] ?(?=\S)|\b(?:return|in|import)\b", code)
        ] or points
    if rng.random() < 0.25:
        points = list(range(len(code) - len(code.lstrip()) + 1, len(code)))
    points = [point for point in points if 0 < point < len(code)]
    if not points:
        return None
    return _removed(document, Span(line.start + rng.choice(points), line.end), rng, "line_tail", ends_here=0.45)


def block_tail(document: Document, rng: random.Random) -> Example | None:
    """Remove the rest of a line and the lines after it that belong to the same block."""
    line = _random_line(document, rng)
    if line is None:
        return None
    code = line.of(document.text)
    point = rng.choice([match.end() for match in _WORD.finditer(code)])
    end = _block_end(document.text, line.end, _indent(code), rng.randint(1, 4))
    if end == line.end:
        return None
    return _removed(document, Span(line.start + point, end), rng, "block_tail", ends_here=0.5)


def span(document: Document, rng: random.Random) -> Example | None:
    """Remove a random run of words inside a line."""
    line = _random_line(document, rng)
    if line is None:
        return None
    words = list(_WORD.finditer(line.of(document.text)))
    first = rng.randrange(len(words))
    last = min(len(words) - 1, first + rng.randint(0, 5))
    hole = Span(line.start + words[first].start(), line.start + words[last].end())
    return _removed(document, hole, rng, "span")


def expression(document: Document, rng: random.Random) -> Example | None:
    """Remove one expression: an argument, a right-hand side, a condition, what is returned."""
    nodes = [node for node in ast.walk(_parse(document.text)) if isinstance(node, ast.expr) and node.end_lineno]
    holes = [_node_span(document.text, node) for node in nodes if isinstance(node, _REMOVABLE)]
    holes = [hole for hole in holes if 2 < hole.end - hole.start <= 120]
    return _removed(document, rng.choice(holes), rng, "expression") if holes else None


_REMOVABLE = (
    ast.Call,
    ast.Name,
    ast.Attribute,
    ast.BinOp,
    ast.Compare,
    ast.ListComp,
    ast.Subscript,
    ast.Constant,
    ast.BoolOp,
)


def lines(document: Document, rng: random.Random) -> Example | None:
    """Remove one to three whole lines; the cursor stands where the first began, often already indented."""
    line = _random_line(document, rng)
    if line is None:
        return None
    code = line.of(document.text)
    end = _block_end(document.text, line.end, _indent(code), rng.randint(0, 2))
    start = line.start + (_indent(code) if rng.random() < 0.8 else 0)
    return _removed(document, Span(start, end), rng, "lines", ends_here=0.4)


def step(document: Document, rng: random.Random) -> Example | None:
    """Remove everything that an intent stands for; the intent is given, or left as a comment, or to be inferred."""
    if not document.intents:
        return None
    where, intent = rng.choice(document.intents)
    way = rng.random()
    if way < 0.6:
        return _removed(document, where, rng, "step", ends_here=0.5, intent=intent)
    if way < 0.8:
        comment = f"# {intent[:1].lower()}{intent[1:]}\n"
        text = document.text[: where.start] + comment + document.text[where.start :]
        grown = tuple(
            Span(c.start + len(comment) * (c.start > where.start), c.end + len(comment) * (c.end > where.start))
            for c in document.cells
        )
        hole = Span(where.start + len(comment), where.end + len(comment))
        return _removed(Document(text, grown, ((hole, intent),)), hole, rng, "step", ends_here=0.5)
    head = re.match(r"[^\n(=]*[(=] ?", where.of(document.text))
    hole = Span(where.start + (head.end() if head else 0), where.end)
    return _removed(document, hole, rng, "step", ends_here=0.5)


def rename(document: Document, rng: random.Random) -> Example | None:
    """Rename a variable where it is first bound; its other uses in the region are to follow.

    The answer's cursor stands at the second of the places to edit, or after the only one.
    """
    bound: dict[str, int] = {}
    for match in _BOUND.finditer(document.text):
        bound.setdefault(match[1], match.start(1))
    if not bound:
        return None
    old = rng.choice(list(bound))
    region = document.region(bound[old])
    code, first = region.of(document.text), bound[old] - region.start
    uses = [use - region.start for use in _uses(document.text, old) if bound[old] < use < region.end]
    new = rng.choice([f"{old}_{rng.choice(_NEW_WORDS)}", f"{rng.choice(_NEW_WORDS)}_{old}", rng.choice(_NEW_WORDS)])
    if not uses or len(code) > _MAX_REGION_CHARACTERS or re.search(rf"\b{new}\b", document.text):
        return None
    renamed = [Edit(first, first + len(old), new)]
    before = apply(code, renamed)
    after = apply(code, renamed + [Edit(use, use + len(old), new) for use in uses])
    grown = len(new) - len(old)
    site = min(1, len(uses) - 1)
    cursor = uses[site] + (site + 1) * grown + (len(new) if len(uses) == 1 else 0)
    line = line_span(code, *[position_of(code, first).line] * 2)
    recent = RecentEdit(
        line.of(code), apply(line.of(code), [Edit(first - line.start, first - line.start + len(old), new)])
    )
    context = _context(document, region, rng)
    prompt = Prompt(before, first + len(new), context.above, context.below, (recent,))
    return Example(prompt, Response(after, cursor), "rename")


_NEW_WORDS = ("new", "raw", "values", "result", "current", "data", "output", "source", "clean", "first", "entries")


def no_edit(document: Document, rng: random.Random) -> Example | None:
    """Leave finished code as it is: the right answer is the same text with the cursor where it was."""
    line = _random_line(document, rng)
    if line is None:
        return None
    words = [match.end() for match in _WORD.finditer(line.of(document.text))]
    offset = line.end if rng.random() < 0.6 else line.start + rng.choice(words)
    region = document.region(offset)
    code = region.of(document.text)
    if len(code) > _MAX_REGION_CHARACTERS:
        return None
    cursor = offset - region.start
    context = _context(document, region, rng)
    return Example(Prompt(code, cursor, context.above, context.below), Response(code, cursor), "no_edit")


WEIGHTS: Mapping[Corruption, int] = {
    line_tail: 38,
    block_tail: 8,
    span: 8,
    expression: 12,
    lines: 11,
    step: 11,
    rename: 4,
    no_edit: 8,
}


def corrupt(document: Document, rng: random.Random, weights: Mapping[Corruption, int] = WEIGHTS) -> Example | None:
    """Return one example made of `document`, by a corruption drawn by weight."""
    kinds = list(weights)
    for _ in range(4):
        example = rng.choices(kinds, [weights[kind] for kind in kinds])[0](document, rng)
        if example:
            return example
    return None


def _removed(
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
    removed = hole.of(document.text)
    if not removed.strip() or len(removed) > _MAX_HOLE_CHARACTERS:
        return None
    if rng.random() < ends_here:
        document = _cut_after(document, hole.end)
    rest = document.without(hole)
    region = rest.region(hole.start)
    code, cursor = region.of(rest.text), hole.start - region.start
    if len(code) > _MAX_REGION_CHARACTERS:
        return None
    answer = code[:cursor] + removed + code[cursor:]
    context = _context(rest, region, rng)
    prompt = Prompt(code, cursor, context.above, context.below, intent=clean_intent(intent))
    said = clean_intent(intent or _inferred(document, hole))
    return Example(prompt, Response(answer, cursor + len(removed), said), kind)


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


def _context(document: Document, region: Span, rng: random.Random) -> Context:
    """Return the code above and below as the runtime would show it, for a budget drawn at random."""
    budget = rng.choice((60, 150, 300, 450))
    return file_context(document.text, region, budget, lambda text: len(text) // _CHARACTERS_PER_TOKEN + 1)


def _random_line(document: Document, rng: random.Random) -> Span | None:
    """Return the span of a line that has code on it."""
    rows = document.text.split("\n")
    candidates = [row for row, line in enumerate(rows) if len(line.strip()) > 2 and _WORD.search(line)]
    if not candidates:
        return None
    row = rng.choice(candidates)
    return line_span(document.text, row + 1, row + 1)


def _block_end(text: str, end: int, indent: int, more: int) -> int:
    """Return the end of up to `more` lines after `end` that are indented by at least `indent` and not blank."""
    for line in text[end + 1 :].split("\n")[:more]:
        if not line.strip() or _indent(line) < indent:
            break
        end += 1 + len(line)
    return end


def _indent(line: str) -> int:
    return len(line) - len(line.lstrip())


def _uses(text: str, name: str) -> list[int]:
    """Return where `text` uses the variable `name`: not as an attribute or keyword, in a string or in a comment."""
    kept = _code_only(text)
    found = re.finditer(rf"(?<![\w.]){name}\b(?!=(?!=))", kept)
    return [match.start() for match in found]


def _code_only(text: str) -> str:
    """Return `text` with the characters of strings and comments blanked out, but for expressions in f-strings."""
    starts = [0]
    for line in text.split("\n"):
        starts.append(starts[-1] + len(line) + 1)
    kept = list(text)
    try:
        for token in tokenize.generate_tokens(io.StringIO(text).readline):
            if token.type in _TEXT_TOKENS:
                start = starts[token.start[0] - 1] + token.start[1]
                blanked = _blank(token.string) if token.type == tokenize.STRING else " " * len(token.string)
                kept[start : start + len(blanked)] = blanked
    except (tokenize.TokenError, SyntaxError):
        return ""
    return "".join(kept)


# From Python 3.12 on, f-strings come as tokens of their own.
_TEXT_TOKENS = {tokenize.STRING, tokenize.COMMENT, getattr(tokenize, "FSTRING_MIDDLE", tokenize.STRING)}


def _blank(string: str) -> str:
    """Return a string's source with everything blanked but the expressions of an f-string."""
    if "f" not in re.split("[\"']", string)[0].lower():
        return " " * len(string)
    depth, quote, kept = 0, "", []
    for character in string:
        depth += (character == "{") - (character == "}")
        if depth > 0 and character in "\"'":
            quote = "" if quote else character
        kept.append(character if depth > 0 and not quote else " ")
    return "".join(kept)


def _parse(text: str) -> ast.AST:
    try:
        return ast.parse(text)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return ast.Module([], [])


def _node_span(text: str, node: ast.expr) -> Span:
    """Return the span of a syntax node, whose columns count UTF-8 bytes."""
    rows = text.split("\n")

    def offset(line: int, column_bytes: int) -> int:
        before = sum(len(row) + 1 for row in rows[: line - 1])
        return before + len(rows[line - 1].encode()[:column_bytes].decode(errors="ignore"))

    return Span(offset(node.lineno, node.col_offset), offset(node.end_lineno or node.lineno, node.end_col_offset or 0))
