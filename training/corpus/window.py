"""Windows of a corpus's texts: documents of a size to learn from, in an order drawn by a seed.

All windows are gone through, each as often as its kind weighs, before any comes again.
"""

from __future__ import annotations

import random
from collections.abc import Mapping
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from tabtab_local.edits import Span
from training.corpus.filter import KINDS
from training.corpus.store import Texts
from training.data.document import Document
from training.data.installed import starts

# Between the beginnings of two windows of a text.
_STEP_BYTES = 1200
_LEAST_CHARACTERS = 200


class Windows:
    """The windows of up to `most` characters of `texts`; `weights` say how often one of each kind comes in a pass."""

    def __init__(self, texts: Texts, weights: Mapping[str, float], seed: int, most: int) -> None:
        self._texts, self._seed, self._most = texts, seed, most
        rng = np.random.default_rng(seed)
        count = np.maximum(1, -(-texts.lengths() // _STEP_BYTES))
        text = np.repeat(np.arange(len(count)), count)
        number = np.arange(len(text)) - np.repeat(np.cumsum(count) - count, count)
        weight = np.array([weights[kind] for kind in KINDS])[texts.kinds()[text]]
        times = np.floor(weight + rng.random(len(text))).astype(np.int64)
        self._windows = np.stack([np.repeat(text, times), np.repeat(number, times)], axis=1)

    def __len__(self) -> int:
        """The windows of one pass over the texts."""
        return len(self._windows)

    def window(self, number: int, rng: random.Random) -> tuple[int, Document]:
        """Return the text, by its place in the corpus, and the window of it that come as number `number` from 0."""
        turn, place = divmod(number, len(self))
        text, window = self._windows[_order(len(self), self._seed, turn)[place]].tolist()
        return text, cut(self._texts.document(text), window * _STEP_BYTES, rng, self._most)


@lru_cache(maxsize=2)
def _order(windows: int, seed: int, turn: int) -> NDArray[np.int64]:
    return np.random.default_rng((seed, turn)).permutation(windows)


def cut(document: Document, offset: int, rng: random.Random, most: int) -> Document:
    """Return a run of whole statements, or cells, of up to `most` characters from about `offset` on."""
    length = rng.randint(_LEAST_CHARACTERS, most)
    if document.cells:
        return _cells(document, offset, length)
    text = document.text
    places = starts(text)
    start = max((place for place in places if place <= offset), default=0)
    end = text.rfind("\n", start, start + length) if start + length < len(text) else len(text)
    return Document(text[start : end if end > start else start + length].strip("\n"))


def _cells(document: Document, offset: int, length: int) -> Document:
    first = next((cell for cell in document.cells if cell.end > offset), document.cells[-1])
    taken = [cell for cell in document.cells if cell.start >= first.start and cell.end <= first.start + length]
    if not taken:
        return Document(document.text[first.start : first.end][:length])
    cells = tuple(Span(cell.start - first.start, cell.end - first.start) for cell in taken)
    return Document(document.text[first.start : taken[-1].end], cells)
