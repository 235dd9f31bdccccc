"""Where else something has to change: `⟦old|new⟧` is the edit that was made, `‸` stands where a place is expected."""

from __future__ import annotations

import re
from itertools import accumulate

import pytest

from tabtab_local.document import Document, open_document
from tabtab_local.notebook import Cell, Notebook
from tabtab_local.place import Place, next_places, renamed, resigned

_EDIT = re.compile(r"⟦([^|⟧]*)\|([^⟧]*)⟧")


def states(cells: list[str], kind: str) -> tuple[Document, Document, list[tuple[int, int]]]:
    """Return the documents around the edit, with the cursor behind its last part, and the places that are expected."""
    before = [_EDIT.sub(r"\1", cell).replace("‸", "") for cell in cells]
    after, places, edited, cursor = [], [], 0, 0
    for index, cell in enumerate(cells):
        if _EDIT.search(cell):
            edited = index
            last = list(_EDIT.finditer(cell))[-1]
            cursor = len(_EDIT.sub(r"\2", cell[: last.end()]).replace("‸", ""))
        parts = _EDIT.sub(r"\2", cell).split("‸")
        after.append("".join(parts))
        places += [(index, offset) for offset in accumulate(map(len, parts[:-1]))]

    def document(texts: list[str], at: int) -> Document:
        notebook = Notebook(tuple(Cell(text) for text in texts)) if kind != "python" else None
        return Document(kind, "", texts[edited], at, notebook, edited)

    return document(before, 0), document(after, cursor), places


def found(cells: list[str], kind: str = "python") -> tuple[tuple[Place, ...], list[tuple[int, int]]]:
    before, after, places = states(cells, kind)
    return next_places(before, after), places


NAMES = {
    "a variable of the module": "⟦total|price⟧ = 1\nprint(total‸)\n\n\ndef f():\n    return total‸ + 1\n",
    "a variable of a function": "def f():\n    ⟦n|count⟧ = 1\n    return n‸\n\n\nn = 2\nprint(n)\n",
    "one that an inner function reads": "def f():\n    ⟦n|count⟧ = 1\n    def g():\n        return n‸\n    return g\n",
    "one that is shadowed elsewhere": (
        "⟦n|size⟧ = 1\ndef f(n):\n    return n\ndef g():\n    n = 2\n    return n\nprint(n‸)\n"
    ),
    "a parameter": "def f(⟦x|value⟧, y):\n    return x‸ + y.x + g(x=x‸)\n",
    "a parameter passed by name": "def f(a, ⟦x|value⟧=1):\n    return a\n\n\nf(1, x‸=2)\nf(1, 2)\ng(x=3)\nf(*b, x=3)\n",
    "a parameter with keywords taken": "def f(⟦x|value⟧=1, **more):\n    return more\n\n\nf(x=2)\n",
    "a parameter of a method": (
        "class A:\n    def f(self, ⟦x|y⟧):\n        return x‸\n    def g(self):\n"
        "        self.f(x‸=1)\n        b.f(x=1)\n"
    ),
    "a parameter of __init__": "class A:\n    def __init__(self, ⟦x|y⟧):\n        self.x = x‸\n\n\nA(x‸=1)\nB(x=2)\n",
    "a function": "def ⟦load|read⟧(p):\n    return load‸(p)\n\n\nload‸(1)\na.load(1)\nf(load=2)\nx = {'load': load‸}\n",
    "a class": "class ⟦Item|Product⟧:\n    pass\n\n\ndef f(x: Item‸) -> list[Item‸]:\n    return [Item‸()]\n",
    "a decorator": "def ⟦logged|traced⟧(f):\n    return f\n\n\n@logged‸\ndef g(): ...\n",
    "a base class": "class ⟦Base|Root⟧: ...\nclass A(Base‸, metaclass=Meta): ...\n",
    "a method": (
        "class A:\n    def ⟦run|start⟧(self):\n        pass\n    def go(self):\n"
        "        self.run‸()\n        other.run()\n"
        "class B:\n    def go(self):\n        self.run()\n"
    ),
    "a property with its setter": (
        "class A:\n    @property\n    def ⟦x|y⟧(self):\n        return 1\n    @x‸.setter\n    def x‸(self, value):\n"
        "        self.x‸ = value\n        self._x = x\n"
    ),
    "a static method behind its class": (
        "class A:\n    @staticmethod\n    def ⟦f|make⟧():\n        ...\n\n\nA.f‸()\nB.f()\n"
        "class B:\n    A = 1\n    A.f()\n"
    ),
    "an attribute": (
        "class A:\n    def __init__(self):\n        self.⟦rows|lines⟧ = []\n    def add(self, rows):\n"
        "        self.rows‸ += rows\n        return self.rows‸.x(other.rows)\n"
    ),
    "an attribute in its nested function": (
        "class A:\n    def __init__(self):\n        self.⟦n|m⟧ = 0\n    def f(self):\n        return lambda: self.n‸\n"
    ),
    "a field of a dataclass": (
        "@dataclass\nclass A:\n    ⟦x|width⟧: int\n    y: int = 0\n    def area(self):\n"
        "        return self.x‸ * self.y\n"
        "\n\nA(x‸=1, y=2)\nB(x=1)\nA(1, 2)\n"
    ),
    "a member of an enum": "class E(Enum):\n    ⟦A|FIRST⟧ = 1\n    B = A‸ + 1\n\n\nprint(E.A‸, F.A, A)\n",
    "an import's alias": "import pandas as ⟦pd|pandas⟧\ndf = pd‸.read_csv(pd‸.pd)\n",
    "an import": "from m import ⟦load|read⟧\nload‸()\n",
    "a comprehension's own name": "⟦x|y⟧ = 1\nprint([x for x in x‸ if x], {x: x for x in x‸}, x‸)\n",
    "the target of a comprehension": "xs = [n‸ + 1 for ⟦n|m⟧ in ns if n‸]\nn = 1\n",
    "an f-string": "⟦n|count⟧ = 1\nprint(f'n is {n‸} {n‸!r:>{n‸}} {n‸=} {{n}} {a.n:n}', 'n {n}')  # n\n",
    "an f-string of many lines": "⟦n|m⟧ = 1\ns = f'''é {'n'} n\n{n‸}\n  {f\"{n‸} n\"}'''\n",
    "a text of strings joined": "⟦n|m⟧ = 1\ns = ('n {n}'\n     f'n {n‸}'  # n\n     'n')\n",
    "a call in an f-string": "def ⟦f|g⟧(x): ...\nprint(f'{f‸(f‸(1))} f(1)')\n",
    "letters beyond ASCII": "⟦größe|weite⟧ = 'é'\nprint('éé', größe‸, größer)\n",
    "a loop's own variable": "for ⟦i|row⟧ in a:\n    print(i‸)\nfor i in b:\n    print(i)\n",
    "the second loop's variable": "for i in a:\n    print(i)\nfor ⟦i|row⟧ in b:\n    print(i‸)\n",
    "a value that is computed anew": "⟦df|raw⟧ = load()\ndf = clean(df‸)\nprint(df)\n",
    "a sum": "def f(a):\n    ⟦s|total⟧ = 0\n    for x in a:\n        s‸ += x\n    return s‸\n",
    "a value of either branch": "if a:\n    ⟦x|y⟧ = 1\nelse:\n    x‸ = 2\nprint(x‸)\n",
    "branches that do not meet": "if a:\n    ⟦x|y⟧ = 1\n    print(x‸)\nelse:\n    x = 2\n    print(x)\n",
    "an exception's name": ("try:\n    f()\nexcept A as ⟦e|error⟧:\n    log(e‸)\nexcept B as e:\n    log(e)\n"),
    "a value left by break": "for a in b:\n    ⟦x|y⟧ = 1\n    if a:\n        break\n    x‸ = 2\nprint(x‸)\n",
    "a file": "with open(p) as ⟦f|file⟧:\n    f‸.read()\nwith open(q) as f:\n    f.read()\n",
    "a captured value": "match v:\n    case [⟦a|first⟧, *b]:\n        print(a‸)\n    case a:\n        print(a)\n",
    "a global that a function sets": "⟦n|count⟧ = 0\ndef f():\n    global n‸\n    n‸ += 1\n",
    "a nonlocal": "def f():\n    ⟦n|m⟧ = 0\n    def g():\n        nonlocal n‸\n        n‸ = 1\n    return n‸\n",
    "a walrus": "if (⟦m|match⟧ := f()) and m‸:\n    print(m‸)\n",
    "a deleted name": "⟦x|y⟧ = 1\ndel x‸\n",
    "a default and an annotation": "⟦T|Kind⟧ = int\ndef f(T: T‸ = T‸) -> T‸:\n    return T\n",
    "one place that is done already": "⟦n|m⟧ = 1\nprint(⟦n|m⟧, n‸)\n",
    "the class of a nested scope": "class A:\n    ⟦n|m⟧ = 1\n    k = n‸\n    def f(self):\n        return n\n",
    "two at once": "⟦a|x⟧, ⟦b|y⟧ = 1, 2\nprint(a‸, b‸)\n",
    "uses that stand above": "def f():\n    return helper‸(1)\n\n\ndef ⟦helper|assist⟧(x):\n    return x\n",
}

CALLS = {
    "an argument more": "def f(a⟦|, unit⟧):\n    ...\n\n\nf(1‸)\nf(a=1‸)\nf(1, 2)\nf(*a)\nf(1, **k)\ng.f(1)\n",
    "an argument with a default": "def f(a⟦|, unit=None⟧):\n    ...\n\n\nf(1)\n",
    "an argument less": "def f(a⟦, b|⟧):\n    ...\n\n\nf(1, 2‸)\nf(1, b=2‸)\nf(1)\n",
    "the first of all": "def f(⟦|a⟧):\n    ...\n\n\nf(‸)\n",
    "a default in the middle": "def f(a, ⟦|unit=None, ⟧b=1):\n    ...\n\n\nf(1)\nf(1, 2‸)\nf(1, b=2)\n",
    "another order": "def f(⟦a, b|b, a⟧):\n    ...\n\n\nf(1, 2‸)\nf(b=1, a=2)\nf(1, b=2‸)\n",
    "by name only": "def f(a, ⟦|*, ⟧b):\n    ...\n\n\nf(1, 2‸)\nf(1, b=2)\n",
    "a method": (
        "class A:\n    def f(self⟦|, x⟧):\n        ...\n    def g(self):\n        self.f(‸)\n"
        "        o.f()\n        self.f(1)\n"
    ),
    "a class method": ("class A:\n    @classmethod\n    def f(cls⟦|, x⟧):\n        ...\n\n\nA.f(‸)\nB.f()\n"),
    "the making of an object": "class A:\n    def __init__(self⟦|, x⟧):\n        ...\n\n\nA(‸)\nA(1)\nb.A()\n",
    "a field more": (
        "@dataclass(frozen=True)\nclass A:\n    x: int\n⟦|    y: int\n⟧    z: int = 0\n\n\nA(1‸)\n"
        "A(1, 2‸)\nA(1, z=2‸)\nA(1, 2, 3)\n"
    ),
    "a field with a default more": (
        "@dataclass\nclass A:\n    x: int\n    y: list = field(default_factory=list)\n⟦|    z: int = 0\n⟧\n\nA(1)\n"
    ),
    "a trailing comma": "def f(a⟦|, b⟧):\n    ...\n\n\nf(\n    1‸,\n)\n",
    "a generator": "def f(a⟦|, b⟧):\n    ...\n\n\nf(x for x in y‸)\n",
    "an unknown decorator": "@command\ndef f(a⟦|, b⟧):\n    ...\n\n\nf(1)\n",
    "two functions of one name": "if a:\n    def f(a⟦|, b⟧): ...\nelse:\n    def f(a): ...\nf(1)\n",
    "a name of its own inside": "def f(a⟦|, b⟧): ...\ndef g(f):\n    f(1)\n",
    "what never fitted": "def f(a⟦|, b⟧): ...\nf()\nf(1, 2, 3)\nf(c=1)\n",
    "a head of many lines": (
        "def f(\n    a: int = g(1),\n    *,\n⟦|    b: int,\n⟧    c=1,\n):\n    ...\n\n\nf(1‸)\nf(b=1)\n"
    ),
    "a body": "def f(a):\n    b = ⟦1|2⟧\n\n\nf()\n",
}

HALF_TYPED = {
    "the next line": "⟦n|count⟧ = 1\nprint(n‸)\nfor x in (n‸\n",
    "a line above": "x = foo(n\n⟦m|count⟧ = 1\nprint(m‸)\n",
    "a function's body": "def f():\n    ⟦n|count⟧ = 1\n    x = n‸.\n    return n‸\n",
    "a head": "⟦n|count⟧ = 1\nif n‸\n    print(n‸)\nprint(n‸)\n",
    "a keyword, an attribute and a string": "⟦n|m⟧ = 1\nf(n=n‸, a.n, 'n', k[n‸]\n",
    "a name of its own in a broken line": "⟦n|m⟧ = 1\nf(n for n in range(\nprint(n‸)\n",
    "a magic": "%time n\n⟦n|m⟧ = 1\n!ls {n}\nprint(n‸)\n",
    "a function's parameters": "⟦n|m⟧ = 1\ndef f(n, a\n    return 1\nprint(n‸)\n",
    "an open string": "⟦n|m⟧ = 1\ns = 'n\nprint(n‸)\nt = '''\nn\n",
    "a function elsewhere that is hopeless": (
        "⟦n|m⟧ = 1\ndef f(a):\n" + "    a b ) c\n" * 20 + "    print(n‸)\n\n\nprint(n‸)\n"
    ),
    "a hopeless function with such a name of its own": (
        "⟦n|m⟧ = 1\ndef f(a):\n" + "    a b ) c\n" * 20 + "    n = 2\n    print(n)\n\n\nprint(n‸)\n"
    ),
}

SILENT = {
    "a value": "n = ⟦1|2⟧\nprint(n)\n",
    "a use": "n = m = 1\nprint(⟦n|m⟧, n)\n",
    "an insertion": "⟦|m = 1\n⟧n = 1\nprint(n)\n",
    "a deletion": "⟦n = 1\n|⟧print(n)\n",
    "a later value that gets its own name": "n = 1\nprint(n)\n⟦n|m⟧ = n + 1\n",
    "parameters that change places": "def f(⟦m, n, o|n, m, p, q⟧):\n    return m + n\n",
    "a name that is bound again at once": "⟦n = 1|m = 1\nn = m⟧\nprint(n)\n",
    "another statement": "⟦n = 1|print(m)⟧\nprint(n)\n",
    "another sum": "a = b = 0\n⟦a|b⟧ += 1\nprint(a)\n",
    "a string": "s = '⟦n|m⟧ = 1'\nprint(n)\n",
    "a comment": "# ⟦n|m⟧ = 1\nprint(n)\n",
    "a module that is imported": "import ⟦numpy|pandas⟧ as np\nnumpy(np)\n",
    "an attribute of something else": "a.⟦n|m⟧ = 1\nprint(a.n, n)\n",
    "an attribute set late": (
        "class A:\n    def __init__(self):\n        self.n = 0\n    def f(self):\n"
        "        self.⟦n|m⟧ = 1\n        return self.n\n"
    ),
    "a keyword that is passed": "f(⟦n|m⟧=1)\nprint(n)\n",
    "a key": "d = {'⟦n|m⟧': 1}\nprint(n, d['n'])\n",
    "a name in a comprehension": "xs = [⟦n|m⟧ for n in ns]\n",
    "another loop": "for i in a: print(i)\nfor ⟦i|j⟧ in b: pass\n",
    "nothing": "n = 1\nprint(n)\n",
    "a name that no one else uses": "⟦n|m⟧ = 1\nprint('n', a.n)  # n\n",
}


@pytest.mark.parametrize("marked", [*NAMES.values(), *HALF_TYPED.values()], ids=[*NAMES, *HALF_TYPED])
def test_a_renamed_definition_leaves_its_uses_behind(marked):
    places, expected = found([marked])
    assert sorted((place.cell, place.offset) for place in places) == expected


@pytest.mark.parametrize("marked", CALLS.values(), ids=CALLS)
def test_a_changed_signature_leaves_calls_behind(marked):
    places, expected = found([marked])
    assert sorted((place.cell, place.offset) for place in places) == expected


@pytest.mark.parametrize("marked", SILENT.values(), ids=SILENT)
def test_an_edit_that_renames_nothing_asks_for_nothing(marked):
    assert found([marked]) == ((), [])


NOTEBOOKS = {
    "a name that the other cells use": (
        [
            "import pandas as pd",
            "⟦df|sales⟧ = pd.read_csv(f)\ndf‸.head()",
            "clean = df‸.dropna()",
            "print(clean, 'df')",
        ],
        ["marimo", "jupyter"],
    ),
    "a cell above": (["print(n‸)", "def f():\n    return n‸", "⟦n|m⟧ = 1"], ["marimo", "jupyter"]),
    "a name that is local to the cell": (["_n = 1", "⟦_n|_m⟧ = 1\nprint(_n‸)", "print(_n)"], ["marimo"]),
    "a name with an underscore, which Jupyter shares": (["⟦_n|_m⟧ = 1\nprint(_n‸)", "print(_n‸)"], ["jupyter"]),
    "a name that becomes local": (["⟦n|_n⟧ = 1\nprint(n‸)", "print(n)"], ["marimo"]),
    "a cell that has its own": (["⟦n|m⟧ = 1\nprint(n‸)", "n = 2\nprint(n)", "print(n)"], ["marimo", "jupyter"]),
    "a cell that binds it anew": (["⟦n|m⟧ = 1", "n = n‸ + 1\nprint(n)", "print(n)"], ["jupyter"]),
    "a local name of another cell": (
        ["⟦n|m⟧ = 1", "def f(n):\n    return [n for n in n]", "f(n‸)"],
        ["marimo", "jupyter"],
    ),
    "a variable of a function": (["def f():\n    ⟦n|m⟧ = 1\n    return n‸", "print(n)"], ["marimo", "jupyter"]),
    "a value that the cell replaces": (["⟦n|m⟧ = 1\nn = n‸ + 1", "print(n)"], ["marimo", "jupyter"]),
    "an f-string in another cell": (["⟦n|m⟧ = 1", 'mo.md(f"""\n# n {n‸}\n""")'], ["marimo", "jupyter"]),
    "a half-typed cell": (["⟦n|m⟧ = 1", "plot(n‸, n=1\nx = n‸."], ["marimo", "jupyter"]),
    "a magic in another cell": (["⟦n|m⟧ = 1", "%time n\nprint(n‸)"], ["jupyter"]),
    "a function's arguments": (
        ["def f(a⟦|, unit⟧):\n    ...", "f(1‸)\nf(1, 2)", "g.f(1)", "def f2(f):\n    f(1)\nf(1‸)"],
        ["marimo", "jupyter"],
    ),
    "a parameter's name": (["def f(⟦a|b⟧=1):\n    return a‸", "f(a‸=1)", "a = 1\ng(a=f(a))"], ["marimo", "jupyter"]),
    "a class": (["class ⟦A|B⟧:\n    x = 1", "A‸().x\nA‸.x"], ["marimo", "jupyter"]),
    "the making of an object": (["class A:\n    def __init__(self⟦, x|⟧): ...", "A(1‸)\nA()"], ["marimo", "jupyter"]),
}


@pytest.mark.parametrize(
    ("cells", "kind"),
    [(cells, kind) for cells, kinds in NOTEBOOKS.values() for kind in kinds],
    ids=[f"{kind}: {name}" for name, (_, kinds) in NOTEBOOKS.items() for kind in kinds],
)
def test_other_cells_follow_what_they_use(cells, kind):
    places, expected = found(cells, kind)
    assert sorted((place.cell, place.offset) for place in places) == expected


def test_other_cells_come_after_this_one_and_near_before_far():
    cells = ["print(n‸)", "x = n‸", "n‸", "print(n‸)\n⟦n|m⟧ = 1\nprint(n‸, n‸)\n", "f(n‸)", "[n‸]"]
    places, expected = found(cells, "jupyter")
    assert {(place.cell, place.offset) for place in places} < set(expected)
    assert [place.cell for place in places] == [3, 3, 2, 4, 1, 5, 0]


def test_cells_of_text_are_not_code():
    before, after, _ = states(["⟦n|m⟧ = 1", "n"], "jupyter")
    cells = (after.notebook.cells[0], Cell("n", "markdown"))
    assert not next_places(before, Document("jupyter", "", after.code, after.cursor, Notebook(cells), 0))


def test_places_begin_at_the_cursor_and_go_round():
    places, _ = found(["def f():\n    return n\n\n\n⟦n|m⟧ = 1\nprint(n)\nprint(n)\n"])
    assert [place.offset for place in places] == [37, 46, 21]


def test_no_more_places_than_asked_for():
    before, after, expected = states(["⟦n|m⟧ = 1\n" + "print(n‸)\n" * 80], "python")
    assert [place.offset for place in next_places(before, after, limit=3)] == [at for _, at in expected[:3]]
    assert next_places(before, after, limit=0) == ()
    assert len(next_places(before, after)) == 50


def test_a_place_says_what_stands_there_and_why_it_is_one():
    (place,), _ = found(["⟦total|total_price⟧ = 1\nprint(total)\n"])
    assert place == Place(0, 27, "total", "renamed to total_price")
    (place,), _ = found(["def f(a⟦|, unit⟧):\n    ...\n\n\nf(1)\n"])
    assert place == Place(0, 29, "f", "signature changed: added argument `unit`")
    (place,), _ = found(["def f(a, ⟦b|c⟧=1):\n    ...\n\n\nf(1, b=2)\n"])
    assert place == Place(0, 31, "b", "renamed to c")


def test_what_was_renamed_and_resigned_can_be_had_by_itself():
    before, after, _ = states(["⟦a|x⟧ = ⟦b|y⟧ = 1\ndef f(k, ⟦m, n|n, m⟧): ...\ndef g(⟦o|p⟧=1): ...\n"], "python")
    assert renamed(before, after) == {"a": "x", "b": "y", "o": "p"}
    assert resigned(before, after) == {"f": "changed the order of arguments", "g": "renamed argument `o` to `p`"}
    assert renamed(after, after) == resigned(after, after) == {}


@pytest.mark.parametrize(
    ("before", "after", "how"),
    [
        ("a", "b", "renamed argument `a` to `b`"),
        ("a", "*, a", "changed what must be passed, or how"),
        ("a=1", "a", "changed what must be passed, or how"),
        ("a: int", "a: str", ""),
        ("*a", "*b", ""),
    ],
)
def test_a_change_of_arguments_is_put_into_words(before, after, how):
    found = resigned(*states([f"def f(⟦{before}|{after}⟧): ...\n"], "python")[:2])
    assert found.get("f", "") == how


def test_places_are_found_in_a_marimo_file():
    text = (
        "import marimo\n\napp = marimo.App()\n\n\n@app.cell\ndef _():\n    n = 1\n    return (n,)\n\n\n"
        "@app.cell\ndef _(n):\n    print(n)\n    return\n"
    )
    before = open_document(text, jupyter=False, line=8)
    after = open_document(text.replace("n = 1", "m = 1"), jupyter=False, line=8)
    assert next_places(before, after) == (Place(1, 7, "n", "renamed to m"),)


def test_an_edit_of_another_cell_is_none_of_this_one():
    before, after, _ = states(["⟦n|m⟧ = 1", "n"], "jupyter")
    elsewhere = Document("jupyter", "", "n", 0, after.notebook, 1)
    assert next_places(before, elsewhere) == ()


def test_deep_or_endless_code_does_no_harm():
    for code in (
        " + ".join(["n"] * 5000),
        "(" * 3000 + "n" + ")" * 3000,
        "f'" + "{f'" * 500 + "n",
        "x = '''" + "n\n" * 9,
    ):
        assert found([f"⟦n|m⟧ = 1\nprint(n‸)\n{code}\n"])[0][:1] == (Place(0, 13, "n", "renamed to m"),)


def test_what_is_far_away_in_a_huge_file_is_left_out():
    block = "def f_{}(n):\n    return n\nprint(n‸)\n" + "x = n‸\n" * 40
    before, after, expected = states(["⟦n|m⟧ = 1\n" + "".join(block.format(i) for i in range(1500))], "python")
    places = next_places(before, after, limit=len(expected))
    assert [(place.cell, place.offset) for place in places] == expected[: len(places)]
    assert 100 < len(places) < len(expected)
