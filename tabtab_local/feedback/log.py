"""The log of what became of suggestions: JSON lines in a folder of the user's own, on this machine alone.

    feedback.jsonl                  what is written to
    feedback-<time>-<pid>.jsonl     what was written before, a quarter of the limit each; the oldest go first

Several programs may write at once: a record is added by one write at the end of the file, which is opened anew for
each, and a full file is given a name of its own. Where a record is cut off, by a crash or a full disk, only that is
lost: the next one begins on a line of its own. So it does where it finds another program's record half written, and
then leaves an empty line.
"""

from __future__ import annotations

import contextlib
import io
import os
import queue
import re
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec

from tabtab_local.errors import DocumentError
from tabtab_local.feedback.record import Note, Record, unnoted

# Ten thousand suggestions of the embedded model: with its prompt of 1024 tokens, one takes 3 kB.
DEFAULT_MAX_BYTES = 32 * 2**20
_FILES = 4

_CURRENT = "feedback.jsonl"
_FULL = re.compile(r"feedback-\d{19}-\d+\.jsonl")

# Records that wait for a disk that is slow; what comes then is dropped.
_MOST_WAITING = 256
_PATIENCE_S = 5.0

Warn = Callable[[str], None]


def default_folder() -> Path:
    """Return where the log is kept: in the user's data folder of the system."""
    if sys.platform == "win32":
        base = Path(os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local")
    elif sys.platform == "darwin":
        base = Path.home() / "Library" / "Application Support"
    else:
        # A relative path is to be ignored, says the XDG Base Directory Specification.
        found = Path(os.environ.get("XDG_DATA_HOME", ""))
        base = found if found.is_absolute() else Path.home() / ".local" / "share"
    return base / "tabtab-local" / "feedback"


@contextmanager
def keeping(wanted: bool, warn: Warn) -> Iterator[Note]:
    """Give what notes a record: in the log where that is `wanted`, else nowhere.

    `warn` is told where the log is, and if it has to stop. Raises `DocumentError` where there can be none.
    """
    if not wanted:
        yield unnoted
        return
    folder = default_folder()
    try:
        _make(folder)
    except OSError as error:
        raise DocumentError(f"cannot make the folder {folder} ({error.strerror}): leave --feedback out") from None
    warn(f"what becomes of suggestions is kept in {folder}: `tabtab-local feedback delete` removes it")
    log = Log(folder, warn)
    try:
        yield log.write
    finally:
        log.close()


class Log:
    """Writes records in a thread of its own; where that fails it says so once, and writes no more."""

    def __init__(self, folder: Path, warn: Warn, *, max_bytes: int = DEFAULT_MAX_BYTES) -> None:
        self._folder, self._warn, self._max_bytes = folder, warn, max_bytes
        self._waiting: queue.Queue[Record | None] = queue.Queue(_MOST_WAITING)
        self._thread = threading.Thread(target=self._work, name="tabtab-feedback", daemon=True)
        self._thread.start()

    def write(self, record: Record) -> None:
        """Have a record written; whoever calls does not wait for it."""
        with contextlib.suppress(queue.Full):
            self._waiting.put_nowait(record)

    def close(self) -> None:
        """Write what waits, if the disk lets it, and end the thread."""
        with contextlib.suppress(queue.Full):
            self._waiting.put(None, timeout=_PATIENCE_S)
            self._thread.join(_PATIENCE_S)

    def _work(self) -> None:
        failed = False
        while (record := self._waiting.get()) is not None:
            if failed:
                continue
            try:
                append(self._folder, record, self._max_bytes)
            except OSError as error:
                failed = True
                self._warn(f"feedback is not kept any more: {self._folder}: {error.strerror or error}")


def append(folder: Path, record: Record, max_bytes: int) -> None:
    """Add a record to the log in `folder`, which takes at most `max_bytes`. Raises `OSError`."""
    try:
        line = msgspec.json.encode(record) + b"\n"
    except UnicodeEncodeError:
        return  # half of a character, which no model has read either
    share = max_bytes // _FILES
    if len(line) > share:
        return
    _make(folder)
    current = folder / _CURRENT
    with contextlib.suppress(OSError):  # there is none yet, or another process has just renamed it
        if current.stat().st_size + len(line) > share:
            current.rename(folder / f"feedback-{time.time_ns():019}-{os.getpid()}.jsonl")
    total = len(line)
    for path in reversed(files(folder)):
        with contextlib.suppress(FileNotFoundError):
            total += path.stat().st_size
            if total > max_bytes:
                path.unlink()
    with io.FileIO(current, "ab+", opener=_private) as file:
        size = file.seek(0, os.SEEK_END)
        if size:
            file.seek(size - 1)
            line = line if file.read(1) == b"\n" else b"\n" + line
        if file.write(line) != len(line):
            raise OSError("the disk takes no more")


def read(folder: Path) -> Iterator[Record | None]:
    """Yield the records, oldest first; None for a line that is none, as one that was cut off."""
    decoder = msgspec.json.Decoder(Record)
    for path in files(folder):
        with contextlib.suppress(FileNotFoundError), path.open("rb") as file:
            for line in file:
                if line == b"\n":
                    continue
                try:
                    yield decoder.decode(line)
                except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
                    yield None


def delete(folder: Path) -> None:
    """Remove the log. A program that keeps one begins anew with its next record."""
    for path in files(folder):
        path.unlink(missing_ok=True)
    with contextlib.suppress(OSError):  # not empty, or never made
        folder.rmdir()


def files(folder: Path) -> list[Path]:
    """Return the files of the log, oldest first."""
    try:
        names = sorted(entry.name for entry in os.scandir(folder))
    except FileNotFoundError:
        return []
    return [folder / name for name in [*filter(_FULL.fullmatch, names), *([_CURRENT] if _CURRENT in names else [])]]


def _make(folder: Path) -> None:
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)


def _private(path: str, flags: int) -> int:
    """Open a file that its owner alone can read."""
    return os.open(path, flags, 0o600)
