"""Finds the places where a program reads names as text, so that no reading of its syntax can rename it for sure."""

from __future__ import annotations

import re
import unicodedata

import libcst as cst
from libcst.metadata import ClassScope, GlobalScope, Scope
from libcst.metadata.scope_provider import AnnotationScope

from training.evaluation.renaming.binding import CannotRename
from training.evaluation.renaming.resolve import Resolution

_CALLS = frozenset(["eval", "exec", "compile", "globals", "locals"])
_CALLS_WITHOUT_ARGUMENT = frozenset(["vars", "dir"])
_READERS = """
    __name__ __qualname__ __code__ __globals__ __closure__ __annotations__ __kwdefaults__ __signature__ co_names
    co_varnames f_locals f_globals _getframe modules func_name
"""
_ATTRIBUTES = frozenset(_READERS.split())
_MODULES = frozenset(["inspect", "gc", "doctest", "ast", "dis", "symtable", "importlib", "__main__"])
_MANGLED = re.compile(r"_(\w+?)__\w+")


def refuse_dynamic(found: Resolution) -> None:
    """Raise `CannotRename` where the program reads names as text."""
    scan = found.scan
    for module in sorted(scan.modules):
        if module.split(".")[0] in _MODULES:
            raise CannotRename(f"it imports {module}, which reads names")
    if scan.self_documenting:
        raise CannotRename("an f-string with = prints names")
    for occurrence in scan.occurrences:
        name = occurrence.node.value
        if occurrence.role == "use" and occurrence.node not in found.keys and name in _CALLS:
            raise CannotRename(f"it uses {name}, which reads names")
        if occurrence.role == "attribute" and name in _ATTRIBUTES:
            raise CannotRename(f"it uses .{name}, which reads names")
        if isinstance(occurrence.scope, AnnotationScope):
            raise CannotRename(f"{name} belongs to type parameters, whose scopes are not told apart")
        if unicodedata.normalize("NFKC", name) != name:
            raise CannotRename(f"Python reads {name} as {unicodedata.normalize('NFKC', name)}")
        attribute = found.keys.get(occurrence.node, (occurrence.scope, name))[0] is None
        if not attribute and _is_private(name) and _in_class(occurrence.scope):
            raise CannotRename(f"Python changes {name} in a class by itself")
    for call, _ in scan.calls:
        builtin = call.func.value if isinstance(call.func, cst.Name) and call.func not in found.keys else ""
        if builtin in _CALLS_WITHOUT_ARGUMENT and not call.args:
            raise CannotRename(f"it uses {builtin}(), which reads names")
    classes = {node.name.value.lstrip("_") for node in scan.classes}
    for node in scan.attributes:
        mangled = _MANGLED.fullmatch(node.attr.value)
        if mangled and mangled.group(1) in classes:
            raise CannotRename(f"it uses .{node.attr.value}, a private name of a class")


def _is_private(name: str) -> bool:
    return name.startswith("__") and not name.endswith("__")


def _in_class(scope: Scope) -> bool:
    while not isinstance(scope, GlobalScope):
        if isinstance(scope, ClassScope):
            return True
        scope = scope.parent
    return False
