"""TOML files whose every key and value is checked before anything else is done."""

from __future__ import annotations

import tomllib
import types
import typing
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Literal, TypeVar

from tabtab_local.errors import DocumentError

_TYPES = {int: "a whole number", float: "a number", str: "a text", bool: "true or false", Path: "a path"}

_Made = TypeVar("_Made")


def read_toml(path: Path, make: Callable[[dict[str, Any]], _Made]) -> _Made:
    """Return what `make` makes of the TOML file `path`; errors name the file. Raises `DocumentError`."""
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise DocumentError(f"cannot read {path}: {error.strerror}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise DocumentError(f"{path} is not TOML: {error}") from None
    try:
        return make(table)
    except DocumentError as error:
        raise DocumentError(f"{path}: {error}") from None


def keys(table: Mapping[str, Any], known: Mapping[str, Any], where: str) -> list[str]:
    """Return the keys of `table`. Raises `DocumentError` for one that is not among `known`."""
    if unknown := next((key for key in table if key not in known), None):
        raise DocumentError(f"{where} has the unknown key {unknown}: choose among {', '.join(known)}")
    return list(table)


def value(where: str, given: Any, kind: Any, folder: Path = Path()) -> Any:
    """Return `given` as the type `kind`, a path as relative to `folder`. Raises `DocumentError` for what is not."""
    if isinstance(kind, types.UnionType):
        kind = next(each for each in kind.__args__ if each is not types.NoneType)
    if kind is Path and isinstance(given, str) and given:
        return folder / Path(given).expanduser()
    if kind == tuple[str, ...]:
        if isinstance(given, list) and all(isinstance(each, str) for each in given):
            return tuple(given)
        raise DocumentError(f"{where} = {given!r} is not a list of texts")
    if kind is float and isinstance(given, int) and not isinstance(given, bool):
        return float(given)
    if typing.get_origin(kind) is Literal:
        if given not in typing.get_args(kind):
            raise DocumentError(f"{where} = {given!r}: choose one of {', '.join(map(str, typing.get_args(kind)))}")
        return given
    if type(given) is not kind:
        raise DocumentError(f"{where} = {given!r} is not {_TYPES[kind]}")
    return given
