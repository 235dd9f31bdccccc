"""What a source gives, one numbered unit at a time: clean code to corrupt, or examples that are ready.

A source is a frozen dataclass whose fields are the keys of its table in a configuration. What it reads is read once in
each process, at the first use, and never travels between processes.
"""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any, Protocol

from training.data.corruption import Example
from training.data.document import Document


@dataclass(frozen=True)
class Unit:
    """What one number of a source stands for.

    `origin` names the file, commit or row; units of one origin are never held against each other as documents.
    `document` is corrupted; `examples` are taken as they are. `text` is what tells whether two units are the same
    document. `dropped` counts what the source itself left out, by reason, and `seen` what it looked at.
    """

    origin: str
    licence: str
    text: str = ""
    document: Document | None = None
    examples: tuple[Example, ...] = ()
    dropped: Mapping[str, int] = field(default_factory=dict)
    seen: Mapping[str, int] = field(default_factory=dict)


class Unread:
    """Makes a source travel to another process as its fields alone: what it has read stays behind."""

    def __getstate__(self) -> dict[str, Any]:
        return {each.name: getattr(self, each.name) for each in fields(self)}  # type: ignore[arg-type]


class Source(Protocol):
    """Where units come from; the same number and generator always give the same unit."""

    @property
    def kind(self) -> str:
        """The name of this sort of source in a configuration."""

    @property
    def name(self) -> str:
        """The name of this source in the data and its card."""

    @property
    def share(self) -> float:
        """The weight of this source among all."""

    def size(self) -> int | None:
        """Return how many units there are, None where they never end.

        Raises `DocumentError` for what cannot be read.
        """

    def unit(self, number: int, rng: random.Random) -> Unit:
        """Return the unit `number`, from 0."""

    def facts(self) -> dict[str, Any]:
        """Return what the card says of the source, and what decides its units beside the configuration."""
