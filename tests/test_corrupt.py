"""Corruptions: clean code → a question with its answer."""

from __future__ import annotations

import random

import pytest

from tabtab_local.edits import Span
from tabtab_local.prompt import parse_prompt, parse_response, render_prompt, render_response
from training.data import corrupt as corruptions
from training.data.corrupt import WEIGHTS, corrupt
from training.data.document import Document, from_program
from training.data.everyday import WRITERS

TEXT = '''import pandas as pd


def total(orders):
    """Return the sum of the prices."""
    result = 0
    for order in orders:
        result += order.price * order.count
    return result


orders = load("orders.csv")
print(total(orders))
'''


def documents(count: int) -> list[tuple[Document, random.Random]]:
    drawn = []
    for seed in range(count):
        rng = random.Random(seed)
        drawn.append((from_program(rng.choice(WRITERS)(rng), rng), rng))
    return drawn


@pytest.mark.parametrize("corruption", WEIGHTS, ids=lambda corruption: corruption.__name__)
def test_each_corruption_works_on_everyday_code_and_follows_the_format(corruption):
    examples = [corruption(document, rng) for document, rng in documents(150)]
    made = [example for example in examples if example]
    assert len(made) > 20
    for example in made:
        assert example.kind == corruption.__name__
        assert parse_prompt(render_prompt(example.prompt)) == example.prompt
        assert parse_response(render_response(example.response)) == example.response


def test_the_answer_restores_the_clean_code():
    for seed in range(300):
        example = corrupt(Document(TEXT), random.Random(seed))
        if example and example.kind != "rename":
            assert example.response.region in TEXT
            assert example.response.region[: example.prompt.cursor] == example.prompt.region[: example.prompt.cursor]


def test_no_edit_asks_for_the_same_text_with_the_cursor_where_it_was():
    example = corruptions.no_edit(Document(TEXT), random.Random(1))
    assert (example.response.region, example.response.cursor) == (example.prompt.region, example.prompt.cursor)


def test_a_rename_leaves_the_other_uses_to_the_answer_with_the_cursor_at_the_next():
    text = "rows = load()\nprint(rows)\nshow(rows, rows=rows)\n"
    seeds = (corruptions.rename(Document(text), random.Random(seed)) for seed in range(50))
    example = next(example for example in seeds if example)
    new = example.response.region.split(" = ")[0]
    assert example.prompt.region == f"{new} = load()\nprint(rows)\nshow(rows, rows=rows)"
    assert example.response.region == f"{new} = load()\nprint({new})\nshow({new}, rows={new})"
    assert example.response.cursor == example.response.region.index(f"({new}, rows") + 1
    assert example.prompt.recent_edits[0].updated == f"{new} = load()"


def test_only_uses_of_the_variable_count_as_uses():
    text = (
        "rows = 1\nall_rows = 2\nx.rows = 'rows'  # rows\nf(rows=rows)\nprint(rows == f'rows {rows} {x[\"rows\"]}')\n"
    )
    uses = corruptions._uses(text, "rows")
    assert [text[use - 2 : use + 5] for use in uses[1:]] == ["s=rows)", "t(rows ", " {rows}"]


def test_a_given_intent_is_repeated_and_an_intent_of_removed_code_is_inferred():
    document = Document("x = 1\n\ny = sum(range(x, x + 10))\n", intents=((Span(7, 32), "Add one"),))
    examples = [corruptions.step(document, random.Random(seed)) for seed in range(40)]
    assert all(example.response.intent == "Add one" for example in examples)
    assert {example.prompt.intent for example in examples} == {"", "Add one"}


def test_the_same_seed_makes_the_same_example():
    for document, _ in documents(20):
        assert corrupt(document, random.Random(7)) == corrupt(document, random.Random(7))


@pytest.mark.parametrize("text", ["", "\n\n", "x", "# only\n", "def f(:\n    ((\n"])
def test_documents_with_nothing_to_take_are_no_reason_to_fail(text):
    for seed in range(20):
        corrupt(Document(text), random.Random(seed))


def test_removing_a_hole_moves_the_cells_behind_it():
    document = Document("a = 1\n\nb = 2\n\nc = 3", (Span(0, 5), Span(7, 12), Span(14, 19)))
    left = document.without(Span(9, 12))
    assert [cell.of(left.text) for cell in left.cells] == ["a = 1", "b ", "c = 3"]
