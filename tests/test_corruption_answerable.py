"""What an answer needs that its prompt does not show."""

from __future__ import annotations

import random

import pytest

from tabtab_local.prompt import Prompt, RecentEdit, Response
from training.data.corruption import WEIGHTS, corruptions
from training.data.corruption.answerable import called_for, unknowable
from training.data.corruption.example import Example
from training.data.source import everyday


def asked(region: str, inserted: str, above: str = "", below: str = "", **rest: object) -> Example:
    """Return the example that inserts a text at the bar in `region`."""
    before, behind = region.split("|")
    prompt = Prompt(before + behind, len(before), above, below, **rest)  # type: ignore[arg-type]
    return Example(prompt, Response(before + inserted + behind, len(before + inserted)), "span")


@pytest.mark.parametrize(
    ("region", "inserted", "missing"),
    [
        ("print(|)", "total", ("total",)),
        ("total = 1\nprint(|)", "total", ()),
        ("print(to|)", "tal", ("total",)),
        ("df = |", "pd.read_csv(path)", ("path",)),
        ("df.|", "groupby(level=2)", ()),
        ("x = self.|", "prices", ("prices",)),
        ("|", "self.prices = 1", ()),
        ("x = thing.|", "_cache", ("_cache",)),
        ("|", "for row in range(3):\n    print(row)", ()),
        ("|", "def area(width):\n    return width", ()),
        ("|", "from shapes import Circle", ("Circle",)),
        ("|\nCircle()", "from shapes import Circle", ()),
        ("|\nplt.show()", "import matplotlib.pyplot as plt", ()),
        ("sleep(|)", "10", ()),
        ("sleep(|)", "1.609344", ("1.609344",)),
        ("open(|)", '"data.csv"', ()),
        ("open(|)", '"customers_of_last_year.csv"', ('"customers_of_last_year.csv"',)),
        ("def load_customers(path):\n    |", '"""Load the customers from a path."""', ()),
        (
            "def f(x):\n    |",
            '"""Estimate the annual rainfall somewhere."""',
            ('"""Estimate the annual rainfall somew...',),
        ),
        ("print(|)", 'f"Sum: {total:.2f}"', ("total",)),
        ('def f():\n    """Sum the |', 'given prices of all orders."""', ('"""Sum the given prices of all orders...',)),
    ],
)
def test_what_is_neither_shown_nor_common_cannot_be_known(region, inserted, missing):
    assert unknowable(asked(region, inserted)) == missing


def test_all_that_the_prompt_shows_counts():
    for shown in (
        {"above": "total = 1"},
        {"below": "print(total)"},
        {"intent": "Print the total"},
        {"recent_edits": (RecentEdit("total = 0", "x = 0"),)},
    ):
        assert unknowable(asked("print(|)", "total", **shown)) == ()


def test_the_end_of_a_finished_line_calls_for_nothing_without_a_sign():
    assert not called_for(asked("x = 1|\nprint(x)", "\nprint(2)"))
    assert called_for(asked("x = 1|\nprint(y)", "\ny = 2"))
    assert called_for(asked("for x in y:|\nprint(x)", "\n    print(1)"))
    assert called_for(asked("f(1|\n)", "\n    + 2"))
    assert called_for(asked("x = 1\n|\nprint(x)", "print(2)"))
    assert called_for(asked("x = 1|\nprint(x)", "\nprint(2)", intent="Print two"))


def test_silence_needs_nothing():
    silence = Example(Prompt("x = 1", 5), Response("x = 1", 5), "no_edit")
    assert called_for(silence)
    assert not unknowable(silence)


def test_silence_is_no_answer_to_code_that_stops_in_the_middle():
    prompt = Prompt("x = f(a,", 8)
    assert not called_for(Example(prompt, Response("x = f(a,", 8), "no_edit", compiles=False))
    assert called_for(Example(Prompt("x = f(a,", 1), Response("x = f(a,", 1), "no_edit", compiles=False))


def test_most_examples_of_everyday_code_are_answerable_and_some_are_not():
    made = []
    for index in range(200):
        rng = random.Random(f"answerable/{index}")
        made += corruptions(everyday.document(rng), rng, 4, WEIGHTS)
    kept = [example for example in made if called_for(example) and not unknowable(example)]
    assert 0.85 < len(kept) / len(made) < 1
