"""From a key to ghost text in Marimo: our server beside one that answers at once, on the same keys.

Either side is a Marimo of its own in one browser. Lines are typed at a steady speed up to a place where somebody would
pause; what is measured is the time, in the page, from the last key before it to ghost text in the page. The sides take
turns, pause by pause. What the other side takes is Marimo's: it waits for 150 ms whether another key comes, and asks
its own server, which asks ours. Where a pause comes while what was suggested before is being typed, Marimo asks nobody,
and nothing is counted.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

from bench.browser.chromium import chromium
from bench.browser.instant import instant
from bench.browser.marimo import Notebook, marimo, version
from bench.browser.process import tabtab
from tabtab_local.benchmark import Quantiles
from tabtab_local.errors import TabTabError
from tabtab_local.fingerprint import file_sha256
from tabtab_local.machine import Machine, describe

PAUSE = "|"

# What is typed into an empty cell, with the places where somebody pauses.
CELLS = (
    """\
import numpy as |np
import pandas as |pd
from pathlib import |Path
import matplotlib.pyplot as |plt""",
    """\
folder = Path(|"data")
files = sorted(|folder.glob("*.csv"))
frames = [pd.read_csv(|file) for file in files]
sales = pd.|concat(frames)""",
    """\
def mean(values):
    total = |0
    for value in |values:
        total += |value
    return |total / len(values)""",
    """\
sales["month"] = |sales["date"].dt.month
monthly = sales.groupby(|"month")
for month, group in |monthly:
    print(|month, len(group))""",
    """\
import json
with open(|"settings.json") as file:
    settings = |json.load(file)
for name, value in |settings.items():
    print(|name, value)""",
    """\
class Counter:
    def __init__(self|):
        self.count = |0
    def increment(|self):
        self.count += |1
        return |self.count""",
    """\
import re
pattern = re.|compile("[a-z]+")
words = pattern.|findall(text)
longest = max(|words, key=len)
if not |words:
    raise |ValueError("no words")""",
    """\
fig, ax = plt.|subplots()
ax.plot(|x, y)
ax.set_xlabel(|"month")
ax.set_title(|"Revenue")
plt.|show()""",
)
PAUSES = sum(cell.count(PAUSE) for cell in CELLS)

_NOTEBOOK = """\
import marimo

app = marimo.App()


@app.cell
def _():
    return


if __name__ == "__main__":
    app.run()
"""
_SAID = "instant()"


@dataclass(frozen=True)
class Settings:
    """How it is typed: `rounds` times all lines, a key each `key_ms`."""

    rounds: int = 2
    key_ms: float = 80.0


@dataclass(frozen=True)
class Side:
    """How often ghost text came in the pauses of one side, and after how many milliseconds."""

    shown: int
    ghost_ms: Quantiles | None

    @classmethod
    def of(cls, times_ms: Sequence[float | None]) -> Side:
        """Return the figures of times, of which those are None where nothing was shown."""
        known = [each for each in times_ms if each is not None]
        return cls(len(known), Quantiles.of(known) if known else None)


@dataclass(frozen=True)
class Record:
    """A measurement, with what it was taken on.

    `more_ms` is our time less the other's, in the pauses in which `both` showed something.
    """

    model: str
    sha256: str
    settings: Settings
    pauses: int
    ours: Side
    instant: Side
    both: int
    more_ms: Quantiles | None
    marimo: str
    chromium: str
    machine: Machine

    def as_json(self) -> dict[str, object]:
        """Return the record as values that `json.dumps` takes."""
        return asdict(self)


def compare(
    model: Path, settings: Settings, *, progress: Callable[[str], None], cells: Sequence[str] = CELLS
) -> Record:
    """Type all cells on both sides. Raises `UsageError` where Marimo, Chromium or Playwright is not installed."""
    with tempfile.TemporaryDirectory() as folder, chromium(Path(folder)) as browser:
        progress("starting Marimo twice")
        with _side(Path(folder, "ours"), model) as ours, _side(Path(folder, "instant"), None) as other:
            sides = Notebook(browser.new_page(), ours), Notebook(browser.new_page(), other)
            for side in sides:
                side.enter(cell=0)
                side.type("import json\nimport ")  # the first answer takes Marimo seconds
                side.answer()
            pairs: list[tuple[float | None, float | None]] = []
            for number in range(settings.rounds):
                for cell in cells:
                    pairs += _typed(sides, cell, settings.key_ms, swapped=bool(number % 2))
                    progress(f"{len(pairs)} of {settings.rounds * sum(cell.count(PAUSE) for cell in cells)} pauses")
        return _record(model, settings, pairs, browser.version)


def _record(
    model: Path, settings: Settings, pairs: Sequence[tuple[float | None, float | None]], chromium_version: str
) -> Record:
    more = [ours - other for ours, other in pairs if ours is not None and other is not None]
    return Record(
        model=model.stem,
        sha256=file_sha256(model),
        settings=settings,
        pauses=len(pairs),
        ours=Side.of([ours for ours, _ in pairs]),
        instant=Side.of([other for _, other in pairs]),
        both=len(more),
        more_ms=Quantiles.of(more) if more else None,
        marimo=version(),
        chromium=chromium_version,
        machine=describe(),
    )


@contextmanager
def _side(home: Path, model: Path | None) -> Iterator[str]:
    """Run Marimo with our server or, where there is no model, with the other; give Marimo's address."""
    notebook = home / "notebooks" / "notebook.py"
    notebook.parent.mkdir(parents=True)
    notebook.write_text(_NOTEBOOK, encoding="utf-8")
    environment = {**os.environ, "HOME": str(home)}
    options = ("--model", str(model), "--workspace", str(notebook.parent))
    running = tabtab(*options, environment=environment) if model else instant(_SAID, environment=environment)
    with running as server, marimo(notebook, server, home) as address:
        yield address


def _typed(
    sides: tuple[Notebook, Notebook], cell: str, key_ms: float, *, swapped: bool
) -> list[tuple[float | None, float | None]]:
    """Type a cell into both notebooks, in turns; return for each pause what both sides took."""
    pairs: list[tuple[float | None, float | None]] = []
    for side in sides:
        side.clear()
    *pieces, end = cell.split(PAUSE)
    for piece in pieces:
        found: dict[int, float | None] = {}
        for index in (1, 0) if swapped else (0, 1):
            _type(sides[index], piece, key_ms)
            sides[index].answer()
            found[index] = sides[index].delay_ms
        pairs.append((found[0], found[1]))
    for side in sides:
        _type(side, end, key_ms)
        if side.code != cell.replace(PAUSE, ""):
            raise TabTabError(f"Marimo holds {side.code!r} in place of what was typed")
    return pairs


def _type(side: Notebook, text: str, key_ms: float) -> None:
    """Type lines; Marimo would indent a new one by itself, or take Enter for a choice from its menu."""
    first, *others = text.split("\n")
    side.type(first, key_ms=key_ms)
    for line in others:
        side.paste("\n")
        side.type(line, key_ms=key_ms)


def render(record: Record) -> str:
    """Return the record as a table."""
    machine = record.machine
    rows = [
        f"{record.model} · sha256 {record.sha256[:12]} · Marimo {record.marimo} · Chromium {record.chromium} · "
        f"{machine.cpu}, {machine.physical_cores} cores",
        f"{record.pauses} pauses of a person who presses a key each {record.settings.key_ms:g} ms",
        "",
        f"{'from a key to ghost text, ms':<34}{'shown':>8}{'median':>10}{'p95':>10}",
        _row("tabtab-local", record.ours.shown, record.ours.ghost_ms),
        _row("a server that answers at once", record.instant.shown, record.instant.ghost_ms),
        _row("longer, where both showed some", record.both, record.more_ms),
    ]
    return "\n".join(rows)


def _row(label: str, shown: int, times: Quantiles | None) -> str:
    cells = f"{times.p50:>10.1f}{times.p95:>10.1f}" if times else f"{'–':>10}{'–':>10}"
    return f"{label:<34}{shown:>8}{cells}"
