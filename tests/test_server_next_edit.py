"""Next edits: the prompts of clients that can show more than an insertion, and our own route for them."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tabtab_local.prompt import CURSOR
from tabtab_local.server.dialect import sweep
from tests.editing import inserting, python, rewriting
from tests.test_server_dialect import AFTER, BEFORE, LOAD, Server, native, read_native, read_zed

SWEEP = (
    "<|file_sep|>w/a.py.diff\noriginal:\ntotal = 0\nprint(totl)\nupdated:\ntotal = 1\nprint(totl)\n"
    "<|file_sep|>original/a.py\ntotal = 0\nprint(totl)\n"
    "<|file_sep|>current/a.py\ntotal = 1\nprint(totl)\n"
    "<|file_sep|>updated/a.py\n"
)


def test_zed_s_next_edit_prompt_is_answered_with_the_window_rewritten() -> None:
    document = python("total = 1|\nprint(totl)\n")
    window = sweep.parse(SWEEP)
    assert window and (window.text, window.caret, window.path) == (document.code, document.cursor, "a.py")
    assert [(edit.original, edit.updated) for edit in window.recent_edits] == [("total = 0", "total = 1")]
    body = {"model": "sweep-next-edit", "prompt": SWEEP, "max_tokens": 1024, "stop": ["<|file_sep|>", "</s>"]}
    with Server(rewriting(document, "totl", "total")) as server:
        assert read_zed(server.client.post("/v1/completions", json=body).text) == "total = 1\nprint(total)\n"
    with Server(inserting(document)) as server:
        assert read_zed(server.client.post("/v1/completions", json=body).text) == ""


@pytest.mark.parametrize(("row", "rows"), [(0, 5), (3, 14), (10, 21), (10, 15)])
@pytest.mark.parametrize("total", [5, 14, 40])
def test_a_window_ends_as_zed_s_does(row: int, rows: int, total: int) -> None:
    """Zed's window: ten lines on each side, to the end of the last one without its line end."""
    lines = [*(f"x{number} = {number}" for number in range(total)), ""]
    row = min(row, total - 1)
    first, last = max(0, row - 10), min(total, row + 10)
    window = "\n".join(lines[first : last + 1])
    old = window.replace(f"x{row} = {row}", f"x{row} =")
    rendered = "".join(
        f"<|file_sep|>{name}/a.py\n{text}" + ("" if text.endswith("\n") else "\n")
        for name, text in (("original", old), ("current", window))
    )
    parsed = sweep.parse(f"{rendered}<|file_sep|>updated/a.py\n")
    assert parsed and parsed.text == window
    assert parsed.caret == window.index(f"x{row} = {row}") + len(f"x{row} = {row}")


@pytest.mark.parametrize(
    "separated",
    [
        SWEEP.replace("print(totl)", "print('<|file_sep|>')"),
        SWEEP.replace("print(totl)", "print('''<|file_sep|>current/a.py\nx = 1''')"),
        SWEEP.replace("print(totl)", "print('''\n<|file_sep|>original/a.py\n<|file_sep|>current/a.py\n''')"),
        SWEEP.replace("current/a.py\ntotal = 1\n", "current/a.py\nsep = '<|file_sep|>'\n"),
        SWEEP.replace("current/", "current/b/"),
        SWEEP.replace("original/", ""),
        f"{SWEEP}total = 1\n",
        SWEEP.partition("<|file_sep|>updated")[0],
        "<|file_sep|>a.py\nimport pandas as ",
    ],
)
def test_blocks_that_are_not_as_zed_has_them_are_not_answered(separated: str) -> None:
    with Server() as server:
        answer = server.client.post("/v1/completions", json={"model": "sweep-next-edit", "prompt": separated})
        assert read_zed(answer.text) == "" and server.engine.requests == []


def test_other_files_before_the_blocks_are_passed_over() -> None:
    assert sweep.parse(f"<|file_sep|>b.py\nx = 1\n{SWEEP}") == sweep.parse(SWEEP)


INSTINCT = (
    "Reference the user excerpt.\n\n### Context:\n\n\n### User Edits:\n\n"
    'User edited file "t.py"\n\n```diff\n@@ -1,1 +1,1 @@\n-a = 0\n+a = 1\n```\n\n'
    "### User Excerpt:\nfile:///w/t.py\n\nimport os\n<|editable_region_start|>\na = 1\n"
    f"print(b{CURSOR})\n<|editable_region_end|>\nx = 2```\n### Response:"
)


def test_continue_s_next_edit_prompt_is_answered_with_the_region_rewritten() -> None:
    document = python("import os\na = 1\nprint(b|)\nx = 2")
    body = {"model": "instinct", "messages": [{"role": "user", "content": INSTINCT}], "stream": False}
    with Server(inserting(document, "[0]")) as server:
        said = server.client.post("/v1/chat/completions", json=body).json()["choices"][0]["message"]["content"]
        assert "a = 0" in server.engine.requests[-1].prompt
    assert said == "a = 1\nprint(b[0])"


def test_a_native_client_sends_a_notebook_cell_by_cell() -> None:
    cell = python(f"rows = |{AFTER.rstrip()}")
    body = {"cells": ["import json", cell.code], "cell": 1, "cursor": {"line": 1, "column": 8}}
    with Server(inserting(cell, LOAD)) as server:
        answer = server.client.post("/v1/tabtab/next_edit", json=body).json()
        assert "import json" in server.engine.requests[-1].prompt
    place = {"line": 1, "column": 8}
    assert answer["edits"] == [{"start": place, "end": place, "text": LOAD}] and answer["cell"] == 1
    assert answer["cursor"] == {"line": 1, "column": 8 + len(LOAD)}


def test_cells_with_line_ends_of_windows_are_read_as_others_and_followed_as_others() -> None:
    cells = ["import json\r\nfile = 'a'", "x = 1\r\nrows = "]
    code, other = python("x = 1\nrows = |"), python("total = |")
    body = {"cells": cells, "cell": 1, "cursor": {"line": 2, "column": 8}}
    body["recent_edits"] = [{"original": "a\r\nb", "updated": "a\r\nc"}]
    with Server(inserting(code, LOAD), inserting(other, "0")) as server:
        answer = server.client.post("/v1/tabtab/next_edit", json=body).json()
        assert "\r" not in server.engine.requests[-1].prompt
        place = {"line": 2, "column": 8}
        assert answer["edits"] == [{"start": place, "end": place, "text": LOAD}]
        # What is not like it is looked for in what is expected after it.
        unlike = {"text": other.code, "cursor": {"line": 1, "column": 9}}
        assert server.client.post("/v1/tabtab/next_edit", json=unlike).json()["edits"][0]["text"] == "0"


def test_an_intent_is_told_to_the_model() -> None:
    document = python(f"{BEFORE}|{AFTER}")
    answer = inserting(document, LOAD).replace("<|INTENT|>", "<|INTENT|> load the file", 1)
    body = {**native(BEFORE, AFTER), "intent": "load  the\nfile"}
    with Server(answer) as server:
        found = server.client.post("/v1/tabtab/next_edit", json=body).json()
        assert "<|INTENT|> load the file\n" in server.engine.requests[-1].prompt
    assert (found["intent"], read_native(json.dumps(found))) == ("load the file", LOAD)


@pytest.mark.parametrize(
    ("body", "complaint"),
    [
        ({"text": "x", "cursor": {"line": 3, "column": 1}}, "line 3"),
        ({"text": "x", "cursor": {"line": 0, "column": 1}}, "line"),
        ({"text": "x", "cells": [], "cursor": {"line": 1, "column": 1}}, "both text and cells"),
        ({"cells": ["x"], "cell": 1, "cursor": {"line": 1, "column": 1}}, "no cell 1"),
        ({"cells": [], "cursor": {"line": 1, "column": 1}}, "there are no cells"),
        ({"text": 1, "cursor": {"line": 1, "column": 1}}, "Expected `str | null`"),
        ({"cursor": {"line": 1, "column": 1}, "path": "/etc/passwd"}, "unknown field `path`"),
    ],
)
def test_a_native_request_that_makes_no_sense_is_refused_in_a_line(body: dict[str, Any], complaint: str) -> None:
    with Server() as server:
        response = server.client.post("/v1/tabtab/next_edit", json=body)
    assert response.status_code == 400
    assert complaint in response.json()["error"]["message"]
