"""Scopes, and the places of one word in them: what `flow.py` finds out and `place.py` asks.

Python's rules say whose a name is; which of a scope's places hang together, `flow.py` says. Offsets are those of the
code that was read. Pure.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass, field

from tabtab_local.edits import Span


@dataclass(eq=False)
class Scope:
    """A module, class, function or comprehension; `binds` and `declared` speak of the word that is looked for."""

    kind: str
    parent: Scope | None = None
    name: str = ""
    binds: bool = False
    declared: str = ""

    def owner(self) -> Scope:
        """Return the scope whose the word is where it stands in this one."""
        here, is_global = self, False
        for here in self.inside():
            is_global = is_global or here.declared == "global"
            sees = here is self or here.kind != "class"
            if here.binds and not here.declared and not is_global and sees:
                break
        return here

    def inside(self, outer: Scope | None = None) -> Iterator[Scope]:
        """Yield the scope and those around it, the innermost first, up to `outer` (exclusive)."""
        here: Scope | None = self
        while here is not None and here is not outer:
            yield here
            here = here.parent

    def around(self) -> Scope | None:
        """Return the nearest class around code in this scope."""
        return next((scope for scope in self.inside() if scope.kind == "class"), None)

    @property
    def path(self) -> tuple[str, ...]:
        """The names of this scope and those around it, which tell one class or function from another."""
        return tuple(f"{scope.kind} {scope.name}" for scope in self.inside())


@dataclass(frozen=True, eq=False)
class Reference:
    """A place where the word is a name, or an attribute of `base`; `node` is None in rows that do not parse."""

    start: int
    scope: Scope
    node: ast.AST | None
    binds: bool
    base: str = ""
    base_start: int = -1


@dataclass(frozen=True)
class Call:
    """How the word is called: what is passed by place (counted), by name (name, offset), and where more would go."""

    span: Span
    passed: int
    named: tuple[tuple[str, int], ...]
    unpacks: bool
    inside: int


@dataclass
class Survey:
    """What there is of a word in a piece of code; all offsets are starts of the word."""

    word: str
    module: Scope
    names: dict[int, Reference] = field(default_factory=dict)
    attributes: dict[int, Reference] = field(default_factory=dict)
    calls: dict[int, Call] = field(default_factory=dict)
    free: set[int] = field(default_factory=set)
    exported: set[int] = field(default_factory=set)
    joined: dict[int, int] = field(default_factory=dict)

    def same(self, start: int) -> list[int]:
        """Return the places of the variable that stands at `start`, in order."""
        root = self.root(start)
        return sorted(place for place in self.names if self.root(place) == root)

    def root(self, start: int) -> int:
        """Return the place that stands for all of its variable."""
        while (above := self.joined.get(start, start)) != start:
            self.joined[start] = self.joined.get(above, above)
            start = above
        return start

    @property
    def binds(self) -> bool:
        """Whether the top level of the code, or a function by `global`, binds the word."""
        return any(place.binds and place.scope is self.module for place in self.names.values())
