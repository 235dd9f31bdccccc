"""Sources brought to this machine, and pinned: archives from a package index, clones from GitHub.

What is fetched is never run: an archive is taken as it is, without its build.
"""

from __future__ import annotations

import hashlib
import subprocess
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, TypeVar

import httpx

from tabtab_local.command import failure
from tabtab_local.errors import DocumentError
from tabtab_local.output import new_file, new_folder
from training.corpus import source as sources
from training.corpus.manifest import Manifest, Package, Repository, Source, line

INDEX = "https://pypi.org/simple"
GITHUB = "https://github.com"
_SIMPLE = "application/vnd.pypi.simple.v1+json"
_TIMEOUT_S = 120
_AT_ONCE = 6

_Each = TypeVar("_Each")


class Failed(str):
    """A line that says what could not be had."""


def fetched(manifest: Manifest, folder: Path, index: str = INDEX, host: str = GITHUB) -> Iterator[str]:
    """Bring all sources into `folder`, and yield a line for each that is new, or `Failed`."""

    def bring(source: Source) -> str | None:
        return f"{source.label}: fetched" if fetch(source, folder, index, host) else None

    return _lines(bring, manifest.sources)


def pinned(names: Iterable[str], folder: Path, index: str = INDEX) -> Iterator[str]:
    """Yield the manifest's line for each package, or clone in `folder`, or `Failed`."""
    return _lines(lambda name: line(pin(name, folder, index)), tuple(names))


def _lines(work: Callable[[_Each], str | None], items: Iterable[_Each]) -> Iterator[str]:
    def tried(item: _Each) -> str | None:
        try:
            return work(item)
        except DocumentError as error:
            return Failed(error)

    with ThreadPoolExecutor(_AT_ONCE) as pool:
        yield from filter(None, pool.map(tried, items))


def pin(name: str, folder: Path, index: str = INDEX) -> Source:
    """Return a source as it is now: a package's newest source distribution, or what a clone in `folder` stands at.

    Raises `DocumentError` where there is none, or its licence is not permissive.
    """
    if "/" in name:
        repository = Repository(name, sources.head(name, folder), "")
        return Repository(name, repository.revision, sources.stated_licence(repository, folder))
    found = _newest(name, index)
    package = Package(name, _version(found["filename"]), "", found["hashes"]["sha256"])
    if not (folder / package.place).is_file():
        _download(found["url"], folder / package.place, package.sha256)
    return Package(name, package.version, sources.stated_licence(package, folder), package.sha256)


def _newest(name: str, index: str) -> dict[str, Any]:
    """Return the entry of a package's newest source distribution.

    `index` speaks the JSON form of the simple API (PEP 691).
    """
    sdists = [each for each in _listing(name, index) if each["filename"].endswith(".tar.gz") and not each.get("yanked")]
    stable = [each for each in sdists if not _is_pre_release(_version(each["filename"]))]
    if not stable:
        raise DocumentError(f"{name} has no source distribution on {index}: leave it out")
    return max(stable, key=lambda each: str(each.get("upload-time", "")))


def fetch(source: Source, folder: Path, index: str = INDEX, host: str = GITHUB) -> bool:
    """Bring a source into `folder`; return whether it was not there already.

    Raises `DocumentError` where it cannot be had or is not what the manifest says.
    """
    place = folder / source.place
    if place.exists():
        sources.check(source, folder)
        return False
    if isinstance(source, Repository):
        with new_folder(place) as clone:
            _git("init", "--quiet", "--bare", str(clone))
            _git("-C", str(clone), "fetch", "--quiet", "--depth", "1", f"{host}/{source.name}.git", source.revision)
            _git("-C", str(clone), "update-ref", "--no-deref", "HEAD", source.revision)
        return True
    addresses = [each["url"] for each in _listing(source.name, index) if each["hashes"].get("sha256") == source.sha256]
    if not addresses:
        raise DocumentError(f"{index} has no file of {source.name} with the SHA-256 {source.sha256}")
    _download(addresses[0], place, source.sha256)
    return True


def _download(address: str, place: Path, sha256: str) -> None:
    """Write what is at `address` to `place`, if it has that hash. Raises `DocumentError` otherwise."""
    digest = hashlib.sha256()
    with new_file(place) as temporary:
        try:
            with (
                temporary.open("wb") as out,
                httpx.stream("GET", address, timeout=_TIMEOUT_S, follow_redirects=True) as answer,
            ):
                answer.raise_for_status()
                for part in answer.iter_bytes():
                    digest.update(part)
                    out.write(part)
        except httpx.HTTPError as error:
            raise DocumentError(f"{address} cannot be fetched: {_line(error)}") from None
        if digest.hexdigest() != sha256:
            raise DocumentError(f"{address} has the SHA-256 {digest.hexdigest()}, not {sha256}")


def _listing(name: str, index: str) -> list[dict[str, Any]]:
    try:
        answer = httpx.get(f"{index}/{name}/", headers={"Accept": _SIMPLE}, timeout=_TIMEOUT_S, follow_redirects=True)
        answer.raise_for_status()
        listing: list[dict[str, Any]] = answer.json()["files"]
    except (httpx.HTTPError, ValueError, KeyError) as error:
        raise DocumentError(f"{index} does not list {name}: {_line(error)}") from None
    return listing


def _line(error: Exception) -> str:
    return str(error).partition("\n")[0]


def _version(filename: str) -> str:
    return filename.removesuffix(".tar.gz").rpartition("-")[2]


def _is_pre_release(version: str) -> bool:
    return any(letter in version for letter in ("a", "b", "rc", "dev"))


def _git(*arguments: str) -> None:
    try:
        done = subprocess.run(["git", *arguments], check=False, capture_output=True, text=True)
    except FileNotFoundError:
        raise DocumentError("git is needed to fetch repositories: install it") from None
    if done.returncode:
        raise DocumentError(failure(done))
