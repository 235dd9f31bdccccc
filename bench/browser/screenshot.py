"""A picture of ghost text in Marimo, for README."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from bench.browser.chromium import chromium
from bench.browser.marimo import Notebook, marimo
from bench.browser.process import tabtab
from tabtab_local.errors import ModelError
from tabtab_local.output import new_file

_NOTEBOOK = """\
import marimo

app = marimo.App()


@app.cell
def _():
    import numpy as np
    import pandas as pd

    return np, pd


@app.cell
def _(pd):
    sales = pd.read_csv("sales.csv")
    return (sales,)


@app.cell
def _():
    return


if __name__ == "__main__":
    app.run()
"""
_TYPED_CELL = 2
_WIDTH = 860
_CLIP = {"x": 90, "y": 90, "width": 740, "height": 230}  # the cells


def screenshot(model: Path, typed: str, out: Path) -> str:
    """Type a text into a cell of a notebook, and write a PNG of what is then suggested, which is returned.

    Raises `ModelError` where nothing is suggested, `UsageError` where Marimo, Chromium or Playwright is not installed.
    """
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        notebook = home / "notebooks" / "sales.py"
        notebook.parent.mkdir()
        notebook.write_text(_NOTEBOOK, encoding="utf-8")
        options = ("--model", str(model), "--workspace", str(notebook.parent))
        with (
            tabtab(*options, environment={**os.environ, "HOME": folder}) as server,
            marimo(notebook, server, home) as address,
            chromium(home) as browser,
        ):
            opened = Notebook(browser.new_page(viewport={"width": _WIDTH, "height": 700}), address)
            opened.enter(_TYPED_CELL)
            opened.type(typed)
            suggested = opened.answer()
            if not suggested:
                raise ModelError(f"nothing is suggested behind {typed!r}: give another --type")
            with new_file(out) as temporary:
                temporary.write_bytes(opened.page.screenshot(clip=_CLIP))
            return suggested
