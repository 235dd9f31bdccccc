"""Marimo as a person has it: set up by `tabtab-local setup`, a notebook in a browser, and keys.

with marimo(notebook, server, home) as address, chromium(home) as browser:
    opened = Notebook(browser.new_page(), address)
    opened.enter(cell=0)
    opened.type("import numpy as ")
    if opened.answer():
        opened.press("Tab")
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench.browser.process import running
from bench.port import free_port
from tabtab_local.errors import TabTabError, UsageError

if TYPE_CHECKING:
    from playwright.sync_api import Page

PROGRAM_VARIABLE = "TABTAB_MARIMO"

_RECORDER = Path(__file__).with_name("recorder.js")
_PASTE = """text => {
    const clipboardData = new DataTransfer();
    clipboardData.setData('text/plain', text);
    const event = new ClipboardEvent('paste', {clipboardData, bubbles: true, cancelable: true});
    document.activeElement.dispatchEvent(event);
}"""
_CELL = "[data-cell-id] .cm-content"
_OPEN_MS = 60_000
_ANSWER_MS = 30_000
_KEY_MS = 40.0


def missing() -> str:
    """Return in a line what is not installed; nothing where all is there."""
    return "" if _program() else f"Marimo is not installed: run make editors, or name its program in {PROGRAM_VARIABLE}"


def version() -> str:
    """Return the version of Marimo."""
    done = subprocess.run([_program() or "marimo", "--version"], capture_output=True, text=True, check=True)
    return done.stdout.strip()


@contextmanager
def marimo(notebook: Path, server: str, home: Path) -> Iterator[str]:
    """Let Marimo edit a notebook, with the model of the server at an address; give Marimo's own address.

    `home` is where it has its configuration. Raises `UsageError` where it is not installed.
    """
    program = _program()
    if program is None:
        raise UsageError(missing())
    kept = {name: value for name, value in os.environ.items() if not name.startswith("XDG_")}
    environment = {**kept, "HOME": str(home), "USERPROFILE": str(home), "DO_NOT_TRACK": "1"}
    setup = [sys.executable, "-m", "tabtab_local", "setup", "marimo", "--write", "--port", server.rpartition(":")[2]]
    subprocess.run(setup, env=environment, check=True, capture_output=True)
    port = free_port()
    command = [
        *(program, "edit", str(notebook), "--headless", "--no-token", "--skip-update-check", "--no-sandbox"),
        *("--host", "127.0.0.1", "--port", str(port)),
    ]
    address = f"http://127.0.0.1:{port}"
    with running(command, f"{address}/health", environment):
        yield address


def _program() -> str | None:
    """Return what the variable names, or a program beside this Python's, or one on the path."""
    if named := os.environ.get(PROGRAM_VARIABLE):
        return shutil.which(named)
    return shutil.which("marimo", path=str(Path(sys.executable).parent)) or shutil.which("marimo")


class Notebook:
    """A notebook that is open in a browser."""

    def __init__(self, page: Page, address: str) -> None:
        self.page = page
        page.add_init_script(path=_RECORDER)
        page.goto(address)
        page.locator(_CELL).first.wait_for(timeout=_OPEN_MS)

    def enter(self, cell: int) -> None:
        """Put the cursor into a cell; the first has the number 0."""
        self.page.locator(_CELL).nth(cell).click()

    @property
    def code(self) -> str:
        """The code of the cell under the cursor, without what is only suggested."""
        return str(self.page.evaluate("recorder.code()"))

    @property
    def ghost(self) -> str:
        """What is suggested at the moment; empty where nothing is."""
        return str(self.page.evaluate("recorder.ghost"))

    @property
    def delay_ms(self) -> float | None:
        """The time from the last key to the ghost text that was asked for after it; None where there is none."""
        found: float | None = self.page.evaluate("recorder.delayMs()")
        return found

    @property
    def questions(self) -> list[dict[str, Any]]:
        """What Marimo asked its server: prefix, suffix, answer, status."""
        return list(self.page.evaluate("recorder.questions"))

    @property
    def shown(self) -> list[dict[str, str]]:
        """Each ghost text that there was, with the code that then stood in the cell."""
        return list(self.page.evaluate("recorder.shown"))

    def type(self, text: str, *, key_ms: float = _KEY_MS) -> None:
        """Press a key for each character."""
        self.page.keyboard.type(text, delay=key_ms)

    def paste(self, text: str) -> None:
        """Paste a text."""
        self.page.evaluate(_PASTE, text)

    def press(self, key: str) -> None:
        """Press a key."""
        self.page.keyboard.press(key)

    def answer(self) -> str:
        """Wait for the answer to what stands in the cell since the last key; return what is then suggested.

        Raises `TabTabError` where none comes.
        """
        from playwright.sync_api import TimeoutError as TooLate

        try:
            self.page.wait_for_function("recorder.answered()", timeout=_ANSWER_MS)
        except TooLate:
            raise TabTabError(f"Marimo shows no answer to {self.code!r} within {_ANSWER_MS / 1000:g} s") from None
        # What came with the answer is drawn in the frame after it.
        self.page.evaluate("() => new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))")
        return self.ghost

    def clear(self) -> None:
        """Empty the cell; nobody is asked about one that is empty."""
        self.press("ControlOrMeta+a")
        self.press("Backspace")
