"""The manifest: which sources the corpus is made of, pinned, and why each group of them is in it.

A TOML file:

    [[group]]
    why = "data frames, the everyday work of a notebook"
    packages = [
      { name = "pandas", version = "3.0.1", licence = "BSD-3-Clause", sha256 = "…" },
    ]
    repositories = [
      { name = "wesm/pydata-book", revision = "…", licence = "MIT", tutorial = true },
    ]

A package is the source distribution of that version on the Python Package Index, told by its SHA-256; a repository is
one on GitHub at a commit. `tutorial` says that all of a source is written to be learnt from; elsewhere the folder of a
file tells.
"""

from __future__ import annotations

import dataclasses
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tabtab_local.errors import DocumentError
from training.licence import is_permissive
from training.table import read_toml

_PACKAGE = re.compile(r"[a-z0-9]([a-z0-9.-]*[a-z0-9])?")
_REPOSITORY = re.compile(r"[\w-]+/[\w.-]+")
_SHA256 = re.compile(r"[0-9a-f]{64}")
_REVISION = re.compile(r"[0-9a-f]{40}")


@dataclass(frozen=True)
class Package:
    """A source distribution, by its normalised name (PEP 503); `sha256` is that of the archive."""

    name: str
    version: str
    licence: str
    sha256: str
    tutorial: bool = False

    @property
    def label(self) -> str:
        """How the corpus names this source."""
        return f"{self.name} {self.version}"

    @property
    def place(self) -> str:
        """Where it lies in the folder of sources."""
        return f"{self.name}-{self.version}.tar.gz"

    def fault(self) -> str | None:
        """Return what is wrong with the entry, if anything is."""
        if not _PACKAGE.fullmatch(self.name):
            return f"{self.name!r} is not a package's normalised name"
        return None if _SHA256.fullmatch(self.sha256) else f"{self.name} has no SHA-256"


@dataclass(frozen=True)
class Repository:
    """A repository on GitHub, `owner/name`, at the commit `revision`."""

    name: str
    revision: str
    licence: str
    tutorial: bool = False

    @property
    def label(self) -> str:
        """How the corpus names this source."""
        return f"{self.name} {self.revision[:12]}"

    @property
    def place(self) -> str:
        """Where it lies in the folder of sources."""
        return self.name

    def fault(self) -> str | None:
        """Return what is wrong with the entry, if anything is."""
        if not _REPOSITORY.fullmatch(self.name) or "/.." in self.name:
            return f"{self.name!r} is not a repository's owner/name"
        return None if _REVISION.fullmatch(self.revision) else f"{self.name} has no commit of 40 hexadecimal digits"


Source = Package | Repository


@dataclass(frozen=True)
class Group:
    """Sources that are in the corpus for the same reason."""

    why: str
    sources: tuple[Source, ...]


@dataclass(frozen=True)
class Manifest:
    """All groups, in the file's order: of two texts that are alike, the first is kept."""

    groups: tuple[Group, ...]

    @property
    def sources(self) -> tuple[Source, ...]:
        """All sources in order."""
        return tuple(source for group in self.groups for source in group.sources)


def read(path: Path) -> Manifest:
    """Return the manifest in the file `path`. Raises `DocumentError` with the first thing that is wrong."""
    return read_toml(path, _manifest)


def _manifest(table: dict[str, Any]) -> Manifest:
    tables = table.get("group")
    if set(table) != {"group"} or not isinstance(tables, list) or not all(isinstance(each, dict) for each in tables):
        raise DocumentError("a manifest is a list of [[group]] tables and nothing else")
    manifest = Manifest(tuple(_group(each, number) for number, each in enumerate(tables, 1)))
    names = [source.name for source in manifest.sources]
    if twice := next((name for name in names if names.count(name) > 1), None):
        raise DocumentError(f"{twice} is there twice: leave one out")
    return manifest


def _group(table: dict[str, Any], number: int) -> Group:
    if unknown := set(table) - {"why", "packages", "repositories"}:
        raise DocumentError(f"group {number} has the unknown key {min(unknown)}")
    if not isinstance(table.get("why"), str):
        raise DocumentError(f"group {number} does not say why: give it a text why = …")
    sources = [
        _source(kind, entry, number)
        for kind, key in ((Package, "packages"), (Repository, "repositories"))
        for entry in table.get(key, [])
    ]
    return Group(table["why"], tuple(sources))


def _source(kind: type[Package] | type[Repository], entry: object, number: int) -> Source:
    fields = {each.name: each for each in dataclasses.fields(kind)}
    needed = {name for name, each in fields.items() if each.default is dataclasses.MISSING}
    if not isinstance(entry, dict) or not needed <= set(entry) <= set(fields):
        raise DocumentError(f"group {number}: {entry!r} must have {', '.join(sorted(needed))}, and may have tutorial")
    if wrong := next(
        (key for key, value in entry.items() if not isinstance(value, bool if key == "tutorial" else str)), None
    ):
        raise DocumentError(f"group {number}: {wrong} is {entry[wrong]!r}")
    source = kind(**entry)
    if fault := source.fault():
        raise DocumentError(f"group {number}: {fault}")
    if not is_permissive(source.licence):
        raise DocumentError(f"group {number}: {source.name} is under {source.licence!r}, which is not permissive")
    return source


def line(source: Source) -> str:
    """Return a source as it stands in a manifest."""
    fields = dataclasses.asdict(source)
    tutorial = ", tutorial = true" if fields.pop("tutorial") else ""
    return "{ " + ", ".join(f'{key} = "{value}"' for key, value in fields.items()) + tutorial + " }"
