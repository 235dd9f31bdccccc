"""Which definitions an edit has renamed, and where in the same code their old names still stand.

The code before and after the edit is compared: a name that has taken another's place where both are bound is a renamed
definition, and with the old name put back there, `flow.py` says which other places are of the same variable. An edit
that may have meant something else, such as a value of its own for a later binding, is none. Pure.
"""

from __future__ import annotations

import ast
import keyword
import re
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from tabtab_local.edits import Edit, apply, diff
from tabtab_local.place.flow import survey
from tabtab_local.place.literal import code_only
from tabtab_local.place.scope import Reference, Scope, Survey
from tabtab_local.recent import changed_lines

# An edit of more than this is no renaming.
_MAX_CHANGED_CHARACTERS = 8000
_MAX_NAMES = 12

_WORD = re.compile(r"(?<!\w)[^\W\d]\w*")


@dataclass(frozen=True)
class Rename:
    """A definition that an edit has renamed.

    `left` are the ends of the old name where it still stands in the code after the edit; `is_exported` says whether
    other cells of a notebook would see the definition.
    """

    old: str
    new: str
    left: tuple[int, ...]
    is_exported: bool


def renames(before: str, after: str, elsewhere: Sequence[str] | None = None) -> Iterator[Rename]:
    """Yield the definitions that were renamed.

    With `elsewhere`, the code of other cells, only those whose old name still stands in these or in the code.
    """
    words: dict[tuple[str, str], list[tuple[int, int]]] = {}
    for old, new, was, now in sorted(set(_changed_words(before, after)), key=lambda word: word[3]):
        words.setdefault((old, new), []).append((was, now))
    for (old, new), places in list(words.items())[:_MAX_NAMES]:
        pattern = re.compile(rf"(?<!\w){old}(?!\w)")
        if elsewhere is None or any(pattern.search(code) for code in (after, *elsewhere)):
            found = _rename(before, after, old, new, places)
            if found is not None:
                yield found


def _rename(before: str, after: str, old: str, new: str, places: Sequence[tuple[int, int]]) -> Rename | None:
    """Return what was renamed where `new` stands for `old` now; `places` are offsets before and after the edit."""
    # Seen with its old name, what was renamed and what was left behind is one variable again.
    code = apply(after, [Edit(now, now + len(new), old) for _, now in places])
    kept = [now + number * (len(old) - len(new)) for number, (_, now) in enumerate(places)]
    found = survey(code, old, kept[0], _respelt(code_only(after), old, new, [now for _, now in places]))
    defined = [
        (there, here)
        for (there, _), here in zip(places, kept, strict=True)
        if any(known[here].binds for known in (found.names, found.attributes) if here in known)
    ]
    was = survey(before, old, places[0][0]) if defined else found
    if _bound(found, code, before) > _bound(was, before, code):
        # The edit has given the old name to something else.
        return None
    for there, here in defined:
        if _is_definition(was.names, found.names, there, here) and _is_first(found, here, kept):
            same = found.same(here)
            scope = found.names[here].scope
            starts = same if scope.kind != "class" else _members(code, scope, found, here)
            is_exported = bool(found.exported.intersection(same))
        elif _is_definition(was.attributes, found.attributes, there, here) and _is_first_of_class(found, here, kept):
            home = found.attributes[here].scope.around()
            starts = [start for start, place in found.attributes.items() if is_own(place, home)]
            is_exported = False
        else:
            continue
        left = [start for start in sorted(starts) if start not in kept]
        grown = [bisect_left(kept, start) * (len(new) - len(old)) for start in left]
        ends = tuple(start + by + len(old) for start, by in zip(left, grown, strict=True))
        return Rename(old, new, ends, is_exported)
    return None


def _respelt(clean: str, old: str, new: str, places: Sequence[int]) -> str:
    """Return code without strings and comments with `old` where `new` stands at `places`, or blanks for it."""
    edits = [Edit(at, at + len(new), old if clean.startswith(new, at) else " " * len(old)) for at in places]
    return apply(clean, edits)


def _changed_words(before: str, after: str) -> Iterator[tuple[str, str, int, int]]:
    """Yield the names that one edit has put in the place of others: the old, the new, where each starts."""
    old_lines, new_lines = changed_lines(before, after)
    if max(old_lines.end, new_lines.end) - old_lines.start > _MAX_CHANGED_CHARACTERS:
        return
    grown = 0
    for edit in diff(old_lines.of(before), new_lines.of(after)):
        was = _whole_words(before, old_lines.start + edit.start, old_lines.start + edit.end)
        start = new_lines.start + edit.start + grown
        now = _whole_words(after, start, start + len(edit.text))
        grown += len(edit.text) - (edit.end - edit.start)
        if len(was) == len(now):
            for old, new in zip(was, now, strict=True):
                if old[0] != new[0]:
                    yield old[0], new[0], old[1], new[1]


def _whole_words(text: str, start: int, end: int) -> list[tuple[str, int]]:
    """Return the names that a span of the text touches, and where they start."""
    while start > 0 and (text[start - 1].isalnum() or text[start - 1] == "_"):
        start -= 1
    while end < len(text) and (text[end].isalnum() or text[end] == "_"):
        end += 1
    found = ((match[0], match.start()) for match in _WORD.finditer(text, start, end))
    return [(word, place) for word, place in found if not keyword.iskeyword(word)]


def _is_definition(was: dict[int, Reference], now: dict[int, Reference], there: int, here: int) -> bool:
    """Return whether a name was bound before the edit and is after it, in the same way."""
    old, new = was.get(there), now.get(here)
    if old is None or new is None or not (old.binds and new.binds):
        return False
    same = type(old.node) is type(new.node) and old.scope.kind == new.scope.kind
    # Another variable that is added to is no new name of the first.
    return same and not isinstance(new.node, ast.AugAssign)


def _bound(found: Survey, code: str, other: str) -> int:
    """Return how often the word is bound in the lines of the code that another text does not have."""
    lines = changed_lines(other, code)[1]
    places = (*found.names.values(), *found.attributes.values())
    return sum(place.binds and lines.start <= place.start < lines.end for place in places)


def _is_first(found: Survey, here: int, kept: Sequence[int]) -> bool:
    """Return whether all that binds the variable before `here` was renamed with it."""
    return all(place >= here or place in kept for place in found.same(here) if found.names[place].binds)


def _is_first_of_class(found: Survey, here: int, kept: Sequence[int]) -> bool:
    """Return whether `here` an attribute of `self` is defined: in `__init__`, or first in its class."""
    own = found.attributes[here]
    home = own.scope.around()
    if home is None or own.base != "self" or any(place.scope is home for place in found.names.values()):
        return False
    stores = [
        place.start
        for place in found.attributes.values()
        if place.binds and place.base == "self" and place.scope.around() is home and place.start not in kept
    ]
    return own.scope.name == "__init__" or all(place > here for place in stores)


def is_own(place: Reference, home: Scope | None) -> bool:
    """Return whether an attribute is one of `self` in the class whose body is `home`."""
    return place.base in ("self", "cls") and place.scope.around() is home


def class_places(code: str, home: Scope, near: int) -> tuple[Survey, list[int]]:
    """Return what there is of the name of the class whose body is `home`, and which places of it are that class."""
    found = survey(code, home.name, near)
    for start, place in found.names.items():
        if isinstance(place.node, ast.ClassDef) and place.scope.path == home.path[1:]:
            return found, found.same(start)
    return found, []


def _members(code: str, home: Scope, found: Survey, near: int) -> list[int]:
    """Return where a name of a class is used: in its body, behind `self`, and behind the class's name."""
    starts = [start for start, place in found.names.items() if place.scope is home]
    starts += [start for start, place in found.attributes.items() if is_own(place, home)]
    if any(place.base == home.name for place in found.attributes.values()):
        classes = class_places(code, home, near)[1]
        starts += [start for start, place in found.attributes.items() if place.base and place.base_start in classes]
    return starts
