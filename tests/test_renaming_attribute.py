"""Renaming in classes: attributes, methods and fields follow where they are the program's own."""

from __future__ import annotations

import pytest

from tests.test_renaming import renamed


def test_attributes_and_methods_of_own_classes_follow() -> None:
    code = (
        "class Pair:\n    kinds = 0\n    def __init__(self, a, b):\n        self.a = a\n        self.b = b\n"
        "    @property\n    def width(self):\n        return self.b - self.a\n    @width.setter\n"
        "    def width(self, w):\n        self.b = self.a + w\n"
        "    @staticmethod\n    def make(n):\n        return Pair(n, n)\n"
    )
    tests = (
        "p = Pair(1, 3)\nassert p.width == 2\np.width = 5\nassert p.b == 6 and Pair.kinds == 0 and Pair.make(1).a == 1"
    )
    new = renamed(code, tests)
    assert not {"Pair", "kinds", "width", "make"} & set(new.replace("(", " ").replace(".", " ").split())


def test_an_attribute_that_others_have_too_stays() -> None:
    code = (
        "class Stack:\n    def __init__(self):\n        self.rows = []\n"
        "    def append(self, row):\n        self.rows.append(row)\n"
    )
    new = renamed(code, "s = Stack()\ns.append(1)\nassert s.rows == [1]")
    assert new.count("append") == 2 and "rows" not in new


def test_attributes_stay_beside_modules_that_are_not_known() -> None:
    code = "import numpy as np\nclass A:\n    def mean(self, row):\n        return np.mean(row)\n"
    assert renamed(code).count("mean") == 2


@pytest.mark.parametrize("reads", ["getattr(a, 'size')", "vars(a)", "a.__dict__"])
def test_attributes_stay_where_they_are_read_by_name(reads: str) -> None:
    code = f"class A:\n    def __init__(self, n):\n        self.size = n\na = A(1)\nb = {reads}\n"
    new = renamed(code)
    assert "size" in new and "p2" in new


def test_slots_stay() -> None:
    code = "class A:\n    __slots__ = ('size',)\n    def __init__(self, n):\n        self.size = n\n"
    assert renamed(code, "assert A(1).size == 1").count("size") == 2


def test_a_class_with_a_foreign_base_keeps_its_attributes() -> None:
    code = "import unittest\nclass TestIt(unittest.TestCase):\n    def test_it(self):\n        pass\n"
    assert "def test_it(self)" in renamed(code)


def test_fields_of_a_dataclass_follow_with_their_keywords() -> None:
    code = "from dataclasses import dataclass\n@dataclass\nclass Box:\n    width: int\n    depth: int = 1\n"
    new = renamed(code, "assert Box(width=2).depth == 1 and Box(2).width == 2")
    assert "width" not in new and "depth" not in new


def test_attributes_of_functions_follow() -> None:
    code = "def f():\n    f.calls += 1\nf.calls = 0\n"
    assert "calls" not in renamed(code, "f()\nassert f.calls == 1")


def test_an_attribute_in_a_format_string_stays() -> None:
    code = "class A:\n    size = 1\ndef f():\n    return '{0.size}'.format(A())\n"
    assert renamed(code, "assert f() == '1'").count("size") == 2
