"""Which pieces of a solution can be taken out."""

from __future__ import annotations

import random

import pytest

from training.evaluation.hole import BLOCK_LINES, LEVELS, LINES, holes

CODE = '''import math


def area(shapes, unit="m"):
    """Return the sum of the areas."""
    # Circles only.
    total = 0
    for shape in shapes:
        r = shape["räd"]
        total += math.pi * r ** 2
        print("ü", total)
    if unit == "cm": return total * 10000
    return total
'''


def pieces(level: str, code: str = CODE) -> list[str]:
    return [hole.of(code) for hole in holes(code, level, random.Random(0))]


def test_a_span_is_part_of_a_line_and_says_something():
    found = pieces("span")
    assert "math.pi * r" in found
    assert "unit" in found
    assert not any("\n" in piece or "#" in piece for piece in found)
    assert not {"(", "return", ":", "=", "total += math.pi * r ** 2"} & set(found)


def test_a_line_is_a_statement_of_its_own():
    assert set(pieces("line")) == {
        "import math",
        "total = 0",
        'r = shape["räd"]',
        "total += math.pi * r ** 2",
        'print("ü", total)',
        "return total * 10000",
        'if unit == "cm": return total * 10000',
        "return total",
    }


def test_several_lines_are_whole_statements_beside_each_other_but_not_all_of_a_body():
    found = pieces("lines")
    assert 'r = shape["räd"]\n        total += math.pi * r ** 2' in found
    assert all(piece.count("\n") + 1 in LINES for piece in found)
    assert not any(piece.startswith("r = ") and piece.endswith("total)") for piece in found)


def test_a_block_is_the_body_of_something_without_its_docstring():
    found = pieces("block")
    assert any(piece.startswith("total = 0") and piece.endswith("return total") for piece in found)
    assert any(piece.startswith("r = ") and piece.endswith('print("ü", total)') for piece in found)
    assert len(found) == 2
    assert all(piece.count("\n") + 1 in BLOCK_LINES for piece in found)


@pytest.mark.parametrize("level", LEVELS)
def test_a_renamed_program_offers_the_same_pieces_in_the_same_order(level):
    longer = CODE.replace("total", "accumulated_measure").replace("shape", "figure").replace("area", "surface")

    def structure(code: str) -> list[tuple[int, int]]:
        found = holes(code, level, random.Random("7"))
        return [(code.count("\n", 0, hole.start), len(hole.of(code).split())) for hole in found]

    assert structure(CODE) == structure(longer)
