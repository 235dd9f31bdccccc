"""Units that are rows of a data set: a sentence that asks for code, and the code.

MBPP's training problems, and instruction sets in Alpaca's columns. A row comes again, to be corrupted anew, as often
as `passes` says; then the source is at its end.
"""

from __future__ import annotations

import hashlib
import json
import random
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from tabtab_local.edits import Span
from tabtab_local.errors import DocumentError
from tabtab_local.prompt import clean_intent
from training.data.document import Document
from training.data.source.hunk import tree
from training.data.source.unit import Unit, Unread
from training.evaluation import mbpp

_FENCE = re.compile(r"```(?:python|py)?[ \t]*\n(.*?)```", re.DOTALL | re.IGNORECASE)
_MAX_INTENT = 200
_CODE_CHARACTERS = (20, 3000)


@dataclass(frozen=True)
class Mbpp(Unread):
    """MBPP's training problems, task ids 601 to 974 and no other, from a file of JSON lines or the Hub."""

    path: Path | None = None
    share: float = 1.0
    passes: int = 4
    name: str = "mbpp"
    kind = "mbpp"
    licence = "CC-BY-4.0"

    @cached_property
    def _rows(self) -> tuple[mbpp.Problem, ...]:
        rows = mbpp.load("train", self.path)
        assert all(601 <= row.id <= 974 for row in rows)
        return rows

    def size(self) -> int:
        """Return the number of rows times the passes."""
        return len(self._rows) * self.passes

    def unit(self, number: int, rng: random.Random) -> Unit:
        """Return a problem: its code, with the statement as what it was written for."""
        row = self._rows[number % len(self._rows)]
        return _unit(f"mbpp/{row.id}", self.licence, row.statement, row.code)

    def facts(self) -> dict[str, Any]:
        """Return the task ids that are read, and the hash of their text."""
        ids = [row.id for row in self._rows]
        digest = _digest((row.statement, row.code) for row in self._rows)
        return {"licences": [self.licence], "rows": len(ids), "task_ids": f"{min(ids)}-{max(ids)}", "sha256": digest}


@dataclass(frozen=True)
class Instructions(Unread):
    """Rows with the columns instruction, input and output, from the Hub's `dataset` or the file `path`."""

    licence: str
    dataset: str = ""
    path: Path | None = None
    share: float = 1.0
    passes: int = 2
    name: str = "instructions"
    kind = "instructions"

    @cached_property
    def _rows(self) -> list[tuple[str, str]]:
        if bool(self.dataset) == bool(self.path):
            raise DocumentError(f"the source {self.name} needs either dataset, a hub id, or path, a file: give one")
        where = str(self.path or self.dataset)
        rows = _read(self.path) if self.path else _download(self.dataset)
        try:
            return [(_asked(row), str(row["output"] or "")) for row in rows]
        except (KeyError, TypeError, AttributeError):
            raise DocumentError(
                f"{where} has rows without the columns instruction and output: choose another"
            ) from None

    def size(self) -> int:
        """Return the number of rows times the passes."""
        return len(self._rows) * self.passes

    def unit(self, number: int, rng: random.Random) -> Unit:
        """Return a row whose output is Python code, with the instruction as its intent."""
        index = number % len(self._rows)
        intent, output = self._rows[index]
        fenced = _FENCE.search(output)
        code = "\n".join(line.rstrip() for line in (fenced[1] if fenced else output).expandtabs(4).split("\n")).strip(
            "\n"
        )
        origin = f"{self.name}/{index}"
        least, most = _CODE_CHARACTERS
        if not least <= len(code) <= most:
            return Unit(origin, self.licence, dropped={"row: code too short or too long": 1})
        if tree(code) is None:
            return Unit(origin, self.licence, dropped={"row: does not parse": 1})
        return _unit(origin, self.licence, intent, code)

    def facts(self) -> dict[str, Any]:
        """Return the number of rows, and their hash."""
        return {"licences": [self.licence], "rows": len(self._rows), "sha256": _digest(self._rows)}


def _unit(origin: str, licence: str, intent: str, code: str) -> Unit:
    intents = ((Span(0, len(code)), intent),) if intent and len(intent) <= _MAX_INTENT else ()
    return Unit(origin, licence, code, Document(code, intents=intents))


def _asked(row: Mapping[str, Any]) -> str:
    """Return the instruction as one line; what it is to be applied to is an example's data, and left out."""
    return clean_intent(row["instruction"])


def _digest(rows: Iterable[tuple[str, str]]) -> str:
    return hashlib.sha256("".join(f"{a}\0{b}\0" for a, b in rows).encode()).hexdigest()


def _read(path: Path) -> list[Mapping[str, Any]]:
    """Return the rows of a file of JSON, JSON lines or Parquet."""
    try:
        if path.suffix == ".parquet":
            from pyarrow import parquet

            return list(parquet.read_table(path).to_pylist())
        text = path.read_text(encoding="utf-8")
        if path.suffix == ".json":
            return list(json.loads(text))
        return [json.loads(line) for line in text.split("\n") if line.strip()]
    except OSError as error:
        raise DocumentError(f"cannot read {path}: {error.strerror or error}") from None
    except ValueError as error:
        raise DocumentError(f"{path} is not a data set in JSON, JSON lines or Parquet: {str(error)[:80]}") from None


def _download(dataset: str) -> list[Mapping[str, Any]]:
    from datasets import load_dataset

    try:
        return list(load_dataset(dataset, split="train"))
    except Exception as error:  # The library raises whatever its many transports raise.
        reason = " ".join(str(error).split())[:120]
        raise DocumentError(f"cannot download {dataset} ({reason}): give its file as path") from None
