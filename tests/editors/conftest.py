"""What tests with real editors share: a home for their programs, and what these see of the environment."""

from __future__ import annotations

import os
from pathlib import Path

import pytest


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An empty home folder for the programs of a module's tests."""
    return tmp_path_factory.mktemp("home")


@pytest.fixture(scope="module")
def environment(home: Path) -> dict[str, str]:
    """What a program sees of this process's environment: its own home, and the code that is tested."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("XDG_")}
    return {**kept, "HOME": str(home), "USERPROFILE": str(home), "PYTHONPATH": str(Path(__file__).parents[2])}
