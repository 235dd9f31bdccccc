"""The names that a server answers to and the pages that may ask it, as `Host` and `Origin` have them. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable

from tabtab_local.errors import UsageError

_NAME = re.compile(r"(?P<name>\[[0-9a-f:.]+\]|[a-z0-9._-]+)(:(?P<port>[0-9]{1,5}))?")
_HTTP_PORT = 80  # which clients leave out
_ORIGIN = re.compile(rf"(?P<origin>[a-z][a-z0-9+.-]*://{_NAME.pattern})/?")
_OWN_PORTS = ("http", ":80"), ("https", ":443")


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


def origins(pages: Iterable[str]) -> frozenset[str]:
    """Return what stands in `Origin` for these pages: no slash at the end, and no port that is the scheme's own.

    Raises `UsageError` for what is no origin, as an address that goes on behind the host.
    """
    return frozenset(map(_origin, pages))


def _origin(page: str) -> str:
    found = _ORIGIN.fullmatch(page.lower())
    if found is None:
        raise UsageError(f"{page!r} is not the origin of a web page: give it as http://127.0.0.1:2718")
    own = next((port for scheme, port in _OWN_PORTS if found["origin"].startswith(f"{scheme}://")), ":")
    return found["origin"].removesuffix(own)
