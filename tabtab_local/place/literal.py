"""Where Python code is not code: strings and comments; and the expressions that stand inside f-strings.

Knows the lexical rules of strings up to Python 3.14 and nothing of syntax, so it reads half-typed code as well: a
string that nothing closes ends with its line, one in triple quotes with the text. Pure.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

from tabtab_local.edits import Span

_LITERAL = re.compile(
    r"#[^\n]*|(?:(?<!\w)(?P<prefix>(?i:[rbuft]|rb|br|rf|fr|rt|tr)))?(?P<quote>'''|\"\"\"|'|\")",
)
_REST = {
    "'": re.compile(r"(?:[^'\\\n]|\\.)*+'?", re.DOTALL),
    '"': re.compile(r'(?:[^"\\\n]|\\.)*+"?', re.DOTALL),
    "'''": re.compile(r"(?:[^'\\]|\\.|'(?!''))*+(?:''')?", re.DOTALL),
    '"""': re.compile(r'(?:[^"\\]|\\.|"(?!""))*+(?:""")?', re.DOTALL),
}

# What matters in the text of an f-string, in an expression inside it, and in the format behind that.
_TEXT = re.compile(r"\\N\{[^{}\n]*\}|\\[^{}]|\{\{|\}\}|\{|'''|\"\"\"|['\"\n]", re.DOTALL)
_RAW_TEXT = re.compile(r"\\[^{}]|\{\{|\}\}|\{|'''|\"\"\"|['\"\n]", re.DOTALL)
_CODE = re.compile(_LITERAL.pattern + r"|[()\[\]{}:\n]|!(?!=)")
_FORMAT = re.compile(r"[{}'\"\n]")
_DEBUG = re.compile(r"(?<![=!<>])=\s*$")

# F-strings inside f-strings: deeper ones are read as plain strings.
_MAX_DEPTH = 12


@dataclass(frozen=True)
class Literal:
    """A string or comment, and the expressions inside it if it is an f-string."""

    span: Span
    fields: tuple[Span, ...] = ()


def literals(text: str, start: int = 0, end: int | None = None) -> Iterator[Literal]:
    """Yield the strings and comments of a piece of code, in order."""
    end = len(text) if end is None else end
    while (match := _LITERAL.search(text, start, end)) is not None:
        fields: list[Span] = []
        start = _end(text, match, end, fields, 0)
        yield Literal(Span(match.start(), start), tuple(fields))


# The code around an edit is asked for more than once.
@lru_cache(maxsize=8)
def code_only(text: str) -> str:
    """Return `text` with blanks for all characters of strings and comments but for expressions in f-strings.

    Example: 'print(f"total {a:d}", "a")  # a' → 'print(         a       ,    )     '
    """
    return _code_only(text, 0, len(text), 0)


def _code_only(text: str, start: int, end: int, depth: int) -> str:
    parts: list[str] = []
    for literal in literals(text, start, end):
        parts.append(text[start : literal.span.start])
        start = literal.span.start
        for field in literal.fields if depth < _MAX_DEPTH else ():
            parts += (_blank(text[start : field.start]), _code_only(text, field.start, field.end, depth + 1))
            start = field.end
        parts.append(_blank(text[start : literal.span.end]))
        start = literal.span.end
    return "".join([*parts, text[start:end]])


def _blank(text: str) -> str:
    return "\n".join(" " * len(line) for line in text.split("\n"))


def _end(text: str, match: re.Match[str], end: int, fields: list[Span], depth: int) -> int:
    """Return where the literal ends that `match` begins, and add the expressions inside it to `fields`."""
    quote, prefix = match["quote"], (match["prefix"] or "").lower()
    if not quote:
        return match.end()
    if not {"f", "t"} & set(prefix) or depth > _MAX_DEPTH:
        rest = _REST[quote].match(text, match.end(), end)
        return rest.end() if rest else end
    return _f_string_end(text, match.end(), end, quote, fields, depth, raw="r" in prefix)


def _f_string_end(text: str, at: int, end: int, quote: str, fields: list[Span], depth: int, *, raw: bool) -> int:
    """Return where the f-string ends whose text begins at `at`."""
    pattern = _RAW_TEXT if raw else _TEXT
    while (match := pattern.search(text, at, end)) is not None:
        if match[0].startswith(quote):
            return match.start() + len(quote)
        if match[0] == "\n" and len(quote) == 1:
            return match.start()
        at = match.end()
        if match[0] == "{":
            at = _field_end(text, at, end, quote, fields, depth)
    return end


def _field_end(text: str, at: int, end: int, quote: str, fields: list[Span], depth: int) -> int:
    """Return where the field of an f-string ends whose expression begins at `at`; one that is not closed is no field.

    A quote like the one around the f-string begins a string, as from Python 3.12 on; before, it cannot stand there.
    """
    start, brackets = at, 0
    while (match := _CODE.search(text, at, end)) is not None:
        at, token = match.end(), match[0]
        if match["quote"] or token.startswith("#"):
            at = _end(text, match, end, [], depth + 1)
        elif token == "\n" and len(quote) == 1:
            return match.start()
        elif token in "([{":
            brackets += 1
        elif brackets and token in ")]}":
            brackets -= 1
        elif not brackets and token in "}:!":
            code = text[start : match.start()]
            debug = _DEBUG.search(code)
            fields.append(Span(start, start + (debug.start() if debug else len(code))))
            return at if token == "}" else _format_end(text, at, end, quote, fields, depth)
    return end


def _format_end(text: str, at: int, end: int, quote: str, fields: list[Span], depth: int) -> int:
    """Return where a field ends of which the conversion or the format begins at `at`."""
    while depth <= _MAX_DEPTH and (match := _FORMAT.search(text, at, end)) is not None:
        if match[0] == "}":
            return match.end()
        at = match.end()
        if match[0] == "{":
            at = _field_end(text, at, end, quote, fields, depth + 1)
        elif (match[0] == "\n" and len(quote) == 1) or text.startswith(quote, match.start()):
            return match.start()
    return end
