"""Build the corpus: manifest → parts, one for each source → without near-duplicates → shards and a data card.

Worker processes make the parts; this process takes them in the manifest's order and decides. What is written depends on
the manifest, the sources and the evaluation sets alone.
"""

from __future__ import annotations

import hashlib
import json
import os
import platform
import shutil
import threading
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import asdict, dataclass, field
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import click
from tqdm import tqdm

from tabtab_local.errors import DocumentError
from tabtab_local.output import check_free, new_file
from training.corpus import card, part, store
from training.corpus.manifest import Manifest, Source
from training.corpus.store import HELD_OUT, TRAIN, Row
from training.data.contamination import Pieces, Set
from training.data.duplicate import DOCUMENT_THRESHOLD, Seen
from training.data.pool import end_with_parent
from training.data.shard import FOLDER, Shard, whole_sha256

_PARTS = ".parts"
_SETTINGS = "settings.json"
_SHARD_CHARACTERS = 64_000_000
_DUPLICATE = "near-duplicate of another text"
# Of 256.
_HELD_OUT_SHARE = 2


@dataclass
class Tally:
    """What a source came to: files seen, texts and bytes kept by kind, files left out by reason."""

    files: int = 0
    texts: Counter[str] = field(default_factory=Counter)
    bytes: Counter[str] = field(default_factory=Counter)
    dropped: Counter[str] = field(default_factory=Counter)


def build(manifest: Manifest, folder: Path, sets: Sequence[Set], out: Path, workers: int | None = None) -> None:
    """Write the corpus of `manifest`, whose sources lie in `folder`, into `out`; an unfinished build in it goes on.

    Texts that hold a piece of the evaluation `sets` are left out. Raises `DocumentError` for a source that is missing,
    is not what the manifest says or is not permissively licensed, and for an `out` that holds something else.
    """
    settings = _settings(manifest, sets)
    if _finished(out, settings):
        click.echo(f"{out} holds this corpus already", err=True)
        return
    _make_parts(manifest, folder, sets, out, workers or os.cpu_count() or 1)
    shutil.rmtree(out / FOLDER, ignore_errors=True)
    tallies = {source.label: Tally() for source in manifest.sources}
    shards = list(_write_shards(_kept(manifest, out, tallies), out))
    if not shards:
        raise DocumentError("not one text was kept: choose other sources")
    document = {
        "settings": settings,
        "shards": [asdict(each) for each in shards],
        "sha256": whole_sha256(shards),
        "sources": {label: vars(tally) for label, tally in tallies.items()},
    }
    text = card.render(manifest, tallies, sets, shards)
    # The record goes last: where it stands, the corpus is whole.
    for name, content in (("README.md", text), (store.RECORD, json.dumps(document, indent=2) + "\n")):
        with new_file(out / name) as temporary:
            temporary.write_text(content, encoding="utf-8")
    shutil.rmtree(out / _PARTS)
    size = sum(sum(tally.bytes.values()) for tally in tallies.values())
    click.echo(f"wrote {sum(each.rows for each in shards):,} texts, {size / 1e6:,.0f} MB, to {out}", err=True)


def _settings(manifest: Manifest, sets: Sequence[Set]) -> dict[str, Any]:
    """Return all that decides the texts, as JSON holds it."""
    sources = hashlib.sha256(repr(manifest.sources).encode()).hexdigest()
    settings = {
        "manifest_sha256": sources,
        "evaluation": {each.name: each.fingerprint for each in sets},
        "python": ".".join(platform.python_version_tuple()[:2]),
    }
    return dict(json.loads(json.dumps(settings)))


def _finished(out: Path, settings: dict[str, Any]) -> bool:
    """Return whether `out` holds the finished corpus; record the settings of a new one."""
    going = out / _PARTS / _SETTINGS
    if (out / store.RECORD).is_file():
        theirs = store.record(out)["settings"]
    elif going.is_file():
        theirs = json.loads(going.read_text(encoding="utf-8"))
    else:
        check_free(out)
        with new_file(going) as temporary:
            temporary.write_text(json.dumps(settings, indent=2) + "\n", encoding="utf-8")
        return False
    if theirs != settings:
        raise DocumentError(f"{out} holds a corpus of another manifest or other evaluation sets: choose another --out")
    return (out / store.RECORD).is_file()


def _part_path(out: Path, source: Source) -> Path:
    return out / _PARTS / f"{source.place.replace('/', '+')}.npz"


def _make_parts(manifest: Manifest, folder: Path, sets: Sequence[Set], out: Path, workers: int) -> None:
    missing = [source for source in manifest.sources if not _part_path(out, source).is_file()]
    # A fresh interpreter for each worker: forking a process that has threads is not safe.
    with ProcessPoolExecutor(workers, get_context("spawn"), _prepare, (folder, tuple(sets))) as pool:
        futures = [pool.submit(_make, source, _part_path(out, source)) for source in missing]
        try:
            for future in tqdm(as_completed(futures), total=len(futures), unit=" sources", disable=None):
                future.result()
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise


_at_work: tuple[Path, Pieces] | None = None


def _prepare(folder: Path, sets: tuple[Set, ...]) -> None:
    global _at_work
    threading.Thread(target=end_with_parent, daemon=True).start()
    os.environ.setdefault("RAYON_NUM_THREADS", "1")
    _at_work = folder, Pieces(sets)


def _make(source: Source, path: Path) -> None:
    assert _at_work is not None
    folder, pieces = _at_work
    part.save(part.make(source, folder, pieces), path)


def _kept(manifest: Manifest, out: Path, tallies: dict[str, Tally]) -> Iterator[Row]:
    """Yield the texts that are like none before them, and count."""
    seen = Seen(DOCUMENT_THRESHOLD)
    for source in manifest.sources:
        one, tally = part.load(_part_path(out, source)), tallies[source.label]
        tally.files = one.files
        tally.dropped.update(one.dropped)
        for row, signature in zip(one.rows, one.signatures, strict=True):
            if seen.like(signature, ""):
                tally.dropped[_DUPLICATE] += 1
                continue
            seen.add(signature, row.path)
            tally.texts[row.kind] += 1
            tally.bytes[row.kind] += len(row.text.encode())
            yield row


def _write_shards(rows: Iterator[Row], out: Path) -> Iterator[Shard]:
    waiting: dict[str, list[Row]] = {TRAIN: [], HELD_OUT: []}
    sizes, numbers = Counter[str](), Counter[str]()

    def flush(split: str) -> Shard:
        shard = store.write(out, split, numbers[split], waiting[split])
        waiting[split], sizes[split] = [], 0
        numbers[split] += 1
        return shard

    for row in rows:
        split = HELD_OUT if is_held_out(row) else TRAIN
        waiting[split].append(row)
        sizes[split] += len(row.text)
        if sizes[split] > _SHARD_CHARACTERS:
            yield flush(split)
    yield from [flush(split) for split in waiting if waiting[split]]


def is_held_out(row: Row) -> bool:
    """Return whether a text is kept to measure on, by the hash of where it is from."""
    return hashlib.sha256(f"{row.source.partition(' ')[0]}/{row.path}".encode()).digest()[0] < _HELD_OUT_SHARE
