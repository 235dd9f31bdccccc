"""Places in generated programs, and in the standard library beside Python's own tables of symbols."""

from __future__ import annotations

import ast
import importlib.util
import re
import symtable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tabtab_local.document import Document
from tabtab_local.edits import Edit, apply
from tabtab_local.place import next_places
from tabtab_local.place.literal import code_only

# Programs in which each name is used in some of the ways that there are.
_LINES = (
    "{a} = {b} + 1",
    "print({a}, f'{{{b}}} {a}', '{a}')  # {b}",
    "for {a} in {b}:\n    print({a})",
    "def {a}({b}, *, {c}=1):\n    return {b} + {c} + x.{a}",
    "def g():\n    global {a}\n    {a} = {b}\n    return lambda {c}: {c} + {b}",
    "class {a}:\n    {b} = {c}\n    def {c}(self, {a}):\n        self.{a} = {b}\n        return self.{b}",
    "{a} = [{b} for {b} in {c} if {b}]",
    "try:\n    {a}()\nexcept {b} as {c}:\n    {a} = {c}",
    "if {a}:\n    {b} = 1\nelse:\n    {b} += {c}",
    "while {a}:\n    {b} = {c}\n    if {c}: break\n    {c} = 1",
    "with {a} as {b}: {c}({b}={b}, é={a})",
    "x = ({a}",
    "import {a}, os as {b}",
)

_names = st.sampled_from(["n", "é", "total", "k2"])

_lines = st.builds(lambda line, a, b, c: line.format(a=a, b=b, c=c), st.sampled_from(_LINES), _names, _names, _names)

_programs = st.lists(_lines, min_size=1, max_size=6).map("\n".join)


def words(code: str, word: str) -> list[re.Match[str]]:
    return list(re.finditer(rf"(?<!\w){word}(?!\w)", code))


def document(code: str, cursor: int = 0) -> Document:
    return Document("python", code, code, min(cursor, len(code)))


@settings(max_examples=300, deadline=None)
@given(_programs, _names, st.data())
def test_a_place_is_where_the_name_ends_in_code(code, name, data):
    places = words(code, name)
    if not places:
        return
    one = data.draw(st.sampled_from(places))
    after = code[: one.start()] + "fresh" + code[one.end() :]
    clean = code_only(after)
    found = next_places(document(code), document(after, one.start() + 5))
    for place in found:
        if place.why.startswith("renamed"):
            assert words(clean[: place.offset], place.name)[-1].end() == place.offset
            assert clean[: place.offset - len(place.name)].rstrip()[-1:] != "." or "self." in after
    assert len({place.offset for place in found}) == len(found)


@settings(max_examples=300, deadline=None)
@given(_programs, _names, st.data())
def test_places_grow_fewer_as_they_are_dealt_with(code, name, data):
    places = words(code, name)
    if not places:
        return
    one = data.draw(st.sampled_from(places))
    edited = code[: one.start()] + "fresh" + code[one.end() :]
    cursor = one.start() + 5
    found = [p for p in next_places(document(code), document(edited, cursor)) if p.why == "renamed to fresh"]
    while found:
        first = found[0]
        edited = edited[: first.offset - len(first.name)] + "fresh" + edited[first.offset :]
        left = [p for p in next_places(document(code), document(edited, cursor)) if p.why == "renamed to fresh"]
        assert len(left) == len(found) - 1
        found = left


@settings(max_examples=150, deadline=None)
@given(_programs, _names)
def test_a_name_that_was_replaced_everywhere_leaves_nothing_behind(code, name):
    everywhere = re.sub(rf"(?<!\w){name}(?!\w)", "fresh", code)
    assert not next_places(document(code), document(everywhere))


@settings(max_examples=150, deadline=None)
@given(st.text(alphabet="ab =()'\"{}#\n:f.,\\", max_size=60), st.text(alphabet="ab =()'\"{}#\n:f.,\\", max_size=60))
def test_any_two_texts_can_be_compared(before, after):
    for place in next_places(document(before), document(after)):
        assert 0 <= place.offset <= len(after)


def test_code_that_is_indented_throughout_has_no_pieces():
    assert not next_places(document("  a = 1\n  b = a\n"), document("  fresh = 1\n  b = a\n"))


def uses(code: str, name: str) -> set[tuple[int, int]]:
    """Return the rows and columns behind which the module's `name` is read, by Python's own tables of symbols.

    The table of a scope is told by its name and row; where two have both in common, they must agree.
    """
    tables: dict[tuple[str, int], set[bool]] = {}
    waiting = [symtable.symtable(code, "m", "exec")]
    while waiting:
        table = waiting.pop()
        waiting += table.get_children()
        is_ours = name in table.get_identifiers() and (table.get_type() == "module" or table.lookup(name).is_global())
        tables.setdefault((table.get_name(), table.get_lineno()), set()).add(is_ours)
    found: set[tuple[int, int]] = set()

    def visit(node: ast.AST, ours: bool) -> None:
        if isinstance(node, ast.Name) and node.id == name and ours:
            found.add((node.lineno, node.end_col_offset))
        own, inner = table_name(node), ours
        if own is not None:
            (inner,) = tables[own, node.lineno]
        inside = inner_nodes(node)
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.comprehension):
                visit(child.iter, ours if child is node.generators[0] else inner)
                for part in (child.target, *child.ifs):
                    visit(part, inner)
            else:
                visit(child, inner if child in inside else ours)

    (module,) = tables["top", 0]
    visit(ast.parse(code), module)
    return found


def table_name(node: ast.AST) -> str | None:
    """Return the name that the symbol table of a scope has."""
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        return node.name
    kinds = {"Lambda": "lambda", "ListComp": "listcomp", "SetComp": "setcomp", "DictComp": "dictcomp"}
    return (kinds | {"GeneratorExp": "genexpr"}).get(type(node).__name__)


def inner_nodes(node: ast.AST) -> list[ast.AST]:
    """Return the children of a node that run in its own scope, if it has one."""
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        return node.body
    return [
        getattr(node, field) for field in ("body", "elt", "key", "value") if table_name(node) and hasattr(node, field)
    ]


_STANDARD = ("textwrap", "argparse", "shutil", "inspect", "tokenize", "difflib", "json.decoder", "ast", "statistics")


@pytest.mark.parametrize("module", _STANDARD)
def test_places_in_the_standard_library_are_those_of_its_symbol_tables(module):
    code = Path(importlib.util.find_spec(module).origin).read_text(encoding="utf-8")
    names = [name for name in re.findall(r"^def (\w+)", code, re.MULTILINE) if len(words(code, name)) > 1]
    checked = 0
    for name in names[:12]:
        if len(re.findall(rf"^(?:def|class) {name}\b|^{name}\b|import.*\b{name}\b", code, re.MULTILINE)) > 1:
            continue
        after = re.sub(rf"^def {name}\b", "def fresh", code, count=1, flags=re.MULTILINE)
        places = next_places(document(code), document(after), limit=10_000)
        rows = {(after.count("\n", 0, p.offset) + 1, p.offset - after.rfind("\n", 0, p.offset) - 1) for p in places}
        # Before Python 3.12, trees have what stands in f-strings in wrong places.
        plain = {row for row, line in enumerate(after.split("\n"), start=1) if not re.search(r"\bf['\"]", line)}
        theirs = {(row, at) for row, at in uses(code, name) if row in plain}
        assert {(row, at) for row, at in rows if row in plain} == theirs, name
        checked += len(theirs)
    assert checked


def outside_names(code: str) -> set[tuple[str, str]]:
    """Return the names that each scope takes from the module or from nowhere, beside the name of the scope."""
    waiting, found = [symtable.symtable(code, "m", "exec")], set()
    while waiting:
        table = waiting.pop()
        waiting += table.get_children()
        found |= {(table.get_name(), symbol.get_name()) for symbol in table.get_symbols() if symbol.is_global()}
    return found


@pytest.mark.parametrize("module", ["textwrap", "configparser", "heapq", "zipfile", "dataclasses"])
def test_dealing_with_all_places_leaves_no_local_name_without_a_value(module):
    code = Path(importlib.util.find_spec(module).origin).read_text(encoding="utf-8")
    starts = [0, *(match.end() for match in re.finditer("\n", code))]
    bound = [
        (node.id if isinstance(node, ast.Name) else node.arg, starts[node.lineno - 1] + node.col_offset)
        for node in ast.walk(ast.parse(code))
        if (isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)) or isinstance(node, ast.arg)
    ]
    taken, checked = outside_names(code), 0
    for name, start in bound[:: len(bound) // 40 + 1]:
        if not code.startswith(name, start):
            continue
        after = code[:start] + "fresh" + code[start + len(name) :]
        places = [p for p in next_places(document(code), document(after), limit=10_000) if p.why == "renamed to fresh"]
        done = apply(
            after, [Edit(p.offset - len(name), p.offset, "fresh") for p in sorted(places, key=lambda p: p.offset)]
        )
        new = outside_names(done) - taken
        assert not places or {(scope, "fresh") for scope, other in taken if other == name} >= new, name
        checked += bool(places)
    assert checked
