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
_TEXTS = ("id", "split", "document", "answer", "intent", "checks")
_KEYS = {*_TEXTS, "silent", "recent", "files"}
_NEEDED = {"id", "split", "document", "checks"}

# The parser in C where PyYAML has it: the same values, sixteen times as fast.
_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def load(split: str, folder: Path = TASKS) -> Suite:
    """Return the tasks of `split`, by shape and then in the order in which they are written.

    Raises `DocumentError` for a task that is not written as `tasks/README.md` says.
    """
    tasks: list[Task] = []
    digest = hashlib.sha256(split.encode())
    for path in sorted(folder.glob("*.yaml")):
        text = _read(path)
        digest.update(f"\0{path.name}\0{text}".encode())
        seen: set[str] = set()
        for entry in _entries(text, path):
            task = _task(entry, path)
            if task.id in seen:
                raise DocumentError(f"{path.name}, task {entry['id']}: the id is taken by another task: choose one")
            seen.add(task.id)
            if entry["split"] == split:
                tasks.append(task)
    return Suite("tabtab-bench", split, tuple(tasks), (), digest.hexdigest())


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise DocumentError(f"{path.name}: not UTF-8: byte {error.start} is not: save the file as UTF-8") from None


def _entries(text: str, path: Path) -> list[Any]:
    """Return the entries of a file of tasks; an empty file has none."""
    try:
        entries = yaml.load(text, _LOADER)
    except (yaml.YAMLError, ValueError) as error:
        # ValueError: a date in the form of one that is none.
        mark = getattr(error, "problem_mark", None)
        line = f", line {mark.line + 1}" if mark else ""
        problem = getattr(error, "problem", None) or str(error).split("\n")[0]
        raise DocumentError(f"{path.name}{line}: not YAML: {problem}") from None
    if not isinstance(entries, list | None):
        raise DocumentError(f"{path.name}: the file is not a list of tasks: begin each with '- id: …'")
    return entries or []


def _task(entry: dict[str, Any], path: Path) -> Task:
    where = f"{path.name}, task {entry.get('id', '?') if isinstance(entry, dict) else '?'}"
    _check(entry, where)
    silent = bool(entry.get("silent", False))
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


def _check(entry: Any, where: str) -> None:
    """Raise `DocumentError` for the first thing in an entry that is not as `tasks/README.md` says."""
    if not isinstance(entry, dict):
        raise DocumentError(f"{where}: {str(entry)[:40]!r} is not a task: begin each with '- id: …'")
    wrong = sorted(map(str, entry.keys() - _KEYS)) or sorted(_NEEDED - entry.keys())
    if wrong:
        raise DocumentError(f"{where}: the keys {', '.join(wrong)} are unknown or missing")
    for key in _TEXTS:
        if not isinstance(entry.get(key, ""), str):
            raise DocumentError(f"{where}: {key} is {entry[key]!r}, not a text: put it in quotes")
    if entry["split"] not in SPLITS:
        raise DocumentError(f"{where}: the split is {entry['split']!r}, not one of {', '.join(SPLITS)}")
    if entry.get("silent", False) not in (True, False):
        raise DocumentError(f"{where}: silent is {entry['silent']!r}: write true or leave it out")
    if bool(entry.get("silent", False)) == ("answer" in entry):
        raise DocumentError(f"{where}: a task has either an answer or silent: true")
    recent, files = entry.get("recent", []), entry.get("files", {})
    if not isinstance(recent, list) or not all(_is_texts(edit, {"original", "updated"}) for edit in recent):
        raise DocumentError(f"{where}: recent is not a list of edits, each with the texts original and updated")
    if not isinstance(files, dict) or not _is_texts(files, set(files)):
        raise DocumentError(f"{where}: files does not give a text for each name")
    if CURSOR in str([recent, files, entry["checks"], entry.get("intent")]):
        raise DocumentError(f"{where}: a cursor {CURSOR} stands outside document and answer: remove it")


def _is_texts(value: Any, keys: set[str]) -> bool:
    """Return whether `value` maps just `keys` to texts."""
    return isinstance(value, dict) and value.keys() == keys and all(isinstance(part, str) for part in value.values())


def _marked(text: str, where: str) -> tuple[str, int]:
    """Return a text without its cursor, and the cursor's offset."""
    before, mark, after = text.partition(CURSOR)
    if not mark or CURSOR in after:
        raise DocumentError(f"{where}: a text has {text.count(CURSOR)} cursors {CURSOR} instead of one")
    return before + after, len(before)
