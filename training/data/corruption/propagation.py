"""A definition was changed a moment ago, and what depends on it in the region is to follow.

Made backwards from clean code: the definition is as it should be, its other places look as they did before.
"""

from __future__ import annotations

import builtins
import keyword
import random
import re
from collections.abc import Sequence

from tabtab_local.edits import Edit
from tabtab_local.prompt import RecentEdit
from training.data.corruption.example import Example, indent, mentioned, recent_edit, stale
from training.data.corruption.scope import Binding, bindings
from training.data.document import Document

_FORMER = {
    "function": ("get", "do", "make", "run", "handle", "process", "compute", "old"),
    "class": ("Base", "My", "Simple", "Old", "Basic", "Custom"),
}
_FORMER_WORDS = (
    "data",
    "result",
    "value",
    "values",
    "item",
    "tmp",
    "res",
    "x",
    "obj",
    "info",
    "out",
    "temp",
    "current",
)
_CAMEL = re.compile(r"[A-Z]+(?![a-z])|[A-Z][a-z0-9]*|[a-z0-9]+")
_SHOWN_EDITS = 3


def propagate_rename(document: Document, rng: random.Random) -> Example | None:
    """Give a name of the document's own its present form at its definition only; the uses in the region are to follow.

    Variables, parameters with the keywords of calls, functions, classes and attributes. The cursor stands behind the
    new name, or some uses have followed already and it stands behind the last of these, or before the next.
    """
    found = [binding for binding in bindings(document) if binding.uses[-1] > binding.definition]
    if not found:
        return None
    binding = rng.choice(found)
    old = _former(binding, mentioned(document.text), rng)
    if old is None:
        return None
    places = [Edit(span.start, span.end, old) for span in binding.uses if span > binding.definition]
    early = [Edit(span.start, span.end, old) for span in binding.uses if span < binding.definition]
    defined = Edit(binding.definition.start, binding.definition.end, old)
    done = 0 if rng.random() < 0.55 else rng.randint(0, len(places) - 1)
    changed = [defined, *places[:done]]
    sites = [*early, *places[done:]]
    recent = _edits(document, changed, sites)
    cursor = changed[-1].end if rng.random() < 0.7 or (done == 0 and rng.random() < 0.6) else None
    if cursor is None:
        cursor = before(document, places[done].start, rng)
    return stale(document, sites, cursor, recent, rng, "propagate_rename")


def before(document: Document, offset: int, rng: random.Random) -> int:
    """Return where a cursor may stand that has come to deal with what is at `offset`: there, or a little before."""
    row = document.row_of(offset)
    start = document.row_starts[row] + indent(document.rows[row])
    return rng.choice((offset, start, start, document.row_span(row - 1).end if row else 0))


def _edits(document: Document, changed: Sequence[Edit], sites: Sequence[Edit]) -> list[RecentEdit]:
    """Return the last of the edits that led here, one for each line."""
    by_row: dict[int, list[Edit]] = {}
    for edit in changed:
        by_row.setdefault(document.row_of(edit.start), []).append(edit)
    return [recent_edit(document, edits, sites) for edits in list(by_row.values())[-_SHOWN_EDITS:]]


def _former(binding: Binding, words: set[str], rng: random.Random) -> str | None:
    """Return a name that may have stood there before and that is not among the document's `words`."""
    name = binding.name
    if binding.sort == "class" or (name[:1].isupper() and not name.isupper()):
        parts = _CAMEL.findall(name)
        options = [rng.choice(_FORMER["class"]) + name, "".join(parts[:-1]), "".join(parts[1:]), name + "Data"]
    else:
        parts = [word for word in name.lower().strip("_").split("_") if word]
        options = ["_".join(parts[:-1]), "_".join(parts[1:]), "".join(part[:1] for part in parts)]
        options += ["_".join(part[:3] for part in parts), name.lower().strip("_")[:4]]
        if binding.sort == "function":
            prefix = rng.choice(_FORMER["function"])
            options += [f"{prefix}_{'_'.join(parts)}", f"{prefix}_{parts[-1]}" if parts else ""]
        else:
            options += [rng.choice(_FORMER_WORDS), f"{rng.choice(_FORMER_WORDS)}_{'_'.join(parts)}"]
        if name.isupper():
            options = [option.upper() for option in options]
    usable = [option for option in options if _is_free(option, words)]
    return rng.choice(usable) if usable else None


def _is_free(name: str, words: set[str]) -> bool:
    return name.isidentifier() and not (name in words or keyword.iskeyword(name) or hasattr(builtins, name))
