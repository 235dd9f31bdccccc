"""Where editors look for their configuration."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path

# VS Code, and what is built from the same source; the first that is there counts.
_CODES = ("Code", "VSCodium", "Code - OSS")


def marimo() -> Path:
    """Return the file that Marimo reads here: `.marimo.toml` in this folder, above it or at home, else the usual."""
    here, home = Path.cwd(), Path.home()
    for folder in (*_upwards(here, home), home):
        if (found := folder / ".marimo.toml").is_file():
            return found
    return _config_home() / "marimo" / "marimo.toml"


def project() -> Path:
    """Return the project's `pyproject.toml`: the nearest, or where it would be in this folder."""
    here = Path.cwd()
    files = [folder / "pyproject.toml" for folder in (here, *here.parents)]
    return next((file for file in files if file.exists()), files[0])


def neovim() -> Path:
    """Return the folder of Neovim's configuration."""
    name = os.environ.get("NVIM_APPNAME") or "nvim"
    if sys.platform == "win32" and "XDG_CONFIG_HOME" not in os.environ:
        return Path(os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local", name)
    return _config_home() / name


def vim() -> Path:
    """Return the folder of Vim's own files."""
    return Path.home() / ("vimfiles" if sys.platform == "win32" else ".vim")


def zed() -> Path:
    """Return Zed's settings."""
    folder = _roaming() / "Zed" if sys.platform == "win32" else _config_home() / "zed"
    return folder / "settings.json"


def vscode() -> Path:
    """Return the user's settings of VS Code."""
    if sys.platform == "darwin":
        above = Path.home() / "Library" / "Application Support"
    else:
        above = _roaming() if sys.platform == "win32" else _config_home()
    folders = [above / name / "User" for name in _CODES]
    return next((folder for folder in folders if folder.is_dir()), folders[0]) / "settings.json"


def _upwards(folder: Path, home: Path) -> Iterator[Path]:
    """Yield a folder and those above it, up to the user's own."""
    for each in (folder, *folder.parents):
        yield each
        if each == home:
            return


def _config_home() -> Path:
    return Path(os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config")


def _roaming() -> Path:
    return Path(os.environ.get("APPDATA") or Path.home() / "AppData" / "Roaming")
