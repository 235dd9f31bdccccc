"""Our own tasks: the set as it is, and how one is read."""

from __future__ import annotations

import ast
import re
from collections import Counter
from pathlib import Path

import pytest
import yaml

from tabtab_local.edits import Edit, diff
from tabtab_local.errors import DocumentError
from tabtab_local.prompt import RecentEdit, clean_intent
from training.evaluation import tabtab_bench
from training.evaluation.program import program
from training.evaluation.tabtab_bench import CURSOR, SPLITS, TASKS, load
from training.evaluation.task import Task

SUITES = {split: load(split) for split in SPLITS}
ALL = [task for suite in SUITES.values() for task in suite]
LOUD = [task for task in ALL if not task.silent]

# What ends a word or closes a bracket that the edit stands in: the cursor may as well stand behind that.
CLOSING = re.compile(r"""\w*["']?[)\]},]*:?""")

TASK = """\
- id: one
  split: dev
  document: |
    x = ‸
  answer: |
    x = 1‸
  checks: |
    assert x == 1
"""


def named(tasks: list[Task]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("task", [pytest.param(task, id=task.id) for task in tasks])


def written(tmp_path: Path, text: str, name: str = "shape.yaml") -> Path:
    (tmp_path / name).write_text(text, encoding="utf-8")
    return tmp_path


def refusal(tmp_path: Path, text: str) -> str:
    """Return what the loader says of a file of tasks, which is one line that names the file."""
    with pytest.raises(DocumentError) as caught:
        load("dev", written(tmp_path, text))
    assert "\n" not in str(caught.value)
    assert str(caught.value).startswith("shape.yaml")
    return str(caught.value)


# The set


def test_there_are_enough_tasks_and_enough_silence():
    assert len(ALL) >= 150
    assert len(ALL) - len(LOUD) >= 30


def test_every_id_is_taken_once():
    assert len({task.id for task in ALL}) == len(ALL)


def test_every_file_of_tasks_is_in_both_splits_by_halves():
    shapes = {path.stem for path in TASKS.glob("*.yaml")}
    counts = {split: Counter(task.group for task in suite) for split, suite in SUITES.items()}
    for shape in shapes:
        assert counts["dev"][shape] > 0
        assert abs(counts["dev"][shape] - counts["test"][shape]) <= 1, shape


def test_no_document_stands_in_the_set_twice():
    texts = Counter(task.text.strip() for task in ALL) + Counter(task.reference.strip() for task in LOUD)
    assert [text for text, count in texts.items() if count > 1] == []


def test_dev_and_test_differ_in_more_than_their_spelling():
    def forms(split: str) -> set[str]:
        return {re.sub(r"\W+|\d+", "", task.text).lower() for task in SUITES[split]}

    assert not forms("dev") & forms("test")


@named(LOUD)
def test_an_answer_differs_only_where_the_model_may_write(task):
    document, answer = task.document(), task.answer()
    region = document.region()
    assert document.code != answer.code
    assert answer.code.startswith(document.code[: region.start])
    assert answer.code.endswith(document.code[region.end :])
    assert document.cell == answer.cell
    if document.notebook is not None:
        cells = zip(document.notebook.cells, answer.notebook.cells, strict=True)
        assert [i for i, (old, new) in enumerate(cells) if old.code != new.code] == [document.cell]


@named(LOUD)
def test_the_cursor_of_an_answer_stands_where_an_edit_is_made(task):
    edits = diff(task.text, task.reference)
    if len(edits) == 1:
        assert behind(edits[0], task), f"after {edits[0].text!r}"
    else:
        changed = {line for edit in moved(edits) for line in lines(task.reference, edit)}
        assert task.reference.count("\n", 0, task.reference_cursor) in changed


def behind(edit: Edit, task: Task) -> bool:
    """Return whether the answer's cursor stands right behind its one edit, or behind what closes or is indented there.

    The same edit may be read at more places than one: `a, ` before `a, b`, or `, a` behind it.
    """
    old, new, end = task.text, task.reference, task.reference_cursor
    for cursor in range(len(edit.text), end + 1):
        start = cursor - len(edit.text)
        if new[:start] != old[:start] or new[cursor:] != old[start + edit.end - edit.start :]:
            continue
        passed, line = new[cursor:end], new[:cursor].split("\n")[-1]
        indented = line.isspace() and "\n" not in passed and new[end : end + 1] in ("", "\n")
        if CLOSING.fullmatch(passed) or indented:
            return True
    return False


def moved(edits: tuple[Edit, ...]) -> list[Edit]:
    """Return each edit as the place of its text in the edited code."""
    places, grown = [], 0
    for edit in edits:
        start = edit.start + grown
        places.append(Edit(start, start + len(edit.text), edit.text))
        grown += len(edit.text) - (edit.end - edit.start)
    return places


def lines(text: str, edit: Edit) -> range:
    return range(text.count("\n", 0, edit.start), text.count("\n", 0, edit.end) + 1)


@named(ALL)
def test_the_right_program_parses_and_so_do_its_checks(task):
    ast.parse(program(task.reference))
    assert "assert " in task.checks
    ast.parse(task.checks)


@named(ALL)
def test_what_is_shown_of_a_task_agrees_with_its_document(task):
    # The prompt takes one line as an intent, and the document has the user's last edit already.
    assert task.intent == clean_intent(task.intent)
    for edit in task.recent_edits:
        assert edit.original != edit.updated
    if task.recent_edits:
        shown = " ".join(task.recent_edits[-1].updated.split())
        assert shown in " ".join(task.document().file.split())


@named([task for task in ALL if task.silent])
def test_a_silent_task_has_its_document_as_answer(task):
    assert (task.reference, task.reference_cursor) == (task.text, task.cursor)
    assert task.document().code == task.answer().code


# The loader


def test_a_task_is_read_with_all_that_it_says(tmp_path):
    text = TASK + (
        "  intent: start at one\n  recent:\n    - original: y\n      updated: x\n  files:\n    rows.csv: |\n      a;b\n"
    )
    suite = load("dev", written(tmp_path, text))
    assert (suite.name, suite.split, suite.excluded) == ("tabtab-bench", "dev", ())
    assert suite.tasks == (
        Task(
            id="tabtab-bench/shape/one",
            group="shape",
            text="x = \n",
            cursor=4,
            reference="x = 1\n",
            reference_cursor=5,
            checks="assert x == 1\n",
            intent="start at one",
            recent_edits=(RecentEdit("y", "x"),),
            files={"rows.csv": "a;b\n"},
        ),
    )


def test_a_split_has_its_own_tasks_only(tmp_path):
    written(tmp_path, TASK + TASK.replace("id: one", "id: two").replace("dev", "test"))
    assert [task.id for task in load("dev", tmp_path)] == ["tabtab-bench/shape/one"]
    assert [task.id for task in load("test", tmp_path)] == ["tabtab-bench/shape/two"]


def test_a_file_without_tasks_has_none(tmp_path):
    assert load("dev", written(tmp_path, "# soon\n")).tasks == ()


def test_the_fingerprint_is_that_of_the_tasks_and_their_shape(tmp_path):
    def fingerprint(text: str, name: str, split: str = "dev") -> str:
        folder = tmp_path / f"{len(list(tmp_path.iterdir()))}"
        folder.mkdir()
        return load(split, written(folder, text, name)).fingerprint

    first = fingerprint(TASK, "shape.yaml")
    assert first == fingerprint(TASK, "shape.yaml")
    changed = [
        fingerprint(TASK.replace("x == 1", "x is 1"), "shape.yaml"),
        fingerprint(TASK + "  intent: one\n", "shape.yaml"),
        fingerprint(TASK, "form.yaml"),
        fingerprint(TASK, "shape.yaml", "test"),
    ]
    assert len({first, *changed}) == 5


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (TASK + "  hint: no\n", "hint"),
        (TASK.replace("  checks: |\n    assert x == 1\n", ""), "checks"),
        (TASK.replace("x = ‸", "‸x = ‸"), "has 2 cursors"),
        (TASK.replace("x = 1‸", "x = 1"), "has 0 cursors"),
        (TASK + "  silent: true\n", "either an answer or silent: true"),
        (TASK.replace("  answer: |\n    x = 1‸\n", ""), "either an answer or silent: true"),
        (TASK + "  silent: maybe\n", "silent is 'maybe'"),
        (TASK.replace("split: dev", "split: train"), "the split is 'train', not one of dev, test"),
        (TASK.replace("id: one", "id: 7"), "id is 7, not a text"),
        (TASK + TASK, "the id is taken"),
        (TASK + "  recent: [x]\n", "recent is not a list of edits"),
        (TASK + "  recent:\n    - original: x\n", "recent is not a list of edits"),
        (TASK + "  files:\n    a.csv: 3\n", "files does not give a text"),
        (TASK.replace("assert x == 1", "assert x == 1‸"), "outside document and answer"),
        ("- just a line\n", "is not a task"),
        ("id: one\n", "not a list of tasks"),
        ("- id: one\n  split: [dev\n", "line 3: not YAML"),
        ("- id: one\n\tsplit: dev\n", "line 2: not YAML"),
        ("- id: \x00\n", "not YAML"),
        ("- id: !!python/name:os.system\n", "line 1: not YAML"),
        ("- id: 2024-13-45\n", "not YAML"),
    ],
)
def test_a_task_that_is_not_as_the_readme_says_is_refused_in_one_line(tmp_path, text, says):
    assert says in refusal(tmp_path, text)


def test_a_file_that_is_not_text_is_refused(tmp_path):
    (tmp_path / "shape.yaml").write_bytes(b"- id: \xff\n")
    with pytest.raises(DocumentError, match="not UTF-8: byte 6"):
        load("dev", tmp_path)


def test_the_refusal_names_the_task(tmp_path):
    assert refusal(tmp_path, TASK.replace("split: dev", "split: train")).startswith("shape.yaml, task one: ")


def test_the_sample_in_the_readme_is_a_task(tmp_path):
    text = (TASKS / "README.md").read_text(encoding="utf-8")
    sample = re.search(r"```yaml\n(.*?)```", text, re.DOTALL)[1]
    (task,) = load("dev", written(tmp_path, sample)).tasks
    keys = set(yaml.safe_load(sample)[0])
    assert {"id", "split", "document", "answer", "checks"} <= keys
    assert CURSOR not in task.text + task.reference


def test_the_tasks_lie_beside_the_module():
    assert Path(tabtab_bench.__file__).parent / "tasks" == TASKS
