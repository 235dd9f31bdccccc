"""Renaming and keywords: an argument that is passed by name follows the parameter, or the program is refused."""

from __future__ import annotations

import pytest

from tests.test_renaming import Numbered, refusal, renamed
from training.evaluation.renaming import rename


def test_a_keyword_follows_the_parameter_in_program_and_tests() -> None:
    code = "def f(a, *, n=1):\n    return a * n\ndef g(n):\n    return f(n=n, a=2)\n"
    result = rename(code, "assert f(a=2, n=3) == 6", Numbered())
    assert result.tests == "assert f1(p2=2, p3=3) == 6" and "f1(p3=p5, p2=2)" in result.code
    renamed(code, "assert f(a=2, n=3) == 6 == g(n=3)")


def test_a_keyword_follows_into_constructors_methods_and_bases() -> None:
    code = (
        "class A:\n    def __init__(self, size):\n        self.size = size\n"
        "    def grow(self, by):\n        return self.size + by\nclass B(A):\n    def grow(self, by):\n"
        "        return super().grow(by=by) + 1\n"
    )
    new = renamed(code, "assert B(size=1).grow(by=2) == 4 and A(size=1).grow(by=2) == 3")
    assert "size" not in new and "by" not in new


def test_a_keyword_follows_through_partial() -> None:
    code = "from functools import partial\ndef f(a, n):\n    return a - n\ng = partial(f, n=1)\n"
    assert "partial(f1, p3=1)" in renamed(code, "assert g(3) == 2")


def test_a_keyword_follows_through_a_decorator_that_passes_all_on() -> None:
    code = (
        "def twice(fn):\n    def inner(*args, **kwargs):\n        return 2 * fn(*args, **kwargs)\n    return inner\n"
        "@twice\ndef f(n):\n    return n\n"
    )
    renamed(code, "assert f(n=2) == 4")


def test_a_keyword_of_an_unknown_function_is_refused() -> None:
    assert "keyword n" in refusal("def f(n):\n    return n\ndef g(h):\n    return h(n=1)\n")
    assert "keyword n" in refusal("def f(n):\n    return n\ng = f\ng(n=1)\n")


def test_a_keyword_that_is_passed_on_by_name_is_refused() -> None:
    assert "keyword n" in refusal("def f(n):\n    return n\ndef g(**kw):\n    return f(**kw)\n", "assert g(n=1) == 1")


def test_a_dictionary_of_parameters_is_refused() -> None:
    assert "dictionary" in refusal("def f(n):\n    return n\n", "assert f(**{'n': 1}) == 1")


def test_a_dictionary_that_reaches_parameters_by_a_detour_is_refused() -> None:
    code = "def f(n):\n    return n\ndef g(**kw):\n    return f(**kw)\n"
    assert "dictionary" in refusal(code, "assert g(**{'n': 1}) == 1")


@pytest.mark.parametrize("call", ["Thread(target=f, kwargs={'n': 1})", "Pool().submit(f, n=1)"])
def test_a_keyword_that_somebody_else_hands_on_is_refused(call: str) -> None:
    assert "whose parameter" in refusal(f"from elsewhere import Pool, Thread\ndef f(n):\n    return n\n{call}\n")


def test_a_dictionary_for_a_foreign_function_is_none_of_our_business() -> None:
    renamed("def f(d):\n    return '{a}'.format(**d), dict(**d)\n", "assert f({'a': 1}) == ('1', {'a': 1})")


def test_a_keyword_of_a_method_that_a_foreign_base_has_too_is_refused() -> None:
    code = "class E(OSError):\n    def __init__(self, n):\n        super().__init__(n=n)\n"
    assert "keyword n" in refusal(code)
    assert "keyword n" in refusal("from enum import Enum\n" + code.replace("OSError", "Enum"))
