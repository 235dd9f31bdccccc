"""A suggestion on the screen, and what typing and Tab do to it. Pure: no model is asked here."""

from __future__ import annotations

from dataclasses import dataclass, replace

from tabtab_local.document import Document
from tabtab_local.edits import Edit, Span, apply
from tabtab_local.engine import Timings
from tabtab_local.prompt import Prompt, Response
from tabtab_local.region import FILE_LINES

# What is typed at a snapshot takes room from the answer, of which `Settings.answer_tokens` are left for what is new.
_MOST_TYPED_CHARACTERS = 320


@dataclass(frozen=True)
class Exchange:
    """What a model was asked, and its answer.

    The region that it rewrites stands behind the first `above` characters of the document's code and before the last
    `below` ones. The prompt may be older than the document by what was typed in the region since.
    """

    prompt: Prompt
    response: Response
    above: int
    below: int


@dataclass(frozen=True)
class Suggestion:
    """An edit that is offered, or the reason why there is none.

    - `document`: what it applies to. Its cursor is the user's, unless the edit belongs to another place, to which an
      editor goes first.
    - `edits`: of the document's code, in order; none where `silence` gives a reason.
    - `cursor`: the offset in the edited code where the next edit belongs.
    - `timings`: the work that it took; nothing where no model was asked, because it was typed along or prepared before.
    - `exchange`: where the edits come from; the same for all that is left of a suggestion while it is typed along.
    """

    document: Document
    edits: tuple[Edit, ...]
    cursor: int | None
    intent: str
    silence: str | None
    confidence: float
    timings: Timings | None
    exchange: Exchange | None = None

    @property
    def ghost(self) -> str:
        """The text that appears at the cursor; empty where the edit is of another kind or stands elsewhere too."""
        if len(self.edits) != 1:
            return ""
        (edit,) = self.edits
        return edit.text if edit.start == edit.end == self.document.cursor else ""

    def accepted(self) -> Document:
        """Return the document after Tab, with the cursor where the answer put it."""
        return self.document.edited(self.edits, self.document.cursor if self.cursor is None else self.cursor)

    def is_made_in(self, now: Document) -> bool:
        """Return whether a document is what this one is after Tab, wherever its cursor stands."""
        old = self.document
        codes = (*old.codes[: old.cell], apply(old.code, self.edits), *old.codes[old.cell + 1 :])
        return bool(self.edits) and (now.kind, now.codes) == (old.kind, codes)

    def typed_along(self, now: Document) -> Suggestion | None:
        """Return what is left of the suggestion where the user has typed its beginning; nothing where they have not.

        Also nothing where all of it has been typed.
        """
        old, at = self.document, self.document.cursor
        if not self.edits or not now.like(old):
            return None
        if (now.code, now.cursor) == (old.code, at):
            return replace(self, document=now)
        count, first = now.cursor - at, self.edits[0]
        typed = now.code[at : now.cursor]
        if count <= 0 or first.start != at or not first.text.startswith(typed):
            return None
        if len(now.code) != len(old.code) + count or not _inserted(old.code, at, now.code, count):
            return None
        left = (replace(first, text=first.text[count:]), *self.edits[1:])
        edits = tuple(edit.shifted(count) for edit in left if edit.text or edit.start < edit.end)
        return replace(self, document=now, edits=edits, timings=None) if edits else None


@dataclass(frozen=True)
class Snapshot:
    """A document as it was when a prompt was made of its region.

    What is typed at its cursor is the beginning of the answer to that prompt, which stays as it is. Where that is a
    short one, quick to read, `wide` is the same with all that the model should see.
    """

    document: Document
    region: Span
    prompt: Prompt
    max_tokens: int
    wide: Snapshot | None = None

    def before(self, now: Document) -> str | None:
        """Return what the region holds before the cursor by now, if that is all that has changed; else nothing.

        Nothing, too, where so much has come or gone that the region is to be chosen anew.
        """
        old = self.document
        if abs(len(now.code) - len(old.code)) > _MOST_TYPED_CHARACTERS:
            return None
        if not now.like(old) or now.cursor < self.region.start:
            return None
        if len(now.code) - now.cursor != len(old.code) - old.cursor:
            return None
        if now.code[: self.region.start] != old.code[: self.region.start]:
            return None
        if now.code[now.cursor :] != old.code[old.cursor :]:
            return None
        before = now.code[self.region.start : now.cursor]
        lines = before.count("\n") - old.code.count("\n", self.region.start, old.cursor)
        return before if abs(lines) <= FILE_LINES else None

    def region_of(self, now: Document) -> Span:
        """Return the region's place in a document for which `before` has an answer."""
        return Span(self.region.start, self.region.end + now.cursor - self.document.cursor)


def _inserted(old: str, at: int, new: str, count: int) -> bool:
    """Return whether `new` is `old` with `count` characters more at the offset `at`."""
    return new[:at] == old[:at] and new[at + count :] == old[at:]
