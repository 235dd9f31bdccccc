"""Marimo in a real browser with our server and the embedded model: ghost text, Tab, silence, and the other cells."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from bench.browser import chromium, process
from bench.browser.marimo import Notebook, marimo, missing
from tests.editors.counts import counted

_LACKING = chromium.missing() or missing()
pytestmark = pytest.mark.skipif(bool(_LACKING), reason=_LACKING)

NOTEBOOK = """\
import marimo

app = marimo.App()


@app.cell
def _():
    return


@app.cell
def _():
    regions = {
        REGIONS
    }
    return (regions,)


@app.cell
def _(regions):
    names = sorted(regions)
    longest = max(names, key=len)
    print(longest)
    return


if __name__ == "__main__":
    app.run()
""".replace("REGIONS", "\n        ".join(f'"region {number}": {number * 17},' for number in range(40)))
EMPTY, SAVED = 0, 2
NOTHING_ASKED = 'dialect="chat",outcome="nothing asked"'
OTHER_TOKENS = 400  # fewer than the regions take, in any vocabulary

# Whatever a model of Python knows, it knows what these are called.
BEGINNINGS = ("import numpy as ", "import pandas as ", "import matplotlib.pyplot as ")


@pytest.fixture(scope="module")
def notebook(home: Path) -> Path:
    path = home / "notebooks" / "regions.py"
    path.parent.mkdir()
    path.write_text(NOTEBOOK)
    return path


@pytest.fixture(scope="module")
def server(environment: dict[str, str], notebook: Path) -> Iterator[str]:
    with process.tabtab("--workspace", str(notebook.parent), environment=environment) as address:
        yield address


@pytest.fixture(scope="module")
def address(server: str, notebook: Path, home: Path) -> Iterator[str]:
    with marimo(notebook, server, home) as address:
        yield address


@pytest.fixture(scope="module")
def opened(home: Path, address: str) -> Iterator[Notebook]:
    with chromium.chromium(home) as browser:
        yield Notebook(browser.new_page(), address)


@pytest.fixture
def cell(opened: Notebook, server: str) -> Iterator[Notebook]:
    """A notebook with the cursor in an empty cell; at the end, all that was shown had been answered just so."""
    opened.enter(EMPTY)
    opened.clear()
    yield opened
    assert all(belongs(shown, opened.questions) for shown in opened.shown)
    assert {question["status"] for question in opened.questions} <= {200, None}
    assert not re.search(r'outcome="\d', " ".join(counted(server, "tabtab_requests")))


def belongs(shown: dict[str, str], questions: list[dict[str, Any]]) -> bool:
    """Return whether a ghost text is an answer to the code in which it stands, or what is left of one typed along."""
    for question in questions:
        before, after = question["prefix"], question["suffix"]
        if shown["code"].startswith(before) and shown["code"].endswith(after):
            typed = shown["code"][len(before) : len(shown["code"]) - len(after)]
            if typed + shown["ghost"] == question["answer"]:
                return True
    return False


def test_ghost_text_appears_tab_accepts_it_and_the_next_one_comes(cell: Notebook) -> None:
    next_ones = []
    for beginning in BEGINNINGS:
        cell.type(beginning)
        ghost, code = cell.answer(), cell.code
        assert ghost and code.endswith(beginning)
        cell.press("Tab")
        assert cell.code == code + ghost
        cell.answer()  # Marimo asks again by itself
        assert cell.questions[-1]["prefix"] == code + ghost
        cell.press("Enter")
        next_ones.append(cell.answer())
    assert any(next_ones)


def test_where_there_is_nothing_to_say_nothing_is_shown_and_nobody_asks_again(cell: Notebook, server: str) -> None:
    before = counted(server, "tabtab_requests").get(NOTHING_ASKED, 0)
    cell.type("    ")
    assert cell.answer() == ""
    assert "file_separator" not in cell.page.content()
    assert counted(server, "tabtab_requests")[NOTHING_ASKED] == before + 1


def test_typing_fast_shows_nothing_that_is_out_of_date(cell: Notebook) -> None:
    for key_ms in (5, 200):  # Marimo asks after 150
        cell.type(BEGINNINGS[0] + "x\n", key_ms=key_ms)
        assert cell.code == BEGINNINGS[0] + "x\n"
        cell.answer()
        cell.clear()


def test_typing_what_is_suggested_goes_along_with_it(cell: Notebook) -> None:
    cell.type(BEGINNINGS[0])
    ghost = cell.answer()
    assert len(ghost) > 1
    cell.type(ghost[0])
    assert cell.ghost == ghost[1:] and cell.code == BEGINNINGS[0] + ghost[0]


@pytest.mark.parametrize("number", [SAVED, EMPTY])
def test_the_model_sees_the_other_cells_of_the_notebook(cell: Notebook, server: str, number: int) -> None:
    cell.enter(number)
    cell.press("ControlOrMeta+End")
    cell.type("\nsorted(regions")
    shown = []
    for digit in "1234":  # a slow machine reads the other cells while nobody types
        before = tokens(server)
        cell.type(digit)
        cell.answer()
        shown.append(tokens(server) - before)
    assert max(shown) > OTHER_TOKENS


def tokens(server: str) -> float:
    """Return how many tokens of prompts the model has been given."""
    found = counted(server, "tabtab_tokens")
    return sum(found.get(f'kind="{kind}"', 0) for kind in ("evaluated", "cached"))
