"""The command line: `tabtab-local …`. Commands parse, call one function and print; nothing heavy loads for the help."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import click

from tabtab_local import __version__, registry
from tabtab_local.command import Group
from tabtab_local.errors import UsageError

_MODEL = click.option(
    "--model",
    metavar="NAME|PATH",
    default=registry.DEFAULT_MODEL,
    help="Name from `tabtab-local models`, or path of a GGUF file made by this project.",
)


@click.group(cls=Group)
@click.version_option(__version__, prog_name="tabtab-local")
def main() -> None:
    """Next-edit code completion for Python files and notebooks, on your own machine."""


@main.command()
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--line", type=int, required=True, metavar="N", help="Line of the cursor, counted from 1.")
@click.option(
    "--column", type=int, metavar="N", help="Column, counted from 1 in characters. [default: end of the line]"
)
@click.option("--cell", type=int, metavar="N", help="Cell of a Jupyter notebook, counted from 1; --line counts in it.")
@click.option("--intent", default="", metavar="TEXT", help="What you want, in words. [default: inferred by the model]")
@_MODEL
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document instead of a diff.")
@click.option("--apply", "write", is_flag=True, help="Make the edit in the file.")
def complete(
    file: Path, line: int, column: int | None, cell: int | None, intent: str, model: str, as_json: bool, write: bool
) -> None:
    """Predict the next edit of FILE with the cursor at a line and column.

    FILE is a Python file, a Marimo notebook or a Jupyter notebook (with --cell). Prints a unified diff, in colour on a
    terminal; nothing where there is nothing to suggest, with the reason on stderr.
    """
    from tabtab_local import store
    from tabtab_local.complete import complete as ask
    from tabtab_local.complete import to_json
    from tabtab_local.document import open_document
    from tabtab_local.edits import apply
    from tabtab_local.engine import LlamaEngine
    from tabtab_local.prompt import clean_intent
    from tabtab_local.show import coloured, unified_diff

    source = store.read(file)
    try:
        jupyter = file.suffix.lower() == ".ipynb"
        document = open_document(source.text, jupyter=jupyter, line=line, column=column, cell=cell)
    except UsageError as error:
        raise UsageError(f"{file}: {error}") from None
    if write:
        store.check_writable(source)
    with LlamaEngine(registry.locate(model)) as engine:
        completion = ask(engine, document, intent=clean_intent(intent))
    # All that can fail comes before the file is changed.
    output = ""
    if as_json:
        output = json.dumps(to_json(document, completion)) + "\n"
    elif completion.edits:
        name = file.as_posix() if cell is None else f"{file.as_posix()} (cell {cell})"
        output = unified_diff(document.seen, apply(document.seen, document.seen_edits(completion.edits)), name)
        if sys.stdout.isatty():
            output = (f"{click.style(completion.intent, bold=True)}\n" if completion.intent else "") + coloured(output)
    if write:
        store.write(source, document.file_edits(completion.edits))
    if completion.silence:
        click.echo(f"no suggestion: {completion.silence}", err=True)
    # Not stripped of what looks like colour: that may be the user's code.
    click.echo(output, nl=False, color=True)


@main.command()
@_MODEL
@click.option("--repeats", type=click.IntRange(1), default=20, help="Measurements of each kind.")
@click.option(
    "--threads", type=click.IntRange(1), help="Threads to compute with. [default: one for each physical core]"
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document instead of a table.")
def bench(model: str, repeats: int, threads: int | None, as_json: bool) -> None:
    """Measure a model on this machine: load time, tokens per second, time to the first token, memory."""
    from tabtab_local import benchmark

    report = benchmark.run(
        registry.locate(model), repeats=repeats, threads=threads, progress=lambda line: click.echo(line, err=True)
    )
    click.echo(json.dumps(report.as_json()) if as_json else benchmark.render(report))


@main.command()
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document instead of a table.")
def models(as_json: bool) -> None:
    """List the models that this project makes, and which of them is on this machine."""
    from dataclasses import asdict

    from tabtab_local.show import table

    if as_json:
        click.echo(json.dumps([asdict(model) for model in registry.MODELS.values()]))
        return
    rows = [("NAME", "PARAMETERS", "QUANT", "CONTEXT", "MEMORY", "BASE", "HERE")]
    for model in registry.MODELS.values():
        rows.append(
            (
                model.name,
                f"{model.parameters / 1e6:,.0f}M",
                model.quant,
                f"{model.context_tokens}",
                f"{model.memory_mib} MiB",
                model.base or "our own",
                "embedded" if model.name == registry.DEFAULT_MODEL else "build it (see README)",
            )
        )
    click.echo("\n".join(table(rows)))
