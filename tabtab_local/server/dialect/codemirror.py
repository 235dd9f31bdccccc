"""What @marimo-team/codemirror-ai's next-edit prediction sends, and reads. Pure.

The whole document with the cursor marked comes as a chat message; the answer is the whole document after the edit, with
a cursor marker somewhere, or nothing is shown. The client makes out the edit by a diff of words that goes wrong where
there is more than one change, so it is told of insertions at its cursor alone.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypedDict

from tabtab_local.desk.ask import Ask, ask_between
from tabtab_local.prompt import CURSOR, EDIT_END, EDIT_START
from tabtab_local.server.dialect import Found

_BEGIN, _END = f"{EDIT_START}\n", f"\n{EDIT_END}"


class OutputText(TypedDict):
    """A text."""

    type: str
    text: str


class Content(TypedDict):
    """The document after the edit, in a list of one text."""

    content: list[OutputText]


class Output(TypedDict):
    """An answer as codemirror-ai reads it."""

    model: str
    output: Content


def ask(said: str) -> Ask | None:
    """Return the question in a message, None where it holds none."""
    asked = said.rstrip()
    document = asked.partition(_BEGIN)[2].removesuffix(_END) if asked.endswith(_END) else ""
    prefix, marked, suffix = document.partition(CURSOR)
    return ask_between("codemirror", prefix, suffix) if marked else None


def answer(found: Found) -> Mapping[str, Any]:
    """Return the document after the edit; without a marker where there is none, which the client takes for nothing.

    The marker stands at the end, where it keeps the last line end from being stripped.
    """
    text = ""
    if found.ask and found.insertion:
        before = found.ask.text
        text = f"{before[: found.ask.caret]}{found.insertion}{before[found.ask.caret :]}{CURSOR}"
    return {"model": found.model.name, "output": {"content": [{"type": "output_text", "text": text}]}}
