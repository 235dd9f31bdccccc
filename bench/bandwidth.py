"""How fast this machine reads memory: what no decoder can go beyond, for it reads all its weights for each token.

An array is read again and again by some threads, each with its own part, as a decoder's threads read their rows of each
matrix. The reading is NumPy's bitwise "or" of 64-bit words: it does nearly nothing with them, takes no lock, and came
closest to the memory's speed of NumPy's reductions. Knows nothing of models.
"""

from __future__ import annotations

import math
import statistics
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import psutil

_WORD_BYTES = 8
# A pass over a small array would be over before all threads have begun.
_PASS_BYTES = 1 << 30
_UNKNOWN_CACHE_BYTES = 512 << 20
_LINUX_CACHES = Path("/sys/devices/system/cpu/cpu0/cache")


@dataclass(frozen=True)
class Bandwidth:
    """How fast an array was read; `best` and `median` are of that many passes, each of 1 GiB or more."""

    array_bytes: int
    threads: int
    passes: int
    best_bytes_per_s: float
    median_bytes_per_s: float

    def ms(self, size_bytes: float) -> float:
        """Return how long reading that much takes at the best rate."""
        return size_bytes / self.best_bytes_per_s * 1000


def measure(array_bytes: int, *, threads: int, passes: int = 10) -> Bandwidth:
    """Read an array of that size (8 bytes or more for each thread) in `passes` passes, after one to warm up."""
    # Written once, so that the memory is really there.
    words = np.ones(array_bytes // _WORD_BYTES, np.uint64)
    sweeps = math.ceil(_PASS_BYTES / words.nbytes)

    def read(part: npt.NDArray[np.uint64]) -> None:
        for _ in range(sweeps):
            np.bitwise_or.reduce(part)

    parts = np.array_split(words, threads)
    rates: list[float] = []
    with ThreadPoolExecutor(threads) as pool:
        for _ in range(passes + 1):
            began = time.perf_counter()
            list(pool.map(read, parts))
            rates.append(sweeps * words.nbytes / (time.perf_counter() - began))
    return Bandwidth(words.nbytes, threads, passes, max(rates[1:]), statistics.median(rates[1:]))


def cache_bytes() -> int | None:
    """Return the size of the last-level cache, of which others may have a share; nothing where it is not known."""
    sizes = [file.read_text().strip() for file in _LINUX_CACHES.glob("index*/size")]
    return max((int(size[:-1]) << 10 for size in sizes if size.endswith("K")), default=None)


def beyond_cache_bytes() -> int:
    """Return the size of an array of which the caches hold a quarter at most, where there is memory for it."""
    wanted = 4 * (cache_bytes() or _UNKNOWN_CACHE_BYTES)
    available: int = psutil.virtual_memory().available
    return min(max(wanted, _PASS_BYTES), available // 4)
