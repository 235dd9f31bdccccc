"""Rows to pretrain on: whole documents, kept apart, the same whoever prepares them."""

from __future__ import annotations

import random
from collections import Counter
from dataclasses import replace
from itertools import pairwise

import pytest
import torch
from torch.utils.data import DataLoader

from tabtab_local.edits import Span
from tabtab_local.prompt import EDIT_END, INTENT, MARKERS
from tests.corpora import tiny_corpus
from tests.tiny import tiny_tokenizer
from training.corpus.store import Texts
from training.corpus.window import Windows, cut
from training.data.document import Document
from training.packing import IGNORED, Mix, Rows, collated
from training.settings import KIND_WEIGHTS, Pretraining

SMALL = Pretraining(
    steps=6,
    rows_per_step=2,
    row_tokens=256,
    vocab_size=512,
    hidden_size=32,
    layers=1,
    heads=2,
    kv_heads=1,
    head_dim=16,
    intermediate_size=64,
    learning_rate=2e-3,
    everyday_share=0.0,
    tokenizer_bytes=30_000,
)


@pytest.fixture(scope="module")
def texts(tmp_path_factory: pytest.TempPathFactory) -> Texts:
    return Texts(tiny_corpus(tmp_path_factory.mktemp("packing") / "corpus"))


def rows(texts: Texts, **changes: object) -> Rows:
    return Rows(Mix(texts, replace(SMALL, **changes)), tiny_tokenizer())


def test_documents_fill_a_row_and_their_positions_begin_anew(texts: Texts) -> None:
    tokenizer = tiny_tokenizer()
    row = rows(texts)[0]
    ids, positions, labels = row["input_ids"].tolist(), row["position_ids"].tolist(), row["labels"].tolist()
    begins = [at for at, position in enumerate(positions) if position == 0]
    assert len(ids) == SMALL.row_tokens
    assert begins[0] == 0 and len(begins) > 1
    assert all(ids[at - 1] == tokenizer.eos_token_id for at in begins[1:])
    assert all(after == before + 1 for before, after in pairwise(positions) if after)
    assert [label for at, label in enumerate(labels) if at not in begins] == [
        token for at, token in enumerate(ids) if at not in begins
    ]
    assert {labels[at] for at in begins} == {IGNORED}


def test_a_row_is_the_same_whoever_prepares_it(texts: Texts) -> None:
    alone = list(DataLoader(rows(texts), 1, collate_fn=collated))
    shared = list(DataLoader(rows(texts), 1, collate_fn=collated, num_workers=2))
    assert len(alone) == len(shared) == SMALL.steps * SMALL.rows_per_step
    assert all(torch.equal(one["input_ids"], other["input_ids"]) for one, other in zip(alone, shared, strict=True))
    assert len({tuple(row["input_ids"][0].tolist()) for row in alone}) == len(alone)


def test_a_pass_goes_through_all_windows_as_often_as_their_kind_weighs(texts: Texts) -> None:
    windows = Windows(texts, {**KIND_WEIGHTS, "notebook": 2.0, "library": 1.0}, 1, 1800)
    first, second = (
        [windows.window(turn * len(windows) + number, random.Random(0)) for number in range(len(windows))]
        for turn in range(2)
    )
    drawn = Counter(document.cells != () for _, document in first)
    assert drawn[True] == 2 * drawn[False] == 24
    assert first != second
    assert Counter(place for place, _ in first) == Counter(place for place, _ in second)
    assert all(document.text in texts.text(place) for place, document in first)


def test_edits_are_whole_and_their_share_is_kept(texts: Texts) -> None:
    some = rows(texts, edit_share=0.5, steps=40)
    tokenizer = tiny_tokenizer()
    documents = []
    for number in range(len(some)):
        documents += tokenizer.decode(some[number]["input_ids"]).split("<|endoftext|>")[:-1]
    edits = [text for text in documents if MARKERS[0] in text]
    assert 0.25 < len(edits) / len(documents) < 0.6
    assert all(text.count(MARKERS[0]) == 2 and text.rstrip().endswith(MARKERS[2]) for text in edits)
    assert not any(MARKERS[0] in text for text in tokenizer.batch_decode([rows(texts, edit_share=0.0)[0]["input_ids"]]))


def test_a_window_of_a_notebook_is_of_whole_cells() -> None:
    document = Document("a = 1\n\nb = 2\nb\n\nc = 3", (Span(0, 5), Span(7, 14), Span(16, 21)))
    window = cut(document, 6, random.Random(1), 300)
    assert window.text == "b = 2\nb\n\nc = 3"
    assert [cell.of(window.text) for cell in window.cells] == ["b = 2\nb", "c = 3"]


def test_a_window_of_a_program_begins_with_a_statement() -> None:
    text = "import a\n\nx = 1\n" + "\n\ndef f():\n    return 1\n" * 40
    for offset in range(0, len(text), 50):
        window = cut(Document(text), offset, random.Random(offset), 400)
        assert window.text in text
        assert window.text.startswith(("import a", "x = 1", "def f")), offset
        assert 0 < len(window.text) <= 400


def test_answers_alone_can_be_learnt(texts: Texts) -> None:
    tokenizer = tiny_tokenizer()
    made = Rows(Mix(texts, replace(SMALL, edit_share=1.0, row_tokens=1024)), tokenizer, answers_only=True)
    row = next(row for number in range(10) if (row := made[number])["labels"].max() >= 0)
    counted = row["labels"] != IGNORED
    assert 0 < counted.sum() < len(counted) / 2
    answers = tokenizer.decode(row["labels"][counted])
    assert answers.endswith(tokenizer.eos_token)
    assert answers.startswith(INTENT) and answers.count(INTENT) == answers.count(EDIT_END)
    assert "# Code above\n" in tokenizer.decode(row["input_ids"]) and "# Code above\n" not in answers
    assert torch.equal(row["labels"][counted], row["input_ids"][counted])
