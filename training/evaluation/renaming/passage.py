"""Renames words in comments, docstrings and quoted annotations, which would give the old names away.

A word follows the binding that its name has where the passage stands, or else the next one in the file. The article
`a`, and `A` and `I`, stay as they are in running text.
"""

from __future__ import annotations

import re
from collections.abc import Callable

import libcst as cst

from training.evaluation.renaming.resolve import Resolution, key_of
from training.evaluation.renaming.scan import Passage
from training.evaluation.renaming.union import Key

# A word that is no escape sequence and no part of a number.
_WORD = re.compile(r"(?<![\w\\])[^\W\d]\w*")
_ENGLISH = frozenset(["a", "A", "I"])


def reword(found: Resolution, passage: Passage, new_name: Callable[[Key], str | None]) -> str:
    """Return the text of a passage with each word that is an old name replaced."""
    places = _places(found)

    def replace(match: re.Match[str]) -> str:
        word = match.group()
        if word in _ENGLISH or word not in places:
            return word
        key = _visible(found, passage, word) or _nearest(places[word], passage.index)
        return new_name(key) or word

    return _WORD.sub(replace, passage.node.value)


def _places(found: Resolution) -> dict[str, list[tuple[int, Key]]]:
    if not found.places:
        for index, occurrence in enumerate(found.scan.occurrences):
            if (key := found.keys.get(occurrence.node)) is not None:
                found.places.setdefault(occurrence.node.value, []).append((index, key))
    return found.places


def _visible(found: Resolution, passage: Passage, word: str) -> Key | None:
    if passage.scope is None:
        return None
    scope = found.find(passage.scope, word)
    return None if scope is None else key_of(scope, word)


def _nearest(places: list[tuple[int, Key]], index: int) -> Key:
    return next((key for place, key in places if place >= index), places[-1][1])


def words(node: cst.Module) -> frozenset[str]:
    """Return all words in the text of a module, strings and comments included."""
    return frozenset(re.findall(r"[^\W\d]\w*", node.code))
