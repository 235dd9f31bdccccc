"""The commands that evaluate, as a person types them: real processes, the embedded nano, our own tasks."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parent.parent
TIMINGS = ("first_token_ms", "total_ms")
BENCH = ("evaluate", "--suite", "tabtab-bench", "--split", "dev", "--unsafe")
# More than a run does between two looks at it.
TASKS = 8
NAME = f"tabtab-bench-dev-{TASKS}tasks-tabtab-nano.json"


def command(*arguments: object) -> list[str]:
    return [sys.executable, "-m", "training", *map(str, arguments)]


def training(*arguments: object, code: int = 0) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(command(*arguments), cwd=ROOT, capture_output=True, text=True, timeout=120)
    assert done.returncode == code, done.stderr
    assert "Traceback" not in done.stderr
    return done


def fault(*arguments: object, code: int = 1) -> str:
    """Return the one line that a command fails with; what the sandbox says of itself may stand before it."""
    done = training(*arguments, code=code)
    lines = [line for line in done.stderr.splitlines() if not line.startswith("sandbox: ")]
    assert done.stdout == ""
    assert len(lines) == 1, lines
    return lines[0].removeprefix("error: ")


def rows(path: Path) -> list[dict[str, Any]]:
    return [
        {key: value for key, value in row.items() if key not in TIMINGS}
        for row in json.loads(path.read_text(encoding="utf-8"))["rows"]
    ]


@pytest.fixture(scope="module")
def measured(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a result of the nano; treat it as read-only."""
    folder = tmp_path_factory.mktemp("results")
    done = training(*BENCH, "--tasks", TASKS, "--out", folder)
    assert done.stdout.startswith(f"tabtab-nano on tabtab-bench (dev), {TASKS} tasks\n")
    assert f"wrote {folder / NAME}\n" in done.stderr
    return folder


def test_a_result_has_a_row_for_each_task_and_nothing_is_left_beside_it(measured):
    assert [path.name for path in measured.iterdir()] == [NAME]
    assert len(rows(measured / NAME)) == TASKS


@pytest.fixture
def interruptible() -> Iterator[None]:
    """What a shell starts in the background ignores Ctrl-C, and so do its children; those of the test do not."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("interruptible")
def test_a_run_that_is_stopped_and_one_that_is_killed_end_with_the_same_rows(measured, tmp_path):
    journal = tmp_path / NAME.replace(".json", ".partial.jsonl")
    for number, code in ((signal.SIGINT, 130), (signal.SIGKILL, -signal.SIGKILL)):
        before = len(journal.read_bytes().splitlines()) if journal.exists() else 1
        with subprocess.Popen(
            command(*BENCH, "--tasks", TASKS, "--out", tmp_path), cwd=ROOT, stdout=-1, stderr=-1, text=True
        ) as process:
            until = time.monotonic() + 60
            while not journal.exists() or len(journal.read_bytes().splitlines()) <= before:
                assert process.poll() is None
                assert time.monotonic() < until
                time.sleep(0.01)
            os.kill(process.pid, number)
            _, stderr = process.communicate()
        assert process.returncode == code
        assert "Traceback" not in stderr
        assert [path.name for path in tmp_path.iterdir()] == [journal.name]
    training(*BENCH, "--tasks", TASKS, "--out", tmp_path)
    assert rows(tmp_path / NAME) == rows(measured / NAME)
    assert [path.name for path in tmp_path.iterdir()] == [NAME]


def test_a_result_compared_with_itself_is_no_difference(measured):
    lines = training("compare", measured / NAME, measured / NAME).stdout.splitlines()
    assert lines[0].startswith("A: tabtab-nano on tabtab-bench, ")
    assert lines[1].startswith("B: tabtab-nano on tabtab-bench, ")
    assert lines[2].startswith("B - A: +0.0 points ")
    assert lines[2].endswith("no difference that can be told from chance")


def test_the_leaderboard_is_printed_and_written(measured, tmp_path):
    text = training("leaderboard", measured, "--out", tmp_path).stdout
    assert f"## tabtab-bench (dev, {TASKS} tasks)" in text
    assert "| tabtab-nano |" in text
    assert "## Quoted, not measured here" in text
    assert (tmp_path / "leaderboard.md").read_text(encoding="utf-8") == text
    assert "tabtab-nano" in (tmp_path / "leaderboard.html").read_text(encoding="utf-8")


def test_the_sandbox_says_what_protects():
    text = training("sandbox", "--unsafe").stdout
    assert "- unsafe: no walls" in text
    assert "5 s of CPU" not in text


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--suite", "tabtab-bench", "--renamed"), "--renamed goes with --suite mbpp"),
        (("--namer-model", "m"), "--namer-model goes with --renamed"),
        (("--renamed", "--namer-endpoint", "http://127.0.0.1:9"), "--namer-endpoint needs --namer-model"),
        (("--price-in", "1"), "--price-in and --price-out go together"),
    ],
)
def test_options_that_do_not_go_together_are_one_line(arguments, message):
    assert fault("evaluate", *arguments, code=2).startswith(message)


def test_what_is_missing_or_broken_is_one_line(measured, tmp_path):
    broken, file = tmp_path / "broken.json", tmp_path / "file"
    broken.write_text('{"version": 1, "run": {}, "excluded": [], "rows": []}')
    file.write_text("")
    (tmp_path / "empty").mkdir()
    assert "is no GGUF file, no folder" in fault(*BENCH, "--model", "none", "--out", tmp_path)
    assert "cannot reach http://127.0.0.1:9/v1" in fault(
        *BENCH, "--endpoint", "http://127.0.0.1:9/v1", "--out", tmp_path, "--cache", tmp_path
    )
    assert "Not a directory" in fault(*BENCH, "--tasks", TASKS, "--out", file / "below")
    mbpp = ("evaluate", "--split", "dev", "--unsafe", "--out", tmp_path, "--cache", tmp_path, "--mbpp")
    assert f"cannot read {tmp_path / 'none'}" in fault(*mbpp, tmp_path / "none")
    assert f"{broken} is not the MBPP data set" in fault(*mbpp, broken)
    assert f"{broken} is not a result" in fault("leaderboard", broken, "--out", tmp_path)
    assert f"{broken} is not a result" in fault("compare", measured / NAME, broken)
    assert f"cannot read {tmp_path / 'none'}" in fault("compare", measured / NAME, tmp_path / "none")
    assert f"no results in {tmp_path / 'empty'}" in fault("leaderboard", tmp_path / "empty", "--out", tmp_path)
    other = tmp_path / "other.json"
    text = (measured / NAME).read_text(encoding="utf-8")
    other.write_text(text.replace('"tabtab-bench/', '"elsewhere/'), encoding="utf-8")
    assert "have no task in common" in fault("compare", measured / NAME, other)
