"""What fine-tuning and preference training share: trl's arguments, log and checkpoints, and the adapter's folder.

Both run in one process or in several, of which one writes.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from peft import PeftModel
from transformers import PreTrainedTokenizerBase, TrainerCallback
from transformers.trainer import TRAINER_STATE_NAME
from transformers.trainer_utils import get_last_checkpoint

from tabtab_local.errors import DocumentError
from tabtab_local.fingerprint import TRAINING_FILE
from tabtab_local.output import new_folder
from tabtab_local.prompt import PROMPT_VERSION
from training.base import Base
from training.checkpoint import same_run, write_json
from training.packing import encode
from training.picture import draw_loss
from training.processes import processes, say
from training.settings import Tuning


def begin(out: Path, settings: Mapping[str, Any]) -> str | None:
    """Record the settings of a new run in the folder `out`, or return the checkpoint that an old one goes on from.

    Raises `DocumentError` where `out` holds a run with other settings.
    """
    with processes().main_process_first():
        same_run(out, dict(settings))
        return last_checkpoint(out / "checkpoints")


def arguments(out: Path, settings: Tuning) -> dict[str, Any]:
    """Return the arguments of a trainer of trl for a run in the folder `out`.

    Raises `DocumentError` where a batch cannot be shared out among the processes.
    """
    gpu, count = torch.cuda.is_available(), processes().num_processes
    share, rest = divmod(settings.batch_size, count)
    if rest:
        raise DocumentError(
            f"{settings.batch_size} examples are no multiple of {count} processes: choose another --batch-size"
        )
    return {
        "output_dir": str(out / "checkpoints"),
        "per_device_train_batch_size": share,
        "gradient_accumulation_steps": settings.gradient_accumulation,
        "num_train_epochs": settings.epochs,
        "learning_rate": settings.learning_rate,
        "lr_scheduler_type": "linear",
        "warmup_steps": settings.warmup_share,
        "max_grad_norm": 1.0,
        "bf16": True,
        "use_cpu": not gpu,
        "max_length": settings.max_tokens,
        "gradient_checkpointing": gpu,
        "logging_steps": 10,
        "logging_first_step": True,
        "save_steps": 100,
        "save_total_limit": 2,
        "report_to": "none",
        "disable_tqdm": False,
        "seed": settings.seed,
    }


class Log(TrainerCallback):  # type: ignore[misc]
    """Append what the trainer logs to a file of JSON lines with `step`, `loss` and what else of `names` there is."""

    def __init__(self, path: Path, names: Mapping[str, str] | None = None) -> None:
        self._path = path
        self._names = names or {}

    def on_log(self, args: Any, state: Any, control: Any, logs: dict[str, Any] | None = None, **_: Any) -> None:
        """Write a line where a loss is logged."""
        if state.is_world_process_zero and logs and "loss" in logs:
            more = {ours: float(logs[theirs]) for theirs, ours in self._names.items() if theirs in logs}
            with self._path.open("a") as file:
                file.write(json.dumps({"step": state.global_step, "loss": float(logs["loss"]), **more}) + "\n")


def suit_trl(model: PeftModel) -> None:
    """Give the output matrix the bias that trl looks for, and that peft's wrapper of a tied one does not have."""
    head = model.get_base_model().get_output_embeddings()
    if not hasattr(head, "bias"):
        head.bias = None


def last_checkpoint(folder: Path) -> str | None:
    """Return the last whole checkpoint in `folder`, if any; remove what a run that was killed had begun to write."""
    for path in folder.glob("checkpoint-*"):
        # The trainer writes its state last.
        if not (path / TRAINER_STATE_NAME).is_file():
            shutil.rmtree(path)
    return get_last_checkpoint(str(folder)) if folder.exists() else None


def question_ids(base: Base, prompt: str) -> list[int]:
    """Return the tokens of a prompt, with begin-of-text where the base expects it."""
    return [*base.beginning, *encode(base.tokenizer, prompt)]


def answer_ids(base: Base, answer: str) -> list[int]:
    """Return the tokens of an answer, ended by end-of-text."""
    return [*encode(base.tokenizer, answer), base.tokenizer.eos_token_id]


def write_adapter(
    model: PeftModel,
    tokenizer: PreTrainedTokenizerBase,
    out: Path,
    record: Mapping[str, Any],
    settings: Tuning,
) -> None:
    """Write OUT/adapter — weights, tokenizer and the record `training.json` — and the loss curve OUT/loss.png."""
    if not processes().is_main_process:
        return
    with new_folder(out / "adapter", replace=True) as folder:
        model.save_pretrained(folder, selected_adapters=["default"])
        tokenizer.save_pretrained(folder)
        whole = {**record, "prompt_version": PROMPT_VERSION, "settings": asdict(settings)}
        write_json(folder / TRAINING_FILE, whole)
    draw_loss(out / "log.jsonl", out / "loss.png")
    say(f"wrote {out / 'adapter'}")
