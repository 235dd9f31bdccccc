"""Works out which binding each name of a module means, by Python's rules (The Python Language Reference, 4.2)."""

from __future__ import annotations

import builtins
from dataclasses import dataclass, field

import libcst as cst
from libcst.metadata import ClassScope, ComprehensionScope, FunctionScope, GlobalScope, Scope

from training.evaluation.renaming.scan import BINDING_ROLES, Occurrence, Scan
from training.evaluation.renaming.union import Key, Union

BUILTINS = frozenset(dir(builtins))


@dataclass
class Resolution:
    """Which key each name has. A name that the module does not bind has none; attributes and keywords come later."""

    scan: Scan
    union: Union = field(default_factory=Union)
    bound: dict[Scope, set[str]] = field(default_factory=dict)
    keys: dict[cst.Name, Key] = field(default_factory=dict)
    roles: dict[Key, list[Occurrence]] = field(default_factory=dict)
    imported: set[Key] = field(default_factory=set)
    places: dict[str, list[tuple[int, Key]]] = field(default_factory=dict)

    def find(self, scope: Scope, name: str) -> Scope | None:
        """Return the scope whose binding `name` means where it stands in `scope`, None for none of the module's."""
        first = True
        while True:
            if isinstance(scope, GlobalScope) or name in self.scan.globals_of.get(scope, ()):
                scope = self.scan.top
                return scope if name in self.bound.get(scope, ()) else None
            local = name in self.bound.get(scope, ()) and name not in self.scan.nonlocals_of.get(scope, ())
            if local and (first or not isinstance(scope, ClassScope)):
                return scope
            first = False
            scope = scope.parent

    def is_import(self, key: Key) -> bool:
        """Return whether a key is, or may be, what an import binds."""
        return key in self.imported

    def outer(self, scope: Scope, name: str) -> Scope | None:
        """Return what `name` in a class body means as long as the class has not bound it."""
        if isinstance(scope.parent, ClassScope):
            return self.outer(scope.parent, name)
        return self.find(scope.parent, name)


def key_of(scope: Scope, name: str) -> Key:
    """Return the key of a binding; what a class body binds is an attribute."""
    return (None, name) if isinstance(scope, ClassScope) else (scope, name)


def resolve(scan: Scan) -> Resolution:
    """Resolve all names of a module but attributes and keywords."""
    found = Resolution(scan)
    for scope, names in scan.imports.items():
        for name in names:
            _bind(found, scope, name)
    for occurrence in scan.occurrences:
        if occurrence.role in BINDING_ROLES:
            _bind(found, occurrence.scope, occurrence.node.value)
    for occurrence in scan.occurrences:
        if occurrence.role not in ("attribute", "keyword"):
            _look_up(found, occurrence)
    for scope, names in scan.imports.items():
        for name in names:
            key = key_of(found.find(scope, name) or scope, name)
            found.imported.add(key)
            found.union.keep(key)
    _keep_late_builtins(found)
    return found


def _bind(found: Resolution, scope: Scope, name: str) -> None:
    if name in found.scan.globals_of.get(scope, ()):
        scope = found.scan.top
    if name not in found.scan.nonlocals_of.get(scope, ()):
        found.bound.setdefault(scope, set()).add(name)


def _look_up(found: Resolution, occurrence: Occurrence) -> None:
    name = occurrence.node.value
    scope = found.find(occurrence.scope, name)
    if scope is None:
        return
    key = key_of(scope, name)
    found.keys[occurrence.node] = key
    found.roles.setdefault(key, []).append(occurrence)
    if isinstance(scope, ClassScope) and occurrence.role == "use":
        outer = found.outer(scope, name)
        if outer is not None:
            found.union.join(key_of(outer, name), key)
        elif name in BUILTINS:
            found.union.keep(key)


def _keep_late_builtins(found: Resolution) -> None:
    """Keep a file's own `max` where the builtin may still be meant in front of it, as in `max = max(row)`."""
    for (scope, name), occurrences in found.roles.items():
        if scope is not found.scan.top or name not in BUILTINS:
            continue
        first = occurrences[0]
        if first.node not in found.scan.plain:
            found.union.keep((scope, name))


def qualified_name(scope: Scope | None) -> str:
    """Return where a scope is: `Stack.push.<comprehension>`; empty for the file itself."""
    parts: list[str] = []
    while scope is not None and not isinstance(scope, GlobalScope):
        name = getattr(scope, "name", None)
        if isinstance(scope, ComprehensionScope):
            name = "<comprehension>"
        elif isinstance(scope, FunctionScope) and not name:
            name = "<lambda>"
        parts.append(name or "")
        scope = scope.parent
    return ".".join(reversed(parts))
