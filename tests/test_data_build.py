"""Building a training mix: sources, checks, shards and the card."""

from __future__ import annotations

import hashlib
import json
import os
import pickle
import random
import re
import signal
import subprocess
import sys
import time
from collections import Counter
from dataclasses import replace
from pathlib import Path

import psutil
import pygit2
import pytest

from tabtab_local.errors import DocumentError
from tabtab_local.prompt import parse_prompt, parse_response
from tests.corpora import tiny_corpus
from training.corpus import store
from training.data import build as stage
from training.data import config, progress, shard
from training.data.build import build
from training.data.contamination import evaluation_sets
from training.data.source.corpus import Corpus
from training.data.source.everyday import Everyday
from training.data.source.history import History
from training.data.source.row import Instructions, Mbpp
from training.data.source.window import Folder, Packages

ROOT = Path(__file__).parent.parent
MBPP = ROOT.parent / "shared" / "data" / "mbpp.jsonl"
needs_mbpp = pytest.mark.skipif(not MBPP.exists(), reason="MBPP's file is not beside the checkout")

EVERYDAY = "examples = 300\nshard_rows = 60\n[[source]]\nkind = 'everyday'\n"


def mix(text: str, folder: Path) -> config.Mix:
    path = folder / "mix.toml"
    path.write_text(text)
    return config.read(path)


def files(folder: Path) -> dict[str, str]:
    return {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def rows(name: str, count: int, folder: Path) -> Path:
    """A data set in Alpaca's columns."""
    path = folder / name
    made = [
        {
            "instruction": f"Add {number} to each number of a list",
            "input": "",
            "output": f"def add_{number}(numbers):\n    more = [each + {number} for each in numbers]\n    return more",
        }
        for number in range(count)
    ]
    path.write_text("".join(json.dumps(row) + "\n" for row in made))
    return path


def all_rows(folder: Path) -> list[shard.Row]:
    return list(shard.read_rows(folder))


@pytest.mark.parametrize("form", ["parquet", "jsonl"])
def test_a_build_writes_rows_in_the_prompt_format_and_a_card_that_counts_them(tmp_path, form):
    made = replace(mix(EVERYDAY, tmp_path), format=form)
    build(made, tmp_path / "out", 1, unchecked=True)
    found = all_rows(tmp_path / "out")
    assert len(found) == 300
    for row in found:
        parse_prompt(row.prompt)
        parse_response(row.completion)
    assert list(shard.read(tmp_path / "out")) == [(row.prompt, row.completion) for row in found]
    card = (tmp_path / "out" / "README.md").read_text()
    kinds = Counter(row.kind for row in found)
    for kind, number in kinds.items():
        assert re.search(rf"^\| {kind} \| {number} \| {number} \|", card, re.MULTILINE)
    share = sum(row.compiles for row in found) / 300
    assert re.search(rf"^\| everyday \| everyday \| \d+ \| 300 \| {share:.1%} \| Apache-2.0 \|$", card, re.MULTILINE)
    record = json.loads((tmp_path / "out" / "build.json").read_text())
    assert [each["rows"] for each in record["shards"]] == [60] * 5
    for each in record["shards"]:
        data = (tmp_path / "out" / "data" / each["name"]).read_bytes()
        assert hashlib.sha256(data).hexdigest() == each["sha256"]
        assert each["sha256"] in card
    assert record["sha256"] in card
    assert sum(record["sources"][0]["kinds"].values()) == 300


def test_a_card_is_metadata_that_the_hub_reads(tmp_path):
    import yaml

    build(mix(EVERYDAY, tmp_path), tmp_path / "out", 1, unchecked=True)
    head = (tmp_path / "out" / "README.md").read_text().split("---\n")[1]
    table = yaml.safe_load(head)
    assert table["license"] == ["apache-2.0"]
    assert table["size_categories"] == ["n<1K"]
    assert table["configs"][0]["data_files"] == [{"path": "data/*.parquet", "split": "train"}]


def test_the_number_of_workers_decides_nothing(tmp_path):
    text = (
        EVERYDAY
        + f"share = 3\n[[source]]\nkind = 'instructions'\nlicence = 'MIT'\npath = '{rows('a.jsonl', 80, tmp_path)}'\n"
    )
    made = mix(text, tmp_path)
    build(made, tmp_path / "one", 1, unchecked=True)
    build(made, tmp_path / "two", 2, unchecked=True)
    assert files(tmp_path / "one") == files(tmp_path / "two")


def test_an_interrupted_build_goes_on_to_the_same_bytes(tmp_path):
    path = tmp_path / "mix.toml"
    path.write_text(EVERYDAY.replace("300", "900"))
    build(config.read(path), tmp_path / "whole", 1, unchecked=True)
    script = tmp_path / "script.py"
    script.write_text(
        "import sys\nfrom pathlib import Path\nfrom training.data import build, config\n"
        "if __name__ == '__main__':\n"
        "    build.build(config.read(Path(sys.argv[1])), Path(sys.argv[2]), 2, unchecked=True)\n"
    )
    out = tmp_path / "broken"
    command = [sys.executable, str(script), str(path), str(out)]
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    process = subprocess.Popen(command, cwd=ROOT, env=environment, stderr=subprocess.DEVNULL)
    try:
        deadline = time.monotonic() + 60
        while len(list((out / "data").glob("train-*"))) < 3 and time.monotonic() < deadline:
            time.sleep(0.01)
        workers = psutil.Process(process.pid).children()
    finally:
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
    assert workers
    assert not psutil.wait_procs(workers, timeout=10)[1]
    assert not (out / "README.md").exists()
    kept = {name: each.stat().st_mtime_ns for name in ("train-00000.parquet",) for each in (out / "data").glob(name)}
    with pytest.raises(DocumentError, match="no finished data set"):
        list(shard.read(out))
    build(config.read(path), out, 1, unchecked=True)
    assert files(out) == files(tmp_path / "whole")
    assert {name: (out / "data" / name).stat().st_mtime_ns for name in kept} == kept


@pytest.mark.parametrize("name", [".build/progress.json", ".build/00000.npz", "data/train-00000.parquet"])
def test_an_unfinished_build_whose_files_were_changed_is_not_gone_on_with(tmp_path, name):
    made, out = mix(EVERYDAY, tmp_path), tmp_path / "out"
    sets = evaluation_sets("none")
    settings = json.loads(json.dumps(stage._settings(replace(made, mbpp="none"))))
    settings["evaluation"] = {each.name: each.fingerprint for each in sets}
    build(replace(made, examples=60), out, 1, unchecked=True)
    record = json.loads((out / "build.json").read_text())
    for done in ("README.md", "build.json"):
        (out / done).unlink()
    state = progress.Progress([shard.Shard(**record["shards"][0])], [progress.Tally()], progress.Memory())
    state.save(out)
    (out / ".build" / "settings.json").write_text(json.dumps(settings))
    (out / name).write_bytes(b"damaged")
    with pytest.raises(DocumentError, match=rf"{out}.*(cannot be read|was changed).*: remove {out} and"):
        build(made, out, 1, unchecked=True)


def test_another_seed_makes_other_rows_and_is_refused_in_the_same_folder(tmp_path, capsys):
    made = mix(EVERYDAY, tmp_path)
    build(made, tmp_path / "out", 1, unchecked=True)
    before = files(tmp_path / "out")
    build(made, tmp_path / "out", 1, unchecked=True)
    assert "holds this data set already" in capsys.readouterr().err
    with pytest.raises(DocumentError, match=r"another build \(mix differ\)"):
        build(replace(made, seed=9), tmp_path / "out", 1, unchecked=True)
    assert files(tmp_path / "out") == before
    build(replace(made, seed=9), tmp_path / "other", 1, unchecked=True)
    assert not {row.prompt for row in all_rows(tmp_path / "out")} & {row.prompt for row in all_rows(tmp_path / "other")}


def test_each_source_gets_its_share_and_one_that_ends_leaves_it_to_the_others(tmp_path):
    text = EVERYDAY + f"[[source]]\nkind = 'instructions'\nlicence = 'MIT'\npath = '{rows('a.jsonl', 5, tmp_path)}'\n"
    build(mix(text, tmp_path), tmp_path / "out", 1, unchecked=True)
    counts = Counter(row.source for row in all_rows(tmp_path / "out"))
    assert counts.total() == 300
    assert 0 < counts["instructions"] < 60
    assert "(no more to give)" in (tmp_path / "out" / "README.md").read_text()


def test_weights_decide_the_kinds(tmp_path):
    names = config.read(ROOT / "configs" / "nano.toml").weights
    text = EVERYDAY + "[weights]\n" + "".join(f"{name} = {int(name == 'no_edit')}\n" for name in names)
    build(mix(text, tmp_path), tmp_path / "out", 1, unchecked=True)
    assert {row.kind for row in all_rows(tmp_path / "out")} == {"no_edit"}


def test_near_duplicates_are_left_out_across_sources(tmp_path):
    first = rows("a.jsonl", 30, tmp_path)
    again = tmp_path / "b.jsonl"
    again.write_text(first.read_text().replace("Add", "Please add"))
    table = "[[source]]\nkind = 'instructions'\nlicence = 'MIT'\nname = '{0}'\npath = '{1}'\npasses = 1\n"
    text = "examples = 1000\n" + table.format("a", first) + table.format("b", again)
    build(mix(text, tmp_path), tmp_path / "out", 1, unchecked=True)
    record = json.loads((tmp_path / "out" / "build.json").read_text())
    # Whichever of the two came first, the other is its duplicate.
    dropped = sum(each["dropped"]["document: near-duplicate of another"] for each in record["sources"])
    assert dropped >= 30


@needs_mbpp
def test_a_row_like_a_test_problem_is_left_out(tmp_path):
    problems = [json.loads(line) for line in MBPP.read_text().splitlines()]
    test = next(row for row in problems if row["task_id"] == 11)
    path = rows("a.jsonl", 10, tmp_path)
    planted = {"instruction": "Do it", "input": "", "output": test["code"].replace("\r\n", "\n")}
    path.write_text(path.read_text() + json.dumps(planted) + "\n")
    source = f"[[source]]\nkind = 'instructions'\nlicence = 'MIT'\npath = '{path}'\n"
    text = f"examples = 1000\n{source}[evaluation]\nmbpp = '{MBPP}'\n"
    build(mix(text, tmp_path), tmp_path / "out", 1)
    assert {row.origin for row in all_rows(tmp_path / "out")} <= {f"instructions/{number}" for number in range(10)}
    card = (tmp_path / "out" / "README.md").read_text()
    assert re.search(r"^\| mbpp test \| 500 \| [1-9]\d* \|$", card, re.MULTILINE)
    assert "Not checked" not in card


@needs_mbpp
def test_of_mbpp_the_training_rows_alone_are_read(tmp_path):
    source = Mbpp(path=MBPP)
    ids = {int(source.unit(number, random.Random(1)).origin.split("/")[1]) for number in range(source.size())}
    assert ids == set(range(601, 975))
    build(
        replace(mix("examples = 200\n[[source]]\nkind = 'mbpp'\n", tmp_path), sources=(source,)),
        tmp_path / "out",
        1,
        unchecked=True,
    )
    assert {row.licence for row in all_rows(tmp_path / "out")} == {"CC-BY-4.0"}


def test_without_mbpp_a_build_is_refused_unless_unchecked(tmp_path):
    made = mix(EVERYDAY + f"[evaluation]\nmbpp = '{tmp_path / 'none.jsonl'}'\n", tmp_path)
    with pytest.raises(DocumentError, match=r"none\.jsonl"):
        build(made, tmp_path / "out", 1)
    build(made, tmp_path / "out", 1, unchecked=True)
    assert (
        "**Not checked against MBPP's validation and test problems.**" in (tmp_path / "out" / "README.md").read_text()
    )


def test_a_folder_of_code_is_a_source(tmp_path):
    code = tmp_path / "code"
    (code / "tests").mkdir(parents=True)
    program = "".join(f"def step_{n}(value):\n    return value * {n} + offset_{n}\n\n\n" for n in range(20))
    (code / "steps.py").write_text(program)
    (code / "copy.py").write_text(program)
    (code / "tests" / "test_steps.py").write_text(program.replace("step", "test"))
    source = Folder(code, "MIT")
    assert source.facts()["files"] == 1
    unit = source.unit(0, random.Random(1))
    assert unit.document.text in program
    assert (unit.licence, unit.origin) == ("MIT", "code/copy.py")


def test_the_corpus_is_a_source(tmp_path):
    folder = tiny_corpus(tmp_path / "corpus", 3)
    made = mix("examples = 40\n[[source]]\nkind='corpus'\npath='corpus'\n", tmp_path)
    build(made, tmp_path / "out", 1, unchecked=True)
    rows = all_rows(tmp_path / "out")
    assert {row.origin.rpartition("/")[0] for row in rows} == {"p 1"}
    assert len({row.origin for row in rows}) > 3
    assert store.sha256(folder) in (tmp_path / "out" / "README.md").read_text()
    with pytest.raises(DocumentError, match="holds no finished corpus"):
        Corpus(tmp_path).size()


def test_packages_state_their_licences():
    source = Packages(("click",))
    unit = source.unit(0, random.Random(2))
    assert unit.licence in ("PSF-2.0", "BSD-3-Clause")
    assert source.facts()["licences"] == ["BSD-3-Clause", "PSF-2.0"]


def test_rows_that_are_no_code_are_counted(tmp_path):
    path = tmp_path / "a.json"
    output = "Here it is:\n```python\ntotal = sum(range(10))\nprint(total)\n```\nThat prints it."
    table = [
        {"instruction": "Print  the\ntotal", "input": "", "output": output},
        {"instruction": "x", "input": "", "output": "this is not code, but words of a sentence"},
        {"instruction": "x", "input": "", "output": "y"},
    ]
    path.write_text(json.dumps(table))
    source = Instructions("MIT", path=path)
    first, second, third = (source.unit(number, random.Random(1)) for number in range(3))
    assert first.document.text == "total = sum(range(10))\nprint(total)"
    assert first.document.intents[0][1] == "Print the total"
    assert second.dropped == {"row: does not parse": 1}
    assert third.dropped == {"row: code too short or too long": 1}


def test_instructions_are_read_from_parquet(tmp_path):
    import pyarrow
    from pyarrow import parquet

    table = {"instruction": ["Print it"], "input": [""], "output": ["value = 12\nprint(value)\n"]}
    parquet.write_table(pyarrow.table(table), tmp_path / "a.parquet")
    assert (
        Instructions("MIT", path=tmp_path / "a.parquet")
        .unit(0, random.Random(1))
        .document.text.endswith("print(value)")
    )


def test_history_takes_part_in_a_mix(tmp_path):
    repository = pygit2.init_repository(str(tmp_path / "clone"), initial_head="main")
    person = pygit2.Signature("Ada", "ada@example.org", 1_700_000_000, 0)
    for number in range(4):
        (tmp_path / "clone" / "a.py").write_text(f"import os\n\nlimit = {number}\nprint(os.cpu_count(), limit)\n")
        repository.index.add("a.py")
        parents = [repository.head.target] if number else []
        repository.create_commit(
            "HEAD", person, person, f"Set the limit to {number}", repository.index.write_tree(), parents
        )
    text = "examples = 50\n[[source]]\nkind = 'history'\nrepo = 'elsewhere'\nlicence = 'MIT'\n"
    made = config.changed(mix(text, tmp_path), repo=tmp_path / "clone")
    build(made, tmp_path / "out", 1, unchecked=True)
    found = all_rows(tmp_path / "out")
    assert found
    assert {row.source for row in found} == {"history"}
    assert str(repository.head.target)[:12] in {row.origin for row in found}
    with pytest.raises(DocumentError, match="no source of the kind history"):
        config.changed(mix(EVERYDAY, tmp_path), repo=tmp_path / "clone")


def test_the_command_line_has_the_last_word(tmp_path):
    made = mix(EVERYDAY + "[[source]]\nkind = 'mbpp'\n", tmp_path)
    given = config.changed(made, examples=7, seed=0, mbpp=tmp_path / "mbpp.jsonl")
    assert (given.examples, given.seed, given.mbpp) == (7, 0, tmp_path / "mbpp.jsonl")
    assert given.sources[1].path == tmp_path / "mbpp.jsonl"
    assert config.changed(made) == made


def test_a_source_travels_to_a_worker_without_what_it_has_read(tmp_path):
    repository = pygit2.init_repository(str(tmp_path / "clone"), initial_head="main")
    person = pygit2.Signature("Ada", "ada@example.org", 1_700_000_000, 0)
    repository.create_commit("HEAD", person, person, "First", repository.index.write_tree(), [])
    source = History(tmp_path / "clone", "MIT")
    assert source.size() == 1
    assert pickle.loads(pickle.dumps(source)) == source
    assert set(vars(pickle.loads(pickle.dumps(source)))) == {"repo", "licence", "share", "name", "branch"}


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("examples = ", "is not TOML"),
        ("", r"the mix has no source: write a \[\[source\]\] table"),
        ("colour = 1\n[[source]]\nkind='everyday'", "the mix has the unknown key colour: choose among examples"),
        ("examples = 'many'\n[[source]]\nkind='everyday'", "examples = 'many' is not a whole number"),
        ("examples = 0\n[[source]]\nkind='everyday'", "examples is 0: give 1 or more"),
        ("format = 'csv'\n[[source]]\nkind='everyday'", "the format is 'csv': choose parquet or jsonl"),
        ("[[source]]\nkind=['everyday']", r"source 1 has the kind \['everyday'\]: choose one of everyday"),
        ("[[source]]\nkind='everyday'\nshare=nan", r"source 1 \(everyday\) has a share or passes of nothing"),
        ("[[source]]\nkind='everyday'\nname='a|b'", r"source 1 \(everyday\): name = 'a\|b': give letters"),
        ("[[source]]\nkind='instructions'\nlicence=' '", r"source 1 \(instructions\) has an empty licence"),
        ("[[source]]\nkind='web'", "source 1 has the kind 'web': choose one of everyday, corpus, packages"),
        ("[[source]]\nkind='everyday'\npath='x'", r"source 1 \(everyday\) has the unknown key path"),
        ("[[source]]\nkind='everyday'\nshare=0", r"source 1 \(everyday\) has a share or passes of nothing"),
        ("[[source]]\nkind='everyday'\n[[source]]\nkind='everyday'", "two sources are called everyday"),
        ("[[source]]\nkind='folder'\npath='x'", r"source 1 \(folder\) lacks the key licence: add it"),
        (
            "[[source]]\nkind='folder'\npath='x'\nlicence='GPL-3.0'",
            "licence 'GPL-3.0', which is not known as permissive",
        ),
        ("[[source]]\nkind='packages'\nnames='click'", "names = 'click' is not a list of texts"),
        ("[[source]]\nkind='everyday'\n[weights]\nnoise=1", r"\[weights\] has the unknown key noise"),
        ("[[source]]\nkind='everyday'\n[weights]\nno_edit=-1", r"\[weights\] has no_edit = -1"),
        ("[[source]]\nkind='everyday'\n[evaluation]\nhumaneval='x'", r"\[evaluation\] has the unknown key humaneval"),
    ],
)
def test_what_is_wrong_with_a_mix_is_said_in_one_line(tmp_path, text, error):
    with pytest.raises(DocumentError, match=error) as caught:
        mix(text, tmp_path)
    assert "\n" not in str(caught.value)
    assert str(tmp_path / "mix.toml") in str(caught.value)


@pytest.mark.parametrize(
    ("source", "error"),
    [
        (Packages(("no-such-package",)), "no-such-package, which is not installed"),
        (Folder(Path("nowhere"), "MIT"), "nowhere is not a folder"),
        (Instructions("MIT"), "needs either dataset, a hub id, or path"),
        (Instructions("MIT", path=Path("nowhere.jsonl")), "cannot read nowhere.jsonl"),
        (Mbpp(path=Path("nowhere.jsonl")), "cannot read nowhere.jsonl"),
    ],
)
def test_a_source_that_cannot_be_read_is_said_before_anything_is_written(tmp_path, source, error):
    made = replace(mix(EVERYDAY, tmp_path), sources=(Everyday(), source))
    with pytest.raises(DocumentError, match=error):
        build(made, tmp_path / "out", 1, unchecked=True)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("name", ["nano", "full"])
def test_the_mixes_of_the_repository_are_valid(name):
    made = config.read(ROOT / "configs" / f"{name}.toml")
    assert made.examples >= 8000
    assert made.mbpp == "hub"
