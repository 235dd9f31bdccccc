"""Where else something has to change after an edit: uses of a name that it renamed, calls of what it re-signed.

A definition whose name has changed leaves uses of its old name behind, in its scope and, in a notebook, in the cells
that depend on it; a function that takes other arguments leaves calls that no longer fit. A place is a proposal, which
the model confirms; so silence is better than a wrong place, and what an edit may have meant in two ways has none.
Attributes are followed behind `self` and the name of their class, not in other objects, whose class nobody knows. Pure.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from tabtab_local.document import Document
from tabtab_local.names import definitions
from tabtab_local.place.flow import survey
from tabtab_local.place.rename import renames
from tabtab_local.place.resign import resignings
from tabtab_local.place.scope import Survey

# More is nobody's Tab, Tab, Tab.
_LIMIT = 50


@dataclass(frozen=True)
class Place:
    """Somewhere that an edit elsewhere asks for one: a use of a name that it renamed or re-signed.

    `cell` is the index of the notebook's cell, 0 for a file; `offset`, in that cell's code (the file's code), the end
    of the name or a place inside the call's parentheses; `name` stands there as it still is; `why` says what was done
    elsewhere, such as "renamed to total_price" or "signature changed: added argument `unit`".
    """

    cell: int
    offset: int
    name: str
    why: str


def next_places(before: Document, after: Document, *, limit: int = _LIMIT) -> tuple[Place, ...]:
    """Return the places that the edit between two states of a document has left behind, at most `limit`.

    They come in the order of the code from the cursor on, and round to it; then those of other cells, near before far.
    """
    if before.cell != after.cell or before.code == after.code:
        return ()
    others = _other_cells(after)
    nearest = {after.cell: 0} | {index: rank for rank, (index, _) in enumerate(others, start=1)}
    found: dict[tuple[int, int], Place] = {}
    for place in (*_left_behind(before, after, others), *_misfits(before, after, others)):
        found.setdefault((place.cell, place.offset), place)

    def rank(place: Place) -> tuple[int, bool, int]:
        return nearest[place.cell], place.cell == after.cell and place.offset <= after.cursor, place.offset

    return tuple(sorted(found.values(), key=rank))[: max(0, limit)]


def renamed(before: Document, after: Document) -> dict[str, str]:
    """Return the new name of each definition that the edit of a document's code has renamed.

    Example: "n = 1\\nf(n)" → "count = 1\\nf(n)" gives {"n": "count"}
    """
    return {rename.old: rename.new for rename in renames(before.code, after.code)}


def resigned(before: Document, after: Document) -> dict[str, str]:
    """Return, in words, what the edit of a document's code has changed of the arguments of each function.

    Example: "def f(a): ..." → "def f(a, b): ..." gives {"f": "added argument `b`"}
    """
    return {function.name: function.how for function in resignings(before.code, after.code)}


def _other_cells(document: Document) -> list[tuple[int, str]]:
    """Return the other cells of code and their indices, near before far."""
    cells = document.notebook.cells if document.notebook else ()
    others = [(i, cell.code) for i, cell in enumerate(cells) if cell.kind == "code" and i != document.cell]
    return sorted(others, key=lambda cell: (abs(cell[0] - document.cell), cell[0]))


def _left_behind(before: Document, after: Document, others: list[tuple[int, str]]) -> Iterator[Place]:
    """Yield the uses of old names of what was renamed."""
    for rename in renames(before.code, after.code, [code for _, code in others]):
        why = f"renamed to {rename.new}"
        yield from (Place(after.cell, end, rename.old, why) for end in rename.left)
        if rename.is_exported and _is_shared(after, rename.new):
            for index, found in _dependents(after, rename.old, others):
                yield from (Place(index, start + len(rename.old), rename.old, why) for start in sorted(found.free))


def _misfits(before: Document, after: Document, others: list[tuple[int, str]]) -> Iterator[Place]:
    """Yield the calls that no longer fit what was re-signed."""
    for function in resignings(before.code, after.code):
        for call in function.calls:
            yield from (Place(after.cell, *stale) for stale in function.stale(call, here=True))
        for index, found in _dependents(after, function.called, others) if function.is_exported else ():
            for start in sorted(found.free & found.calls.keys()):
                yield from (Place(index, *stale) for stale in function.stale(found.calls[start], here=False))


def _is_shared(document: Document, name: str) -> bool:
    """Return whether other cells may use what a cell defines by this name: in Marimo, some names stay in their cell."""
    return document.kind != "marimo" or bool(definitions(f"{name} = 0"))


def _dependents(document: Document, name: str, others: list[tuple[int, str]]) -> Iterator[tuple[int, Survey]]:
    """Yield the other cells that use what the document's cell defines as `name`, near before far."""
    if not _is_shared(document, name):
        return
    found = [(index, survey(code, name)) for index, code in others]
    defining = [index for index, other in found if other.binds]
    if document.kind == "marimo":
        # It allows one definition of a name: with another, whose the uses are cannot be told.
        yield from found if not defining else ()
        return
    # Cells run from top to bottom, if nothing else is known; the next that defines the name may still use it.
    until = min((index for index in defining if index > document.cell), default=None)
    for index, other in found:
        if not defining or (index > document.cell and (until is None or index <= until)):
            yield index, other
