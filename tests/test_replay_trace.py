"""Editing traces: those that ship, what each press leads to, and what is said of broken files."""

from __future__ import annotations

import ast
import re
from collections import Counter

import pytest

from tabtab_local.errors import DocumentError
from tabtab_local.jupyter import parse_ipynb
from tabtab_local.notebook import from_cell
from tabtab_local.replay.load import load, load_folder, parse, shipped, to_toml
from tabtab_local.replay.trace import (
    Accept,
    Backspace,
    Event,
    Jump,
    Pause,
    Step,
    Trace,
    Type,
    backspace_length,
    keys_of,
    steps,
)

ALL = shipped()
each_trace = pytest.mark.parametrize("trace", ALL, ids=lambda trace: trace.name)

HEAD = "title = 'A'\nsource = 'written by hand'\n"


def trace_of(events: str, text: str = "x = 1\n", final: str = "x = 1\n", kind: str = "python") -> Trace:
    fields = f"text = '''\n{text}'''\nfinal = '''\n{final}'''\n"
    return parse(f"{HEAD}kind = '{kind}'\n{fields}events = [{events}]\n", "a")


def notebook_of(events: str, final: str) -> Trace:
    fields = f"kind = 'jupyter'\ncells = [{{markdown = 'Text'}}, 'x = 1', '']\nfinal = {final}\n"
    return parse(f"{HEAD}{fields}events = [{events}]\n", "a")


class Typist:
    """Does a trace in the plainest way: texts with a bar at the cursor, one for each cell that is seen."""

    def __init__(self, trace: Trace) -> None:
        jupyter = trace.kind == "jupyter"
        self.texts = [cell.code for cell in parse_ipynb(trace.text).cells] if jupyter else [trace.text]
        self.at = 0
        self.offset = 0

    def presses(self, event: Event) -> int:
        """Return how many steps an event is."""
        if isinstance(event, Type):
            return sum(
                c not in " \t" or not event.text[:i].rstrip(" \t").endswith("\n") for i, c in enumerate(event.text)
            )
        return event.count if isinstance(event, Backspace) else int(not isinstance(event, Pause))

    def press(self, step: Step, event: Event) -> None:
        """Do one step of an event."""
        if isinstance(event, Jump):
            self.at = self.at if event.cell is None else event.cell - 1
            lines = self.texts[self.at].split("\n")
            column = len(lines[event.line - 1]) + 1 if event.column is None else event.column
            self.offset = len("\n".join([*lines[: event.line - 1], ""])) + column - 1
            return
        text = self.texts[self.at]
        before, after = text[: self.offset], text[self.offset :]
        if isinstance(event, Backspace):
            indentation = before.rpartition("\n")[2]
            blanks = indentation != "" and set(indentation) == {" "}
            before = before[: -(len(indentation) % 4 or 4)] if blanks else before[:-1]
        before += step.key
        self.texts[self.at], self.offset = before + after, len(before)


@each_trace
def test_each_step_has_the_document_that_plain_typing_gives(trace):
    typist = Typist(trace)
    found = iter(steps(trace))
    for number, event in enumerate(trace.events, start=1):
        typed = ""
        for _ in range(typist.presses(event)):
            step = next(found)
            typist.press(step, event)
            typed += step.key
            document = step.document
            assert step.event == number
            if trace.kind == "jupyter":
                assert [cell.code for cell in document.notebook.cells] == typist.texts
                assert (document.cell, document.cursor) == (typist.at, typist.offset)
                assert document.code == typist.texts[typist.at]
                continue
            assert document.file == typist.texts[0]
            cell = document.notebook.cells[document.cell] if document.notebook else None
            assert typist.offset == (from_cell(cell, document.cursor) if cell else document.cursor)
        assert typed == (event.text if isinstance(event, Type | Accept) else "")
    assert next(found, None) is None


@each_trace
def test_the_code_parses_in_the_end_and_differs_from_the_code_at_first(trace):
    if trace.kind == "jupyter":
        codes = [cell.code for cell in parse_ipynb(trace.final).cells if cell.kind == "code"]
    else:
        codes = [trace.final]
    for code in codes:
        ast.parse(code)
    assert trace.text != trace.final


@each_trace
def test_the_continuation_is_what_stands_at_the_cursor_before_the_next_jump(trace):
    short = list(steps(trace))
    found = list(steps(trace, ahead_lines=1))
    assert all(a.continuation.startswith(b.continuation) for a, b in zip(found, short, strict=True))
    for i, step in enumerate(found):
        later = [n for n in range(i + 1, len(found)) if found[n].kind == "jump"]
        now, then = step.document, found[later[0] - 1 if later else -1].document
        if then.code[: now.cursor] != now.code[: now.cursor]:
            assert step.continuation == ""
            continue
        inserted = then.code[now.cursor : len(then.code) - len(now.code) + now.cursor]
        assert inserted.startswith(step.continuation)
        first, *others = step.continuation.split("\n")
        assert first == inserted.split("\n")[0]
        assert sum(bool(line.strip()) for line in others) <= 1
        assert others or "\n" not in inserted.rstrip()


@each_trace
def test_a_trace_is_written_as_it_was_read(trace):
    assert parse(to_toml(trace), trace.name) == trace


def test_traces_of_all_kinds_and_sources_ship():
    by_hand = [trace for trace in ALL if trace.source == "written by hand"]
    kinds = Counter(trace.kind for trace in by_hand)
    assert len(by_hand) >= 24
    assert kinds["marimo"] >= 8
    assert kinds["jupyter"] >= 5
    from_history = [trace for trace in ALL if re.fullmatch(r"commit [0-9a-f]{12} of tabtab-local", trace.source)]
    assert len(from_history) >= 20
    assert len(by_hand) + len(from_history) == len(ALL)
    assert sum(step.is_key for trace in ALL for step in steps(trace)) >= 4000
    assert {type(event) for trace in by_hand for event in trace.events} == {Type, Backspace, Pause, Jump, Accept}


def test_enter_is_one_key_with_the_indentation_that_follows():
    assert keys_of("if x:\n    y\n\n\tz ") == [*"if x:", "\n    ", "y", "\n", "\n\t", "z", " "]


@pytest.mark.parametrize(
    ("before", "deleted"),
    [
        ("", 0),
        ("a", 1),
        ("a    ", 1),
        ("a\n", 1),
        ("    ", 4),
        ("a\n      ", 2),
        ("a\n     ", 1),
        ("\t", 1),
        ("  é", 1),
    ],
)
def test_backspace_goes_back_to_a_column_of_indentation(before, deleted):
    assert backspace_length(before + "b", len(before)) == deleted


def test_a_step_tells_the_pause_before_it_and_whether_it_is_the_first_at_its_place():
    trace = trace_of(
        "{jump = [1]}, {pause_ms = 500}, {pause_ms = 40}, {type = '23'}, {jump = [1, 1]}", final="x = 123\n"
    )
    found = list(steps(trace))
    assert [step.kind for step in found] == ["jump", "type", "type", "jump"]
    assert [step.pause_ms for step in found] == [0, 540, 0, 0]
    assert [step.after_jump for step in found] == [False, True, False, False]
    assert [step.event for step in found] == [1, 4, 4, 5]
    assert [step.is_key for step in found] == [False, True, True, False]


def test_mistakes_are_no_continuation_and_none_is_asked_behind_them():
    events = "{jump = [1]}, {type = '+ tow'}, {backspace = 2}, {pause_ms = 9}, {accept = 'wo'}"
    found = list(steps(trace_of(events, final="x = 1+ two\n")))
    assert [(step.key, step.continuation) for step in found] == [
        ("", "+ two"),
        ("+", " two"),
        (" ", "two"),
        ("t", "wo"),
        ("o", ""),
        ("w", ""),
        ("", ""),
        ("", "wo"),
        ("wo", ""),
    ]


def test_the_continuation_goes_on_for_so_many_lines_with_text():
    trace = trace_of(
        "{jump = [1]}, {type = '2\\n\\ny = 1\\nz = 2\\n'}".replace("'", '"'), final="x = 12\n\ny = 1\nz = 2\n\n"
    )
    assert [next(steps(trace, lines)).continuation for lines in range(4)] == [
        "2",
        "2\n\ny = 1",
        "2\n\ny = 1\nz = 2",
        "2\n\ny = 1\nz = 2",
    ]


def test_in_a_marimo_cell_the_continuation_is_indented_as_its_code_is():
    def text(code: str) -> str:
        return f"import marimo\n\napp = marimo.App()\n\n\n@app.cell\ndef _():\n    {code}\n    return\n"

    final = text("if x:\n        y = 1\n    z = 2")
    trace = trace_of('{jump = [8]}, {type = ":\\n        y = 1\\n    z = 2"}', text("if x"), final, "marimo")
    found = list(steps(trace, ahead_lines=2))
    assert found[0].continuation == ":\n    y = 1\nz = 2"
    assert found[2].key == "\n        "
    assert (found[2].document.code, found[2].document.cursor) == ("if x:\n    ", 10)


def test_jumps_go_from_cell_to_cell_of_a_jupyter_notebook():
    events = (
        "{cell = 3, jump = [1]}, {type = 'x'}, {jump = [1, 1]}, {type = '-'}, {cell = 2, jump = [1, 2]}, {type = 's'}"
    )
    trace = notebook_of(events, "[{markdown = 'Text'}, 'xs = 1', '-x']")
    found = list(steps(trace))
    assert [(step.document.cell, step.document.code, step.document.cursor) for step in found] == [
        (2, "", 0),
        (2, "x", 1),
        (2, "x", 0),
        (2, "-x", 1),
        (1, "x = 1", 1),
        (1, "xs = 1", 2),
    ]


@pytest.mark.parametrize(
    ("events", "complaint"),
    [
        ("", "must begin with a jump"),
        ("{type = 'a'}", "must begin with a jump"),
        ("{jump = [3, 1]}", "event 1: line 3 is outside"),
        ("{jump = [1]}, {type = 'a'}, {jump = [1, 9]}", "event 3: column 9 is outside line 1"),
        ("{jump = [1]}, {type = 'a'}", "do not lead to the final text"),
        ("{jump = [1, 2]}, {backspace = 2}", "event 2: Backspace at the start"),
        ("{jump = [1]}, {pause_ms = 5}", "event 2: nothing follows the pause"),
        ("{jump = [1]}, {pause_ms = 0}", "event 2 is {'pause_ms': 0}"),
        ("{jump = [1]}, {press = 'Tab'}", "event 2 is {'press': 'Tab'}"),
        ("{jump = [1], type = 'a'}", "event 1 is {'jump': [1], 'type': 'a'}"),
        ("{jump = []}", "event 1 is {'jump': []}"),
        ("{jump = [true]}", "event 1 is {'jump': [True]}"),
        ("{jump = [1]}, {type = ''}", "event 2 is {'type': ''}"),
        ("{jump = [1]}, 7", "event 2 is 7"),
    ],
)
def test_an_event_that_cannot_be_is_named(events, complaint):
    with pytest.raises(DocumentError, match=re.escape(complaint)) as caught:
        trace_of(events)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("events", "complaint"),
    [
        ("{jump = [1]}", "event 1: the first jump in a Jupyter notebook must name its cell"),
        ("{cell = 1, jump = [1]}", "event 1: cell 1 is a markdown cell"),
        ("{cell = 4, jump = [1]}", "event 1: the notebook has no cell 4"),
        ("{cell = 2, jump = [1]}, {type = '\t'}", "do not lead to the final text"),
    ],
)
def test_a_place_that_is_not_in_a_notebook_is_named(events, complaint):
    with pytest.raises(DocumentError, match=re.escape(complaint)):
        notebook_of(events, "[{markdown = 'Text'}, 'x = 1', '']")


def test_a_jump_between_the_cells_of_a_marimo_notebook_is_named():
    text = "import marimo\n\napp = marimo.App()\n\n\n@app.cell\ndef _():\n    x = 1\n    return\n"
    with pytest.raises(DocumentError, match="event 2: line 3 is not inside a cell"):
        trace_of("{jump = [8]}, {jump = [3]}", text, text, "marimo")
    with pytest.raises(DocumentError, match="event 1: the text is of kind marimo, the trace python"):
        trace_of("{jump = [8]}", text, text)


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("title = ", "not valid TOML"),
        ("title = 'A'\nspeed = 3\n", "unknown field 'speed'"),
        ("kind = 'ruby'\n", "kind is 'ruby'"),
        ("kind = 'python'\n", "no list of events"),
        ("kind = 'python'\nevents = [{jump = [1]}]\n", "title is missing"),
        (HEAD + "kind = 'python'\nevents = [{jump = [1]}]\n", "text is missing"),
        (HEAD + "kind = 'jupyter'\nevents = [{jump = [1]}]\n", "cells must be a list"),
        (HEAD + "kind = 'jupyter'\ncells = [3]\nevents = [{jump = [1]}]\n", "cell 1 of cells is 3"),
    ],
)
def test_a_broken_file_is_named_with_what_is_wrong(tmp_path, text, complaint):
    path = tmp_path / "broken.toml"
    path.write_text(text)
    with pytest.raises(DocumentError, match=re.escape(complaint)) as caught:
        load(path)
    assert str(caught.value).startswith(f"{path}: ")
    assert "\n" not in str(caught.value)


def test_files_that_are_not_there_or_no_text_are_named(tmp_path):
    with pytest.raises(DocumentError, match=re.escape(f"{tmp_path} holds no traces")):
        load_folder(tmp_path)
    with pytest.raises(DocumentError, match="cannot be read"):
        load(tmp_path / "a.toml")
    (tmp_path / "b.toml").write_bytes(b"\xff")
    with pytest.raises(DocumentError, match="cannot be read"):
        load_folder(tmp_path)


def test_texts_that_toml_cannot_quote_are_written_with_escapes():
    text = "a = '''b'''\nc = '\\x00\x00\x7f\r'"
    trace = Trace(
        "a", "it's", "'''", "python", text + "\n", (Jump(1, 1), Type(text), Accept("'")), text + "'" + text + "\n"
    )
    assert parse(to_toml(trace), "a") == trace
