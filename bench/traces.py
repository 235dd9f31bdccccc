"""Editing traces from the history of a git repository: what its commits changed in Python files, typed again.

A trace is made of neighbouring changes of one commit in one file, in a window of whole top-level statements around
them. Each change is typed where it stands: the person jumps there, thinks, deletes what goes and types what comes.
Changes to a line that lie close together become one. The window parses before and after, and the trace leads exactly
to the text that the changes make.

What history does not tell is chosen: changes are made from top to bottom, without mistakes and without suggestions,
and thinking at a new place takes 1,350 ms (the mental operator of Card, Moran and Newell's Keystroke-Level Model).
Reads through libgit2; the same commits give the same traces.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pygit2
from pygit2.enums import DeltaStatus, SortMode

from tabtab_local.edits import Edit, Span, apply, diff, position_of
from tabtab_local.errors import DocumentError
from tabtab_local.names import syntax_tree
from tabtab_local.output import new_file
from tabtab_local.replay.load import to_toml
from tabtab_local.replay.trace import (
    Backspace,
    Event,
    Jump,
    Pause,
    Trace,
    Type,
    backspace_length,
    check,
    keys_of,
)

THINKING_MS = 1350

_WINDOW_LINES = 120
# Presses of a trace. More changes, or more deleted, and it is a rewriting, which people do in another way.
_MIN_INSERTED, _MAX_KEYS = 30, 180
_MAX_CHANGES, _MAX_DELETED_SHARE = 5, 1 / 3
_NAME_WORDS = 5
# Changes further apart than this are two pieces of work; closer than that in one line, one change.
_APART_LINES, _CLOSE_CHARACTERS = 25, 8
# Presses that part short, middling and long traces, which take turns.
_SHORT_KEYS, _MIDDLING_KEYS = 70, 130


@dataclass(frozen=True)
class _Change:
    """A changed file of a commit."""

    commit: str
    title: str
    path: str
    old: str
    new: str


def write_history(repo: Path, out: Path, *, commits: int, limit: int, name: str) -> tuple[Path, ...]:
    """Write up to `limit` traces of the last `commits` commits of `repo` to the folder `out` and return their files.

    `name` is what the repository is called in them. Raises `DocumentError` where `repo` has no history or none fits.
    """
    traces = history(repo, commits=commits, limit=limit, name=name)
    if not traces:
        raise DocumentError(f"no change in the last {commits} commits of {repo} fits a trace: take more commits")
    paths = []
    for trace in traces:
        path = out / f"{trace.name}.toml"
        with new_file(path) as temporary:
            temporary.write_text(to_toml(trace), encoding="utf-8", newline="\n")
        paths.append(path)
    return tuple(paths)


def history(repo: Path, *, commits: int, limit: int, name: str) -> tuple[Trace, ...]:
    """Return up to `limit` traces of a repository: commits and lengths take turns, and no two are of one function."""
    by_commit = [
        [trace for change in changes for trace in _traces(change, name)]
        for changes in _changes_by_commit(repo, commits)
    ]
    chosen: dict[str, Trace] = {}
    turn = 0
    while len(chosen) < limit and any(by_commit):
        for left in by_commit:
            if left and len(chosen) < limit:
                trace = next((trace for trace in left if _length_class(trace) == turn % 3), left[0])
                left.remove(trace)
                turn += trace.name not in chosen
                chosen.setdefault(trace.name, trace)
    return tuple(chosen[name] for name in sorted(chosen))


def _changes_by_commit(repo: Path, commits: int) -> Iterator[list[_Change]]:
    """Yield the changed Python files of each commit, the newest commit first. Merges change nothing of their own."""
    try:
        repository = pygit2.Repository(str(repo))
        tip = repository.head.peel(pygit2.Commit)
    except (pygit2.GitError, OSError) as error:
        raise DocumentError(f"{repo} is no git repository with a commit: give a clone's folder") from error
    for commit, _ in zip(repository.walk(tip.id, SortMode.TOPOLOGICAL), range(commits), strict=False):
        if len(commit.parents) == 1:
            yield list(_changed_files(repository, commit))


def _changed_files(repository: pygit2.Repository, commit: pygit2.Commit) -> Iterator[_Change]:
    for delta in repository.diff(commit.parents[0], commit).deltas:
        if delta.status == DeltaStatus.MODIFIED and delta.new_file.path.endswith(".py"):
            old, new = (_text(repository[file.id].data) for file in (delta.old_file, delta.new_file))
            yield _Change(str(commit.id)[:12], commit.message.partition("\n")[0], delta.new_file.path, old, new)


def _text(data: bytes) -> str:
    """Return a file's text; "" for one that is not UTF-8, whose changes are no typing of ours."""
    try:
        return data.decode("utf-8").replace("\r\n", "\n")
    except UnicodeDecodeError:
        return ""


def _traces(change: _Change, name: str) -> Iterator[Trace]:
    """Yield the traces of a changed file."""
    tree = syntax_tree(change.old)
    if tree is None:
        return
    for edits in _pieces(change.old, _joined(change.old, diff(change.old, change.new))):
        window = _window(change.old, tree, Span(edits[0].start, edits[-1].end))
        if window is None or not _is_typing(edits):
            continue
        text = window.of(change.old)
        inside = [edit.shifted(-window.start) for edit in edits]
        events = _events(text, inside)
        line = position_of(change.old, edits[0].end).line
        trace = Trace(
            name="-".join(["history", *_words([Path(change.path).stem, *_names_at(tree, line)])]),
            title=f"{change.title} ({change.path})",
            source=f"commit {change.commit} of {name}",
            kind="python",
            text=text,
            events=events,
            final=apply(text, inside),
        )
        if events and _presses(trace) <= _MAX_KEYS and _is_sound(trace):
            yield trace


def _is_typing(edits: Sequence[Edit]) -> bool:
    """Whether the edits are mostly new text, at few places."""
    inserted = sum(len(edit.text) for edit in edits)
    deleted = sum(edit.end - edit.start for edit in edits)
    return inserted >= _MIN_INSERTED and deleted <= inserted * _MAX_DELETED_SHARE and len(edits) <= _MAX_CHANGES


def _joined(old: str, edits: Sequence[Edit]) -> Iterator[Edit]:
    """Yield the edits as a person makes them: close ones as one, and new lines from the end of the line above."""
    last: Edit | None = None
    for edit in (_from_line_above(old, edit) for edit in edits):
        between = old[last.end : edit.start] if last else ""
        if last and len(between) <= _CLOSE_CHARACTERS and "\n" not in between:
            last = Edit(last.start, edit.end, last.text + between + edit.text)
            continue
        if last:
            yield last
        last = edit
    if last:
        yield last


def _from_line_above(old: str, edit: Edit) -> Edit:
    """Return the insertion of whole lines as one that begins with Enter."""
    if edit.start == edit.end and edit.text.endswith("\n") and old[: edit.start].endswith("\n"):
        return Edit(edit.start - 1, edit.start - 1, "\n" + edit.text[:-1])
    return edit


def _pieces(old: str, edits: Iterator[Edit]) -> Iterator[list[Edit]]:
    """Yield edits that are one piece of work: near each other, and not too many presses together."""
    piece: list[Edit] = []
    keys = 0
    for edit in edits:
        cost = len(keys_of(edit.text)) + edit.end - edit.start
        apart = piece and old.count("\n", piece[-1].end, edit.start) > _APART_LINES
        if piece and (apart or keys + cost > _MAX_KEYS):
            yield piece
            piece, keys = [], 0
        piece.append(edit)
        keys += cost
    if piece:
        yield piece


def _window(old: str, tree: ast.Module, changed: Span) -> Span | None:
    """Return the whole top-level statements around `changed` that fit a window, or None where those with it do not.

    What stands above tells more of what comes, so it is taken first.
    """
    starts = _statement_lines(old, tree)
    ends = [*starts[1:], old.count("\n") + 1]
    first_line, last_line = (position_of(old, offset).line - 1 for offset in (changed.start, changed.end))
    touched = [i for i in range(len(starts)) if starts[i] <= last_line and first_line < ends[i]]
    if not touched or ends[touched[-1]] - starts[touched[0]] > _WINDOW_LINES:
        return None
    first, last = touched[0], touched[-1]
    while first > 0 and ends[last] - starts[first - 1] <= _WINDOW_LINES:
        first -= 1
    while last + 1 < len(starts) and ends[last + 1] - starts[first] <= _WINDOW_LINES:
        last += 1
    lines = old.split("\n")
    start = sum(len(line) + 1 for line in lines[: starts[first]])
    text = "\n".join(lines[starts[first] : ends[last]]).rstrip("\n") + "\n"
    return Span(start, max(start + len(text), changed.end))


def _statement_lines(old: str, tree: ast.Module) -> list[int]:
    """Return the 0-based line at which each top-level statement begins, with the comments above it."""
    lines = old.split("\n")
    starts = []
    for node in tree.body:
        line = min([node.lineno, *(decorator.lineno for decorator in getattr(node, "decorator_list", []))]) - 1
        while line > 0 and lines[line - 1].startswith("#"):
            line -= 1
        starts.append(line)
    return [0, *starts[1:]] if starts else []


def _events(text: str, edits: Sequence[Edit]) -> tuple[Event, ...]:
    """Return what a person presses to make `edits`; nothing where Backspace alone does not lead there."""
    events: list[Event] = []
    moved_by = 0
    for edit in edits:
        at = edit.shifted(moved_by)
        count = _backspaces(text, at)
        if count is None:
            return ()
        place = position_of(text, at.end)
        events += [Jump(place.line, place.column), Pause(THINKING_MS)]
        events += [Backspace(count)] if count else []
        events += [Type(at.text)] if at.text else []
        text = apply(text, [at])
        moved_by += len(at.text) - (at.end - at.start)
    return tuple(events)


def _backspaces(text: str, edit: Edit) -> int | None:
    """Return how often Backspace is pressed to delete what `edit` deletes; None where it would delete more."""
    count, offset = 0, edit.end
    while offset > edit.start:
        offset -= backspace_length(text, offset)
        count += 1
    return count if offset == edit.start else None


def _names_at(tree: ast.Module, line: int) -> list[str]:
    """Return the name of the innermost function or class around a 1-based line; nothing at the top level."""
    named = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
    nodes = [node for node in ast.walk(tree) if isinstance(node, named)]  # outer ones come before inner ones
    return [node.name for node in nodes if node.lineno <= line <= (node.end_lineno or 0)][-1:]


def _words(names: Sequence[str]) -> list[str]:
    """Return the first words of Python names, each once."""
    return list(dict.fromkeys(re.findall(r"[a-z0-9]+", " ".join(names).replace("_", " ").lower())))[:_NAME_WORDS]


def _presses(trace: Trace) -> int:
    typed = sum(len(keys_of(event.text)) for event in trace.events if isinstance(event, Type))
    return typed + sum(event.count for event in trace.events if isinstance(event, Backspace))


def _length_class(trace: Trace) -> int:
    presses = _presses(trace)
    return (presses > _SHORT_KEYS) + (presses > _MIDDLING_KEYS)


def _is_sound(trace: Trace) -> bool:
    """Whether the trace can be replayed, and its text parses before and after."""
    try:
        check(trace)
    except DocumentError:
        return False
    return None not in (syntax_tree(trace.text), syntax_tree(trace.final))
