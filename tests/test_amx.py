"""Which memory types llama.cpp may put weights into."""

from __future__ import annotations

import ctypes
from collections.abc import Iterator

import llama_cpp.llama_cpp as llama
import pytest

from tabtab_local.engine import amx


@pytest.fixture(autouse=True)
def anew() -> Iterator[None]:
    amx.leave_out_amx.cache_clear()
    yield
    amx.leave_out_amx.cache_clear()


def test_after_it_was_left_out_llama_cpp_does_not_list_it() -> None:
    assert amx.leave_out_amx()
    kinds, names = amx._memory_types(), []
    while kinds[len(names)]:
        names.append(amx._name(kinds[len(names)]))
    assert b"AMX" not in names
    if b"REPACK = 1" in llama.llama_print_system_info():
        assert b"CPU_REPACK" in names


@pytest.mark.parametrize(("names", "left"), [(["AMX", "A", "B"], [2, 3]), (["A", "AMX"], [1]), (["A"], [1]), ([], [])])
def test_only_amx_leaves_the_list(names: list[str], left: list[int], monkeypatch: pytest.MonkeyPatch) -> None:
    kinds = (ctypes.c_void_p * (len(names) + 1))(*range(1, len(names) + 1), None)
    monkeypatch.setattr(amx, "_memory_types", lambda: kinds)
    monkeypatch.setattr(amx, "_name", lambda kind: names[kind - 1].encode())
    assert amx.leave_out_amx()
    assert list(kinds) == [*left, *[None] * (len(kinds) - len(left))]


@pytest.mark.parametrize(("built", "safe"), [(b"AVX2 = 1 | AMX_INT8 = 1 |", False), (b"AVX2 = 1 |", True)])
def test_where_the_list_cannot_be_had_weights_stay_as_they_are(
    built: bytes, safe: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(amx, "_memory_types", lambda: None)
    monkeypatch.setattr(llama, "llama_print_system_info", lambda: built)
    assert amx.leave_out_amx() is safe
