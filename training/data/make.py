"""Units of a source → checked rows with what decides whether they are kept: signatures and contamination.

This is what worker processes do. A row is a function of the mix, its source and its unit's number alone.
"""

from __future__ import annotations

import hashlib
import random
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from tabtab_local.errors import FormatError
from tabtab_local.prompt import parse_prompt, parse_response, render_prompt, render_response
from training.data import contamination, corruption, duplicate
from training.data.config import Mix
from training.data.contamination import Pieces
from training.data.corruption import Corruption, Example
from training.data.corruption.answerable import called_for, unknowable
from training.data.duplicate import Signature
from training.data.shard import Row
from training.data.source.unit import Unit

# Why an example is left out, as it stands in the card.
UNKNOWABLE = "example: answer cannot be known"
NOT_CALLED_FOR = "example: nothing calls for the answer"
ODD = "example: does not follow the format"


@dataclass(frozen=True)
class Candidate:
    """A row that may be kept: its signature, the hash of its text, and the evaluation set that it holds a piece of."""

    row: Row
    signature: Signature
    digest: int
    contaminated: str


@dataclass(frozen=True)
class Made:
    """What a unit came to. `signature` is that of its document, None where the source gave examples."""

    number: int
    origin: str
    signature: Signature | None
    candidates: tuple[Candidate, ...]
    dropped: Mapping[str, int] = field(default_factory=dict)
    seen: Mapping[str, int] = field(default_factory=dict)


class Maker:
    """The mix at work in one process."""

    def __init__(self, mix: Mix, pieces: Pieces) -> None:
        self._mix = mix
        self._pieces = pieces
        self._weights = _weights(mix.weights)

    def units(self, source: int, first: int, last: int) -> list[Made]:
        """Return what the units `first` to `last` (exclusive) of the mix's source of that number come to."""
        origin = self._mix.sources[source]
        units: list[Unit] = []
        examples: list[Example] = []
        owners: list[int] = []
        for number in range(first, last):
            rng = random.Random(f"{self._mix.seed}/{origin.name}/{number}")
            unit = origin.unit(number, rng)
            made = self._examples(unit, rng)
            owners += [len(units)] * len(made)
            units.append(unit)
            examples += made
        candidates = self._candidates(origin.name, units, examples, owners)
        return list(self._made(first, units, candidates))

    def _examples(self, unit: Unit, rng: random.Random) -> Sequence[Example]:
        if unit.document is None:
            return unit.examples
        return corruption.corruptions(unit.document, rng, self._mix.per_document, self._weights)

    def _candidates(
        self, source: str, units: Sequence[Unit], examples: Sequence[Example], owners: Sequence[int]
    ) -> list[list[Candidate | str]]:
        """Return the candidates of each unit, or the reason why an example is none."""
        found: list[list[Candidate | str]] = [[] for _ in units]
        kept: list[tuple[int, Example, Row]] = []
        for example, owner in zip(examples, owners, strict=True):
            row = checked(example, source, units[owner])
            if isinstance(row, str):
                found[owner].append(row)
            else:
                kept.append((owner, example, row))
        signatures = duplicate.signatures([duplicate.shingles(duplicate.example_text(each)) for _, each, _ in kept])
        hits = self._pieces.hits([contamination.example_text(each) for _, each, _ in kept])
        for (owner, _, row), signature, hit in zip(kept, signatures, hits, strict=True):
            text = f"{row.prompt}\0{row.completion}".encode()
            digest = int.from_bytes(hashlib.blake2b(text, digest_size=8).digest(), "big")
            found[owner].append(Candidate(row, signature, digest, hit))
        return found

    def _made(self, first: int, units: Sequence[Unit], found: Sequence[Sequence[Candidate | str]]) -> Iterator[Made]:
        documents = [unit for unit in units if unit.text]
        signatures = iter(duplicate.signatures([duplicate.shingles(unit.text) for unit in documents]))
        for number, (unit, rows) in enumerate(zip(units, found, strict=True), first):
            dropped = Counter(unit.dropped)
            dropped.update(row for row in rows if isinstance(row, str))
            if unit.document is not None and not rows:
                dropped["document: nothing to take"] += 1
            candidates = tuple(row for row in rows if isinstance(row, Candidate))
            signature = next(signatures) if unit.text else None
            yield Made(number, unit.origin, signature, candidates, dropped, unit.seen)


def _weights(by_name: Mapping[str, int]) -> Mapping[Corruption, int]:
    if not by_name:
        return corruption.WEIGHTS
    return {each: by_name[each.__name__] for each in corruption.WEIGHTS if by_name.get(each.__name__)}


def checked(example: Example, source: str, unit: Unit) -> Row | str:
    """Return an example as text, or the reason to leave it out."""
    if not called_for(example):
        return NOT_CALLED_FOR
    if unknowable(example):
        return UNKNOWABLE
    prompt, completion = render_prompt(example.prompt), render_response(example.response)
    try:
        if parse_prompt(prompt) != example.prompt or parse_response(completion) != example.response:
            return ODD
    except FormatError:
        return ODD
    return Row(prompt, completion, example.kind, source, unit.origin, unit.licence, example.compiles)
