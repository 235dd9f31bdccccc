"""What tests of editing share: documents with a bar for the cursor, scripted answers, and engines to compare with."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from tabtab_local.document import Document
from tabtab_local.edits import Edit
from tabtab_local.engine import UNGUIDED, Generation, Guide, LlamaEngine, never
from tabtab_local.engine.context import Row
from tabtab_local.prompt import CURSOR, EDIT_END, MARKERS, Response, render_response
from tabtab_local.session import Session
from tabtab_local.suggestion import Suggestion
from tests.fakes import Request, ScriptedEngine

MARIMO = """\
import marimo

app = marimo.App()


@app.cell
def _():
    total = 1
    return (total,)


@app.cell
def _(total):
    print("first", total)
    return


@app.cell
def _(total):
    print("second", total)
    return
"""


def python(marked: str) -> Document:
    """Return a file whose cursor stands at the bar."""
    cursor = marked.index("|")
    code = marked.replace("|", "", 1)
    return Document("python", code, code, cursor)


def typed(document: Document, text: str) -> Document:
    """Return a document after `text` was typed at its cursor."""
    return document.edited((Edit(document.cursor, document.cursor, text),), document.cursor + len(text))


def deleted(document: Document, count: int = 1) -> Document:
    """Return a document after Backspace was pressed `count` times."""
    start = max(0, document.cursor - count)
    return document.edited((Edit(start, document.cursor, ""),), start)


def moved(document: Document, cursor: int) -> Document:
    """Return a document with the cursor elsewhere."""
    return document.at(document.cell, cursor)


def inserting(document: Document, text: str = "") -> str:
    """Return an answer that inserts `text` at the cursor of a document; without one nothing changes."""
    region = document.region()
    code, at = region.of(document.code), document.cursor - region.start
    return render_response(Response(code[:at] + text + code[at:], at + len(text)))


def rewriting(document: Document, old: str, new: str) -> str:
    """Return an answer that puts `new` in the place of the first `old` behind the cursor, and the cursor behind it."""
    region = document.region()
    code, at = region.of(document.code), document.cursor - region.start
    start = code.index(old, at)
    return render_response(Response(code[:start] + new + code[start + len(old) :], start + len(new)))


def essence(suggestion: Suggestion) -> tuple[Document, tuple[Edit, ...], int | None, str | None]:
    """Return what two suggestions must have in common to be the same."""
    return suggestion.document, suggestion.edits, suggestion.cursor, suggestion.silence


def opened(document: Document, answers: Sequence[str], **options: Any) -> tuple[Session, ScriptedEngine]:
    """Return a session in which a document is open, and its engine, which gives these answers."""
    engine = ScriptedEngine(answers, **options)
    session = Session(engine)
    session.update(document)
    return session, engine


def asked(engine: ScriptedEngine) -> list[Request]:
    """Return the requests in which a model would write something."""
    return [request for request in engine.requests if request.max_tokens]


class TerseEngine(LlamaEngine):
    """Ends its answers in good form after a few tokens, as random weights never would: so there are edits to compare.

    Which tokens it writes, the model says: any that are text.
    """

    def _choose(self, row: Row, allowed: npt.NDArray[np.int64] | None, chosen: Sequence[int]) -> int:
        if allowed is not None:
            return super()._choose(row, allowed, chosen)
        cursor, end, newline = (self._vocabulary.tokenize(text)[0] for text in (CURSOR, EDIT_END, "\n"))
        if cursor in chosen:
            return newline if chosen[-1] == cursor else end
        if len(chosen) >= 5:
            return cursor
        row = row.copy()
        row[[token for token in range(len(row)) if self._vocabulary.ends_text(token)]] = -np.inf
        row[[self._vocabulary.marker(marker) for marker in MARKERS]] = -np.inf
        return super()._choose(row, None, chosen)


class ForgetfulEngine(TerseEngine):
    """Reads everything anew for each request."""

    def generate(
        self,
        prompt: str,
        start: str,
        *,
        max_tokens: int,
        stop: str,
        cancel: Callable[[], bool] = never,
        guide: Guide = UNGUIDED,
    ) -> Generation:
        """Answer as a fresh engine."""
        self.forget()
        return super().generate(prompt, start, max_tokens=max_tokens, stop=stop, cancel=cancel, guide=guide)
