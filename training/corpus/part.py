"""What one source gives: its texts, examined, cut down to a fair amount, with what tells copies and evaluation sets.

This is what worker processes do. A part is a function of its source and the evaluation sets alone, and is written
whole, so that a build that was interrupted goes on behind the last one.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from tabtab_local.errors import DocumentError
from tabtab_local.output import new_file
from training.corpus import source as sources
from training.corpus.filter import Text, examined
from training.corpus.manifest import Source
from training.corpus.store import Row
from training.data.contamination import Pieces
from training.data.duplicate import PERMUTATIONS, Signature, shingles, signatures

# So much of one source is enough; of its tests, this share of the rest.
MOST_BYTES = 20_000_000
_TEST_SHARE = 0.25
_BATCH_CHARACTERS = 1_000_000
_TOO_MUCH = "more of a source than is taken"
_TOO_MANY_TESTS = "more tests of a source than are taken"


@dataclass(frozen=True)
class Part:
    """The rows of a source, their MinHash signatures (rows, PERMUTATIONS), and how many files were left out and why."""

    rows: tuple[Row, ...]
    signatures: Signature
    dropped: Counter[str]
    files: int


def make(source: Source, folder: Path, pieces: Pieces) -> Part:
    """Read a source from `folder`. Raises `DocumentError` where it cannot be read or is not permissively licensed."""
    sources.check(source, folder)
    stated = sources.stated_licence(source, folder)
    if stated != source.licence:
        raise DocumentError(f"{source.name} is under {stated}, not {source.licence}: correct the manifest")
    dropped: Counter[str] = Counter()
    found: list[tuple[str, Text]] = []
    files = 0
    for file in sources.files(source, folder):
        files += 1
        text = examined(file, tutorial=source.tutorial)
        if isinstance(text, str):
            dropped[text] += 1
        else:
            found.append((file.path, text))
    hits = [hit for batch in _batches([text.text for _, text in found]) for hit in pieces.hits(batch)]
    dropped.update(f"holds a piece of {hit}" for hit in hits if hit)
    clean = [each for each, hit in zip(found, hits, strict=True) if not hit]
    rows = tuple(
        Row(
            text.text,
            text.kind,
            source.label,
            path,
            stated,
            tuple(at for cell in text.cells for at in (cell.start, cell.end)),
        )
        for path, text in sorted(_fair(clean, dropped), key=lambda each: each[0])
    )
    signed = [signatures([shingles(text) for text in batch]) for batch in _batches([row.text for row in rows])]
    return Part(rows, np.concatenate([np.zeros((0, PERMUTATIONS), np.uint32), *signed]), dropped, files)


def _batches(texts: Sequence[str]) -> Iterator[list[str]]:
    """Yield the texts in order, some at a time: what is made of them to look at is many times as large."""
    batch: list[str] = []
    for text in texts:
        batch.append(text)
        if sum(map(len, batch)) > _BATCH_CHARACTERS:
            yield batch
            batch = []
    if batch:
        yield batch


def _fair(found: Sequence[tuple[str, Text]], dropped: Counter[str]) -> Iterator[tuple[str, Text]]:
    """Yield as much as is taken of a source, drawn by the hash of the paths."""
    drawn = sorted(found, key=lambda each: hashlib.sha256(each[0].encode()).digest())
    tests = [each for each in drawn if each[1].kind == "test"]
    others = [each for each in drawn if each[1].kind != "test"]
    taken = list(_until(others, MOST_BYTES))
    dropped[_TOO_MUCH] += len(others) - len(taken)
    room = _TEST_SHARE * sum(len(text.text) for _, text in taken)
    taken_tests = list(_until(tests, room))
    dropped[_TOO_MANY_TESTS] += len(tests) - len(taken_tests)
    yield from taken
    yield from taken_tests


def _until(found: Iterable[tuple[str, Text]], most: float) -> Iterator[tuple[str, Text]]:
    size = 0
    for path, text in found:
        size += len(text.text)
        if size > most:
            return
        yield path, text


def save(part: Part, path: Path) -> None:
    """Write a part whole."""
    with new_file(path) as temporary, temporary.open("wb") as out:
        document = json.dumps(
            {"rows": list(map(asdict, part.rows)), "dropped": part.dropped, "files": part.files}
        ).encode()
        np.savez_compressed(out, rows=np.frombuffer(document, np.uint8), signatures=part.signatures)


def load(path: Path) -> Part:
    """Read what `save` wrote."""
    with np.load(path) as arrays:
        document = json.loads(arrays["rows"].tobytes())
        found = arrays["signatures"].reshape(-1, PERMUTATIONS)
    rows = tuple(Row(**{**fields, "cells": tuple(fields["cells"])}) for fields in document["rows"])
    return Part(rows, found, Counter(document["dropped"]), document["files"])
