"""`python -m training corpus pin | fetch | build`."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import click

_FILE = click.Path(path_type=Path, dir_okay=False)
_FOLDER = click.Path(path_type=Path, file_okay=False)
_manifest = click.option(
    "--manifest",
    "path",
    type=_FILE,
    default=Path("configs/corpus.toml"),
    show_default=True,
    help="The sources, pinned.",
)
_sources = click.option(
    "--sources", type=_FOLDER, default=Path("runs/sources"), show_default=True, help="Folder of archives and clones."
)
_index = click.option("--index", envvar="TABTAB_INDEX", help="Package index with the JSON simple API.")


@click.group()
def corpus() -> None:
    """Make the text that the nano is pretrained on: permissively licensed Python, from a manifest of sources."""


@corpus.command()
@click.argument("names", nargs=-1, required=True, metavar="NAME|OWNER/NAME...")
@_sources
@_index
def pin(names: tuple[str, ...], sources: Path, index: str | None) -> None:
    """Print the manifest's entries for packages, at their newest version, and for clones that are in the sources.

    What is not permissively licensed is reported and left out; then the exit code is 1.
    """
    from training.corpus import fetch

    _report(fetch.pinned(names, sources, index or fetch.INDEX))


@corpus.command("fetch")
@_manifest
@_sources
@_index
@click.option("--host", envvar="TABTAB_GIT_HOST", help="Where repositories are cloned from. [default: GitHub]")
def fetch_command(path: Path, sources: Path, index: str | None, host: str | None) -> None:
    """Fetch the sources of the manifest that are not there yet, and check them against it."""
    from training.corpus import fetch, manifest

    _report(fetch.fetched(manifest.read(path), sources, index or fetch.INDEX, host or fetch.GITHUB))


@corpus.command()
@_manifest
@_sources
@click.option("--out", type=_FOLDER, required=True, help="Folder of the corpus; an unfinished build in it goes on.")
@click.option("--workers", type=click.IntRange(1), help="Processes; the texts do not depend on it. [default: cores]")
@click.option("--mbpp", type=_FILE, envvar="TABTAB_MBPP", help="The data set's mbpp.jsonl. [default: from the Hub]")
@click.option("--unchecked", is_flag=True, help="Do not look for MBPP's problems in the texts; the card says so.")
def build(path: Path, sources: Path, out: Path, workers: int | None, mbpp: Path | None, unchecked: bool) -> None:
    """Build the corpus: examine all files, drop near-duplicates and what evaluation sets hold, write shards.

    Writes OUT/data with the texts and OUT/README.md, the data card.
    """
    from training.corpus import build as stage
    from training.corpus import manifest
    from training.data.contamination import evaluation_sets

    sets = evaluation_sets("none" if unchecked else mbpp or "hub")
    stage.build(manifest.read(path), sources, sets, out, workers)


def _report(lines: Iterable[str]) -> None:
    from training.corpus.fetch import Failed

    failed = 0
    for line in lines:
        failed += isinstance(line, Failed)
        click.echo(line, err=isinstance(line, Failed))
    if failed:
        click.echo(f"{failed} failed", err=True)
        click.get_current_context().exit(1)
