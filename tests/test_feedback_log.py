"""The log on disk, and the commands over it: whole records, bounded, private; pairs that preference training reads."""

from __future__ import annotations

import json
import os
import stat
import subprocess
import sys
import threading
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from tabtab_local.cli import main
from tabtab_local.errors import DocumentError
from tabtab_local.feedback import log
from tabtab_local.feedback.export import export, objection
from tabtab_local.feedback.log import Log, append, delete, files, read
from tabtab_local.feedback.record import Record
from tabtab_local.prompt import Prompt, Response, parse_response, render_prompt, render_response
from training.pairs import read_pairs

ROOT = Path(__file__).parent.parent
MANY_BYTES = 2**20


def answer(region: str) -> str:
    return render_response(Response(region, len(region)))


def record(number: int = 0, **changes: object) -> Record:
    """Return a record that makes a pair."""
    prompt = render_prompt(Prompt("rows = \n", 7, code_above=f"file = {number}"))
    made = Record("2026-01-02T03:04:05+00:00", "nano", 1, "lsp", prompt, answer("rows = 1\n"), "typed_over")
    return replace(made, **{"became": answer("rows = open(file)\n"), **changes})  # type: ignore[arg-type]


def size(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.iterdir())


def test_records_are_read_as_they_were_written(tmp_path: Path) -> None:
    written = [record(number, prompt="ä\u2028\x00") for number in range(3)]
    for each in written:
        append(tmp_path / "log", each, MANY_BYTES)
    assert list(read(tmp_path / "log")) == written


@pytest.mark.skipif(os.name != "posix", reason="the permission bits of POSIX")
def test_the_log_is_its_owner_s_alone(tmp_path: Path) -> None:
    mask = os.umask(0)
    try:
        append(tmp_path / "log", record(), MANY_BYTES)
    finally:
        os.umask(mask)
    assert stat.S_IMODE((tmp_path / "log").stat().st_mode) == 0o700
    assert [stat.S_IMODE(path.stat().st_mode) for path in files(tmp_path / "log")] == [0o600]


def test_the_log_is_bounded_and_the_oldest_records_go_first_and_whole(tmp_path: Path) -> None:
    folder, most = tmp_path / "log", 20_000
    for number in range(200):
        append(folder, record(number), most)
        assert size(folder) <= most
    found = [each.prompt for each in read(folder) if each]
    assert found == [record(number).prompt for number in range(200 - len(found), 200)]
    assert size(folder) > most / 2


def test_a_record_that_takes_too_much_is_left_out(tmp_path: Path) -> None:
    append(tmp_path / "log", record(prompt="x" * 10_000), 20_000)
    append(tmp_path / "log", record(prompt="\ud800"), 20_000)
    assert list(read(tmp_path / "log")) == []


def test_of_a_write_that_was_cut_off_only_that_record_is_lost(tmp_path: Path) -> None:
    append(tmp_path, record(1), MANY_BYTES)
    (path,) = files(tmp_path)
    whole = path.read_bytes()
    path.write_bytes(whole + whole[: len(whole) // 2])
    append(tmp_path, record(2), MANY_BYTES)
    assert list(read(tmp_path)) == [record(1), None, record(2)]


def test_an_empty_line_is_no_lost_record(tmp_path: Path) -> None:
    append(tmp_path, record(1), MANY_BYTES)
    (path,) = files(tmp_path)
    path.write_bytes(path.read_bytes() + b"\n")
    append(tmp_path, record(2), MANY_BYTES)
    assert list(read(tmp_path)) == [record(1), record(2)]


def test_several_programs_write_at_once_and_nothing_is_torn(tmp_path: Path) -> None:
    program = (
        "import sys; from pathlib import Path\n"
        "from tabtab_local.feedback.log import append\n"
        "from tabtab_local.feedback.record import Record\n"
        "for number in range(150):\n"
        "    record = Record(str(number), 'nano', 1, sys.argv[2], 'x' * 600, 'y', 'shown')\n"
        "    append(Path(sys.argv[1]), record, 600_000)\n"
    )
    running = [
        subprocess.Popen([sys.executable, "-c", program, str(tmp_path), name], cwd=ROOT) for name in ("a", "b", "c")
    ]
    assert [each.wait(120) for each in running] == [0, 0, 0]
    assert len(files(tmp_path)) > 1
    found = list(read(tmp_path))
    assert None not in found
    for name in ("a", "b", "c"):
        assert {each.time for each in found if each and each.client == name} == {str(number) for number in range(150)}
    assert len(found) == 450


def test_a_folder_with_other_files_keeps_them(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    append(tmp_path, record(), MANY_BYTES)
    delete(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["notes.txt"]


def test_a_disk_that_takes_nothing_ends_the_log_with_one_warning(tmp_path: Path) -> None:
    (tmp_path / "log").write_text("a file where the folder should be")
    said: list[str] = []
    kept = Log(tmp_path / "log", said.append)
    for number in range(5):
        kept.write(record(number))
    kept.close()
    assert len(said) == 1 and said[0].startswith("feedback is not kept any more: ") and "\n" not in said[0]


def test_who_notes_a_record_does_not_wait_for_the_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    free = threading.Event()
    monkeypatch.setattr(log, "append", lambda *_: free.wait())
    kept = Log(tmp_path, print)
    for number in range(1000):
        kept.write(record(number))
    free.set()
    kept.close()
    assert not kept._thread.is_alive()


def test_the_log_lies_in_the_user_s_data_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    if sys.platform == "linux":
        assert log.default_folder() == Path.home() / ".local/share/tabtab-local/feedback"
        monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
        assert log.default_folder() == tmp_path / "tabtab-local/feedback"


def test_where_no_folder_can_be_made_it_is_said_before_anything_starts() -> None:
    log.default_folder().parent.parent.mkdir(parents=True)
    log.default_folder().parent.write_text("in the way")
    with pytest.raises(DocumentError, match="leave --feedback out"), log.keeping(True, print):
        pass


def test_what_is_exported_is_read_by_preference_training(tmp_path: Path) -> None:
    records = [
        record(1),
        record(2, outcome="rejected", became=answer("rows = \n")),
        record(1),
        record(3, outcome="accepted", became=None),
        None,
    ]
    exported = export(records, tmp_path / "p.jsonl")
    pairs = list(read_pairs(tmp_path / "p.jsonl"))
    assert [(pair.prompt, pair.chosen, pair.rejected, pair.fault) for pair in pairs] == [
        (each.prompt, each.became, each.answer, each.outcome) for each in records[:2] if each
    ]
    assert exported.pairs == 2
    assert exported.unused == {
        "there twice": 1,
        "accepted, with nothing wrong beside it": 1,
        "not readable": 1,
    }


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({}, None),
        ({"outcome": "rejected"}, None),
        ({"outcome": "accepted"}, "accepted, with nothing wrong beside it"),
        ({"outcome": "shown"}, "shown, and neither taken nor refused"),
        ({"became": None}, "typed over, by what is not known"),
        ({"became": None, "outcome": "rejected"}, "rejected, for what is not known"),
        ({"became": answer("rows = 1\n")}, "written as it was suggested"),
        ({"became": answer("rows = open(\n")}, "left in the middle of writing"),
        ({"became": answer("rows = open(\n"), "answer": answer("rows = (\n")}, None),
        ({"prompt_version": 2}, "of prompt format 2"),
        ({"prompt": "x"}, "not readable"),
    ],
)
def test_a_record_makes_a_pair_or_it_is_said_why_not(changes: dict[str, object], reason: str | None) -> None:
    assert objection(replace(record(), **changes)) == reason  # type: ignore[arg-type]


def test_an_export_takes_the_place_of_no_file(tmp_path: Path) -> None:
    out = tmp_path / "p.jsonl"
    out.write_text("mine")
    with pytest.raises(DocumentError, match="choose another name"):
        export([record()], out)
    assert out.read_text() == "mine"


def run(*arguments: object, typed: str = "") -> Result:
    return CliRunner().invoke(main, ["feedback", *map(str, arguments)], input=typed)


@pytest.fixture
def folder() -> Path:
    """The folder of the log, with two records in it."""
    folder = log.default_folder()
    append(folder, record(), MANY_BYTES)
    append(folder, record(outcome="accepted", became=None), MANY_BYTES)
    return folder


def test_the_command_exports_and_says_what_was_not_used(folder: Path, tmp_path: Path) -> None:
    done = run("export", "--out", tmp_path / "p.jsonl")
    assert (done.exit_code, done.stdout) == (0, "")
    assert done.stderr == "1 pair; not used: 1 accepted, with nothing wrong beside it\n"
    (line,) = (tmp_path / "p.jsonl").read_text().splitlines()
    assert parse_response(json.loads(line)["chosen"]).region == "rows = open(file)\n"


def test_where_there_is_no_pair_nothing_is_written(tmp_path: Path) -> None:
    done = run("export", "--out", tmp_path / "p.jsonl")
    assert (done.exit_code, done.stderr) == (1, "error: no pairs: nothing is kept\n")
    assert not (tmp_path / "p.jsonl").exists()


def test_the_status_counts_what_is_kept(folder: Path) -> None:
    first, *counts = run("status").stdout.splitlines()
    assert first.startswith(f"{folder}: 2 suggestions, ")
    assert counts == ["accepted: 1", "typed_over: 1"]


def test_a_line_that_is_not_readable_is_no_suggestion(folder: Path) -> None:
    with files(folder)[0].open("a") as file:
        file.write("{\n")
    first, *counts = run("status").stdout.splitlines()
    assert first.startswith(f"{folder}: 2 suggestions, ")
    assert counts == ["accepted: 1", "not readable: 1", "typed_over: 1"]


def test_deleting_asks_first_and_then_leaves_nothing(folder: Path) -> None:
    assert run("delete", typed="n\n").exit_code == 1
    assert len(list(read(folder))) == 2
    assert run("delete", typed="y\n").exit_code == 0
    assert not folder.exists()
    assert run("delete").stderr == f"{folder}: nothing is kept\n"


def test_with_yes_it_does_not_ask(folder: Path) -> None:
    assert run("delete", "--yes").exit_code == 0
    assert not folder.exists()
