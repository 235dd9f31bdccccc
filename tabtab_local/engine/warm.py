"""Prompt caches of recent documents on disk, so that a document that is opened again is not read again by the model.

A folder of files, one for each cache, as llama.cpp writes a sequence: magic, version, number of tokens, the tokens,
then the state. A file is named `<key>-<SHA-256 of its content>.cache`. The key says which weights and which layout of a
cache it belongs to; the hash keeps a damaged file from llama.cpp, which ends the process where one is cut at its end.

Everything here may be deleted at any time, by another process too, and nothing that goes wrong here is an error: what
cannot be read back is read by the model. Knows nothing of llama.cpp but how its files begin.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import struct
import sys
import tempfile
import time
from array import array
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from tabtab_local.edits import shared_start

DEFAULT_MAX_BYTES = 2**30

# Fewer tokens are read by the model about as quickly as from disk.
LEAST_TOKENS = 128

# A document whose cache has grown by less than this is not written again.
_ALIKE_TOKENS = 16

# The start of a file: LLAMA_STATE_SEQ_MAGIC, LLAMA_STATE_SEQ_VERSION, number of tokens, in the machine's byte order.
_HEADER = struct.Struct("=3I")
_MAGIC, _VERSION = 0x67677371, 3

# What is not named so is somebody else's file and stays.
_NAME = re.compile(r"[0-9a-f]{16}-[0-9a-f]{64}\.cache")
_TEMPORARY = re.compile(r"\.[^.]+\.cache\.tmp")
_ABANDONED_AFTER_S = 24 * 60 * 60

_SAMPLES = 64
_SAMPLE_BYTES = 256 * 2**10


@dataclass(frozen=True)
class Stored:
    """A cache on disk; `used_ns` is when it was last of use, in nanoseconds since 1970."""

    path: Path
    size_bytes: int
    used_ns: int


def default_folder() -> Path:
    """Return where prompt caches go unless told otherwise: in the user's cache folder of the system."""
    if sys.platform == "win32":
        base = Path(os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local")
    elif sys.platform == "darwin":
        base = Path.home() / "Library" / "Caches"
    else:
        # A relative path is to be ignored, says the XDG Base Directory Specification.
        found = Path(os.environ.get("XDG_CACHE_HOME", ""))
        base = found if found.is_absolute() else Path.home() / ".cache"
    return base / "tabtab-local" / "prompts"


def model_key(path: Path, layout: str) -> str:
    """Return 16 hexadecimal digits for the model file at `path` and whatever else decides what a cache holds, `layout`.

    Hashing gigabytes at each start would take seconds, so of a file above 16 MiB only samples all over it are hashed,
    with its size and its time of change. The latter is there for models that differ in a few rows, which samples may
    miss; it costs a cold start where the same model is copied or installed anew.
    """
    found = path.stat()
    digest = hashlib.sha256(f"{found.st_size} {found.st_mtime_ns} {layout}\n".encode())
    last = max(found.st_size - _SAMPLE_BYTES, 0)
    with path.open("rb") as file:
        for i in range(_SAMPLES):
            file.seek(last * i // (_SAMPLES - 1))
            digest.update(file.read(_SAMPLE_BYTES))
    return digest.hexdigest()[:16]


def stored(folder: Path) -> list[Stored]:
    """Return the caches in `folder`, of all models, the last used first; none where there is no such folder."""
    found = []
    for entry in _entries(folder):
        if _NAME.fullmatch(entry.name):
            with contextlib.suppress(OSError):  # another process has removed it
                state = entry.stat()
                found.append(Stored(Path(entry.path), state.st_size, state.st_mtime_ns))
    return sorted(found, key=lambda one: (-one.used_ns, one.path))


class WarmStore:
    """The caches of the model `key` in `folder`, which takes at most `max_bytes` for all models (1 GiB unless given).

    The least recently used make room. Several processes may use one folder. It is made when something is written, for
    the user alone: the caches hold code, as token ids and in what the model made of them.
    """

    def __init__(self, folder: Path, key: str, *, max_bytes: int = DEFAULT_MAX_BYTES) -> None:
        self._folder = folder
        self._key = key
        self._max_bytes = max_bytes
        # What a name stands for never changes.
        self._headers: dict[Path, array[int]] = {}

    def keep(self, tokens: Sequence[int], write: Callable[[Path], int]) -> None:
        """Have a file of a cache that holds `tokens`; `write` makes it and returns its size in bytes, 0 for failure.

        Nothing is written for few tokens, or where a file has nearly all of them. Files that it is as good as go.
        """
        if len(tokens) < LEAST_TOKENS:
            return
        held = array("i", tokens)
        with contextlib.suppress(OSError):
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            others = {path: (kept, shared_start(kept, held)) for path, kept in self._kept().items()}
            for path, (_, shared) in others.items():
                if len(held) - shared < _ALIKE_TOKENS:
                    os.utime(path)
                    return
            if self._write(write):
                for path, (kept, shared) in others.items():
                    if len(kept) - shared < _ALIKE_TOKENS:
                        _remove(path)
            self._make_room()

    def restore(self, tokens: Sequence[int], known: int, load: Callable[[Path, Sequence[int]], bool]) -> None:
        """Load the file that begins most like `tokens`, where that saves enough beside the `known` first ones.

        `load` takes a whole file and all tokens that it holds; where it fails, or the file is damaged, that is removed
        and the next best one is tried.
        """
        if len(tokens) - known < LEAST_TOKENS:
            return
        wanted = array("i", tokens)
        with contextlib.suppress(OSError):
            shares = {path: shared_start(kept, wanted) for path, kept in self._kept().items()}
            for path in sorted(shares, key=shares.__getitem__, reverse=True):
                if shares[path] - known < LEAST_TOKENS:
                    return
                if _is_whole(path) and load(path, self._headers[path]):
                    os.utime(path)
                    return
                _remove(path)

    def _kept(self) -> dict[Path, array[int]]:
        """Return the files of this model with the tokens that they hold; damaged ones are removed."""
        headers: dict[Path, array[int]] = {}
        for one in stored(self._folder):
            if one.path.name.startswith(f"{self._key}-"):
                tokens = self._headers.get(one.path)
                if tokens is None:
                    tokens = _tokens(one.path)
                if tokens:
                    headers[one.path] = tokens
                else:
                    _remove(one.path)
        self._headers = headers
        return headers

    def _write(self, write: Callable[[Path], int]) -> bool:
        """Give what `write` makes its name once it is whole; return whether it was kept."""
        # The name is known at the end; made so, a file is readable for the user alone from the start.
        handle, name = tempfile.mkstemp(".cache.tmp", ".", self._folder)
        os.close(handle)
        temporary = Path(name)
        try:
            size = write(temporary)
            # Where the disk is full, the last bytes may be lost without a word.
            if not 0 < size <= self._max_bytes or temporary.stat().st_size != size:
                return False
            temporary.replace(self._folder / f"{self._key}-{_sha256(temporary)}.cache")
            return True
        finally:
            temporary.unlink(missing_ok=True)

    def _make_room(self) -> None:
        total = 0
        for one in stored(self._folder):
            total += one.size_bytes
            if total > self._max_bytes:
                _remove(one.path)
        for entry in _entries(self._folder):
            if _TEMPORARY.fullmatch(entry.name) and entry.stat().st_mtime < time.time() - _ABANDONED_AFTER_S:
                _remove(Path(entry.path))


def _entries(folder: Path) -> Iterator[os.DirEntry[str]]:
    with contextlib.suppress(OSError), os.scandir(folder) as entries:
        yield from entries


def _tokens(path: Path) -> array[int] | None:
    """Return the tokens that a file says it holds, nothing for one that is too short or of another format."""
    tokens = array("i")
    try:
        with path.open("rb") as file:
            magic, version, count = _HEADER.unpack(file.read(_HEADER.size))
            # Random bytes may announce 16 GB of tokens.
            if (magic, version) != (_MAGIC, _VERSION) or path.stat().st_size < _HEADER.size + tokens.itemsize * count:
                return None
            tokens.frombytes(file.read(tokens.itemsize * count))
    except (OSError, struct.error, ValueError):
        return None
    return tokens


def _is_whole(path: Path) -> bool:
    """Tell whether the content of a file is the one that its name gives the hash of."""
    try:
        return path.name.endswith(f"-{_sha256(path)}.cache")
    except OSError:
        return False


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _remove(path: Path) -> None:
    # On Windows a file that another process has open stays.
    with contextlib.suppress(OSError):
        path.unlink(missing_ok=True)
