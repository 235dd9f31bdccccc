"""How many of a set of edits a GGUF gets right: asked of `python -m training evaluate`, which it meets in a file.

The development half of TabTab-Bench: what decides between files must not be what they are reported by.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

from convert.folder import read_json
from tabtab_local.command import failure
from tabtab_local.errors import ModelError
from tabtab_local.replay.report import Share

SUITE = "the development half of TabTab-Bench"

_CHECKOUT = Path(__file__).parents[1]


def accuracy(file: Path, tasks: int) -> Share:
    """Return the share of edits, of those that are wanted in so many tasks, after which a program passes its tests.

    Raises `ModelError` with what the evaluation says where it cannot be run, as without a sandbox.
    """
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "training", "evaluate", "--suite", "tabtab-bench", "--split", "dev"]
        command += ["--model", str(file.resolve()), "--label", "quant", "--out", folder, "--tasks", str(tasks)]
        done = subprocess.run(command, cwd=_CHECKOUT, capture_output=True, text=True, check=False)
        if done.returncode:
            raise ModelError(f"the accuracy of {file} cannot be measured: {failure(done)}")
        [result] = Path(folder).glob("*.json")
        right = [row["right"] for row in read_json(result)["rows"] if not row["silent"]]
    if not right:
        raise ModelError(f"the accuracy of {file} cannot be measured on so few tasks: give more with --accuracy")
    return Share.of(sum(right), len(right))
