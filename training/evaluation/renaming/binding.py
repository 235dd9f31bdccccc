"""What a renaming deals in: the bindings of a program, who names them, and what comes out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

from tabtab_local.errors import DocumentError

Kind = Literal["function", "class", "parameter", "variable", "attribute", "method"]


@dataclass(frozen=True)
class Binding:
    """One thing of a program that has a name.

    `scope` is the qualified name of where it is bound, as in `Stack.push.<comprehension>`, empty for the file itself.
    An attribute or method is one binding for all classes of the program that have it.
    """

    name: str
    kind: Kind
    scope: str


@dataclass(frozen=True)
class Renamed:
    """A program and its tests under other names; `names` are (old, new), in order of first appearance."""

    code: str
    tests: str
    names: tuple[tuple[str, str], ...]


class CannotRename(DocumentError):
    """The program cannot be renamed for sure; the message says why, and is the reason of an excluded task."""


class Namer(Protocol):
    """Whoever finds new names: the seeded vocabulary, or a model."""

    def propose(self, bindings: Sequence[Binding], code: str, taken: frozenset[str]) -> Sequence[str]:
        """Return a new name for each of `bindings`, in their order: all different, identifiers, none of `taken`.

        Underscores in front are of no account: the new name gets those of the old one.
        """
        ...
