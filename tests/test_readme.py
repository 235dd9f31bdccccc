"""What README and Makefile tell people to run."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent


def quick_start() -> list[str]:
    """Return the commands of README's quick start but for `make demo`, which `test_the_demo_shows_edits` stands for."""
    section = (ROOT / "README.md").read_text(encoding="utf-8").split("## Quick start")[1].split("\n## ")[0]
    blocks = re.findall(r"```sh\n(.*?)```", section, re.DOTALL)
    return [line for block in blocks for line in block.splitlines() if line != "make demo"]


@pytest.mark.parametrize("command", quick_start())
def test_the_commands_of_the_quick_start_work(command):
    program, *arguments = shlex.split(command)
    assert program == ".venv/bin/tabtab-local"
    done = subprocess.run([sys.executable, "-m", "tabtab_local", *arguments], cwd=ROOT, capture_output=True, check=True)
    assert done.stdout


def test_the_demo_shows_edits():
    demo = [sys.executable, str(ROOT / "examples/demo.py")]
    done = subprocess.run(demo, cwd=ROOT, capture_output=True, text=True, check=True)
    assert "+df = pd.read_csv(file)" in done.stdout


def test_the_comparison_that_make_bench_runs_works_without_options():
    assert "-m bench decode\n" in (ROOT / "Makefile").read_text(encoding="utf-8")
    compare = [sys.executable, "-m", "bench", "decode", "--repeats", "2"]
    done = subprocess.run(compare, cwd=ROOT, capture_output=True, text=True, check=True)
    assert "2 answers of 2 are the same on both sides" in done.stdout


def test_figures_of_the_embedded_file_are_those_of_its_card():
    import hashlib

    from tabtab_local.registry import embedded_path

    data = embedded_path().read_bytes()
    card = (embedded_path().parent / "README.md").read_text(encoding="utf-8")
    assert hashlib.sha256(data).hexdigest() in card
    assert f"{len(data):,} bytes" in card
    assert len(data) <= 40_000_000
