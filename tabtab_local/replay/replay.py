"""Replaying traces: a person who types, and an asker that answers as well as it can.

In `typed` the person types at their own speed, whatever the model does. After each press the asker is told the text;
where what is on screen still holds, that is the answer. Otherwise the asker is asked in another thread, and the next
press, which comes when it comes, stops it: the latest wins. What time is left then, the asker may use as it likes.

In `unhurried` the person waits for each answer. Nothing is cut off, so this gives the distribution of answer times,
from which coverage at any speed can be computed.

Nothing here knows how suggestions are made. Steps are computed before the clock starts.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from tabtab_local.engine import never
from tabtab_local.errors import Cancelled
from tabtab_local.replay.asker import Asker, Moment, Work
from tabtab_local.replay.press import Press
from tabtab_local.replay.speed import Speed, intervals
from tabtab_local.replay.stage import Cancel, Stage
from tabtab_local.replay.trace import Step, Trace, steps

# Thinking longer than this gives a model nothing more to do.
PAUSE_CAP_MS = 1000.0

# Presses of keys of one trace that are replayed where not all are.
PRESSES_PER_TRACE = 40


@dataclass(frozen=True)
class Piece:
    """A trace, or the beginning of one, ready to be replayed: what is before the person after each press."""

    name: str
    steps: tuple[Step, ...]
    moments: tuple[Moment, ...]


@dataclass(frozen=True)
class Run:
    """What a replay noted; `memory_bytes` is what was resident at the end of each piece."""

    asker: str
    presses: tuple[Press, ...]
    memory_bytes: tuple[int, ...]


def pieces(
    traces: Sequence[Trace], keys: int | None = None, *, per_trace: int = PRESSES_PER_TRACE
) -> tuple[Piece, ...]:
    """Return all traces to be replayed, or with `keys` about as many presses of keys of them.

    Then the beginnings of traces are taken, evenly spread: as few as will do with `per_trace` presses each, so that
    opening a file weighs no more than it should.
    """
    if keys is None:
        return tuple(_piece(trace, None) for trace in traces)
    count = min(len(traces), math.ceil(keys / per_trace))
    chosen = [traces[(2 * i + 1) * len(traces) // (2 * count)] for i in range(count)]
    return tuple(_piece(trace, math.ceil(keys / count)) for trace in chosen)


def typed(
    asker: Asker,
    replayed: Iterable[Piece],
    speed: Speed,
    stage: Stage,
    *,
    each_key: bool = False,
    seed: int = 0,
    pause_cap_ms: float = PAUSE_CAP_MS,
    budget_s: float = math.inf,
) -> Run:
    """Replay pieces at a person's `speed`; after `budget_s` seconds the person stops.

    Each piece has its own times between keys for a `seed`, whoever is asked. With `each_key` the asker is asked even
    where what is on screen still holds: that is what a key costs that does not type through. Raises what the asker
    raises.
    """
    ends_s = stage.now_s() + budget_s
    presses: list[Press] = []
    memory_bytes: list[int] = []
    for piece in replayed:
        if stage.now_s() >= ends_s:
            break
        drawn = intervals(piece.steps, speed, f"{seed} {piece.name}")
        waits_ms = [
            interval - max(0.0, step.pause_ms - pause_cap_ms) for interval, step in zip(drawn, piece.steps, strict=True)
        ]
        person = _Person([*waits_ms[1:], speed.mean_ms], each_key, ends_s)
        presses += _type_piece(asker, piece, person, stage)
        memory_bytes.append(asker.memory_bytes())
    return Run(asker.name, tuple(presses), tuple(memory_bytes))


def unhurried(
    asker: Asker,
    replayed: Iterable[Piece],
    *,
    each_key: bool = False,
    budget_s: float = math.inf,
    now_s: Callable[[], float] = time.perf_counter,
) -> Run:
    """Replay pieces by a person who waits for each answer, and lets the asker use the pauses.

    `each_key` is that of `typed`.
    """
    ends_s = now_s() + budget_s
    presses: list[Press] = []
    memory_bytes: list[int] = []
    for piece in replayed:
        if now_s() >= ends_s:
            break
        asker.open(piece.moments[0])
        for i, step in enumerate(piece.steps):
            if step.pause_ms or step.kind == "accept":
                asker.idle(never)
            note = _Note(piece, i, asker.cpu_s(), now_s)
            if note.told(asker, each_key=each_key):
                note.answer(asker, never)
            presses.append(note.press(None, asker.cpu_s()))
            if now_s() >= ends_s:
                break
        memory_bytes.append(asker.memory_bytes())
    return Run(asker.name, tuple(presses), tuple(memory_bytes))


def _piece(trace: Trace, keys: int | None) -> Piece:
    found = list(steps(trace))
    if keys is not None:
        places = [i for i, step in enumerate(found) if step.is_key]
        found = found[: places[min(keys, len(places)) - 1] + 1] if places else found
    moments = (Moment(trace.name, i, step.kind, step.document, step.continuation) for i, step in enumerate(found))
    return Piece(trace.name, tuple(found), tuple(moments))


@dataclass(frozen=True)
class _Person:
    """How one piece is typed: `waits_ms[i]` is the time after press `i`; see `typed` for the rest."""

    waits_ms: Sequence[float]
    each_key: bool
    ends_s: float


def _type_piece(asker: Asker, piece: Piece, person: _Person, stage: Stage) -> list[Press]:
    notes: list[_Note] = []
    asker.open(piece.moments[0])
    for i, wait_ms in enumerate(person.waits_ms):
        note = _Note(piece, i, asker.cpu_s(), stage.now_s)
        notes.append(note)
        stage.begin(_job(asker, note, asked=note.told(asker, each_key=person.each_key)))
        if stage.until(note.pressed_s + wait_ms / 1000) >= person.ends_s:
            break
    ended_s, cpu_s = stage.now_s(), asker.cpu_s()
    stage.finish()
    ends = [*((note.pressed_s, note.cpu_s) for note in notes[1:]), (ended_s, cpu_s)]
    return [note.press(until_s, cpu_s) for note, (until_s, cpu_s) in zip(notes, ends, strict=True)]


def _job(asker: Asker, note: _Note, *, asked: bool) -> Callable[[Cancel], None]:
    def job(cancel: Cancel) -> None:
        try:
            if asked:
                note.answer(asker, cancel)
            asker.idle(cancel)
        except Cancelled:
            pass

    return job


class _Note:
    """What becomes of one press; made when the key is pressed."""

    def __init__(self, piece: Piece, number: int, cpu_s: float, now_s: Callable[[], float]) -> None:
        self.pressed_s = now_s()
        self.cpu_s = cpu_s
        self._now_s = now_s
        self._moment = piece.moments[number]
        self._new_place = number > 0 and piece.moments[number - 1].action in ("jump", "accept")
        self._typed_through = False
        self._first_ms: float | None = None
        self._full_ms: float | None = None
        self._settled_ms: float | None = None
        self._seen: tuple[str, float] = ("", 0.0)  # the text that was shown last, and when
        self._work = Work()

    def told(self, asker: Asker, *, each_key: bool) -> bool:
        """Tell the asker of the press; return whether it has to be asked."""
        holds = asker.accept(self._moment) if self._moment.action == "accept" else asker.update(self._moment)
        if holds and not each_key:
            self._typed_through = True
            self._first_ms = self._full_ms = self._settled_ms = self._since_ms()
        return not self._typed_through

    def answer(self, asker: Asker, cancel: Cancel) -> None:
        """Ask for the answer. Raises `Cancelled`."""
        self._work = asker.ask(self._moment, self._show, cancel)
        self._full_ms = self._settled_ms = self._since_ms()
        text, shown_ms = self._seen
        if self._work.visible and self._work.ghost == text:
            self._full_ms = shown_ms  # all of it was to be seen before it was known to be all

    def press(self, until_s: float | None, cpu_s: float) -> Press:
        """Return the note as it stands, given when the next press came and the processor time by then."""
        moment, work = self._moment, self._work
        first_ms, full_ms = self._first_ms, self._full_ms
        if first_ms is None and work.visible:
            first_ms = full_ms  # it showed all at once
        return Press(
            trace=moment.trace,
            number=moment.number,
            action=moment.action,
            new_place=self._new_place and moment.action != "jump",
            interval_ms=None if until_s is None else (until_s - self.pressed_s) * 1000,
            typed_through=self._typed_through,
            first_ms=first_ms,
            full_ms=full_ms,
            settled_ms=self._settled_ms,
            visible=work.visible or self._typed_through,
            evaluated_tokens=work.evaluated_tokens,
            drafted_tokens=work.drafted_tokens,
            accepted_tokens=work.accepted_tokens,
            decoded_tokens=work.decoded_tokens,
            cpu_s=max(0.0, cpu_s - self.cpu_s),
        )

    def _since_ms(self) -> float:
        return (self._now_s() - self.pressed_s) * 1000

    def _show(self, ghost: str) -> None:
        self._seen = ghost, self._since_ms()
        if ghost and self._first_ms is None:
            self._first_ms = self._seen[1]
