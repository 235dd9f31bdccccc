"""Traces in files. A trace is a TOML file that people can read and write:

    title = "Counts words"
    source = "written by hand"            # or "commit 3f2a… of tabtab-local"
    kind = "python"                       # python, marimo or jupyter
    text = '''
    import csv
    '''                                   # the file at first; TOML drops a newline right after the quotes
    events = [
        {jump = [1]},                     # to the end of line 1; [1, 7] is column 7 of it
        {type = '''

    rows = csv.raeder'''},                # pressed key by key; here the first key is Enter
        {backspace = 5},                  # presses
        {pause_ms = 700},                 # thinking
        {accept = 'eader(file)'},         # Tab, and what it inserts at the cursor
    ]
    final = '''
    …'''                                  # the file after all events, which are checked against it

For Jupyter notebooks `cells` stands for `text`, and `cells` and `final` are lists: a string is a code cell, and
`{markdown = '…'}` a cell of text. A jump names its cell: `{cell = 2, jump = [1]}`; without, it stays in the cell.
In Marimo notebooks lines are those of the file. A trace begins with a jump.
"""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tabtab_local.document import Kind
from tabtab_local.edits import lines_of
from tabtab_local.errors import DocumentError
from tabtab_local.jupyter import parse_ipynb
from tabtab_local.replay.trace import Accept, Backspace, Event, Jump, Pause, Trace, Type, check

TRACES = Path(__file__).parent / "traces"

_KINDS: tuple[Kind, ...] = ("python", "marimo", "jupyter")
_FIELDS = ("title", "source", "kind", "text", "cells", "events", "final")
# What TOML cannot hold between quotes without escapes.
_UNQUOTABLE = re.compile(r"'''|'\Z|[\x00-\x08\x0b-\x1f\x7f]")
_EVENTS = ("type", "backspace", "pause_ms", "jump", "accept")


def shipped() -> tuple[Trace, ...]:
    """Return the traces that come with the program, by name."""
    return load_folder(TRACES)


def load_folder(folder: Path) -> tuple[Trace, ...]:
    """Return all traces of a folder, by name. Raises `DocumentError` where there is none or one is wrong."""
    paths = sorted(folder.glob("*.toml"))
    if not paths:
        raise DocumentError(f"{folder} holds no traces (*.toml): name a folder that does")
    return tuple(load(path) for path in paths)


def load(path: Path) -> Trace:
    """Return the trace in a file. Raises `DocumentError`, which names the file and the event, where it is wrong."""
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise DocumentError(f"{path}: the trace cannot be read ({error}): check the file") from error
    try:
        return parse(text, path.stem)
    except DocumentError as error:
        raise DocumentError(f"{path}: {error}") from error


def parse(text: str, name: str) -> Trace:
    """Return the trace in TOML `text`. Raises `DocumentError` where it is wrong or does not lead to its final text."""
    try:
        fields = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise DocumentError(f"the trace is not valid TOML ({error}): repair it") from error
    for field in fields:
        if field not in _FIELDS:
            raise DocumentError(f"the trace has an unknown field {field!r}: choose among {', '.join(_FIELDS)}")
    kind = _kind(fields)
    events = fields.get("events")
    if not isinstance(events, list):
        raise DocumentError("the trace has no list of events: add one")
    jupyter = kind == "jupyter"
    trace = Trace(
        name=name,
        title=_string(fields, "title"),
        source=_string(fields, "source"),
        kind=kind,
        text=_notebook(fields, "cells") if jupyter else _string(fields, "text"),
        events=tuple(_event(event, number) for number, event in enumerate(events, start=1)),
        final=_notebook(fields, "final") if jupyter else _string(fields, "final"),
    )
    check(trace)
    return trace


def to_toml(trace: Trace) -> str:
    """Return a trace as the text of its file: `parse(to_toml(trace), trace.name) == trace`."""
    field, shown = ("cells", _cells_toml) if trace.kind == "jupyter" else ("text", _toml)
    events = "".join(f"    {{{_event_toml(event)}}},\n" for event in trace.events)
    return (
        f"title = {_toml(trace.title)}\nsource = {_toml(trace.source)}\nkind = {_toml(trace.kind)}\n"
        f"{field} = {shown(trace.text)}\nevents = [\n{events}]\nfinal = {shown(trace.final)}\n"
    )


def _string(fields: Mapping[str, Any], field: str) -> str:
    value = fields.get(field)
    if not isinstance(value, str) or not value.strip():
        raise DocumentError(f"the trace's {field} is missing or no text: write one")
    return value


def _kind(fields: Mapping[str, Any]) -> Kind:
    for kind in _KINDS:
        if fields.get("kind") == kind:
            return kind
    raise DocumentError(f"the trace's kind is {fields.get('kind')!r}: choose {', '.join(_KINDS)}")


def _event(event: object, number: int) -> Event:
    """Return an event as it stands in the list of events."""
    match event:
        case {"type": str(text), **rest} if text and not rest:
            return Type(text)
        case {"accept": str(text), **rest} if text and not rest:
            return Accept(text)
        case {"backspace": int(count), **rest} if _positive(count) and not rest:
            return Backspace(count)
        case {"pause_ms": int(ms), **rest} if _positive(ms) and not rest:
            return Pause(ms)
        case {"jump": list(place), "cell": int(cell), **rest} if _is_place(place) and _positive(cell) and not rest:
            return Jump(place[0], place[1] if place[1:] else None, cell)
        case {"jump": list(place), **rest} if _is_place(place) and not rest:
            return Jump(*place)
    raise DocumentError(
        f"event {number} is {str(event)[:60]}: write one of {', '.join(_EVENTS)} with a text, a number from 1 on, "
        "or for jump [line, column]"
    )


def _is_place(place: list[Any]) -> bool:
    return len(place) in (1, 2) and all(map(_positive, place))


def _positive(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value > 0


def _notebook(fields: Mapping[str, Any], field: str) -> str:
    """Return a list of cells as the JSON text of a Jupyter notebook."""
    cells = fields.get(field)
    if not isinstance(cells, list) or not cells:
        raise DocumentError(f"the trace's {field} must be a list of cells for kind jupyter: write one")
    notebook = {
        "cells": [_cell(cell, f"cell {number} of {field}") for number, cell in enumerate(cells, start=1)],
        "metadata": {"language_info": {"name": "python"}},
        "nbformat": 4,
        "nbformat_minor": 5,
    }
    return json.dumps(notebook, indent=1, ensure_ascii=False) + "\n"


def _cell(cell: object, name: str) -> dict[str, object]:
    match cell:
        case str(code):
            source = lines_of(code)
            empty: dict[str, object] = {"execution_count": None, "metadata": {}, "outputs": []}
            return {"cell_type": "code", **empty, "source": source}
        case {"markdown": str(text), **rest} if not rest:
            return {"cell_type": "markdown", "metadata": {}, "source": lines_of(text)}
    raise DocumentError(f"{name} is {str(cell)[:60]}: write the code as a string, or {{markdown = '…'}}")


def _cells_toml(notebook: str) -> str:
    cells = [(cell.kind, _toml(cell.code)) for cell in parse_ipynb(notebook).cells]
    return "[\n" + "".join(f"{code if kind == 'code' else f'{{{kind} = {code}}}'},\n" for kind, code in cells) + "]"


def _event_toml(event: Event) -> str:
    match event:
        case Type(text):
            return f"type = {_toml(text)}"
        case Accept(text):
            return f"accept = {_toml(text)}"
        case Backspace(count):
            return f"backspace = {count}"
        case Pause(ms):
            return f"pause_ms = {ms}"
        case Jump(line, column, cell):
            place = f"{line}" if column is None else f"{line}, {column}"
            return ("" if cell is None else f"cell = {cell}, ") + f"jump = [{place}]"


def _toml(text: str) -> str:
    """Return a string as TOML writes it: between quotes as it is, or with escapes where that cannot be."""
    if _UNQUOTABLE.search(text):
        # JSON's escapes are TOML's, but for one character that JSON leaves as it is.
        return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")
    if "\n" not in text and "'" not in text:
        return f"'{text}'"
    # TOML drops a newline right after the quotes.
    return "'''\n" + text + "'''"
