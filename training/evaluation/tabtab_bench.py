"""TabTab-Bench: our own hand-written tasks, in the shapes that people meet in files and notebooks.

The tasks stand in `tasks/`, a YAML file for each shape; `tasks/README.md` says how one is written. Half of each shape
is `dev`, to choose by, and half `test`, to report.
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import yaml

from tabtab_local.errors import DocumentError
from tabtab_local.prompt import RecentEdit
from training.evaluation.task import Suite, Task

TASKS = Path(__file__).parent / "tasks"
SPLITS = ("dev", "test")

# Stands for the cursor in documents and answers; no code of ours contains it.
CURSOR = "‸"
_KEYS = {"id", "split", "document", "answer", "silent", "intent", "recent", "files", "checks"}


def load(split: str, folder: Path = TASKS) -> Suite:
    """Return the tasks of `split`, by shape and then in the order in which they are written.

    Raises `DocumentError` for a task that is not written as `tasks/README.md` says.
    """
    tasks: list[Task] = []
    digest = hashlib.sha256(split.encode())
    for path in sorted(folder.glob("*.yaml")):
        text = path.read_text(encoding="utf-8")
        digest.update(text.encode())
        for entry in yaml.safe_load(text) or ():
            task = _task(entry, path)
            if entry["split"] == split:
                tasks.append(task)
    return Suite("tabtab-bench", split, tuple(tasks), (), digest.hexdigest())


def _task(entry: dict[str, Any], path: Path) -> Task:
    where = f"{path.name}, task {entry.get('id', '?')}"
    wrong = sorted(entry.keys() - _KEYS) or sorted({"id", "split", "document", "checks"} - entry.keys())
    if wrong:
        raise DocumentError(f"{where}: the keys {', '.join(wrong)} are unknown or missing")
    if entry["split"] not in SPLITS:
        raise DocumentError(f"{where}: the split is {entry['split']!r}, not one of {', '.join(SPLITS)}")
    silent = bool(entry.get("silent", False))
    if silent == ("answer" in entry):
        raise DocumentError(f"{where}: a task has either an answer or silent: true")
    text, cursor = _marked(entry["document"], where)
    reference, reference_cursor = (text, cursor) if silent else _marked(entry["answer"], where)
    return Task(
        id=f"tabtab-bench/{path.stem}/{entry['id']}",
        group=path.stem,
        text=text,
        cursor=cursor,
        reference=reference,
        reference_cursor=reference_cursor,
        checks=entry["checks"],
        intent=entry.get("intent", ""),
        recent_edits=tuple(RecentEdit(edit["original"], edit["updated"]) for edit in entry.get("recent", ())),
        files=entry.get("files", {}),
        silent=silent,
    )


def _marked(text: str, where: str) -> tuple[str, int]:
    """Return a text without its cursor, and the cursor's offset."""
    before, mark, after = text.partition(CURSOR)
    if not mark or CURSOR in after:
        raise DocumentError(f"{where}: a text has {text.count(CURSOR)} cursors {CURSOR} instead of one")
    return before + after, len(before)
