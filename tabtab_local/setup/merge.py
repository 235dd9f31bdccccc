"""Put settings into a file that a person keeps: its other settings, its comments and its layout stay. Pure.

TOML, and JSON with comments and trailing commas, as editors have it.
"""

from __future__ import annotations

import json
import textwrap
import tomllib
from collections.abc import Iterator, Mapping
from typing import Any, cast

from tabtab_local.edits import Edit, Position, Span, apply, offset_of
from tabtab_local.errors import DocumentError

Settings = Mapping[str, Any]

_INDENT = "  "


def merged(old: Any, new: Any) -> Any:
    """Return `new` over `old`: tables are merged, anything else is replaced."""
    if not isinstance(old, Mapping) or not isinstance(new, Mapping):
        return new
    return {**old, **{key: merged(old.get(key), value) for key, value in new.items()}}


def into_toml(text: str, settings: Settings) -> str:
    """Return TOML with `settings` in it; inline and dotted tables that they go into become ordinary ones.

    Raises `DocumentError` for what is no TOML, and where tables are written so that this goes wrong.
    """
    import tomlkit
    from tomlkit.exceptions import TOMLKitError

    try:
        wanted = merged(tomllib.loads(text), settings)
        document = tomlkit.parse(text)
        _into_table(document, settings)
        done = tomlkit.dumps(document)
    except (TOMLKitError, tomllib.TOMLDecodeError, TypeError) as error:
        raise DocumentError(f"it is no TOML that settings can be put into ({error}): correct it first") from None
    if not _says(done, wanted):
        tables = " and ".join(f"[{key}]" for key, value in settings.items() if isinstance(value, Mapping))
        raise DocumentError(f"its tables are too scattered for settings: put together what belongs to {tables} first")
    return done


def into_json(text: str, settings: Settings) -> str:
    """Return JSON with `settings` in it, new ones first. Raises `DocumentError` for what is no object."""
    from json5.loader import ModelLoader, loads
    from json5.utils import JSON5DecodeError

    if not text.strip():
        return json.dumps(settings, indent=len(_INDENT), ensure_ascii=False) + "\n"
    try:
        root = loads(text, loader=ModelLoader()).value
    except JSON5DecodeError as error:
        raise DocumentError(f"it is no JSON ({' '.join(str(error).split())}): correct it first") from None
    return apply(text, sorted(_edits(text, root, settings, _INDENT), key=lambda edit: edit.start))


def _into_table(table: Any, settings: Settings) -> None:
    import tomlkit

    for key, value in settings.items():
        if not isinstance(value, Mapping):
            if table.get(key) != value:
                table[key] = value
            continue
        if key not in table:
            # A table that only holds others needs no heading of its own.
            bare = bool(value) and all(isinstance(each, Mapping) for each in value.values())
            table[key] = tomlkit.table(is_super_table=bare)
        if not isinstance(table[key], Mapping):
            raise TypeError(f"{key} is no table")
        if _is_in_a_line(table, key):
            # No table can be put into one of these; with a heading it stands behind all that has none.
            held = table[key].unwrap()
            del table[key]
            table[key] = tomlkit.item(held)
        _into_table(table[key], value)


def _is_in_a_line(table: Any, key: str) -> bool:
    """Return whether a table is written as `key = {…}` or `key.name = …`."""
    from tomlkit.container import Container
    from tomlkit.items import InlineTable

    body = getattr(table if isinstance(table, Container) else table.value, "body", ())
    dotted = any(each is not None and each.key == key and each.is_dotted() for each, _ in body)
    return dotted or isinstance(table[key], InlineTable)


def _says(text: str, wanted: Settings) -> bool:
    """Return whether TOML says this."""
    try:
        return tomllib.loads(text) == wanted
    except tomllib.TOMLDecodeError:
        return False


def _edits(text: str, node: Any, settings: Settings, indent: str) -> Iterator[Edit]:
    """Yield what changes in the object `node`, whose members stand behind `indent`."""
    from json5.loader import loads
    from json5.model import Identifier, JSONObject, String

    if not isinstance(node, JSONObject):
        raise DocumentError("settings can only be put into an object: correct it first")
    names = [key.name if isinstance(key, Identifier) else cast(String, key).characters for key in node.keys]
    values = dict(zip(names, node.values, strict=True))
    missing: dict[str, Any] = {}
    for key, value in settings.items():
        old = values.get(key)
        if old is None:
            missing[key] = value
        elif isinstance(value, Mapping) and isinstance(old, JSONObject):
            yield from _edits(text, old, value, indent + _INDENT)
        elif loads((where := _span(text, old)).of(text)) != value:
            yield Edit(where.start, where.end, _dumped(value, indent))
    if missing:
        members = [f"{_dumped(key, '')}: {_dumped(value, indent)}" for key, value in missing.items()]
        end = "," if values else f"\n{indent.removesuffix(_INDENT)}"
        inside = _span(text, node).start + 1
        yield Edit(inside, inside, ",".join(f"\n{indent}{member}" for member in members) + end)


def _dumped(value: Any, indent: str) -> str:
    return textwrap.indent(json.dumps(value, indent=len(_INDENT), ensure_ascii=False), indent).lstrip()


def _span(text: str, node: Any) -> Span:
    start = offset_of(text, Position(node.lineno, node.col_offset + 1))
    return Span(start, offset_of(text, Position(node.end_lineno, node.end_col_offset + 1)))
