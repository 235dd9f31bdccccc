"""One model on one suite: ask, judge, write the result. Interrupted, it goes on where it stopped.

First every task is asked, then every answer is judged, so that the model's timings are not disturbed by the programs
that are run. What is done stands in a journal beside the result (`….partial.jsonl`), a line for each reply and each
row; the journal of another suite, model or setting is not used. One run at a time may keep it.
"""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Callable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import asdict
from pathlib import Path
from typing import Any, TypeVar

from tqdm import tqdm

from tabtab_local import machine
from tabtab_local.config import Settings
from tabtab_local.edits import Span
from tabtab_local.errors import ModelError, UsageError
from tabtab_local.prompt import Response
from training.evaluation.judge import Row, judge
from training.evaluation.respondent.reply import Question, Reply, Respondent
from training.evaluation.result import VERSION, Result, read, write
from training.evaluation.sandbox import Sandbox
from training.evaluation.task import Suite, Task

Made = TypeVar("Made")


def evaluate(
    suite: Suite, respondent: Respondent, sandbox: Sandbox, settings: Settings, out: Path, label: str
) -> Result:
    """Return the result of `respondent` on `suite`, and write it to the file `out`; `label` is its name in tables.

    `settings` are those of the runtime, whose gates decide what would be shown. Raises `ModelError` where questions got
    no answer; what was answered is kept for the next run. Raises `UsageError` where `out` holds the result of another
    run or is being written by one.
    """
    run = {
        "suite": suite.name,
        "split": suite.split,
        "fingerprint": suite.fingerprint,
        "seed": suite.seed,
        "tasks": len(suite.tasks),
        "model": label,
        "identity": respondent.identity,
        "gates": sorted(settings.gates),
        "min_confidence": settings.min_confidence,
        "protections": list(sandbox.protections),
    }
    _check_free(out, run)
    with _Journal(out.with_suffix(".partial.jsonl"), run) as journal:
        _ask(suite, respondent, journal)
        _judge(suite, sandbox, settings, journal)
        rows = tuple(Row(**journal.rows[task.id]) for task in suite)
        result = Result({**run, "machine": asdict(machine.describe())}, suite.excluded, rows)
        write(out, result)
        journal.remove()
    return result


def question(task: Task) -> Question:
    """Return what a respondent is asked."""
    return Question(task.document(), task.intent, task.recent_edits)


def _ask(suite: Suite, respondent: Respondent, journal: _Journal) -> None:
    def ask(task: Task) -> Reply:
        return respondent.reply(question(task))

    open_tasks = [task for task in suite if task.id not in journal.replies]
    failed: list[str] = []
    for task, reply in _each(open_tasks, ask, respondent.concurrency, "answers", len(suite.tasks)):
        if reply.error:
            failed.append(f"{task.id}: {reply.error}")
        else:
            journal.add("reply", task.id, asdict(reply))
    if failed:
        raise ModelError(
            f"{len(failed)} of {len(suite.tasks)} questions got no answer, the first is {failed[0]}; what was answered "
            "is kept: run the same command again"
        )


def _judge(suite: Suite, sandbox: Sandbox, settings: Settings, journal: _Journal) -> None:
    def row(task: Task) -> Row:
        return judge(task, _reply(journal.replies[task.id]), sandbox, settings)

    open_tasks = [task for task in suite if task.id not in journal.rows]
    for task, judged in _each(open_tasks, row, os.cpu_count() or 1, "verdicts", len(suite.tasks)):
        journal.add("row", task.id, asdict(judged))


def _each(
    tasks: list[Task], work: Callable[[Task], Made], threads: int, what: str, total: int
) -> Iterator[tuple[Task, Made]]:
    """Yield each task with what `work` makes of it, as it is done, at most `threads` at once, with a progress bar."""
    waiting = iter(tasks)
    with (
        tqdm(total=total, initial=total - len(tasks), desc=what, unit="task", disable=None) as bar,
        ThreadPoolExecutor(threads) as pool,
    ):
        running: dict[Future[Made], Task] = {}
        while True:
            # No more is begun than can run, so that Ctrl-C is not followed by a queue of work.
            while len(running) < threads and (task := next(waiting, None)) is not None:
                running[pool.submit(work, task)] = task
            if not running:
                return
            for future in wait(running, return_when=FIRST_COMPLETED).done:
                yield running.pop(future), future.result()
                bar.update()


def _reply(fields: dict[str, Any]) -> Reply:
    response = fields["response"]
    return Reply(
        **{**fields, "region": Span(**fields["region"]), "response": Response(**response) if response else None}
    )


class _Journal:
    """Replies and rows by task, kept in a file of JSON lines whose first line is the run that they belong to.

    Raises `UsageError` where another run keeps the file.
    """

    def __init__(self, path: Path, run: dict[str, Any]) -> None:
        self._path = path
        self.replies: dict[str, dict[str, Any]] = {}
        self.rows: dict[str, dict[str, Any]] = {}
        path.parent.mkdir(parents=True, exist_ok=True)
        self._file = path.open("a+b")
        try:
            self._lock()
            self._resume(json.dumps({"version": VERSION, "run": run}, sort_keys=True).encode() + b"\n")
        except BaseException:
            self._file.close()
            raise

    def add(self, what: str, task: str, fields: dict[str, Any]) -> None:
        """Keep a `reply` or a `row`."""
        self._kept(what)[task] = fields
        self._file.write(json.dumps({"what": what, "id": task, "is": fields}).encode() + b"\n")
        self._file.flush()

    def remove(self) -> None:
        """Drop the file: the result is written."""
        self._path.unlink()
        self._file.close()

    def __enter__(self) -> _Journal:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def _lock(self) -> None:
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            # The run that held the lock before may have been done, and have dropped the file, in the meantime.
            kept = os.path.samestat(os.fstat(self._file.fileno()), self._path.stat())
        except (BlockingIOError, FileNotFoundError):
            kept = False
        if not kept:
            raise UsageError(f"another run writes {self._path}: wait for it or choose another --out")

    def _resume(self, head: bytes) -> None:
        """Take over the lines of the same run, and cut off what a kill has left behind them."""
        self._file.seek(0)
        end = 0
        if self._file.readline() == head:
            end = len(head)
            for line in self._file:
                try:
                    entry = json.loads(line) if line.endswith(b"\n") else {}
                    self._kept(entry["what"])[entry["id"]] = entry["is"]
                except (KeyError, TypeError, ValueError):
                    break
                end += len(line)
        self._file.truncate(end)
        if not end:
            self._file.write(head)
            self._file.flush()

    def _kept(self, what: str) -> dict[str, dict[str, Any]]:
        return self.replies if what == "reply" else self.rows


def _check_free(out: Path, run: dict[str, Any]) -> None:
    """Raise `UsageError` where `out` holds the result of another model, other tasks or other settings."""
    if not out.exists():
        return
    held = read(out).run
    other = [key for key, value in json.loads(json.dumps(run)).items() if held.get(key) != value]
    if other:
        raise UsageError(f"{out} is of a run with other {', '.join(other)}: move it away or choose another --out")
