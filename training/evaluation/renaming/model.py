"""Lets a model name things: it is shown the program and asked for a JSON object; what it gets wrong, words fill in.

How the model is reached is not its concern: `ask` takes a prompt and returns the answer, as
`training.evaluation.respondent.client.asker` makes it of any OpenAI-compatible server.
"""

from __future__ import annotations

import json
import keyword
from collections.abc import Callable, Sequence

from training.evaluation.renaming.binding import Binding, Namer

Ask = Callable[[str], str]

# An old name of at least this length may not live on inside the new one.
_TELLING = 4

_REQUEST = """Rename everything in this Python program, so that nobody recognises where it comes from.

```python
{code}
```

Give a new name to each of these, and to nothing else:

{things}

The new names are meaningful English words about something else than the problem, in snake_case (classes in CamelCase),
all different from each other and from all names in the program, and none contains its old name. Answer with one JSON
object and nothing else: the keys are exactly the texts before the colons above, the values the new names.
"""


class ModelNamer:
    """A namer that asks a model and takes from `spare` whatever the answer lacks.

    `fallbacks` counts the names that came from `spare` so far, `named` all names.
    """

    def __init__(self, ask: Ask, spare: Namer) -> None:
        self._ask = ask
        self._spare = spare
        self.fallbacks = 0
        self.named = 0

    def propose(self, bindings: Sequence[Binding], code: str, taken: frozenset[str]) -> Sequence[str]:
        """Return the model's names where they will do, and the spare namer's elsewhere."""
        if not bindings:
            return []
        labels = label(bindings)
        things = "\n".join(f"- {text}: {binding.kind}" for text, binding in zip(labels, bindings, strict=True))
        answer = _parse(self._ask(_REQUEST.format(code=code.strip("\n"), things=things)))
        names: list[str | None] = []
        used: set[str] = set()
        for text, binding in zip(labels, bindings, strict=True):
            name = answer.get(text)
            if isinstance(name, str) and _will_do(name, binding, taken) and name.strip("_").lower() not in used:
                names.append(name)
                used.add(name.strip("_").lower())
            else:
                names.append(None)
        spare = iter(self._spare.propose(bindings, code, taken | {name for name in names if name} | used))
        filled = [name or new for name, new in zip(names, spare, strict=True)]
        self.named += len(bindings)
        self.fallbacks += names.count(None)
        return filled


def label(bindings: Sequence[Binding]) -> list[str]:
    """Return a text for each binding that tells it from the others: `first_even.numbers`, `first_even.n (2)`."""
    labels: list[str] = []
    counts: dict[str, int] = {}
    for binding in bindings:
        text = f"{binding.scope}.{binding.name}" if binding.scope else binding.name
        counts[text] = counts.get(text, 0) + 1
        labels.append(text if counts[text] == 1 else f"{text} ({counts[text]})")
    return labels


def _parse(answer: str) -> dict[str, object]:
    """Return the JSON object in an answer, whatever stands around it; an empty one where there is none."""
    decoder = json.JSONDecoder()
    start = answer.find("{")
    while start >= 0:
        try:
            value, _ = decoder.raw_decode(answer, start)
        except (ValueError, RecursionError):
            value = None
        if isinstance(value, dict):
            return value
        start = answer.find("{", start + 1)
    return {}


def _will_do(name: str, binding: Binding, taken: frozenset[str]) -> bool:
    """Return whether a proposed name is free, and says nothing of the old one."""
    bare, old = name.strip("_").lower(), binding.name.strip("_").lower()
    prefix = binding.name[: len(binding.name) - len(binding.name.lstrip("_"))]
    forms = {name, name.lstrip("_"), prefix + name.lstrip("_")}
    if not (name.isascii() and name.isidentifier() and bare) or name.endswith("__") or keyword.iskeyword(name):
        return False
    return not forms & taken and bare != old and not (len(old) >= _TELLING and old in bare)
