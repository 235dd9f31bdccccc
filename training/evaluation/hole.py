"""Which piece of a solution is taken out: four levels of difficulty.

- `span`: a run of one to six tokens inside a line, not all of them brackets, operators or keywords.
- `line`: a statement that is one line.
- `lines`: two to four lines of whole statements beside each other.
- `block`: the body of a function, loop or condition, of at least two lines.

Candidates are listed by structure alone (tokens, statements, lines), never by the length of names, so that a program
and its renamed twin offer the same pieces in the same order. Pure.
"""

from __future__ import annotations

import ast
import io
import keyword
import random
import tokenize
from collections.abc import Callable, Iterator, Mapping

from tabtab_local.edits import Position, Span, offset_of

LINES, BLOCK_LINES, SPAN_TOKENS = range(2, 5), range(2, 17), range(1, 7)

_LAYOUT = {tokenize.NEWLINE, tokenize.NL, tokenize.INDENT, tokenize.DEDENT, tokenize.ENDMARKER, tokenize.COMMENT}


def holes(code: str, level: str, rng: random.Random) -> list[Span]:
    """Return the pieces of `level` in a random order; none where the code has none. `code` has to parse."""
    found = list(LEVELS[level](code))
    rng.shuffle(found)
    return found


def _spans(code: str) -> Iterator[Span]:
    rows: dict[int, list[tokenize.TokenInfo]] = {}
    for token in tokenize.generate_tokens(io.StringIO(code).readline):
        if token.type not in _LAYOUT and token.start[0] == token.end[0]:
            rows.setdefault(token.start[0], []).append(token)
    for tokens in rows.values():
        for count in SPAN_TOKENS:
            # Not the whole line: that is another level.
            for first in range(len(tokens) - count + 1 if count < len(tokens) else 0):
                run = tokens[first : first + count]
                if any(map(_says_something, run)):
                    yield Span(_offset(code, *run[0].start), _offset(code, *run[-1].end))


def _single_lines(code: str) -> Iterator[Span]:
    for body in _bodies(ast.parse(code)):
        for statement in body:
            if statement.lineno == statement.end_lineno and not _is_docstring(statement):
                yield _whole(code, [statement])


def _several_lines(code: str) -> Iterator[Span]:
    for body in _bodies(ast.parse(code)):
        for first in range(len(body)):
            for last in range(first, len(body)):
                run = body[first : last + 1]
                whole_body = first == 0 and last == len(body) - 1
                if not whole_body and _height(run) in LINES and not any(map(_is_docstring, run)):
                    yield _whole(code, run)


def _blocks(code: str) -> Iterator[Span]:
    tree = ast.parse(code)
    for body in _bodies(tree):
        statements = body[1:] if _is_docstring(body[0]) else body
        on_its_own_lines = body is not tree.body and statements and _starts_line(code, statements[0])
        if on_its_own_lines and _height(statements) in BLOCK_LINES:
            yield _whole(code, statements)


LEVELS: Mapping[str, Callable[[str], Iterator[Span]]] = {
    "span": _spans,
    "line": _single_lines,
    "lines": _several_lines,
    "block": _blocks,
}


def _bodies(tree: ast.Module) -> Iterator[list[ast.stmt]]:
    """Yield every list of statements that stand beside each other."""
    for node in ast.walk(tree):
        for name in ("body", "orelse", "finalbody"):
            body = getattr(node, name, None)
            if isinstance(body, list) and body:
                yield body


def _whole(code: str, statements: list[ast.stmt]) -> Span:
    """Return the span of statements beside each other, from the first one's code to the last one's end."""
    first, last = statements[0], statements[-1]
    decorators = getattr(first, "decorator_list", [])
    start = min([first, *decorators], key=lambda node: node.lineno)
    column = start.col_offset - (1 if start is not first else 0)
    return Span(
        _byte_offset(code, start.lineno, column), _byte_offset(code, last.end_lineno or 0, last.end_col_offset or 0)
    )


def _height(statements: list[ast.stmt]) -> int:
    return (statements[-1].end_lineno or 0) - statements[0].lineno + 1


def _starts_line(code: str, statement: ast.stmt) -> bool:
    return not code.split("\n")[statement.lineno - 1].encode()[: statement.col_offset].strip()


def _says_something(token: tokenize.TokenInfo) -> bool:
    return token.type in (tokenize.NUMBER, tokenize.STRING) or (
        token.type == tokenize.NAME and not keyword.iskeyword(token.string)
    )


def _is_docstring(statement: ast.stmt) -> bool:
    return isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant)


def _offset(code: str, line: int, column: int) -> int:
    return offset_of(code, Position(line, column + 1))


def _byte_offset(code: str, line: int, column_bytes: int) -> int:
    row = code.split("\n")[line - 1]
    return _offset(code, line, len(row.encode()[:column_bytes].decode()))
