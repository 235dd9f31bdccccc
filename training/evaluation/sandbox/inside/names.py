"""The global names that the checks see, and how a change in the program reaches the checks' copies.

It knows nothing of how values come.
"""

from __future__ import annotations

import builtins

from training.evaluation.sandbox.inside.remote import Remote

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

# Names that checks use as modules without importing them; a program's own object behind one would judge itself.
_MODULE_NAMES = {"math", "cmath", "np", "numpy", "pd", "pandas"}


class Names(dict):  # type: ignore[type-arg]
    """The global names of the checks: what the program has under each, save where that would judge itself.

    A builtin's name means the builtin, unless it is the only name that the checks have from outside: a function called
    `sum` can be tested, an `abs` beside the tested function cannot replace the real one. What the checks have bound
    themselves stays theirs.
    """

    def __init__(self) -> None:
        super().__init__()
        self.given: dict[str, Any] = {}
        self.refused: set[str] = set()
        self.used: set[str] = set()
        self.shadow: set[str] = set()

    def begin(self, values: dict[str, Any], used: set[str], own: dict[str, Any]) -> None:
        """Set the names at the start: the program's, then `own`."""
        self.refused = set(vars(builtins)) | set(own)
        overlap = [name for name in values if name in vars(builtins) and name in used]
        others = [name for name in [*values, *own] if name in used and name not in vars(builtins)]
        if len(overlap) == 1 and not others:
            self.used, self.shadow = used, set(overlap)
            self.refused -= self.shadow
        self.update(values)
        dict.update(self, own)

    def update(self, values: dict[str, Any]) -> None:  # type: ignore[override]
        """Take over names that the program has set or changed."""
        for name, value in values.items():
            if type(name) is not str or name in self.refused or (name.startswith("__") and name.endswith("__")):
                continue
            if name in _MODULE_NAMES and isinstance(value, Remote):
                continue
            if name in self.used - self.shadow:
                # It was not the only one after all: a program may define a name late.
                for shadow in self.shadow & self.given.keys():
                    self.pop(shadow, None)
                self.refused |= self.shadow
            untouched = name in self.given and self[name] is self.given[name]
            if name not in self or (untouched and not copy_into(self[name], value)):
                self[name] = self.given[name] = value


def copy_into(old: Any, new: Any) -> bool:
    """Give the mutable value `old` the content of `new`, and return whether that could be done."""
    kind = type(old)
    if kind is not type(new):
        return False
    if kind is list:
        if len(old) != len(new):
            old[:] = new
        for index, item in enumerate(new):
            if not copy_into(old[index], item):
                old[index] = item
    elif kind is tuple:
        # A list, so that every item gets its content, whatever the others say.
        copied = [copy_into(*pair) or pair[0] is pair[1] for pair in zip(old, new, strict=False)]
        return len(old) == len(new) and all(copied)
    elif isinstance(old, dict):
        kept = {key: old[key] for key in new if key in old and copy_into(old[key], new[key])}
        old.clear()
        old.update({key: kept.get(key, value) for key, value in new.items()})
    elif kind is set:
        old.intersection_update(new)
        old.update(new)
    elif kind is bytearray:
        old[:] = new
    elif kind.__name__ == "deque":
        old.clear()
        old.extend(new)
    elif kind.__name__ == "ndarray" and old.shape == new.shape and old.dtype == new.dtype:
        old[...] = new
    elif kind.__name__ in ("DataFrame", "Series") and hasattr(old, "_update_inplace"):
        old._update_inplace(new)
    else:
        return False
    return True
