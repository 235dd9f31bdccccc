"""One piece of the syntax tree is missing: an expression, argument, statement, block, import, decorator or docstring.

A piece is only taken where its absence shows: the cursor stands inside a line, on an empty line of its own, or behind
a header that has no body. The end of a finished line shows nothing, unless what follows needs a name that is gone.
"""

from __future__ import annotations

import ast
import random

from tabtab_local.edits import Span
from training.data.corruption.example import MAX_HOLE_CHARACTERS, Example, mentioned, removed
from training.data.document import Document

_EXPRESSIONS = (
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
_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)
_DEFINITIONS = (*_FUNCTIONS, ast.ClassDef)
_IMPORTS = (ast.Import, ast.ImportFrom)
_BLOCKS = (*_FUNCTIONS, ast.If, ast.For, ast.While, ast.With, ast.AsyncFor, ast.AsyncWith, ast.Try, ast.ExceptHandler)
_MAX_BLOCK_LINES = 8

# How far below a name that is gone is looked for.
_NEAR_CHARACTERS = 400
_MAX_DOCSTRING_CHARACTERS = 160


def expression(document: Document, rng: random.Random) -> Example | None:
    """Remove one expression: an argument, a right-hand side, a condition, what is returned."""
    if document.tree is None:
        return None
    holes = [document.span(node) for node in ast.walk(document.tree) if isinstance(node, _EXPRESSIONS)]
    holes = [hole for hole in holes if 2 < hole.end - hole.start <= 120]
    return removed(document, rng.choice(holes), rng, "expression") if holes else None


def argument(document: Document, rng: random.Random) -> Example | None:
    """Remove one argument of a call, and the comma before it, or the one behind it where it is the first."""
    calls = [node for node in document.nodes if isinstance(node, ast.Call) and (node.args or node.keywords)]
    if not calls:
        return None
    hole = argument_hole(document, (call := rng.choice(calls)), rng.randrange(len(call.args) + len(call.keywords)))
    return removed(document, hole, rng, "argument") if hole else None


def argument_hole(document: Document, call: ast.Call, index: int) -> Span | None:
    """Return the span to remove so that argument `index` of a call is gone, or `None` where it is set in parentheses.

    Arguments are counted as they are written, keywords after the others.
    """
    spans = sorted(document.span(node) for node in [*call.args, *call.keywords])
    text, own = document.text, spans[index]
    closing = document.span(call).end - 1
    before = text[spans[index - 1].end if index else document.span(call.func).end : own.start].strip()
    behind = text[own.end : spans[index + 1].start if index + 1 < len(spans) else closing].strip()
    if before != ("," if index else "(") or behind not in ("", ",") or text[closing : closing + 1] != ")":
        return None
    if index:
        return Span(spans[index - 1].end, own.end)
    return Span(own.start, spans[1].start) if len(spans) > 1 else own


def statement(document: Document, rng: random.Random) -> Example | None:
    """Remove one whole statement, of one line or several.

    The cursor stands on its empty line, indented or not. Where the code below needs what the statement binds, the
    line may be gone altogether, with the cursor at the end of the one before.
    """
    nodes = [node for node in document.nodes if isinstance(node, ast.stmt) and not isinstance(node, _DEFINITIONS)]
    nodes = [node for node in nodes if not isinstance(node, _IMPORTS) and not _is_docstring(node)]
    if not nodes:
        return None
    node = rng.choice(nodes)
    hole = document.span(node)
    line = document.row_span(node.lineno - 1)
    if hole.end - hole.start > MAX_HOLE_CHARACTERS or document.text[line.start : hole.start].strip():
        return None
    way = rng.random()
    if way < 0.3 and node.lineno > 1 and document.rows[node.lineno - 2].strip() and _is_needed(document, node, hole):
        hole = Span(line.start - 1, hole.end)
    elif way < 0.5:
        hole = Span(line.start, hole.end)
    return removed(document, hole, rng, "statement", ends_here=0.2)


def block(document: Document, rng: random.Random) -> Example | None:
    """Remove the body of a function, loop, condition or the like; its docstring stays, and all that follows it."""
    nodes = [node for node in document.nodes if isinstance(node, _BLOCKS)]
    if not nodes:
        return None
    node = rng.choice(nodes)
    bodies = [getattr(node, name, []) for name in ("body", "orelse", "finalbody")]
    body = rng.choice([body for body in bodies if body])
    body = body[1:] if isinstance(node, _FUNCTIONS) and body is node.body and _is_docstring(body[0]) else body
    if not body or (body[-1].end_lineno or 0) - body[0].lineno >= _MAX_BLOCK_LINES:
        return None
    start, end = document.span(body[0]).start, document.span(body[-1]).end
    line = document.row_span(body[0].lineno - 1)
    decorated = isinstance(body[0], _DEFINITIONS) and body[0].decorator_list
    if decorated or document.text[line.start : start].strip():
        return None
    way = rng.random()
    if way < 0.4 and document.rows[body[0].lineno - 2].rstrip().endswith(":"):
        start = line.start - 1
    elif way < 0.5:
        start = line.start
    return removed(document, Span(start, end), rng, "block", ends_here=0.4)


def import_line(document: Document, rng: random.Random) -> Example | None:
    """Remove an import, or one name of it, that the code below uses; the cursor stands where it was."""
    nodes = [node for node in document.nodes if isinstance(node, _IMPORTS)]
    if not nodes:
        return None
    node = rng.choice(nodes)
    own = document.span(node)
    bound = [(name.asname or name.name).split(".")[0] for name in node.names]
    if len(node.names) > 1 and rng.random() < 0.4:
        index = rng.randrange(1, len(node.names))
        hole = Span(document.span(node.names[index - 1]).end, document.span(node.names[index]).end)
        bound = [bound[index]]
    elif document.text[own.end : own.end + 1] == "\n" and own.start and rng.random() < 0.5:
        # The line is gone: the cursor stands before what followed it.
        hole = Span(own.start, own.end + 1)
    else:
        hole = own
    if mentioned(document.text[hole.end :]).isdisjoint(bound):
        return None
    return removed(document, hole, rng, "import_line")


def decorator(document: Document, rng: random.Random) -> Example | None:
    """Remove a decorator that the rest tells of: another one like it, or what it decorates."""
    pairs = [(node, name) for node in document.nodes if isinstance(node, _DEFINITIONS) for name in node.decorator_list]
    if not pairs:
        return None
    node, name = rng.choice(pairs)
    own = document.span(name)
    line = document.row_span(name.lineno - 1)
    text = own.of(document.text)
    if document.text[line.start : own.start].strip() != "@":
        return None
    # After the sign, or where it would stand, or at the start of the line.
    hole = Span(rng.choice((own.start, own.start - 1, line.start)), own.end)
    made = removed(document, hole, rng, "decorator")
    if made is None or (not _implied(node, text) and f"@{text}" not in shown(made)):
        return None
    return made


def docstring(document: Document, rng: random.Random) -> Example | None:
    """Remove a docstring; the cursor stands on its empty line, or behind the quotes that open it."""
    nodes = [node.body[0] for node in document.nodes if isinstance(node, _DEFINITIONS) and _is_docstring(node.body[0])]
    if not nodes:
        return None
    hole = document.span(rng.choice(nodes))
    if hole.end - hole.start > _MAX_DOCSTRING_CHARACTERS:
        return None
    if rng.random() < 0.5 and hole.of(document.text).startswith('"""'):
        hole = Span(hole.start + 3, hole.end)
    return removed(document, hole, rng, "docstring")


def shown(example: Example) -> str:
    """Return all the code that the prompt shows."""
    prompt = example.prompt
    edits = [text for edit in prompt.recent_edits for text in (edit.original, edit.updated)]
    return "\n".join([prompt.code_above, prompt.region, prompt.code_below, *edits])


def _is_docstring(node: ast.AST) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)


def _is_needed(document: Document, node: ast.stmt, hole: Span) -> bool:
    """Return whether the next lines use a name that the statement binds and nothing before it does."""
    names = {name.id for name in ast.walk(node) if isinstance(name, ast.Name) and isinstance(name.ctx, ast.Store)}
    below = mentioned(document.text[hole.end : hole.end + _NEAR_CHARACTERS])
    return bool(names & below - mentioned(document.text[: hole.start]))


def _implied(node: ast.AST, text: str) -> bool:
    """Return whether what is decorated says which decorator it needs."""
    if isinstance(node, ast.ClassDef):
        return text == "dataclass" and all(isinstance(one, ast.AnnAssign) or _is_docstring(one) for one in node.body)
    if not isinstance(node, _FUNCTIONS):
        return False
    names = [argument.arg for argument in node.args.posonlyargs + node.args.args]
    if text == "classmethod":
        return names[:1] == ["cls"]
    if text == "staticmethod":
        return names[:1] not in (["self"], ["cls"])
    return text == "property" and names == ["self"] and not node.name.startswith(("get", "set", "is_", "__"))
