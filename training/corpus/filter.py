"""Which files are worth learning from: a text with its cells, or the reason why it is left out.

The rules in order: what is code at all (encoding, size, parses), what people wrote (not generated, not minified, not
data), what anybody may use (no foreign licence in its head), what nobody should repeat (secrets). Names in any
language are kept.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from tabtab_local.edits import Span
from tabtab_local.errors import DocumentError
from tabtab_local.jupyter import parse_ipynb
from tabtab_local.marimo import is_marimo, parse_marimo
from tabtab_local.notebook import Notebook
from training.corpus.source import File
from training.data.document import CELL_GAP, parse
from training.foreign import is_foreign, is_generated

Kind = Literal["notebook", "tutorial", "library", "test"]
KINDS: tuple[Kind, ...] = ("notebook", "tutorial", "library", "test")

_BYTES = (150, 300_000)
_LONGEST_LINE = 400
_MEAN_LINE = 80
_HEAD_CHARACTERS = 2500
# Of the characters of words, numbers and quoted text, what may be the latter two: more is a table, not a program.
_DATA_SHARE = 0.8

_TEST = re.compile(
    r"(^|/)(tests?|testing|unit_?tests?|integration_?tests?)/|(^|/)(test_[^/]*|[^/]*_test|conftest)\.py$"
)
_TUTORIAL = re.compile(
    r"(^|/)(docs?|examples?|tutorials?|demos?|gallery|galleries|samples?|cookbook|notebooks?|guides?|recipes|learn"
    r"|exercises?|lessons?|courses?|getting[_-]?started|user_?guide)/",
    re.IGNORECASE,
)
_FOREIGN_TERMS = re.compile(
    r"GNU (Lesser |Affero )?General Public License|\b(A|L)?GPL[ -]?v?[23]|SPDX-License-Identifier:\s*\S*GPL"
    r"|CC[ -]BY-(NC|SA|ND)|All rights reserved\.?\s*\n[^\n]*(confidential|proprietary)",
    re.IGNORECASE,
)
_SECRET = re.compile(
    r"-----BEGIN [A-Z ]*PRIVATE KEY-----"
    r"|\b(AKIA|ASIA)[0-9A-Z]{16}\b"
    r"|\bgh[pousr]_[A-Za-z0-9]{36}\b|\bgithub_pat_\w{60,}"
    r"|\bglpat-[\w-]{20}\b|\bhf_[A-Za-z0-9]{34}\b"
    r"|\bsk-(proj-|ant-)?[\w-]{32,}|\bsk_live_\w{20,}|\bxox[baprs]-[\w-]{20,}"
    r"|\bAIza[\w-]{35}\b|\bya29\.[\w-]{30,}|\bnpm_[A-Za-z0-9]{36}\b|\bpypi-AgE[\w-]{50,}"
    r"|\beyJ[\w-]{15,}\.eyJ[\w-]{15,}\.[\w-]{20,}"
)
_ENCODED = re.compile(r"[A-Za-z0-9+/]{200,}")
_LITERAL = re.compile(r"\d[\d_.eE+-]*|'[^'\n]*'|\"[^\"\n]*\"")
# The first line of a cell whose rest is Python all the same.
_TIMED = re.compile(r"\A\s*%%(time|timeit|capture|prun)\b[^\n]*\n")
_WORD = re.compile(r"[^\W\d]\w*")


@dataclass(frozen=True)
class Text:
    """A file's code. `cells` are the spans of a notebook's code cells, none for a program."""

    text: str
    kind: Kind
    cells: tuple[Span, ...] = ()


def examined(file: File, *, tutorial: bool) -> Text | str:
    """Return a file as text to learn from, or the reason to leave it out.

    `tutorial` says that all of its source is written to be learnt from.
    """
    if is_foreign(file.path):
        return "of others, generated, or a test's input"
    if file.content is None:
        return "not in the clone"
    try:
        content = file.content.decode("utf-8").replace("\r\n", "\n")
    except UnicodeDecodeError:
        return "not UTF-8"
    if "\0" in content or "\r" in content:
        return "not text"
    try:
        text = _text(file.path, content, tutorial)
    except DocumentError:
        return "not a notebook"
    return _fault(text.text) or text


def _text(path: str, content: str, tutorial: bool) -> Text:
    if path.endswith(".ipynb"):
        return _of_cells(parse_ipynb(content))
    if is_marimo(content):
        return _of_cells(parse_marimo(content))
    kind: Kind = "tutorial" if tutorial or _TUTORIAL.search(path) else "test" if _TEST.search(path) else "library"
    return Text(content.strip("\n") + "\n", kind)


def _of_cells(notebook: Notebook) -> Text:
    codes = [_TIMED.sub("", cell.code).strip("\n") for cell in notebook.cells if cell.kind == "code"]
    return joined([code for code in codes if code.strip() and not code.startswith("%%")])


def joined(codes: Sequence[str]) -> Text:
    """Return the code of a notebook's cells as one text."""
    cells: list[Span] = []
    start = 0
    for code in codes:
        cells.append(Span(start, start + len(code)))
        start += len(code) + len(CELL_GAP)
    return Text(CELL_GAP.join(codes), "notebook", tuple(cells))


def _fault(text: str) -> str | None:
    if not _BYTES[0] <= len(text.encode()) <= _BYTES[1]:
        return f"not {_BYTES[0]} to {_BYTES[1]:,} bytes of code"
    lines = text.split("\n")
    if max(map(len, lines)) > _LONGEST_LINE or len(text) / len(lines) > _MEAN_LINE:
        return "minified, or lines too long to read"
    head = text[:_HEAD_CHARACTERS]
    if is_generated(head):
        return "of others, generated, or a test's input"
    if _FOREIGN_TERMS.search(head):
        return "names another licence"
    if _SECRET.search(text):
        return "holds what looks like a secret"
    if _ENCODED.search(text) or _data_share(text) > _DATA_SHARE:
        return "data rather than code"
    if not isinstance(parse(text), ast.Module):
        return "does not parse"
    return None


def _data_share(text: str) -> float:
    data = sum(len(match[0]) for match in _LITERAL.finditer(text))
    words = sum(len(match[0]) for match in _WORD.finditer(_LITERAL.sub(" ", text)))
    return data / max(1, data + words)
