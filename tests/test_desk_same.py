"""Whether two texts are of one document."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tabtab_local.desk.same import goes_on, likeness
from tests.editing import python
from tests.test_server_desk import LICENCE

FILE = [f"value_{number} = load({number!r})" for number in range(400)]

texts = st.text(st.sampled_from("ab(\n "), min_size=1, max_size=60)


@pytest.mark.parametrize(
    ("old", "new", "same"),
    [
        ("rows = \nprint(rows)", "rows = js|\nprint(rows)", True),
        ("rows = js\nprint(rows)", "rows = |\nprint(rows)", True),
        ("rows = jsn\nprint(rows)", "rows = json.l|\nprint(rows)", True),
        ("rows = 1\nprint(rows)", "rows = 1\nprint(rows|)", True),
        ("def f():\n    return 1\n    \nprint()\n", "def f():\n    return 1\n\n    x|\nprint()\n", True),
        ("x = 1\n" * 50, "x = 1\n" * 50 + "y|", True),
        ("\n\n\n\nx = 1", "\n|\n\n\n\nx = 1", True),
        ("aaaa", "aa|", True),
        ("rows = 1", "names = {}\nprint(names)|", False),
        ("", "|", True),
        ("", "x|", False),
        (f"{LICENCE}key = 'secret'\nx = ", f"{LICENCE}colour = 'blue'\ny = |", False),
        (f"{LICENCE}def first(a):\n    pass\n", f"{LICENCE}def second(b):\n    return |\n", False),
        (f"{LICENCE}{LICENCE}\nx = 1\n", f"{LICENCE}x|{LICENCE}\nx = 2\n", False),
        (LICENCE * 9, LICENCE * 9 + "x" * 601 + "|", False),
    ],
)
def test_a_text_goes_on_from_what_it_was_a_moment_ago(old: str, new: str, same: bool) -> None:
    document = python(new)
    assert goes_on(old, document.code, document.cursor) == same


@given(before=texts, put_in=st.text(st.sampled_from("ab(\n "), max_size=10), gone=st.integers(0, 10), data=st.data())
def test_what_is_put_in_or_removed_at_the_cursor_is_an_edit_of_the_same(
    before: str, put_in: str, gone: int, data: st.DataObject
) -> None:
    at = data.draw(st.integers(0, len(before)))
    for new, caret in ((before[:at] + put_in + before[at:], at + len(put_in)), (before[:at] + before[at + gone :], at)):
        if 2 * min(len(before), len(new)) >= max(len(before), len(new)):
            assert goes_on(before, new, caret)


def window(lines: list[str], row: int, above: int = 256, below: int = 64) -> tuple[str, int]:
    """Return what llama.vim and llama.vscode send of a file whose cursor stands at the end of a line, and where."""
    first = max(0, row - above)
    text = "\n".join(lines[first : row + below + 1])
    return text, len("\n".join(lines[first : row + 1]))


@pytest.mark.parametrize("rows", [1, -1, 3, -3, 20])
def test_a_window_that_moves_with_the_cursor_is_of_the_same_file(rows: int) -> None:
    for row in (30, 256, 300, 360):
        old, _ = window(FILE, row)
        assert goes_on(old, *window(FILE, row + rows))
        other = [line.replace("load", "store") for line in FILE]
        assert not goes_on(old, *window(other, row + rows))


def test_a_window_moves_while_lines_are_written() -> None:
    lines = list(FILE)
    for row in range(300, 306):
        old, _ = window(lines, row)
        lines.insert(row + 1, "written = 1")
        assert goes_on(old, *window(lines, row + 1))
        old, _ = window(lines, row + 1)
        lines[row + 1] = ""
        assert goes_on(old, *window(lines, row + 1))


@pytest.mark.parametrize(("old", "new", "share"), [("ab", "ab", 1.0), ("ab", "a", 0.5), ("ab", "xy", 0.0), ("", "", 0)])
def test_how_much_two_texts_share(old: str, new: str, share: float) -> None:
    assert likeness(old, new) == share
