"""The sources on disk: checked against the manifest, read file by file.

They lie in one folder: a package as `NAME-VERSION.tar.gz`, a repository as the clone `OWNER/NAME`, bare or not.
"""

from __future__ import annotations

import email
import tarfile
import zlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pygit2
from pygit2.enums import FileMode

from tabtab_local.errors import DocumentError
from tabtab_local.fingerprint import file_sha256
from training import licence
from training.corpus.manifest import Package, Repository, Source

_SUFFIXES = (".py", ".ipynb")
_LICENCE_NAMES = ("license", "licence", "copying")
_LARGEST_FILE = 4_000_000  # a notebook's pictures count


@dataclass(frozen=True)
class File:
    """A file of Python code or a notebook: its path in its source, and what it holds.

    `content` is empty for a file of several megabytes, and None for one that a partial clone lacks.
    """

    path: str
    content: bytes | None


def check(source: Source, folder: Path) -> None:
    """Raise `DocumentError` unless a source is there, and is what the manifest says."""
    place = folder / source.place
    if isinstance(source, Repository):
        _commit(source, folder)
    elif not place.is_file():
        raise DocumentError(f"{place} is not there: run `python -m training corpus fetch`")
    elif file_sha256(place) != source.sha256:
        raise DocumentError(f"{place} is not what the manifest says: remove it and fetch again")


def files(source: Source, folder: Path) -> Iterator[File]:
    """Yield the Python files and notebooks of a source, by path. Raises `DocumentError` where it cannot be read."""
    if isinstance(source, Repository):
        found = list(_repository_files(source, folder))
    else:
        members = _members(folder / source.place, lambda path: path.endswith(_SUFFIXES))
        found = [File(path, content) for path, content in members]
    yield from sorted(found, key=lambda file: file.path)


def stated_licence(source: Source, folder: Path) -> str:
    """Return the licence that the source itself states. Raises `DocumentError` unless there is a permissive one."""
    try:
        if isinstance(source, Package):
            return _package_licence(folder / source.place)
        tree = _commit(source, folder).tree
        blobs = [each for each in tree if isinstance(each, pygit2.Blob) and _is_licence(each.name or "")]
        return _licence_of_texts([blob.data for blob in blobs])
    except DocumentError as error:
        raise DocumentError(f"{source.name} is {error}: leave it out") from None


def _package_licence(archive: Path) -> str:
    """Return the licence that a source distribution's metadata states, or else its licence files."""
    texts: list[bytes] = []
    stated = None
    for path, data in _members(archive, lambda path: path == "PKG-INFO" or _is_licence(path)):
        if path == "PKG-INFO":
            stated = email.message_from_string(data.decode(errors="replace"))
        else:
            texts.append(data)
    return licence.of_metadata(stated) if stated and licence.names(stated) else _licence_of_texts(texts)


def _is_licence(name: str) -> bool:
    return name.lower().startswith(_LICENCE_NAMES) and "/" not in name


def _licence_of_texts(texts: Sequence[bytes]) -> str:
    if not texts:
        raise DocumentError("without a licence file")
    return " AND ".join(sorted({licence.of_text(text.decode(errors="replace")) for text in texts}))


def head(name: str, folder: Path) -> str:
    """Return the commit that the clone of `name` in `folder` stands at. Raises `DocumentError` where it is none."""
    return str(_repository(name, folder).head.target)


def _members(archive: Path, wanted: Callable[[str], bool]) -> Iterator[tuple[str, bytes]]:
    """Yield the paths inside an archive's one folder that are wanted, and what they hold; no links."""
    try:
        with tarfile.open(archive) as members:
            for member in members:
                path = member.name.partition("/")[2]
                content = members.extractfile(member) if member.isreg() and wanted(path) else None
                if content is not None:
                    yield path, content.read() if member.size <= _LARGEST_FILE else b""
    except (tarfile.TarError, OSError, EOFError, zlib.error) as error:
        raise DocumentError(f"{archive} cannot be read: {error}") from None


def _repository_files(source: Repository, folder: Path) -> Iterator[File]:
    waiting = [("", _commit(source, folder).tree)]
    while waiting:
        path, tree = waiting.pop()
        for each in tree:
            name = f"{path}{each.name}"
            if isinstance(each, pygit2.Tree):
                waiting.append((f"{name}/", each))
            elif isinstance(each, pygit2.Blob) and each.filemode != FileMode.LINK and name.endswith(_SUFFIXES):
                yield File(name, _data(each))


def _data(blob: pygit2.Blob) -> bytes | None:
    try:
        content: bytes | None = blob.data if blob.size <= _LARGEST_FILE else b""
    except KeyError:
        return None
    return content


def _repository(name: str, folder: Path) -> pygit2.Repository:
    try:
        return pygit2.Repository(str(folder / name))
    except (pygit2.GitError, ValueError, OSError):
        raise DocumentError(f"{folder / name} is not a clone: run `python -m training corpus fetch`") from None


def _commit(source: Repository, folder: Path) -> pygit2.Commit:
    try:
        commit = _repository(source.name, folder)[source.revision]
    except KeyError:
        raise DocumentError(
            f"{folder / source.name} has no commit {source.revision}: remove it and fetch again"
        ) from None
    assert isinstance(commit, pygit2.Commit)
    return commit
