"""Files of JSON lines, each an object with texts in the prompt format."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tabtab_local.errors import DocumentError, FormatError


def json_lines(path: Path, expected: str) -> Iterator[tuple[str, Any]]:
    """Yield where each line of a file stands, for messages, and what is on it.

    Raises `DocumentError` for a file that cannot be read and for a line that is not JSON; `expected` says what should
    be there.
    """
    try:
        with path.open(encoding="utf-8") as file:
            for number, line in enumerate(file, 1):
                where = f"{path}, line {number}"
                try:
                    yield where, json.loads(line)
                except json.JSONDecodeError as error:
                    raise DocumentError(f"{where} is not JSON: {error}") from None
    except UnicodeDecodeError:
        raise DocumentError(f"{path} is not UTF-8 text: expected JSON lines with {expected}") from None
    except OSError as error:
        raise DocumentError(f"cannot read {path}: {error.strerror}") from None


@contextmanager
def following(where: str, expected: str) -> Iterator[None]:
    """Turn what goes wrong in reading an object's texts into a `DocumentError` that says where."""
    try:
        yield
    except (KeyError, TypeError, AttributeError):
        raise DocumentError(f"{where} is not an object with the texts {expected}") from None
    except FormatError as error:
        raise DocumentError(f"{where}: {error}") from None
