"""What pretraining gave, and what more compute would buy: curves of one run, and a power law through several.

Held-out loss falls with compute as a straight line in logarithms over many orders of magnitude (Kaplan et al. 2020).
The line here goes through runs of any size and budget, so it stands for what was tried, not for the best at each
compute; and it knows no loss that cannot be got below, so far beyond the runs it promises too much.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from transformers import AutoConfig, AutoModelForCausalLM

from tabtab_local.errors import DocumentError
from tabtab_local.fingerprint import TRAINING_FILE, weights_sha256
from training.evaluation import result
from training.markdown import table
from training.picture import draw_curves, draw_law, logged
from training.settings import Pretraining, operations

_LEAST_RUNS = 3


@dataclass(frozen=True)
class Run:
    """A finished run: parameters, tokens, operations of training in all, and bits per byte of held-out code."""

    name: str
    corpus_sha256: str
    parameters: int
    tokens: int
    operations: float
    bits: float


@dataclass(frozen=True)
class Law:
    """Bits per byte as `scale` times the operations to the power of minus `exponent`."""

    scale: float
    exponent: float

    def bits(self, compute: float) -> float:
        """Return the bits per byte that the law gives for so many operations."""
        return float(self.scale * compute**-self.exponent)


def read_runs(folders: Sequence[Path]) -> list[Run]:
    """Return the finished runs in `folders`, by their operations.

    Raises `DocumentError` where one holds none, or where they did not learn from the same corpus.
    """
    runs = sorted(map(_run, folders), key=lambda run: run.operations)
    if len({run.corpus_sha256 for run in runs}) > 1:
        raise DocumentError("the runs are of different corpora, whose held-out texts differ: give runs of one")
    return runs


def law_of(runs: Sequence[Run]) -> Law:
    """Return the law through `runs`, by least squares in logarithms.

    Raises `DocumentError` for too few budgets, and where more of it did not help.
    """
    budgets = len({run.operations for run in runs})
    if budgets < _LEAST_RUNS:
        raise DocumentError(f"a law needs runs of {_LEAST_RUNS} budgets or more, these are of {budgets}: make more")
    slope, start = np.polyfit(np.log([run.operations for run in runs]), np.log([run.bits for run in runs]), 1)
    if slope >= 0:
        raise DocumentError("the runs with more operations are no better: give runs whose budgets lie further apart")
    return Law(float(np.exp(start)), -float(slope))


def report(runs: Sequence[Run]) -> str:
    """Return the runs and the law as Markdown, with what ten times the largest compute would give.

    With more than the least number of runs, also how far that moves where any one of them is left out.
    """
    law, more = law_of(runs), 10 * max(run.operations for run in runs)
    head = ("run", "parameters", "tokens", "operations", "bits per byte", "by the law")
    rows = [
        (
            run.name,
            f"{run.parameters / 1e6:.1f}M",
            f"{run.tokens / 1e6:.1f}M",
            f"{run.operations:.2g}",
            f"{run.bits:.3f}",
            f"{law.bits(run.operations):.3f}",
        )
        for run in runs
    ]
    text = f"Ten times the operations of the largest run: {law.bits(more):.3f} bits per byte"
    if len({run.operations for run in runs}) > _LEAST_RUNS:
        others = [law_of([*runs[:left], *runs[left + 1 :]]).bits(more) for left in range(len(runs))]
        text += f" ({min(others):.3f} to {max(others):.3f} with any one run left out)"
    formula = f"bits per byte = {law.scale:.3g} · operations^-{law.exponent:.4f}"
    return "\n".join(
        [*table(head, rows), "", formula, "", f"{text}; each tenfold takes {1 - 10**-law.exponent:.1%} off."]
    )


def draw_scaling(runs: Sequence[Run], picture: Path) -> None:
    """Draw the runs and the law through them, up to ten times the operations of the largest."""
    law, compute = law_of(runs), [run.operations for run in runs]
    line = np.geomspace(min(compute), 10 * max(compute), 50)
    points = {run.operations: run.bits for run in runs}
    draw_law(points, {each: law.bits(each) for each in line.tolist()}, picture)


def draw_run(folder: Path, results: Sequence[Path], picture: Path) -> None:
    """Draw a run's loss on held-out text, and the accuracy of its snapshots in the evaluation `results`, over tokens.

    Raises `DocumentError` for a folder without a run, and for a result of another model.
    """
    settings = _settings(folder)
    step_tokens = settings.rows_per_step * settings.row_tokens / 1e6
    names = {
        "bits_per_byte": "held-out code",
        "notebooks_bits_per_byte": "held-out notebooks",
        "answers_bits_per_byte": "answers of held-out edits",
    }
    held_out = {
        text: {step * step_tokens: bits for step, bits in logged(folder / "log.jsonl", name).items()}
        for name, text in names.items()
        if logged(folder / "log.jsonl", name)
    }
    tokens = {
        weights_sha256(record.parent): json.loads(record.read_text())["tokens"] / 1e6
        for record in (*folder.glob(f"snapshots/*/{TRAINING_FILE}"), *folder.glob(f"model/{TRAINING_FILE}"))
    }
    shares: dict[str, dict[float, float]] = {}
    for path in results:
        found = result.read(path)
        place = tokens.get(str(found.run["identity"].get("weights_sha256")))
        if place is None:
            raise DocumentError(f"{path} is of no model in {folder}: evaluate its snapshots")
        shares.setdefault(found.suite, {})[place] = 100 * result.totals(found.rows).accuracy.value
    draw_curves(held_out, {suite: dict(sorted(points.items())) for suite, points in sorted(shares.items())}, picture)


def _settings(folder: Path) -> Pretraining:
    try:
        document = json.loads((folder / "settings.json").read_text())
        return Pretraining(**{key: document[key] for key in document.keys() - {"corpus_sha256", "prolongs"}})
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        raise DocumentError(f"{folder} holds no run: give what `python -m training pretrain` wrote") from None


def _run(folder: Path) -> Run:
    settings = _settings(folder)
    try:
        record = json.loads((folder / "model" / TRAINING_FILE).read_text())
        bits = logged(folder / "log.jsonl", "bits_per_byte")[settings.steps]
        tokens, corpus = int(record["tokens"]), str(record["data_sha256"])
        config = AutoConfig.from_pretrained(folder / "model")
    except (OSError, ValueError, KeyError):
        raise DocumentError(f"the run in {folder} is not finished: the same command goes on with it") from None
    with torch.device("meta"):
        parameters = int(AutoModelForCausalLM.from_config(config).num_parameters())
    return Run(folder.name, corpus, parameters, tokens, tokens * operations(parameters, settings), bits)
