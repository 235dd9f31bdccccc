"""What a server has counted."""

from __future__ import annotations

import re
import urllib.request


def counted(address: str, name: str) -> dict[str, float]:
    """Return a counter of the server by its labels, as `/metrics` shows them."""
    with urllib.request.urlopen(f"{address}/metrics") as page:
        lines = page.read().decode()
    return {labels: float(value) for labels, value in re.findall(rf"^{name}_total{{(.*)}} (\S+)$", lines, re.MULTILINE)}
