"""Strings, comments and the expressions in f-strings."""

from __future__ import annotations

import importlib.util
import tokenize
from io import StringIO
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tabtab_local.place.literal import code_only, literals


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("x = 'a' + y  # b", "x =     + y     "),
        ("'a\\'b' c", "       c"),
        ("'''a'b''c\n''' d", "         \n    d"),
        ("r'\\' a", "      "),
        ("rb'a' if'b' else u\"c\"", "      if    else     "),
        ("f'a {b} c'", "     b    "),
        ("f'{a!r:>{w}} {b=} {c != d} {{e}}'", "   a     w    b    c != d        "),
        ("f'{d[\"k\"]:%Y}' e", "   d[   ]      e"),
        ("f'{x:=5}' + f'{(y:=5)}'", "   x      +    (y:=5)  "),
        ("f'{f\"{a} b\"} c' d", "      a         d"),
        ("rf'\\{a}'", "     a  "),
        ("f'\\N{DASH} {a}'", "            a  "),
        ("f'''{\na}\nb'''", "     \na \n    "),
        ("f'{lambda x: 1}'", "   lambda x     "),
        ("f'{a", "    "),
        ("f'{a\nb", "    \nb"),
        ("'a\nb", "  \nb"),
        ("'''a\nb", "    \n "),
        ("'a\\\nb' c", "   \n   c"),
        ("# 'a\nb", "    \nb"),
    ],
)
def test_only_code_is_left(code, expected):
    assert code_only(code) == expected


@given(st.text(alphabet="ab'\"\\{}f#\n !:=()r", max_size=60))
def test_what_is_left_stands_where_it_stood(code):
    clean = code_only(code)
    assert len(clean) == len(code)
    assert all(kept in (" ", was) for kept, was in zip(clean, code, strict=True))
    assert [i for i, one in enumerate(clean) if one == "\n"] == [i for i, one in enumerate(code) if one == "\n"]
    spans = [literal.span for literal in literals(code)]
    assert all(one.end <= other.start for one, other in pairwise(spans))


def test_deeply_nested_f_strings_do_no_harm():
    assert len(code_only("f'{f\"{" * 2000)) == 12000


@pytest.mark.parametrize("module", ["argparse", "re._parser", "string", "tokenize", "typing", "turtle"])
def test_the_standard_library_is_read_as_the_tokenizer_reads_it(module):
    text = Path(importlib.util.find_spec(module).origin).read_text(encoding="utf-8")
    clean = code_only(text).split("\n")
    for token in tokenize.generate_tokens(StringIO(text).readline):
        (row, start), (last, end) = token.start, token.end
        if token.type in (tokenize.NAME, tokenize.OP, tokenize.NUMBER) and row == last:
            # From Python 3.12 on, the formats in f-strings come as tokens too.
            assert clean[row - 1][start:end] in (token.string, " " * len(token.string))
            if not any(quote in token.line for quote in "'\""):
                assert clean[row - 1][start:end] == token.string
        elif token.type in (tokenize.STRING, tokenize.COMMENT) and "f" not in token.string.split(token.string[-1])[0]:
            within = [*clean[row - 1 : last]]
            within[-1] = within[-1][:end]
            within[0] = within[0][start:]
            assert not "".join(within).strip()
