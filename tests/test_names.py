"""Names that a cell defines and uses."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tabtab_local.names import definitions, syntax_tree, uses


@pytest.mark.parametrize(
    ("code", "names"),
    [
        ("x = 1", {"x"}),
        ("a, (b, *c) = d", {"a", "b", "c"}),
        ("x: int = 1\ny: str", {"x", "y"}),
        ("x += 1", {"x"}),
        ("print(n := 3)", {"n"}),
        ("[y for x in xs if (z := x)]", {"z"}),
        ("for i, j in pairs:\n    k = i\nelse:\n    m = 1", {"i", "j", "k", "m"}),
        ("with open(p) as f, g() as (h, k):\n    pass", {"f", "h", "k"}),
        ("import os.path, numpy as np\nfrom a.b import c, d as e\nfrom x import *", {"os", "np", "c", "e"}),
        ("def f(a):\n    b = a\nasync def g(): pass\nclass C:\n    d = 1", {"f", "g", "C"}),
        ("try:\n    x = 1\nexcept OSError as e:\n    pass", {"x", "e"}),
        ("match v:\n    case {'k': a, **r} | [a, *r] | P(a, z=r) as w:\n        pass", {"a", "r", "w"}),
        ("def f():\n    global g\n    g = 1", {"f", "g"}),
        ("x.y = 1\nx[0] = 2\ndel z", set()),
        ("_t = 1\n__all__ = []", {"__all__"}),
        ("lambda q: (w := q)", set()),
    ],
)
def test_definitions_are_what_the_top_level_binds(code, names):
    assert definitions(code) == names


@pytest.mark.parametrize(
    ("code", "names"),
    [
        ("print(a.b(c)[d])", {"a", "c", "d"}),
        ("x = 1\nprint(x)", set()),
        ("print(x)\nx = 1", {"x"}),
        ("df = df.dropna()", {"df"}),
        ("x += 1", {"x"}),
        ("def f(a, b=d) -> r:\n    c = a\n    return c + e", {"d", "e", "r"}),
        ("def f():\n    return g()\ndef g():\n    return h", {"h"}),
        ("class C(B):\n    x = y\n    def m(self):\n        return x + self.z", {"B", "x", "y"}),
        ("[f(x) for x in xs if t]", {"f", "xs", "t"}),
        ("xs = [x for x in xs]", {"xs"}),
        ("key = lambda row: row[col]", {"col"}),
        ("for i in items:\n    total += i", {"items", "total"}),
        ("if a:\n    b = 1\nelif b:\n    c = b", {"a"}),
        ("@cache\ndef f(): ...", {"cache"}),
        ("f'{a!r:>{w}}'", {"a", "w"}),
        ("del x", {"x"}),
        ("match v:\n    case K.A if g: pass", {"v", "K", "g"}),
        ("_p + q", {"q"}),
        ("await fetch(url)", {"fetch", "url"}),
    ],
)
def test_uses_are_what_is_read_without_having_been_bound(code, names):
    assert uses(code) == names


@pytest.mark.parametrize(
    ("code", "defined", "used"),
    [
        ("import pandas as pd\ndf = pd.", {"pd", "df"}, set()),
        ("df = pd.", {"df"}, {"pd"}),
        ("for row in rows:\n    row.", {"row"}, {"rows"}),
        ("def f(a):\n    return (a +\n\ny = f(x)", {"f", "y"}, {"a", "x"}),
        ("x = (\ny = g(1)\n", {"x", "y"}, {"g"}),
        ("s = '''open\nx = y", {"s", "x"}, {"y"}),
        ("%matplotlib inline\n!ls {folder}\nplot(x)", set(), {"plot", "x"}),
        ("from a import b,\nc = d", {"b", "c"}, {"d"}),
        ("if ready\n    go(x)\ny = 1", {"y"}, {"ready", "go", "x"}),
        ("return x", set(), {"x"}),
    ],
)
def test_half_typed_code_gives_what_can_be_seen(code, defined, used):
    assert definitions(code) == defined
    assert uses(code) == used


def test_code_that_is_no_python_at_all_is_read_word_by_word():
    code = "\n".join(f"select ) from table_{i}" for i in range(30))
    assert {"table_0", "table_29"} <= uses(code)


def test_very_deep_code_does_no_harm():
    assert uses(" + ".join(f"x{i}" for i in range(900))) >= {"x0", "x899"}
    assert "x" in uses("(" * 5000 + "x" + ")" * 5000)
    branches = "if a:\n    pass\n" + "\n".join(f"elif a{i}:\n    pass" for i in range(400))
    assert uses(branches) >= {"a", "a399"}


def test_a_doubtful_escape_is_no_error():
    assert definitions("x = '\\d'") == {"x"}
    assert syntax_tree("x = '\\d'") is not None


def test_a_text_with_nul_or_without_syntax_has_no_tree():
    assert syntax_tree("x = \0") is None
    assert syntax_tree("x =") is None


WORD = st.sampled_from(
    [
        "x",
        "y",
        "_z",
        "=",
        "(",
        ")",
        ":",
        "\n",
        "    ",
        "def f",
        "import a",
        "if",
        "'",
        '"""',
        "#",
        "é",
        "\x0c",
        "\r",
        "\0",
        "1",
    ]
)


@given(st.lists(WORD, max_size=25).map(" ".join))
def test_any_text_is_understood_somehow(code):
    assert all(name.isidentifier() for name in definitions(code) | uses(code))
