"""How an answer is got from a model in steps."""

from __future__ import annotations

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


def test_the_intent_comes_first_then_the_lines_above_are_forced():
    engine, _ = ask(f"file = 'a.csv'\ndf = 1{CURSOR}\nprint(df)\ndf.head()", intent="One")
    assert [request.start for request in engine.requests[:2]] == [
        "<|INTENT|>",
        "<|INTENT|> One\n<|EDIT_START|>\nfile = 'a.csv'\n",
    ]


def test_an_insertion_that_re_joins_the_old_text_is_not_decoded_further():
    region = f"file = 'a.csv'\ndf = 1{CURSOR}\nprint(df)\ndf.head()"
    engine, generation = ask(region)
    assert generation.text == reply(region)
    assert generation.stopped
    assert generation.timings.decoded_tokens == len("\n<|EDIT_START|>") + len(f"df = 1{CURSOR}") + len("\n")
    assert generation.timings.evaluated_tokens == sum(len(r.prompt + r.start) for r in engine.requests)


def test_exact_answers_are_decoded_to_their_end():
    region = f"file = 'a.csv'\ndf = 1{CURSOR}\nprint(df)\ndf.tail()"
    assert ask(region)[1].text == reply(region.replace("tail", "head"))
    assert ask(region, exact=True)[1].text == reply(region)


def test_an_answer_that_goes_on_differently_is_decoded_to_its_end():
    region = f"file = 'a.csv'\ndf = 1{CURSOR} + 2\nprint(df)"
    assert ask(region)[1].text == reply(region)


def test_an_answer_with_the_cursor_at_another_place_is_decoded_to_its_end():
    region = f"file = 'a.csv'\nframe = 1\nprint({CURSOR}frame)\nframe.head()"
    assert ask(region)[1].text == reply(region)


def test_lines_above_may_be_rewritten_where_that_is_asked_for():
    region = f"file = 'b.csv'\ndf = {CURSOR}\nprint(df)\ndf.head()"
    engine, generation = ask(region, rewrite_above=True)
    assert engine.requests[1].start == "<|INTENT|>\n<|EDIT_START|>"
    assert generation.text == reply(region)


def test_an_answer_without_an_end_says_so():
    region = f"file = 'a.csv'\ndf = {'1' * 900}{CURSOR}\nprint(df)"
    _, generation = ask(region, max_tokens=100)
    assert not generation.stopped
    assert generation.timings.decoded_tokens == len("\n<|EDIT_START|>") + 100
