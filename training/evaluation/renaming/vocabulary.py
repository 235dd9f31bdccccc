"""Names things by a seeded draw of English words: `sift_ledger` for functions, `harbour` for values, `MistyOrchard`."""

from __future__ import annotations

import random
from collections.abc import Sequence

from training.evaluation.renaming.binding import Binding
from training.evaluation.renaming.words import ADJECTIVES, NOUNS, VERBS

# How often a word alone will do where it is free; the other names have an adjective in front.
_ALONE = 0.7


class Vocabulary:
    """A namer that draws words; the same seed and the same program get the same names, whatever was asked before."""

    def __init__(self, seed: str) -> None:
        self._seed = seed

    def propose(self, bindings: Sequence[Binding], code: str, taken: frozenset[str]) -> Sequence[str]:
        """Return a name for each binding; no word of it stands in `taken`, whole or between underscores."""
        draw = _Draw(random.Random(f"{self._seed}/{code}"), taken)
        return [draw.name(binding) for binding in bindings]


class _Draw:
    def __init__(self, rng: random.Random, taken: frozenset[str]) -> None:
        self._rng = rng
        self._used = {name.lower().strip("_") for name in taken}
        seen = self._used | {part for name in self._used for part in name.split("_")}
        self._verbs, self._nouns, self._adjectives = (
            [word for word in words if word not in seen] or list(words) for words in (VERBS, NOUNS, ADJECTIVES)
        )

    def name(self, binding: Binding) -> str:
        """Return a name that nothing else has."""
        for words in range(2, 6):
            for _ in range(50):
                name = self._words(binding, words)
                if (low := "_".join(name)) not in self._used and "".join(name) not in self._used:
                    self._used |= {low, "".join(name)}
                    return "".join(word.title() for word in name) if binding.kind == "class" else low
        raise ValueError(f"there are too few words to name {len(self._used)} things")

    def _words(self, binding: Binding, most: int) -> list[str]:
        adjectives = [self._rng.choice(self._adjectives) for _ in range(most - 1)]
        noun = self._rng.choice(self._nouns)
        if binding.kind in ("function", "method"):
            return [self._rng.choice(self._verbs), *adjectives[1:], noun]
        if binding.kind != "class" and most == 2 and self._rng.random() < _ALONE:
            return [noun]
        return [*adjectives, noun]
