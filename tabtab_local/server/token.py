"""The token that clients show: made once, and readable by its owner alone."""

from __future__ import annotations

import os
import secrets
import stat
from pathlib import Path

import click

from tabtab_local.errors import DocumentError

_BYTES = 32

# What our server answers who shows none; by this it is known.
NEEDED = "a token is needed: send Authorization: Bearer, with what the token file holds"


def token_file() -> Path:
    """Return where the token is kept."""
    return Path(os.environ.get("TABTAB_TOKEN_FILE") or Path(click.get_app_dir("tabtab-local"), "token"))


def token(path: Path) -> str:
    """Return the token in `path`, made now where there is none.

    Raises `DocumentError` for a file that others can read, that cannot be read, or that holds nothing.
    """
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    try:
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            file.write(secrets.token_urlsafe(_BYTES) + "\n")
    except FileExistsError:
        pass  # made before
    if os.name == "posix" and path.stat().st_mode & (stat.S_IRWXG | stat.S_IRWXO):
        raise DocumentError(f"{path} can be read by others: chmod 600 {path}")
    try:
        found = path.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError):
        raise DocumentError(f"{path} holds no text: remove it, and a token is made anew") from None
    if not found:
        raise DocumentError(f"{path} is empty: remove it, and a token is made anew")
    return found
