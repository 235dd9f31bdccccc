"""The region that is rewritten, and the context around it."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from tabtab_local.region import CELL_LINES, FILE_LINES, cell_context, cell_region, file_context, file_region

TEXT = st.lists(st.sampled_from(["x = 1\n", "\n", "    y\n", "import os\n", "é🙂\n", "z"]), max_size=60).map("".join)


@given(TEXT, st.data())
def test_a_region_is_whole_lines_around_the_cursor(text, data):
    offset = data.draw(st.integers(0, len(text)))
    region = file_region(text, offset)
    assert region.start <= offset <= region.end
    assert region.start == 0 or text[region.start - 1] == "\n"
    assert region.end == len(text) or text[region.end] == "\n"
    assert text.count("\n", region.start, region.end) <= 2 * FILE_LINES


def test_a_region_stops_at_two_blank_lines():
    text = "def a():\n    return 1\n\n\ndef b():\n    return \n\n\ndef c():\n    pass\n"
    region = file_region(text, text.index("return \n") + 7)
    assert region.of(text) == "def b():\n    return "


def test_a_region_goes_over_one_blank_line_but_not_into_blank_lines_at_its_ends():
    text = "a = 1\n\nb = \n\n"
    assert file_region(text, 11).of(text) == "a = 1\n\nb = "


def test_a_cursor_between_definitions_has_its_blank_line_as_region():
    text = "a\n\n\n\n\n\nb\n"
    assert file_region(text, 4).of(text) == ""


def test_a_short_cell_is_a_region_as_a_whole_and_a_long_one_is_cut():
    short = "a = 1\n\n\nb = 2"
    assert cell_region(short, 0).of(short) == short
    long = "\n".join(f"x{i} = {i}" for i in range(200))
    region = cell_region(long, long.index("x100"))
    assert region.of(long).split("\n")[0] == f"x{100 - CELL_LINES // 2} = {100 - CELL_LINES // 2}"


def test_context_is_all_of_a_short_file():
    text = "import os\n\n\na = 1\n\n\nb = 2\n"
    region = file_region(text, text.index("a = 1"))
    context = file_context(text, region, 1000, len)
    assert (context.above, context.below) == ("import os", "b = 2")


@given(TEXT, st.data(), st.integers(0, 300))
def test_context_never_costs_more_than_its_budget(text, data, budget):
    region = file_region(text, data.draw(st.integers(0, len(text))))
    context = file_context(text, region, budget, len)
    lines = context.above.split("\n") * bool(context.above) + context.below.split("\n") * bool(context.below)
    assert sum(len(line) + 1 for line in lines) <= max(budget, 0) + 1


def test_imports_outlive_the_lines_that_are_cut_off():
    body = "".join(f"value_{i} = {i}\n" for i in range(300))
    text = "import os\nfrom math import (\n    sin,\n)\n" + body + "\n\nlast = "
    context = file_context(text, file_region(text, len(text)), 400, len)
    assert context.above.startswith("import os\nfrom math import (\n    sin,\n)\nvalue_")
    assert context.above.endswith("value_299 = 299")


def test_context_keeps_its_start_when_the_cursor_moves_by_a_line():
    text = "".join(f"value_{i} = {i}\n" for i in range(300))
    starts = set()
    for row in range(200, 212):
        offset = text.index(f"value_{row} ")
        starts.add(file_context(text, file_region(text, offset), 900, len).above.split("\n")[0])
    assert len(starts) <= 2


def test_cells_are_kept_by_importance_and_shown_in_notebook_order():
    cells = ["import a", "b = a.load()", "# long " + "x" * 100, "c = b.use()", "d = 1"]
    context = cell_context(cells, 3, (1, 0, 4, 2), 40, len)
    assert (context.above, context.below) == ("import a\n\nb = a.load()", "d = 1")
