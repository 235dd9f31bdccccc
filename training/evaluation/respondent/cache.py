"""The answers that were paid for, kept in a file: a run that was killed goes on without asking for them again.

One SQLite file in a folder of the caller's choice, from the hash of a request to the response as JSON. Safe to share
between threads and processes; each response is on disk before it is used.
"""

from __future__ import annotations

import hashlib
import json
import sqlite3
import threading
from pathlib import Path
from typing import Any

from tabtab_local.errors import DocumentError

FILE = "responses.sqlite"


class ResponseCache:
    """The responses in the folder `folder`, which is made where it is missing. Raises `DocumentError`."""

    def __init__(self, folder: Path) -> None:
        self._lock = threading.Lock()
        path = folder / FILE
        try:
            folder.mkdir(parents=True, exist_ok=True)
            # The lock keeps the threads apart; the timeout is for other processes.
            self._database = sqlite3.connect(path, timeout=60, isolation_level=None, check_same_thread=False)
            self._database.execute("PRAGMA journal_mode=WAL")
            self._database.execute("CREATE TABLE IF NOT EXISTS responses (key TEXT PRIMARY KEY, response TEXT) STRICT")
        except (OSError, sqlite3.Error) as error:
            raise DocumentError(f"{path} cannot be used as a cache ({error}): remove it or choose another") from None

    def get(self, key: str) -> dict[str, Any] | None:
        """Return the response to the request with that key, or nothing."""
        with self._lock:
            row = self._database.execute("SELECT response FROM responses WHERE key = ?", (key,)).fetchone()
        found: dict[str, Any] | None = json.loads(row[0]) if row else None
        return found

    def put(self, key: str, response: dict[str, Any]) -> None:
        """Keep a response. Raises `DocumentError` where the disk does not take it."""
        text = json.dumps(response, ensure_ascii=False)
        try:
            with self._lock:
                self._database.execute("INSERT OR REPLACE INTO responses VALUES (?, ?)", (key, text))
        except sqlite3.Error as error:
            raise DocumentError(f"the cache of responses cannot be written: {error}") from None

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            self._database.close()


def request_key(**parts: object) -> str:
    """Return the SHA-256, in hexadecimal, of all that decides a response."""
    return hashlib.sha256(json.dumps(parts, sort_keys=True, ensure_ascii=True).encode()).hexdigest()
