"""What a function takes, whether a call fits that, and what has become of it: Python's rules for arguments.

Knows definitions as syntax trees and calls as `scope.py` notes them. A definition whose decorators may change what it
takes has no signature here. Pure.
"""

from __future__ import annotations

import ast
from collections.abc import Mapping
from dataclasses import dataclass

from tabtab_local.place.scope import Call

# Decorators that leave a function's arguments as they are.
_HARMLESS = {
    "staticmethod",
    "classmethod",
    "abstractmethod",
    "override",
    "final",
    "cache",
    "lru_cache",
    "contextmanager",
}
_HARMLESS |= {"asynccontextmanager", "deprecated", "njit", "jit", "no_grad", "total_ordering", "dataclass"}

Definition = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef


@dataclass(frozen=True)
class Signature:
    """The parameters of a function, as a caller sees them: `self` is left out.

    The first `unnamed` of `by_place` cannot be passed by name; `more_by_place` and `more_by_name` are `*` and `**`.
    """

    by_place: tuple[str, ...]
    by_name: tuple[str, ...]
    required: frozenset[str]
    unnamed: int = 0
    more_by_place: bool = False
    more_by_name: bool = False

    @property
    def names(self) -> tuple[str, ...]:
        """All parameters, in order."""
        return self.by_place + self.by_name

    def fits(self, call: Call) -> bool:
        """Return whether a call passes all that is needed and nothing that is not known; it may unpack what fits."""
        if call.unpacks:
            return True
        if call.passed > len(self.by_place) and not self.more_by_place:
            return False
        given = list(self.by_place[: call.passed])
        known = self.by_place[self.unnamed :] + self.by_name
        for name, _ in call.named:
            if name in given or (name not in known and not self.more_by_name):
                return False
            given.append(name)
        return self.required <= set(given)


def signature(node: Definition, *, in_class: bool) -> Signature | None:
    """Return what a function takes, or a dataclass to be made; None where that cannot be told."""
    around = decorators(node)
    if not set(around) <= _HARMLESS:
        return None
    if isinstance(node, ast.ClassDef):
        return _dataclass(node) if "dataclass" in around else None
    own, names = node.args, [one.arg for one in (*node.args.posonlyargs, *node.args.args)]
    optional = names[len(names) - len(own.defaults) :]
    by_name = tuple(one.arg for one in own.kwonlyargs)
    optional += [name for name, default in zip(by_name, own.kw_defaults, strict=True) if default is not None]
    skipped = int(in_class and "staticmethod" not in around)
    if skipped > len(names):
        return None
    by_place = tuple(names[skipped:])
    return Signature(
        by_place=by_place,
        by_name=by_name,
        required=frozenset((*by_place, *by_name)) - set(optional),
        unnamed=max(0, len(own.posonlyargs) - skipped),
        more_by_place=own.vararg is not None,
        more_by_name=own.kwarg is not None,
    )


def renamed_parameters(before: Signature, after: Signature) -> dict[str, str]:
    """Return the new names of parameters that stand where they stood."""
    if (len(before.by_place), len(before.by_name)) != (len(after.by_place), len(after.by_name)):
        return {}
    pairs = [*zip(before.by_place, after.by_place, strict=True), *zip(before.by_name, after.by_name, strict=True)]
    return {old: new for old, new in pairs if old not in after.names and new not in before.names}


def moved(call: Call, before: Signature, after: Signature) -> bool:
    """Return whether what a call passes by place now goes to other parameters than before."""
    new_names = renamed_parameters(before, after)
    given = [new_names.get(name, name) for name in before.by_place[: call.passed]]
    return not call.unpacks and given != list(after.by_place[: len(given)])


def difference(before: Signature, after: Signature) -> str:
    """Return in words what has changed, "" for nothing that a caller could mind.

    Example: "added argument `unit`, removed argument `scale`"
    """
    new_names: Mapping[str, str] = renamed_parameters(before, after)
    added = [name for name in after.names if name not in before.names and name not in new_names.values()]
    removed = [name for name in before.names if name not in after.names and name not in new_names]
    said = [f"added argument `{name}`" for name in added]
    said += [f"removed argument `{name}`" for name in removed]
    said += [f"renamed argument `{old}` to `{new}`" for old, new in new_names.items()]
    kept = [new_names.get(name, name) for name in before.by_place if name not in removed]
    if kept != [name for name in after.by_place if name not in added] and set(kept) <= set(after.by_place):
        said.append("changed the order of arguments")
    if said or before == after:
        return ", ".join(said)
    return "changed what must be passed, or how"


def decorators(node: Definition) -> list[str]:
    """Return the names of what decorates a definition, "?" for what has none."""
    return [_called(one) for one in node.decorator_list]


def _called(node: ast.expr) -> str:
    node = node.func if isinstance(node, ast.Call) else node
    return node.attr if isinstance(node, ast.Attribute) else node.id if isinstance(node, ast.Name) else "?"


def _dataclass(node: ast.ClassDef) -> Signature | None:
    """Return what the `__init__` takes that a dataclass is given for its fields."""
    options = [keyword.arg for one in node.decorator_list if isinstance(one, ast.Call) for keyword in one.keywords]
    has_init = any(isinstance(one, ast.FunctionDef) and one.name == "__init__" for one in node.body)
    if node.bases or has_init or {"init", "kw_only", None} & set(options):
        return None
    names: list[str] = []
    optional: set[str] = set()
    for field in node.body:
        if not isinstance(field, ast.AnnAssign) or not isinstance(field.target, ast.Name):
            continue
        kind = ast.unparse(field.annotation)
        if "KW_ONLY" in kind:
            return None
        if "ClassVar" in kind:
            continue
        if isinstance(field.value, ast.Call) and _called(field.value) == "field":
            given = {keyword.arg for keyword in field.value.keywords}
            if {"init", "kw_only", None} & given:
                return None
            has_default = bool(given & {"default", "default_factory"})
        else:
            has_default = field.value is not None
        names.append(field.target.id)
        optional |= {field.target.id} if has_default else set()
    return Signature(tuple(names), (), frozenset(names) - optional)
