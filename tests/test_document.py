"""Documents: files and cells with a cursor."""

from __future__ import annotations

import json

import pytest

from tabtab_local.document import open_document
from tabtab_local.edits import Edit, Position, apply
from tabtab_local.errors import UsageError

MARIMO = """import marimo

app = marimo.App()


@app.cell
def _():
    import pandas as pd
    return (pd,)


@app.cell
def _():
    unrelated = 1
    return


@app.cell
def _(pd):
    df = 
    return (df,)


@app.cell
def _(df):
    df.head()
    return


if __name__ == "__main__":
    app.run()
"""
JUPYTER = json.dumps(
    {
        "cells": [
            {"cell_type": "markdown", "metadata": {}, "source": ["# Title"]},
            {"cell_type": "code", "metadata": {}, "outputs": [], "source": ["import os\n", "x = "]},
        ],
        "metadata": {},
        "nbformat": 4,
        "nbformat_minor": 5,
    },
    indent=1,
)


def test_without_a_column_the_cursor_is_at_the_end_of_the_line():
    document = open_document("a = 1\nb = \n", jupyter=False, line=2)
    assert (document.kind, document.cursor, document.region().of(document.code)) == ("python", 10, "a = 1\nb = ")


def test_a_marimo_cell_is_edited_as_its_own_code_and_seen_in_the_file():
    document = open_document(MARIMO, jupyter=False, line=20)
    assert (document.kind, document.code, document.cursor) == ("marimo", "df = ", 5)
    edits = [Edit(5, 5, "pd.DataFrame()\ndf.info()")]
    changed = apply(MARIMO, document.file_edits(edits))
    assert "    df = pd.DataFrame()\n    df.info()\n    return (df,)\n" in changed
    assert document.seen_position(edits, len("df = pd.DataFrame()\ndf.info()")) == Position(21, 14)


def test_the_cells_that_matter_are_kept_first_when_the_budget_is_short():
    document = open_document(MARIMO, jupyter=False, line=20)
    context = document.context(document.region(), 36, len)
    assert (context.above, context.below) == ("unrelated = 1", "df.head()")
    document = open_document(MARIMO.replace("df = \n", "df = pd\n"), jupyter=False, line=20)
    context = document.context(document.region(), 36, len)
    assert (context.above, context.below) == ("import pandas as pd", "df.head()")


def test_a_jupyter_cell_counts_its_own_lines():
    document = open_document(JUPYTER, jupyter=True, line=2, cell=2)
    assert (document.kind, document.code, document.cursor) == ("jupyter", "import os\nx = ", 14)
    changed = json.loads(apply(JUPYTER, document.file_edits([Edit(14, 14, "os.getcwd()")])))
    assert changed["cells"][1]["source"] == ["import os\n", "x = os.getcwd()"]


def test_a_cell_that_the_edit_leaves_nothing_of_has_no_cursor():
    text = "import marimo\n\napp = marimo.App()\n\n\n@app.function\ndef f(): pass"
    document = open_document(text, jupyter=False, line=7)
    assert document.seen_position([Edit(0, len(document.code), "")], 0) is None


@pytest.mark.parametrize(
    ("text", "place", "complaint"),
    [
        ("", {"line": 1}, "empty"),
        (" \n\n", {"line": 1}, "empty"),
        ("x\n", {"line": 3}, "choose 1-2"),
        ("x\n", {"line": 1, "column": 3}, "choose 1-2"),
        ("x\n", {"line": 1, "cell": 1}, "--cell goes with Jupyter"),
        (MARIMO, {"line": 1}, "not inside a cell"),
    ],
)
def test_a_place_that_is_not_there_is_refused(text, place, complaint):
    with pytest.raises(UsageError, match=complaint):
        open_document(text, jupyter=False, **place)


@pytest.mark.parametrize(
    ("place", "complaint"),
    [({"line": 1}, "needs --cell"), ({"line": 1, "cell": 1}, "markdown"), ({"line": 9, "cell": 2}, "1-2")],
)
def test_a_cell_that_is_not_there_is_refused(place, complaint):
    with pytest.raises(UsageError, match=complaint):
        open_document(JUPYTER, jupyter=True, **place)
