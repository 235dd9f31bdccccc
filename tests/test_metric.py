"""What is measured of one answer."""

from __future__ import annotations

import pytest

from tabtab_local.prompt import RecentEdit
from training.evaluation import metric

OLD = "import pandas as pd\nfile = 'a.csv'\ndf = \nprint(df)\n"
REFERENCE = OLD.replace("df = ", "df = pd.read_csv(file)")


def test_similarity_counts_the_changed_part_only():
    assert metric.similarity(OLD, REFERENCE, REFERENCE) == 1
    assert metric.similarity(OLD, OLD, REFERENCE) == 0
    almost = OLD.replace("df = ", "df = pd.read_csv('a')")
    assert metric.similarity(OLD, almost, REFERENCE) == pytest.approx(1 - 3 / 17, abs=0.07)


def test_similarity_counts_damage_outside_the_right_place():
    damaged = REFERENCE.replace("import pandas as pd\n", "")
    assert metric.similarity(OLD, damaged, REFERENCE) < 0.7


def test_the_cursor_is_right_where_the_same_text_follows_it():
    place = REFERENCE.index(")\nprint") + 1
    assert metric.cursor_right(REFERENCE, place, REFERENCE, place)
    assert not metric.cursor_right(REFERENCE, place - 1, REFERENCE, place)
    longer = REFERENCE.replace("(file)", "(file, sep=',')")
    assert metric.cursor_right(longer, longer.index(")\nprint") + 1, REFERENCE, place)


def test_reversal_is_the_share_that_undoes_the_last_edit():
    last = RecentEdit("rows = load()", "entries = load()")
    old = "entries = load()\nprint(rows)\n"

    def share(new: str) -> float:
        return metric.reversal(old, new, last)

    assert share("rows = load()\nprint(rows)\n") == 1
    assert share("entries = load()\nprint(entries)\n") == 0
    assert share(old) == 0
    half = share("rows = load()\nprint(columns)\n")
    assert 0 < half < 1


def test_following_a_rename_is_no_reversal_but_half_of_undoing_it_is():
    last = RecentEdit("total = 1", "total_amount = 1")
    old = "total_amount = 1\nprint(total)\n"
    assert metric.reversal(old, old.replace("(total)", "(total_amount)"), last) == 0
    assert metric.reversal(old, old.replace("total_amount = 1", "total_am = 1"), last) == 1
    assert metric.reversal("x = 2\n", "x = 3\n", last) == 0


def test_putting_a_deleted_line_back_is_a_reversal():
    last = RecentEdit("print(df)\nprint('debug')\n", "print(df)\n")
    old = "df = 1\nprint(df)\n"
    assert metric.reversal(old, old + "print('debug')\n", last) == 1


@pytest.mark.parametrize(
    ("new", "deletes"),
    [
        (REFERENCE, False),
        (OLD, False),
        (OLD.replace("print(df)\n", ""), True),
        (REFERENCE.replace("'a.csv'", "'b.csv'"), True),
        (REFERENCE + "print(df.shape)\n", False),
    ],
)
def test_deleting_what_a_right_edit_keeps_is_noticed(new, deletes):
    assert metric.deletes_user_text(OLD, new, REFERENCE) is deletes


def test_finishing_a_half_typed_word_deletes_nothing():
    assert not metric.deletes_user_text("x = np.lin", "x = np.linspace(0, 1)", "x = np.linspace(0, 1, 5)")
