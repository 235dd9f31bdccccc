"""Corruptions: clean code → a question with its answer. What holds for every one of them."""

from __future__ import annotations

import dataclasses
import json.decoder
import random
import textwrap
from pathlib import Path

import pytest

from tabtab_local.edits import Span
from tabtab_local.prompt import parse_prompt, parse_response, render_prompt, render_response
from training.data.corruption import WEIGHTS, corrupt, corruptions
from training.data.corruption.example import Example, removed
from training.data.document import Document
from training.data.source.everyday import document as everyday_document

# Answers that are no part of the clean text: an intent is put in as a comment, or the code is changed forwards.
NOT_IN_TEXT = {"step", "comment_drift", "no_edit_deleted", "no_edit_completed"}

# What everyday code seldom has anything for.
RARE = {"decorator": 3, "stale_copy": 5, "docstring": 15, "comment_drift": 15}

named = pytest.mark.parametrize("corruption", WEIGHTS, ids=lambda corruption: corruption.__name__)


def everyday(count: int) -> list[tuple[Document, random.Random]]:
    drawn = []
    for seed in range(count):
        rng = random.Random(f"test/{seed}")
        drawn.append((everyday_document(rng), rng))
    return drawn


EVERYDAY = everyday(150)


def real() -> list[Document]:
    """Windows of the standard library: whole, cut off at the end, and with characters of several bytes."""
    documents = []
    for module in (textwrap, json.decoder, dataclasses):
        text = Path(module.__file__ or "").read_text(encoding="utf-8")
        blocks = text.split("\n\n\n")
        documents += [Document("\n\n\n".join(blocks[i : i + 3])[:1800]) for i in range(0, len(blocks), 3)]
    documents.append(
        Document('größe = "äöü"\nbreite = "ä"\nprint(größe, breite)\n\n\ndef maß(größe):\n    return größe * 2\n')
    )
    return [document for document in documents if document.text.strip()]


def check(example: Example, document: Document, kind: str) -> None:
    prompt, answer = example.prompt, example.response
    assert example.kind == kind
    assert parse_prompt(render_prompt(prompt)) == prompt
    assert parse_response(render_response(answer)) == answer
    # The runtime forces what stands before the cursor.
    assert answer.region[: prompt.cursor] == prompt.region[: prompt.cursor]
    if kind.startswith("no_edit"):
        assert (answer.region, answer.cursor) == (prompt.region, prompt.cursor)
    else:
        assert answer.region != prompt.region
    if kind not in NOT_IN_TEXT:
        assert answer.region in document.text


@named
def test_each_works_on_everyday_code_follows_the_format_and_keeps_what_stands_before_the_cursor(corruption):
    name = corruption.__name__
    made = [(document, example) for document, rng in EVERYDAY if (example := corruption(document, rng))]
    assert len(made) >= RARE.get(name, 20)
    for document, example in made:
        check(example, document, name)
    assert all(example.compiles for _, example in made) or name in {"line_tail", "block_tail", "lines", "step", "block"}


@named
def test_each_works_on_real_code_or_leaves_it(corruption):
    for number, document in enumerate(real()):
        for seed in range(3):
            example = corruption(document, random.Random(f"{number}/{seed}"))
            if example:
                check(example, document, corruption.__name__)


@named
def test_each_is_a_pure_function(corruption):
    for number, (document, _) in enumerate(EVERYDAY[:25]):
        fresh = Document(document.text, document.cells, document.intents)
        first = corruption(document, random.Random(number))
        assert first == corruption(document, random.Random(number)) == corruption(fresh, random.Random(number))
        assert document == fresh


@named
@pytest.mark.parametrize(
    "text", ["", "\n\n", "x", "# only\n", "def f(:\n    ((\n", "\x0c\n", '"""', "f(\n", "é\u2028 = (1"]
)
def test_documents_with_nothing_to_take_are_no_reason_to_fail(corruption, text):
    for seed in range(12):
        corruption(Document(text), random.Random(seed))


def test_several_examples_of_one_document_ask_different_things_and_come_again():
    for document, _ in EVERYDAY[:30]:
        made = corruptions(document, random.Random(3), 6)
        assert 3 <= len(made) <= 6
        assert len({(example.prompt.region, example.prompt.cursor) for example in made}) == len(made)
        assert made == corruptions(document, random.Random(3), 6)


def test_a_document_that_parses_only_in_part_is_marked():
    cut = Document("def f(x):\n    return x + 1\n\n\ndef g(y):\n    return (y +")
    example = next(example for seed in range(50) if (example := corrupt(cut, random.Random(seed))))
    assert not example.compiles


def test_an_answer_at_the_end_of_what_is_written_says_whether_that_parses():
    document = Document("total = sum(\n    prices,\n)\nprint(total)\n")
    inside, behind = Span(17, 23), Span(27, 39)
    examples = [removed(document, hole, random.Random(1), "span", ends_here=1.0) for hole in (inside, behind)]
    assert [example.compiles for example in examples if example] == [False, True]


def test_cells_move_with_what_is_removed_and_put_in():
    document = Document("a = 1\n\nb = 2\n\nc = 3", (Span(0, 5), Span(7, 12), Span(14, 19)))
    left = document.without(Span(9, 12))
    assert [cell.of(left.text) for cell in left.cells] == ["a = 1", "b ", "c = 3"]


def test_a_notebook_is_parsed_without_its_magic():
    document = Document("%matplotlib inline\nimport math\n!ls\nprint(math.pi)\n")
    assert document.tree is not None
    assert [document.span(node).of(document.text) for node in document.tree.body] == ["import math", "print(math.pi)"]


def test_of_a_text_that_is_cut_off_the_beginning_is_parsed():
    document = Document("x = 1\n\n\ndef f():\n    return (x +")
    assert document.tree is None
    assert [document.span(node).of(document.text) for node in document.part.body] == ["x = 1"]


def test_spans_count_code_points():
    document = Document('größe = "äöü"; x = größe\n')
    assert [document.span(node).of(document.text) for node in document.part.body] == ['größe = "äöü"', "x = größe"]
