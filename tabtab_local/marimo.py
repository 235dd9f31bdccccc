"""Marimo notebooks: the cells of a Python file in which each cell is a function.

    @app.cell                      the cell's code is the function's body, without the generated `return`;
    def _(pd):                     with arguments, decorator and signature may span lines
        df = pd.DataFrame()
        return (df,)

    @app.function                  the code is the whole function (or class) below the decorator
    @app.class_definition

    with app.setup:                the code is the body

    app._unparsable_cell(          the code, indented, as a string: Marimo writes so what does not parse
        r\"\"\"

Follows the file format of Marimo 0.10 to 0.25, line by line instead of through the syntax tree, because a cell that
is being typed seldom parses. Arguments and `return` are left as they are: Marimo writes them anew when it saves.

A line at column 0 that reads like the beginning of a cell is one, even inside a string.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from tabtab_local.edits import Span
from tabtab_local.names import syntax_tree
from tabtab_local.notebook import Cell, CellLine, Notebook, split_indent

_INDENT = "    "

_APP = re.compile(r"^app[ \t]*=[ \t]*\w+\.App\(", re.MULTILINE)
_IMPORT = re.compile(r"^import[ \t]+marimo\b", re.MULTILINE)
_HEADER = re.compile(
    r"^(?:@app\.(?P<decorator>cell|function|class_definition)\b"
    r"|(?P<setup>(?:async[ \t]+)?with[ \t]+app\.setup\b)"
    r"|(?P<unparsable>app\._unparsable_cell\b)"
    r"|(?P<end>if[ \t]+__name__[ \t]*==))",
    re.MULTILINE,
)
_DEF = re.compile(r"^(?:async[ \t]+)?def[ \t]+\w+[ \t]*", re.MULTILINE)
_AFTER_COLON = re.compile(r"[^\n:]*:[ \t]*(?P<body>[^\n#][^\n]*)")
_BRACKET = re.compile(r"\"(?:[^\"\\\n]|\\.)*\"|'(?:[^'\\\n]|\\.)*'|#[^\n]*|(?P<open>[(\[{])|(?P<close>[)\]}])")
_UNPARSABLE = re.compile(r"app\._unparsable_cell\([ \t]*\n[ \t]*(?P<raw>r?)(?P<quote>\"\"\")\n")
_FIRST_INDENT = re.compile(r"\t| {2,4}")
_RETURN = re.compile(r"(    |\t|  )return\b")
_RETURN_END = re.compile(r"(    |\t|  )[)\]]")

# A row of the file: the offset of its line, and the line.
_Row = tuple[int, str]


def is_marimo(text: str) -> bool:
    """Return whether a Python file is a Marimo notebook, also where it does not parse."""
    if not (_IMPORT.search(text) and _APP.search(text)):
        return False
    tree = syntax_tree(text)
    # A file that parses may hold a notebook in a string, as tests do.
    return tree is None or any(
        isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name) and node.targets[0].id == "app"
        for node in tree.body
    )


def parse_marimo(text: str) -> Notebook:
    """Return the cells of a Marimo notebook. What does not look like a cell is passed over."""
    headers = list(_HEADER.finditer(text))
    ends = [*(header.start() for header in headers), len(text)][1:]
    cells: list[Cell] = []
    for header, end in zip(headers, ends, strict=True):
        if header["end"]:
            break
        cells += _cells_of(text, header, end)
    return Notebook(tuple(cells))


def _cells_of(text: str, header: re.Match[str], end: int) -> Iterator[Cell]:
    """Yield the cell between a header and the offset `end` of the next one, if there is one."""
    if header["unparsable"]:
        yield _unparsable_cell(text, header.start(), end)
    elif header["setup"]:
        yield _block_cell(text, header.end(), end, returns=False)
    elif header["decorator"] == "cell":
        signature = _DEF.search(text, _bracket_end(text, header.end(), end), end)
        if signature:
            yield _block_cell(text, signature.end(), end, returns=True)
    else:
        start = _next_line(text, _bracket_end(text, header.end(), end), end)
        rows = _without_empty_end(_rows(text, start, end))
        if rows:
            yield _cell(rows, indent="")


def _block_cell(text: str, head_end: int, end: int, *, returns: bool) -> Cell:
    """Return the cell that is the body of a block, whose head is read up to the offset `head_end`."""
    head_end = _bracket_end(text, head_end, end)
    # A bracket that is still at `head_end` was never closed: the signature itself is half typed.
    same_line = None if text.startswith("(", head_end) else _AFTER_COLON.match(text, head_end, end)
    if same_line:
        # `def _(): return` is not what Marimo writes; there is no line to put code on.
        code = same_line["body"].strip()
        return Cell("" if code.startswith("return") else code)
    start = _next_line(text, head_end, end)
    rows = _rows(text, start, end)
    found = _return_row(rows) if returns else None
    if found is not None:
        body, indent = rows[: found[0]], found[1]
        if not body:
            offset, line = rows[found[0]]
            return Cell("", span=Span(offset, offset + len(line)), indent=indent)
        return _cell(body, indent)
    body = _without_empty_end(rows)
    if body:
        return _cell(body, _first_indent(body))
    at_end_of_file = start == len(text) and text.endswith("\n")
    return Cell("", span=Span(start, start) if at_end_of_file else None, indent=_INDENT)


def _unparsable_cell(text: str, start: int, end: int) -> Cell:
    opening = _UNPARSABLE.match(text, start, end)
    closing = text.find('"""', opening.end(), end) if opening else -1
    if not opening:
        return Cell("")
    if not opening["raw"]:
        # Escaped quotes stand in the file, so the code is no part of its text.
        code = re.split(r'(?<!\\)"""', text[opening.end() : end])[0]
        lines = [split_indent(line, _INDENT)[1] for line in code.split("\n")[:-1]]
        return Cell(re.sub(r"\\(.)", r"\1", "\n".join(lines)))
    body_end = text.rfind("\n", opening.end() - 1, closing) + 1
    rows = _rows(text, opening.end(), body_end) if closing >= 0 else []
    return _cell(rows, _INDENT, quote=opening["quote"]) if rows else Cell("")


def _cell(rows: list[_Row], indent: str, quote: str = "") -> Cell:
    parts = [split_indent(line, indent) for _, line in rows]
    return Cell(
        code="\n".join(code for _, code in parts),
        span=Span(rows[0][0], rows[-1][0] + len(rows[-1][1])),
        lines=tuple(CellLine(start, own) for (start, _), (own, _) in zip(rows, parts, strict=True)),
        indent=indent,
        quote=quote,
    )


def _bracket_end(text: str, start: int, end: int) -> int:
    """Return the offset after the bracket that opens at `start` is closed; `start` where none opens or closes."""
    depth = 0
    if text.startswith("(", start):
        for match in _BRACKET.finditer(text, start, end):
            depth += bool(match["open"]) - bool(match["close"])
            if depth == 0 and match["close"]:
                return match.end()
    return start


def _next_line(text: str, offset: int, end: int) -> int:
    newline = text.find("\n", offset, end)
    return end if newline < 0 else newline + 1


def _rows(text: str, start: int, end: int) -> list[_Row]:
    """Return the lines from `start`, the beginning of one, to `end`, where the line after the last begins."""
    if start == end:
        return []
    rows = []
    for line in text[start:end].removesuffix("\n").split("\n"):
        rows.append((start, line))
        start += len(line) + 1
    return rows


def _without_empty_end(rows: list[_Row]) -> list[_Row]:
    """Return the rows up to the last that is not empty, at least one; blanks in a row show that someone types there."""
    last = max((i for i, (_, line) in enumerate(rows) if line), default=0)
    return rows[: last + 1]


def _first_indent(rows: list[_Row]) -> str:
    """Return the indentation of a body: that of its first line with code."""
    first = next((line for _, line in rows if line.strip()), "")
    match = _FIRST_INDENT.match(first)
    return match[0] if match else _INDENT


def _return_row(rows: list[_Row]) -> tuple[int, str] | None:
    """Return the index and the indentation of the generated `return`, which ends a body and may span lines."""
    last = len(rows) - 1
    # What stands at column 0 after the `return` lies between two cells.
    while last >= 0 and not (rows[last][1].strip() and rows[last][1][0] in " \t"):
        last -= 1
    if last < 0:
        return None
    first = last
    closing = _RETURN_END.match(rows[last][1])
    if closing:
        deeper = (closing[1] + " ", closing[1] + "\t")
        first -= 1
        while first >= 0 and (rows[first][1].startswith(deeper) or not rows[first][1].strip()):
            first -= 1
    opening = _RETURN.match(rows[first][1]) if first >= 0 else None
    if opening is None or (closing and (closing[1] != opening[1] or not rows[first][1].rstrip().endswith(("(", "[")))):
        return None
    return first, opening[1]
