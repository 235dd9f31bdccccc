"""Renaming, case by case: what follows a new name, what stays, and what is refused."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from tabtab_local.errors import DocumentError
from tests.test_renaming_oracle import assert_same_program
from training.evaluation.renaming import Binding, CannotRename, Vocabulary, rename


class Numbered:
    """Names things v1, v2, … in order of first appearance, functions f1, … and classes C1, …"""

    def __init__(self) -> None:
        self.bindings: Sequence[Binding] = ()

    def propose(self, bindings: Sequence[Binding], code: str, taken: frozenset[str]) -> Sequence[str]:
        self.bindings = bindings
        first = {"function": "f", "class": "C", "method": "m", "attribute": "a", "parameter": "p", "variable": "v"}
        return [f"{first[binding.kind]}{number}" for number, binding in enumerate(bindings, 1)]


def renamed(code: str, tests: str = "") -> str:
    """Return the renamed program after checking that it is the same but for its names, and passes its tests."""
    result = rename(code, tests, Numbered())
    assert_same_program(f"{code}\n{tests}", f"{result.code}\n{result.tests}")
    if tests:
        exec(compile(f"{code}\n{tests}", "old", "exec", dont_inherit=True), {"__name__": "old"})
        exec(compile(f"{result.code}\n{result.tests}", "new", "exec", dont_inherit=True), {"__name__": "new"})
    return result.code


def refusal(code: str, tests: str = "") -> str:
    with pytest.raises(CannotRename) as caught:
        rename(code, tests, Vocabulary("0"))
    return str(caught.value)


# What is renamed, and separately


def test_functions_parameters_and_variables_get_new_names_with_the_tests() -> None:
    result = rename("def add(a, b):\n    total = a + b\n    return total\n", "assert add(1, 2) == 3", Numbered())
    assert result.code == "def f1(p2, p3):\n    v4 = p2 + p3\n    return v4\n"
    assert result.tests == "assert f1(1, 2) == 3"
    assert result.names == (("add", "f1"), ("a", "p2"), ("b", "p3"), ("total", "v4"))


def test_the_same_name_in_two_functions_becomes_two_names() -> None:
    assert renamed("def f(n):\n    return n\ndef g(n):\n    return -n\n") == (
        "def f1(p2):\n    return p2\ndef f3(p4):\n    return -p4\n"
    )


def test_the_namer_is_told_kind_and_scope() -> None:
    namer = Numbered()
    rename("class Stack:\n    def push(self, x):\n        self.top = [y for y in x]\n", "", namer)
    assert list(namer.bindings) == [
        Binding("Stack", "class", ""),
        Binding("push", "method", "Stack"),
        Binding("x", "parameter", "Stack.push"),
        Binding("top", "attribute", "Stack"),
        Binding("y", "variable", "Stack.push.<comprehension>"),
    ]


@pytest.mark.parametrize("code", ["f = 1", "f = 1\n", "", "# nothing\n", "f = 1\n\n\n"])
@pytest.mark.parametrize("tests", ["", "assert True", "assert True\n", "\nassert True"])
def test_program_and_tests_are_parted_where_they_were(code: str, tests: str) -> None:
    result = rename(code, tests, Numbered())
    assert result.code == code.replace("f", "v1") and result.tests == tests


def test_what_the_tests_define_is_renamed_too() -> None:
    result = rename("def size(tree):\n    return len(tree)\n", "tree = [1]\nassert size(tree) == 1\n", Numbered())
    assert result.tests == "v3 = [1]\nassert f1(v3) == 1\n"


# Scopes


def test_recursion_follows() -> None:
    code = "def fact(n):\n    return 1 if n < 2 else n * fact(n - 1)\n"
    assert "f1(p2 - 1)" in renamed(code, "assert fact(5) == 120")


def test_a_comprehension_has_its_own_variables_but_not_its_first_source() -> None:
    code = "def f(x):\n    return [x for x in x if x], [y + z for y in x for z in range(y)]\n"
    assert renamed(code, "assert f([1, 0]) == ([1], [1])") == (
        "def f1(p2):\n    return [v3 for v3 in p2 if v3], [v4 + v5 for v4 in p2 for v5 in range(v4)]\n"
    )


def test_set_dict_and_generator_comprehensions_are_scopes() -> None:
    code = "def f(x):\n    i = 9\n    return {i for i in x}, {i: i for i in x}, sum(i for i in x), i\n"
    assert renamed(code, "assert f([1]) == ({1}, {1: 1}, 1, 9)").count("v3") == 5 - 1 - 2


def test_a_walrus_in_a_comprehension_binds_outside() -> None:
    code = "def f(x):\n    found = [last := y for y in x]\n    return last, found\n"
    assert renamed(code, "assert f([1, 2]) == (2, [1, 2])").endswith("return v4, v3\n")


def test_global_binds_in_the_file() -> None:
    code = "count = 0\ndef bump():\n    global count\n    count += 1\n    return count\n"
    assert renamed(code, "assert bump() == 1 and count == 1") == (
        "v1 = 0\ndef f2():\n    global v1\n    v1 += 1\n    return v1\n"
    )


def test_a_global_that_only_functions_bind() -> None:
    code = "def put():\n    global seen\n    seen = 1\ndef get():\n    return seen\n"
    assert renamed(code, "put()\nassert get() == 1").count("v2") == 3


def test_nonlocal_binds_in_the_function_around() -> None:
    code = "def f():\n    n = 0\n    def g():\n        nonlocal n\n        n += 1\n    g()\n    return n\n"
    assert renamed(code, "assert f() == 1").count("v2") == 4


def test_a_nested_function_sees_past_a_class() -> None:
    code = "x = 1\nclass A:\n    x = 2\n    def take(self):\n        return x\n"
    assert renamed(code, "assert A().take() == 1 and A.x == 2") == (
        "v1 = 1\nclass C2:\n    a3 = 2\n    def m4(self):\n        return v1\n"
    )


def test_a_class_body_that_reads_an_outer_name_before_binding_it_keeps_both_one_name() -> None:
    code = "x = 1\nclass A:\n    x = x + 1\n"
    assert renamed(code, "assert A.x == 2 and x == 1") == "v1 = 1\nclass C2:\n    v1 = v1 + 1\n"


def test_a_lambda_is_a_scope_and_its_default_stands_outside() -> None:
    code = "def f(n):\n    return (lambda n, m=n: n + m)(1)\n"
    assert renamed(code, "assert f(2) == 3") == "def f1(p2):\n    return (lambda p3, p4=p2: p3 + p4)(1)\n"


def test_defaults_and_annotations_stand_outside_the_function() -> None:
    code = "n = 3\ndef f(n=n, m: n = n) -> n:\n    return n + m\n"
    assert renamed(code, "assert f() == 6") == "v1 = 3\ndef f2(p3=v1, p4: v1 = v1) -> v1:\n    return p3 + p4\n"


def test_except_as_with_as_and_for_else() -> None:
    code = (
        "import io\ndef f(t):\n    try:\n        int(t)\n    except ValueError as e:\n        return str(e)\n"
        "    with io.StringIO(t) as h, io.StringIO(t) as (k):\n        for line in h:\n            pass\n"
        "        else:\n            return line\n"
    )
    assert "as v3:" in renamed(code, "assert f('12') == '12'\nassert f('x')")


def test_match_captures_are_variables() -> None:
    code = (
        "class P:\n    __match_args__ = ()\n    def __init__(self, x):\n        self.x = x\n"
        "def f(v):\n    match v:\n        case [first, *rest]:\n            return first, rest\n"
        "        case {'k': u, **more}:\n            return u, more\n"
        "        case P(x=1) as whole:\n            return whole.x\n        case other:\n            return other\n"
    )
    tests = "assert f([1, 2]) == (1, [2]) and f({'k': 1, 'l': 2}) == (1, {'l': 2})\nassert f(P(1)) == 1 and f(3) == 3"
    new = renamed(code, tests)
    assert not {"first", "rest", "more", "whole", "other"} & set(new.replace(",", " ").split())


def test_match_of_an_own_attribute_follows() -> None:
    code = (
        "class P:\n    def __init__(self, across):\n        self.across = across\n"
        "def f(v):\n    match v:\n        case P(across=1):\n            return True\n"
    )
    assert "across" not in renamed(code, "assert f(P(1)) and not f(P(2))")


def test_star_arguments_and_del_and_augmented_assignments() -> None:
    code = (
        "def f(*args, **options):\n    total = 0\n    for a in args:\n        total += a\n    del a\n"
        "    return total, options\n"
    )
    new = renamed(code, "assert f(1, 2, k=3) == (3, {'k': 3})")
    assert new.startswith("def f1(*p2, **p3):") and "del v5" in new


def test_del_alone_makes_a_name_local() -> None:
    renamed("x = 1\ndef f(g):\n    if g:\n        del x\n    return g\n", "assert f(0) == 0")


def test_f_strings_follow_and_their_text_stays() -> None:
    code = "def f(n, w):\n    return f'n is {n:>{w}} {n!r} {{n}}'\n"
    assert renamed(code, "assert f(1, 2) == 'n is  1 1 {n}'") == (
        "def f1(p2, p3):\n    return f'n is {p2:>{p3}} {p2!r} {{n}}'\n"
    )


def test_shadowed_builtins_are_renamed_and_builtins_are_not() -> None:
    code = (
        "def f(list):\n    max = list[0]\n    for sum in list:\n        max = sum if sum > max else max\n"
        "    return max\ndef g(x):\n    return max(list(x))\n"
    )
    new = renamed(code, "assert f([1, 3]) == 3 == g((3, 1))")
    assert "max(list(p" in new and new.count("max") == 1


def test_a_builtin_that_the_file_rebinds_from_itself_stays() -> None:
    code = "max = max([1, 2])\nm = max\n"
    assert renamed(code, "assert m == 2") == "max = max([1, 2])\nv1 = max\n"


def test_a_builtin_that_the_file_defines_at_once_is_renamed() -> None:
    code = "def sum(x):\n    return x[0] + sum(x[1:]) if x else 0\n"
    assert "sum" not in renamed(code, "assert sum([1, 2]) == 3")


def test_a_builtin_used_before_it_is_rebound_in_the_file_stays() -> None:
    code = "def f(x):\n    return sum(x)\nsum = f([1])\n"
    assert "sum" in renamed(code)


# What stays


def test_imports_stay_and_what_shadows_them_elsewhere_does_not() -> None:
    code = (
        "import os.path\nimport math as m\nfrom math import sqrt as root, pi\ndef f(m, os):\n    return root(m) + os\n"
        "def g():\n    return m.pi, os.path.sep\n"
    )
    new = renamed(code, "assert f(4, 1) == 3 and g()")
    assert new.startswith("import os.path\nimport math as m\nfrom math import sqrt as root, pi\ndef f1(p2, p3):")
    assert "root(p2) + p3" in new and "m.pi, os.path.sep" in new


def test_a_name_that_is_imported_or_else_assigned_stays() -> None:
    code = "try:\n    from math import gcd\nexcept ImportError:\n    gcd = None\n"
    assert renamed(code) == code


def test_an_import_inside_a_function_stays() -> None:
    code = "def f(x):\n    import math\n    return math.floor(x)\n"
    assert renamed(code, "assert f(1.5) == 1").count("math") == 2


def test_strings_dunders_self_and_the_underscore_stay() -> None:
    code = "__version__ = 'x'\ndef f(x):\n    for _ in x:\n        pass\n    return 'x', {'x': x}\n"
    new = renamed(code, "assert f([1]) == ('x', {'x': [1]})")
    assert "'x', {'x': p2}" in new and "for _ in" in new and new.startswith("__version__ = 'x'")


def test_leading_underscores_stay() -> None:
    assert renamed("def _step(__a):\n    return __a\n") == "def _f1(__p2):\n    return __p2\n"


def test_keywords_of_foreign_functions_stay() -> None:
    code = "def f(xs, key, reverse):\n    return sorted(xs, key=key, reverse=reverse), '{key}'.format(key=key)\n"
    assert "key=p3, reverse=p4), '{key}'.format(key=p3)" in renamed(code, "f([1], None, True)")


# Comments, docstrings, annotations


def test_comments_and_docstrings_follow_the_binding_that_is_visible() -> None:
    code = (
        'def f(n):\n    """Return n\\nof f."""\n    # n is a number, f\'s\n    return n\n'
        "# n of g\ndef g(n):\n    return n\n"
    )
    assert renamed(code) == (
        'def f1(p2):\n    """Return p2\\nof f1."""\n    # p2 is a number, f1\'s\n    return p2\n'
        "# p4 of f3\ndef f3(p4):\n    return p4\n"
    )


def test_the_article_in_a_comment_is_no_variable() -> None:
    assert renamed("def f(a):\n    return a # a list\n") == "def f1(p2):\n    return p2 # a list\n"


def test_quoted_annotations_follow() -> None:
    code = "class Node:\n    def link(self, other: 'Node') -> 'list[Node]':\n        return [self, other]\n"
    assert "p3: 'C1') -> 'list[C1]'" in renamed(code, "assert Node().link(Node())")


def test_values_in_an_annotation_stay() -> None:
    code = "from typing import Literal\ndef f(n: Literal['n', 'f'], m: 'f'):\n    return n\n"
    assert "def f1(p2: Literal['n', 'f'], p3: 'f1'):" in renamed(code, "assert f(1, 2) == 1")


# What is refused


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        ("def f(:", "cannot be parsed"),
        ("def f(s):\n    return eval(s)\n", "eval"),
        ("def f(s):\n    exec(s)\n", "exec"),
        ("def f(s):\n    return '%(s)s' % locals()\n", "locals"),
        ("def f():\n    return globals()['f']\n", "globals"),
        ("def f(s):\n    return vars()['s']\n", "vars"),
        ("def f():\n    return f.__name__\n", "__name__"),
        ("def f(n):\n    return f'{n=}'\n", "f-string"),
        ("def ﬁ(n):\n    return fi(n)\n", "Python reads ﬁ as fi"),
        ("import inspect\ndef f(n):\n    return inspect.signature(f)\n", "inspect"),
        ("class A:\n    def f(self):\n        __m = 1\n        return __m\n", "__m"),
        ("class A:\n    __n = 1\n    def __init__(self):\n        self.__n = A.__n\n", None),
        ("class A:\n    def __init__(self):\n        self.__n = 1\na = A()._A__n\n", "_A__n"),
    ],
)
def test_programs_that_read_names_are_refused(code: str, reason: str | None) -> None:
    if reason is None:
        renamed(code)
    else:
        assert reason in refusal(code)


def test_tests_that_cannot_be_parsed_are_refused() -> None:
    assert refusal("x = 1\n", "assert (").startswith("the tests cannot be parsed")


def test_a_name_that_is_only_called_eval_is_no_reason() -> None:
    renamed("def f(eval):\n    return eval + 1\n", "assert f(1) == 2")


def test_a_refusal_is_an_error_of_ours() -> None:
    assert issubclass(CannotRename, DocumentError)


@pytest.mark.parametrize(
    "names", [["x", "y"], ["f", "y"], ["list", "y"], ["class", "y"], ["y", "y"], ["a b", "y"], ["y"]]
)
def test_names_that_are_not_free_are_refused(names: list[str]) -> None:
    class Fixed:
        def propose(self, bindings: Sequence[Binding], code: str, taken: frozenset[str]) -> Sequence[str]:
            return names

    with pytest.raises(CannotRename, match="propos"):
        rename("def f(x):\n    return x\n", "", Fixed())


def test_mixed_tabs_and_blanks_are_understood_as_python_does() -> None:
    code = "def f(x):\n  if x:\n\t   return 1\n  else:\n     return 2\n"
    assert "p2" in renamed(code, "assert f(1) == 1 and f(0) == 2")


# More than one of these at once


@pytest.mark.parametrize(
    ("code", "tests"),
    [
        ("class O:\n    class I:\n        def __init__(self, w):\n            self.w = w\n", "assert O.I(w=2).w == 2"),
        ("if True:\n    def f(a):\n        return a\nelse:\n    def f(b):\n        return b\n", "assert f(a=1) == 1"),
        ("class A:\n    xs = [1, 2]\n    ys = [x for x in xs]\n", "assert A.ys == A.xs == [1, 2]"),
        ("def f(n):\n    class L:\n        k = n\n        n = 5\n    return L.k, L.n\n", None),
        ("from math import *\ndef f(x):\n    return floor(x) + pi * 0\n", "assert f(1.5) == 1"),
        ("def f():\n    def g():\n        nonlocal n\n        return [n := n + i for i in (1, 2)]\n    n = 0\n"
         "    return g(), n\n", "assert f() == ([1, 3], 3)"),
        ("fs = [lambda x, i=i: x + i for i in range(3)]\n", "assert [f(1) for f in fs] == [1, 2, 3]"),
        ("def f(x):\n    print = x.append\n    print(1)\n    return x\n", "assert f([]) == [1]"),
        ("def deco(tag):\n    def wrap(fn):\n        fn.tag = tag\n        return fn\n    return wrap\n"
         "@deco(tag='x')\ndef f():\n    return f.tag\n", "assert f() == 'x'"),
        ("import asyncio\nasync def f(xs):\n    async def g(x):\n        return x\n"
         "    return [await g(x) for x in xs]\n", "assert asyncio.run(f([1])) == [1]"),
        ("class E(Exception):\n    pass\ndef f(e):\n    try:\n        raise E(e)\n    except E as e:\n"
         "        return e.args\n", "assert f(1) == (1,)"),
        ("def f(a, b=2, /, c=3, *d, e=5, **g):\n    return a, b, c, d, e, g\n",
         "assert f(1, c=4, e=6, h=7) == (1, 2, 4, (), 6, {'h': 7})"),
        ("class A:\n    def __call__(self, k):\n        return k\n    def __getitem__(self, k):\n        return k\n",
         "assert A()(1) == A()[1]"),
        ("from collections import namedtuple\nP = namedtuple('P', 'x y')\n"
         "def f(p):\n    return p.x + p._replace(x=2).x\n",
         "assert f(P(1, 0)) == 3"),
        ("from enum import Enum\nclass Hue(Enum):\n    RED = 1\ndef f(h):\n    return h is Hue['RED'], Hue.RED.name\n",
         "assert f(Hue.RED) == (True, 'RED')"),
        ("def f(d):\n    (a, *b), c[0], d['k'] = (1, 2), 3, 4\n    return a, b, d\nc = [0]\n",
         "assert f({}) == (1, [2], {'k': 4}) and c == [3]"),
        ("x = 0\nfor x in range(3):\n    y = x\nwhile x:\n    x -= 1\ndef f(): return x, y\n", "assert f() == (0, 2)"),
        ("def f(n):\n\n    \"\"\"n\"\"\"; k = n\n    return k # k\\n\n", "assert f(1) == 1"),
    ],
)  # fmt: skip
def test_scopes_in_company(code: str, tests: str | None) -> None:
    assert renamed(code, tests or "") != code
