"""Units that are windows of real source files: installed packages, and a folder of code.

A window is a run of whole lines that begins at a top-level statement, drawn at random from all files; its number of
units never ends. Files that are the same as an earlier one are read once.
"""

from __future__ import annotations

import hashlib
import random
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from tabtab_local.errors import DocumentError
from training.data import installed
from training.data.document import Document
from training.data.installed import SourceFile
from training.data.source.hunk import tree
from training.data.source.unit import Unit, Unread

_LEAST_CHARACTERS = 200


@dataclass(frozen=True)
class Packages(Unread):
    """The standard library and the installed distributions `names`, all of them permissively licensed."""

    names: tuple[str, ...] = ()
    share: float = 1.0
    name: str = "packages"
    kind = "packages"

    @cached_property
    def _files(self) -> tuple[SourceFile, ...]:
        return _distinct(installed.load(self.names))

    @cached_property
    def _licences(self) -> dict[str, str]:
        return installed.licences(self.names)

    def size(self) -> None:
        """Return None: windows never end. Raises `DocumentError` for a package that cannot be read."""
        # The licences are told from the metadata, long before the files are read.
        _ = self._licences

    def unit(self, number: int, rng: random.Random) -> Unit:
        """Return a window of a file."""
        file = rng.choice(self._files)
        return _window(file, self._licences[file.package.rpartition(" ")[0]], rng)

    def facts(self) -> dict[str, Any]:
        """Return the packages with their versions, licences and numbers of files."""
        counts = Counter(file.package for file in self._files)
        licences = sorted(set(self._licences.values()))
        return {"licences": licences, "packages": {name: counts[name] for name in sorted(counts)}}


@dataclass(frozen=True)
class Folder(Unread):
    """The Python files under the folder `path`, which are all under `licence`."""

    path: Path
    licence: str
    share: float = 1.0
    name: str = "folder"
    kind = "folder"

    @cached_property
    def _files(self) -> tuple[SourceFile, ...]:
        if not self.path.is_dir():
            raise DocumentError(f"{self.path} is not a folder: give one with Python files as path")
        files = _distinct(installed.python_files(self.path.name, self.path, sorted(self.path.rglob("*.py"))))
        if not files:
            raise DocumentError(
                f"{self.path} has no Python file of 400 bytes to 400 kB outside of tests: choose another"
            )
        return files

    def size(self) -> None:
        """Return None: windows never end. Raises `DocumentError` for a folder without Python files."""
        _ = self._files

    def unit(self, number: int, rng: random.Random) -> Unit:
        """Return a window of a file."""
        return _window(rng.choice(self._files), self.licence, rng)

    def facts(self) -> dict[str, Any]:
        """Return the number of files and the hash of all of them."""
        digest = hashlib.sha256("".join(f"{f.name}\0{f.text}\0" for f in self._files).encode())
        return {"licences": [self.licence], "files": len(self._files), "sha256": digest.hexdigest()}


def _window(file: SourceFile, licence: str, rng: random.Random) -> Unit:
    text = _whole(installed.window(file.text, rng))
    return Unit(f"{file.package}/{file.name}", licence, text, Document(text))


def _whole(text: str) -> str:
    """Return a window without a last statement that it cuts in two, if enough is left."""
    if tree(text) is not None:
        return text
    cut = text.rfind("\n\n\n")
    return text[:cut] if cut >= _LEAST_CHARACTERS else text


def _distinct(files: Iterable[SourceFile]) -> tuple[SourceFile, ...]:
    """Return the files without those that say what an earlier one says."""
    return tuple({hashlib.sha256(file.text.encode()).digest(): file for file in reversed(tuple(files))}.values())[::-1]
