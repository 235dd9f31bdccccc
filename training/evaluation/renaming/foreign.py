"""Attribute names that belong to Python and its standard library: an own `append` cannot be told from a list's."""

from __future__ import annotations

import array
import builtins
import importlib
import types
from functools import cache

# Modules that may be loaded to look at: they do nothing else. A program that imports others keeps its attributes.
_KNOWN = """
    __future__ abc array base64 bisect calendar cmath collections collections.abc contextlib copy csv dataclasses
    datetime decimal enum fractions functools hashlib heapq html io itertools json keyword locale math numbers operator
    os os.path pathlib pprint queue random re secrets shutil statistics string struct sys tempfile textwrap threading
    time timeit traceback types typing unicodedata urllib.parse uuid warnings weakref zlib
"""
KNOWN_MODULES = frozenset(_KNOWN.split())


@cache
def builtin_attributes() -> frozenset[str]:
    """Return the attributes of all builtin types but the exceptions."""
    kinds = [kind for kind in vars(builtins).values() if isinstance(kind, type) and not _is_exception(kind)]
    kinds += [kind for kind in vars(types).values() if isinstance(kind, type)]
    return frozenset(name for kind in [*kinds, BaseException, array.array] for name in dir(kind))


@cache
def exception_attributes() -> frozenset[str]:
    """Return the attributes of the builtin exceptions: they matter where a program catches some."""
    kinds = [kind for kind in vars(builtins).values() if isinstance(kind, type) and _is_exception(kind)]
    return frozenset(name for kind in kinds for name in dir(kind))


@cache
def module_attributes(module: str) -> frozenset[str]:
    """Return the names in a known module, the attributes of its classes, and what their methods read and write."""
    names: set[str] = set()
    loaded = importlib.import_module(module)
    for name, value in vars(loaded).items():
        names.add(name)
        if isinstance(value, type):
            names.update(dir(value))
            for member in vars(value).values():
                names.update(getattr(getattr(member, "__code__", None), "co_names", ()))
    return frozenset(names)


def _is_exception(kind: type) -> bool:
    return issubclass(kind, BaseException)
