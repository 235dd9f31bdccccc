"""A match of ours and others: who answers which piece when, and in which ways a person types.

Everybody answers the same presses, at the same times, one after the other: the order changes from trace to trace, so
that a machine that gets slower does so for all.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace

from bench.oracle import OracleAsker, OracleEngine
from tabtab_local.engine import LlamaEngine
from tabtab_local.replay.asker import Asker
from tabtab_local.replay.ours import SessionAsker
from tabtab_local.replay.press import Press
from tabtab_local.replay.replay import Piece, Run, typed, unhurried
from tabtab_local.replay.speed import AVERAGE, FAST, Speed
from tabtab_local.replay.stage import Stage

OURS = "tabtab-local"


@dataclass(frozen=True)
class Mode:
    """How the person types: at a `speed`, or waiting for each answer; and whether the model is asked at each key."""

    speed: Speed | None
    each_key: bool = False


# Those first whose times tell the most of what a key costs.
MODES: dict[str, Mode] = {
    "each-key": Mode(None, each_key=True),
    "unhurried": Mode(None),
    "average-each-key": Mode(AVERAGE, each_key=True),
    "fast-each-key": Mode(FAST, each_key=True),
    "average": Mode(AVERAGE),
    "fast": Mode(FAST),
}

_WARM_UP_STEPS = 8

# Who uses less of a core than this, over so long, is at rest; a server may go on for a while with what nobody wants.
_REST_SHARE, _REST_S = 0.2, 0.2
_MOST_REST_S = 600.0


def asking_most(modes: Collection[str]) -> str:
    """Return the one of some modes that tells the most of what a key costs."""
    return next(mode for mode in MODES if mode in modes)


class Match:
    """Ours and peers, on the same pieces: `waited` where the person waits for each answer, `replayed` otherwise.

    A peer that breaks down drops out; `failed` says why.
    """

    def __init__(
        self,
        engine: LlamaEngine,
        peers: list[Asker],
        replayed: Sequence[Piece],
        stage: Stage,
        progress: Callable[[str], None],
        waited: Sequence[Piece] | None = None,
    ) -> None:
        self.failed: dict[str, str] = {}
        self.replayed = replayed
        self.waited = replayed if waited is None else waited
        self.settings = {one.name: one.settings() for one in (self._ours(engine, each_key=False), *peers)}
        self._engine = engine
        self._peers = peers
        self._stage = stage
        self._progress = progress

    def warm_up(self) -> None:
        """Have everybody answer a few presses: of the last piece, which a peer may remember for a while."""
        last = self.replayed[-1]
        beginning = replace(last, steps=last.steps[:_WARM_UP_STEPS], moments=last.moments[:_WARM_UP_STEPS])
        for asker in (self._ours(self._engine, each_key=False), *self._peers):
            self._progress(f"warming up {asker.name}")
            self._play(asker, beginning, "unhurried", 0)

    def round(self, mode: str, number: int) -> list[Run]:
        """Return a run over all pieces of each who came through."""
        askers = [self._ours(self._engine, each_key=MODES[mode].each_key), *self._peers]
        parts: dict[str, list[Run]] = {asker.name: [] for asker in askers}
        for turn, piece in enumerate(self.replayed if MODES[mode].speed else self.waited, start=number):
            first = turn % len(askers)
            for asker in askers[first:] + askers[:first]:
                if asker.name not in self.failed and (run := self._play(asker, piece, mode, number)):
                    parts[asker.name].append(run)
        return [_joined(runs) for name, runs in parts.items() if name not in self.failed]

    def _play(self, asker: Asker, piece: Piece, mode: str, number: int) -> Run | None:
        speed, each_key = MODES[mode].speed, MODES[mode].each_key
        try:
            if speed:
                return typed(asker, [piece], speed, self._stage, each_key=each_key, seed=number)
            return unhurried(asker, [piece], each_key=each_key)
        except Exception as error:
            # Hours of measuring are not to be lost by somebody else's mistake; ours is not forgiven.
            if asker.name == OURS:
                raise
            self.failed[asker.name] = f"{type(error).__name__}: {error}"
            self._progress(f"without {asker.name}: {self.failed[asker.name]}")
            return None
        finally:
            _wait_for_rest(asker)

    def _ours(self, engine: LlamaEngine, *, each_key: bool) -> Asker:
        if isinstance(engine, OracleEngine):
            return OracleAsker(engine, (*self.replayed, *self.waited), name=OURS, each_key=each_key)
        return SessionAsker(engine, name=OURS, each_key=each_key)


def _wait_for_rest(asker: Asker) -> None:
    """Return when `asker` computes nothing any more, so that who is next has the processor alone."""
    end_s = time.perf_counter() + _MOST_REST_S
    used_s = asker.cpu_s()
    while time.perf_counter() < end_s:
        time.sleep(_REST_S)
        used_s, before_s = asker.cpu_s(), used_s
        if used_s - before_s < _REST_SHARE * _REST_S:
            return


def _joined(runs: Sequence[Run]) -> Run:
    presses: list[Press] = []
    memory_bytes: list[int] = []
    for run in runs:
        presses += run.presses
        memory_bytes += run.memory_bytes
    return Run(runs[0].asker, tuple(presses), tuple(memory_bytes))
