"""Chromium without a window, driven by Playwright: the browser comes from the system, the driver from PyPI."""

from __future__ import annotations

import importlib.util
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from tabtab_local.errors import UsageError

if TYPE_CHECKING:
    from playwright.sync_api import Browser

_PROGRAMS = ("chromium", "chromium-browser", "google-chrome")
_ARGUMENTS = ("--no-sandbox", "--disable-gpu", "--disable-quic", "--disable-sync")


def missing() -> str:
    """Return in a line what is not installed of what a browser needs; nothing where all is there."""
    if importlib.util.find_spec("playwright") is None:
        return "Playwright is not installed: run make editors"
    return "" if _program() else "Chromium is not installed: apt-get install chromium, or its like"


@contextmanager
def chromium(home: Path, *arguments: str) -> Iterator[Browser]:
    """Run a browser with a profile of its own, that keeps nothing and asks nobody; `home` is its home folder.

    While it runs, no event loop can be started in this thread. Raises `UsageError` where something is not installed.
    """
    if lacking := missing():
        raise UsageError(lacking)
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=_program(), args=[*_ARGUMENTS, *arguments], env={**os.environ, "HOME": str(home)}
        )
        try:
            yield browser
        finally:
            browser.close()


def _program() -> str | None:
    return next(filter(None, map(shutil.which, _PROGRAMS)), None)
