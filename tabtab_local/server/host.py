"""The names that a server answers to, as clients write them into `Host`. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable

from tabtab_local.errors import UsageError

_NAME = re.compile(r"(?P<name>\[[0-9a-f:.]+\]|[a-z0-9._-]+)(:(?P<port>[0-9]{1,5}))?")
_HTTP_PORT = 80  # which clients leave out


def hosts(names: Iterable[str], port: int) -> frozenset[str]:
    """Return what stands in `Host` for these names, each with its own port or else with `port`.

    Raises `UsageError` for what is no name.
    """
    found = {with_port(name, port) for name in names}
    return frozenset(found | {name.removesuffix(f":{_HTTP_PORT}") for name in found if name.endswith(f":{_HTTP_PORT}")})


def with_port(name: str, port: int) -> str:
    """Return a name with its own port or else with `port`, an IPv6 address in brackets.

        fd00::1 -> [fd00::1]:8765        box.lan -> box.lan:8765        box.lan:9000 -> box.lan:9000

    Raises `UsageError` for what is no name.
    """
    found = _NAME.fullmatch(f"[{name}]".lower() if name.count(":") > 1 and "[" not in name else name.lower())
    if found is None:
        raise UsageError(f"{name!r} is not the name of a host: give it as box.lan, or with a port as box.lan:9000")
    return f"{found['name']}:{found['port'] or port}"
