"""How fast people type: the time between the presses of a trace, drawn at random. Pure; a seed gives the same times.

Taken from a published study (V. Dhakal, A. M. Feit, P. O. Kristensson, A. Oulasvirta, "Observations on Typing from 136
Million Keystrokes", CHI 2018, doi 10.1145/3173574.3174220): the average of 168,960 typists is 238.66 ms between keys,
with a standard deviation between typists of 111.60 ms (table 3; 51.56 words a minute). They copied English
sentences; code is full of signs that take longer, so that real programmers leave a machine rather more time.

Taken from S. K. Card, T. P. Moran, A. Newell ("The Keystroke-Level Model for User Performance Time with Interactive
Systems", CACM 23(7), 1980; "The Psychology of Human-Computer Interaction", 1983): 120 ms a key for a good typist (90
words a minute), whom we call fast; 400 ms to move a hand between keyboard and mouse, 1,100 ms to point; 240 ms to react
(one cycle each of seeing, 100 ms, deciding, 70 ms, and moving, 70 ms).

Our choices: the times of one typist are log-normal ("On the shape of timings distributions in free-text keystroke
dynamics profiles", Heliyon 7(11), 2021, doi 10.1016/j.heliyon.2021.e08413, finds that an excellent choice); for lack of
a figure they spread as much around their mean as the study's typists do around theirs; and every key has the same
distribution, Enter, Backspace and the first of a word too. Pauses for thought are written in the traces.
"""

from __future__ import annotations

import math
import random
from collections.abc import Sequence
from dataclasses import dataclass

from tabtab_local.errors import UsageError
from tabtab_local.replay.trace import Step

# Standard deviation of the times between keys over their mean.
VARIATION = 111.60 / 238.66

# From seeing a suggestion to pressing Tab, beyond the time of a key.
REACTION_MS = 240.0
POINTING_MS = 1100.0
HOMING_MS = 400.0


@dataclass(frozen=True)
class Speed:
    """A typist: `mean_ms` between two keys, and the standard deviation over that mean."""

    name: str
    mean_ms: float
    variation: float = VARIATION

    def __post_init__(self) -> None:
        if not (self.mean_ms > 0 and math.isfinite(self.mean_ms)):
            raise UsageError(f"{self.mean_ms} ms between keys is no typing speed: choose more than 0")


AVERAGE = Speed("average", 238.66)
FAST = Speed("fast", 120.0)


def speed_of(mean_ms: float) -> Speed:
    """Return a typist with this mean time between keys, for plots against speed.

    Raises `UsageError` where it is not above 0.
    """
    return Speed(f"{mean_ms:g} ms", mean_ms)


def intervals(steps: Sequence[Step], speed: Speed, seed: int | str) -> tuple[float, ...]:
    """Return the ms from the step before to each step, thinking included; 0.0 for the first.

    The same seed draws the same pattern at every speed. Traces that should differ need seeds of their own.
    """
    generator = random.Random(seed)
    sigma = math.sqrt(math.log1p(speed.variation**2))
    mu = math.log(speed.mean_ms) - sigma**2 / 2
    times = [generator.lognormvariate(mu, sigma) + _besides(step) for step in steps[1:]]
    return (0.0, *times) if steps else ()


def _besides(step: Step) -> float:
    """Return the ms that a step takes besides the press of a key."""
    if step.kind == "jump":
        return step.pause_ms + HOMING_MS + POINTING_MS
    return step.pause_ms + REACTION_MS * (step.kind == "accept") + HOMING_MS * step.after_jump
