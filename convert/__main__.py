"""`python -m convert`: make of an adapter what people run."""

from __future__ import annotations

from pathlib import Path
from typing import Any, get_args

import click

from convert.default import KEEP_TOKENS, TEXTS
from tabtab_local.command import Group
from tabtab_local.registry import DEFAULT_MODEL, MODELS, Quant

# torch and llama.cpp take seconds to load, so each command imports what it needs.

_FOLDER = click.Path(exists=True, file_okay=False, path_type=Path)
_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)
_NEW = click.Path(path_type=Path)
_QUANTS = click.Choice(get_args(Quant))
_NAMES = click.Choice(list(MODELS))

_base = click.option(
    "--base",
    metavar="FOLDER|ID",
    help="The model to merge into, as a folder or a Hub id.",
    show_default="the one that the adapter names",
)
_threads = click.option(
    "--threads", type=click.IntRange(min=1), help="Threads to compute with.", show_default="one for each core"
)
_data = click.option(
    "--data",
    type=click.Path(exists=True, path_type=Path),
    help="Training data to measure on: a data set's folder, or JSON lines with prompt and completion.",
    show_default="the recorded editing traces",
)

_accuracy = click.option(
    "--accuracy",
    "tasks",
    type=click.IntRange(min=0),
    default=0,
    help="Ask each file for so many edits, and count those after which programs pass their tests.",
    show_default="none",
)


def _say(line: str) -> None:
    click.echo(line, err=True)


@click.group(cls=Group)
def main() -> None:
    """Make of an adapter what people run: merge, GGUF, quants, Modelfiles, and the Hub's repositories.

    `all` does everything but `prune` and `publish`; each stage is also a command of its own.
    """


@main.command("merge")
@click.option("--adapter", type=_FOLDER, required=True, help="The folder that training wrote.")
@click.option("--out", type=_NEW, required=True, help="The Hugging Face folder to make; new or empty.")
@_base
def merge_command(adapter: Path, out: Path, base: str | None) -> None:
    """Merge an adapter into its base: a Hugging Face folder."""
    from convert.merge import merge

    merge(base, adapter, out)
    click.echo(out)


@main.command("gguf")
@click.argument("folder", type=_FOLDER)
@click.option("--out", type=_NEW, required=True, help="The GGUF file to write.")
@click.option("--name", default=DEFAULT_MODEL, help="The model's name in the file.")
@click.option("--dtype", type=click.Choice(["f16", "f32", "bf16"]), default="f16", help="The type of the matrices.")
def gguf_command(folder: Path, out: Path, name: str, dtype: Any) -> None:
    """Write the Hugging Face model in FOLDER as a GGUF file."""
    from convert.gguf_file import write_gguf

    write_gguf(folder, out, name=name, dtype=dtype)
    click.echo(out)


@main.command("prune")
@click.argument("folder", type=_FOLDER)
@click.option("--out", type=_NEW, required=True, help="The Hugging Face folder to make; new or empty.")
@click.option("--keep", default=KEEP_TOKENS, type=click.IntRange(min=512), help="About how many tokens to keep.")
@click.option(
    "--corpus",
    "corpora",
    type=_FOLDER,
    multiple=True,
    help="A folder of Python packages whose code says which tokens are needed; may be given again.",
    show_default="Python's standard library and what is installed here",
)
@_data
def prune_command(folder: Path, out: Path, keep: int, corpora: tuple[Path, ...], data: Path | None) -> None:
    """Cut the vocabulary of the Hugging Face model in FOLDER down to what Python code needs."""
    from convert.prune import prune

    click.echo(prune(folder, out, corpus=corpora, data=data, keep=keep))


@main.command("imatrix")
@click.argument("folder", type=_FOLDER)
@click.option("--out", type=_NEW, required=True, help="The importance matrix to write.")
@click.option("--texts", default=TEXTS, type=click.IntRange(min=1), help="Texts that the model reads, at most.")
@_data
def imatrix_command(folder: Path, out: Path, texts: int, data: Path | None) -> None:
    """Compute the importance matrix of the Hugging Face model in FOLDER on edits."""
    from convert.weigh import weigh

    weigh(folder, out, data=data, texts=texts, progress=_say)
    click.echo(out)


@main.command("quantize")
@click.argument("source", type=_FILE)
@click.option("--out", type=_NEW, required=True, help="The GGUF file to write.")
@click.option("--quant", type=_QUANTS, default=MODELS[DEFAULT_MODEL].quant, help="What to quantise to.")
@click.option("--imatrix", type=_FILE, help="An importance matrix, which `imatrix` computes.")
@_threads
def quantize_command(source: Path, out: Path, quant: Any, imatrix: Path | None, threads: int | None) -> None:
    """Quantise the GGUF file SOURCE, which `gguf` wrote."""
    from convert.quantize import quantize

    quantize(source, out, quant, threads, imatrix=imatrix)
    click.echo(out)


@main.command("verify")
@click.argument("folder", type=_FOLDER)
@click.argument("files", type=_FILE, nargs=-1, required=True)
@_data
@_threads
def verify_command(folder: Path, files: tuple[Path, ...], data: Path | None, threads: int | None) -> None:
    """Hold GGUF files against the Hugging Face model in FOLDER that they were made of."""
    from convert.verify import verify

    for verdict in verify(folder, files, data=data, threads=threads):
        click.echo(verdict)


@main.command("report")
@click.argument("reference", type=_FILE)
@click.argument("files", type=_FILE, nargs=-1, required=True)
@click.option("--json", "json_file", type=_NEW, help="Write the record here.")
@_accuracy
@_data
@_threads
def report_command(
    reference: Path,
    files: tuple[Path, ...],
    json_file: Path | None,
    tasks: int,
    data: Path | None,
    threads: int | None,
) -> None:
    """Say what quantising costs and saves: the GGUF FILES beside REFERENCE, which they were made of."""
    from convert.report import report
    from tabtab_local.output import new_file

    found = report(reference, files, data=data, threads=threads, tasks=tasks, progress=_say)
    if json_file:
        with new_file(json_file) as temporary:
            temporary.write_text(found.as_json(), encoding="utf-8")
    click.echo(found.as_markdown(), nl=False)


@main.command("compare")
@click.argument("before", type=_FILE)
@click.argument("after", type=_FILE)
@_data
@_threads
def compare_command(before: Path, after: Path, data: Path | None, threads: int | None) -> None:
    """Put two GGUF files of one model beside each other, such as BEFORE and AFTER pruning: size, speed, answers."""
    from convert.compare import compare

    click.echo(compare(before, after, data=data, threads=threads, progress=_say))


@main.command("modelfile")
@click.argument("name", type=_NAMES)
@click.option("--out", type=_NEW, help="The file to write.", show_default="standard output")
@click.option("--file", metavar="NAME", help="The GGUF file beside the Modelfile.", show_default="the registry's")
@click.option("--fim", is_flag=True, help="That of the model that fills in, for clients that send a suffix.")
def modelfile_command(name: str, out: Path | None, file: str | None, fim: bool) -> None:
    """Render the Modelfile of the model NAME."""
    from convert.modelfile import modelfile
    from tabtab_local.output import new_file

    text = modelfile(name, file, fim=fim)
    if out is None:
        click.echo(text, nl=False)
        return
    with new_file(out) as temporary:
        temporary.write_text(text, encoding="utf-8", newline="\n")
    click.echo(out)


@main.command("all")
@click.option("--adapter", type=_FOLDER, required=True, help="The folder that training wrote.")
@click.option("--out", type=_NEW, required=True, help="The folder to make; new or empty.")
@_base
@click.option("--name", type=_NAMES, default=DEFAULT_MODEL, help="Which model of the registry this is.")
@click.option("--quant", "quants", type=_QUANTS, multiple=True, help="What to quantise to.", show_default="all but F16")
@_accuracy
@_data
@_threads
def all_command(
    adapter: Path,
    out: Path,
    base: str | None,
    name: str,
    quants: tuple[Any, ...],
    tasks: int,
    data: Path | None,
    threads: int | None,
) -> None:
    """Make everything of an adapter, in one new folder: merged model, GGUFs, report, Modelfiles, card, manifest.

    Fails where a GGUF does not compute what the merged model does. Ends with `ollama create` where Ollama is installed.
    """
    from convert.pipeline import QUANTS, Recipe, create_in_ollama, package

    recipe = Recipe(adapter, out, name, base, quants or QUANTS, data, threads, tasks)
    recommended = package(recipe, _say)
    for command in create_in_ollama(out, name):
        _say(f"to run it in Ollama: {command}")
    click.echo(out / recommended)


@main.command("publish")
@click.argument("folder", type=_FOLDER)
@click.option("--user", required=True, help="Whose repositories they are: a user or an organisation of the Hub.")
@click.option("--public", is_flag=True, help="Let everybody see them.")
@click.option("--evaluation", type=_FILE, help="A Markdown table for the cards, such as a leaderboard.md.")
@click.option("--dry-run", is_flag=True, help="Show every file and every card, and send nothing.")
def publish_command(folder: Path, user: str, public: bool, evaluation: Path | None, dry_run: bool) -> None:
    """Publish what `all` made in FOLDER on the Hugging Face Hub: adapter, merged model, GGUF files.

    Run it again to go on where it was stopped.
    """
    from convert.publish import publish, repositories

    text = evaluation.read_text(encoding="utf-8") if evaluation else ""
    found = repositories(folder, user, text)
    if dry_run:
        for one in found:
            click.echo(f"{one.id} ({'public' if public else 'private'})")
            for path, size in one.sizes():
                click.echo(f"  {size:>14,}  {path}")
            click.echo(f"\n{one.card}")
        return
    for address in publish(found, private=not public, progress=_say):
        click.echo(address)


if __name__ == "__main__":
    main(prog_name="python -m convert")
