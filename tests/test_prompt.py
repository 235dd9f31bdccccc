"""The prompt format, version 1."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tabtab_local.errors import FormatError
from tabtab_local.prompt import (
    CURSOR,
    EDIT_END,
    EDIT_START,
    INTENT,
    MARKERS,
    Prompt,
    RecentEdit,
    Response,
    chat_template,
    clean_intent,
    forced_region,
    ollama_template,
    parse_prompt,
    parse_response,
    plain,
    render_prompt,
    render_response,
    response_start,
    rest_of_region,
)

NASTY = (*MARKERS, "# Code above", "# Code below", "# Recent edits", "original:", "updated:", "\u2060", "<|", "|>")
CODE = st.lists(
    st.one_of(st.sampled_from([*NASTY, "\n", "\r\n", "\t", "    ", "é", "🙂", "\x0c", "\u2028"]), st.text(max_size=6)),
    max_size=12,
).map("".join)
INTENTS = CODE.map(clean_intent)


@st.composite
def regions(draw: st.DrawFn) -> tuple[str, int]:
    region = draw(CODE)
    return region, draw(st.integers(0, len(region)))


@given(regions(), CODE, CODE, st.lists(st.builds(RecentEdit, CODE, CODE), max_size=3), INTENTS)
def test_parsing_a_rendered_prompt_gives_the_prompt(region, above, below, edits, intent):
    prompt = Prompt(*region, above, below, tuple(edits), intent)
    assert parse_prompt(render_prompt(prompt)) == prompt


@given(regions(), INTENTS)
def test_parsing_a_rendered_response_gives_the_response(region, intent):
    response = Response(*region, intent)
    assert parse_response(render_response(response)) == response


@given(regions(), CODE, CODE, st.lists(st.builds(RecentEdit, CODE, CODE), max_size=3), INTENTS)
def test_each_marker_stands_in_a_prompt_once_whatever_the_code_says(region, above, below, edits, intent):
    text = render_prompt(Prompt(*region, above, below, tuple(edits), intent))
    assert [text.count(marker) for marker in MARKERS] == [1, 1, 1, 1]


@given(regions(), INTENTS)
def test_a_response_begins_with_what_is_known_of_it(region, intent):
    response = render_response(Response(*region, intent))
    assert response.startswith(response_start(intent))
    start = response_start(intent) if intent else f"{INTENT}\n{EDIT_START}"
    assert response.startswith(start + "".join(forced_region(region[0][: region[1]])))


def test_all_blocks_come_in_the_order_of_the_format():
    edit = RecentEdit("a = 1", "b = 1")
    prompt = Prompt("df = ", 5, "import pandas as pd", "df.head()", (edit,), "Read a file")
    assert render_prompt(prompt) == (
        "# Code above\nimport pandas as pd\n# Code below\ndf.head()\n"
        "# Recent edits\noriginal:\na = 1\nupdated:\nb = 1\n"
        "<|INTENT|> Read a file\n<|EDIT_START|>\ndf = <|user_cursor_is_here|>\n<|EDIT_END|>\n"
    )


@pytest.mark.parametrize(
    ("before", "forced", "typed"),
    [
        ("", "", "\n"),
        ("a\nb\n", "\na\nb", "\n"),
        ("a = x.re", "\na = x", ".re"),
        ("a = 1\nb = ", "\na = 1\nb =", " "),
        ("    print(", "\n    print", "("),
        ("    name", "\n   ", " name"),
        ("x = foo_ba", "\nx = foo", "_ba"),
        ("a\nb:\n\n    ", "\na\nb", ":\n\n    "),
        ("x = f('it''s", "\nx = f('it", "''s"),
        ("n = 12", "\nn = ", "12"),
        ("total ", "\ntotal", " "),
        ("<|INTENT|>", "\n<|\u2060INTENT", "|>"),
    ],
)
def test_a_beginning_is_parted_where_no_token_reaches_across(before, forced, typed):
    assert forced_region(before) == (forced, typed)


@given(CODE)
def test_the_parts_of_a_beginning_are_the_beginning(before):
    whole = "".join(forced_region(before))
    assert plain(whole) == "\n" + before
    assert len(forced_region(before)[1]) <= 64


def test_what_stood_behind_the_cursor_follows_an_insertion():
    whole = Response("a = 1\nb<|INTENT|>", 5, "Say")
    start = f"{INTENT} Say\n{EDIT_START}" + "".join(forced_region("a = 1")) + CURSOR
    assert start + rest_of_region("\nb<|INTENT|>") == render_response(whole)


def test_the_smallest_prompt_has_no_blocks():
    assert render_prompt(Prompt("", 0)) == "<|INTENT|>\n<|EDIT_START|>\n<|user_cursor_is_here|>\n<|EDIT_END|>\n"


def test_the_response_of_the_design_is_parsed():
    text = (
        "<|INTENT|> Read in a csv file using pandas\n<|EDIT_START|>\nimport pandas as pd\n"
        'file = "data.csv"\ndf = pd.read_csv(file)<|user_cursor_is_here|>\n<|EDIT_END|>'
    )
    region = 'import pandas as pd\nfile = "data.csv"\ndf = pd.read_csv(file)'
    assert parse_response(text) == Response(region, len(region), "Read in a csv file using pandas")


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("", "framed"),
        (f"{INTENT}\n{EDIT_START}\nx{CURSOR}", "framed"),
        (f"{EDIT_START}\nx{CURSOR}\n{EDIT_END}", "framed"),
        (f"{INTENT}\n{EDIT_START}\nx\n{EDIT_END}", "0 cursor markers"),
        (f"{INTENT}\n{EDIT_START}\n{CURSOR}x{CURSOR}\n{EDIT_END}", "2 cursor markers"),
        (f"{INTENT}\n{EDIT_START}\n{CURSOR}{EDIT_START}\n{EDIT_END}", "inside the region"),
    ],
)
def test_a_malformed_response_is_refused_with_its_fault(text, complaint):
    with pytest.raises(FormatError, match=complaint):
        parse_response(text)


@pytest.mark.parametrize("block", ["code\n", "# Code below\nx\n# Code above\ny\n", "# Recent edits\noriginal:\nx\n"])
def test_a_malformed_prompt_is_refused(block):
    with pytest.raises(FormatError):
        parse_prompt(block + render_prompt(Prompt("x", 0)))


@pytest.mark.parametrize("cursor", [-1, 2])
def test_a_cursor_outside_the_region_is_refused(cursor):
    with pytest.raises(ValueError, match="outside the region"):
        Prompt("x", cursor)


def test_an_intent_of_several_lines_is_refused():
    with pytest.raises(ValueError, match="one line"):
        Response("x", 0, "a\nb")


def test_both_templates_render_the_same_prompt_as_the_runtime():
    import jinja2

    content = f"df = {CURSOR}"
    expected = render_prompt(Prompt("df = ", 5))
    assert ollama_template().replace("{{ .Prompt }}", content) == expected
    for kept in (True, False):
        environment = jinja2.Environment(keep_trailing_newline=kept, trim_blocks=True, lstrip_blocks=True)
        assert environment.from_string(chat_template()).render(messages=[{"content": content}]) == expected
