"""Which places of a word in Python code are of one and the same variable.

Python's scopes say whose a name is; inside a scope the places hang together that one value can reach, so that the `i`
of one loop is not the `i` of the next. Values are followed through branches, loops and exceptions; what an inner
function reads may be any value of the name. Attributes and calls are noted beside names. Code is never run. It may be
half typed: see `piece.py`; in rows that do not parse, words are taken for what they look like. Pure.

Reads the top-level statements that hold the word, the nearest first, up to a bounded amount of code.
"""

from __future__ import annotations

import ast
import re
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from itertools import accumulate

from tabtab_local.edits import Span
from tabtab_local.place.literal import code_only, literals
from tabtab_local.place.loose import may_be_its_own, word_pattern, words_in
from tabtab_local.place.piece import Piece, expression, piece, spans
from tabtab_local.place.scope import Call, Reference, Scope, Survey
from tabtab_local.place.variable import Values, Variables, merged

# Parsed and walked through in about half a second.
_MAX_CHARACTERS = 200_000
_MAX_STATEMENTS = 500

# The body of a loop is read twice, so that what its end leaves is seen at its beginning; deeper loops are not.
_MAX_LOOPS = 4

_Function = ast.FunctionDef | ast.AsyncFunctionDef
_Comprehension = ast.ListComp | ast.SetComp | ast.DictComp | ast.GeneratorExp


def survey(code: str, word: str, near: int = 0, clean: str | None = None) -> Survey:
    """Return what there is of `word` in `code`; where that is a lot, what stands around the offset `near`.

    `clean` is the code without strings and comments, as `code_only` gives it, where that is known already.
    """
    found = Survey(word, Scope("module"))
    if re.search(word_pattern(word), code):
        _Walk(code, code_only(code) if clean is None else clean, found).run(near)
    return found


def _holding(clean: str, word: str, near: int) -> list[Span]:
    """Return the top-level statements with the word in them, as many around `near` as there is room for."""
    places = [match.start() for match in re.finditer(word_pattern(word), clean)]
    holding = [
        span
        for span in spans(clean)
        if (index := bisect_left(places, span.start)) < len(places) and places[index] < span.end
    ]
    nearest = sorted(holding, key=lambda span: max(span.start - near, near - span.end))[:_MAX_STATEMENTS]
    sizes = accumulate(span.end - span.start for span in nearest)
    return sorted(span for span, size in zip(nearest, sizes, strict=True) if size <= _MAX_CHARACTERS)


class _Walk:
    """Two walks over the trees: the first notes which scopes bind the word, the second who reads whose value."""

    def __init__(self, code: str, clean: str, found: Survey) -> None:
        self._code, self._clean, self._word, self._found = code, clean, found.word, found
        self._scopes: dict[ast.AST, Scope] = {}
        self._fields: dict[Span, Piece] = {}
        self._variables = Variables(code, found)
        self._left: list[list[Values]] = []
        self._rows: list[int] = []
        self._piece = Piece(Span(0, 0), None, (), ())

    def run(self, near: int) -> None:
        """Fill the survey."""
        module = self._found.module
        pieces = [piece(self._code, span) for span in _holding(self._clean, self._word, near)]
        for self._variables.is_first in (True, False):
            for one in pieces:
                with self._in(one):
                    self._top(one, module)
        self._variables.finish()

    def _top(self, one: Piece, module: Scope) -> None:
        if one.tree is None:
            if not may_be_its_own(one.span.of(self._clean), self._word):
                for row in range(len(one.lines)):
                    self._loose(row, module)
            return
        before = dict(self._variables.values)
        try:
            self._all(one.tree.body, module)
        except RecursionError:
            # A sum of a thousand terms: nobody reads it either.
            self._variables.values, self._left = before, []

    @contextmanager
    def _in(self, one: Piece) -> Iterator[None]:
        """Read the trees of this piece for a while."""
        before = self._piece, self._rows
        # Where a loop may be left counts as well.
        pattern = re.compile(rf"{word_pattern(self._word)}|\b(?:break|continue)\b")
        rows = {row for row, line in enumerate(one.lines, start=1) if pattern.search(line)}
        self._piece, self._rows = one, sorted(rows | {row + 1 for row in one.broken})
        yield
        self._piece, self._rows = before

    def _start(self, node: ast.AST) -> int:
        return self._piece.offset(node.lineno, node.col_offset)  # type: ignore[attr-defined]

    def _end(self, node: ast.AST) -> int:
        return self._piece.offset(node.end_lineno, node.end_col_offset)  # type: ignore[attr-defined]

    def _find(self, start: int, end: int) -> int:
        """Return where the word stands first between two places; the end of the code where it does not."""
        match = re.compile(word_pattern(self._word)).search(self._clean, start, end)
        return match.start() if match else len(self._code)

    # The walk, in the order in which code runs.

    def _all(self, nodes: Iterable[ast.AST | None], scope: Scope) -> None:
        for node in nodes:
            if node is not None:
                self._visit(node, scope)

    def _visit(self, node: ast.AST, scope: Scope) -> None:
        if isinstance(node, ast.stmt) and node.lineno - 1 in self._piece.broken:
            self._loose(node.lineno - 1, scope)
        if isinstance(node, ast.Return | ast.Raise | ast.Break | ast.Continue):
            self._all(ast.iter_child_nodes(node), scope)
            if isinstance(node, ast.Break | ast.Continue) and self._left:
                self._left[-1].append(self._variables.values)
            self._variables.values = {}
        elif self._concerns(node):
            step = getattr(self, f"_visit_{type(node).__name__}", None)
            if step is not None:
                step(node, scope)
            else:
                self._all(ast.iter_child_nodes(node), scope)

    def _concerns(self, node: ast.AST) -> bool:
        """Return whether anything that matters stands in the rows of a node."""
        first, last = getattr(node, "lineno", None), getattr(node, "end_lineno", None)
        if first is None or last is None:
            return True
        decorators = getattr(node, "decorator_list", None)
        first = min(first, decorators[0].lineno) if decorators else first
        index = bisect_left(self._rows, first)
        return index < len(self._rows) and self._rows[index] <= last

    def _scope(self, node: ast.AST, kind: str, parent: Scope, name: str = "") -> Scope:
        return self._scopes.setdefault(node, Scope(kind, parent, name))

    def _visit_Name(self, node: ast.Name, scope: Scope) -> None:
        if node.id != self._word:
            return
        start = self._start(node)
        if isinstance(node.ctx, ast.Store):
            self._variables.bind(start, scope, node)
            return
        self._variables.read(start, scope, node)
        if isinstance(node.ctx, ast.Del):
            # To Python, what deletes a name binds it.
            scope.binds = scope.binds or not scope.declared
            self._variables.forget(scope)

    def _visit_Attribute(self, node: ast.Attribute, scope: Scope) -> None:
        self._visit(node.value, scope)
        start = self._end(node) - len(node.attr)
        if node.attr == self._word and self._code.startswith(self._word, start):
            base = node.value.id if isinstance(node.value, ast.Name) else ""
            binds = isinstance(node.ctx, ast.Store)
            self._found.attributes[start] = Reference(start, scope, node, binds, base, self._start(node.value))

    def _visit_Call(self, node: ast.Call, scope: Scope) -> None:
        self._all(ast.iter_child_nodes(node), scope)
        func = node.func
        if self._word not in (getattr(func, "id", ""), getattr(func, "attr", "")):
            return
        given = [*node.args, *node.keywords]
        end = self._end(node)
        opened = self._code.find("(", self._end(func), end) + 1
        named = tuple((one.arg, self._start(one)) for one in node.keywords if one.arg)
        self._found.calls[self._end(func) - len(self._word)] = Call(
            span=Span(self._start(node), end),
            passed=len(node.args),
            named=named,
            unpacks=len(named) < len(node.keywords) or any(isinstance(one, ast.Starred) for one in node.args),
            inside=min(end - 1, max((self._end(one) for one in given), default=opened)),
        )

    def _visit_JoinedStr(self, node: ast.AST, scope: Scope) -> None:
        """Read the expressions of an f-string from the text: before Python 3.12 the tree has them in wrong places."""
        for literal in literals(self._code, self._start(node), self._end(node)):
            for span in literal.fields:
                if span not in self._fields:
                    self._fields[span] = expression(self._code, span)
                one = self._fields[span]
                if one.tree is not None:
                    with self._in(one):
                        self._all(one.tree.body, scope)

    _visit_TemplateStr = _visit_JoinedStr

    def _visit_Assign(self, node: ast.Assign, scope: Scope) -> None:
        self._all([node.value, *node.targets], scope)

    def _visit_AugAssign(self, node: ast.AugAssign, scope: Scope) -> None:
        self._visit(node.value, scope)
        if isinstance(node.target, ast.Name) and node.target.id == self._word:
            self._variables.read(self._start(node.target), scope, node.target)
            self._variables.bind(self._start(node.target), scope, node)
        else:
            self._visit(node.target, scope)

    def _visit_AnnAssign(self, node: ast.AnnAssign, scope: Scope) -> None:
        self._all([node.annotation, node.value], scope)
        if isinstance(node.target, ast.Name) and node.target.id == self._word:
            self._variables.bind(self._start(node.target), scope, node, sure=node.value is not None)
        else:
            self._visit(node.target, scope)

    def _visit_NamedExpr(self, node: ast.NamedExpr, scope: Scope) -> None:
        self._visit(node.value, scope)
        if node.target.id == self._word:
            # Behind an `and` it may not come to this.
            self._variables.bind(self._start(node.target), scope, node, sure=False)

    def _visit_alias(self, node: ast.alias, scope: Scope) -> None:
        if node.asname == self._word:
            self._variables.bind(self._end(node) - len(node.asname), scope, node)
        elif not node.asname and node.name.split(".")[0] == self._word:
            self._variables.bind(self._start(node), scope, node)

    def _visit_Global(self, node: ast.Global | ast.Nonlocal, scope: Scope) -> None:
        if self._word in node.names and scope.parent is not None:
            scope.declared = type(node).__name__.lower()
            self._variables.read(self._find(self._start(node), self._end(node)), scope, node)

    _visit_Nonlocal = _visit_Global

    def _visit_FunctionDef(self, node: _Function, scope: Scope) -> None:
        self._all(node.decorator_list, scope)
        self._outside(node.args, scope)
        self._all([node.returns], scope)
        self._header(node, scope)
        self._inner(node, node.body, self._scope(node, "function", scope, node.name))

    _visit_AsyncFunctionDef = _visit_FunctionDef

    def _visit_Lambda(self, node: ast.Lambda, scope: Scope) -> None:
        self._outside(node.args, scope)
        self._inner(node, [node.body], self._scope(node, "function", scope))

    def _outside(self, arguments: ast.arguments, scope: Scope) -> None:
        """Visit what of a function's parameters runs outside of it."""
        self._all([*arguments.defaults, *arguments.kw_defaults], scope)
        self._all((one.annotation for one in _parameters(arguments)), scope)

    def _inner(self, node: _Function | ast.Lambda, body: Sequence[ast.AST], inner: Scope) -> None:
        left, self._left = self._left, []
        with self._variables.apart():
            for one in _parameters(node.args):
                if one.arg == self._word:
                    self._variables.bind(self._start(one), inner, one)
            self._all(body, inner)
        self._left = left

    def _visit_ClassDef(self, node: ast.ClassDef, scope: Scope) -> None:
        self._all([*node.decorator_list, *node.bases, *node.keywords], scope)
        self._all(node.body, self._scope(node, "class", scope, node.name))
        self._header(node, scope)

    def _header(self, node: _Function | ast.ClassDef, scope: Scope) -> None:
        if node.name == self._word:
            # Behind `def` or `class`, which the word cannot be.
            self._variables.bind(self._find(self._start(node), self._end(node)), scope, node)

    def _visit_ListComp(self, node: _Comprehension, scope: Scope) -> None:
        inner = self._scope(node, "comprehension", scope)
        for index, one in enumerate(node.generators):
            self._visit(one.iter, inner if index else scope)
            self._all([one.target, *one.ifs], inner)
        self._all([node.key, node.value] if isinstance(node, ast.DictComp) else [node.elt], inner)

    _visit_SetComp = _visit_DictComp = _visit_GeneratorExp = _visit_ListComp

    def _visit_If(self, node: ast.If, scope: Scope) -> None:
        self._visit(node.test, scope)
        before = dict(self._variables.values)
        self._all(node.body, scope)
        after, self._variables.values = self._variables.values, before
        self._all(node.orelse, scope)
        self._variables.values = merged(after, self._variables.values)

    def _visit_For(self, node: ast.For | ast.AsyncFor | ast.While, scope: Scope) -> None:
        if not isinstance(node, ast.While):
            self._visit(node.iter, scope)
        before = dict(self._variables.values)
        for _ in range(1 if self._variables.is_first or len(self._left) >= _MAX_LOOPS else 2):
            self._left.append([])
            self._all([node.test if isinstance(node, ast.While) else node.target, *node.body], scope)
            self._variables.values = merged(before, self._variables.values, *self._left.pop())
        self._all(node.orelse, scope)

    _visit_AsyncFor = _visit_While = _visit_For

    def _visit_Try(self, node: ast.Try, scope: Scope) -> None:
        before = dict(self._variables.values)
        with self._variables.watched() as bound:
            self._all(node.body, scope)
        raised = merged(before, *bound)
        self._all(node.orelse, scope)
        after = [self._variables.values]
        for handler in node.handlers:
            self._variables.values = dict(raised)
            self._handler(handler, scope)
            after.append(self._variables.values)
        self._variables.values = merged(*after, *([raised] if node.finalbody else []))
        self._all(node.finalbody, scope)

    _visit_TryStar = _visit_Try

    def _handler(self, node: ast.ExceptHandler, scope: Scope) -> None:
        self._all([node.type], scope)
        if node.name != self._word:
            self._all(node.body, scope)
            return
        self._variables.bind(self._find(self._end(node.type or node), self._end(node)), scope, node)
        self._all(node.body, scope)
        # It is gone behind the handler.
        self._variables.forget(scope)

    def _visit_Match(self, node: ast.Match, scope: Scope) -> None:
        self._visit(node.subject, scope)
        before = self._variables.values
        after = [before]
        for case in node.cases:
            self._variables.values = dict(before)
            self._all([case.pattern, case.guard, *case.body], scope)
            after.append(self._variables.values)
        self._variables.values = merged(*after)

    def _visit_MatchAs(self, node: ast.MatchAs | ast.MatchStar, scope: Scope) -> None:
        if isinstance(node, ast.MatchAs):
            self._all([node.pattern], scope)
        if node.name == self._word:
            self._variables.bind(self._end(node) - len(node.name), scope, node)

    _visit_MatchStar = _visit_MatchAs

    def _visit_MatchMapping(self, node: ast.MatchMapping, scope: Scope) -> None:
        self._all(ast.iter_child_nodes(node), scope)
        if node.rest == self._word:
            self._variables.bind(self._find(self._clean.rfind("**", 0, self._end(node)), self._end(node)), scope, node)

    def _loose(self, row: int, scope: Scope) -> None:
        """Note the word in a row that does not parse."""
        start = self._piece.starts[row]
        end = self._clean.find("\n", start)
        bound, read = words_in(self._clean[start : end if end >= 0 else len(self._clean)], self._word)
        for place in read:
            self._variables.read(start + place, scope, None)
        if bound >= 0:
            self._variables.bind(start + bound, scope, None)


def _parameters(arguments: ast.arguments) -> list[ast.arg]:
    every = [*arguments.posonlyargs, *arguments.args, arguments.vararg, *arguments.kwonlyargs, arguments.kwarg]
    return [one for one in every if one is not None]
