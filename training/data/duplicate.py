"""Near-duplicates: documents that say the same, and examples that teach the same.

Both are told by MinHash (Broder 1997) over runs of five words or signs, found through bands of the signature
(locality-sensitive hashing) and confirmed by the share of the signature that agrees. Two things count:

- A *document* that is like one of another origin is left out with all its examples: the same file in two packages, a
  row that was reworded a little.
- An *example* is taken as its edit and the few lines around it, not as its prompt: several examples of a document share
  nearly all of their prompts and are meant to. It is left out where it is like one of another document, or asks the
  very same as one of its own.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from rensa import RMinHash

from training.data.corruption import Example

PERMUTATIONS = 64
DOCUMENT_THRESHOLD = 0.85
EXAMPLE_THRESHOLD = 0.8
_SEED = 1
_RUN = 5
# 64 = 16 bands of 4: of pairs that agree in 0.8 of their runs, all but 0.02 % share a band.
_BANDS, _ROWS = 16, 4

# What of an example's surroundings makes it another example.
_CHARACTERS_ABOVE, _CHARACTERS_BELOW = 120, 60
_TOKEN = re.compile(r"\w+|[^\w\s]")

Signature = NDArray[np.uint32]


def shingles(text: str) -> set[str]:
    """Return the runs of five words or signs of `text`; all of them as one run where they are fewer."""
    tokens = _TOKEN.findall(text)
    if len(tokens) < _RUN:
        return {" ".join(tokens)}
    return set(map(" ".join, zip(*(tokens[start:] for start in range(_RUN)), strict=False)))


def example_text(example: Example) -> str:
    """Return what an example teaches: the lines before the edit, the edit, the code behind it."""
    before, after = example.prompt.region, example.response.region
    cursor = example.prompt.cursor
    above = (example.prompt.code_above[-_CHARACTERS_ABOVE:] + "\n" + before[:cursor])[-_CHARACTERS_ABOVE:]
    end = 0
    most = min(len(before), len(after)) - cursor
    while end < most and before[-1 - end] == after[-1 - end]:
        end += 1
    new = after[cursor : len(after) - end]
    old = before[cursor : len(before) - end]
    return f"{above} ‹ {old} › {new} › {before[len(before) - end :][:_CHARACTERS_BELOW]} {example.prompt.intent}"


def signatures(texts: Sequence[set[str]]) -> Signature:
    """Return the signatures of texts given as runs: (len(texts), PERMUTATIONS)."""
    if not texts:
        return np.zeros((0, PERMUTATIONS), np.uint32)
    rows = RMinHash.digest_matrix_from_token_sets([list(runs) for runs in texts], PERMUTATIONS, _SEED).to_rows()
    return np.array(rows, np.uint32)


class Seen:
    """The signatures that were kept so far, each with the owner that it is not held against."""

    def __init__(self, threshold: float) -> None:
        self._agreeing = round(threshold * PERMUTATIONS)
        self._rows: list[Signature] = []
        self._owners: list[str] = []
        # For each band, the last row with a key, and for each row the one before it with the same key, or -1.
        self._last: list[dict[int, int]] = [{} for _ in range(_BANDS)]
        self._before: list[list[int]] = [[] for _ in range(_BANDS)]

    def like(self, signature: Signature, owner: str) -> bool:
        """Return whether a signature of another owner is like this one."""
        tried: set[int] = set()
        for last, before, key in zip(self._last, self._before, _keys(signature), strict=True):
            number = last.get(key, -1)
            while number >= 0:
                if number not in tried and self._owners[number] != owner:
                    tried.add(number)
                    if np.count_nonzero(self._rows[number] == signature) >= self._agreeing:
                        return True
                number = before[number]
        return False

    def add(self, signature: Signature, owner: str) -> None:
        """Keep a signature."""
        number = len(self._rows)
        for last, before, key in zip(self._last, self._before, _keys(signature), strict=True):
            before.append(last.get(key, -1))
            last[key] = number
        self._rows.append(signature)
        self._owners.append(owner)


def _keys(signature: Signature) -> list[int]:
    """Return a number for each band of a signature, the same for bands that agree."""
    keys: list[int] = (signature.reshape(_BANDS, _ROWS).astype(np.uint64) @ _SPREAD).tolist()
    return keys


# Odd, and large enough that the rows of a band do not cancel each other out; the sum wraps around.
_SPREAD = np.array([0x9E3779B97F4A7C15, 0xC2B2AE3D27D4EB4F, 0x165667B19E3779F9, 0xD6E8FEB86659FD93], np.uint64)
