"""Which functions an edit has made take other arguments, and which calls of them in the same code no longer fit.

Functions are told by name and by the classes and functions around them; their calls by `flow.py`, and those of methods
by `self` and the name of the class. Calls that did not fit before the edit either are none of its business. Pure.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from tabtab_local.edits import Span
from tabtab_local.place.flow import survey
from tabtab_local.place.rename import class_places, is_own
from tabtab_local.place.scope import Call, Reference, Survey
from tabtab_local.place.signature import (
    Definition,
    Signature,
    decorators,
    difference,
    moved,
    renamed_parameters,
    signature,
)
from tabtab_local.recent import changed_lines

# An edit of more than this is looked at no further, nor is what stands farther from it than a function's head is long.
_MAX_CHANGED_CHARACTERS = 8000
_MAX_HEAD_CHARACTERS = 3000

_HEAD = re.compile(r"^[ \t]*(?:async[ \t]+)?def[ \t]+([^\W\d]\w*)[^\n(]*", re.MULTILINE)
_CLASS = re.compile(r"^[ \t]*class[ \t]+([^\W\d]\w*)", re.MULTILINE)
_FIELD = re.compile(r"^[ \t]+[^\W\d]\w*[ \t]*:", re.MULTILINE)
_BRACKET = re.compile(r"[()]")


@dataclass(frozen=True)
class Resigned:
    """A function that takes other arguments after an edit than before.

    `called` is the name behind which its arguments stand, a class's for an `__init__`; `calls` are those in the code
    after the edit, of which `edited` are the lines that the edit wrote. `is_exported` says whether other cells of a
    notebook would see the function.
    """

    name: str
    called: str
    before: Signature
    after: Signature
    calls: tuple[Call, ...]
    is_exported: bool
    edited: Span

    @property
    def how(self) -> str:
        """What has changed, in words."""
        return difference(self.before, self.after)

    def stale(self, call: Call, *, here: bool) -> Iterator[tuple[int, str, str]]:
        """Yield where a call has to change: the offset, the name there and why. `here` is the edited code."""
        if not self.before.fits(call):
            return
        new_names = renamed_parameters(self.before, self.after)
        misfit = not self.after.fits(call)
        named = [(old, start) for old, start in call.named if old in new_names] if misfit else []
        for old, start in named:
            yield start + len(old), old, f"renamed to {new_names[old]}"
        apart = not here or call.span.end <= self.edited.start or call.span.start >= self.edited.end
        if not named and (misfit or (apart and moved(call, self.before, self.after))):
            yield call.inside, self.called, f"signature changed: {self.how}"


def resignings(before: str, after: str) -> Iterator[Resigned]:
    """Yield the functions, and dataclasses, that an edit of the code has made take other arguments."""
    old_lines, new_lines = changed_lines(before, after)
    if max(old_lines.end, new_lines.end) - old_lines.start > _MAX_CHANGED_CHARACTERS:
        return
    for name in _touched(before, after, old_lines, new_lines):
        was, now = survey(before, name, old_lines.start), survey(after, name, new_lines.start)
        others = _definitions(was)
        for path, place in _definitions(now).items():
            other = others.get(path)
            first, second = (_signature(one) for one in (other, place))
            if place is not None and first is not None and second is not None and difference(first, second):
                called, calls, is_exported = _calls(after, name, place, now)
                yield Resigned(name, called, first, second, calls, is_exported, new_lines)


def _definitions(found: Survey) -> dict[tuple[str, ...], Reference | None]:
    """Return the functions and classes of a name by what is around them; None where there are several."""
    by_path: dict[tuple[str, ...], Reference | None] = {}
    for place in found.names.values():
        if isinstance(place.node, Definition):
            by_path[place.scope.path] = None if place.scope.path in by_path else place
    return by_path


def _signature(place: Reference | None) -> Signature | None:
    if place is None or not isinstance(place.node, Definition):
        return None
    return signature(place.node, in_class=place.scope.kind == "class")


def _calls(code: str, name: str, place: Reference, found: Survey) -> tuple[str, tuple[Call, ...], bool]:
    """Return the name that a function is called by, its calls, and whether other cells would see it."""
    home = place.scope
    if home.kind != "class":
        starts = found.same(place.start)
    elif name == "__init__":
        found, starts = class_places(code, home, place.start)
        name = home.name
    else:
        starts = [start for start, other in found.attributes.items() if is_own(other, home)]
        if isinstance(place.node, Definition) and {"staticmethod", "classmethod"} & set(decorators(place.node)):
            classes = class_places(code, home, place.start)[1]
            starts += [start for start, other in found.attributes.items() if other.base and other.base_start in classes]
    calls = tuple(found.calls[start] for start in starts if start in found.calls)
    return name, calls, bool(found.exported.intersection(starts))


def _touched(before: str, after: str, old_lines: Span, new_lines: Span) -> list[str]:
    """Return the names of functions whose parameters, and of dataclasses whose fields, may have changed."""
    floor = max(0, new_lines.start - _MAX_HEAD_CHARACTERS)
    names = [
        head[1]
        for head in _HEAD.finditer(after, after.rfind("\n", 0, floor) + 1, new_lines.end)
        if _head_end(after, head.end()) >= new_lines.start
    ]
    if "dataclass" in after and (_FIELD.search(old_lines.of(before)) or _FIELD.search(new_lines.of(after))):
        names += _CLASS.findall(after, floor, new_lines.end)[-1:]
    return list(dict.fromkeys(names))


def _head_end(text: str, start: int) -> int:
    """Return where the brackets of a function's head that open at `start` are closed, roughly: strings count too."""
    depth = 0
    for match in _BRACKET.finditer(text, start, start + _MAX_HEAD_CHARACTERS):
        depth += 1 if match[0] == "(" else -1
        if depth <= 0:
            return match.end()
    return start
