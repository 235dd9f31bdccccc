"""Notebooks as cells, and edits of a cell as edits of the file."""

from __future__ import annotations

import json

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tabtab_local.edits import Edit, apply, diff
from tabtab_local.errors import DocumentError, UsageError
from tabtab_local.jupyter import ipynb_edit, parse_ipynb
from tabtab_local.marimo import is_marimo, parse_marimo
from tabtab_local.notebook import Cell, Notebook, cell_at, code_cell, context_order, from_cell, to_cell, to_file

# As Marimo 0.25 writes it.
MARIMO = '''# /// script
# dependencies = ["marimo"]
# ///

import marimo

__generated_with = "0.25.2"
app = marimo.App(width="full")

with app.setup(hide_code=True):
    import os

    ROOT = os.getcwd()


@app.cell(
    hide_code=True,
    column=(1),
)
def _():
    import pandas as pd

    return (pd,)


@app.cell
def _():
    return


@app.cell
async def load(
    pd,
    some_long_name: "a:b",
):
    df = pd.read_csv("""
a
  b
""")
    # a comment
    return (
        df,
        some_other,
    )


@app.function
@cache
def double(a):
    # twice
    return a * 2


@app.class_definition(hide_code=True)
class Point:
    x = 1


app._unparsable_cell(
    r"""
    x = (
        "\\d"
    """,
    name="_"
)


app._unparsable_cell(
    """
    y = \\"\\"\\"a\\\\d
    """,
    name="_"
)


@app.cell
def _(df):
    df.
    if df:
        (
    return


if __name__ == "__main__":
    app.run()
'''
CODES = [
    "import os\n\nROOT = os.getcwd()",
    "import pandas as pd\n",
    "",
    'df = pd.read_csv("""\na\n  b\n""")\n# a comment',
    "@cache\ndef double(a):\n    # twice\n    return a * 2",
    "class Point:\n    x = 1",
    'x = (\n    "\\d"',
    'y = """a\\d',
    "df.\nif df:\n    (",
]


def one_cell(body: str, header: str = "@app.cell\ndef _():\n") -> str:
    return (
        f"import marimo\n\napp = marimo.App()\n\n\n{header}{body}\n\n@app.cell\ndef _():\n    other = 1\n    return\n"
    )


def edited(text: str, index: int, new: str) -> str:
    cell = parse_marimo(text).cells[index]
    return apply(text, to_file(cell, diff(cell.code, new)))


def test_every_kind_of_cell_is_found():
    assert [cell.code for cell in parse_marimo(MARIMO).cells] == CODES


def test_a_notebook_is_told_from_other_python():
    assert is_marimo(MARIMO)
    assert is_marimo('import marimo\napp = marimo.App(width="full")\n')
    assert not is_marimo("import marimo\n\nprint(marimo.__version__)\n")
    assert not is_marimo(f"TEXT = '''\n{one_cell('    return')}'''\n")
    assert not is_marimo("")


@pytest.mark.parametrize(
    "text", ["", "x = 1", "@app.cell", "@app.cell(", "@app.cell\ndef _(", "@app.cell\ndef _(\n    a\n"]
)
def test_fragments_have_no_cell_with_code(text):
    assert all(cell.code in ("", "a") for cell in parse_marimo(text).cells)


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ("    x = 1\n    return x, y\n", "x = 1"),
        ("    x = 1\n    return (x,)  # noqa\n\n# between cells\n", "x = 1"),
        ("    def f():\n        return 1\n    return (f,)\n", "def f():\n    return 1"),
        ("    def f():\n        return 1\n", "def f():\n    return 1"),
        ("    x = f(\n        1\n    )\n", "x = f(\n    1\n)"),
        ("    returned = 1\n", "returned = 1"),
        ("    x = '''\nno indent\n    four\n'''\n    return\n", "x = '''\nno indent\nfour\n'''"),
        ("    x = '''\nnever closed\n    return\n", "x = '''\nnever closed"),
        ("\tif x:\n\t\ty\n\treturn\n", "if x:\n\ty"),
        ("  if x:\n    y\n  return\n", "if x:\n  y"),
        ("  if x:\n    y\n", "if x:\n  y"),
        ("    x = 1\n    \n    return\n", "x = 1\n"),
        ("    x = 1\n        \n", "x = 1\n    "),
        ("    # only this\n    return\n", "# only this"),
    ],
)
def test_bodies_are_dedented_and_lose_only_the_generated_return(body, code):
    assert [cell.code for cell in parse_marimo(one_cell(body)).cells] == [code, "other = 1"]


@pytest.mark.parametrize("head", ["@app.cell\ndef _(): return\n", "@app.cell\ndef _(a): x = a; return\n"])
def test_a_cell_on_one_line_has_no_place_for_a_cursor(head):
    text = one_cell("", head)
    assert len(parse_marimo(text).cells) == 2
    assert cell_at(parse_marimo(text), text.index("return")) is None


def test_a_cursor_is_in_a_cell_or_in_none():
    notebook = parse_marimo(MARIMO)

    def at(line: str) -> int | None:
        return cell_at(notebook, MARIMO.index(line))

    assert at("    import os") == 0
    assert at("ROOT") == 0
    assert at("    import pandas") == 1
    assert at("    return\n") == 2
    assert at("  b\n") == 3
    assert at("def double") == 4
    assert at("class Point") == 5
    assert at("    x = (") == 6
    assert at("    df.\n") == 8
    for line in (
        "# ///",
        "with app",
        "@app.cell(",
        "    column",
        "    return (pd",
        "@app.function",
        "    name=",
        "if __name",
    ):
        assert at(line) is None, line


def test_the_last_line_of_a_file_belongs_to_its_last_cell():
    text = "import marimo\napp = marimo.App()\n\n@app.cell\ndef _():\n"
    assert cell_at(parse_marimo(text), len(text)) == 0
    assert edited(text, 0, "x = 1") == text + "    x = 1\n"
    assert cell_at(parse_marimo(text.rstrip()), len(text) - 1) is None


def test_places_convert_between_file_and_cell():
    cell = parse_marimo(MARIMO).cells[3]
    place = MARIMO.index("  b\n")
    assert to_cell(cell, place) == cell.code.index("  b\n")
    assert to_cell(cell, MARIMO.index("    # a comment") + 2) == cell.code.index("# a comment")
    for offset in range(len(cell.code) + 1):
        assert to_cell(cell, from_cell(cell, offset)) == offset


@pytest.mark.parametrize(
    ("body", "new", "expected"),
    [
        ("    df = \n    return\n", "df = f(x)", "    df = f(x)\n    return\n"),
        ("    df = \n    return\n", "import f\ndf = f(x)\n", "    import f\n    df = f(x)\n\n    return\n"),
        ("    if x:\n        a\n    return\n", "if x:\n    a\n    b", "    if x:\n        a\n        b\n    return\n"),
        ("    a\n    b\n    c\n    return\n", "a\nc", "    a\n    c\n    return\n"),
        ("    a\n\n    c\n    return\n", "a\nb\nc", "    a\n    b\n    c\n    return\n"),
        ("    return\n", "a\n\nb", "    a\n\n    b\n    return\n"),
        ("\n    return\n", "a", "    a\n    return\n"),
        ("    \n    return\n", "a", "    a\n    return\n"),
        ("  \n    return\n", "a", "    a\n    return\n"),
        ("    s = '''\nraw\n'''\n    return\n", "s = '''\nraw!\n'''\nt", "    s = '''\nraw!\n'''\n    t\n    return\n"),
        ("\ta\n\treturn\n", "if a:\n\tb", "\tif a:\n\t\tb\n\treturn\n"),
    ],
)
def test_an_edit_of_a_cell_keeps_the_indentation_of_the_file(body, new, expected):
    assert edited(one_cell(body), 0, new) == one_cell(expected)


def test_a_cell_that_is_stored_as_a_string_takes_edits_but_not_its_quotes():
    after = edited(MARIMO, 6, 'x = (\n    "\\d"\n)')
    assert after == MARIMO.replace('        "\\d"\n', '        "\\d"\n    )\n')
    with pytest.raises(DocumentError, match="Marimo"):
        edited(MARIMO, 6, 'x = """')


def test_a_cell_that_is_not_text_of_the_file_has_no_places():
    with pytest.raises(ValueError, match="not text"):
        to_file(parse_marimo(MARIMO).cells[7], [Edit(0, 0, "x")])
    with pytest.raises(ValueError, match="not text"):
        from_cell(parse_marimo(MARIMO).cells[7], 0)


LINE = st.sampled_from(
    ["", "", "x = 1", "if x:", "    y", "        z", "'''", "return_ = 1", "é🙂", "  ", "\t", "# c", ")"]
)
CODE = st.lists(LINE, max_size=8).map("\n".join)


def body_of(code: str, bare: list[bool]) -> str:
    """Write a cell as Marimo does, but leave some lines without indentation, as in strings."""
    lines = [
        line if without and row and not line.startswith("    ") and line.strip() else (f"    {line}" if line else "")
        for row, (line, without) in enumerate(zip(code.split("\n"), bare * 10, strict=False))
    ]
    return "\n".join([*lines, "    return (\n        x,\n    )\n"])


@given(CODE, CODE, st.lists(st.booleans(), min_size=1))
@example("", "x", [False])
@example("x\n\n\ny", "x\n\ny", [False])
def test_an_edited_cell_parses_to_its_new_code_and_nothing_else_changes(old, new, bare):
    text = one_cell(body_of(old, bare))
    assert parse_marimo(text).cells[0].code == old
    after = edited(text, 0, new)
    assert [cell.code for cell in parse_marimo(after).cells] == [new, "other = 1"]
    above, below = one_cell("|").split("|")
    assert after.startswith(above)
    assert after.endswith("    return (\n        x,\n    )\n" + below)


@given(CODE, st.data())
def test_any_edits_of_a_cell_do_to_the_file_what_they_do_to_the_code(code, data):
    text = one_cell(body_of(code, data.draw(st.lists(st.booleans(), min_size=1))))
    cell = parse_marimo(text).cells[0]
    places = sorted(data.draw(st.lists(st.integers(0, len(code)), min_size=2, max_size=6)))
    edits = [Edit(a, b, data.draw(CODE)) for a, b in zip(places[::2], places[1::2], strict=False)]
    after = parse_marimo(apply(text, to_file(cell, edits)))
    assert [cell.code for cell in after.cells] == [apply(code, edits), "other = 1"]


@given(st.sampled_from([0, 1, 2, 3, 6, 8]), CODE)
def test_editing_one_cell_leaves_all_others_as_they_are(index, new):
    if index == 0:
        new = new.rstrip("\n")  # Nothing marks the end of the setup cell.
    if index == 6:
        new = new.replace("'''", "x")
    after = parse_marimo(edited(MARIMO, index, new))
    assert [cell.code for cell in after.cells] == [*CODES[:index], new, *CODES[index + 1 :]]


def test_context_is_what_gives_names_then_what_takes_them_then_what_is_near():
    cells = ["import pandas as pd", "far = 1", "df = pd.DataFrame()", "x = df.", "near = 1", "print(x)", "", "pd.x"]
    notebook = Notebook((*map(Cell, cells), Cell("x", kind="markdown")))
    assert context_order(notebook, 3) == (2, 5, 4, 1, 0, 7)
    assert context_order(notebook, 2) == (0, 3, 1, 4, 5, 7)


def ipynb(*sources: object, indent: int | None = 1, ascii_only: bool = False, **more: object) -> str:
    cells = [
        {"cell_type": "code", "id": str(i), "metadata": {}, "outputs": [], "source": s} for i, s in enumerate(sources)
    ]
    document = {"cells": cells, "metadata": {"x": "é"}, "nbformat": 4, "nbformat_minor": 5, **more}
    return json.dumps(document, indent=indent, ensure_ascii=ascii_only) + "\n"


def test_a_jupyter_source_is_a_list_of_lines_or_a_string():
    assert [cell.code for cell in parse_ipynb(ipynb(["a\n", "b"], "c\nd", [], "")).cells] == ["a\nb", "c\nd", "", ""]


def test_cells_are_counted_from_1_as_people_see_them():
    text = ipynb("a", "b", "c").replace('"code"', '"markdown"', 1).replace('"code"', '"raw"', 1)
    notebook = parse_ipynb(text)
    assert code_cell(notebook, 3) == 2
    for number, message in ((0, "choose 1-3"), (4, "choose 1-3"), (1, "cell 1 is a markdown cell.*3"), (2, "raw")):
        with pytest.raises(UsageError, match=message):
            code_cell(notebook, number)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "line 1, column 1"),
        ('{"cells": [\n}', "line 2, column 1"),
        ("[" * 100_000, "nested"),
        ("[]", "not a Jupyter notebook"),
        ("{}", "not a Jupyter notebook"),
        ('{"nbformat": 3, "worksheets": []}', "nbformat 3.*convert"),
        ('{"nbformat": 4}', "no cells"),
        ('{"nbformat": 4, "cells": []}', "no cells"),
        ('{"nbformat": 4, "cells": [1]}', "cell 1"),
        ('{"nbformat": 4, "cells": [{"cell_type": "code", "source": [1]}]}', "cell 1"),
        ('{"nbformat": 4, "cells": [{"cell_type": "code"}]}', "cell 1"),
        ('{"nbformat": 4, "cells": [{"cell_type": ["x"], "source": ""}]}', "cell 1"),
    ],
)
def test_what_is_no_notebook_is_refused_in_one_line(text, message):
    with pytest.raises(DocumentError, match=message) as caught:
        parse_ipynb(text)
    assert "\n" not in str(caught.value)


SOURCE = st.lists(
    st.sampled_from(["a", "é", "🙂", '"', "\\", "\n", "\n", "x = 1\n", "\t", "\x0c", "\rx", "\u2028", "\ud800"]),
    max_size=12,
).map("".join)


def as_lines(code: str) -> list[str]:
    return [line for line in code.replace("\n", "\n\0").split("\0") if line]


@given(st.lists(SOURCE, min_size=1, max_size=4), SOURCE, st.data())
def test_an_edit_of_a_jupyter_cell_changes_its_source_and_nothing_else(codes, new, data):
    sources = [code if data.draw(st.booleans()) else as_lines(code) for code in codes]
    text = ipynb(*sources, indent=data.draw(st.sampled_from([None, 1, 4])), ascii_only=data.draw(st.booleans()))
    index = data.draw(st.integers(0, len(codes) - 1))
    edits = ipynb_edit(text, index, diff(codes[index], new))
    after = apply(text, edits)
    expected = json.loads(text)
    source = as_lines(new) if isinstance(sources[index], list) else new
    expected["cells"][index]["source"] = source
    assert json.loads(after) == expected
    assert all('"source"' not in text[edit.start : edit.end] + edit.text for edit in edits)


def test_a_list_of_lines_keeps_its_style_and_its_unchanged_lines():
    text = ipynb(["a = 'é'\n", "b\n", "c"])
    assert apply(text, ipynb_edit(text, 0, [Edit(9, 9, "x = 1\ny")])) == ipynb(["a = 'é'\n", "bx = 1\n", "y\n", "c"])
    strange = '{"nbformat": 4, "cells": [{"cell_type": "code", "source": [ "\\u0061\\n" ,"b\\n",  "c" ] }]}'
    assert apply(strange, ipynb_edit(strange, 0, [Edit(2, 3, "é")])) == strange.replace('"b', '"é')


@pytest.mark.parametrize("indent", [None, 1, 2, 4])
def test_an_empty_cell_gets_lines_in_the_style_of_the_file(indent):
    text = ipynb([], indent=indent)
    assert apply(text, ipynb_edit(text, 0, [Edit(0, 0, "a\nb")])) == ipynb(["a\n", "b"], indent=indent)


def test_an_emptied_cell_has_an_empty_list():
    text = ipynb(["a\n", "b"])
    assert apply(text, ipynb_edit(text, 0, [Edit(0, 3, "")])) == ipynb([])


def test_text_is_written_as_the_file_writes_it():
    for ascii_only in (False, True):
        text = ipynb(["a"], ascii_only=ascii_only)
        assert apply(text, ipynb_edit(text, 0, [Edit(1, 1, "é🙂")])) == ipynb(["aé🙂"], ascii_only=ascii_only)
    plain = ipynb("print('\\u001b \\\\u00e9')").replace("é", "e")
    assert '"é"' in apply(plain, ipynb_edit(plain, 0, diff("print('\\u001b \\\\u00e9')", "é")))


@pytest.mark.parametrize("source", ["a\r\nb\r\nc", ["a\r\n", "b\r\n", "c"]])
def test_windows_line_ends_in_a_source_stay(source):
    text = ipynb(source)
    assert parse_ipynb(text).cells[0].code == "a\nb\nc"
    after = json.loads(apply(text, ipynb_edit(text, 0, [Edit(2, 3, "x\ny")])))["cells"][0]["source"]
    assert "".join(after) == "a\r\nx\r\ny\r\nc"


def test_no_change_is_no_edit():
    assert ipynb_edit(ipynb(["a"]), 0, [Edit(0, 1, "a")]) == ()


def test_the_last_of_equal_keys_is_the_one_that_counts():
    text = '{"nbformat": 4, "cells": 0, "cells": [{"cell_type": "code", "source": "x", "source": "y"}]}'
    assert apply(text, ipynb_edit(text, 0, [Edit(1, 1, "z")])) == text.replace('"y"', '"yz"')
