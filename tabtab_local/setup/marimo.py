"""What Marimo 0.25 reads of its configuration in a folder: the user's file, and over it `tool.marimo` of the project's.

The latter is the nearest `pyproject.toml`. Its tables are merged into the user's, but where it has custom
providers there are no others. One that cannot be read, Marimo passes over.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from tabtab_local.setup import place
from tabtab_local.setup.merge import Settings, merged

# A setting by the names of the tables that it is in, and its own.
Key = tuple[str, ...]

_PROVIDERS: Key = ("ai", "custom_providers")


@dataclass(frozen=True)
class Configuration:
    """What the user's `file` says (`own`), and what the project's says."""

    file: Path
    own: Settings
    project_file: Path
    project: Settings

    @cached_property
    def settings(self) -> Settings:
        """What counts."""
        found: dict[str, Any] = merged(self.own, self.project)
        here = at(self.project, _PROVIDERS)
        if isinstance(here, Mapping):
            kept = {name: value for name, value in found["ai"]["custom_providers"].items() if name in here}
            found["ai"] = {**found["ai"], "custom_providers": kept}
        return found

    def get(self, key: Key) -> Any:
        """Return the value of a setting; None where it has none."""
        return at(self.settings, key)

    def table(self, key: Key) -> Settings:
        """Return a table, an empty one where there is none."""
        found = self.get(key)
        return found if isinstance(found, Mapping) else {}

    def is_overridden(self, key: Key) -> bool:
        """Whether the project's file has changed what the user's says of a setting."""
        return bool(self.get(key) != at(self.own, key))

    def overriding(self, key: Key) -> str:
        """Return the name of what overrides a setting: itself, or a table that it is not in."""
        length = next(n for n in range(len(key), -1, -1) if n == 0 or at(self.project, key[:n]) is not None)
        return ".".join(("tool", "marimo", *key[:length]))


def configuration(file: Path, own: Settings) -> Configuration:
    """Return what counts in this folder where the user's file says `own`."""
    project_file = place.project()
    try:
        found = at(tomllib.loads(project_file.read_text(encoding="utf-8")), ("tool", "marimo"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError):
        found = None
    return Configuration(file, own, project_file, found if isinstance(found, Mapping) else {})


def at(settings: Any, key: Key) -> Any:
    """Return the value of a setting; None where it has none."""
    for name in key:
        settings = settings.get(name) if isinstance(settings, Mapping) else None
    return settings
