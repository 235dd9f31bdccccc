"""The notebooks of the folders that the server was started with, so that a cell is seen among the others.

Marimo sends the cell under the cursor alone. Its notebook is the one that holds a cell most like it; the one that was
found last is looked at first. A cell that was not saved since it was begun is the one that it has grown from, or that
it begins with. A client may name one of the folders, to look in that alone; nothing else that it sends is taken for a
path.
"""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from tabtab_local import store
from tabtab_local.desk.desk import Dropped
from tabtab_local.desk.same import SAME, goes_on, likeness
from tabtab_local.document import Document, document_at
from tabtab_local.edits import Edit, shared_end, shared_start
from tabtab_local.errors import TabTabError
from tabtab_local.marimo import is_marimo, parse_marimo
from tabtab_local.notebook import Notebook

_SKIPPED = {"node_modules", "__pycache__", "site-packages", "__marimo__"}
_MOST_FILES = 2000
_MOST_BYTES = 1_000_000

# New notebooks, and ones with a cell that is more like it, are found after this long; changed ones at once.
_LISTED_S = 5.0


@dataclass(frozen=True)
class _File:
    """A Python file as it was when it was read; of one that is no Marimo notebook nothing is kept."""

    stamp: tuple[int, int]
    text: str = ""
    notebook: Notebook | None = None


@dataclass(frozen=True)
class _Match:
    """A cell that is perhaps the one asked about, and when its file was saved."""

    path: Path
    cell: int
    saved_ns: int


class Workspace:
    """The Marimo notebooks below some folders, looked at in a thread: whoever else asks does not wait for the disk."""

    def __init__(self, roots: Sequence[Path]) -> None:
        self._roots = tuple(root.resolve() for root in roots)
        self._files: dict[Path, _File] = {}
        self._listed: dict[Path, tuple[float, list[Path]]] = {}
        self._last: dict[Path, Path] = {}  # for each folder the notebook that was found there since it was listed
        self._cell: tuple[_Match, str] | None = None  # what was asked about last, and its code
        # One thread: requests are looked up in the order in which they came, but for those that nobody waits for.
        self._thread = ThreadPoolExecutor(1, "tabtab-workspace")
        self._waiting: list[tuple[asyncio.Future[Document | None], str]] = []  # look-ups, and for which code

    async def document(self, code: str, cursor: int, root: str = "") -> Document | None:
        """Return the notebook's cell that holds `code`, as the client has it now; None where none is like it.

        `root` is one of the folders; where it is none of them, all are looked in. Raises `Dropped` where a newer one
        goes on from this one before it is done.
        """
        if not self._roots:
            return None
        named = [each for each in self._roots if str(each) == root.rstrip("/")]
        self._waiting = [each for each in self._waiting if not each[0].done()]
        for older, before in self._waiting:
            if before != code and goes_on(before, code, cursor):
                older.cancel()
        loop = asyncio.get_running_loop()
        found = loop.run_in_executor(self._thread, self._document, named or self._roots, code, cursor)
        self._waiting.append((found, code))
        try:
            await asyncio.wait([found])
            if found.cancelled():
                raise Dropped("superseded")
            return found.result()
        finally:
            found.cancel()  # nobody waits for it any more

    def _document(self, roots: Sequence[Path], code: str, cursor: int) -> Document | None:
        listed = [path for root in roots for path in self._paths(root)]
        last = [self._last[root] for root in roots if root in self._last]
        match = self._like(last or listed, code) or self._grown(roots, code)
        match = match or self._like(listed, code) or self._new(listed, code)
        if match is None:
            return None
        self._last |= {root: match.path for root in roots if match.path.is_relative_to(root)}
        self._cell = match, code
        return self._among(match, code, cursor)

    def _like(self, paths: Iterable[Path], code: str) -> _Match | None:
        """Return the cell that is most like `code`, the one saved last of several; None where none is."""
        alike = ((likeness(saved, code), match) for match, saved in self._cells(paths))
        likely = [(share, match.saved_ns, match) for share, match in alike if share >= SAME]
        return max(likely, key=lambda each: each[:2])[2] if likely else None

    def _grown(self, roots: Sequence[Path], code: str) -> _Match | None:
        """Return the cell that was asked about last, where `code` is like that and no more like what is saved."""
        if self._cell is None:
            return None
        match, before = self._cell
        start = shared_start(before, code)
        more = start + shared_end(before, code, start) == len(before)  # something was put in, whatever its length
        same = more or likeness(before, code) >= SAME
        below = any(match.path.is_relative_to(root) for root in roots)
        return match if same and below and self._file(match.path) else None

    def _new(self, paths: Iterable[Path], code: str) -> _Match | None:
        """Return a cell that was saved before most of `code` was typed: `code` begins with it, or it is empty.

        There may be some in many notebooks. It is in the one that was saved last.
        """
        begun = [(match.saved_ns, len(saved), match) for match, saved in self._cells(paths) if code.startswith(saved)]
        return max(begun, key=lambda each: each[:2])[2] if begun else None

    def _cells(self, paths: Iterable[Path]) -> Iterator[tuple[_Match, str]]:
        """Yield the cells of the notebooks among some files, and what they hold as it is saved."""
        for path in paths:
            file = self._file(path)
            for index, cell in enumerate(file.notebook.cells if file and file.notebook else ()):
                yield _Match(path, index, file.stamp[0] if file else 0), cell.code

    def _among(self, match: _Match, code: str, cursor: int) -> Document | None:
        """Return the notebook with the code of the cell replaced."""
        file = self._files.get(match.path)
        cells = file.notebook.cells if file and file.notebook else ()
        cell = cells[match.cell] if match.cell < len(cells) else None  # it may have gone since
        if file is None or cell is None or cell.span is None:
            return None
        try:
            document = document_at(file.text, cell.span.start)
            if document.cell != match.cell:
                return None
            return document.edited((Edit(0, len(document.code), code),), cursor)
        except TabTabError:
            return None

    def _paths(self, root: Path) -> list[Path]:
        """Return the Python files below a folder, listed anew from time to time."""
        at, paths = self._listed.get(root, (-_LISTED_S, []))
        if time.monotonic() - at >= _LISTED_S:
            gone, paths = set(paths), list(_python_files(root))
            for path in gone.difference(paths):
                self._files.pop(path, None)
            self._listed[root] = time.monotonic(), paths
            self._last.pop(root, None)
        return paths

    def _file(self, path: Path) -> _File | None:
        try:
            found = path.stat()
            stamp = found.st_mtime_ns, found.st_size
            known = self._files.get(path)
            if known and known.stamp == stamp:
                return known
            text = store.read(path).text if found.st_size <= _MOST_BYTES else ""
            self._files[path] = _File(stamp, text, parse_marimo(text)) if is_marimo(text) else _File(stamp)
        except (OSError, TabTabError):
            return None
        return self._files[path]


def _python_files(root: Path) -> Iterator[Path]:
    """Yield the Python files below `root`, folder by folder, no links and nothing hidden."""
    count = 0
    for folder, folders, files in os.walk(root):
        folders[:] = sorted(name for name in folders if not name.startswith(".") and name not in _SKIPPED)
        for name in sorted(files):
            path = Path(folder, name)
            if name.endswith(".py") and not path.is_symlink():
                yield path
                count += 1
                if count >= _MOST_FILES:
                    return
