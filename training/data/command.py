"""`python -m training data build | history`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

_FILE = click.Path(path_type=Path, dir_okay=False)
_FOLDER = click.Path(path_type=Path, file_okay=False)


@click.group()
def data() -> None:
    """Make edits to train on: from generated programs, packages, data sets and the history of repositories."""


@data.command()
@click.option("--config", type=_FILE, required=True, help="The training mix, a TOML file such as configs/nano.toml.")
@click.option("--out", type=_FOLDER, required=True, help="Folder of the data set; an unfinished build in it goes on.")
@click.option("--examples", type=click.IntRange(1), help="Examples in all. [default: as in the mix]")
@click.option("--seed", type=int, help="Seed of all draws. [default: as in the mix]")
@click.option("--workers", type=click.IntRange(1), help="Processes; the rows do not depend on it. [default: cores]")
@click.option("--repo", type=_FOLDER, help="Clone that the mix's histories are read from.")
@click.option("--mbpp", type=_FILE, envvar="TABTAB_MBPP", help="The data set's mbpp.jsonl. [default: as in the mix]")
@click.option("--unchecked", is_flag=True, help="Do not look for MBPP's problems in the rows; the card says so.")
def build(config: Path, out: Path, workers: int | None, unchecked: bool, **changes: Any) -> None:
    """Build a training mix: corrupt clean code, drop near-duplicates and what evaluation sets hold, write shards.

    Writes OUT/data with the rows and OUT/README.md, the data card: counts, reasons, licences, hashes.
    """
    from training.data import build as stage
    from training.data import config as mixes

    stage.build(mixes.changed(mixes.read(config), **changes), out, workers, unchecked=unchecked)


@data.command()
@click.option("--repo", type=_FOLDER, required=True, help="Clone of a git repository.")
@click.option("--commits", type=click.IntRange(1), default=500, help="Commits to read, drawn by seed.")
@click.option("--examples", type=click.IntRange(0), default=10, help="Examples to print, drawn by seed.")
@click.option("--seed", type=int, default=0, help="Seed of the draws.")
def history(repo: Path, commits: int, examples: int, seed: int) -> None:
    """Say what a repository's history gives: commits seen and kept, reasons for dropping, examples to look at."""
    from training.data.inspect import history_report

    click.echo(history_report(repo, commits, examples, seed))
