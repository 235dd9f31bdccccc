"""Python code as top-level pieces, each parsed by itself, so that half-typed code spoils only the piece it stands in.

A piece is a top-level statement with its decorators, in the rows where it stands. What does not parse is mended: rows
are set aside until the rest parses. Knows nothing of names. Pure.
"""

from __future__ import annotations

import ast
import re
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import accumulate, pairwise

from tabtab_local.edits import Span

# Each attempt parses the whole piece.
_MAX_BROKEN_ROWS = 8

_START = re.compile(r"^(?![\s)\]}\\]|(?:else|elif|except|finally)\b)", re.MULTILINE)
_HEAD = re.compile(r"(?P<indent>[ \t]*)(?:async[ \t]+)?(?P<word>def|class|[a-z]*)")


@dataclass(frozen=True, eq=False)
class Piece:
    """A part of the code: its tree, None where it cannot be parsed, and the rows that had to be set aside for that."""

    span: Span
    tree: ast.Module | None
    lines: tuple[str, ...]
    starts: tuple[int, ...]
    broken: frozenset[int] = frozenset()

    def offset(self, row: int, column: int) -> int:
        """Return the place in the code of a tree's 1-based line and its column, which counts bytes of UTF-8."""
        line = self.lines[row - 1]
        characters = column if line.isascii() else len(line.encode()[:column].decode(errors="ignore"))
        return self.starts[row - 1] + characters


def spans(clean: str) -> Iterator[Span]:
    """Yield where the top-level statements of a code stand. `clean` is that code without strings and comments."""
    starts: list[int] = []
    decorated = False
    for match in _START.finditer(clean):
        if not decorated and match.start() < len(clean):
            starts.append(match.start())
        decorated = clean.startswith("@", match.start())
    for start, end in pairwise([*starts, len(clean)]):
        yield Span(start, end)


def piece(code: str, span: Span) -> Piece:
    """Return what stands at `span` of the code, parsed as far as possible."""
    lines = span.of(code).split("\n")
    starts = tuple(accumulate((len(line) + 1 for line in lines[:-1]), initial=span.start))
    mended = list(lines)
    broken: set[int] = set()
    while len(broken) <= _MAX_BROKEN_ROWS:
        parsed = _parsed("\n".join(mended))
        if isinstance(parsed, ast.Module):
            return Piece(span, parsed, tuple(mended), starts, frozenset(broken))
        named = -1 if parsed is None else min((parsed.lineno or len(lines)) - 1, len(lines) - 1)
        row = next((r for r in range(named, -1, -1) if r not in broken and mended[r].strip()), None)
        if row is None:
            break
        broken.add(row)
        mended[row] = _stand_in(lines, row)
    return Piece(span, None, tuple(lines), starts)


def expression(code: str, span: Span) -> Piece:
    """Return the expression at `span` of the code, as it stands in an f-string."""
    # In brackets, lines may break anywhere; the one before it takes the place of a character of the f-string.
    lines = f"({span.of(code)})".split("\n")
    starts = tuple(accumulate((len(line) + 1 for line in lines[:-1]), initial=span.start - 1))
    parsed = _parsed("\n".join(lines))
    return Piece(span, parsed if isinstance(parsed, ast.Module) else None, tuple(lines), starts)


def _stand_in(lines: list[str], row: int) -> str:
    """Return what takes the place of a broken row: the head of a block where lines that are deeper follow."""
    head = _HEAD.match(lines[row])
    indent, word = (head["indent"], head["word"]) if head else ("", "")
    following = next((line for line in lines[row + 1 :] if line.strip()), "")
    if len(following) - len(following.lstrip()) <= len(indent):
        return f"{indent}pass"
    return f"{indent}{ {'def': 'def _():', 'class': 'class _:'}.get(word, 'if 1:') }"


def _parsed(code: str) -> ast.Module | SyntaxError | None:
    """Return the tree of `code`, the error that says where it breaks, or None where Python cannot even say that."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return ast.parse(code)
        except SyntaxError as error:
            return error
        except (ValueError, RecursionError, MemoryError):
            return None
