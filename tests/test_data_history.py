"""The history of a real repository as edits: which commits are taken, and which states are asked."""

from __future__ import annotations

import random
from collections import Counter
from pathlib import Path

import pygit2
import pytest

from tabtab_local.edits import apply
from tabtab_local.errors import DocumentError
from tabtab_local.prompt import parse_prompt, parse_response, render_prompt, render_response
from training.data.inspect import history_report
from training.data.source import state
from training.data.source.commit import rejected, title_intent
from training.data.source.history import History
from training.data.source.hunk import hunks, is_layout, same_program

BEFORE = """import json


def total(orders):
    result = 0
    for order in orders:
        result += order["price"]
    return result


def show(orders):
    print(total(orders))
"""
AFTER = (
    BEFORE.replace('order["price"]', 'order["price"] * order["count"]')
    .replace("print(total(orders))", 'print(f"{total(orders):.2f}")')
    .replace("result = 0", "result = 0.0")
)
NOTEBOOK = """import marimo

app = marimo.App()


@app.cell
def _():
    limit = 3
    return (limit,)


@app.cell
def _(limit):
    rows = list(range(limit))
    print(rows)
    return (rows,)


if __name__ == "__main__":
    app.run()
"""
PERSON = ("Ada", "ada@example.org")


class Repository:
    """A real repository in a folder, to commit to."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.git = pygit2.init_repository(str(path), initial_head="main")

    def commit(
        self,
        title: str,
        files: dict[str, str],
        who: tuple[str, str] = PERSON,
        parents: list[pygit2.Oid] | None = None,
    ) -> pygit2.Oid:
        for name, text in files.items():
            (self.path / name).parent.mkdir(parents=True, exist_ok=True)
            (self.path / name).write_text(text)
            self.git.index.add(name)
        tree = self.git.index.write_tree()
        author = pygit2.Signature(*who, 1_700_000_000, 0)
        if parents is None:
            parents = [] if self.git.head_is_unborn else [self.git.head.target]
        return self.git.create_commit("HEAD", author, author, title, tree, parents)


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    made = Repository(tmp_path / "clone")
    made.commit("First", {"shop.py": BEFORE, "note.py": NOTEBOOK, "other.py": "x = 1\n" * 3})
    return made


def read(repository: Repository, seed: int = 1) -> tuple[Counter[str], list]:
    source = History(repository.path, "MIT")
    units = [source.unit(number, random.Random(f"{seed}/{number}")) for number in range(source.size())]
    dropped: Counter[str] = Counter()
    for unit in units:
        dropped.update(unit.dropped)
    return dropped, [example for unit in units for example in unit.examples]


def many(repository: Repository) -> list:
    return [example for seed in range(12) for example in read(repository, seed)[1]]


def test_a_commit_gives_states_that_lead_to_what_was_committed(repository):
    repository.commit("fix: multiply by the count (#12)", {"shop.py": AFTER})
    examples = many(repository)
    assert {example.kind for example in examples} == {"history_typed", "history_jump", "history_next", "history_done"}
    for example in examples:
        assert parse_prompt(render_prompt(example.prompt)) == example.prompt
        assert parse_response(render_response(example.response)) == example.response
        before, after = example.prompt, example.response
        assert after.region[: before.cursor] == before.region[: before.cursor]
        assert example.compiles
        if example.kind in ("history_jump", "history_next"):
            assert after.region in AFTER
        if example.kind == "history_done":
            assert (after.region, after.cursor) == (before.region, before.cursor)
        assert before.intent in ("", "Multiply by the count")


def test_the_edit_before_is_shown_with_the_edit_after_it(repository):
    repository.commit("Multiply by the count", {"shop.py": AFTER})
    asked = [each for each in many(repository) if 'print(f"{total(orders):.2f}")' in each.response.region]
    asked = [each for each in asked if each.kind == "history_jump" and each.prompt.recent_edits]
    assert asked
    edit = asked[0].prompt.recent_edits[-1]
    assert edit.original.strip() == 'result += order["price"]'
    assert edit.updated.strip() == 'result += order["price"] * order["count"]'


def test_with_two_places_to_edit_the_cursor_goes_to_the_second():
    text = "a = 1\nb = 2\nc = 3\n"
    found = hunks(text, "a = 10\nb = 2\nc = 30\n")
    now, remaining = state.state(text, found, 0)
    question = state.next_edits(now, remaining, None, "history_jump")
    made = state.example(question, state.Asked(), random.Random(1))
    assert made.response.region == "a = 10\nb = 2\nc = 30"
    assert made.response.region[made.response.cursor :] == "30" or made.response.region[made.response.cursor :] == "0"


def test_with_one_place_to_edit_the_cursor_goes_behind_it():
    text = "flag = False\nrest = 1\n"
    found = hunks(text, "flag = True\nrest = 1\n")
    now, remaining = state.state(text, found, 0)
    made = state.example(state.next_edits(now, remaining, None, "history_jump"), state.Asked(), random.Random(1))
    assert made.response.region[: made.response.cursor] == "flag = True"
    assert made.prompt.region[: made.prompt.cursor] == "flag = "


def test_half_typed_lines_are_finished_and_nothing_else_is_changed():
    old, new = "a = 1\nb = 2\n", "a = 1\ntotal = sum(range(a, 10))\nprint(total)\nb = 2\n"
    found = hunks(old, new)
    for seed in range(40):
        now, remaining = state.state(old, found, 0)
        question = state.typed(now, remaining[0], random.Random(seed))
        if isinstance(question, str):
            continue
        assert apply(question.text, question.edits) == new
        assert question.text.split("\n")[-2] == "b = 2"
        made = state.example(question, state.Asked(), random.Random(seed))
        assert made.response.region.startswith(made.prompt.region[: made.prompt.cursor])
        assert made.response.region[made.response.cursor :].startswith("\n")


def test_in_a_marimo_notebook_the_region_is_the_cell(repository):
    changed = NOTEBOOK.replace("print(rows)", "print(sum(rows))")
    repository.commit("Print the sum", {"note.py": changed})
    asked = [example for example in many(repository) if example.kind == "history_jump"]
    assert asked
    assert asked[0].prompt.region == "rows = list(range(limit))\nprint(rows)"
    assert asked[0].response.region == "rows = list(range(limit))\nprint(sum(rows))"
    assert "limit = 3" in asked[0].prompt.code_above or not asked[0].prompt.code_above


@pytest.mark.parametrize(
    ("title", "people", "parents", "reason"),
    [
        ("Merge branch", "Ada <a@b.c>", 2, "merge commit"),
        ("First", "Ada <a@b.c>", 0, "first commit"),
        ("Bump x", "dependabot[bot] <49699333+dependabot[bot]@users.noreply.github.com>", 1, "commit by a bot"),
        ("x", "Release Bot <release-bot@example.org>", 1, "commit by a bot"),
        ('Revert "feat: x"', "Ada <a@b.c>", 1, "revert"),
        ("style: black", "Ada <a@b.c>", 1, "title says formatting"),
        ("Reformat everything", "Ada <a@b.c>", 1, "title says formatting"),
        ("chore(ruff): enable checks", "Ada <a@b.c>", 1, "title says formatting"),
        ("release: 0.24.0", "Ada <a@b.c>", 1, "release"),
        ("Add a formatted column", "Abbot Botham <abbot@botham.org>", 1, ""),
        ("Show the format of dates", "Ada <a@b.c>", 1, ""),
    ],
)
def test_commits_that_no_person_made_as_an_edit_are_left_out(title, people, parents, reason):
    assert rejected(title, people, parents) == reason


@pytest.mark.parametrize(
    ("title", "intent"),
    [
        ("feat(ui): add a slider (#1234)", "Add a slider"),
        ("fix!: don't crash on empty rows, fixes #12", "Don't crash on empty rows"),
        ("[skip ci] improvement: faster tables", "Faster tables"),
        ("pd.DataFrame is accepted", "pd.DataFrame is accepted"),
        ("wip", ""),
        ("fix: typo", ""),
        ("x" * 120 + " y", ""),
    ],
)
def test_titles_become_intents(title, intent):
    assert title_intent(title) == intent


def test_each_file_and_commit_that_is_left_out_is_counted(repository):
    spaced = BEFORE.replace("result = 0", "result  =  0").replace("orders):", "orders ):")
    repository.commit("Tidy", {"shop.py": spaced})
    repository.commit("Add docs", {"README.md": "x"})
    repository.commit("Add a file", {"new.py": "y = 2\n"})
    repository.commit("Vendor it", {"_vendor/a.py": "y = 2\n"})
    repository.commit("Change it", {"_vendor/a.py": "y = 3\n"})
    repository.commit("Say it", {"shop.py": "# Generated by a tool, do not edit\n" + spaced})
    repository.commit("Update", {"other.py": "x = 2\n"}, who=("renovate[bot]", "bot@example.org"))
    repository.commit("Many", {f"m/{number}.py": "x = 1\n" for number in range(30)})
    repository.commit("Change many", {f"m/{number}.py": "x = 2\n" for number in range(30)})
    dropped, examples = read(repository)
    assert not examples
    assert dropped["first commit"] == dropped["no Python file"] == dropped["commit by a bot"] == 1
    assert dropped["file: layout alone"] == 1
    assert dropped["file: vendored, generated or snapshot"] == 2
    assert dropped["file: added, removed or moved"] == 2
    assert dropped["more than 25 Python files"] == 2


def test_mass_reformatting_is_told_by_its_hunks(repository):
    old = "".join(f"def f{number}(a,b):\n    return g(a,\n        b)\n\n\n" for number in range(10))
    new = "".join(f"def f{number}(a, b):\n    return g(a, b)\n\n\n" for number in range(10)).replace("f3(", "f33(")
    repository.commit("Add", {"shop.py": old})
    repository.commit("Improve the code", {"shop.py": new})
    dropped, _ = read(repository)
    assert dropped["mass reformatting"] == 1


def test_merges_are_left_out(repository):
    first = repository.git.head.target
    second = repository.commit("Multiply", {"shop.py": AFTER})
    repository.commit("Merge it", {"shop.py": BEFORE}, parents=[second, first])
    dropped, _ = read(repository)
    assert dropped["merge commit"] == 1


def test_objects_that_a_clone_lacks_are_counted(repository):
    repository.commit("Multiply by the count", {"shop.py": AFTER})
    blob = str(repository.git.head.peel(pygit2.Commit).tree["shop.py"].id)
    (repository.path / ".git" / "objects" / blob[:2] / blob[2:]).unlink()
    dropped, examples = read(repository)
    assert not examples
    assert dropped["file: object missing, too large or not text"] == 1


@pytest.mark.parametrize("encoding", ["klingon", "utf-8"])
def test_a_commit_in_an_encoding_that_is_not_as_it_says_is_read(repository, encoding):
    repository.commit("Multiply by the count", {"shop.py": AFTER})
    raw = repository.git[repository.git.head.target].read_raw()
    head, _, _ = raw.partition(b"\n\n")
    odd = head.replace(b"Ada", b"Ad\xe9") + f"\nencoding {encoding}\n\n".encode() + b"Multiply by the caf\xe9 count\n"
    repository.git.references["refs/heads/main"].set_target(repository.git.write(pygit2.enums.ObjectType.COMMIT, odd))
    assert {example.prompt.intent for example in many(repository)} == {
        "",
        "Multiply by the caf\N{REPLACEMENT CHARACTER} count",
    }


def test_of_a_shallow_clone_the_oldest_commit_is_a_first_one(repository):
    oldest = repository.commit("Multiply by the count", {"shop.py": AFTER})
    repository.commit("Go back", {"shop.py": BEFORE})
    # What `git clone --depth 2` leaves.
    (repository.path / ".git" / "shallow").write_text(f"{oldest}\n")
    source = History(repository.path, "MIT")
    units = [source.unit(number, random.Random(number)) for number in range(source.size())]
    assert len(units) == 2
    assert sum(unit.dropped.get("first commit", 0) for unit in units) == 1


def test_hunks_make_the_new_text_of_the_old_one():
    rng = random.Random(1)
    for _ in range(50):
        old = "".join(rng.choice("abcd\n") for _ in range(60))
        new = "".join(rng.choice("abcd\n") for _ in range(60))
        assert apply(old, [hunk.edit for hunk in hunks(old, new)]) == new


def test_layout_is_told_from_edits():
    def is_only_layout(old: str, new: str) -> bool:
        return all(map(is_layout, hunks(old, new)))

    assert is_only_layout("x = f(a,b)\n", "x = f(\n    a,\n    b,\n)\n")
    assert is_only_layout("x = 'a'\n", 'x = "a"\n')
    assert not is_only_layout("if x:\n    y()\n", "if x:\n    y\n")
    assert not is_only_layout("y()\n", "    y()\n")
    assert same_program("x = (1)\n", "x = 1\n")
    assert not same_program("x = 1  # a\n", "x = 1  # b\n")


def test_a_folder_that_is_no_repository_is_refused(tmp_path):
    with pytest.raises(DocumentError, match="not a git repository"):
        History(tmp_path, "MIT").size()


def test_the_report_shows_counts_and_examples_as_a_person_reads_them(repository):
    repository.commit("fix: multiply by the count (#12)", {"shop.py": AFTER})
    text = history_report(repository.path, commits=10, shown=20, seed=3)
    assert "commits: 2" in text
    assert "first commit: 1" in text
    assert "‸" in text
    assert "history_" in text
