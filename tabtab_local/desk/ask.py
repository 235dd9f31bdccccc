"""What clients want to know, whatever they speak, and what they can be told. Pure.

Every dialect is read into an `Ask`, and what the session suggests is projected onto what the client can show: text at
its caret, a stretch of lines rewritten, or edits.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from tabtab_local.document import Document, document_at
from tabtab_local.edits import Edit, Span, apply
from tabtab_local.prompt import RecentEdit
from tabtab_local.suggestion import Suggestion


@dataclass(frozen=True)
class Ask:
    """A question: which edit belongs here?

    - `client`: which program asks, and in which words, as far as that can be told.
    - `text`, `caret`: what the client sees, and the offset of its cursor there: the file, or one cell of a notebook.
    - `document`: what that is for the model.
    - `peer`: the address that it asks from; empty for an editor that has a desk of its own.
    - `name`: what the client calls the document; empty where it does not say, and the text has to tell.
    - `window`: the part of the text that the client replaces by the answer; None where it inserts, or takes edits.
    - `looks_ahead`: whether the client also asks about the text after a suggestion that nobody has taken yet.
    - `takes_edits`: whether the client shows any edit, wherever it belongs.
    - `sent`: the text as the client sent it, whose line ends may be others: what it is told has them too.
    - `recent_edits`: what the client says was edited lately, oldest first. Where it says nothing, what changed between
      its requests is remembered.
    """

    client: str
    text: str
    caret: int
    document: Document
    sent: str
    name: str = ""
    peer: str = ""
    recent_edits: tuple[RecentEdit, ...] = ()
    intent: str = ""
    window: Span | None = None
    takes_edits: bool = False
    looks_ahead: bool = False

    @property
    def whose(self) -> tuple[str, str, str]:
        """Whose document it is: what one client asks is no business of another."""
        return self.client, self.peer, self.name

    @property
    def sees_file(self) -> bool:
        """Whether the client sees the whole file, and not one of its cells."""
        return self.document.kind != "cells" and self.text == self.document.seen

    @property
    def around(self) -> tuple[str, str]:
        """What the client has before its cursor and behind it, as it sent it."""
        caret = self._sent_at(self.caret)
        return self.sent[:caret], self.sent[caret:]

    def edits(self, suggestion: Suggestion) -> tuple[Edit, ...]:
        """Return what is suggested as edits of the client's text; none where they stand in another cell."""
        if self.sees_file:
            return suggestion.document.seen_edits(suggestion.edits)
        return suggestion.edits if suggestion.document.cell == self.document.cell else ()

    def shows(self, suggestion: Suggestion) -> bool:
        """Return whether the client shows what is suggested, by the way in which it takes answers."""
        if self.takes_edits:
            return bool(suggestion.edits)
        if self.window:
            return self.rewritten(suggestion) != self.rewritten(None)
        return bool(self.insertion(suggestion))

    def insertion(self, suggestion: Suggestion) -> str:
        """Return what a client shows that can only insert at its caret: nothing unless that is the whole edit."""
        edits = self.edits(suggestion)
        at_caret = len(edits) == 1 and edits[0].start == edits[0].end == self.caret
        return with_ends_of(self.sent, edits[0].text) if at_caret else ""

    def rewritten(self, suggestion: Suggestion | None) -> str:
        """Return the window as it is after the edit; as it is now where there is none, or it reaches beyond it."""
        window = self.window or Span(0, len(self.text))
        edits = self.edits(suggestion) if suggestion else ()
        if not all(window.start <= edit.start and edit.end <= window.end for edit in edits):
            edits = ()
        start, end = self._sent_at(window.start), self._sent_at(window.end)
        return apply(self.sent[start:end], [self._sent_edit(edit).shifted(-start) for edit in edits])

    def _sent_edit(self, edit: Edit) -> Edit:
        """Return an edit of the text as one of what was sent."""
        return Edit(self._sent_at(edit.start), self._sent_at(edit.end), with_ends_of(self.sent, edit.text))

    def _sent_at(self, offset: int) -> int:
        """Return where an offset of the text is in what was sent: a character later for each line end of Windows."""
        count = self.text.count("\n", 0, offset)
        return offset + sum(line.endswith("\r") for line in self.sent.split("\n", count)[:count])


def ask_at(client: str, text: str, caret: int, **more: object) -> Ask:
    """Return the question of a client whose cursor stands at the offset `caret` of a file's `text`.

    Raises `UsageError` for a cursor outside the text, `DocumentError` for a notebook that cannot be understood.
    """
    sent = text
    caret -= text.count("\r\n", 0, caret) + text.startswith("\r\n", max(0, caret - 1)) * (caret > 0)
    text = with_newlines(text)
    return replace(Ask(client, text, caret, document_at(text, caret), sent), **more)  # type: ignore[arg-type]


def ask_between(client: str, prefix: str, suffix: str, **more: object) -> Ask:
    """Return the question of a client that sends what stands before and behind its cursor."""
    return ask_at(client, prefix + suffix, len(prefix), **more)


def with_newlines(text: str) -> str:
    """Return a text as all texts are inside the program, where `\\n` ends a line."""
    return text.replace("\r\n", "\n")


def with_ends_of(sent: str, text: str) -> str:
    """Return a text that is put into one that a client has `sent`: with the line ends that most lines have there."""
    return text.replace("\n", "\r\n") if 2 * sent.count("\r\n") > sent.count("\n") else text
