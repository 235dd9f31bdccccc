"""The command line: `tabtab-local …`. Commands parse, call one function and print; nothing heavy loads for the help."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from tabtab_local import __version__, registry
from tabtab_local.command import Group
from tabtab_local.errors import UsageError
from tabtab_local.feedback.command import feedback, feedback_option
from tabtab_local.server import DEFAULT_PORT
from tabtab_local.setup.command import setup

if TYPE_CHECKING:
    from tabtab_local.engine import LlamaEngine, RemoteEngine


def _default_model() -> str:
    from tabtab_local.tuning import default_model

    return default_model()


# Whose prompts a server keeps; what is left of each is read again when its turn comes.
_DOCUMENTS = 4

_MODEL = click.option(
    "--model",
    metavar="NAME|PATH",
    default=_default_model,
    show_default=f"what `doctor --tune` chose, else {registry.DEFAULT_MODEL}",
    help="Name from `tabtab-local models`, or path of a GGUF file made by this project.",
)


@click.group(cls=Group)
@click.version_option(__version__, prog_name="tabtab-local")
def main() -> None:
    """Next-edit code completion for Python files and notebooks, on your own machine."""


main.add_command(feedback)
main.add_command(setup)


def _say(line: str) -> None:
    click.echo(line, err=True)


@main.command()
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--line", type=int, required=True, metavar="N", help="Line of the cursor, counted from 1.")
@click.option(
    "--column", type=int, metavar="N", help="Column, counted from 1 in characters. [default: end of the line]"
)
@click.option("--cell", type=int, metavar="N", help="Cell of a Jupyter notebook, counted from 1; --line counts in it.")
@click.option("--intent", default="", metavar="TEXT", help="What you want, in words. [default: inferred by the model]")
@_MODEL
@click.option(
    "--endpoint",
    metavar="URL",
    help="Ask a server instead (llama-server, vLLM, Ollama): --model is then its name there, and may be left out where "
    "there is only one. A key is taken from TABTAB_API_KEY.",
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document instead of a diff.")
@click.option("--apply", "write", is_flag=True, help="Make the edit in the file.")
def complete(
    file: Path,
    line: int,
    column: int | None,
    cell: int | None,
    intent: str,
    model: str,
    endpoint: str | None,
    as_json: bool,
    write: bool,
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
    with _local(model) if endpoint is None else _remote(endpoint, model) as engine:
        completion = ask(engine, document, intent=clean_intent(intent))
    if degraded := getattr(engine, "degraded", ()):
        click.echo(f"{endpoint}: {'; '.join(degraded)}", err=True)
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


def _local(model: str, sequences: int = 1) -> LlamaEngine:
    from tabtab_local import tuning
    from tabtab_local.engine import LlamaEngine

    path = registry.locate(model)
    settings = tuning.engine_settings(path)
    return LlamaEngine(path, threads=settings.threads, costs=settings.costs, sequences=sequences)


def _remote(endpoint: str, model: str) -> RemoteEngine:
    from tabtab_local.engine import RemoteEngine

    source = click.get_current_context().get_parameter_source("model")
    return RemoteEngine(endpoint, "" if source is click.core.ParameterSource.DEFAULT else model)


@main.command()
@_MODEL
@click.option("--host", default="127.0.0.1", help="Address to listen at; off loopback a token is needed.")
@click.option("--port", type=click.IntRange(1, 65535), default=DEFAULT_PORT, help="Port to listen at.")
@click.option(
    "--workspace",
    "workspaces",
    multiple=True,
    type=click.Path(path_type=Path, exists=True, file_okay=False),
    help="Folder of Marimo notebooks: a cell that is asked about is seen among the others. May be repeated.",
)
@click.option("--token", "with_token", is_flag=True, help="Answer those alone who show the token that is kept for you.")
@click.option(
    "--allow-host",
    "names",
    multiple=True,
    metavar="NAME",
    help="Name that clients call the server by, besides loopback and --host: box.lan, or box.lan:9000 where they see "
    "another port. May be repeated. [default: none]",
)
@click.option(
    "--allow-origin",
    "origins",
    multiple=True,
    metavar="URL",
    help="Web page that may ask from a browser, as http://127.0.0.1:2718. May be repeated. [default: none]",
)
@feedback_option
def serve(
    model: str,
    host: str,
    port: int,
    workspaces: Sequence[Path],
    with_token: bool,
    names: Sequence[str],
    origins: Sequence[str],
    with_feedback: bool,
) -> None:
    """Answer editors over HTTP: Marimo, Zed, llama.vim, Continue, and others that speak as they do."""
    from tabtab_local.feedback import log
    from tabtab_local.server import serve as server
    from tabtab_local.server import token

    shown = token.token(token.token_file()) if with_token else None
    service = server.Service(
        host, port, names=tuple(names), origins=tuple(origins), token=shown, workspaces=tuple(workspaces)
    )
    with log.keeping(with_feedback, _say) as note, _local(model, sequences=_DOCUMENTS) as engine:
        server.serve(service, engine, lambda address: _say(f"{engine.model.name} answers at {address}"), note)


@main.command()
@_MODEL
@feedback_option
@click.pass_context
def lsp(context: click.Context, model: str, with_feedback: bool) -> None:
    """Answer an editor as its language server, on stdin and stdout: ghost text and next edits."""
    from tabtab_local.desk.desk import Desk
    from tabtab_local.feedback import log
    from tabtab_local.lsp.server import run

    with (
        log.keeping(with_feedback, _say) as note,
        _local(model, sequences=_DOCUMENTS) as engine,
        Desk(engine, note=note) as desk,
    ):
        code = run(desk)
    context.exit(code)


@main.command()
@_MODEL
@click.option("--repeats", type=click.IntRange(1), default=20, help="Measurements of each kind.")
@click.option(
    "--threads",
    type=click.IntRange(1),
    show_default="what `doctor --tune` found best, else one for each physical core; one less on battery",
    help="Threads to compute with.",
)
@click.option("--typing", is_flag=True, help="Replay typing instead, for two minutes: does the model keep up?")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document instead of a table.")
def bench(model: str, repeats: int, threads: int | None, typing: bool, as_json: bool) -> None:
    """Measure a model on this machine: load time, tokens per second, time to the first token, memory."""
    from tabtab_local import benchmark, tuning

    path = registry.locate(model)
    if typing:
        from tabtab_local.replay import verdict

        found = verdict.measure(path, threads=threads, progress=_say)
        click.echo(json.dumps(found.as_json()) if as_json else verdict.render_verdict(found))
        return
    threads = threads or tuning.engine_settings(path).threads
    report = benchmark.run(path, repeats=repeats, threads=threads, progress=_say)
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


@main.command()
@click.option("--tune", is_flag=True, help="Measure this machine, choose a model, threads and drafts, remember them.")
@click.option(
    "--model",
    "models",
    multiple=True,
    metavar="NAME|PATH",
    help="With --tune: measure this model too, beside the embedded one and those measured before. May be repeated.",
)
@click.option(
    "--models-dir",
    "folders",
    multiple=True,
    metavar="FOLDER",
    type=click.Path(path_type=Path),
    help="With --tune: measure the *.gguf files in and below this folder too. May be repeated.",
)
@click.option(
    "--target-ms",
    type=click.IntRange(1, 60_000),
    default=120,
    help="With --tune: the time that a full suggestion may take; the largest model that keeps to it is chosen.",
)
@click.option("--repeats", type=click.IntRange(1), default=20, help="With --tune: measurements of each kind, at most.")
@click.option(
    "--port", type=click.IntRange(1, 65535), default=DEFAULT_PORT, help="Without --tune: where the server should be."
)
@click.pass_context
def doctor(
    context: click.Context,
    tune: bool,
    models: Sequence[str],
    folders: Sequence[Path],
    target_ms: int,
    repeats: int,
    port: int,
) -> None:
    """Say whether all is well, or with --tune find out what suits this machine.

    Without --tune: the machine, the models and how fast they are, what is remembered, and the way from editors to here:
    the server and its token, Ollama's models, Marimo's configuration. Exits with 1 and says what is wrong, and what
    helps, where something is.

    With --tune: measures what it costs to evaluate a few tokens, for each model and number of threads, in about ten
    seconds for the embedded model and up to a minute for one of a gigabyte; prints what was found and what was chosen.
    """
    if tune:
        _tune(models, folders, target_ms, repeats)
        return
    for parameter in context.command.params:
        source = context.get_parameter_source(parameter.name or "")
        if parameter.name not in ("tune", "port") and source is click.core.ParameterSource.COMMANDLINE:
            raise UsageError(f"{parameter.opts[0]} goes with --tune: add it")
    from tabtab_local.doctor.checkup import examine

    checkup = examine(port)
    click.echo(checkup.render())
    context.exit(1 if checkup.problems else 0)


def _tune(models: Sequence[str], folders: Sequence[Path], target_ms: int, repeats: int) -> None:
    from tabtab_local import tuning
    from tabtab_local.doctor import autotune, explain

    file = tuning.tuning_file()
    tuning.check_writable(file)
    paths = autotune.candidates(models, folders, tuning.remembered())
    report = autotune.tune(paths, target_ms=target_ms, repeats=repeats, progress=_say)
    click.echo(explain.render(report))
    tuning.remember(report.tuning, file)
    click.echo(f"Remembered in {file}; delete it to forget.")
