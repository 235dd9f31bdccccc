"""Units that are programs of our generator of everyday code, each of another number; they never end."""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import Any

from training.data.document import Document, from_program
from training.data.everyday import WRITERS
from training.data.everyday.program import Writer
from training.data.source.unit import Unit

# What the generator writes is this project's own.
_LICENCE = "Apache-2.0"


@dataclass(frozen=True)
class Everyday:
    """Generated programs as files and notebooks."""

    share: float = 1.0
    name: str = "everyday"
    kind = "everyday"

    def size(self) -> None:
        """Return None: programs never end."""

    def unit(self, number: int, rng: random.Random) -> Unit:
        """Return the program `number`."""
        writer, document = _written(rng)
        origin = f"{writer.__module__.rpartition('.')[2]}.{writer.__name__}/{number}"
        return Unit(origin, _LICENCE, document.text, document)

    def facts(self) -> dict[str, Any]:
        """Return how many writers there are."""
        return {"licences": [_LICENCE], "writers": len(WRITERS)}


def document(rng: random.Random) -> Document:
    """Return a generated program."""
    return _written(rng)[1]


def _written(rng: random.Random) -> tuple[Writer, Document]:
    writer = rng.choice(WRITERS)
    return writer, from_program(writer(rng), rng)
