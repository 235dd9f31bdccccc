"""Says whether two programs have the same syntax tree but for their names: an independent check by Python's parser."""

from __future__ import annotations

import ast
import warnings
from collections.abc import Collection

# Fields of the syntax tree that hold names, alone or in a list.
_NAMES = frozenset(["id", "arg", "attr", "name", "names", "rest", "kwd_attrs"])


def same_shape(old: str, new: str, names: Collection[tuple[str, str]]) -> bool:
    """Return whether `new` is `old` with some of its names replaced as `names` (old, new) say.

    Docstrings and quoted annotations may differ. Raises `SyntaxError` where one of the two cannot be parsed.
    """
    return _same(parse(old), parse(new), frozenset(names), prose=False)


def parse(code: str) -> ast.Module:
    """Return the syntax tree of `code` without warnings about what stands in its strings."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return ast.parse(code)


def _same(old: object, new: object, names: frozenset[tuple[str, str]], prose: bool) -> bool:
    if type(old) is not type(new):
        return False
    if isinstance(old, list) and isinstance(new, list):
        return len(old) == len(new) and all(_same(*pair, names, prose) for pair in zip(old, new, strict=True))
    if not isinstance(old, ast.AST):
        return old == new
    if isinstance(old, ast.Constant) and isinstance(new, ast.Constant):
        return type(old.value) is type(new.value) and (old.value == new.value or (prose and isinstance(old.value, str)))
    prose = prose or (isinstance(old, ast.Expr) and isinstance(old.value, ast.Constant))
    for field in old._fields:
        before, after = getattr(old, field, None), getattr(new, field, None)
        if field in _NAMES and (isinstance(before, str) or _is_list_of_names(before)):
            if not _renamed(before, after, names):
                return False
        elif not _same(before, after, names, prose or field in ("annotation", "returns")):
            return False
    return True


def _is_list_of_names(value: object) -> bool:
    return isinstance(value, list) and bool(value) and all(isinstance(item, str) for item in value)


def _renamed(old: object, new: object, names: frozenset[tuple[str, str]]) -> bool:
    if isinstance(old, list) and isinstance(new, list):
        return len(old) == len(new) and all(_renamed(*pair, names) for pair in zip(old, new, strict=True))
    return old == new or (old, new) in names
