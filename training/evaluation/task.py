"""What a suite asks: a document with a cursor, the change that is right, and the checks that tell.

A task shows a model what a person sees, and is judged by what the edited program does. It knows nothing of models.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace

from tabtab_local.document import Document, open_document
from tabtab_local.edits import position_of
from tabtab_local.prompt import RecentEdit


@dataclass(frozen=True)
class Task:
    """One question.

    `text` is the file, `cursor` an offset in it; `reference` is the file after a right edit, `reference_cursor` an
    offset in that where the next edit belongs. `group` is what figures are reported by: a level of difficulty or a
    shape. `checks` is Python that asserts what the edited program must do, as `sandbox` runs it; `files` lie in the
    program's folder. Where `silent`, the right answer changes nothing and `reference` is `text`.
    """

    id: str
    group: str
    text: str
    cursor: int
    reference: str
    reference_cursor: int
    checks: str
    intent: str = ""
    recent_edits: tuple[RecentEdit, ...] = ()
    files: Mapping[str, str] = field(default_factory=dict)
    silent: bool = False

    def document(self) -> Document:
        """Return what the runtime is asked about: the file with the cursor in it."""
        return _document(self.text, self.cursor)

    def answer(self) -> Document:
        """Return the document that a right answer leads to, with the cursor where the next edit belongs."""
        return _document(self.reference, self.reference_cursor)


@dataclass(frozen=True)
class Excluded:
    """A task that cannot be asked, and why. Excluded tasks are listed in every result."""

    id: str
    reason: str


@dataclass(frozen=True)
class Suite:
    """Tasks in a fixed order.

    `fingerprint` is the SHA-256 of all that decides them; tasks that are drawn from them keep it. `seed` is the one
    that the tasks were made with, None where none was needed.
    """

    name: str
    split: str
    tasks: tuple[Task, ...]
    excluded: tuple[Excluded, ...]
    fingerprint: str
    seed: int | None = None

    def drawn(self, count: int, seed: int) -> Suite:
        """Return `count` of the tasks, drawn by `seed`, in their order.

        The draw goes by the tasks' ids, so that two suites with mostly the same ids give mostly the same tasks.
        """
        lots = {task.id: random.Random(f"{seed}/tasks/{task.id}").random() for task in self.tasks}
        kept = set(sorted(lots, key=lambda name: (lots[name], name))[:count])
        return replace(self, tasks=tuple(task for task in self.tasks if task.id in kept))

    def __iter__(self) -> Iterator[Task]:
        return iter(self.tasks)


def _document(text: str, offset: int) -> Document:
    place = position_of(text, offset)
    return open_document(text, jupyter=False, line=place.line, column=place.column)
