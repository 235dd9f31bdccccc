"""The history of a git repository as edits that people have made, with the title of the commit as what they wanted.

A unit is a commit. Each changed Python file gives states of its hunks (`state.py`); what is no edit of a person's is
left out and counted: merges, bots, reverts, formatters, vendored and generated files, hunks too large to ask for. Reads
through libgit2, in this process; objects that a partial clone lacks are counted as well.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import pygit2
from pygit2.enums import DeltaStatus, SortMode

from tabtab_local.errors import DocumentError
from training.data.corruption import Example
from training.data.source import state
from training.data.source.commit import rejected, title_intent
from training.data.source.hunk import Hunk, hunks, is_layout, mostly_layout, same_program
from training.data.source.unit import Unit, Unread
from training.foreign import is_foreign, is_generated

_MAX_FILES = 25
_MAX_FILE_BYTES = 120_000
_MAX_LINE = 200
_MAX_HUNKS = 40

# No commit and no file, however large, is asked about more often than this.
_MAX_EXAMPLES = 20
_MAX_OF_FILE = 10

# A title says what a hunk is for only where the commit does little else.
_SMALL_COMMIT_HUNKS = 6


@dataclass(frozen=True)
class _File:
    path: str
    before: str
    hunks: tuple[Hunk, ...]


@dataclass(frozen=True)
class History(Unread):
    """The commits of the repository at `repo` that its HEAD, or `branch`, holds, in an order drawn by the last one."""

    repo: Path
    licence: str
    share: float = 1.0
    name: str = "history"
    branch: str = ""
    kind = "history"

    @cached_property
    def _repository(self) -> pygit2.Repository:
        try:
            return pygit2.Repository(str(self.repo))
        except (pygit2.GitError, ValueError, OSError) as error:
            if "not owned by" in str(error):
                raise DocumentError(
                    f"{self.repo} belongs to another user, so git does not read it: "
                    f"git config --global --add safe.directory {self.repo.resolve()}"
                ) from None
            raise DocumentError(f"{self.repo} is not a git repository: give a clone's folder as repo") from None

    @cached_property
    def _commits(self) -> list[pygit2.Oid]:
        try:
            tip = self._repository.revparse_single(self.branch or "HEAD").peel(pygit2.Commit)
        except (pygit2.GitError, KeyError, ValueError):
            raise DocumentError(
                f"{self.repo} has no commit at {self.branch or 'HEAD'}: commit something, or choose another branch"
            ) from None
        order = SortMode.TOPOLOGICAL | SortMode.REVERSE
        ids = [commit.id for commit in self._repository.walk(tip.id, order)]
        # A part of the units is to be a part of all times.
        random.Random(str(tip.id)).shuffle(ids)
        return ids

    def size(self) -> int:
        """Return the number of commits."""
        return len(self._commits)

    def facts(self) -> dict[str, Any]:
        """Return the last commit and how many there are."""
        tip = self._repository.revparse_single(self.branch or "HEAD").peel(pygit2.Commit)
        return {"licences": [self.licence], "tip": str(tip.id), "commits in all": self.size()}

    def unit(self, number: int, rng: random.Random) -> Unit:
        """Return the examples of one commit."""
        commit = self._repository[self._commits[number]]
        dropped: Counter[str] = Counter()
        seen: Counter[str] = Counter({"commits": 1})
        title, _, _ = _plain(commit.raw_message).strip().partition("\n")
        examples: list[Example] = []
        if reason := rejected(title, _people(commit), len(commit.parent_ids)):
            dropped[reason] += 1
        else:
            files = self._files(commit, dropped)
            if files:
                seen["commits kept"] += 1
                seen["hunks"] += sum(len(file.hunks) for file in files)
                examples = _Asking(title_intent(title), files, rng, dropped).examples()
                seen["commits with examples"] += bool(examples)
        return Unit(str(commit.id)[:12], self.licence, examples=tuple(examples), dropped=dropped, seen=seen)

    def _files(self, commit: pygit2.Commit, dropped: Counter[str]) -> list[_File]:
        """Return the changed files of a commit that hold edits of a person's."""
        try:
            deltas = list(self._repository.diff(commit.parents[0], commit, context_lines=0).deltas)
        except (pygit2.GitError, KeyError, ValueError):
            dropped["object missing"] += 1
            return []
        python = [delta for delta in deltas if delta.new_file.path.endswith(".py")]
        if not python:
            dropped["no Python file"] += 1
            return []
        if len(python) > _MAX_FILES:
            dropped[f"more than {_MAX_FILES} Python files"] += 1
            return []
        files = [file for delta in python if (file := self._file(delta, dropped))]
        if mostly_layout([hunk for file in files for hunk in file.hunks]):
            dropped["mass reformatting"] += 1
            return []
        if not files:
            dropped["no file left"] += 1
        return files

    def _file(self, delta: pygit2.DiffDelta, dropped: Counter[str]) -> _File | None:
        path = delta.new_file.path
        if delta.status != DeltaStatus.MODIFIED:
            dropped["file: added, removed or moved"] += 1
            return None
        if is_foreign(path):
            dropped["file: vendored, generated or snapshot"] += 1
            return None
        try:
            before, after = self._text(delta.old_file.id), self._text(delta.new_file.id)
        except (pygit2.GitError, KeyError, ValueError):
            dropped["file: object missing, too large or not text"] += 1
            return None
        if is_generated(after[:600]) or max(map(len, after.split("\n"))) > _MAX_LINE:
            dropped["file: vendored, generated or snapshot"] += 1
            return None
        found = hunks(before, after)
        if not found or len(found) > _MAX_HUNKS:
            dropped[f"file: no or more than {_MAX_HUNKS} hunks"] += 1
            return None
        # Comparing syntax trees is slow, and needless where most hunks are more than layout.
        if sum(map(is_layout, found)) * 2 > len(found) and same_program(before, after):
            dropped["file: layout alone"] += 1
            return None
        return _File(path, before, found)

    def _text(self, oid: pygit2.Oid) -> str:
        blob = self._repository[oid]
        if blob.size > _MAX_FILE_BYTES:
            raise ValueError("the file is too large")
        return str(blob.data.decode("utf-8").replace("\r\n", "\n"))


def _people(commit: pygit2.Commit) -> str:
    who = (commit.author, commit.committer)
    return " ".join(f"{_plain(each.raw_name)} <{_plain(each.raw_email)}>" for each in who)


def _plain(text: bytes) -> str:
    """Return what a commit says. The encoding that old commits name is often wrong, or none at all."""
    return text.decode("utf-8", "replace")


class _Asking:
    """The states of one commit, file by file and hunk by hunk, as a person would make it.

    What is asked is drawn before it is worked out: most commits have far more states than are taken of one.
    """

    def __init__(self, intent: str, files: list[_File], rng: random.Random, dropped: Counter[str]) -> None:
        self._intent = intent
        self._files = files
        self._rng = rng
        self._dropped = dropped
        hunks_of = [hunk for file in files for hunk in file.hunks]
        self._small = len(hunks_of) <= _SMALL_COMMIT_HUNKS
        self._made = [state.recent(file.before, hunk.edit) for file in files for hunk in file.hunks]

    def examples(self) -> list[Example]:
        """Return the commit's examples, in the order of the edits."""
        ways = [way for first, file in self._places() for way in self._few(self._ways(first, file), _MAX_OF_FILE)]
        found: list[Example] = []
        for file, first, index, way in self._few(ways, _MAX_EXAMPLES):
            made = self._example(file, first, index, way)
            if isinstance(made, str):
                self._dropped[f"question: {made}"] += 1
            else:
                found.append(made)
        return found

    def _places(self) -> Iterator[tuple[int, _File]]:
        """Yield each file with the number of the hunks before it."""
        first = 0
        for file in self._files:
            yield first, file
            first += len(file.hunks)

    def _ways(self, first: int, file: _File) -> list[tuple[_File, int, int, str]]:
        """Return what could be asked about a file: reaching a hunk, standing at it, typing it; being done."""
        ways = []
        for index, hunk in enumerate(file.hunks):
            if is_layout(hunk):
                self._dropped["hunk: layout alone"] += 1
                continue
            names = ["next"] * (index > 0) + ["jump"] + ["typed"] * (1 + min(3, hunk.new.count("\n") // 6))
            ways += [(file, first, index, name) for name in names]
        if file is self._files[-1] or self._rng.random() < 0.5:
            ways.append((file, first, len(file.hunks), "done"))
        return ways

    def _few(self, ways: list[Any], most: int) -> list[Any]:
        if len(ways) <= most:
            return ways
        self._dropped["state: more than are taken of one commit"] += len(ways) - most
        return [ways[i] for i in sorted(self._rng.sample(range(len(ways)), most))]

    def _example(self, file: _File, first: int, index: int, way: str) -> Example | str:
        made = [edit for edit in self._made[: first + index] if edit is not None]
        shown = state.last_edits(made, self._rng) if self._rng.random() < 0.9 else ()
        given = self._intent if self._rng.random() < self._intent_share(way, bool(shown)) else ""
        if way in ("next", "jump") and not given and not shown:
            return "nothing tells what is wanted"
        if way == "next" and self._made[first + index - 1] is None:
            return "nothing tells what is wanted"
        question = self._question(file, index, way)
        if isinstance(question, str):
            return question
        # The model may guess the intent where there is something to guess it from.
        guessed = way != "done" and self._small and bool(shown) and self._rng.random() < 0.3
        return state.example(question, state.Asked(given, self._intent if guessed else "", shown), self._rng)

    def _intent_share(self, way: str, clue: bool) -> float:
        if way == "done":
            return 0.15
        if not clue and way == "jump":
            return 1.0
        return 0.7 if self._small else 0.35

    def _question(self, file: _File, index: int, way: str) -> state.Question | str:
        text, remaining = state.state(file.before, file.hunks, index)
        if way == "jump":
            return state.next_edits(text, remaining, None, "history_jump")
        if way == "typed":
            return state.typed(text, remaining[0], self._rng)
        before, left = state.state(file.before, file.hunks, index - 1)
        cursor = state.end_of(left[0], before)
        return state.done(text, cursor) if way == "done" else state.next_edits(text, remaining, cursor, "history_next")
