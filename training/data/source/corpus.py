"""Units that are windows of the pretraining corpus."""

from __future__ import annotations

import random
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from training.corpus import store
from training.corpus.window import Windows
from training.data.source.unit import Unit, Unread
from training.settings import KIND_WEIGHTS


@dataclass(frozen=True)
class Corpus(Unread):
    """The corpus in the folder `path`, whose training texts come in windows of up to `window_characters`.

    Notebooks and tutorials come more often, as in pretraining.
    """

    path: Path
    share: float = 1.0
    window_characters: int = 1800
    seed: int = 1
    name: str = "corpus"
    kind = "corpus"

    @cached_property
    def _texts(self) -> store.Texts:
        return store.Texts(self.path)

    @cached_property
    def _windows(self) -> Windows:
        return Windows(self._texts, KIND_WEIGHTS, self.seed, self.window_characters)

    def size(self) -> None:
        """Return None: windows never end. Raises `DocumentError` where there is no finished corpus."""
        _ = store.record(self.path)

    def unit(self, number: int, rng: random.Random) -> Unit:
        """Return a window of a text."""
        place, document = self._windows.window(number, rng)
        source, path, licence = self._texts.origin(place)
        return Unit(f"{source}/{path}", licence, document.text, document)

    def facts(self) -> dict[str, Any]:
        """Return the licences of the corpus's texts, their number and its hash."""
        return {"licences": self._texts.licences(), "texts": len(self._texts), "sha256": store.sha256(self.path)}
