"""Keep to the rate that a server allows, together with all other threads.

The `openai` library repeats a refused request by itself, after the time that the server asks for or with a growing,
jittered pause. What it does not do is here: hold back the other threads meanwhile, and wait before the refusal where
the `x-ratelimit-*` headers say that nothing is left.
"""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Callable, Mapping
from typing import Any

# A server that asks for more is not waited for.
MAX_WAIT_S = 600.0

_TOO_MANY = (429, 503)
_PART = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m|h|d)")
_SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}


class Pace:
    """When the next request may be sent; `before` and `after` are hooks of an HTTP client."""

    def __init__(
        self, clock: Callable[[], float] = time.monotonic, sleep: Callable[[float], None] = time.sleep
    ) -> None:
        self._clock = clock
        self._sleep = sleep
        self._lock = threading.Lock()
        self._until = 0.0

    def before(self, _request: Any) -> None:
        """Wait until a request may be sent."""
        while (left := self._until - self._clock()) > 0:
            self._sleep(left)

    def after(self, response: Any) -> None:
        """Note what a response says of the next request."""
        wait_s = min(pause(response.status_code, response.headers), MAX_WAIT_S)
        with self._lock:
            self._until = max(self._until, self._clock() + wait_s) if wait_s > 0 else self._until


def pause(status: int, headers: Mapping[str, str]) -> float:
    """Return the seconds that a response asks all to wait for: 0 where it does not."""
    waits = [0.0]
    for what in ("requests", "tokens"):
        if headers.get(f"x-ratelimit-remaining-{what}", "").strip() == "0":
            waits.append(duration_s(headers.get(f"x-ratelimit-reset-{what}", "")))
    if status in _TOO_MANY:
        waits.append(duration_s(headers.get("retry-after-ms", ""), unit="ms"))
        waits.append(duration_s(headers.get("retry-after", "")))
    return max(waits)


def duration_s(text: str, unit: str = "s") -> float:
    """Return a header's time in seconds: `"1m30.5s"`, `"20ms"`, or a number of `unit`; 0 for any other form.

    Example: `"6m0s"` -> 360.0
    """
    text = text.strip()
    try:
        return max(float(text), 0.0) * _SECONDS[unit]
    except ValueError:
        parts = _PART.findall(text)
        whole = "".join(number + name for number, name in parts) == text
        return sum(float(number) * _SECONDS[name] for number, name in parts) if whole else 0.0
