"""The notebooks of the folders that the server was started with, so that a cell is seen among the others.

Marimo sends the cell under the cursor alone. Its notebook is the one that holds a cell most like it. A client
may name one of the folders, to look in that alone; nothing else that it sends is taken for a path.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from tabtab_local import store
from tabtab_local.desk.ask import SAME, likeness
from tabtab_local.document import Document, document_at
from tabtab_local.edits import Edit
from tabtab_local.errors import TabTabError
from tabtab_local.marimo import is_marimo, parse_marimo
from tabtab_local.notebook import Notebook

_SKIPPED = {"node_modules", "__pycache__", "site-packages", "__marimo__"}
_MOST_FILES = 2000
_MOST_BYTES = 1_000_000

# New notebooks are found after this long, changed ones at once.
_LISTED_S = 5.0


@dataclass(frozen=True)
class _File:
    """A Marimo notebook as it was when it was read."""

    stamp: tuple[int, int]
    text: str
    notebook: Notebook | None


class Workspace:
    """The Marimo notebooks below some folders."""

    def __init__(self, roots: Sequence[Path]) -> None:
        self._roots = tuple(root.resolve() for root in roots)
        self._files: dict[Path, _File] = {}
        self._listed: dict[Path, tuple[float, list[Path]]] = {}

    def document(self, code: str, cursor: int, root: str = "") -> Document | None:
        """Return the notebook's cell that holds `code`, as the client has it now; None where none is like it.

        `root` is one of the folders; where it is none of them, all are looked in.
        """
        named = [each for each in self._roots if str(each) == root.rstrip("/")]
        best: tuple[float, int, Path, int] | None = None
        for path in (path for each in named or self._roots for path in self._paths(each)):
            file = self._file(path)
            for index, cell in enumerate(file.notebook.cells if file and file.notebook else ()):
                alike = likeness(cell.code, code)
                if file and alike >= SAME and (best is None or (alike, file.stamp[0]) > best[:2]):
                    best = alike, file.stamp[0], path, index
        return self._among(best[2], best[3], code, cursor) if best else None

    def _among(self, path: Path, index: int, code: str, cursor: int) -> Document | None:
        """Return the notebook in `path` with the code of one cell replaced."""
        file = self._files[path]
        cell = file.notebook.cells[index] if file.notebook else None
        if cell is None or cell.span is None:
            return None
        try:
            document = document_at(file.text, cell.span.start)
            return document.edited((Edit(0, len(document.code), code),), cursor) if document.cell == index else None
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
        return paths

    def _file(self, path: Path) -> _File | None:
        try:
            found = path.stat()
            stamp = found.st_mtime_ns, found.st_size
            known = self._files.get(path)
            if known and known.stamp == stamp:
                return known
            text = store.read(path).text if found.st_size <= _MOST_BYTES else ""
            self._files[path] = _File(stamp, text, parse_marimo(text) if is_marimo(text) else None)
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
