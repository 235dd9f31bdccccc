"""A completion: prompt, answer, gates, positions."""

from __future__ import annotations

import pytest

from tabtab_local.complete import complete, to_json
from tabtab_local.config import Settings
from tabtab_local.document import open_document
from tabtab_local.edits import apply
from tabtab_local.errors import Cancelled, UsageError
from tabtab_local.gates import GATES
from tabtab_local.prompt import CURSOR, RecentEdit, Response, parse_prompt, render_response
from tests.fakes import ScriptedEngine

TEXT = "import pandas as pd\n\n\nfile = 'a.csv'\ndf = \n\n\nprint(df)\n"


def ask(answer: str, text: str = TEXT, line: int = 5, **options):
    # The answer is asked for in up to four steps, each of which continues it.
    engine = ScriptedEngine([answer] * 5, confidence=options.pop("confidence", 1.0))
    document = open_document(text, jupyter=False, line=line)
    return engine, document, complete(engine, document, **options)


def answer(region: str, intent: str = "") -> str:
    return render_response(Response(region.replace(CURSOR, ""), region.index(CURSOR), intent))


def test_the_answer_becomes_edits_of_the_document():
    engine, document, completion = ask(answer(f"file = 'a.csv'\ndf = pd.read_csv(file){CURSOR}", "Read it"))
    assert apply(TEXT, completion.edits) == TEXT.replace("df = ", "df = pd.read_csv(file)")
    assert (completion.intent, completion.silence) == ("Read it", None)
    prompt = parse_prompt(engine.requests[0].prompt)
    assert (prompt.code_above, prompt.region, prompt.code_below) == (
        "import pandas as pd",
        "file = 'a.csv'\ndf = ",
        "print(df)",
    )
    shown = to_json(document, completion)
    place = {"line": 5, "column": 6}
    assert shown["edits"] == [{"start": place, "end": place, "text": "pd.read_csv(file)"}]
    assert shown["cursor"] == {"line": 5, "column": 23}


def test_a_given_intent_is_forced_and_reported():
    engine, _, completion = ask(answer(f"file = 'a.csv'\ndf = 1{CURSOR}", "Say one"), intent="Say one")
    assert engine.requests[0].start.startswith("<|INTENT|> Say one\n<|EDIT_START|>\n")
    assert completion.intent == "Say one"


def test_every_place_of_a_long_file_fits_into_a_small_context():
    text = "".join(f"value_{i} = compute({i}, 'some text')\n" for i in range(400))
    for line in (1, 2, 100, 399, 400, 401):
        document = open_document(text, jupyter=False, line=line)
        region = document.region()
        code = region.of(text)
        cursor = document.cursor - region.start
        engine = ScriptedEngine([render_response(Response(code, cursor))] * 5, context_tokens=2600)
        assert complete(engine, document).silence == "no_op: nothing to change"


def test_the_final_newline_of_a_file_survives_a_completion_on_its_last_line():
    _, _, completion = ask(answer(f"x = 1\ny = 2{CURSOR}"), text="x = 1\n", line=2)
    assert apply("x = 1\n", completion.edits) == "x = 1\ny = 2\n"


def test_a_completion_on_the_last_empty_line_of_a_cell_leaves_no_empty_line_behind():
    head = "import marimo\n\napp = marimo.App()\n\n\n@app.cell\ndef _():\n    x = 1\n"
    notebook = head + "\n    return\n"
    document = open_document(notebook, jupyter=False, line=9)
    reply = answer(f"x = 1\ny = 2{CURSOR}")
    completion = complete(ScriptedEngine([reply] * 4), document, settings=Settings(gates=frozenset()))
    assert apply(notebook, document.file_edits(completion.edits)) == head + "    y = 2\n    return\n"


def test_a_long_intent_is_refused_as_such():
    with pytest.raises(UsageError, match="the intent has 500 tokens"):
        ask("", intent="a" * 500)


def test_an_unchanged_region_is_silence():
    _, document, completion = ask(answer(f"file = 'a.csv'\ndf = {CURSOR}"))
    assert completion.edits == ()
    assert completion.silence == "no_op: nothing to change"
    assert to_json(document, completion)["cursor"] is None


@pytest.mark.parametrize("text", ["", "rubbish", "\n<|EDIT_START|>\nfile = 'a.csv'\ndf = no cursor\n<|EDIT_END|>"])
def test_an_answer_that_does_not_follow_the_format_is_silence_with_the_fault(text):
    _, _, completion = ask("<|INTENT|>" + text)
    assert completion.silence.startswith("format: ")


def test_gates_can_be_switched_off():
    unsure = answer(f"file = 'a.csv'\ndf = 1{CURSOR}")
    assert ask(unsure, confidence=0.1)[2].silence.startswith("confidence: ")
    settings = Settings(gates=frozenset(GATES) - {"confidence"})
    assert ask(unsure, confidence=0.1, settings=settings)[2].silence is None


def test_recent_edits_are_shown_to_the_model_newest_kept_first():
    edits = (RecentEdit("x" * 90_000, "y"), RecentEdit("a", "b"))
    engine, _, _ = ask(answer(f"file = 'a.csv'\ndf = 1{CURSOR}"), recent_edits=edits)
    assert parse_prompt(engine.requests[0].prompt).recent_edits == edits[1:]


def test_a_line_that_the_model_cannot_read_at_once_is_refused():
    engine = ScriptedEngine([], context_tokens=1000)
    with pytest.raises(UsageError, match="too many for the 1000"):
        complete(engine, open_document("x = '" + "a" * 2000, jupyter=False, line=1))


def test_half_a_character_is_a_reason_for_silence():
    engine = ScriptedEngine([])
    completion = complete(engine, open_document("x = '\ud83d'", jupyter=False, line=1))
    assert (completion.silence or "").startswith("characters:") and not completion.edits and not engine.requests


def test_a_cancelled_completion_says_so():
    with pytest.raises(Cancelled):
        ask(answer(f"{CURSOR}"), cancel=lambda: True)


@pytest.mark.parametrize("text", ["\tdf = \r", "é = '🙂'\ndf = e\u0301", "s = '<|EDIT_END|>'", "\x0c\ndf = \u2028x"])
def test_odd_characters_come_through_unharmed(text):
    line = text.count("\n") + 1
    document = open_document(text, jupyter=False, line=line)
    region = document.region().of(text)
    reply = render_response(Response(region + "1", len(region) + 1))
    completion = complete(ScriptedEngine([reply] * 4), document, settings=Settings(gates=frozenset()))
    assert apply(text, completion.edits) == text[: document.region().end] + "1" + text[document.region().end :]
