"""Lets the keyword in a call follow the parameter that it fills, and refuses where it cannot be known which that is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import libcst as cst
from libcst.helpers import get_full_name_for_node
from libcst.metadata import ClassScope

from training.evaluation.renaming.binding import CannotRename
from training.evaluation.renaming.resolve import BUILTINS, Resolution, key_of
from training.evaluation.renaming.union import Key

_PARTIALS = frozenset(["partial", "functools.partial", "partialmethod", "functools.partialmethod"])
# Keywords of the standard library's functions that take the keywords for another function.
_DICTIONARIES = frozenset(["kwargs", "kwds"])


@dataclass(frozen=True, eq=False)
class Signature:
    """The parameters that can be given by keyword; `gathers` says that there is a `**`."""

    parameters: dict[str, Key]
    gathers: bool
    wrapped: bool


@dataclass(frozen=True, eq=False)
class _Callee:
    """What a call may call. `known` is false where it may be any function of the program, or none."""

    signatures: Sequence[Signature] = ()
    known: bool = True


@dataclass
class _Program:
    found: Resolution
    functions: dict[Key, list[Signature]] = field(default_factory=dict)
    classes: dict[Key, list[cst.ClassDef]] = field(default_factory=dict)
    methods: dict[tuple[cst.CSTNode, str], list[Signature]] = field(default_factory=dict)
    parameters: dict[str, set[Key]] = field(default_factory=dict)
    fields: dict[cst.CSTNode, Signature] = field(default_factory=dict)
    gathered: set[Key] = field(default_factory=set)


def follow_keywords(found: Resolution) -> None:
    """Give each keyword of a call the key of its parameter; raise `CannotRename` where that cannot be known."""
    program = _read(found)
    for call, _ in found.scan.calls:
        callee = _callee(program, call.func)
        if get_full_name_for_node(call.func) in _PARTIALS and call.args:
            callee = _callee(program, call.args[0].value)
        for argument in call.args:
            if argument.star == "**":
                _check_dictionary(program, callee, argument.value)
            elif argument.keyword is not None:
                _follow(program, callee, argument.keyword)
                if not callee.signatures:
                    _check_passed_function(program, call, argument.keyword.value)
    for node in found.scan.classes:
        for keyword in node.keywords:
            if keyword.keyword is not None and keyword.keyword.value in program.parameters:
                raise CannotRename(f"the keyword {keyword.keyword.value} of a class may be a parameter's name")


def _read(found: Resolution) -> _Program:
    program = _Program(found)
    scan = found.scan
    for node in scan.classes:
        program.classes.setdefault(_key(found, node.name), []).append(node)
        program.fields[node] = _fields(found, node)
    for node in scan.functions:
        signature = _signature(program, node.params, _is_wrapped(found, node))
        program.functions.setdefault(_key(found, node.name), []).append(signature)
        scope = scan.scope_of(node.name)
        if isinstance(scope, ClassScope):
            program.methods.setdefault((scope.node, node.name.value), []).append(signature)
    for node in scan.lambdas:
        _signature(program, node.params, False)
    return program


def _key(found: Resolution, name: cst.Name) -> Key:
    return found.keys.get(name) or key_of(found.scan.scope_of(name), name.value)


def _signature(program: _Program, node: cst.Parameters, wrapped: bool) -> Signature:
    scan = program.found.scan
    parameters = {item.name.value: _key(program.found, item.name) for item in [*node.params, *node.kwonly_params]}
    for name, key in parameters.items():
        program.parameters.setdefault(name, set()).add(key)
    if node.star_kwarg is not None:
        program.gathered.add((scan.scope_of(node.star_kwarg.name), node.star_kwarg.name.value))
    return Signature(parameters, node.star_kwarg is not None, wrapped)


def _is_wrapped(found: Resolution, node: cst.FunctionDef) -> bool:
    """Return whether a decorator of the program's own stands before a function."""
    for item in node.decorators:
        part = item.decorator.func if isinstance(item.decorator, cst.Call) else item.decorator
        while isinstance(part, cst.Attribute):
            part = part.value
        key = found.keys.get(part) if isinstance(part, cst.Name) else None
        own = key is not None and key[0] is not None and not found.is_import(key)
        if own or not isinstance(part, cst.Name):
            return True
    return False


def _fields(found: Resolution, node: cst.ClassDef) -> Signature:
    """Return the parameters that a dataclass has by its annotated attributes."""
    names = {}
    for statement in node.body.body:
        for part in getattr(statement, "body", ()) if isinstance(statement, cst.SimpleStatementLine) else (statement,):
            if isinstance(part, cst.AnnAssign) and isinstance(part.target, cst.Name):
                names[part.target.value] = (None, part.target.value)
    return Signature(names if node.decorators else {}, False, False)


def _callee(program: _Program, func: cst.BaseExpression) -> _Callee:
    found = program.found
    if isinstance(func, cst.Attribute):
        return _method(program, func)
    if not isinstance(func, cst.Name):
        return _Callee(known=False)
    key = found.keys.get(func)
    if key is None:
        return _Callee()
    if found.is_import(key):
        return _Callee()
    roles = {place.role for place in found.roles[key]} - {"use", "declaration", "attribute", "keyword"}
    if roles == {"function"}:
        return _Callee(program.functions.get(key, ()))
    if roles == {"class"}:
        return _Callee(_constructors(program, program.classes.get(key, ())))
    return _Callee(known=False)


def _method(program: _Program, func: cst.Attribute) -> _Callee:
    """Return what `x.name` may call: the methods of that name, or a class or function that is an attribute."""
    found, name = program.found, func.attr.value
    base = found.keys.get(func.value) if isinstance(func.value, cst.Name) else None
    if base is not None and found.is_import(base):
        return _Callee()
    signatures = [item for (_, method), items in program.methods.items() if method == name for item in items]
    if (None, name) in program.classes:
        signatures += _constructors(program, program.classes[(None, name)])
    if signatures:
        return _Callee(signatures, known=not _is_ambiguous(program, func))
    return _Callee(known=(None, name) not in found.roles)


def _is_ambiguous(program: _Program, func: cst.Attribute) -> bool:
    """Return whether a method that the program has may here be one of somebody else's class."""
    found, name = program.found, func.attr.value
    if not (name.startswith("__") and name.endswith("__")):
        return found.union.kept((None, name))
    above = isinstance(func.value, cst.Call) and get_full_name_for_node(func.value.func) == "super"
    bases = [base.value for node in found.scan.classes for base in node.bases]
    return above and any(_is_foreign(found, base) for base in bases)


def _is_foreign(found: Resolution, base: cst.BaseExpression) -> bool:
    key = found.keys.get(base) if isinstance(base, cst.Name) else None
    return (key is None or found.is_import(key)) and get_full_name_for_node(base) != "object"


def _constructors(program: _Program, nodes: Sequence[cst.ClassDef]) -> list[Signature]:
    """Return how classes are called: by their own `__init__` and `__new__`, or those of their bases."""
    found: list[Signature] = []
    for node in nodes:
        own = [item for name in ("__init__", "__new__") for item in program.methods.get((node, name), ())]
        if not own and program.fields[node].parameters:
            own = [program.fields[node]]
        for base in node.bases:
            key = program.found.keys.get(base.value)
            if key in program.classes and node not in program.classes[key]:
                own += _constructors(program, program.classes[key])
        found += own
    return found


def _follow(program: _Program, callee: _Callee, keyword: cst.Name) -> None:
    found, name = program.found, keyword.value
    keys = [item.parameters[name] for item in callee.signatures if name in item.parameters]
    others = program.parameters.get(name, set()) - set(keys)
    passed_on = any(item.gathers and name not in item.parameters for item in callee.signatures)
    wrapped = any(item.wrapped for item in callee.signatures)
    if others and (not callee.known or passed_on or wrapped):
        raise CannotRename(f"it cannot be known whose parameter the keyword {name} is")
    if not callee.known and (keys or (None, name) in found.roles):
        raise CannotRename(f"it cannot be known whose parameter the keyword {name} is")
    for key in keys:
        found.union.join(keys[0], key)
        found.keys[keyword] = key


def _check_passed_function(program: _Program, call: cst.Call, keyword: str) -> None:
    """Raise where somebody else's function may hand a keyword to a function that it is given, as `submit` does."""
    found = program.found
    if isinstance(call.func, cst.Name) and call.func not in found.keys and call.func.value in BUILTINS:
        return
    for argument in call.args:
        key = found.keys.get(argument.value) if isinstance(argument.value, cst.Name) else None
        signatures = program.functions.get(key, ()) if key is not None else ()
        if signatures and (keyword in _DICTIONARIES or any(keyword in item.parameters for item in signatures)):
            raise CannotRename(f"it cannot be known whose parameter the keyword {keyword} is")


def _check_dictionary(program: _Program, callee: _Callee, value: cst.BaseExpression) -> None:
    """Raise where a dictionary of names may reach a parameter; passing on an untouched `**` may."""
    found = program.found
    if callee.known and not any(item.parameters or item.gathers for item in callee.signatures):
        return
    key = found.keys.get(value) if isinstance(value, cst.Name) else None
    if key in program.gathered and all(
        place.role == "parameter" or place.node in found.scan.starred for place in found.roles[key]
    ):
        return
    raise CannotRename("a call takes names of parameters from a dictionary (**)")
