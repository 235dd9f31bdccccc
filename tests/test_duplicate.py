"""Near-duplicates: signatures, and what they are held against."""

from __future__ import annotations

import hashlib

from tabtab_local.prompt import Prompt, Response
from training.data import duplicate
from training.data.corruption import Example
from training.data.duplicate import Seen, shingles, signatures


def test_a_signature_is_the_same_on_any_machine_and_tells_how_alike_texts_are():
    text = "def total(orders):\n    return sum(order.price * order.count for order in orders)"
    other = text.replace("total", "whole")
    a, b, c = signatures([shingles(text), shingles(other), shingles("import pandas as pd\nprint(pd.NA)")])
    assert hashlib.sha256(a.astype("<u4").tobytes()).hexdigest()[:16] == SIGNATURE
    assert 0.4 < (a == b).mean() < 1
    assert (a == c).mean() < 0.1


SIGNATURE = "8a2de180fa1b4d3f"


def test_like_texts_of_the_same_owner_are_not_held_against_each_other():
    seen = Seen(0.8)
    (row,) = signatures([shingles("a = 1\nb = 2\nc = a + b\nprint(c, a, b)")])
    seen.add(row, "0/1")
    assert seen.like(row, "0/2")
    assert not seen.like(row, "0/1")


def test_an_example_is_its_edit_and_the_lines_around_it():
    def text(name: str) -> str:
        region = f"x = 1\n{name} = read(x)\n"
        return duplicate.example_text(Example(Prompt(region, len(region)), Response(region + "print(x)", 8), "lines"))

    assert "print(x)" in text("a")
    assert text("a") != text("b")
