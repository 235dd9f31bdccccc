"""Bindings that must share a name, because one place in the program may mean either (disjoint sets, Tarjan 1975)."""

from __future__ import annotations

from libcst.metadata import Scope

# A name in a scope; for attributes, which have one name in the whole program, the scope is None.
Key = tuple[Scope | None, str]


class Union:
    """Sets of keys; a set of which one member is kept is kept as a whole."""

    def __init__(self) -> None:
        self._parent: dict[Key, Key] = {}
        self._kept: set[Key] = set()

    def find(self, key: Key) -> Key:
        """Return the key that stands for all that share a name with `key`."""
        while (parent := self._parent.get(key, key)) != key:
            key = parent
        return key

    def join(self, first: Key, second: Key) -> None:
        """Let two keys share a name."""
        first, second = self.find(first), self.find(second)
        if first != second:
            self._parent[second] = first
            if second in self._kept:
                self._kept.add(first)

    def keep(self, key: Key) -> None:
        """Let a key, and all that share its name, stay as they are."""
        self._kept.add(self.find(key))

    def kept(self, key: Key) -> bool:
        """Return whether a key stays as it is."""
        return self.find(key) in self._kept
