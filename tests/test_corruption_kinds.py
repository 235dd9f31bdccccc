"""Corruptions one by one: what they do to code that is made for them."""

from __future__ import annotations

import random
from collections.abc import Callable

from tabtab_local.edits import Span
from tabtab_local.prompt import RecentEdit
from training.data.corruption.drift import comment_drift, duplicated_line, reordered_line, stale_copy
from training.data.corruption.example import Example
from training.data.corruption.propagation import propagate_rename
from training.data.corruption.scope import bindings
from training.data.corruption.signature import signature
from training.data.corruption.silence import no_edit_completed, no_edit_deleted
from training.data.corruption.syntax import argument, block, decorator, docstring, import_line, statement
from training.data.corruption.unfinished import half_typed, step
from training.data.document import Document


def examples(corruption: Callable[..., Example | None], text: str, count: int = 80) -> list[Example]:
    made = [corruption(Document(text), random.Random(seed)) for seed in range(count)]
    return [example for example in made if example]


def marked(example: Example) -> str:
    prompt = example.prompt
    return f"{prompt.region[: prompt.cursor]}|{prompt.region[prompt.cursor :]}"


def test_a_half_typed_name_keeps_its_beginning_and_the_code_below():
    asked = {marked(example) for example in examples(half_typed, "print(total)\nlast = 1")}
    assert "print(tot|)\nlast = 1" in asked
    assert "print(tot|\nlast = 1" in asked
    assert all(
        text.endswith("\nlast = 1") for text in asked if text.startswith("print(") and "|" in text.split("\n")[0]
    )


def test_an_argument_goes_with_one_comma():
    asked = {marked(example) for example in examples(argument, "f(a, b=(1, 2), *c)")}
    assert asked == {"f(|b=(1, 2), *c)", "f(a|, *c)", "f(a, b=(1, 2)|)"}


def test_an_argument_in_parentheses_of_its_own_or_a_bare_generator_stays():
    assert not examples(argument, "f((a))\ng(x for x in y)")


def test_a_statement_leaves_a_line_or_is_missed_below():
    text = "rows = [\n    1,\n]\nprint(rows)\nprint(1)"
    asked = {marked(example) for example in examples(statement, text)}
    assert "|\nprint(rows)\nprint(1)" in asked
    assert "rows = [\n    1,\n]\n|\nprint(1)" in asked
    assert "rows = [\n    1,\n]|\nprint(1)" not in asked
    below = {marked(example) for example in examples(statement, "x = 1\ny = 2\nprint(y)")}
    assert "x = 1|\nprint(y)" in below


def test_a_block_leaves_its_header_and_docstring():
    text = 'def f(x):\n    """Add."""\n    y = x\n    return y\n\n\nprint(f(1))'
    asked = {marked(example) for example in examples(block, text)}
    assert 'def f(x):\n    """Add."""\n    |' in asked
    assert all('"""Add."""' in text for text in asked)


def test_an_import_is_removed_only_where_it_is_used():
    assert not examples(import_line, "import os\nprint(1)")
    asked = {marked(example) for example in examples(import_line, "import re\nfrom a import b, c\n\nprint(b, c, re)")}
    assert "|\nfrom a import b, c\n\nprint(b, c, re)" in asked
    assert "import re\nfrom a import b|\n\nprint(b, c, re)" in asked
    assert "import re\n|\nprint(b, c, re)" in asked


def test_a_decorator_needs_a_hint():
    assert not examples(decorator, "@register\ndef f(x):\n    return x")
    siblings = "@register\ndef f(x):\n    return x\n\n@register\ndef g(x):\n    return x"
    assert examples(decorator, siblings)
    assert examples(decorator, "class A:\n    @staticmethod\n    def f(x):\n        return x")
    assert examples(decorator, "@dataclass\nclass A:\n    x: int")


def test_a_docstring_is_asked_for_with_or_without_its_quotes():
    asked = {marked(example) for example in examples(docstring, 'def add(a):\n    """Add one."""\n    return a + 1')}
    assert asked == {"def add(a):\n    |\n    return a + 1", 'def add(a):\n    """|\n    return a + 1'}


def test_a_given_intent_is_repeated_and_an_intent_of_removed_code_is_inferred():
    document = Document("x = 1\n\ny = sum(range(x, x + 10))\n", intents=((Span(7, 32), "Add one"),))
    made = [step(document, random.Random(seed)) for seed in range(40)]
    assert all(example.response.intent == "Add one" for example in made)
    assert {example.prompt.intent for example in made} == {"", "Add one"}


def test_names_are_resolved_by_scope():
    text = (
        "x = 1\n"
        "def f(x, y=2):\n    z = x + y\n    return [x for x in z if x], f'{z} {{x}} x'\n"
        "class A:\n    def m(self):\n        self.v = x\n        return self.v\n"
        "f(1, y=x)\nprint(lambda x: x)\n"
    )
    document = Document(text)
    found = {(one.sort, one.name, one.definition.start): len(one.uses) for one in bindings(document)}
    assert {(sort, name): uses for (sort, name, _), uses in found.items() if name != "x"} == {
        ("function", "f"): 1,
        ("parameter", "y"): 2,
        ("variable", "z"): 2,
        ("attribute", "v"): 1,
    }
    # Of the module, the function, the comprehension and the lambda.
    assert sorted(uses for (_, name, _), uses in found.items() if name == "x") == [1, 1, 2, 2]


def test_a_rename_follows_parameters_to_keywords_and_attributes_to_methods():
    text = "def area(width, height):\n    return width * height\n\nprint(area(width=2, height=3))"
    made = examples(propagate_rename, text, 200)
    assert all(example.response.region == text for example in made)
    first = next(e for e in made if marked(e).startswith("def area(width|, height):\n    return w"[:15]))
    old = first.prompt.recent_edits[0].original.split("(")[1].split(",")[0]
    assert (
        first.prompt.region == f"def area(width, height):\n    return {old} * height\n\nprint(area({old}=2, height=3))"
    )
    assert first.response.cursor == text.index("width=2")
    assert first.prompt.recent_edits == (RecentEdit(f"def area({old}, height):", "def area(width, height):"),)


def test_a_rename_may_be_under_way():
    text = "rows = load()\nprint(rows)\nshow(rows)\nsave(rows)"
    made = [example for example in examples(propagate_rename, text, 300) if len(example.prompt.recent_edits) == 2]
    assert made
    for example in made:
        assert example.prompt.region.startswith("rows = load()\nprint(rows)\n")
        assert example.prompt.recent_edits[1].updated == "print(rows)"
        assert example.response.cursor == text.index("rows)\nsave") + len("rows)\nsave(")


def test_the_calls_follow_a_changed_signature():
    text = "def area(width, height):\n    return width * height\n\na = area(w, h)\nprint(area(x, height=y))"
    made = examples(signature, text, 400)
    assert all(example.response.region == text for example in made)
    asked = {(example.prompt.recent_edits[0].original, example.prompt.region.split("\n\n")[1]) for example in made}
    assert ("def area(width):", "a = area(w)\nprint(area(x))") in asked
    assert ("def area(height, width):", "a = area(h, w)\nprint(area(x, height=y))") in asked
    assert (
        "def area(width, height, debug=False):",
        "a = area(w, h, debug=True)\nprint(area(x, height=y, debug=True))",
    ) in asked
    assert any(original == "    return width * height, None" for original, _ in asked)
    added = next(e for e in made if e.prompt.recent_edits[0].original == "def area(width):")
    assert added.response.cursor == text.index(", height=y)")


def test_nobody_is_asked_for_a_value_that_only_the_call_had():
    made = examples(signature, "def f(x):\n    return x\n\nprint(f(-44))", 100)
    assert made
    assert all(example.prompt.recent_edits[0].original != "def f():" for example in made)


def test_a_comment_and_its_code_follow_each_other():
    text = '# sort by price\nrows = sort(rows, "price")\n\nnames = pick("name")'
    made = examples(comment_drift, text)
    asked = {(example.prompt.region, example.prompt.recent_edits[0].updated) for example in made}
    assert asked == {
        (text.replace("by price", "by name"), 'rows = sort(rows, "price")'),
        (text.replace('"price"', '"name"'), "# sort by price"),
    }
    assert all(example.response.region == text for example in made)


def test_a_pasted_line_is_adapted():
    text = 'plot(x, label="x")\nplot(y, label="y")\nshow()'
    made = examples(stale_copy, text)
    assert {example.prompt.region for example in made} == {'plot(x, label="x")\nplot(x, label="x")\nshow()'}
    assert {example.response.region for example in made} == {text}
    assert {example.response.cursor for example in made} == {text.index('y")')}


def test_a_copy_that_nobody_could_adapt_is_left():
    assert not examples(stale_copy, 'add("lamp", "red")\nadd("sofa", "blue")')


def test_the_order_of_two_lines_is_restored():
    made = examples(reordered_line, "a = 1\nb = a + 1\nprint(b)")
    assert {example.prompt.region for example in made} == {"b = a + 1\na = 1\nprint(b)", "a = 1\nprint(b)\nb = a + 1"}
    assert {example.response.region for example in made} == {"a = 1\nb = a + 1\nprint(b)"}
    assert not examples(reordered_line, "a = 0\na = 1\nb = a")


def test_only_lines_that_do_nothing_twice_are_doubled():
    made = examples(duplicated_line, "import os\nx = x + 1\nprint(x)")
    assert {example.prompt.region for example in made} == {"import os\nimport os\nx = x + 1\nprint(x)"}


def test_a_completed_edit_is_shown_and_left_alone():
    made = examples(no_edit_completed, "width = 2\nprint(width)\nshow(width)")
    assert made
    for example in made:
        last = example.prompt.recent_edits[-1]
        assert last.original != last.updated
        assert last.updated in example.prompt.region


def test_only_what_nothing_needs_is_deleted_on_purpose():
    made = examples(no_edit_deleted, "a = 1\nb = 2\nprint(a)\nprint(b)")
    assert {example.prompt.region for example in made} == {"a = 1\nb = 2\nprint(b)", "a = 1\nb = 2\nprint(a)"}
    assert {example.prompt.recent_edits[0].updated for example in made} == {"b = 2", "print(a)"}
