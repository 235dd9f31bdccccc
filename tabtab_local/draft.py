"""Drafts: what an answer is likely to say next, and how much of it is worth guessing at a time.

Most of an answer copies the region that it rewrites. Many tokens are verified in one batch for less than they cost one
by one, how much less depends on the machine. A wrong guess costs time and changes nothing. Pure, and in texts: it
knows nothing of tokens but their number.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

Costs = Sequence[tuple[int, float]]
"""Tokens in a batch, ascending from 1, and the time that evaluating them takes, in any one unit."""

# A model of 0.6 billion parameters on two cores; `tabtab-local doctor --tune` measures the machine at hand.
DEFAULT_COSTS: Costs = ((1, 1.0), (2, 1.7), (4, 2.7), (8, 5.2), (16, 7.1), (32, 12.1), (64, 17.9))

# The end of what is written that has to be found in the old text; the longest that is found decides.
_ANCHORS = (48, 24, 12)


def copied(old: str, written: str) -> str:
    """Return what follows in the text `old` if `written` goes on copying it; nothing where they share no place.

    The pointer into the old text is found anew each time, by the last characters written; where they stand at several
    places, the one nearest to where as much would be left of both decides.
    """
    for length in _ANCHORS:
        if len(written) < length:
            continue
        anchor = written[-length:]
        places = _occurrences(old, anchor)
        if places:
            return old[min(places, key=lambda end: abs(end - len(written))) :]
    return ""


# The end of what is written that has to be found in other code; the longest that is found decides. Over lines of Python
# files of all kinds that were cut anywhere, with batches that cost what they do on a Xeon, guessing by this list made
# the rest of a line a quarter cheaper; by ends of 8 or of 12 characters alone, a fifth and an eighth.
_ECHOES = (16, 12, 8, 6, 5, 4, 3)


def echoed(code: str, written: str) -> str:
    """Return what followed in `code`, up to its line's end, the last time it said what `written` ends with.

    Known as prompt lookup or n-gram speculation, here by characters, so that a word cut in its middle is found too.
    """
    for length in _ECHOES:
        end = written[-length:]
        place = code.rfind(end) if len(end) == length else -1
        if place >= 0:
            return code[place + length :].partition("\n")[0]
    return ""


def _occurrences(text: str, part: str) -> list[int]:
    """Return where `part` ends in `text`."""
    found, start = [], text.find(part)
    while start >= 0:
        found.append(start + len(part))
        start = text.find(part, start + 1)
    return found


# The share of guesses that are right where old code is copied, and where other code is echoed.
COPIES, ECHOES = 0.9, 0.4

# What was not right where it was expected may be so later: how quickly it is tried again, and how soon what happens
# counts for more than what was expected.
_RETRY, _MEMORY_TOKENS = 0.05, 8


@dataclass
class DraftLength:
    """How many tokens of an answer to guess, by what a batch costs and by how often guesses were right up to now."""

    costs: Costs
    right: float = COPIES
    """The share of guesses that are right, where the one before was; follows what happens."""

    def __post_init__(self) -> None:
        self._usual = self.right

    def best(self, most: int) -> int:
        """Return the number of tokens, up to `most`, whose verification yields the most tokens for its time.

        A batch of one sure token and `n` guesses yields `1 + r + … + r^n` tokens, `r` being the share that is right.
        """
        most = min(most, self.costs[-1][0] - 1)
        lengths = {most, *(size - 1 for size, _ in self.costs if size <= most)}
        best = max(sorted(lengths), key=lambda n: (1 - self.right ** (n + 1)) / (1 - self.right) / self._cost(1 + n))
        if not best:
            self.right += _RETRY * (self._usual - self.right)
        return best

    def learn(self, guessed: int, right: int) -> None:
        """Take in that of `guessed` tokens the first `right` were right."""
        if guessed:
            seen = right + (right < guessed)  # behind the first wrong one nothing is learnt
            share = min(1.0, seen / _MEMORY_TOKENS)
            self.right = min(0.98, max(0.2, self.right + (right / seen - self.right) * share))

    def _cost(self, tokens: int) -> float:
        """Return the time of a batch, by a line between the two sizes beside it."""
        (low, low_cost), (high, high_cost) = self.costs[0], self.costs[-1]
        for size, cost in self.costs:
            if size <= tokens:
                low, low_cost = size, cost
            if size >= tokens:
                high, high_cost = size, cost
                break
        return low_cost if high == low else low_cost + (high_cost - low_cost) * (tokens - low) / (high - low)
