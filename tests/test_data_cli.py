"""`python -m training data` as a person runs it: processes, exit codes, what stands on stdout and stderr."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
from pathlib import Path

import pygit2
import pytest

from tabtab_local.errors import DocumentError
from tabtab_local.prompt import parse_prompt, parse_response
from training.data import shard

ROOT = Path(__file__).parent.parent
MIX = "examples = 40\nshard_rows = 15\n[[source]]\nkind = 'everyday'\n"


def data(*arguments: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "training", "data", *map(str, arguments)]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120)


def build(mix: str, folder: Path, *more: object) -> subprocess.CompletedProcess[str]:
    path = folder / "mix.toml"
    path.write_text(mix)
    return data("build", "--config", path, "--out", folder / "out", "--workers", 1, "--unchecked", *more)


def one_line(done: subprocess.CompletedProcess[str]) -> str:
    """What a failed command says."""
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("error: ")
    assert done.stderr.count("\n") == 1
    return done.stderr


def test_a_data_set_is_built_once_and_is_what_fine_tuning_reads(tmp_path):
    first = build(MIX, tmp_path)
    assert first.returncode == 0, first.stderr
    assert f"wrote 40 examples to {tmp_path / 'out'}" in first.stderr
    names = sorted(path.name for path in (tmp_path / "out").iterdir())
    assert names == ["README.md", "build.json", "data"]

    from training.sft import read_examples

    pairs = list(read_examples(tmp_path / "out"))
    assert len(pairs) == 40
    for prompt, completion in pairs:
        parse_prompt(prompt)
        parse_response(completion)
    assert shard.sha256(tmp_path / "out") in (tmp_path / "out" / "README.md").read_text()

    before = {path: path.stat().st_mtime_ns for path in (tmp_path / "out").rglob("*")}
    again = build(MIX, tmp_path)
    assert (again.returncode, again.stderr) == (0, f"{tmp_path / 'out'} holds this data set already\n")
    assert {path: path.stat().st_mtime_ns for path in (tmp_path / "out").rglob("*")} == before

    damaged = tmp_path / "out" / "data" / "train-00001.parquet"
    damaged.unlink()
    assert f"{damaged} is missing or was changed" in one_line(build(MIX, tmp_path))


def test_sources_that_give_too_little_say_so_and_those_that_give_nothing_leave_nothing(tmp_path):
    rows = tmp_path / "rows.jsonl"
    code = "def plant(trees):\n    return [tree.name for tree in trees if tree.height > 3]"
    rows.write_text(json.dumps({"instruction": "Plant the trees", "input": "", "output": code}) + "\n")
    mix = f"examples = 500\n[[source]]\nkind = 'instructions'\nlicence = 'MIT'\npath = '{rows}'\n"
    done = build(mix, tmp_path)
    assert done.returncode == 0
    assert done.stderr.endswith("500 were asked for: the sources have no more to give\n")
    assert "(no more to give)" in (tmp_path / "out" / "README.md").read_text()

    other = tmp_path / "other"
    other.mkdir()
    rows.write_text("")
    assert "gave not one example" in one_line(build(mix, other))
    assert [path.name for path in other.iterdir()] == ["mix.toml"]


def test_history_reads_a_repository_and_prints_what_it_gives(tmp_path):
    git = pygit2.init_repository(str(tmp_path / "clone"), initial_head="main")
    person = pygit2.Signature("Ada", "ada@example.org", 1_700_000_000, 0)
    for number in range(5):
        (tmp_path / "clone" / "a.py").write_text(f"import os\n\nlimit = {number}\nprint(os.cpu_count(), limit)\n")
        git.index.add("a.py")
        parents = [git.head.target] if number else []
        git.create_commit("HEAD", person, person, f"Set the limit to {number}", git.index.write_tree(), parents)
    done = data("history", "--repo", tmp_path / "clone", "--examples", 3)
    assert done.returncode == 0, done.stderr
    assert "commits: 5" in done.stdout
    assert "first commit: 1" in done.stdout
    assert done.stdout.count("── ") == 3
    assert (
        data("history", "--repo", tmp_path / "clone", "--examples", 3).stdout.split("processor time")[0] in done.stdout
    )


def test_what_a_person_gets_wrong_is_one_line_and_leaves_all_as_it_was(tmp_path):
    out = tmp_path / "out"
    out.mkdir()
    (out / "letter.txt").write_text("Dear Ada")
    assert f"{out} exists and is not an empty folder" in one_line(build(MIX, tmp_path))
    assert [path.name for path in out.iterdir()] == ["letter.txt"]
    assert "unknown key colour" in one_line(build("colour = 1\n" + MIX, tmp_path))
    assert "is not a git repository" in one_line(data("history", "--repo", tmp_path))
    assert "is not in the range x>=1" in data("build", "--config", "a", "--out", "b", "--workers", 0).stderr


@pytest.mark.parametrize("content", ["[]", "{}", "not JSON"])
def test_a_folder_with_the_record_of_something_else_is_left_alone(tmp_path, content):
    out = tmp_path / "out"
    out.mkdir()
    (out / "README.md").write_text("Mine")
    (out / "build.json").write_text(content)
    before = {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in out.iterdir()}
    from training.data import build as stage
    from training.data import config

    (tmp_path / "mix.toml").write_text(MIX)
    with pytest.raises(DocumentError, match=r"build\.json cannot be read: choose another --out"):
        stage.build(config.read(tmp_path / "mix.toml"), out, 1, unchecked=True)
    assert {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in out.iterdir()} == before
