"""Whether text for training holds a piece of an evaluation set.

Text is taken as its words and signs; blanks, line ends and line layout do not count. A *piece* of an evaluation task
(its statement, its code, its checks; its document and answer) is

- a run of 13 words or signs with at least three different telling words, as GPT-3's authors (Brown et al. 2020,
  appendix C) used runs of 13 words;
- a run of 24, whatever its words;
- the whole of a text that is shorter than that but has at least eight, two of them telling, or 16, one of them telling.

Keywords, builtins, single letters and the phrases of MBPP's statements tell nothing. What two tasks of a set have in
common is no piece: anybody may write it.
"""

from __future__ import annotations

import builtins
import hashlib
import keyword
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from training.data.corruption import Example
from training.evaluation import mbpp, tabtab_bench

RUN, LONG_RUN = 13, 24
TELLING = 3
# The telling words that a whole text needs, from so many words and signs on.
_WHOLE = ((16, 1), (8, 2))

_TOKEN = re.compile(r"\w+|[^\w\s]")
_PHRASES = (
    "write function python find given list number string check element whether using tuple the and from first all "
    "return result self args kwargs name value values key data item index res ans arr num nums count total left right "
    "with for that which each two not are has its import test assert def class main none true false pandas numpy red "
    "green blue yellow black white"
)
_UNTELLING = frozenset(map(str.lower, [*keyword.kwlist, *keyword.softkwlist, *dir(builtins)])) | set(_PHRASES.split())

# The multiplier of the polynomial hash: odd, and large enough that runs spread over 64 bits.
_MULTIPLIER = 0x9E3779B97F4A7C15


@dataclass(frozen=True)
class Set:
    """The tasks of an evaluation set, each with its id and its texts. `fingerprint` is the SHA-256 of all of them."""

    name: str
    tasks: Mapping[str, tuple[str, ...]]

    @property
    def fingerprint(self) -> str:
        """The SHA-256, in hexadecimal, of the ids and texts."""
        digest = hashlib.sha256()
        for key, texts in self.tasks.items():
            digest.update("\0".join((key, *texts, "")).encode())
        return digest.hexdigest()


def evaluation_sets(mbpp_file: str | Path) -> tuple[Set, ...]:
    """Return all evaluation sets: both halves of TabTab-Bench, and MBPP's validation and test problems.

    MBPP's are read from a file or "hub", and left out for "none". Those of its renamed variant have the same
    statements under other names; pieces of renamed code are not known here.

    Raises `DocumentError` where MBPP cannot be had.
    """
    sets = []
    for split in tabtab_bench.SPLITS:
        suite = tabtab_bench.load(split)
        tasks = {task.id: tuple(dict.fromkeys((task.text, task.reference))) for task in suite}
        sets.append(Set(f"tabtab-bench {split}", tasks))
    if mbpp_file != "none":
        for split in ("dev", "test"):
            problems = mbpp.load(split, None if mbpp_file == "hub" else Path(mbpp_file))
            texts = {f"mbpp/{each.id}": (each.statement, each.code, each.tests) for each in problems}
            sets.append(Set(f"mbpp {split}", texts))
    return tuple(sets)


class Pieces:
    """All telling pieces of the evaluation sets, made to be looked up in many texts at once."""

    def __init__(self, sets: Sequence[Set]) -> None:
        self._names = [each.name for each in sets]
        self._numbers: dict[str, int] = {}
        found: dict[int, dict[int, int]] = {}
        for number, each in enumerate(sets):
            for length, hashes in _pieces(each, self._numbers).items():
                table = found.setdefault(length, {})
                for value in hashes:
                    table.setdefault(value, number)
        self._tables = {length: _Table(table) for length, table in found.items() if table}

    def hits(self, texts: Sequence[str]) -> list[str]:
        """Return for each text the name of a set that it holds a piece of, "" where there is none."""
        get = self._numbers.get
        ids: list[int] = []
        ends = []
        for text in texts:
            ids += [get(token, 0) for token in _tokens(text)]
            # A token of no set parts the texts.
            ids += [0] * LONG_RUN
            ends.append(len(ids))
        names = [""] * len(texts)
        row = np.array(ids, np.uint64)
        for length, hashes in enumerate(_hashes(row), 1):
            table = self._tables.get(length)
            for start in table.found_in(hashes) if table else ():
                if row[start : start + length].all():
                    owner = self._tables[length].owners[int(hashes[start])]
                    names[int(np.searchsorted(ends, start, side="right"))] = self._names[owner]
        return names


class _Table:
    """The hashes of pieces of one length, each with the number of its set."""

    def __init__(self, owners: Mapping[int, int]) -> None:
        self.owners = owners
        self._sieve = np.zeros(1 << 20, np.bool_)
        self._sieve[np.array([key & 0xFFFFF for key in owners], np.int64)] = True

    def found_in(self, hashes: NDArray[np.uint64]) -> list[int]:
        """Return the places in `hashes` of the pieces."""
        likely = np.flatnonzero(self._sieve[hashes & np.uint64(0xFFFFF)])
        return [int(place) for place in likely if int(hashes[place]) in self.owners]


def example_text(example: Example) -> str:
    """Return all that an example shows and asks for, as it would stand in a file."""
    prompt, answer = example.prompt, example.response.region
    parts = [prompt.intent, example.response.intent, prompt.code_above, answer, prompt.code_below]
    if not _is_insertion(prompt.region, prompt.cursor, answer):
        parts.append(prompt.region)
    parts += [part for edit in prompt.recent_edits for part in (edit.original, edit.updated)]
    return "\n".join(parts)


def _is_insertion(before: str, cursor: int, after: str) -> bool:
    return after.startswith(before[:cursor]) and after.endswith(before[cursor:])


def _tokens(text: str) -> list[str]:
    return _TOKEN.findall(text.lower())


def _hashes(row: NDArray[np.uint64]) -> list[NDArray[np.uint64]]:
    """Return, for the lengths 1, 2, … `LONG_RUN`, the hash of the run of that length at each place but the last few."""
    width = max(0, len(row) - LONG_RUN + 1)
    value = np.zeros(width, np.uint64)
    found = []
    for offset in range(LONG_RUN):
        value = value * np.uint64(_MULTIPLIER) + row[offset : offset + width]
        value = value ^ (value >> np.uint64(29))
        found.append(value)
    return found


def _pieces(each: Set, numbers: dict[str, int]) -> dict[int, list[int]]:
    """Return the hashes of a set's pieces by their length. `numbers` are those of the tokens, and grow."""
    row: list[int] = []
    owners: list[int] = []
    places: dict[int, list[int]] = {RUN: [], LONG_RUN: []}
    for owner, texts in enumerate(each.tasks.values()):
        for tokens in map(_tokens, texts):
            ids = [numbers.setdefault(token, len(numbers) + 1) for token in tokens]
            words = [number if _is_telling(token) else 0 for token, number in zip(tokens, ids, strict=True)]
            for length, starts in _starts(words).items():
                places.setdefault(length, []).extend(len(row) + start for start in starts)
            row += [*ids, *[0] * LONG_RUN]
            owners += [owner] * (len(ids) + LONG_RUN)
    hashes = _hashes(np.array(row, np.uint64))
    return {length: _of_one(hashes[length - 1][starts].tolist(), starts, owners) for length, starts in places.items()}


def _starts(words: Sequence[int]) -> dict[int, list[int]]:
    """Return where the pieces of one text begin, by length. `words` are its tokens, 0 where they tell nothing."""
    size = len(words)
    # Three different ones and the 0.
    runs = [start for start in range(size - RUN + 1) if len({0, *words[start : start + RUN]}) > TELLING]
    found = {RUN: runs, LONG_RUN: list(range(size - LONG_RUN + 1))}
    different = len({0, *words}) - 1
    if size < LONG_RUN and size != RUN and any(size >= least and different >= wanted for least, wanted in _WHOLE):
        found[size] = [0]
    return found


def _of_one(hashes: Sequence[int], starts: Sequence[int], owners: Sequence[int]) -> list[int]:
    """Return the hashes that one task alone has."""
    found: dict[int, int] = {}
    shared: set[int] = set()
    for value, start in zip(hashes, starts, strict=True):
        if found.setdefault(value, owners[start]) != owners[start]:
            shared.add(value)
    return [value for value in found if value not in shared]


def _is_telling(token: str) -> bool:
    return len(token) > 2 and not token[0].isdigit() and token not in _UNTELLING
