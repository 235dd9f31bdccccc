"""`python -m convert`: make of an adapter what people run."""

from __future__ import annotations

from pathlib import Path
from typing import Any, get_args

import click

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
    "--threads", type=click.IntRange(min=1), help="Threads to quantise with.", show_default="one for each core"
)


@click.group(cls=Group)
def main() -> None:
    """Merge an adapter, write it as GGUF, quantise it, and render its Modelfile.

    `all` does the four in a row; each is also a command of its own.
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


@main.command("quantize")
@click.argument("source", type=_FILE)
@click.option("--out", type=_NEW, required=True, help="The GGUF file to write.")
@click.option("--quant", type=_QUANTS, default=MODELS[DEFAULT_MODEL].quant, help="What to quantise to.")
@_threads
def quantize_command(source: Path, out: Path, quant: Any, threads: int | None) -> None:
    """Quantise the GGUF file SOURCE, which `gguf` wrote."""
    from convert.quantize import quantize

    quantize(source, out, quant, threads)
    click.echo(out)


@main.command("modelfile")
@click.argument("name", type=_NAMES)
@click.option("--out", type=_NEW, help="The file to write.", show_default="standard output")
@click.option("--file", metavar="NAME", help="The GGUF file beside the Modelfile.", show_default="the registry's")
def modelfile_command(name: str, out: Path | None, file: str | None) -> None:
    """Render the Modelfile of the model NAME."""
    from convert.modelfile import modelfile
    from tabtab_local.output import new_file

    text = modelfile(name, file)
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
@click.option("--quant", type=_QUANTS, help="What to quantise to.", show_default="the registry's for the model")
@_threads
def all_command(adapter: Path, out: Path, base: str | None, name: str, quant: Any, threads: int | None) -> None:
    """Merge, write as GGUF, quantise and render the Modelfile, into one new folder with a manifest."""
    from convert.pipeline import Recipe, package

    recipe = Recipe(adapter, out, name=name, base=base, quant=quant, threads=threads)
    package(recipe, report=lambda line: click.echo(line, err=True))
    click.echo(out)


if __name__ == "__main__":
    main(prog_name="python -m convert")
