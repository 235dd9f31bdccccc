"""What of an edited file is run."""

from __future__ import annotations

import pytest

from tabtab_local.errors import DocumentError
from training.evaluation.program import program

HEAD = "import marimo\n\napp = marimo.App()\n"
TAIL = '\n\nif __name__ == "__main__":\n    app.run()\n'


def notebook(*cells: str) -> str:
    """Return a Marimo notebook of these cells; nobody reads the arguments and names that Marimo generates."""
    parts = []
    for cell in cells:
        body = "".join(f"    {line}\n" if line else "\n" for line in cell.split("\n"))
        parts.append(f"\n\n@app.cell\ndef _():\n{body}    return\n")
    return HEAD + "".join(parts) + TAIL


def outcome(text: str) -> dict[str, object]:
    """Return the global names of the program after it has run."""
    names: dict[str, object] = {}
    exec(program(text), names)
    return names


def test_a_plain_file_is_its_own_program():
    text = "# a comment\r\nx = 1\n\n\nif __name__ == '__main__':\n    print(x)"
    assert program(text) == text


def test_a_file_with_a_notebook_in_a_string_is_a_plain_file():
    text = f'TEXT = """\n{HEAD}\n"""\n'
    assert program(text) == text


def test_only_the_code_of_the_cells_is_run():
    assert program(notebook("x = 1", "y = x + 1\nprint(y)")) == "x = 1\n\ny = x + 1\nprint(y)\n"


def test_a_cell_runs_after_the_cells_that_define_what_it_uses():
    text = notebook("total = price * count", "price = 3", "print(total)", "count = price + 1")
    assert program(text) == "price = 3\n\ncount = price + 1\n\ntotal = price * count\n\nprint(total)\n"
    assert outcome(text)["total"] == 12


def test_a_name_that_a_function_reads_puts_the_function_behind_it():
    text = notebook("def gross(net):\n    return net * (1 + RATE)", "value = gross(100)", "RATE = 0.5")
    assert program(text).index("RATE = 0.5") < program(text).index("def gross") < program(text).index("value =")
    assert outcome(text)["value"] == 150


def test_cells_that_do_not_need_each_other_keep_their_order():
    cells = ("log = []", "log.append(2)", "log.append(1)", "log.append(3)")
    assert outcome(notebook(*cells))["log"] == [2, 1, 3]


def test_setup_and_function_cells_are_part_of_the_program():
    text = (
        HEAD
        + "\nwith app.setup:\n    from math import sqrt\n"
        + "\n\n@app.cell\ndef _():\n    side = root(16)\n    return (side,)\n"
        + "\n\n@app.function\ndef root(x):\n    return sqrt(x)\n"
        + TAIL
    )
    assert outcome(text)["side"] == 4


def test_an_empty_cell_does_no_harm():
    assert outcome(notebook("x = 1", "", "y = x"))["y"] == 1


def test_a_name_defined_in_two_cells_is_refused():
    with pytest.raises(DocumentError, match="defines total in two cells") as caught:
        program(notebook("total = 1", "total = 2"))
    assert "\n" not in str(caught.value)


def test_a_loop_variable_counts_as_a_definition():
    with pytest.raises(DocumentError, match="defines row in two cells"):
        program(notebook("for row in (1, 2):\n    print(row)", "for row in (3, 4):\n    print(row)"))


def test_cells_that_need_each_other_are_refused():
    with pytest.raises(DocumentError, match="in a circle"):
        program(notebook("a = b + 1", "b = a + 1"))


def test_a_cell_that_reads_its_own_name_early_is_not_a_circle():
    assert "x = x + 1" in program(notebook("x = x + 1"))


def test_names_with_one_underscore_may_stand_in_many_cells():
    text = notebook("_n = 2\na = _n", "for _n in (5, 6):\n    pass\nb = _n", "def c(_n):\n    return _n")
    names = outcome(text)
    assert (names["a"], names["b"], names["c"](7)) == (2, 6, 7)


@pytest.mark.parametrize("reading", ["b = _n", "def b():\n    return _n", "b = [_n for i in range(2)]"])
def test_a_name_with_one_underscore_is_not_seen_by_other_cells(reading):
    with pytest.raises(DocumentError, match="_n belongs to its cell alone"):
        program(notebook("_n = 2\na = _n", reading))


def test_a_name_with_two_underscores_is_seen_by_other_cells():
    assert outcome(notebook("b = __n", "__n = 3"))["b"] == 3


def test_a_cell_that_does_not_parse_is_left_to_fail_when_it_is_run():
    text = notebook("print(price", "price = 3")
    assert program(text) == "price = 3\n\nprint(price\n"
    with pytest.raises(SyntaxError):
        outcome(text)


def test_a_doubtful_escape_in_a_cell_is_no_warning_of_ours():
    assert "\\d" in program(notebook('_pattern = "\\d"\nx = _pattern', "y = x"))
