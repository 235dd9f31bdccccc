"""The sandbox tells right programs from wrong ones, and values cross as what they are."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tabtab_local.errors import UsageError
from training.evaluation.sandbox import Limits, Sandbox, Trial, Verdict
from training.evaluation.sandbox.inside.checker import identifiers
from training.evaluation.sandbox.inside.names import copy_into
from training.evaluation.sandbox.inside.wire import Codec, WireError

MBPP = Path(__file__).parent.parent.parent / "shared" / "data" / "mbpp.jsonl"


@pytest.fixture(scope="module")
def sandbox() -> Sandbox:
    try:
        return Sandbox()
    except UsageError as error:
        pytest.skip(str(error))


def judge(sandbox: Sandbox, program: str, checks: str, **more: object) -> Verdict:
    return sandbox.judge(Trial(program, checks, str(more.pop("source", program)), **more))  # type: ignore[arg-type]


CLASSES = """
class Node:
    'A node.'
    def __init__(self, data, left=None): self.data, self.left, self.items = data, left, []
    def __len__(self): return 3
    def __bool__(self): return False
    def __getitem__(self, key): return self.data[key]
    def __setitem__(self, key, value): self.data[key] = value
    def __contains__(self, key): return key in self.data
    def __iter__(self): return iter(self.data)
    def __str__(self): return f'Node {self.data}'
    def __add__(self, other): return Node(self.data + other.data)
    def __lt__(self, other): return self.data < other.data
    def __enter__(self): return self
    def __exit__(self, *a): self.left = 'out'
class Child(Node): pass
class Broken(ValueError):
    def __init__(self, amount): super().__init__(amount); self.amount = amount
    def __str__(self): return f'broken by {self.amount}'
def breaks(n): raise Broken(n)
def depth(node): return 0 if node is None else 1 + depth(node.left)
def count(n):
    for i in range(n): yield i
"""

# What checks say about a program that does what they ask: each line is a program and its checks.
RIGHT = [
    ("def f(x): return x * 2", "assert f(2) == 4 and f('a') == 'aa' and f([1]) == [1, 1] and f((1,)) == (1, 1)"),
    ("def f(a, *b, c=1, **d): return a, b, c, d", "assert f(1, 2, c=3, d=4) == (1, (2,), 3, {'d': 4})"),
    ("def f(x): x.sort()", "x = [3, 1]\nf(x)\nassert x == [1, 3]"),
    ("def f(x): x['b'] = x.pop('a')", "x = {'a': 1}\nf(x)\nassert x == {'b': 1}"),
    ("def f(g): g[0][1] = 9", "g = [[1, 2], [3]]\nrow = g[0]\nf(g)\nassert g == [[1, 9], [3]] and row is g[0]"),
    ("def f(x): x |= {2}", "x = {1}\nf(x)\nassert x == {1, 2}"),
    ("def f(n): return (i * i for i in range(n))", "assert list(f(3)) == [0, 1, 4] and set(f(2)) == {0, 1}"),
    ("def f(x): return map(str, x)", "assert sorted(f([2, 1])) == ['1', '2']"),
    ("def f(x): return zip(x, x)", "assert dict(f('ab')) == {'a': 'a', 'b': 'b'} and next(f('ab')) == ('a', 'a')"),
    ("def f(d): return d.keys(), d.values(), d.items()", "k, v, i = f({1: 2})\nassert k == {1} and list(v) == [2]"),
    ("def f(x): return {(1, 2), (3, x)}",
     "assert f(4) == {(1, 2), (3, 4)} and str(sorted(f(4))) == '[(1, 2), (3, 4)]'"),
    ("def f(x): return x / 3", "import math\nassert math.isclose(f(1), 1 / 3) and abs(f(1) - 0.333) < 0.01"),
    ("import math\ndef f(x): return math.pi * x", "assert math.isclose(f(2), 2 * math.pi)"),
    ("def f(x): return x", "assert f(10 ** 5000) == 10 ** 5000 and f('\\ud800') == '\\ud800' and f(-0.0) == 0"),
    ("def f(x): return type(x)", "assert f(1) is int and f([]) is list"),
    ("def f(t): return t('7')", "assert f(int) == 7"),
    ("def f(g, x): return g(g(x))", "assert f(lambda x: x + 1, 1) == 3"),
    ("def f(g): return g(3)",
     "def g(x):\n    raise KeyError(x)\ntry: f(g)\nexcept KeyError as error: assert error.args == ('3',)"),
    ("import asyncio\nasync def g(x): await asyncio.sleep(0); return x\ndef f(x): return asyncio.run(g(x))",
     "assert f(1) == 1"),
    ("from concurrent.futures import ThreadPoolExecutor as T\ndef f(x): return list(T(4).map(abs, x))",
     "assert f([-1]) == [1]"),
    ("big = list(range(200000))\ndef f(x): return big[x]",
     "assert all(f(x) == x for x in range(50)) and len(big) == 200000"),
    ("def sum(a, b): return a + b", "assert sum(1, 2) == 3"),
    ("def f(x): return x\ndef len(x): return 9", "assert len([f(1)]) == 1"),
    ("items = []\ndef add(x): items.append(x)", "mine = items\nadd(1)\nassert items == [1] and mine is items"),
    ("count = 0\ndef step():\n    global count\n    count += 1", "step(); step()\nassert count == 2"),
    ("def f(x): return g(x)\ndef late():\n    global g\n    g = str", "late()\nassert f(1) == '1' and g is str"),
    ("print('hello')\nimport sys\nprint('no', file=sys.stderr)\ndef f(): print('later')",
     "f()\nassert stdout == 'hello\\n'"),
    ("import enum\nclass C(enum.Enum):\n    A = 1\ndef f(): return C.A",
     "assert f() is C.A and f().value == 1 and f() == C['A']"),
    ("import dataclasses\n@dataclasses.dataclass\nclass P:\n    x: int = 1", "assert P(2).x == 2 and P().x == 1"),
    (CLASSES,
     "root = Node(1)\nroot.left = Node(2)\nroot.left.left = Node(3)\nassert depth(root) == 3 and root.left.data == 2"),
    (CLASSES, "n = Node([1])\nn[0] = 5\nassert n[0] == 5 and 5 in n and len(n) == 3 and not n and list(n) == [5]"),
    (CLASSES, "n = Node(7)\nassert str(n) == 'Node 7' and f'{n}' == 'Node 7' and Node.__doc__ == 'A node.'"),
    (CLASSES,
     "c = Child(1)\nassert isinstance(c, Node) and not isinstance(Node(1), Child) and issubclass(Child, Node)"),
    (CLASSES, "assert (Node(1) + Node(2)).data == 3 and Node(1) < Node(2) and Node(1) != Node(1)"),
    (CLASSES,
     "with Node(1) as n: assert n.data == 1\nassert n.left == 'out' and hasattr(n, 'data') and not hasattr(n, 'no')"),
    (CLASSES, "try: breaks(3)\nexcept Broken as e: assert e.amount == 3 and str(e) == 'broken by 3'\nelse: assert 0"),
    (CLASSES, "try: breaks(3)\nexcept ValueError: pass\nelse: assert 0"),
    (CLASSES, "g = count(3)\nassert next(g) == 0 and list(g) == [1, 2] and sum(count(4)) == 6"),
    ("import json\ndef f(): json.loads('x')",
     "import json\ntry: f()\nexcept json.JSONDecodeError: pass\nelse: assert 0"),
    ("def f(d): return d['x']", "try: f({})\nexcept KeyError as error: assert error.args == ('x',)\nelse: assert 0"),
    ("from collections import *\ndef f(x): return Counter(x), deque(x, 2), OrderedDict(a=1), defaultdict(int, a=1)",
     "from collections import *\nassert f('aab') == (Counter(a=2, b=1), deque('ab', 2), {'a': 1}, {'a': 1})"),
    ("from collections import namedtuple\nP = namedtuple('P', 'x y')\ndef f(): return P(1, 2)",
     "assert f() == (1, 2) and f().x == 1 and f()._asdict() == {'x': 1, 'y': 2}"),
    ("from decimal import Decimal\nfrom fractions import Fraction\nx = Decimal('1.10'), Fraction(1, 3)",
     "from decimal import Decimal\nfrom fractions import Fraction\nassert x == (Decimal('1.1'), Fraction(1, 3))"),
    ("from datetime import *\nx = date(2024, 2, 29), datetime(2024, 1, 2, tzinfo=timezone.utc), time(4), timedelta(5)",
     "from datetime import *\nassert x[:2] == (date(2024, 2, 29), datetime(2024, 1, 2, tzinfo=timezone.utc))\n"
     "assert x[2:] == (time(4), timedelta(5))"),
]  # fmt: skip

WRONG = [
    ("def f(x): return x", "assert f(1) == 2", "failed", "AssertionError in line 1: assert f(1) == 2"),
    ("def f(x): return x", "assert f(1) == 1\nassert f(2) == 1, 'no'", "failed", "AssertionError: no in line 2"),
    ("def g(x): return x", "assert f(1) == 1", "failed", "NameError"),
    ("def f(x): return x", "assert f(1, 2) == 1", "error", "TypeError"),
    ("def f(x): return 1 / x", "assert f(0) == 1", "error", "ZeroDivisionError: division by zero in line 1"),
    ("x = 1\nraise ValueError('no')", "", "error", "ValueError: no in line 2 of the program"),
    ("def f(:", "", "syntax", "SyntaxError"),
    ("x = '\0'", "", "syntax", "null bytes"),
    ("def f(x): return x", "assert f(object())", "failed", "checks cannot pass a object"),
    ("def f(x): return x", "assert f(", "failed", "the checks are no Python"),
    ("class A:\n    x = 1\ndef f(): return A()", "assert f() == f()", "failed", "AssertionError"),
    ("x = input()", "", "error", "EOFError"),
]


@pytest.mark.parametrize(("program", "checks"), RIGHT)
def test_a_right_program_passes(sandbox: Sandbox, program: str, checks: str) -> None:
    verdict = judge(sandbox, program, checks)
    assert verdict.passed, verdict


@pytest.mark.parametrize(("program", "checks", "outcome", "detail"), WRONG)
def test_a_wrong_program_gets_its_reason(
    sandbox: Sandbox, program: str, checks: str, outcome: str, detail: str
) -> None:
    verdict = judge(sandbox, program, checks)
    assert (verdict.outcome, detail in verdict.detail) == (outcome, True), verdict
    assert "\n" not in verdict.detail and verdict.wall_s > 0


NUMPY = """
import numpy as np
a = np.arange(6.0).reshape(2, 3)
scalar, text, when, none = np.float32(1.5), np.str_("x"), np.datetime64("2024-01-02"), np.zeros((0, 3), dtype="int8")
objects, flags, kind = np.array([1, "x", None], dtype=object), a > 2, a.dtype
def sort(x): x.sort()
def double(x): return x * 2
"""
NUMPY_CHECKS = """
assert a.shape == (2, 3) and a.sum() == 15 and a.dtype == kind == "float64" and isinstance(a, np.ndarray)
assert type(scalar) is np.float32 and scalar == 1.5 and text == "x" and when == np.datetime64("2024-01-02")
assert none.shape == (0, 3) and objects.tolist() == [1, "x", None] and flags.tolist() == [[False] * 3, [True] * 3]
x = np.array([3, 1])
sort(x)
assert x.tolist() == [1, 3] and np.array_equal(double(x), [2, 6]) and double(np.float64(2)) == 4
"""
PANDAS = """
import pandas as pd
df = pd.DataFrame({"n": [1, 2, 2], "s": ["x", None, "z"], "f": [0.5, None, 2]}, index=list("abc"))
df["b"] = [True, False, True]
df["when"] = pd.to_datetime(["2024-01-01", "2024-01-02", None])
df["zone"] = df["when"].dt.tz_localize("Europe/Berlin")
df["kind"] = pd.Categorical(["u", "v", "u"], ordered=True)
df["null"] = pd.array([1, None, 3], dtype="Int64")
df["gap"] = df["when"] - pd.Timestamp("2024-01-01")
df["month"] = df["when"].dt.to_period("M")
df["list"] = [[1], {"a": 1}, (2,)]
wide = df.pivot_table(index=["kind", "b"], columns="n", values="f", observed=True)
days = pd.date_range("2024-01-01", periods=3, freq="D", name="day")
bins = pd.cut(pd.Series([1, 5, 9]), [0, 4, 10])
series, stamp, gap, missing = df.groupby("n")["f"].sum(), df["zone"].iloc[0], df["gap"].iloc[1], (pd.NaT, pd.NA)
empty, ranged, period = pd.DataFrame(), pd.RangeIndex(3, name="r"), pd.Period("2024-03", "M")
kind, types, groups = df["kind"].dtype, df.dtypes, df.groupby("n")
def add(frame): frame["new"] = 1
"""
PANDAS_CHECKS = """
import pandas
DEFINE
for name in ("df", "wide", "empty"): pandas.testing.assert_frame_equal(globals()[name], theirs[name])
for name in ("series", "bins", "types"): pandas.testing.assert_series_equal(globals()[name], theirs[name])
for name in ("days", "ranged"): pandas.testing.assert_index_equal(globals()[name], theirs[name])
assert days.freq == theirs["days"].freq and type(ranged) is pandas.RangeIndex
assert (stamp, gap, period, kind) == tuple(theirs[name] for name in ("stamp", "gap", "period", "kind"))
assert str(stamp.tz) == "Europe/Berlin" and missing[0] is pandas.NaT and missing[1] is pandas.NA
assert groups.ngroups == 2 and df["n"].sum() == 5
frame = pandas.DataFrame({"a": [1]})
add(frame)
assert list(frame.columns) == ["a", "new"]
"""


def test_numpy_values_are_real_ones(sandbox: Sandbox) -> None:
    verdict = judge(sandbox, NUMPY, NUMPY_CHECKS)
    assert verdict.passed, verdict


def test_pandas_values_are_real_ones(sandbox: Sandbox) -> None:
    define = f"theirs = {{}}\nexec({PANDAS!r}, theirs)"
    verdict = judge(sandbox, PANDAS, PANDAS_CHECKS.replace("DEFINE", define))
    assert verdict.passed, verdict


def test_files_lie_in_the_programs_folder(sandbox: Sandbox) -> None:
    program = (
        "from pathlib import Path\nx = open('a/b.csv', newline='').read(), Path(__file__).with_name('c').read_text()"
    )
    assert judge(sandbox, program, "assert x == ('ä\\r\\n1', 'c')", files={"a/b.csv": "ä\r\n1", "c": "c"}).passed
    assert judge(sandbox, "import mine", "assert mine.x == 1", files={"mine.py": "x = 1"}).passed


def test_the_same_program_gets_the_same_verdict(sandbox: Sandbox) -> None:
    orders = {judge(sandbox, "x = list({'a', 'b', 'c', 'd', 'e'})", "assert not x, x").detail for _ in range(4)}
    assert len(orders) == 1


def test_a_detail_is_one_printable_line(sandbox: Sandbox) -> None:
    assert judge(sandbox, "raise ValueError('a\\n\\x1b[31mb')", "").detail.startswith("ValueError: a ?[31mb")


@pytest.mark.parametrize("name", ["/etc/x", "../x", "a/../../x", "", "a\0b"])
def test_a_file_outside_the_folder_is_refused(sandbox: Sandbox, name: str) -> None:
    with pytest.raises(UsageError, match="not a path inside"):
        judge(sandbox, "", "", files={name: ""})


def test_checks_see_the_source_and_its_identifiers(sandbox: Sandbox) -> None:
    source = "import os.path as p\nclass A:\n    def f(self, x, *, y): return self.z(k=f'{w}')  # comment\nt = 'text'"
    names = {"os", "path", "p", "A", "f", "self", "x", "y", "z", "k", "w", "t"}
    assert judge(sandbox, "x = 1", f"assert identifiers == {names!r} and source == {source!r}", source=source).passed
    assert judge(sandbox, "x = 1", "assert identifiers == set()", source="def (").passed
    assert identifiers("def (") == set()


def test_trials_can_be_judged_at_once(sandbox: Sandbox) -> None:
    def one(number: int) -> str:
        return judge(sandbox, f"def f(x): return x * {number}", f"assert f(2) == {number // 2 * 4}").outcome

    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(one, range(24))) == ["passed", "failed"] * 12


def test_nothing_is_left_open(sandbox: Sandbox) -> None:
    before = sorted(Path("/proc/self/fd").iterdir())
    for program in ("x = 1", "raise ValueError", "import os; os._exit(0)"):
        judge(sandbox, program, "assert x == 1")
    assert sorted(Path("/proc/self/fd").iterdir()) == before


def test_limits_are_the_callers(sandbox: Sandbox) -> None:
    small = Sandbox(Limits(cpu_s=1, wall_s=2.0, memory_bytes=256 << 20, output_bytes=10))
    assert judge(small, "print('x' * 11)", "").outcome == "output"
    assert judge(small, "x = bytearray(300 << 20)", "").outcome == "memory"
    assert judge(small, "import time\ntime.sleep(9)", "").outcome == "timeout"
    assert judge(small, "print('x' * 9)", "assert stdout == 'x' * 9 + '\\n'").passed


def mbpp_rows() -> Iterator[dict[str, object]]:
    for line in MBPP.read_text(encoding="utf-8").splitlines():
        row = json.loads(line)
        if 511 <= row["task_id"] <= 600:
            yield row


@pytest.mark.skipif(not MBPP.exists(), reason="the MBPP data are not here")
def test_the_references_of_mbpps_validation_tasks_pass(sandbox: Sandbox) -> None:
    def one(row: dict[str, object]) -> object:
        tests = row["test_list"]
        assert isinstance(tests, list)
        checks = "\n".join([str(row["test_setup_code"]), *tests])
        verdict = judge(sandbox, str(row["code"]).replace("\r\n", "\n"), checks.replace("\r\n", "\n"))
        return None if verdict.passed else (row["task_id"], verdict)

    with ThreadPoolExecutor(2) as pool:
        assert [fault for fault in pool.map(one, mbpp_rows()) if fault] == []


class NoHandles:
    """An owner of a codec that has nothing but plain data."""

    def handle(self, value: object) -> tuple[bytes, object]:
        raise WireError(f"a {type(value).__name__}")

    def resolve(self, tag: bytes, plain: object) -> object:
        raise WireError("a handle")


keys = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text() | st.binary(),
    lambda inner: st.tuples(inner, inner) | st.frozensets(inner, max_size=3),
    max_leaves=4,
)
values = st.recursive(
    keys
    | st.complex_numbers(allow_nan=False)
    | st.decimals(allow_nan=False)
    | st.fractions()
    | st.dates()
    | st.datetimes(),
    lambda inner: st.lists(inner) | st.dictionaries(keys, inner, max_size=4) | st.sets(keys, max_size=3),
    max_leaves=12,
)


@given(values)
def test_a_value_comes_back_as_it_was(value: object) -> None:
    codec = Codec(NoHandles(), 1 << 20)
    back = codec.decode(codec.encode(value))
    assert back == value and type(back) is type(value)


@given(st.binary(max_size=60))
def test_any_bytes_are_a_value_or_no_value(data: bytes) -> None:
    with contextlib.suppress(WireError):
        Codec(NoHandles(), 1 << 20).decode(data)


@given(st.lists(st.lists(st.integers())), st.lists(st.lists(st.integers())))
def test_copying_into_gives_the_content_and_keeps_the_object(old: list[list[int]], new: list[list[int]]) -> None:
    same = old
    assert copy_into(old, new) and old == new and old is same
