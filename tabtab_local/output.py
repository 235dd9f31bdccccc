"""Files and folders that are there whole or not at all.

What is made gets a temporary name beside its final one and is renamed at the end, so that a reader never meets half
of it and a failure leaves nothing behind.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tabtab_local.errors import DocumentError


@contextmanager
def new_file(out: Path) -> Iterator[Path]:
    """Give a temporary path to write to; it takes the name `out`, and the place of an older file, at the end."""
    out = _resolved(out)
    out.parent.mkdir(parents=True, exist_ok=True)
    temporary = _temporary(out)
    try:
        yield temporary
        temporary.replace(out)
    finally:
        temporary.unlink(missing_ok=True)


@contextmanager
def new_folder(out: Path, *, replace: bool = False) -> Iterator[Path]:
    """Give a temporary folder to fill; it takes the name `out` at the end, with `replace` that of an older folder.

    Raises `DocumentError` where `out` already holds something and is not to be replaced.
    """
    out = _resolved(out)
    if not replace:
        check_free(out)
    out.parent.mkdir(parents=True, exist_ok=True)
    temporary = _temporary(out)
    temporary.mkdir()
    try:
        yield temporary
        if replace:
            shutil.rmtree(out, ignore_errors=True)
        check_free(out)
        if out.exists():
            out.rmdir()
        temporary.rename(out)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def check_free(out: Path) -> None:
    """Raise `DocumentError` unless `out` is an empty folder or nothing yet."""
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise DocumentError(f"{out} exists and is not an empty folder: choose another output or remove it")


def _resolved(out: Path) -> Path:
    """Return what a link leads to, so that this is replaced and not the link."""
    found = Path(os.path.realpath(out))
    if found.is_symlink():
        raise DocumentError(f"{out} is a link that leads back to itself: remove it")
    return found


def _temporary(out: Path) -> Path:
    return out.with_name(f".{out.name}.{os.getpid()}.tmp")
