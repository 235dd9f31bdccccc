"""Going on from the model of a finished run, or a snapshot of it, with more steps than it had."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path

from tabtab_local.errors import DocumentError
from tabtab_local.fingerprint import TRAINING_FILE, weights_sha256
from training.settings import Pretraining

# How long and how fast a run learns does not change what text it sees. A finished model wants a lower rate.
_MAY_DIFFER = {"steps", "learning_rate"}


@dataclass(frozen=True)
class Snapshot:
    """A model in the Hugging Face folder `folder`, as a run of pretraining left it after `step` steps."""

    folder: Path
    step: int
    weights_sha256: str


def read_snapshot(folder: Path, settings: Pretraining, corpus_sha256: str) -> Snapshot:
    """Return the snapshot in `folder` for a longer run with `settings` to begin with.

    Raises `DocumentError` where the longer run would not see what one run of that length sees: other settings or other
    text.
    """
    path = folder / TRAINING_FILE
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
        theirs, tokens = dict(record["settings"]), int(record["tokens"])
        text, weights = record["data_sha256"], record["weights_sha256"]
    except (OSError, ValueError, KeyError, TypeError):
        raise DocumentError(
            f"{path} is not the record of a run's model: take OUT/model of `pretrain`, or one of its snapshots"
        ) from None
    ours = json.loads(json.dumps(asdict(settings)))
    others = sorted(key for key in (ours.keys() | theirs.keys()) - _MAY_DIFFER if ours.get(key) != theirs.get(key))
    if text != corpus_sha256:
        others.append("corpus")
    if others:
        raise DocumentError(f"{folder} is of a run with other settings ({', '.join(others)}): take them here too")
    if weights != weights_sha256(folder):
        raise DocumentError(f"{folder} does not hold the weights that its {TRAINING_FILE} speaks of: take another one")
    step = tokens // (settings.rows_per_step * settings.row_tokens)
    if step >= settings.steps:
        raise DocumentError(f"{folder} was taken after {step} steps: ask for more than that with --steps")
    return Snapshot(folder, step, weights)
