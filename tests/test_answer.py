"""How an answer is got from a model in steps."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tabtab_local.answer import answer
from tabtab_local.config import Settings
from tabtab_local.prompt import CURSOR, Prompt, Response, render_response
from tests.fakes import ScriptedEngine

REGION = "file = 'a.csv'\ndf = \nprint(df)\ndf.head()"
PROMPT = Prompt(REGION, REGION.index("\nprint"))


def reply(region: str, intent: str = "") -> str:
    return render_response(Response(region.replace(CURSOR, ""), region.index(CURSOR), intent))


def ask(region: str, *, intent: str = "", max_tokens: int = 500, **settings: bool):
    engine = ScriptedEngine([reply(region, intent)] * 4)
    return engine, answer(engine, PROMPT, max_tokens, Settings(**settings))


def test_the_intent_comes_first_then_what_stands_before_the_cursor_is_forced():
    engine, _ = ask(f"file = 'a.csv'\ndf = 1{CURSOR}\nprint(df)\ndf.head()", intent="One")
    assert [request.start for request in engine.requests[:2]] == [
        "<|INTENT|>",
        "<|INTENT|> One\n<|EDIT_START|>\nfile = 'a.csv'\ndf =",
    ]


def test_an_insertion_that_re_joins_the_old_text_is_not_decoded_further():
    region = f"file = 'a.csv'\ndf = 1{CURSOR}\nprint(df)\ndf.head()"
    engine, generation = ask(region)
    assert generation.text == reply(region)
    assert generation.stopped
    assert generation.timings.decoded_tokens == len(f"\n<|EDIT_START|> 1{CURSOR}\nprint(df)\n")
    assert generation.timings.evaluated_tokens == sum(len(r.prompt + r.start) for r in engine.requests)


LINES = st.sampled_from(["a = 1", "    b", "", ")", "c(d)"])


@given(LINES, LINES, st.sampled_from(["", "x", "x\ny", "\n", "a = 1\n"]), st.text("a1)\n b", max_size=12), st.data())
def test_with_one_line_of_code_behind_the_cursor_an_early_end_never_changes_the_answer(
    first, second, written, tail, data
):
    region = f"{first}\n{second}"
    cursor = data.draw(st.integers(0, len(first)))
    rest = region[cursor:]
    said = region[:cursor] + written + CURSOR + data.draw(st.sampled_from([rest, rest + tail, tail + rest, tail, ""]))
    early, exact = (
        answer(ScriptedEngine([reply(said)] * 5), Prompt(region, cursor), 500, Settings(exact=exact)).text
        for exact in (False, True)
    )
    assert early == exact


@pytest.mark.parametrize(
    ("region", "said"),
    [
        ("rows = \nx = 1\ny = 1", f"rows = load(){CURSOR}\nx = 2\ny = 1"),
        ("for o in os:\n    \n    pass", f"for o in os:\n    print(o){CURSOR}"),
        ("a = \nb = 2", f"a = 1{CURSOR}"),
        ("x = \nreturn x", f"x = 1{CURSOR}\n    return x"),
    ],
)
def test_an_answer_that_differs_in_the_next_line_is_taken_as_it_is(region, said):
    cursor = region.index("\n") if "os" not in region else region.index("\n    pass")
    engine = ScriptedEngine([reply(said)] * 5)
    assert answer(engine, Prompt(region, cursor), 500, Settings()).text == reply(said)


def test_exact_answers_are_decoded_to_their_end():
    region = f"file = 'a.csv'\ndf = 1{CURSOR}\nprint(df)\ndf.tail()"
    assert ask(region)[1].text == reply(region.replace("tail", "head"))
    assert ask(region, exact=True)[1].text == reply(region)


def test_an_answer_that_goes_on_differently_is_decoded_to_its_end():
    region = f"file = 'a.csv'\ndf = 1{CURSOR} + 2\nprint(df)"
    assert ask(region)[1].text == reply(region)


def test_an_answer_with_the_cursor_at_another_place_is_decoded_to_its_end():
    region = f"file = 'a.csv'\ndf = 1\nprint({CURSOR}df)\ndf.tail()"
    assert ask(region)[1].text == reply(region)


def test_what_stands_before_the_cursor_may_be_rewritten_where_that_is_asked_for():
    region = f"file = 'b.csv'\ndf = {CURSOR}\nprint(df)\ndf.head()"
    engine, generation = ask(region, rewrite_before=True)
    assert engine.requests[1].start == "<|INTENT|>\n<|EDIT_START|>"
    assert generation.text == reply(region)


def test_an_answer_is_never_longer_than_the_context_has_room_for():
    region = f"file = 'a.csv'\ndf = 1{CURSOR}\nprint(df)\ndf.head()"
    engine = ScriptedEngine([reply(region)] * 4, context_tokens=330)
    assert answer(engine, PROMPT, 500, Settings()).text == reply(region)
    assert min(request.max_tokens for request in engine.requests) < 100


def test_an_answer_without_an_end_says_so():
    region = f"file = 'a.csv'\ndf = {'1' * 900}{CURSOR}\nprint(df)"
    _, generation = ask(region, max_tokens=100)
    assert not generation.stopped
    assert generation.timings.decoded_tokens == len("\n<|EDIT_START|>") + 100
