"""What is guessed of an answer, and how much at a time."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tabtab_local.draft import DEFAULT_COSTS, DraftLength, copied, echoed

OLD = "def total(prices):\n    result = 0\n    for price in prices:\n        result += price\n    return result\n"


def test_a_copy_goes_on_where_it_stands_in_the_old_text():
    assert copied(OLD, OLD[:40]) == OLD[40:]
    changed = OLD.replace("total", "total_price")
    assert copied(OLD, changed[:60]) == OLD[60 - len("_price") :]


def test_of_several_places_the_one_at_about_the_same_distance_is_taken():
    old = "        print(value)\n" * 5
    assert copied(old, old[:50]) == old[50:]


def test_without_a_place_in_common_nothing_is_guessed():
    assert copied(OLD, "something else entirely") == ""
    assert copied(OLD, "def") == ""


@given(st.text("ab\n", max_size=60), st.text("ab\n", max_size=60))
def test_what_is_guessed_is_always_an_end_of_the_old_text(old, written):
    assert old.endswith(copied(old, written))


def test_an_echo_is_what_followed_the_same_characters_the_last_time():
    code = "a = read_table(first)\nb = read_csv(second, sep=';')\n"
    assert echoed(code, "c = read_") == "csv(second, sep=';')"
    assert echoed(code, "c = read_t") == "able(first)"
    assert echoed(code, "nothing of it: §§") == ""
    assert echoed(code, "ab") == ""


def test_the_longest_end_that_is_found_decides_what_is_echoed():
    code = "frame.to_csv(path)\nother.to_json(path)\n"
    assert echoed(code, "frame.to_") == "csv(path)"
    assert echoed(code, "x.to_") == "json(path)"


def test_long_guesses_are_for_those_that_are_mostly_right():
    flat = ((1, 1.0), (2, 1.1), (4, 1.2), (8, 1.3), (16, 1.5))
    steep = ((1, 1.0), (2, 2.0), (4, 4.0), (8, 8.0), (16, 16.0))
    assert DraftLength(flat, right=0.95).best(100) == 15
    assert DraftLength(flat, right=0.3).best(100) in (1, 3)
    assert DraftLength(steep, right=0.95).best(100) == 0
    assert DraftLength(flat, right=0.95).best(5) == 5
    assert DraftLength(flat, right=0.95).best(0) == 0


def test_the_best_length_is_that_with_the_most_tokens_for_the_time():
    for right in (0.3, 0.6, 0.8, 0.9, 0.97):
        draft = DraftLength(DEFAULT_COSTS, right)
        sizes = [size for size, _ in DEFAULT_COSTS]
        gains = {size - 1: sum(right**n for n in range(size)) / cost for size, cost in DEFAULT_COSTS}
        assert gains[draft.best(sizes[-1] - 1)] == pytest.approx(max(gains.values()))


def test_it_learns_how_often_guesses_are_right():
    draft = DraftLength(DEFAULT_COSTS)
    before = draft.best(63)
    for _ in range(60):
        draft.learn(guessed=7, right=0)
    assert draft.right < 0.3 and draft.best(63) < before
    for _ in range(60):
        draft.learn(guessed=15, right=15)
    assert draft.right > 0.9
    draft.learn(guessed=0, right=0)
    assert 0.2 <= draft.right <= 0.98
