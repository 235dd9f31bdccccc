"""Renamed programs against CPython's own compiler: the same instructions, with names exchanged one for one.

The compiler resolves scopes by itself, so it is a witness that knows nothing of LibCST. MBPP's validation rows are run
as well, and modules of the standard library are renamed for their many scopes.
"""

from __future__ import annotations

import builtins
import dis
import importlib.util
import json
import os
import subprocess
import sys
import types
import warnings
from dataclasses import dataclass
from pathlib import Path

import pytest

from training.evaluation.renaming import Vocabulary, rename
from training.evaluation.renaming.shape import same_shape

ROWS = Path(__file__).parent.parent.parent / "shared" / "data" / "mbpp.jsonl"
# Cells stand in the order of their names. Whether a call on a name is compiled as one of a method depends, in CPython
# 3.11, on whether a module of that name is imported anywhere.
_LEFT_OUT = frozenset(["MAKE_CELL", "COPY_FREE_VARS", "LOAD_CLOSURE", "EXTENDED_ARG", "PUSH_NULL"])
_JUMPS = frozenset([*dis.hasjrel, *dis.hasjabs])


class OneToOne:
    """Names and their new names; a name that gets two, or a new name that two get, is an error."""

    def __init__(self) -> None:
        self.new: dict[str, str] = {}
        self.old: dict[str, str] = {}

    def add(self, old: str, new: str) -> None:
        assert self.new.setdefault(old, new) == new, f"{old} is {self.new[old]} and {new}"
        assert self.old.setdefault(new, old) == old, f"{new} is {self.old[new]} and {old}"


def assert_same_program(old: str, new: str) -> None:
    """Fail unless two programs compile to the same code with names exchanged one for one."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        before, after = (compile(text, "program", "exec", dont_inherit=True) for text in (old, new))
    _compare(before, after, OneToOne(), OneToOne(), OneToOne())


def _compare(old: types.CodeType, new: types.CodeType, top: OneToOne, attributes: OneToOne, outer: OneToOne) -> None:
    for field in ("co_argcount", "co_posonlyargcount", "co_kwonlyargcount", "co_flags"):
        assert getattr(old, field) == getattr(new, field)
    local, children = OneToOne(), []
    parameters = old.co_argcount + old.co_kwonlyargcount
    for pair in zip(old.co_varnames[:parameters], new.co_varnames[:parameters], strict=True):
        local.add(*pair)
    before, after = _steps(old), _steps(new)
    assert [_operation(step) for step in before] == [_operation(step) for step in after]
    for first, second in zip(before, after, strict=True):
        if first.opcode in dis.haslocal or first.opcode in dis.hasfree:
            local.add(first.argval, second.argval)
        elif first.opcode in dis.hasname:
            _compare_name(old, first, second, top, attributes)
        elif isinstance(first.argval, types.CodeType):
            children.append((first.argval, second.argval))
        elif first.opcode in dis.hasconst:
            assert type(first.argval) is type(second.argval)
            assert isinstance(first.argval, str | tuple | frozenset) or first.argval == second.argval
        elif first.opcode not in _JUMPS:
            assert first.arg == second.arg
    for name in old.co_freevars:
        if name in outer.new and name in local.new:
            assert outer.new[name] == local.new[name]
    for pair in children:
        _compare(*pair, top, attributes, local)


def _steps(code: types.CodeType) -> list[dis.Instruction]:
    return [step for step in dis.get_instructions(code) if step.opname not in _LEFT_OUT]


def _operation(step: dis.Instruction) -> str:
    return "LOAD_ATTR" if step.opname == "LOAD_METHOD" else step.opname


def _compare_name(
    code: types.CodeType, old: dis.Instruction, new: dis.Instruction, top: OneToOne, attributes: OneToOne
) -> None:
    if old.opname.startswith("IMPORT"):
        assert old.argval == new.argval
    elif old.opname.endswith("_GLOBAL") or (old.opname.endswith("_NAME") and code.co_name == "<module>"):
        top.add(old.argval, new.argval)
    elif not old.opname.endswith("_NAME"):
        attributes.add(old.argval, new.argval)


@dataclass(frozen=True)
class Row:
    old: str
    new: str
    names: tuple[tuple[str, str], ...]


@pytest.fixture(scope="module")
def rows() -> list[Row]:
    """MBPP's validation rows, program and tests in one, before and after."""
    if not ROWS.exists():
        pytest.skip(f"{ROWS.name} is not there")
    found = []
    with ROWS.open(encoding="utf-8") as lines:
        for row in map(json.loads, lines):
            if 511 <= row["task_id"] <= 600:
                tests = "\n".join([row["test_setup_code"], *row["test_list"]])
                code, tests = row["code"].replace("\r\n", "\n"), tests.replace("\r\n", "\n")
                result = rename(code, tests, Vocabulary(f"0/{row['task_id']}"))
                found.append(Row(f"{code}\n{tests}", f"{result.code}\n{result.tests}", result.names))
    return found


def test_the_witness_notices_a_name_that_two_things_share() -> None:
    with pytest.raises(AssertionError, match="is"):
        assert_same_program("def f(a, b):\n    return a - b\n", "def f(a, b):\n    return a - a\n")


def test_the_witness_notices_a_lost_variable() -> None:
    old = "def f(a):\n    def g():\n        nonlocal a\n        a = 1\n    g()\n    return a\n"
    with pytest.raises(AssertionError):
        assert_same_program(old, old.replace("nonlocal a", "pass"))


def test_every_validation_row_of_mbpp_is_renamed_and_passes_its_tests(rows: list[Row]) -> None:
    assert len(rows) == 90 and all(row.names for row in rows)
    runner = "import json, sys\nfor text in json.load(sys.stdin):\n    exec(text, {})\nprint('passed')"
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", runner],
        input=json.dumps([row.new for row in rows]),
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.stdout.splitlines()[-1:] == ["passed"], done.stderr


def test_a_renamed_row_compiles_to_the_same_code(rows: list[Row]) -> None:
    for row in rows:
        assert_same_program(row.old, row.new)
        assert same_shape(row.old, row.new, row.names)


def test_no_old_name_is_left_in_a_renamed_row(rows: list[Row]) -> None:
    for row in rows:
        assert not {old for old, _ in row.names} & _identifiers(row.new) - set(dir(builtins))
        assert len({new for _, new in row.names}) == len(row.names)


def test_another_process_finds_the_same_names() -> None:
    code = (
        "import math\nclass A:\n    x = 1\n    y = 2\n    def f(self, a, b):\n        return [c for c in a if c], b\n"
    )
    script = (
        "import sys; from training.evaluation.renaming import Vocabulary, rename\n"
        "print(rename(sys.argv[1], 'A()', Vocabulary('0')))"
    )
    said = {
        subprocess.run(
            [sys.executable, "-c", script, code],
            env={**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": str(Path(__file__).parent.parent)},
            capture_output=True,
            text=True,
            check=True,
            timeout=60,
        ).stdout
        for seed in ("1", "2")
    }
    assert len(said) == 1


def _identifiers(code: str) -> set[str]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        todo, names = [compile(code, "program", "exec")], set()
    while todo:
        part = todo.pop()
        names |= {*part.co_varnames, *part.co_cellvars, *part.co_freevars, part.co_name}
        names |= {step.argval for step in dis.get_instructions(part) if step.opname.endswith(("_GLOBAL", "_NAME"))}
        todo += [value for value in part.co_consts if isinstance(value, types.CodeType)]
    return names


@pytest.mark.parametrize(
    "name",
    [
        "bisect",
        "colorsys",
        "fnmatch",
        "graphlib",
        "heapq",
        "getopt",
        "selectors",
        "csv",
        "shlex",
        "stringprep",
        "textwrap",
    ],
)
def test_a_module_of_the_standard_library_compiles_to_the_same_code(name: str) -> None:
    spec = importlib.util.find_spec(name)
    assert spec is not None and spec.origin is not None
    code = Path(spec.origin).read_text(encoding="utf-8").split("\nif __name__ ==")[0] + "\n"
    renamed = rename(code, "", Vocabulary(name))
    assert len(renamed.names) > 10
    assert_same_program(code, renamed.code)
