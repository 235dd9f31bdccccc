"""Traces from a repository's history: which changes are taken, how they are typed, and what the command says."""

from __future__ import annotations

import re
from pathlib import Path

import pygit2
import pytest
from click.testing import CliRunner

from bench.__main__ import main
from bench.traces import history, write_history
from tabtab_local.errors import DocumentError
from tabtab_local.replay.load import load_folder
from tabtab_local.replay.trace import Backspace, Jump, Pause, Trace, Type, steps

BASE = '''"""Orders of a shop."""

import json


def total(orders):
    result = 0
    for order in orders:
        result += order["price"]
    return result


# Prints them.
@staticmethod
def show(orders):
    print(total(orders))
'''
PERSON = ("Ada", "ada@example.org")


def before(line: str, added: str, text: str = BASE) -> str:
    """Return `text` with lines added before the one that is `line`."""
    assert text.count(f"{line}\n") == 1
    return text.replace(f"{line}\n", f"{added}\n{line}\n")


SAID = before("    result = 0", '    print("adding all the prices up")')


class Repository:
    """A repository in which each call of `commit` writes files and commits them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.git = pygit2.init_repository(str(folder))

    def commit(self, title: str, parents: int = 1, **files: str | bytes) -> str:
        for name, text in files.items():
            path = self.folder / name.replace("_py", ".py").replace("_md", ".md")
            path.write_bytes(text if isinstance(text, bytes) else text.encode())
        self.git.index.add_all()
        self.git.index.write()
        tips = [] if self.git.head_is_unborn else [self.git.head.target]
        if parents == 2:
            tips.append(self.git.get(self.git.head.target).parents[0].id)
        who = pygit2.Signature(*PERSON, 1_700_000_000)
        return str(self.git.create_commit("HEAD", who, who, title, self.git.index.write_tree(), tips))


@pytest.fixture
def repository(tmp_path):
    made = Repository(tmp_path / "shop")
    made.commit("Begin", shop_py=BASE)
    return made


def traces(repository: Repository, limit: int = 20, commits: int = 20) -> tuple[Trace, ...]:
    return history(repository.folder, commits=commits, limit=limit, name="shop")


def test_new_lines_are_typed_from_the_end_of_the_line_above(repository):
    new = before("    result = 0", "    if not orders:\n        return None")
    commit = repository.commit("Return nothing for no orders\n\nMore words.", shop_py=new)
    (trace,) = traces(repository)
    assert trace.events == (Jump(6, 19), Pause(1350), Type("\n    if not orders:\n        return None"))
    assert (trace.name, trace.kind) == ("history-shop-total", "python")
    assert trace.title == "Return nothing for no orders (shop.py)"
    assert trace.source == f"commit {commit[:12]} of shop"
    assert (trace.text, trace.final) == (BASE, new)


def test_words_are_typed_where_they_stand_from_top_to_bottom(repository):
    new = BASE.replace('order["price"]', 'order["price"] * order.get("count", 1)')
    new = new.replace("print(total(orders))", 'print(total(orders), "euros")')
    repository.commit("Count", shop_py=new)
    (trace,) = traces(repository)
    assert trace.events == (
        Jump(9, 33),
        Pause(1350),
        Type(' * order.get("count", 1)'),
        Jump(16, 24),
        Pause(1350),
        Type(', "euros"'),
    )
    assert trace.final == new
    assert list(steps(trace))[-1].document.file == new


def test_changes_that_lie_close_together_in_a_line_become_one(repository):
    new = BASE.replace("for order in orders", "for number, one in enumerate(sorted(orders), start=1)")
    repository.commit("Wide", shop_py=new)
    (trace,) = traces(repository)
    changed = "number, one in enumerate(sorted(orders), start=1)"
    assert trace.events == (Jump(8, 24), Pause(1350), Backspace(15), Type(changed))


def test_a_window_is_of_whole_statements_around_the_change(repository):
    old = BASE + "".join(f"\n\ndef f{n}():\n    return {n}\n" for n in range(60))
    repository.commit("Fill", shop_py=old)
    repository.commit("Say", shop_py=before("    return 40", '    print("forty is what it returns")', old))
    (trace,) = traces(repository, commits=1)
    assert 100 < trace.text.count("\n") <= 120
    assert re.fullmatch(r"(def f\d+\(\):\n    return \d+\n(\n\n|$))+", trace.text)
    assert "def f40" in trace.text
    assert trace.text in old


def test_a_window_keeps_decorators_and_comments_with_what_they_belong_to(repository):
    old = before("# Prints them.", "".join(f"a{n} = {n}\n" for n in range(130)))
    repository.commit("Fill", shop_py=old)
    repository.commit(
        "Say", shop_py=old.replace("total(orders))\n", 'total(orders))\n    print("euros in all, as of today")\n')
    )
    (trace,) = traces(repository, commits=1)
    assert trace.text.count("\n") <= 120
    assert "# Prints them.\n@staticmethod\ndef show(orders):\n" in trace.text
    assert trace.text.startswith("a")


@pytest.mark.parametrize(
    "new",
    [
        BASE.replace("    result = 0\n", ""),
        BASE.replace("result = 0", "result = 0.0"),
        before("    return result", "    print('this bracket stays open for ever'"),
        before("    return result", "\n".join(f"    print({n}, 'one of many lines')" for n in range(30))),
        BASE.replace("for order in orders:\n        result += order", "while orders:\n        result += orders.pop()"),
    ],
    ids=["deleted", "short", "no Python", "too long", "mostly replaced"],
)
def test_what_is_no_typing_gives_no_trace(repository, new):
    assert new != BASE
    repository.commit("Change", shop_py=new)
    assert traces(repository) == ()


def test_other_files_merges_and_new_files_give_no_trace(repository):
    addition = '\n\ndef describe(orders):\n    return f"{len(orders)} orders"\n'
    repository.commit("Words", readme_md="A" * 100)
    repository.commit("Words", readme_md="A" * 100 + "and so on, and so forth, for a while", other_py="x = 1\n")
    repository.commit("Merge", parents=2, shop_py=BASE + addition)
    repository.commit("Latin", other_py=b"x = '\xe9'\n" + addition.encode())
    assert traces(repository) == ()


def test_commits_and_lengths_take_turns_and_no_function_comes_twice(repository):
    short, long = (
        '    print("this is a short line")',
        '    print("this one is longer, and more", "is said in it than in the other")',
    )
    text = before("    result = 0", short)
    repository.commit("First", shop_py=text)
    text = before("    result = 0", long, before("    print(total(orders))", long, text))
    repository.commit("Second", shop_py=text)
    text = before("    result = 0", short + "  # again", before("    print(total(orders))", short, text))
    newest = repository.commit("Third", shop_py=text)
    found = traces(repository)
    assert [trace.name for trace in found] == ["history-shop-total"]
    assert found[0].source == f"commit {newest[:12]} of shop"
    assert traces(repository, limit=1) == found


def test_files_have_names_of_their_traces_and_load(repository, tmp_path):
    repository.commit("Say", shop_py=SAID)
    paths = write_history(repository.folder, tmp_path / "out", commits=5, limit=5, name="shop")
    assert paths == (tmp_path / "out" / "history-shop-total.toml",)
    assert load_folder(tmp_path / "out") == traces(repository)


def test_the_command_writes_the_files_and_names_them(repository, tmp_path):
    repository.commit("Say", shop_py=SAID)
    options = ["traces", "--repo", str(repository.folder), "--out", str(tmp_path / "out"), "--name", "shop"]
    done = CliRunner().invoke(main, options)
    assert (done.exit_code, done.stdout) == (0, f"{tmp_path / 'out' / 'history-shop-total.toml'}\n")


def test_a_folder_without_history_is_named(tmp_path, repository):
    with pytest.raises(DocumentError, match="no change in the last 3 commits"):
        write_history(repository.folder, tmp_path / "out", commits=3, limit=5, name="shop")
    pygit2.init_repository(str(tmp_path / "empty"))
    for folder in (tmp_path, tmp_path / "empty"):
        with pytest.raises(DocumentError, match="is no git repository with a commit"):
            write_history(folder, tmp_path / "out", commits=3, limit=5, name="shop")
