"""Build a training mix: sources → examples → without duplicates and evaluation data → shards and a data card.

Worker processes make units of the sources into candidates (`make.py`); this process takes them in the order of their
numbers, always from the source that is furthest behind its share, and decides. The rows, and every byte that is
written, depend on the mix and on what its sources hold: not on the number of workers, nor on interruptions.
"""

from __future__ import annotations

import json
import os
import platform
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import click
from rensa import RMinHash
from tqdm import tqdm

from tabtab_local.errors import DocumentError
from tabtab_local.output import check_free, new_file
from tabtab_local.prompt import PROMPT_VERSION
from training.data import card, config, progress, shard
from training.data.config import Mix
from training.data.contamination import Set, evaluation_sets
from training.data.make import Candidate, Made
from training.data.pool import Pool, Stream
from training.data.progress import Progress, Tally
from training.data.shard import Row

# A source that gives nothing new for so many units has nothing new to give.
_DRY_UNITS = 2000


def build(mix: Mix, out: Path, workers: int | None = None, *, unchecked: bool = False) -> None:
    """Write the data set of `mix` into the folder `out`, going on with an unfinished build of the same mix in it.

    `workers` are processes, as many as there are cores unless given. With `unchecked` MBPP's problems are not looked
    for in the rows, and the card says so. Raises `DocumentError` where a source or MBPP cannot be read, where the
    sources give nothing, and for a folder that holds something else.
    """
    started = time.monotonic()
    sizes = [source.size() for source in mix.sources]
    mix = replace(mix, mbpp="none") if unchecked else mix
    sets = evaluation_sets(mix.mbpp)
    with Pool(mix, sets, workers or os.cpu_count() or 1) as pool:
        settings = _settings(mix) | {"evaluation": {each.name: each.fingerprint for each in sets}}
        if _finished(out, settings):
            progress.remove(out)
            click.echo(f"{out} holds this data set already", err=True)
            return
        _remove_halves(out)
        state = progress.load(out, len(mix.sources))
        before = sum(each.kept for each in state.tallies)
        _Build(mix, out, pool, sizes, state).run()
    _write_records(mix, settings, sets, out, state)
    made, seconds = sum(each.kept for each in state.tallies) - before, time.monotonic() - started
    click.echo(f"wrote {made} examples to {out} in {seconds:.1f} s: {made / seconds:.0f} a second", err=True)
    if before + made < mix.examples:
        click.echo(f"{mix.examples} were asked for: the sources have no more to give", err=True)


def _write_records(mix: Mix, settings: dict[str, Any], sets: Sequence[Set], out: Path, state: Progress) -> None:
    """Write the record and the card, and remove what an unfinished build needs."""
    if not state.shards:
        progress.remove(out)
        out.rmdir()
        raise DocumentError("the sources of the mix gave not one example: choose others, or look at their files")
    text = card.render(mix, settings, sets, state)
    # The card goes last: where it stands, the data set is whole.
    for name, content in (("build.json", card.record(settings, state)), ("README.md", text)):
        with new_file(out / name) as temporary:
            temporary.write_text(content, encoding="utf-8")
    progress.remove(out)


def _settings(mix: Mix) -> dict[str, Any]:
    """Return all that decides the rows, as JSON holds it."""
    return {
        "mix": config.plain(mix),
        "sources": {source.name: source.facts() for source in mix.sources},
        "prompt_version": PROMPT_VERSION,
        "python": ".".join(platform.python_version_tuple()[:2]),
        "minhash": f"rensa R-MinHash {RMinHash.ALGORITHM_VERSION}",
    }


def _finished(out: Path, settings: dict[str, Any]) -> bool:
    """Return whether `out` holds the finished data set; record the settings of a new one.

    Raises `DocumentError` for a folder with anything else, and for shards that are not as they were written.
    """
    done, going = out / "build.json", out / progress.FOLDER / "settings.json"
    path = done if (out / "README.md").exists() and done.exists() else going
    ours = json.loads(json.dumps(settings))
    if not path.exists():
        check_free(out)
        with new_file(going) as temporary:
            temporary.write_text(json.dumps(ours, indent=2) + "\n", encoding="utf-8")
        return False
    try:
        theirs = json.loads(path.read_text(encoding="utf-8"))
        theirs = theirs["settings"] if path == done else theirs
    except (ValueError, KeyError, TypeError, OSError):
        raise DocumentError(f"{path} cannot be read: choose another --out, or remove that folder") from None
    if theirs != ours:
        changed = ", ".join(sorted(key for key in ours.keys() | theirs.keys() if ours.get(key) != theirs.get(key)))
        raise DocumentError(f"{out} holds a data set of another build ({changed} differ): choose another --out")
    if path == done:
        shard.check(out, shard.recorded(out))
    return path == done


def _remove_halves(out: Path) -> None:
    """Remove what a build that was killed had begun to write."""
    for path in (*out.glob(".*.tmp"), *(out / shard.FOLDER).glob(".*.tmp")):
        path.unlink()


class _Build:
    """One run of a build, from where `state` stands."""

    def __init__(self, mix: Mix, out: Path, pool: Pool, sizes: list[int | None], state: Progress) -> None:
        self._mix, self._out, self._state = mix, out, state
        self._total = sum(source.share for source in mix.sources)
        self._streams = [
            Stream(pool, number, tally.unit, size)
            for number, (tally, size) in enumerate(zip(state.tallies, sizes, strict=True))
        ]
        self._current: list[Made | None] = [None] * len(sizes)
        self._idle = [0] * len(sizes)
        self._rows: list[Row] = []

    def run(self) -> None:
        """Write shards until there are as many examples as wanted, or no source has any left."""
        done = sum(each.rows for each in self._state.shards)
        with tqdm(total=self._mix.examples, initial=done, unit=" examples", disable=None) as bar:
            while done < self._mix.examples and (number := self._behind(done)) is not None:
                row = self._next(number)
                if row is None:
                    self._state.tallies[number].ended = True
                    continue
                self._rows.append(row)
                done += 1
                bar.update()
                if len(self._rows) == self._mix.shard_rows:
                    self._flush()
        if self._rows:
            self._flush()

    def _behind(self, done: int) -> int | None:
        """Return the source that is furthest behind its share of `done` + 1 examples, None where all have ended."""
        going = [number for number, tally in enumerate(self._state.tallies) if not tally.ended]
        return max(going, key=lambda number: (self._wanted(number, done + 1), -number), default=None)

    def _wanted(self, number: int, total: int) -> float:
        return total * self._mix.sources[number].share / self._total - self._state.tallies[number].kept

    def _next(self, number: int) -> Row | None:
        """Return the next row of a source that is kept, None at its end."""
        tally = self._state.tallies[number]
        while self._idle[number] < _DRY_UNITS:
            made = self._current[number] or self._enter(number, tally)
            if made is None:
                return None
            self._current[number] = made
            while tally.offset < len(made.candidates):
                candidate = made.candidates[tally.offset]
                tally.offset += 1
                if self._keep(candidate, f"{number}/{made.number}", tally):
                    self._idle[number] = 0
                    return candidate.row
            self._current[number] = None
            tally.unit, tally.offset = made.number + 1, 0
            self._idle[number] += 1
        return None

    def _enter(self, number: int, tally: Tally) -> Made | None:
        """Return the next unit of a source, without its rows where it is like a document that was kept."""
        wanted = self._wanted(number, self._mix.examples) * max(1, tally.units) / max(1, tally.kept)
        made = self._streams[number].take(wanted)
        if made is None or tally.offset:
            # An interrupted build had entered this unit already.
            return made
        tally.units += 1
        tally.dropped.update(made.dropped)
        tally.seen.update(made.seen)
        tally.candidates += len(made.candidates)
        if made.signature is None or not made.candidates:
            return made
        owner = f"{number}/{made.origin}"
        if self._state.memory.documents.like(made.signature, owner):
            tally.dropped["document: near-duplicate of another"] += 1
            tally.dropped["example: of such a document"] += len(made.candidates)
            return replace(made, candidates=())
        self._state.memory.add_document(made.signature, owner)
        return made

    def _keep(self, candidate: Candidate, owner: str, tally: Tally) -> bool:
        """Return whether a candidate is kept, and count it."""
        memory = self._state.memory
        if candidate.contaminated:
            tally.dropped[f"example: holds a piece of {candidate.contaminated}"] += 1
            return False
        if candidate.digest in memory.digests or memory.examples.like(candidate.signature, owner):
            tally.dropped["example: near-duplicate of another"] += 1
            return False
        memory.add_example(candidate.signature, owner, candidate.digest)
        tally.kept += 1
        tally.kinds[candidate.row.kind] += 1
        tally.compiles += candidate.row.compiles
        return True

    def _flush(self) -> None:
        number = len(self._state.shards)
        self._state.shards.append(shard.write(self._out, number, self._rows, self._mix.format))
        self._rows = []
        self._state.save(self._out)
