"""`python -m training …`: make data, make the nano, fine-tune any base, measure any model."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import reduce
from pathlib import Path
from typing import Any

import click

from tabtab_local.command import Group
from training.corpus.command import corpus
from training.data.command import data
from training.evaluation import command as evaluation
from training.settings import FineTuning, Preference, Tuning, read_pretraining

_FINE_TUNING, _PREFERENCE = FineTuning(), Preference()
_FILE = click.Path(path_type=Path, dir_okay=False)
_FOLDER = click.Path(path_type=Path, file_okay=False)


@click.group(cls=Group)
def main() -> None:
    """Make models that predict the next edit, and measure them."""


for _command in (corpus, data, evaluation.evaluate, evaluation.compare, evaluation.leaderboard, evaluation.sandbox):
    main.add_command(_command)


@main.command()
@click.option(
    "--config", type=_FILE, default=Path("configs/pretrain/nano-cpu.toml"), help="The model and its training."
)
@click.option("--corpus", type=_FOLDER, default=Path("runs/corpus"), help="Folder that `corpus build` wrote.")
@click.option(
    "--out",
    type=_FOLDER,
    default=Path("runs/nano/pretrain"),
    help="Folder of the run; an unfinished run in it goes on.",
)
@click.option("--steps", type=click.IntRange(1), help="Optimiser steps of the whole run. [default: as in the config]")
@click.option("--seed", type=int, help="Seed of the weights and of the data. [default: as in the config]")
@click.option("--learning-rate", type=click.FloatRange(0, min_open=True), help="Peak rate. [default: as in the config]")
@click.option(
    "--minutes",
    type=click.FloatRange(0, min_open=True),
    help="Stop with a checkpoint after this time. [default: run to the end]",
)
@click.option("--rows-at-once", type=click.IntRange(1), help="Rows of a step that a device computes together.")
@click.option("--workers", type=click.IntRange(0), default=0, help="Processes that prepare rows; 0: none of their own.")
@click.option("--compile", "compiled", is_flag=True, help="Compile the model: slow to begin, then faster.")
@click.option("--snapshots", type=click.IntRange(0), default=0, help="Models to keep on the way.")
@click.option("--prolong", type=_FOLDER, metavar="MODEL", help="Model or snapshot of a shorter run to begin with.")
def pretrain(
    config: Path,
    corpus: Path,
    out: Path,
    steps: int | None,
    seed: int | None,
    learning_rate: float | None,
    minutes: float | None,
    rows_at_once: int | None,
    workers: int,
    compiled: bool,
    snapshots: int,
    prolong: Path | None,
) -> None:
    """Train a tokenizer and a small model's weights from scratch.

    On all GPUs of a machine: `accelerate launch -m training pretrain …`. Writes OUT/model, a Hugging Face folder, and
    OUT/loss.png.
    """
    from training import pretrain as stage
    from training.processes import leave

    settings = read_pretraining(config, steps=steps, seed=seed, learning_rate=learning_rate)
    stage.pretrain(
        settings,
        corpus,
        out,
        minutes=minutes,
        rows_at_once=rows_at_once,
        workers=workers,
        compiled=compiled,
        snapshots=snapshots,
        prolonged=prolong,
    )
    leave()


@main.command()
@click.argument("runs", nargs=-1, required=True, type=_FOLDER)
@click.option("--picture", type=_FILE, help="File to draw the law into.")
def scaling(runs: tuple[Path, ...], picture: Path | None) -> None:
    """Fit a power law through finished RUNS of pretraining and say what ten times the compute would give."""
    from training import scaling as stage

    found = stage.read_runs(runs)
    click.echo(stage.report(found))
    if picture:
        stage.draw_scaling(found, picture)


@main.command()
@click.argument("run", type=_FOLDER)
@click.argument("results", nargs=-1, type=_FILE)
@click.option("--out", type=_FILE, required=True, help="File of the picture.")
def curves(run: Path, results: tuple[Path, ...], out: Path) -> None:
    """Draw the loss of a pretraining RUN on held-out text, and the accuracy of its snapshots.

    RESULTS are what `evaluate` wrote of models in RUN/snapshots and of RUN/model, on development sets.
    """
    from training import scaling as stage

    stage.draw_run(run, results, out)


@main.command()
@click.option("--config", type=_FILE, default=Path("configs/pretrain/nano-cpu.toml"), help="What texts are drawn by.")
@click.option("--corpus", type=_FOLDER, default=Path("runs/corpus"), help="Folder that `corpus build` wrote.")
@click.option("--size", "sizes", type=click.IntRange(512), multiple=True, help="Entries of a tokenizer to train.")
@click.option("--against", "others", multiple=True, metavar="FOLDER|ID", help="Another tokenizer to measure.")
def tokenizers(config: Path, corpus: Path, sizes: tuple[int, ...], others: tuple[str, ...]) -> None:
    """Print how many bytes of held-out code a token stands for, with tokenizers of several sizes and of others."""
    from training import vocabulary

    found = vocabulary.measure(corpus, read_pretraining(config), sizes, others, lambda text: click.echo(text, err=True))
    click.echo(vocabulary.report(found, corpus))


def _tuning(defaults: Tuning) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Give a command the options that fine-tuning and preference training have in common."""
    options = (
        click.option(
            "--epochs", type=click.FloatRange(0, min_open=True), default=defaults.epochs, help="Passes over the data."
        ),
        click.option(
            "--batch-size",
            type=click.IntRange(1),
            default=defaults.batch_size,
            help="Examples computed together, by all processes.",
        ),
        click.option(
            "--gradient-accumulation",
            type=click.IntRange(1),
            default=defaults.gradient_accumulation,
            help="Batches in a step.",
        ),
        click.option(
            "--max-tokens", type=click.IntRange(16), default=defaults.max_tokens, help="Longer examples are left out."
        ),
        click.option(
            "--learning-rate",
            type=click.FloatRange(0, min_open=True),
            default=defaults.learning_rate,
            help="Peak rate; the large bases want a fifth of it.",
        ),
        click.option("--seed", type=int, default=defaults.seed, help="Seed of what is drawn at random."),
    )
    return lambda command: reduce(lambda made, option: option(made), reversed(options), command)


_data = click.option(
    "--data",
    type=click.Path(path_type=Path, exists=True),
    required=True,
    help="Folder that `data build` wrote, or JSON lines with prompt and completion.",
)


@main.command()
@click.option(
    "--base",
    default="runs/nano/pretrain/model",
    help="Name in the registry, folder, or hub id of a Qwen3 or Llama 3.2 model.",
)
@click.option(
    "--out", type=_FOLDER, default=Path("runs/nano/sft"), help="Folder of the run; an unfinished run in it goes on."
)
@_data
@_tuning(_FINE_TUNING)
@click.option("--rank", type=click.IntRange(1), default=_FINE_TUNING.rank, help="Rank of the LoRA matrices.")
@click.option(
    "--alpha",
    type=click.IntRange(1),
    default=_FINE_TUNING.alpha,
    help="Scale of the LoRA, divided by the root of the rank.",
)
def sft(base: str, out: Path, data: Path, **chosen: Any) -> None:
    """Fine-tune a base with LoRA on edits.

    Writes OUT/adapter: the adapter, its tokenizer, and training.json with the settings and the hashes of data and base.
    """
    from training import sft as stage
    from training.processes import leave

    stage.fine_tune(base, data, out, replace(_FINE_TUNING, **chosen))
    leave()


@main.command()
@click.option("--model", type=_FILE, help="GGUF file that answers.", show_default="the embedded nano")
@_data
@click.option("--out", type=_FILE, default=Path("runs/nano/pairs.jsonl"), help="File of the pairs.")
@click.option("--examples", type=click.IntRange(1), default=4000, help="Prompts to answer.")
@click.option("--seed", type=int, default=3, help="Seed of which prompts.")
def pairs(model: Path | None, data: Path, out: Path, examples: int, seed: int) -> None:
    """Collect a model's faults, each with the right answer, to train by preference on."""
    from tabtab_local.registry import embedded_path
    from training.pairs import write_pairs

    counts = write_pairs(
        model or embedded_path(),
        data,
        out,
        examples=examples,
        seed=seed,
        progress=lambda text: click.echo(text, err=True),
    )
    click.echo(", ".join(f"{fault} {count}" for fault, count in counts.items()))


@main.command()
@click.option(
    "--adapter", type=_FOLDER, default=Path("runs/nano/sft/adapter"), help="Folder with the adapter to train on."
)
@click.option("--data", type=_FILE, required=True, help="File that `pairs` wrote: JSON lines.")
@click.option(
    "--out", type=_FOLDER, default=Path("runs/nano/prefer"), help="Folder of the run; an unfinished run in it goes on."
)
@_tuning(_PREFERENCE)
@click.option(
    "--beta",
    type=click.FloatRange(0, min_open=True),
    default=_PREFERENCE.beta,
    help="How much the adapter is held to what it was.",
)
@click.option(
    "--imitation",
    type=click.FloatRange(0),
    default=_PREFERENCE.imitation,
    help="Weight of the right answers' own loss.",
)
def prefer(adapter: Path, data: Path, out: Path, **chosen: Any) -> None:
    """Train an adapter on, by preference (DPO), away from its own faults. Writes OUT/adapter, as sft does."""
    from training import prefer as stage
    from training.processes import leave

    stage.prefer(adapter, data, out, replace(_PREFERENCE, **chosen))
    leave()


@main.command()
@click.option("--model", type=_FILE, help="GGUF file to measure.", show_default="the embedded nano")
@click.option("--corpus", type=_FOLDER, default=Path("runs/corpus"), help="Folder that `corpus build` wrote.")
@click.option("--examples", type=click.IntRange(1), default=500, help="Examples of each source of code.")
@click.option("--seed", type=int, default=3, help="Seed of the examples; not one that training uses.")
def measure(model: Path | None, corpus: Path, examples: int, seed: int) -> None:
    """Print how often a model restores removed code that it has not seen, as a Markdown table."""
    from tabtab_local.registry import embedded_path
    from training import measure as stage

    click.echo(stage.report(stage.measure(model or embedded_path(), corpus, examples, seed)))


if __name__ == "__main__":
    main(prog_name="python -m training")
