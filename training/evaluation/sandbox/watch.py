"""What a process and all that descend from it use, read from Linux's /proc."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

_PAGE = os.sysconf("SC_PAGE_SIZE")
_MOST = 4096


@dataclass(frozen=True)
class Usage:
    """`memory_bytes` is resident and swapped-in memory; pages that processes share count for each."""

    processes: int
    memory_bytes: int


def usage(pid: int) -> Usage:
    """Return what `pid` and its descendants use; nothing where the kernel does not tell."""
    waiting, seen, pages = [pid], 0, 0
    while waiting and seen < _MOST:
        current = waiting.pop()
        folder = Path(f"/proc/{current}")
        try:
            pages += int((folder / "statm").read_text().split()[1])
            seen += 1
            for task in (folder / "task").iterdir():
                waiting += [int(child) for child in (task / "children").read_text().split()]
        except (OSError, ValueError, IndexError):
            continue
    return Usage(seen, pages * _PAGE)
