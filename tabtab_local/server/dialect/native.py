"""`POST /v1/tabtab/next_edit`: our own, for clients that can show any edit."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Annotated, Any, TypedDict

import msgspec

from tabtab_local.complete import Completion, to_json
from tabtab_local.desk.ask import Ask, ask_at, with_ends_of, with_newlines
from tabtab_local.document import document_of
from tabtab_local.edits import Position, offset_of
from tabtab_local.engine import Timings
from tabtab_local.errors import UsageError
from tabtab_local.prompt import RecentEdit, clean_intent
from tabtab_local.server.dialect import Found

_Line = Annotated[int, msgspec.Meta(ge=1)]


class Place(msgspec.Struct, forbid_unknown_fields=True):
    """A place: line and column from 1, columns in code points."""

    line: _Line
    column: _Line


class Recent(msgspec.Struct, forbid_unknown_fields=True):
    """Whole lines that were edited lately, before and after."""

    original: str
    updated: str


class NextEdit(msgspec.Struct, forbid_unknown_fields=True):
    """A document with a cursor: `text`, or the code of the `cells` of a notebook and which `cell` the cursor is in.

    `document` is what the client calls it: a newer request for it replaces an older one. `version` comes back.
    """

    cursor: Place
    text: str | None = None
    cells: list[str] | None = None
    cell: Annotated[int, msgspec.Meta(ge=0)] | None = 0
    document: str | None = ""
    version: int | None = 0
    recent_edits: list[Recent] | None = None
    intent: str | None = ""


class Replacement(TypedDict):
    """A text in the place of what stands between two places."""

    start: Place
    end: Place
    text: str


class Answer(TypedDict):
    """Edits of one cell, and where the cursor stands after them; or why there are none."""

    id: int
    document: str
    version: int
    cell: int
    edits: list[Replacement]
    cursor: Place | None
    silence: str | None


class ModelAnswer(Answer, total=False):
    """The same where the model was asked, with what it took."""

    model: str
    prompt_version: int
    intent: str
    confidence: float
    timings: Timings


class Native:
    """Any edit, where it belongs, and what it took; `id` names it, to tell later what became of it."""

    name = "next_edit"
    path = "/v1/tabtab/next_edit"
    body = NextEdit
    replies = (ModelAnswer,)
    media = ""

    async def ask(self, body: NextEdit, headers: Mapping[str, str]) -> Ask:
        """Return the question about the text or the cell."""
        pairs = ((with_newlines(each.original), with_newlines(each.updated)) for each in body.recent_edits or ())
        recent = tuple(RecentEdit(original, updated) for original, updated in pairs)
        name, intent = body.document or "", clean_intent(body.intent or "")
        more = {"name": name, "recent_edits": recent, "intent": intent, "takes_edits": True}
        position = Position(body.cursor.line, body.cursor.column)
        if body.cells is None:
            text = body.text or ""
            return ask_at(self.name, text, offset_of(text, position), **more)
        if body.text is not None:
            raise UsageError("both text and cells are given: give the one or the other")
        if not body.cells:
            raise UsageError("there are no cells: give the code of one at least")
        cell = body.cell or 0
        if cell >= len(body.cells):
            raise UsageError(f"there is no cell {cell}: choose 0-{len(body.cells) - 1}")
        code = body.cells[cell]
        ask = ask_at(self.name, code, offset_of(code, position), **more)
        cells = [with_newlines(each) for each in body.cells]
        return replace(ask, document=document_of(cells, cell, ask.caret))

    def answer(self, body: NextEdit, found: Found) -> Mapping[str, Any]:
        """Return the edits as the command line does, with the cell that they belong to."""
        cell = body.cell or 0
        told = {"id": found.number, "document": body.document or "", "version": body.version or 0, "cell": cell}
        suggestion = found.suggestion
        if suggestion is None:
            return {**told, "edits": [], "cursor": None, "silence": found.silence}
        completion = Completion(
            found.model.name,
            suggestion.intent,
            suggestion.edits,
            suggestion.cursor,
            suggestion.silence,
            suggestion.confidence,
            found.timings,
        )
        if body.cells is not None:
            told["cell"] = suggestion.document.cell
        answer: dict[str, Any] = to_json(suggestion.document, completion)
        sent = body.text or "".join(body.cells or ())
        edits = [{**edit, "text": with_ends_of(sent, edit["text"])} for edit in answer["edits"]]
        return {**told, **answer, "edits": edits}
