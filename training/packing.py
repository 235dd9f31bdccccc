"""Rows to pretrain on: whole documents side by side, some as code, most as edits to be made.

A row is a function of the corpus, the settings and its own number. So the data of a step do not depend on how many
processes prepare them or train on them, and a run that was interrupted sees what an unbroken one would have seen.

Where a question with its answer does not fit into what is left of a row, the code itself fills it.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import torch
from torch.utils.data import Dataset
from transformers import PreTrainedTokenizerBase

from tabtab_local.prompt import render_prompt, render_response
from training.corpus.store import Texts
from training.corpus.window import Windows
from training.data.corruption import corrupt
from training.data.document import Document
from training.data.source import everyday
from training.settings import Pretraining

IGNORED = -100


@dataclass(frozen=True)
class Mix:
    """What rows are made of, for a tokenizer that is yet to be trained as well as for training."""

    texts: Texts
    settings: Pretraining

    @cached_property
    def _windows(self) -> Windows:
        settings = self.settings
        return Windows(self.texts, settings.weights, settings.seed, settings.window_characters)

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
        if not len(self._windows) or rng.random() < self.settings.everyday_share:
            return everyday.document(rng)
        return self._windows.window(number, rng)[1]


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
        example = corrupt(document, rng) if rng.random() < self._settings.edit_share else None
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
