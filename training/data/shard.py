"""The rows of a data set on disk: shards of Parquet or JSON lines, with their hashes.

A shard is written whole, and always the same bytes for the same rows.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path

from tabtab_local.errors import DocumentError
from tabtab_local.fingerprint import file_sha256
from tabtab_local.output import new_file

FOLDER = "data"


@dataclass(frozen=True)
class Row:
    """One example as text: `origin` is its file, commit or row in `source`; `compiles` whether the result parses."""

    prompt: str
    completion: str
    kind: str
    source: str
    origin: str
    licence: str
    compiles: bool


@dataclass(frozen=True)
class Shard:
    """A written shard: its name, its number of rows, and the SHA-256 of its bytes."""

    name: str
    rows: int
    sha256: str


def write(folder: Path, number: int, rows: Sequence[Row], form: str) -> Shard:
    """Write the shard `number` into `folder`/data as "parquet" or "jsonl"."""
    path = folder / FOLDER / f"train-{number:05}.{form}"
    with new_file(path) as temporary:
        if form == "parquet":
            _write_parquet(temporary, rows)
        else:
            lines = (json.dumps(asdict(row), ensure_ascii=False) + "\n" for row in rows)
            temporary.write_text("".join(lines), encoding="utf-8")
    return Shard(path.name, len(rows), file_sha256(path))


def check(folder: Path, shards: Sequence[Shard]) -> None:
    """Raise `DocumentError` unless the `shards` in `folder` are there, and just as they were written."""
    for each in shards:
        path = folder / FOLDER / each.name
        if not path.is_file() or file_sha256(path) != each.sha256:
            raise DocumentError(f"{path} is missing or was changed: remove {folder} and build the data set again")


def read(folder: Path) -> Iterator[tuple[str, str]]:
    """Yield prompt and completion of each row of a built data set, in order.

    Raises `DocumentError` for a folder that holds no finished data set, or a shard that cannot be read.
    """
    for row in read_rows(folder):
        yield row.prompt, row.completion


def read_rows(folder: Path) -> Iterator[Row]:
    """Yield all rows of a built data set, in order. Raises `DocumentError` as `read` does."""
    if not (folder / "README.md").is_file():
        raise DocumentError(f"{folder} holds no finished data set: build it with `python -m training data build`")
    paths = sorted((folder / FOLDER).glob("train-*"))
    if not paths:
        raise DocumentError(f"{folder / FOLDER} holds no shards: build the data set again")
    check(folder, recorded(folder))
    for path in paths:
        yield from shard_rows(path)


def recorded(folder: Path) -> list[Shard]:
    """Return the shards that the record of a finished build names. Raises `DocumentError` where it cannot be read."""
    path = folder / "build.json"
    try:
        return [Shard(**each) for each in json.loads(path.read_text(encoding="utf-8"))["shards"]]
    except (OSError, ValueError, KeyError, TypeError) as error:
        reason = " ".join(str(error).split())[:100]
        raise DocumentError(f"{path} is not the record of a data set ({reason}): build it again") from None


def sha256(folder: Path) -> str:
    """Return the hash of a built data set: that of the names and hashes of its shards, as its card gives it."""
    return whole_sha256([Shard(path.name, 0, file_sha256(path)) for path in sorted((folder / FOLDER).glob("train-*"))])


def whole_sha256(shards: Sequence[Shard]) -> str:
    """Return the SHA-256, in hexadecimal, of all shards together."""
    return hashlib.sha256("".join(f"{each.name} {each.sha256}\n" for each in shards).encode()).hexdigest()


def shard_rows(path: Path) -> Iterator[Row]:
    """Yield the rows of one shard. Raises `DocumentError` where it cannot be read."""
    names = [each.name for each in fields(Row)]
    try:
        if path.suffix == ".parquet":
            from pyarrow import parquet

            tables = parquet.read_table(path, columns=names).to_pylist()
        else:
            tables = [json.loads(line) for line in path.read_text(encoding="utf-8").split("\n") if line]
        yield from (Row(**{name: table[name] for name in names}) for table in tables)
    except (OSError, ValueError, KeyError, TypeError) as error:
        reason = " ".join(str(error).split())[:100]
        raise DocumentError(f"{path} is not a shard of a data set ({reason}): build it again") from None


def _write_parquet(path: Path, rows: Sequence[Row]) -> None:
    import pyarrow
    from pyarrow import parquet

    schema = pyarrow.schema(
        [(each.name, pyarrow.bool_() if each.type == "bool" else pyarrow.string()) for each in fields(Row)]
    )
    columns = {each.name: [getattr(row, each.name) for row in rows] for each in fields(Row)}
    parquet.write_table(pyarrow.table(columns, schema=schema), path, compression="zstd")
