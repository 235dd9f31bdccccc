"""What a run leaves on disk: checkpoints, records, folders, a loss curve. Each is written whole or not at all."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch

from tabtab_local.errors import DocumentError
from tabtab_local.output import new_file


def write_json(path: Path, document: Any) -> None:
    """Write `document` to `path` as indented JSON."""
    with new_file(path) as temporary:
        temporary.write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")


def save_checkpoint(run: Path, model: torch.nn.Module, optimizers: Sequence[torch.optim.Optimizer], step: int) -> None:
    """Save all that `load_checkpoint` needs to go on after `step`."""
    states = [optimizer.state_dict() for optimizer in optimizers]
    with new_file(run / "checkpoint.pt") as temporary:
        torch.save({"model": model.state_dict(), "optimizers": states, "step": step}, temporary)


def load_checkpoint(run: Path, model: torch.nn.Module, optimizers: Sequence[torch.optim.Optimizer]) -> int:
    """Restore the run's last checkpoint, if it has one, and return the number of steps done."""
    path = run / "checkpoint.pt"
    if not path.exists():
        return 0
    state = torch.load(path, map_location="cpu", weights_only=True)
    model.load_state_dict(state["model"])
    for optimizer, saved in zip(optimizers, state["optimizers"], strict=True):
        optimizer.load_state_dict(saved)
    return int(state["step"])


def same_run(run: Path, settings: dict[str, Any]) -> None:
    """Record `settings` in a new run's folder; raise `DocumentError` where the folder holds a run with others."""
    path = run / "settings.json"
    ours = json.loads(json.dumps(settings))
    if not path.exists():
        run.mkdir(parents=True, exist_ok=True)
        write_json(path, ours)
        return
    try:
        theirs = json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, OSError):
        raise DocumentError(f"{path} cannot be read: choose another --out, or remove that run") from None
    if not isinstance(theirs, dict):
        raise DocumentError(f"{path} is not a record of settings: choose another --out, or remove that run")
    changed = sorted(key for key in ours.keys() | theirs.keys() if ours.get(key) != theirs.get(key))
    if changed:
        raise DocumentError(f"{run} holds a run with other settings ({', '.join(changed)}): choose another --out")
