"""How an answer is got from a model in steps."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tabtab_local.answer import Question, answer, question
from tabtab_local.config import Settings
from tabtab_local.prompt import CURSOR, Prompt, Response, render_response
from tests.fakes import ScriptedEngine

REGION = "file = 'a.csv'\ndf = \nprint(df)\nprint(1)\ndf.head()"
PROMPT = Prompt(REGION, REGION.index("\nprint"))


def reply(region: str, intent: str = "") -> str:
    return render_response(Response(region.replace(CURSOR, ""), region.index(CURSOR), intent))


def ask(region: str, *, intent: str = "", max_tokens: int = 500, **settings: bool):
    engine = ScriptedEngine([reply(region, intent)] * 4)
    return engine, answer(engine, question(PROMPT, max_tokens), Settings(**settings))


def test_the_intent_comes_first_then_what_stands_before_the_cursor_is_forced():
    engine, _ = ask(f"file = 'a.csv'\ndf = 1{CURSOR}\nprint(df)\nprint(1)\ndf.head()", intent="One")
    assert [(request.start, request.typed) for request in engine.requests] == [
        ("<|INTENT|>", ""),
        ("<|INTENT|> One\n<|EDIT_START|>\nfile = 'a.csv'\ndf =", " "),
    ]


def test_an_insertion_that_re_joins_the_old_text_is_not_decoded_further():
    region = f"file = 'a.csv'\ndf = 1{CURSOR}\nprint(df)\nprint(1)\ndf.head()"
    engine, generation = ask(region)
    assert generation.text == reply(region)
    assert generation.stopped
    assert generation.timings.decoded_tokens == len(f"\n<|EDIT_START|> 1{CURSOR}\nprint(df)\nprint(1)")
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
        answer(ScriptedEngine([reply(said)] * 5), question(Prompt(region, cursor), 500), Settings(exact=exact)).text
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
    assert answer(engine, question(Prompt(region, cursor), 500), Settings()).text == reply(said)


def test_exact_answers_are_decoded_to_their_end():
    region = f"file = 'a.csv'\ndf = 1{CURSOR}\nprint(df)\nprint(1)\ndf.tail()"
    assert ask(region)[1].text == reply(region.replace("tail", "head"))
    assert ask(region, exact=True)[1].text == reply(region)


def test_an_answer_that_goes_on_differently_is_decoded_to_its_end():
    region = f"file = 'a.csv'\ndf = 1{CURSOR} + 2\nprint(df)"
    assert ask(region)[1].text == reply(region)


def test_an_answer_with_the_cursor_at_another_place_is_decoded_to_its_end():
    region = f"file = 'a.csv'\ndf = 1\nprint({CURSOR}df)\nprint(1)\ndf.tail()"
    assert ask(region)[1].text == reply(region)


def test_what_stands_before_the_cursor_may_be_rewritten_where_that_is_asked_for():
    region = f"file = 'b.csv'\ndf = {CURSOR}\nprint(df)\nprint(1)\ndf.head()"
    engine, generation = ask(region, rewrite_before=True)
    assert engine.requests[1].start == "<|INTENT|>\n<|EDIT_START|>"
    assert generation.text == reply(region)


def test_an_answer_is_never_longer_than_the_context_has_room_for():
    region = f"file = 'a.csv'\ndf = 1{CURSOR}\nprint(df)\nprint(1)\ndf.head()"
    engine = ScriptedEngine([reply(region)] * 4, context_tokens=330)
    assert answer(engine, question(PROMPT, 500), Settings()).text == reply(region)
    assert min(request.max_tokens for request in engine.requests) < 100


def test_an_answer_without_an_end_says_so():
    region = f"file = 'a.csv'\ndf = {' '.join(map(str, range(300)))}{CURSOR}\nprint(df)"
    _, generation = ask(region, max_tokens=100)
    assert not generation.stopped
    assert generation.timings.decoded_tokens == len("\n<|EDIT_START|>") + 100


def test_an_intent_that_is_not_asked_for_is_left_empty():
    region = f"file = 'a.csv'\ndf = 1{CURSOR}\nprint(df)\nprint(1)\ndf.head()"
    engine, generation = ask(region, infer_intent=False)
    assert [request.start for request in engine.requests] == ["<|INTENT|>\n<|EDIT_START|>\nfile = 'a.csv'\ndf ="]
    assert generation.text == reply(region)


def test_what_has_been_typed_since_the_prompt_is_forced_in_place_of_what_it_shows():
    said = f"file = 'a.csv'\ndf = pd.read(){CURSOR}\nprint(df)\nprint(1)\ndf.head()"
    engine = ScriptedEngine([reply(said)])
    asked = Question(PROMPT, 500, "file = 'a.csv'\ndf = pd.re")
    assert answer(engine, asked, Settings(infer_intent=False)).text == reply(said)
    (request,) = engine.requests
    assert (request.start[-7:], request.typed) == ("df = pd", ".re")
    assert CURSOR + "\nprint(df)" in request.prompt and "pd.re" not in request.prompt


def test_the_text_at_the_cursor_is_shown_as_it_grows_and_nothing_else():
    seen = []
    said = f"file = 'a.csv'\ndf = a<|INTENT|>b{CURSOR}\nprint(df)\nprint(1)\ndf.head()"
    engine = ScriptedEngine([reply(said)], confidence=0.5)
    asked = Question(
        PROMPT, 500, "file = 'a.csv'\ndf = ", show=lambda text, confidence: seen.append((text, confidence))
    )
    answer(engine, asked, Settings(infer_intent=False))
    assert seen[0] == ("a", 0.5)
    assert seen[-1] == ("a<|INTENT|>b", 0.5)
    assert all("a<|INTENT|>b".startswith(text.replace("\u2060", "")) for text, _ in seen)


def test_an_answer_is_expected_to_go_on_with_the_old_text():
    expected = []

    class Watching(ScriptedEngine):
        def generate(self, *args, guide, **options):
            expected.extend((text, guide.expect(text)) for text in (f" {CURSOR}", f" 1{CURSOR}\npri", f" 1{CURSOR}x"))
            expected.append((" 1", guide.expect(" 1")))
            return super().generate(*args, guide=guide, **options)

    engine = Watching([reply(f"file = 'a.csv'\ndf = 1{CURSOR}\nprint(df)\nprint(1)\ndf.head()")])
    answer(engine, question(PROMPT, 500), Settings(infer_intent=False))
    assert [text for _, text in expected] == ["\nprint(df)\nprint(1)\n", "nt(df)\nprint(1)\n", "", ""]


def test_in_an_insertion_what_the_code_said_before_may_be_said_again():
    echoes = []

    class Watching(ScriptedEngine):
        def generate(self, *args, guide, **options):
            written = (" pd.read_", f" 1{CURSOR}\nprint", " pd.Data")
            echoes.extend(guide.echo(text) for text in written)
            return super().generate(*args, guide=guide, **options)

    prompt = replace(PROMPT, code_above="import pandas as pd\nold = pd.read_csv(name)\n", code_below="pd.read_table(x)")
    engine = Watching([reply(f"file = 'a.csv'\ndf = 1{CURSOR}\nprint(df)\nprint(1)\ndf.head()")])
    answer(engine, question(prompt, 500), Settings(infer_intent=False))
    assert echoes == ["csv(name)", "", ""]


def test_an_insertion_that_would_have_to_be_very_long_to_be_sure_of_is_given_up():
    said = f"file = 'a.csv'\ndf = {' '.join(f'name{i}' for i in range(60))}{CURSOR}\nprint(df)\nprint(1)\ndf.head()"

    def decoded(confidence: float, **settings: bool) -> int:
        engine = ScriptedEngine([reply(said)], confidence=confidence)
        generation = answer(engine, question(PROMPT, 500), Settings(infer_intent=False, **settings))
        assert generation.stopped and generation.text.endswith("df.head()\n<|EDIT_END|>")
        assert generation.confidence == confidence
        return generation.timings.decoded_tokens

    assert decoded(0.5) < 31 < decoded(0.6) < 48 < decoded(0.9)
    assert decoded(0.5, exact=True) > 330


def test_an_answer_that_goes_round_in_circles_is_given_up():
    region = f"file = 'a.csv'\ndf = f({'a, b, ' * 200}){CURSOR}\nprint(df)"
    generation = ask(region, infer_intent=False)[1]
    assert not generation.stopped and generation.timings.decoded_tokens < 80
    assert not ask(region, infer_intent=False, exact=True, max_tokens=300)[1].stopped
    rule = f"file = 'a.csv'\ndf = 1  # {'-' * 200}{CURSOR}\nprint(df)\nprint(1)\ndf.head()"
    assert ask(rule, infer_intent=False)[1].stopped


def test_what_the_old_text_repeats_may_be_repeated():
    row = "f(" + "0, " * 60 + ")"
    prompt = Prompt(f"x = \n{row}\nprint(1)", 4)
    said = f"x = 1{CURSOR}\n{row}\nprint(1)"
    assert answer(ScriptedEngine([reply(said)]), question(prompt, 500), Settings(infer_intent=False)).text == reply(
        said
    )
