"""Jupyter notebooks: the cells of a JSON file in nbformat 4, and edits that leave the rest of it byte for byte.

A cell's source is a list of lines or one string, and stays what it is. Changed lines are encoded as the file's other
text is (`é` or `\\u00e9`); unchanged lines keep their bytes. Line ends in a source are `\\n` here, whichever the file
has in its strings. Pure: text in, text out.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from tabtab_local.edits import Edit, Span, apply, lines_of, shared_start
from tabtab_local.errors import DocumentError
from tabtab_local.notebook import Cell, Notebook

_DECODER = json.JSONDecoder()
_BLANK = re.compile(r"[ \t\n\r]*")
# An escape that only a writer with ASCII output makes; control characters are always escaped.
_ASCII_ESCAPE = re.compile(r"(?<!\\)(?:\\\\)*\\u(?!00[0-7])[0-9a-fA-F]{4}")


@dataclass(frozen=True)
class _Value:
    """A value in the JSON text: where it stands and what it is. `key_start` is that of its key in an object."""

    span: Span
    value: object
    key_start: int


def parse_ipynb(text: str) -> Notebook:
    """Return the cells of a Jupyter notebook.

    Raises `DocumentError` where `text` is not JSON, not a notebook of nbformat 4, or has no cells.
    """
    try:
        document = json.loads(text)
    except json.JSONDecodeError as error:
        raise DocumentError(
            f"the notebook is not valid JSON at line {error.lineno}, column {error.colno} ({error.msg}): repair it"
        ) from error
    except (RecursionError, ValueError) as error:
        raise DocumentError("the notebook's JSON is nested too deeply or holds too long a number: repair it") from error
    if not isinstance(document, dict) or "nbformat" not in document:
        raise DocumentError("the file is JSON but not a Jupyter notebook: it has no nbformat")
    if document["nbformat"] != 4:
        raise DocumentError(
            f"the notebook has nbformat {json.dumps(document['nbformat'])[:40]}, and 4 is needed: convert it with "
            "jupyter nbconvert --to notebook --nbformat 4"
        )
    cells = document.get("cells")
    if not isinstance(cells, list) or not cells:
        raise DocumentError("the notebook has no cells: add one first")
    return Notebook(tuple(_cell(cell, number) for number, cell in enumerate(cells, start=1)))


def ipynb_edit(text: str, cell_index: int, edits: Sequence[Edit]) -> tuple[Edit, ...]:
    """Return edits of the code of cell `cell_index` (0-based) as edits of the JSON text inside its source's value.

    The text must be one that `parse_ipynb` accepts.
    """
    source = _source_of(text, cell_index)
    lines = _strings(source.value)
    crlf = sum(line.count("\r\n") for line in lines)
    newline = "\r\n" if crlf > sum(line.count("\n") for line in lines) - crlf else "\n"
    old = _normal(source.value)
    new = apply(old, edits)
    if new == old:
        return ()
    writer = _Writer(_writes_ascii(text), newline)
    if isinstance(source.value, str):
        return (Edit(source.span.start, source.span.end, writer.encoded(new)),)
    return (_list_edit(text, source, lines_of(new), writer),)


@dataclass(frozen=True)
class _Writer:
    """How the notebook's strings are written."""

    ascii_only: bool
    newline: str

    def encoded(self, line: str) -> str:
        line = line.replace("\n", self.newline)
        # Half of a surrogate pair can stand in JSON as an escape, and in UTF-8 not at all.
        lone_half = any("\ud800" <= character <= "\udfff" for character in line)
        return json.dumps(line, ensure_ascii=self.ascii_only or lone_half)


def _cell(cell: object, number: int) -> Cell:
    kind = cell.get("cell_type") if isinstance(cell, dict) else None
    source = cell.get("source") if isinstance(cell, dict) else None
    is_lines = isinstance(source, list) and all(isinstance(line, str) for line in source)
    if kind not in ("code", "markdown", "raw") or not (is_lines or isinstance(source, str)):
        raise DocumentError(f"cell {number} of the notebook has no known cell_type or no source: repair the file")
    return Cell(_normal(source), kind)


def _normal(source: object) -> str:
    """Return a source, as it stands in the JSON, as one text with `\\n` line ends."""
    return "".join(line.replace("\r\n", "\n") for line in _strings(source))


def _strings(source: object) -> list[str]:
    return [str(line) for line in source] if isinstance(source, list) else [str(source)]


def _list_edit(text: str, source: _Value, new: list[str], writer: _Writer) -> Edit:
    """Return the edit of a list of lines that keeps the equal lines at its beginning and at its end."""
    items = list(_items(text, source.span.start))
    old = [_normal(item.value) for item in items]
    if not items or not new:
        return Edit(source.span.start, source.span.end, _new_list(text, source, [writer.encoded(line) for line in new]))
    kept = shared_start(old, new)
    rest = min(len(old), len(new)) - kept
    kept_below = next((i for i in range(rest) if old[-1 - i] != new[-1 - i]), rest)
    changed = [writer.encoded(line) for line in new[kept : len(new) - kept_below]]
    separator = _separator(text, source, items)
    replaced = items[kept : len(items) - kept_below]
    if changed and replaced:
        return Edit(replaced[0].span.start, replaced[-1].span.end, separator.join(changed))
    start = items[kept - 1].span.end if kept else items[0].span.start
    end = items[-kept_below].span.start if kept_below else items[-1].span.end
    parts = ([""] if kept else []) + changed + ([""] if kept_below else [])
    return Edit(start, end, separator.join(parts))


def _separator(text: str, source: _Value, items: list[_Value]) -> str:
    """Return what stands between two lines of the list, or would."""
    if len(items) > 1:
        return text[items[0].span.end : items[1].span.start]
    return "," + (text[source.span.start + 1 : items[0].span.start] or " ")


def _new_list(text: str, source: _Value, lines: list[str]) -> str:
    """Return a list of lines in the style of the file: over several lines if the file's members stand on their own."""
    outer = text[text.rfind("\n", 0, source.key_start) + 1 : source.key_start]
    if not lines:
        return "[]"
    if "\n" not in text or outer.strip():
        return "[" + ", ".join(lines) + "]"
    unit = re.search(r"\{\n([ \t]+)", text)
    inner = outer + (unit[1] if unit else " ")
    return "[\n" + ",\n".join(inner + line for line in lines) + "\n" + outer + "]"


def _writes_ascii(text: str) -> bool:
    return text.isascii() and bool(_ASCII_ESCAPE.search(text))


def _source_of(text: str, cell_index: int) -> _Value:
    """Return the source of a cell as it stands in the text. Of equal keys the last counts, as in `json.loads`."""
    cells = dict(_members(text, _skip(text, 0)))["cells"]
    cell = list(_items(text, cells.span.start))[cell_index]
    return dict(_members(text, cell.span.start))["source"]


def _members(text: str, start: int) -> Iterator[tuple[str, _Value]]:
    """Yield the keys and values of the object that begins at `start`."""
    at = _skip(text, start + 1)
    while text[at] != "}":
        key, end = _DECODER.raw_decode(text, at)
        value = _value(text, _skip(text, _skip(text, end) + 1), key_start=at)
        yield str(key), value
        at = _skip_comma(text, value.span.end)


def _items(text: str, start: int) -> Iterator[_Value]:
    """Yield the values of the array that begins at `start`."""
    at = _skip(text, start + 1)
    while text[at] != "]":
        value = _value(text, at, key_start=at)
        yield value
        at = _skip_comma(text, value.span.end)


def _value(text: str, start: int, key_start: int) -> _Value:
    value, end = _DECODER.raw_decode(text, start)
    return _Value(Span(start, end), value, key_start)


def _skip(text: str, at: int) -> int:
    blank = _BLANK.match(text, at)
    return blank.end() if blank else at


def _skip_comma(text: str, at: int) -> int:
    at = _skip(text, at)
    return _skip(text, at + 1) if text[at] == "," else at
