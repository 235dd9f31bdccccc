"""Token healing: which tokens may stand where text has been typed only in part.

Typing stops in the middle of a token: behind `pd.re` a model that was made to begin with the tokens of these five
characters cannot write `pd.read_csv`, for `read` is another token than `re`. So the last characters are left to the
model, which may choose any token that agrees with them. The idea is Microsoft's guidance's ("token healing").
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Collection, Sequence
from functools import lru_cache

import numpy as np
import numpy.typing as npt


class Pieces:
    """The tokens of a vocabulary by their bytes: `pieces[i]` are those of token `i`.

    Tokens in `excluded`, markers and control tokens, are not text that can be typed.
    """

    def __init__(self, pieces: Sequence[bytes], excluded: Collection[int] = ()) -> None:
        tokens = [token for token in range(len(pieces)) if pieces[token] and token not in excluded]
        tokens.sort(key=pieces.__getitem__)
        self._sorted = [pieces[token] for token in tokens]
        self._tokens = np.array(tokens, np.int64)
        self._longest = max(map(len, self._sorted), default=0)
        self.allowed = lru_cache(maxsize=64)(self._allowed)

    def _allowed(self, rest: bytes) -> npt.NDArray[np.int64]:
        """Return the tokens that may come where `rest` (not empty) is to be written: its beginnings, what it begins.

        Empty only where the vocabulary lacks a byte.
        """
        longer = self._tokens[bisect_left(self._sorted, rest) : self._end_of(rest)]
        shorter = [self._range(rest[:length]) for length in range(1, min(len(rest), self._longest + 1))]
        return np.concatenate([longer, *shorter])

    def _range(self, piece: bytes) -> npt.NDArray[np.int64]:
        """Return the tokens with exactly these bytes."""
        start = bisect_left(self._sorted, piece)
        return self._tokens[start : bisect_left(self._sorted, piece + b"\0", start)]

    def _end_of(self, prefix: bytes) -> int:
        """Return the index behind the pieces that begin with `prefix`."""
        bare = prefix.rstrip(b"\xff")
        return bisect_left(self._sorted, bare[:-1] + bytes([bare[-1] + 1])) if bare else len(self._sorted)
