"""How far a build has come, so that one that was interrupted goes on to the same result.

Written after each shard into the folder's `.build`: the counts, where each source stands, and the signatures that
were kept since the shard before.
"""

from __future__ import annotations

import json
import shutil
from collections import Counter
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np

from tabtab_local.errors import DocumentError
from tabtab_local.output import new_file
from training.data.duplicate import DOCUMENT_THRESHOLD, EXAMPLE_THRESHOLD, PERMUTATIONS, Seen, Signature
from training.data.shard import Shard, check

FOLDER = ".build"


@dataclass
class Tally:
    """What one source gave so far. `unit` is the number that it stands at, `offset` how many of its rows are done."""

    unit: int = 0
    offset: int = 0
    kept: int = 0
    ended: bool = False
    compiles: int = 0
    units: int = 0
    candidates: int = 0
    kinds: Counter[str] = field(default_factory=Counter)
    dropped: Counter[str] = field(default_factory=Counter)
    seen: Counter[str] = field(default_factory=Counter)

    def record(self) -> dict[str, Any]:
        """Return the tally as JSON can hold it."""
        return {key: dict(value) if isinstance(value, Counter) else value for key, value in vars(self).items()}


class Memory:
    """All that was kept, by signature and by hash, with what came since it was last saved."""

    def __init__(self) -> None:
        self.documents = Seen(DOCUMENT_THRESHOLD)
        self.examples = Seen(EXAMPLE_THRESHOLD)
        self.digests: set[int] = set()
        self._new: tuple[list[tuple[Signature, str]], list[tuple[Signature, str]], list[int]] = ([], [], [])

    def add_document(self, signature: Signature, owner: str) -> None:
        """Keep a document."""
        self.documents.add(signature, owner)
        self._new[0].append((signature, owner))

    def add_example(self, signature: Signature, owner: str, digest: int) -> None:
        """Keep an example."""
        self.examples.add(signature, owner)
        self.digests.add(digest)
        self._new[1].append((signature, owner))
        self._new[2].append(digest)

    def save(self, path: Path) -> None:
        """Write what came since the last time."""
        arrays: dict[str, Any] = {"digests": np.array(self._new[2], np.uint64)}
        for name, found in (("documents", self._new[0]), ("examples", self._new[1])):
            arrays[name] = np.array([row for row, _ in found], np.uint32).reshape(len(found), PERMUTATIONS)
            arrays[f"{name}_owners"] = np.array([owner for _, owner in found], np.str_)
        with new_file(path) as temporary, temporary.open("wb") as file:
            np.savez(file, **arrays)
        self._new = ([], [], [])

    def load(self, path: Path) -> None:
        """Add what was saved at `path`."""
        with np.load(path) as arrays:
            for name, seen in (("documents", self.documents), ("examples", self.examples)):
                for row, owner in zip(arrays[name], arrays[f"{name}_owners"].tolist(), strict=True):
                    seen.add(row, owner)
            self.digests.update(arrays["digests"].tolist())


@dataclass
class Progress:
    """The shards that are written, what each source gave, and what is remembered."""

    shards: list[Shard]
    tallies: list[Tally]
    memory: Memory

    def save(self, out: Path) -> None:
        """Write the state after the last shard."""
        folder = out / FOLDER
        self.memory.save(folder / f"{len(self.shards) - 1:05}.npz")
        record = {
            "shards": [asdict(shard) for shard in self.shards],
            "sources": [each.record() for each in self.tallies],
        }
        with new_file(folder / "progress.json") as temporary:
            temporary.write_text(json.dumps(record), encoding="utf-8")


def load(out: Path, sources: int) -> Progress:
    """Return how far the build in `out` has come; the beginning where it has not.

    Raises `DocumentError` where what was written so far is not there any more, or was changed.
    """
    path = out / FOLDER / "progress.json"
    memory = Memory()
    if not path.exists():
        return Progress([], [Tally() for _ in range(sources)], memory)
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
        shards = [Shard(**each) for each in record["shards"]]
        for number in range(len(shards)):
            memory.load(out / FOLDER / f"{number:05}.npz")
        tallies = [_tally(each) for each in record["sources"]]
    except (OSError, ValueError, KeyError, TypeError, BadZipFile) as error:
        raise DocumentError(
            f"{path.parent} cannot be read ({' '.join(str(error).split())[:80]}): remove {out} and begin again"
        ) from None
    check(out, shards)
    return Progress(shards, tallies, memory)


def remove(out: Path) -> None:
    """Remove the state of a finished build."""
    shutil.rmtree(out / FOLDER, ignore_errors=True)


def _tally(record: dict[str, Any]) -> Tally:
    counters = {key: Counter(record[key]) for key in ("kinds", "dropped", "seen")}
    return Tally(**{**record, **counters})
