"""A name has been changed at its definition, and the other uses are to follow."""

from __future__ import annotations

import io
import keyword
import random
import re
import tokenize

from tabtab_local.edits import Edit, apply, line_span, position_of
from tabtab_local.prompt import Prompt, RecentEdit, Response
from training.data.corruption.example import MAX_REGION_CHARACTERS, Example, context
from training.data.corruption.scope import f_string_code
from training.data.document import Document

_BOUND = re.compile(rf"^[ \t]*((?!(?:{'|'.join(keyword.kwlist)})\b)[a-z_]\w*) = ", re.MULTILINE)

_NEW_WORDS = ("new", "raw", "values", "result", "current", "data", "output", "source", "clean", "first", "entries")


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
    found = uses_in_text(document.text, old)
    uses = [use - region.start for use in found if bound[old] < use < region.end]
    new = rng.choice([f"{old}_{rng.choice(_NEW_WORDS)}", f"{rng.choice(_NEW_WORDS)}_{old}", rng.choice(_NEW_WORDS)])
    if not uses or len(code) > MAX_REGION_CHARACTERS or re.search(rf"\b{new}\b", document.text):
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
    around = context(document, region, rng)
    prompt = Prompt(before, first + len(new), around.above, around.below, (recent,))
    return Example(prompt, Response(after, cursor), "rename", document.tree is not None)


def uses_in_text(text: str, name: str) -> list[int]:
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
    return f_string_code(string) if "f" in re.split("[\"']", string)[0].lower() else " " * len(string)
