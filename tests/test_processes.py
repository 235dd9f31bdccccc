"""Several processes that train together, and how they part."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner

from tests.launch import in_processes
from training import prefer, pretrain, processes, sft
from training.__main__ import main

SUMS_UNDER_WAY = """
import torch
from training.processes import leave, processes

assert processes().num_processes == 2
for _ in range(1000):
    torch.distributed.all_reduce(torch.ones(1000), async_op=True)
leave()
"""


def test_processes_part_without_aborting_while_threads_hold_tensors(tmp_path: Path) -> None:
    script = tmp_path / "sums.py"
    script.write_text(SUMS_UNDER_WAY)
    done = in_processes(2, str(script))
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    ("stage", "asked"),
    [
        (pretrain.pretrain, ["pretrain"]),
        (sft.fine_tune, ["sft", "--data=."]),
        (prefer.prefer, ["prefer", "--data=pairs.jsonl"]),
    ],
    ids=["pretrain", "sft", "prefer"],
)
def test_a_command_leaves_when_its_stage_is_done(
    monkeypatch: pytest.MonkeyPatch, stage: Callable[..., object], asked: list[str]
) -> None:
    happened: list[str] = []
    monkeypatch.setattr(f"{stage.__module__}.{stage.__name__}", lambda *_, **__: happened.append("done"))
    monkeypatch.setattr(processes, "leave", lambda: happened.append("left"))
    assert CliRunner().invoke(main, asked).exit_code == 0
    assert happened == ["done", "left"]
