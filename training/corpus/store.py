"""The corpus on disk: shards of Parquet, a row for each text, in two splits; and how training reads them."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow
from numpy.typing import NDArray
from pyarrow import parquet

from tabtab_local.edits import Span
from tabtab_local.errors import DocumentError
from tabtab_local.fingerprint import file_sha256
from tabtab_local.output import new_file
from training.corpus.filter import KINDS, Kind
from training.data.document import Document
from training.data.shard import FOLDER, Shard

RECORD = "corpus.json"
TRAIN, HELD_OUT = "train", "held_out"

_SCHEMA = pyarrow.schema(
    [(name, pyarrow.string()) for name in ("text", "kind", "source", "path", "licence")]
    + [("cells", pyarrow.list_(pyarrow.int32()))]
)


@dataclass(frozen=True)
class Row:
    """A text: what it is, where it is from. `cells` are the starts and ends of a notebook's cells, in turns."""

    text: str
    kind: Kind
    source: str
    path: str
    licence: str
    cells: tuple[int, ...] = ()


def write(folder: Path, split: str, number: int, rows: Sequence[Row]) -> Shard:
    """Write a shard of a split."""
    path = folder / FOLDER / f"{split}-{number:05}.parquet"
    columns = {name: [getattr(row, name) for row in rows] for name in _SCHEMA.names}
    with new_file(path) as temporary:
        parquet.write_table(pyarrow.table(columns, schema=_SCHEMA), temporary, compression="zstd")
    return Shard(path.name, len(rows), file_sha256(path))


class Texts:
    """A split of a corpus in memory, read once and shared by the processes that are forked afterwards."""

    def __init__(self, folder: Path, split: str = TRAIN) -> None:
        names = [each["name"] for each in record(folder)["shards"] if each["name"].startswith(f"{split}-")]
        try:
            tables = [parquet.read_table(folder / FOLDER / name, schema=_SCHEMA) for name in names]
        except (OSError, pyarrow.ArrowException) as error:
            raise DocumentError(f"{folder} cannot be read: {' '.join(str(error).split())[:200]}") from None
        self._table = pyarrow.concat_tables(tables) if tables else _SCHEMA.empty_table()
        self._text, self._cells = self._table["text"], self._table["cells"]

    def __len__(self) -> int:
        return len(self._table)

    def text(self, number: int) -> str:
        """Return a text."""
        return str(self._text[number].as_py())

    def document(self, number: int) -> Document:
        """Return a text with its cells."""
        places = self._cells[number].as_py()
        return Document(self.text(number), tuple(map(Span, places[::2], places[1::2])))

    def origin(self, number: int) -> tuple[str, str, str]:
        """Return the source of a text, its path there and its licence."""
        source, path, licence = (str(self._table[name][number].as_py()) for name in ("source", "path", "licence"))
        return source, path, licence

    def licences(self) -> list[str]:
        """Return the licences of all texts, each once."""
        return sorted(self._table["licence"].unique().to_pylist())

    def kinds(self) -> NDArray[np.int8]:
        """Return the kind of each text, as its place in `KINDS`."""
        return np.array([KINDS.index(kind) for kind in self._table["kind"].to_pylist()], np.int8)

    def lengths(self) -> NDArray[np.int64]:
        """Return the length of each text in UTF-8 bytes."""
        return np.array(pyarrow.compute.binary_length(self._text), np.int64)

    def __iter__(self) -> Iterator[str]:
        for number in range(len(self)):
            yield self.text(number)


def record(folder: Path) -> dict[str, Any]:
    """Return the record of a finished corpus. Raises `DocumentError` where `folder` holds none."""
    path = folder / RECORD
    try:
        document: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        _ = document["shards"], document["sha256"]
    except (OSError, ValueError, KeyError, TypeError):
        raise DocumentError(
            f"{folder} holds no finished corpus: build it with `python -m training corpus build`"
        ) from None
    return document


def sha256(folder: Path) -> str:
    """Return the hash of a corpus: that of the names and hashes of its shards."""
    return str(record(folder)["sha256"])
