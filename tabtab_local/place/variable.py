"""Who reads whose value: joins the places of a word to variables while `flow.py` walks through the code.

At each step the values that the word may have are known for each scope, by the places that have given them. Reading
joins a place to these; what an inner function reads or sets may be any value in the scope that it is of. Pure.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from tabtab_local.place.scope import Reference, Scope, Survey

# The places that may have given the word the value that it has in a scope.
Values = dict[Scope, frozenset[int]]


class Variables:
    """The variables that a word stands for, while they are found out; `values` are those at this step.

    The code is walked through twice: with `is_first` only which scopes bind the word is noted.
    """

    def __init__(self, code: str, found: Survey) -> None:
        self.is_first = True
        self.values: Values = {}
        self._code, self._found = code, found
        self._watched: list[list[Values]] = []
        self._late: list[tuple[Scope, int]] = []
        self._reached: set[int] = set()

    def bind(self, start: int, scope: Scope, node: ast.AST | None, *, sure: bool = True) -> None:
        """Note that the word is bound; where that is not `sure`, it may still have the value that it had."""
        if isinstance(node, ast.NamedExpr):
            while scope.kind == "comprehension" and scope.parent is not None:
                scope = scope.parent
        if self.is_first:
            (self._found.module if scope.declared == "global" else scope).binds = True
            return
        owner = self._note(start, scope, node, binds=True)
        if owner is None:
            return
        if owner is not scope:
            self._late.append((owner, start))
            return
        others = frozenset() if sure else self.values.get(owner, frozenset())
        self.values[owner] = others | {start}
        for bound in self._watched:
            bound.append({owner: frozenset({start})})

    def read(self, start: int, scope: Scope, node: ast.AST | None) -> None:
        """Note that the word is read."""
        owner = None if self.is_first else self._note(start, scope, node, binds=False)
        if owner is None:
            return
        if any(one.kind == "function" for one in scope.inside(owner)):
            self._late.append((owner, start))
        else:
            self._reach(start, self.values.get(owner, ()))

    def forget(self, scope: Scope) -> None:
        """Note that the word has no value any more."""
        self.values.pop(scope.owner(), None)

    @contextmanager
    def watched(self) -> Iterator[list[Values]]:
        """Give all that is bound meanwhile: any of it may be the last before an exception."""
        bound: list[Values] = []
        self._watched.append(bound)
        yield bound
        self._watched.pop()

    @contextmanager
    def apart(self) -> Iterator[None]:
        """Start without values, as in a function's body, and go on with those from before."""
        outer = self.values, self._watched
        self.values, self._watched = {}, []
        yield
        self.values, self._watched = outer

    def finish(self) -> None:
        """Join what inner functions read, and note what goes in and out of the code."""
        names, module = self._found.names, self._found.module
        bound: dict[Scope, list[int]] = {}
        for place in names.values():
            if place.binds:
                bound.setdefault(place.scope, []).append(place.start)
        for scope in {scope for scope, _ in self._late}:
            for start in bound.get(scope, []):
                self._reach(start, bound[scope][:1])
        for scope, start in self._late:
            self._reach(start, bound.get(scope, [])[:1])
        reading = {place.start for place in names.values() if place.scope is module and not place.binds}
        late = {start for scope, start in self._late if scope is module and names[start].binds}
        self._found.free = reading - self._reached
        self._found.exported = late | self.values.get(module, frozenset())

    def _note(self, start: int, scope: Scope, node: ast.AST | None, *, binds: bool) -> Scope | None:
        """Note a place and return the scope that it is of, None where the word is spelt differently there."""
        if not self._code.startswith(self._found.word, start):
            return None
        owner = scope.owner()
        known = self._found.names.get(start)
        if known is None or (binds and not known.binds):
            self._found.names[start] = Reference(start, owner, node, binds)
        return owner

    def _reach(self, start: int, values: Iterable[int]) -> None:
        """Note that these values of the word reach a place."""
        for other in values:
            self._reached.add(start)
            first, second = self._found.root(start), self._found.root(other)
            self._found.joined[max(first, second)] = min(first, second)


def merged(*values: Values) -> Values:
    """Return the values that there may be where several ways meet."""
    result: Values = {}
    for one in values:
        for scope, places in one.items():
            result[scope] = result.get(scope, frozenset()) | places
    return result
