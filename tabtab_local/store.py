"""Source files on disk: read as text with `\\n` line ends, written back with only the edited lines changed.

The one place that knows of encodings (PEP 263 coding lines, UTF-8 with or without a byte order mark), of newline
styles and of file modes. It knows nothing of Python, notebooks or models.

A file is replaced by a rename, so a reader sees the old text or the new one and never half of it. A symbolic link
stays a link and its target is replaced; a hard link to the same file keeps the old text.
"""

from __future__ import annotations

import codecs
import contextlib
import hashlib
import io
import os
import re
import stat
import tempfile
import tokenize
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from tabtab_local.edits import Edit, apply, position_of
from tabtab_local.errors import DocumentError

# Source code is small; a larger file is data, and would only keep the user waiting.
MAX_BYTES = 16 * 1024 * 1024

_CODING_LINE = re.compile(rb"^[ \t\f]*#.*?coding[:=][ \t]*([-\w.]+)")


@dataclass(frozen=True)
class Source:
    """A file as it was when read.

    `text` has `\\n` line ends; a lone carriage return is an ordinary character. `newline` is the style that most lines
    of the file have, `bom` says whether a byte order mark stands before the text, `digest` is the SHA-256 of the bytes.
    """

    path: Path
    text: str
    encoding: str
    newline: str
    bom: bool
    digest: str


def read(path: Path) -> Source:
    """Return the file at `path`.

    Raises `DocumentError` where there is no such file, it cannot be read, is larger than `MAX_BYTES`, or is not text.
    """
    data = _bytes_of(path)
    raw, encoding, bom = _decoded(path, data)
    crlf = raw.count("\r\n")
    newline = "\r\n" if crlf > raw.count("\n") - crlf else "\n"
    return Source(path, raw.replace("\r\n", "\n"), encoding, newline, bom, _digest(data))


def write(source: Source, edits: Sequence[Edit]) -> None:
    """Make `edits`, given in offsets of `source.text`, in the file.

    Lines that no edit touches keep their bytes; new lines end in the file's own style. Encoding, byte order mark, mode
    and, where allowed, owner stay. Raises `DocumentError`, and leaves the file as it is, where it has changed since it
    was read, is read-only, or cannot hold the new text.
    """
    if not edits:
        return
    new = apply(source.text, edits)
    data = _bytes_of(source.path)
    _refuse_if_changed(source, data)
    raw, _, _ = _decoded(source.path, data)
    new_data = _encoded(source, apply(raw, _raw_edits(raw, source.newline, edits)))
    unchanged = _encoded(source, raw) == data
    read_back, encoding, _ = _decoded(source.path, new_data)
    if not unchanged or encoding != source.encoding or read_back.replace("\r\n", "\n") != new:
        raise DocumentError(
            f"{_shown(source.path)} would not read back as intended in {source.encoding}: its coding line changes, "
            "or a carriage return would join a newline; make this edit by hand"
        )
    try:
        _replace(source, new_data)
    except OSError as error:
        raise DocumentError(f"{_shown(source.path)} cannot be written: {_reason(error)}") from error


def check_writable(source: Source) -> None:
    """Raise `DocumentError` where the file is read-only."""
    target = source.path.resolve()
    # For an administrator everything is writable; the mode says what the owner meant.
    if not target.stat().st_mode & 0o222 or not os.access(target, os.W_OK):
        raise DocumentError(f"{_shown(source.path)} is read-only: make it writable first (chmod u+w)")


def _bytes_of(path: Path) -> bytes:
    """Return the content of `path`, after checks that keep from waiting at a pipe or reading a disk image."""
    try:
        found = path.stat()
        if stat.S_ISDIR(found.st_mode):
            raise DocumentError(f"{_shown(path)} is a folder: name a file in it")
        if not stat.S_ISREG(found.st_mode):
            raise DocumentError(f"{_shown(path)} is not a regular file: save its content to a file first")
        if found.st_size > MAX_BYTES:
            raise DocumentError(f"{_shown(path)} has {found.st_size} bytes: files up to {MAX_BYTES} bytes are read")
        return path.read_bytes()
    except FileNotFoundError as error:
        raise DocumentError(f"{_shown(path)} does not exist: check the path") from error
    except OSError as error:
        raise DocumentError(f"{_shown(path)} cannot be read: {_reason(error)}") from error


def _decoded(path: Path, data: bytes) -> tuple[str, str, bool]:
    """Return the text as it stands in the file, its encoding, and whether a byte order mark stood before it."""
    nul = data.find(0)
    if nul >= 0:
        raise DocumentError(f"{_shown(path)} is not UTF-8 text (NUL byte at offset {nul}): save it as UTF-8 first")
    bom = data.startswith(codecs.BOM_UTF8)
    body = data.removeprefix(codecs.BOM_UTF8)
    # JSON is UTF-8 by definition, whatever a line in it looks like.
    encoding = "utf-8" if path.suffix == ".ipynb" else _declared_encoding(path, data)
    try:
        return body.decode(encoding), encoding, bom
    except UnicodeDecodeError as error:
        offset = error.start + len(data) - len(body)
        raise DocumentError(
            f"{_shown(path)} is not valid {encoding} at byte offset {offset}: save it as UTF-8, or declare its encoding"
        ) from error
    except (LookupError, UnicodeError) as error:
        raise DocumentError(
            f"{_shown(path)} declares {encoding!r}, which is no text encoding: declare another"
        ) from error


def _declared_encoding(path: Path, data: bytes) -> str:
    try:
        encoding, _ = tokenize.detect_encoding(io.BytesIO(data).readline)
    except SyntaxError as error:
        lines = data.removeprefix(codecs.BOM_UTF8).split(b"\n")
        declared = next(filter(None, map(_CODING_LINE.match, lines[:2])), None)
        if declared is None:
            return "utf-8"  # No declaration: the two lines are not UTF-8, and decoding says where.
        name = declared[1].decode("ascii", "backslashreplace")
        raise DocumentError(
            f"{_shown(path)} declares the encoding {name!r}, which is unknown or not the one it has: correct that line"
        ) from error
    return "utf-8" if encoding == "utf-8-sig" else encoding


def _encoded(source: Source, raw: str) -> bytes:
    try:
        body = raw.encode(source.encoding)
    except UnicodeEncodeError as error:
        character, line = raw[error.start], position_of(raw, error.start).line
        raise DocumentError(
            f"{_shown(source.path)} is {source.encoding}, which has no {character!a} (U+{ord(character):04X}, "
            f"line {line}): save the file as UTF-8 first"
        ) from error
    return codecs.BOM_UTF8 + body if source.bom else body


def _raw_edits(raw: str, newline: str, edits: Sequence[Edit]) -> Iterator[Edit]:
    """Yield the edits in offsets of `raw`, where a line end may be two characters."""
    ends = [match.start() for match in re.finditer("\r\n", raw)]
    # The same line ends, in offsets of the text in which each of them is one character.
    normal_ends = [end - before for before, end in enumerate(ends)]
    for edit in edits:
        start = edit.start + bisect_left(normal_ends, edit.start)
        end = edit.end + bisect_left(normal_ends, edit.end)
        yield Edit(start, end, edit.text.replace("\n", newline))


def _replace(source: Source, data: bytes) -> None:
    """Put `data` in the place of the file through a temporary file beside it, which never stays behind."""
    check_writable(source)
    target = source.path.resolve()
    found = target.stat()
    handle, name = tempfile.mkstemp(prefix=".tabtab-", suffix=".tmp", dir=target.parent)
    temporary = Path(name)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        if hasattr(os, "chown"):
            # Only an administrator can give a file away. Before chmod, because chown clears some mode bits.
            with contextlib.suppress(PermissionError):
                os.chown(temporary, found.st_uid, found.st_gid)
        temporary.chmod(stat.S_IMODE(found.st_mode))
        _refuse_if_changed(source, target.read_bytes())
        temporary.replace(target)
    finally:
        temporary.unlink(missing_ok=True)
    _sync_folder(target.parent)


def _sync_folder(folder: Path) -> None:
    """Make the rename survive a power cut, where the system lets a folder be opened."""
    with contextlib.suppress(OSError):
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def _refuse_if_changed(source: Source, data: bytes) -> None:
    if _digest(data) != source.digest:
        raise DocumentError(f"{_shown(source.path)} has changed since it was read: nothing was written, ask again")


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def _shown(path: Path) -> str:
    """Return the path for a message of one line."""
    name = str(path)
    return name if name.isprintable() else ascii(name)


def _reason(error: OSError) -> str:
    return error.strerror or type(error).__name__
