"""Rows to pretrain on: whole documents side by side, some as code, most as edits to be made.

A row is a function of the corpus, the settings and its own number. So the data of a step do not depend on how many
processes prepare them or train on them, and a run that was interrupted sees what an unbroken one would have seen.

All windows of the corpus are gone through in an order drawn by the seed, each as often as its kind weighs, before any
comes again. Where a question with its answer does not fit into what is left of a row, the code itself fills it.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch.utils.data import Dataset
from transformers import PreTrainedTokenizerBase

from tabtab_local.edits import Span
from tabtab_local.prompt import render_prompt, render_response
from training.corpus.filter import KINDS
from training.corpus.store import Texts
from training.data.corruption import WEIGHTS, corrupt
from training.data.document import Document, from_program
from training.data.everyday import WRITERS
from training.data.installed import starts
from training.settings import Pretraining

# Of a window, in bytes; and of the text between the beginnings of two.
_STEP_BYTES = 1200
_LEAST_CHARACTERS = 200

IGNORED = -100


@dataclass(frozen=True)
class Mix:
    """What rows are made of, for a tokenizer that is yet to be trained as well as for training."""

    texts: Texts
    settings: Pretraining

    @cached_property
    def _windows(self) -> NDArray[np.int64]:
        """The (text, window of it) of one pass, as often as its kind weighs: (windows, 2), in order."""
        rng = np.random.default_rng(self.settings.seed)
        count = np.maximum(1, -(-self.texts.lengths() // _STEP_BYTES))
        text = np.repeat(np.arange(len(count)), count)
        number = np.arange(len(text)) - np.repeat(np.cumsum(count) - count, count)
        weights = np.array([self.settings.weights[kind] for kind in KINDS])[self.texts.kinds()[text]]
        times = np.floor(weights + rng.random(len(text))).astype(np.int64)
        return np.stack([np.repeat(text, times), np.repeat(number, times)], axis=1)

    def __len__(self) -> int:
        """The windows of one pass over the corpus."""
        return len(self._windows)

    def sample(self, size: int) -> Iterator[str]:
        """Yield texts of documents, about `size` bytes in all, such as rows are made of."""
        rng = random.Random(f"{self.settings.seed}/tokenizer")
        number = 0
        while size > 0:
            text = self.document(number, rng).text
            size -= len(text.encode())
            number += 1
            yield text

    def document(self, number: int, rng: random.Random) -> Document:
        """Return a generated program, with the settings' probability, or else the window that is number `number`."""
        if not len(self) or rng.random() < self.settings.everyday_share:
            return from_program(rng.choice(WRITERS)(rng), rng)
        turn, place = divmod(number, len(self))
        text, window = self._windows[_order(len(self), self.settings.seed, turn)[place]].tolist()
        return cut(self.texts.document(text), window * _STEP_BYTES, rng, self.settings.window_characters)


@lru_cache(maxsize=2)
def _order(windows: int, seed: int, turn: int) -> NDArray[np.int64]:
    """Return the order in which a pass over the corpus goes through its windows."""
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


class Rows(Dataset[dict[str, torch.Tensor]]):
    """The rows of a run: `input_ids`, `position_ids` and `labels`, each (row_tokens,).

    Positions begin anew with each document, which is how the model is told to keep documents apart. A label is the
    token itself; `IGNORED` where it is a document's first, which nothing before it can tell. With `answers_only`, it is
    `IGNORED` in all but the answers of edits.
    """

    def __init__(self, mix: Mix, tokenizer: PreTrainedTokenizerBase, *, answers_only: bool = False) -> None:
        self._mix = mix
        self._answers_only = answers_only
        self._settings = mix.settings
        self._tokenizer = tokenizer

    def __len__(self) -> int:
        return self._settings.steps * self._settings.rows_per_step

    def __getitem__(self, number: int) -> dict[str, torch.Tensor]:
        room = self._settings.row_tokens
        rng = random.Random(f"{self._settings.seed}/{number}")
        ids, positions, labels = np.zeros((3, room), np.int64)
        at = taken = 0
        while at < room:
            document = self._mix.document(number * self._settings.documents_per_row + taken, rng)
            taken += 1
            row, answer = self._encoded(document, rng, room - at)
            end = at + len(row)
            ids[at:end] = labels[at:end] = row
            positions[at:end] = np.arange(len(row))
            labels[at : at + answer if self._answers_only else at + 1] = IGNORED
            at = end
        names = ("input_ids", "position_ids", "labels")
        return {name: torch.from_numpy(values) for name, values in zip(names, (ids, positions, labels), strict=True)}

    def _encoded(self, document: Document, rng: random.Random, room: int) -> tuple[list[int], int]:
        """Return the tokens of a document as an edit or as code, and where in them the edit's answer begins.

        They are at most `room`, with end-of-text where it fits.
        """
        end = self._tokenizer.eos_token_id
        example = corrupt(document, rng, WEIGHTS) if rng.random() < self._settings.edit_share else None
        if example:
            prompt = encode(self._tokenizer, render_prompt(example.prompt))
            row = [*prompt, *encode(self._tokenizer, render_response(example.response)), end]
            if len(row) <= room:
                return row, len(prompt)
        row = [*encode(self._tokenizer, document.text), end][:room]
        return row, len(row)


def encode(tokenizer: PreTrainedTokenizerBase, text: str) -> list[int]:
    """Return the token ids of `text`, in which only markers are more than text."""
    ids: list[int] = tokenizer(text, add_special_tokens=False, split_special_tokens=True)["input_ids"]
    return ids


def collated(rows: list[dict[str, torch.Tensor]]) -> dict[str, Any]:
    """Return rows as a batch."""
    return {name: torch.stack([row[name] for row in rows]) for name in rows[0]}
