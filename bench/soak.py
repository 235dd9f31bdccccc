"""Hours of typing in minutes: does the memory that a session and its engine take stay what it is?

Recorded traces are replayed again and again, as fast as it goes, in several documents that are open at a time on one
engine with too few caches for all of them. What is suggested is typed along, accepted and rejected, what comes after
Tab is prepared, requests are cancelled, documents are closed and others opened, all at random, for as many presses of
keys as somebody makes in so many hours. The memory that is resident is noted every so often. Its growth is the slope
of a line through the notes, by least squares, once a warm-up has filled the caches; neighbours are averaged before, for
what is resident now was mostly resident a moment ago, and an interval made of single notes would be too narrow.

What is measured is this process, llama.cpp, Python and the traces included. Nothing here looks at speed.
"""

from __future__ import annotations

import itertools
import math
import random
import statistics
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import psutil

from tabtab_local.engine import LlamaEngine, never
from tabtab_local.errors import Cancelled, TabTabError, UsageError
from tabtab_local.fingerprint import file_sha256
from tabtab_local.machine import Machine, default_threads, describe
from tabtab_local.replay.load import shipped
from tabtab_local.replay.replay import Piece, pieces
from tabtab_local.replay.speed import AVERAGE
from tabtab_local.replay.trace import Step
from tabtab_local.session import Session

FLAT_MIB_PER_HOUR = 1.0
"""Growth below this is none that anybody would notice in a day."""

_MIB = 2**20
_UNSURE_MIB_PER_HOUR = 5.0  # an interval that reaches farther than this says nothing
_WARM_UP_KEYS = 5000  # after 4,500 the embedded model and what is kept of its vocabulary took all they ever did
_NOTES_A_LINE = 20  # how many averages the line is drawn through
_FEWEST_FREEDOM = 4
_STRETCH_KEYS = 25  # typed in one document before somebody turns to another
_PROGRESS_NOTES = 20

# How often somebody does these where a suggestion is shown, and how often a request is cancelled.
_PREFETCHED, _ACCEPTED, _REJECTED, _CANCELLED = 0.2, 0.05, 0.05, 0.1
_MOST_CHECKS = 400  # of `cancel`, before one says yes


@dataclass(frozen=True)
class Settings:
    """What is replayed: `hours` of typing, in `documents` that are open at a time, with so many `sequences` for them.

    A note is taken every `note_keys` presses.
    """

    hours: float = 8.0
    documents: int = 3
    sequences: int = 4
    note_keys: int = 250
    threads: int | None = None
    seed: int = 0

    def __post_init__(self) -> None:
        if not (math.isfinite(self.hours) and self.keys > 0):
            raise UsageError(f"{self.hours} hours have no key to press: choose more than 0")

    @property
    def keys(self) -> int:
        """How many keys are pressed in these hours by the average typist."""
        return round(self.hours * 3_600_000 / AVERAGE.mean_ms) if math.isfinite(self.hours) else 0

    @property
    def warm_up_keys(self) -> int:
        """Presses before the notes that count."""
        return min(_WARM_UP_KEYS, self.keys // 4)


@dataclass(frozen=True)
class Note:
    """What was resident of this process after so many presses of keys."""

    keys: int
    resident_bytes: int


@dataclass(frozen=True)
class Growth:
    """A slope in MiB for an hour of typing, with an interval of 95 %; not a number where the notes are too few."""

    mib_per_hour: float
    low: float
    high: float


@dataclass(frozen=True)
class Record:
    """A soak: `first`, `last` and `peak` are those of the notes behind the warm-up; `events` counts what was done."""

    model: str
    sha256: str
    machine: Machine
    settings: Settings
    keys: int
    seconds: float
    events: dict[str, int]
    first_mib: float
    last_mib: float
    peak_mib: float
    growth: Growth
    verdict: str
    notes: tuple[Note, ...]

    def as_json(self) -> dict[str, object]:
        """Return the record as values that `json.dumps` takes."""
        growth = {name: _finite(value) for name, value in asdict(self.growth).items()}
        return {**asdict(self), "growth": growth, "notes": [[note.keys, note.resident_bytes] for note in self.notes]}


def soak(model: Path, settings: Settings, *, progress: Callable[[str], None]) -> Record:
    """Replay the shipped traces for as many keys as `settings` ask for. Raises `ModelError` for a model of no use."""
    sha256, machine, process = file_sha256(model), describe(), psutil.Process()
    replayed = pieces(shipped())
    notes: list[Note] = []
    began = time.monotonic()
    with LlamaEngine(model, threads=settings.threads or default_threads(), sequences=settings.sequences) as engine:
        desk = _Desk(engine, replayed, settings)
        for keys in itertools.islice(desk.presses(), settings.keys):
            if keys % settings.note_keys == 0 or keys == settings.keys:
                notes.append(Note(keys, process.memory_info().rss))
                if len(notes) % _PROGRESS_NOTES == 0:
                    progress(f"{keys:,} of {settings.keys:,} keys, {notes[-1].resident_bytes / _MIB:.1f} MiB")
        name = engine.model.name
    counted = [note for note in notes if note.keys >= settings.warm_up_keys]
    mib = [note.resident_bytes / _MIB for note in counted]
    slope = growth(counted)
    return Record(
        model=name,
        sha256=sha256,
        machine=machine,
        settings=settings,
        keys=settings.keys,
        seconds=time.monotonic() - began,
        events=dict(desk.events),
        first_mib=mib[0],
        last_mib=mib[-1],
        peak_mib=max(mib),
        growth=slope,
        verdict=verdict(slope, warm=settings.warm_up_keys == _WARM_UP_KEYS),
        notes=tuple(notes),
    )


def growth(notes: Sequence[Note]) -> Growth:
    """Return the slope of the line through the averages of neighbouring notes."""
    size = max(1, len(notes) // _NOTES_A_LINE)
    groups = [notes[start : start + size] for start in range(0, len(notes) - size + 1, size)]
    hours = [statistics.fmean(note.keys for note in group) * AVERAGE.mean_ms / 3_600_000 for group in groups]
    mib = [statistics.fmean(note.resident_bytes for note in group) / _MIB for group in groups]
    freedom = len(groups) - 2
    if freedom < _FEWEST_FREEDOM:
        return Growth(math.nan, math.nan, math.nan)
    slope, intercept = statistics.linear_regression(hours, mib)
    left = sum((y - intercept - slope * x) ** 2 for x, y in zip(hours, mib, strict=True))
    middle = statistics.fmean(hours)
    error = math.sqrt(left / freedom / sum((x - middle) ** 2 for x in hours))
    reach = _t_quantile(freedom) * error
    return Growth(slope, slope - reach, slope + reach)


def verdict(slope: Growth, *, warm: bool = True) -> str:
    """Return in a sentence whether memory is flat; `warm` says whether the caches were full when notes began to count.

    It is where its growth cannot be told from none, or is less than `FLAT_MIB_PER_HOUR`; and where it can be told.
    """
    if math.isnan(slope.mib_per_hour):
        return "Too few notes were taken to tell whether memory is flat: replay more hours."
    figures = f"{slope.mib_per_hour:+.2f} MiB for an hour of typing (95 %: {slope.low:+.2f} to {slope.high:+.2f})"
    grows = slope.low > 0 and slope.mib_per_hour >= FLAT_MIB_PER_HOUR
    if grows and warm:
        return f"Memory grows: {figures}."
    if grows or slope.high > _UNSURE_MIB_PER_HOUR:
        return f"This was too short to tell whether memory is flat: {figures}; replay more hours."
    return f"Memory is flat: {figures}."


def render(record: Record) -> str:
    """Return the record as a table and a sentence."""
    settings = record.settings
    lines = [
        f"{record.model} (sha256 {record.sha256[:12]}), {record.machine.cpu}, {record.machine.os}",
        f"{record.keys:,} keys, {settings.hours:g} hours of typing, in {record.seconds / 60:,.0f} minutes; "
        f"{settings.documents} documents at a time, {settings.sequences} caches",
        ", ".join(f"{count:,} {name}" for name, count in sorted(record.events.items())),
        "",
        f"first {record.first_mib:,.1f} MiB, last {record.last_mib:,.1f} MiB, peak {record.peak_mib:,.1f} MiB, "
        f"after {settings.warm_up_keys:,} keys of warm-up",
        record.verdict,
    ]
    return "\n".join(lines)


class _Desk:
    """Some open documents, and somebody who types in one after the other; `events` counts what they do."""

    def __init__(self, engine: LlamaEngine, replayed: Sequence[Piece], settings: Settings) -> None:
        self.events: Counter[str] = Counter()
        self._engine = engine
        self._replayed = replayed
        self._random = random.Random(settings.seed)
        self._open = [self._opened() for _ in range(settings.documents)]

    def presses(self) -> Iterator[int]:
        """Do one step of a trace after the other for ever; yield how many keys have been pressed, at each of them."""
        keys = 0
        while True:
            place = self._random.randrange(len(self._open))
            for _ in range(self._random.randint(1, 2 * _STRETCH_KEYS)):
                session, left = self._open[place]
                step = next(left, None)
                if step is None:
                    self._open[place] = self._opened()
                    continue
                for _ in range(self._pressed(session, step)):
                    keys += 1
                    yield keys

    def _opened(self) -> tuple[Session, Iterator[Step]]:
        """Open a document; its session's name is new, as that of a file opened for the first time."""
        self.events["opened"] += 1
        piece = self._random.choice(self._replayed)
        return Session(self._engine, name=f"{piece.name} {self.events['opened']}"), iter(piece.steps)

    def _pressed(self, session: Session, step: Step) -> int:
        """Take one step, and do something about what is suggested; return how many keys that took."""
        keys = int(step.is_key)
        try:
            if session.update(step.document) is not None:
                self.events["typed through"] += 1
            self._ask(session)
            if session.shown is None:
                return keys
            self.events["shown"] += 1
            if self._happens(_PREFETCHED):
                self._cancellable(session.prefetch)
                self.events["prepared"] += 1
            if self._happens(_ACCEPTED):
                session.accept()
                self.events["accepted"] += 1
                keys += 1
                self._ask(session)
            elif self._happens(_REJECTED):
                session.reject()
                self.events["rejected"] += 1
                keys += 1
        except Cancelled:
            self.events["cancelled"] += 1
        except TabTabError:
            self.events["refused"] += 1
        return keys

    def _ask(self, session: Session) -> None:
        self._cancellable(lambda cancel: session.suggest(cancel=cancel, show=lambda text: None))
        self.events["asked"] += 1

    def _cancellable(self, work: Callable[[Callable[[], bool]], object]) -> None:
        """Do something, which now and then is cancelled in its middle."""
        if not self._happens(_CANCELLED):
            work(never)
            return
        checks = itertools.count()
        last = self._random.randrange(_MOST_CHECKS)
        work(lambda: next(checks) >= last)

    def _happens(self, share: float) -> bool:
        return self._random.random() < share


def _t_quantile(freedom: int) -> float:
    """Return the 97.5 % quantile of Student's distribution, right to 0.001 from 4 degrees of freedom on.

    By Cornish and Fisher's expansion around the normal distribution's (Abramowitz and Stegun, 26.7.5).
    """
    z = statistics.NormalDist().inv_cdf(0.975)
    terms = (
        z,
        (z**3 + z) / 4,
        (5 * z**5 + 16 * z**3 + 3 * z) / 96,
        (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / 384,
        (79 * z**9 + 776 * z**7 + 1482 * z**5 - 1920 * z**3 - 945 * z) / 92160,
    )
    return float(sum(term / freedom**power for power, term in enumerate(terms)))


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None
