"""The MBPP edit test: a piece of a solution is gone, and the problem's own tests tell whether an edit brings it back.

The file that is shown is the problem's statement as a comment and the solution below it, with the cursor where the
piece was. Every piece is chosen so that the tests fail without it. Beside the four levels of `hole`, the level
`finished` shows the whole solution: the right answer to it is silence.

The renamed variant asks the same with every name of the program replaced (`renaming`): what a model can then do is
skill, the rest was memory. Which pieces are taken depends on structure alone, so that the two variants ask for the
same pieces.
"""

from __future__ import annotations

import hashlib
import json
import platform
import random
import textwrap
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path

from tabtab_local.errors import DocumentError, TabTabError
from tabtab_local.names import syntax_tree
from tabtab_local.output import new_file
from training.evaluation.hole import LEVELS, holes
from training.evaluation.mbpp import Problem
from training.evaluation.renaming import Namer, rename
from training.evaluation.sandbox import Sandbox, Trial
from training.evaluation.task import Excluded, Suite, Task

FINISHED = "finished"
_WIDTH = 100

# Pieces that are tried until one breaks the tests.
_TRIES = 8


@dataclass(frozen=True)
class Choice:
    """What decides the tasks: problems of which split, which pieces (`seed`), and whose names (`namer`, if any)."""

    split: str
    seed: int
    namer: Namer | None = None
    names: str = ""


def build(problems: Sequence[Problem], choice: Choice, sandbox: Sandbox, cache: Path, workers: int) -> Suite:
    """Return the suite, from the folder `cache` where it has been built before.

    Raises `DocumentError` where what lies there cannot be read.
    """
    name = "mbpp-renamed" if choice.namer else "mbpp"
    path = cache / f"{name}-{choice.split}-{_key(problems, choice)[:16]}.json"
    if path.exists():
        tasks, excluded = _read(path)
    else:
        tasks, excluded = _build(problems, choice, sandbox, workers)
        with new_file(path) as temporary:
            rows = {"tasks": [asdict(task) for task in tasks], "excluded": [asdict(one) for one in excluded]}
            temporary.write_text(json.dumps(rows, ensure_ascii=False) + "\n", encoding="utf-8")
    digest = hashlib.sha256(json.dumps([asdict(task) for task in tasks]).encode()).hexdigest()
    return Suite(name, choice.split, tuple(tasks), tuple(excluded), digest, choice.seed)


def _read(path: Path) -> tuple[list[Task], list[Excluded]]:
    try:
        made = json.loads(path.read_text(encoding="utf-8"))
        tasks = [Task(**{**row, "recent_edits": ()}) for row in made["tasks"]]
        return tasks, [Excluded(**row) for row in made["excluded"]]
    except (ValueError, KeyError, TypeError):
        raise DocumentError(f"{path} is damaged: remove it, and the tasks are made again") from None


def _build(
    problems: Sequence[Problem], choice: Choice, sandbox: Sandbox, workers: int
) -> tuple[list[Task], list[Excluded]]:
    from tqdm import tqdm

    tasks: list[Task] = []
    excluded: list[Excluded] = []
    with ThreadPoolExecutor(workers) as pool:
        made = pool.map(lambda problem: _of_problem(problem, choice, sandbox), problems)
        for found, left_out in tqdm(made, total=len(problems), desc="tasks", unit="problem", leave=False, disable=None):
            tasks += found
            excluded += left_out
    return tasks, excluded


def _of_problem(problem: Problem, choice: Choice, sandbox: Sandbox) -> tuple[list[Task], list[Excluded]]:
    """Return the tasks of one problem, and what of it had to be left out."""
    where = f"mbpp/{problem.id}"
    reason = _failure(sandbox, problem)
    if reason:
        return [], [Excluded(where, f"the reference does not pass its own tests: {reason}")]
    if choice.namer:
        try:
            renamed = rename(problem.code, problem.tests, choice.namer)
        except TabTabError as error:
            return [], [Excluded(where, f"cannot be renamed: {error}")]
        problem = Problem(problem.id, problem.statement, renamed.code, renamed.tests)
        reason = _failure(sandbox, problem)
        if reason:
            return [], [Excluded(where, f"the renamed reference does not pass the renamed tests: {reason}")]
    tasks, excluded = [_finished(problem, choice.seed)], []
    for level in LEVELS:
        task = _with_hole(problem, level, choice.seed, sandbox)
        if task:
            tasks.append(task)
        else:
            excluded.append(Excluded(f"{where}/{level}", "has no piece of this level that the tests need"))
    return tasks, excluded


def _failure(sandbox: Sandbox, problem: Problem) -> str:
    verdict = sandbox.judge(Trial(problem.code, problem.tests, problem.code))
    return "" if verdict.passed else f"{verdict.outcome}: {verdict.detail}"


def _with_hole(problem: Problem, level: str, seed: int, sandbox: Sandbox) -> Task | None:
    rng = random.Random(f"{seed}/{problem.id}/{level}")
    for hole in holes(problem.code, level, rng)[:_TRIES]:
        left = problem.code[: hole.start] + problem.code[hole.end :]
        if syntax_tree(left) is None or not sandbox.judge(Trial(left, problem.tests, left)).passed:
            return _task(problem, level, left, hole.start, hole.end)
    return None


def _finished(problem: Problem, seed: int) -> Task:
    rng = random.Random(f"{seed}/{problem.id}/{FINISHED}")
    rows = problem.code.split("\n")
    row = rng.choice([row for row, line in enumerate(rows) if line.strip()])
    end = len("\n".join(rows[: row + 1]))
    return _task(problem, FINISHED, problem.code, end, end)


def _task(problem: Problem, level: str, shown: str, cursor: int, reference_cursor: int) -> Task:
    head = "".join(f"# {line}\n" for line in textwrap.wrap(problem.statement, _WIDTH))
    return Task(
        id=f"mbpp/{problem.id}/{level}",
        group=level,
        text=f"{head}{shown}\n",
        cursor=len(head) + cursor,
        reference=f"{head}{problem.code}\n",
        reference_cursor=len(head) + reference_cursor,
        checks=problem.tests,
        silent=level == FINISHED,
    )


def _key(problems: Iterable[Problem], choice: Choice) -> str:
    """Return a hash of all that the tasks depend on, the code that makes them and Python's version included."""
    digest = hashlib.sha256(f"{choice.split}/{choice.seed}/{choice.names}/{platform.python_version()}".encode())
    for problem in problems:
        digest.update(repr(problem).encode())
    folder = Path(__file__).parent
    for name in ("hole.py", "mbpp.py", "mbpp_suite.py", "renaming/*.py", "sandbox/**/*.py"):
        for path in sorted(folder.glob(name)):
            digest.update(path.read_bytes())
    return digest.hexdigest()
