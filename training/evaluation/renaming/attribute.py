"""Says which attributes are the program's own, and which of them can be renamed for sure.

Without types, `.left` means the same in the whole program. It is renamed where a class of the program has it and
nothing else can: no builtin type, no module that the program imports, no base class from elsewhere, and no reading of
attributes by name. All others stay as they are.
"""

from __future__ import annotations

import re

import libcst as cst
from libcst.helpers import get_full_name_for_node
from libcst.metadata import ClassScope, Scope

from training.evaluation.renaming.foreign import (
    KNOWN_MODULES,
    builtin_attributes,
    exception_attributes,
    module_attributes,
)
from training.evaluation.renaming.resolve import BUILTINS, Resolution, qualified_name
from training.evaluation.renaming.union import Key

_READERS = """
    getattr setattr hasattr delattr vars dir attrgetter methodcaller __dict__ __slots__ __getattr__ __getattribute__
    __setattr__ __delattr__ __match_args__ __init_subclass__ __set_name__ __prepare__ __dir__
"""
_BY_NAME = frozenset(_READERS.split())
_FIELDS_BY_NAME = frozenset(["asdict", "astuple", "fields", "make_dataclass", "replace"])
_PLAIN_BASES = frozenset(["object", "ABC", "abc.ABC", "Generic", "typing.Generic", "Protocol", "typing.Protocol"])
_PLAIN_DECORATORS = frozenset(["dataclass", "dataclasses.dataclass", "total_ordering", "functools.total_ordering"])
_FIELD = re.compile(r"\{[^{}]*?\.(\w+)")


def add_attributes(found: Resolution) -> dict[Key, str]:
    """Give the program's own attributes their keys; return the scope where each is defined, by key."""
    scan = found.scan
    own = _owners(found)
    for (_, name), _scope in own.items():
        if name.startswith("__") and name.endswith("__"):
            found.union.keep((None, name))
    foreign = _foreign(found)
    for key in own:
        if foreign is None or key[1] in foreign:
            found.union.keep(key)
    for occurrence in scan.occurrences:
        key = (None, occurrence.node.value)
        if occurrence.role == "attribute" and key in own:
            found.keys[occurrence.node] = key
            found.roles.setdefault(key, []).append(occurrence)
    return own


def first_parameters(found: Resolution) -> dict[Key, ClassScope]:
    """Return the first parameter of each method, `self` or `cls`, and the class that it stands for."""
    first: dict[Key, ClassScope] = {}
    for node in found.scan.functions:
        scope = found.scan.scope_of(node.name)
        parameters = [*node.params.posonly_params, *node.params.params]
        static = any(get_full_name_for_node(item.decorator) == "staticmethod" for item in node.decorators)
        if isinstance(scope, ClassScope) and parameters and not static:
            name = parameters[0].name
            first[(found.scan.scope_of(name), name.value)] = scope
    return first


def _owners(found: Resolution) -> dict[Key, str]:
    """Return the attributes that the program's classes and functions have, each with where it is defined first."""
    own: dict[Key, str] = {}
    for scope, names in found.bound.items():
        if isinstance(scope, ClassScope):
            for name in sorted(names):
                own.setdefault((None, name), qualified_name(scope))
    first = first_parameters(found)
    for node in found.scan.attributes:
        if node in found.scan.stored_attributes and isinstance(node.value, cst.Name):
            key = found.keys.get(node.value)
            if key in first:
                own.setdefault((None, node.attr.value), qualified_name(first[key]))
            elif key is not None and {item.role for item in found.roles[key]} & {"function", "class"}:
                own.setdefault((None, node.attr.value), key[1])
    return own


def _foreign(found: Resolution) -> frozenset[str] | None:
    """Return the attribute names that others may have too, None where that may be any name."""
    scan = found.scan
    words = {occurrence.node.value for occurrence in scan.occurrences} | set().union(*scan.imports.values())
    if "dataclasses" in scan.modules and words & _FIELDS_BY_NAME:
        return None
    if words & _BY_NAME or not scan.modules <= KNOWN_MODULES:
        return None
    names = set(builtin_attributes())
    if scan.catches:
        names |= exception_attributes()
    for module in sorted(scan.modules):
        names |= module_attributes(module)
    for text in scan.strings:
        names.update(_FIELD.findall(text))
    for node in scan.classes:
        if not _is_plain(found, node):
            names |= {name for scope, bound in found.bound.items() if _made_by(scope, node) for name in bound}
    return frozenset(names)


def _made_by(scope: Scope, node: cst.ClassDef) -> bool:
    return isinstance(scope, ClassScope) and scope.node is node


def _is_plain(found: Resolution, node: cst.ClassDef) -> bool:
    """Return whether nothing from elsewhere looks at the names in a class."""
    if node.keywords:
        return False
    decorators = [_called(item.decorator) for item in node.decorators]
    return all(name in _PLAIN_DECORATORS for name in decorators) and all(
        _is_known_base(found, item.value) for item in node.bases
    )


def _is_known_base(found: Resolution, base: cst.BaseExpression) -> bool:
    if isinstance(base, cst.Subscript):
        base = base.value
    if get_full_name_for_node(base) in _PLAIN_BASES:
        return True
    if not isinstance(base, cst.Name):
        return False
    key = found.keys.get(base)
    if key is None:
        return base.value in BUILTINS
    return not found.is_import(key) and {item.role for item in found.roles[key]} <= {"class", "use"}


def _called(decorator: cst.BaseExpression) -> str | None:
    name: str | None = get_full_name_for_node(decorator.func if isinstance(decorator, cst.Call) else decorator)
    return name
