"""The command line of the benchmarks: results on stdout, progress on stderr."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, get_args

import click

from tabtab_local.command import Group
from tabtab_local.output import new_file
from tabtab_local.registry import Quant, embedded_path

_model = click.option(
    "--model",
    type=click.Path(path_type=Path),
    default=embedded_path,
    show_default="the embedded nano",
    help="The GGUF to measure.",
)
_json = click.option(
    "--json", "json_file", type=click.Path(dir_okay=False, path_type=Path), help="Write the record here."
)

_MODES = ("each-key", "unhurried", "average-each-key", "fast-each-key", "average", "fast")  # those of bench/match.py


@click.group(cls=Group)
def main() -> None:
    """Compare latency with others, side by side in one run."""


@main.command()
@_model
@click.option("--repeats", default=20, type=click.IntRange(min=1), help="Keystrokes that are measured.")
@click.option("--threads", type=click.IntRange(min=1), help="Threads for both sides. [default: physical cores]")
@click.option("--context", "context_tokens", default=1024, type=click.IntRange(min=1), help="Context, in tokens.")
@_json
def decode(model: Path, repeats: int, threads: int | None, context_tokens: int, json_file: Path | None) -> None:
    """Answer one keystroke after the other: our engine beside llama-cpp-python's own `Llama`."""
    from bench import decode as comparison  # loads llama.cpp

    record = comparison.compare(model, repeats=repeats, threads=threads, context_tokens=context_tokens, progress=_say)
    _finish(record.as_json(), comparison.render(record), json_file)


@main.command()
@_model
@click.option("--states", default=300, type=click.IntRange(min=1), help="Answers that are compared.")
@click.option("--seed", default=0, help="Another one draws other states.")
@click.option("--threads", type=click.IntRange(min=1), help="Threads to compute with. [default: physical cores]")
@_json
def exactness(model: Path, states: int, seed: int, threads: int | None, json_file: Path | None) -> None:
    """Compare what a session decodes with plain decoding, and an early stop with decoding to the end."""
    from bench import exactness as comparison

    record = comparison.compare(model, states=states, seed=seed, threads=threads, progress=_say)
    _finish(record.as_json(), comparison.render(record), json_file)


@main.command()
@click.argument("name", metavar="NAME")
@click.option(
    "--vocab", type=click.Path(dir_okay=False, path_type=Path), required=True, help="A GGUF with Qwen's tokenizer."
)
@click.option("--quant", type=click.Choice(get_args(Quant)), default="Q4_K_M", help="What to quantise to.")
@click.option("--out", type=click.Path(dir_okay=False, path_type=Path), required=True, help="The GGUF file to write.")
@click.option(
    "--threads", type=click.IntRange(min=1), help="Threads to quantise with.", show_default="one for each core"
)
def shape(name: str, vocab: Path, quant: Any, out: Path, threads: int | None) -> None:
    """Write a model of a real one's shape with random weights: qwen3-0.6b, qwen3-1.7b or qwen3-4b."""
    from bench.shape import write_shape  # loads gguf

    write_shape(name, vocab, out, quant=quant, threads=threads)
    click.echo(out)


@main.command()
@_model
@click.option("--rounds", default=12, type=click.IntRange(min=6), help="Rounds, each with either side once.")
@click.option("--prompt", "prompt_tokens", default=512, type=click.IntRange(min=1), help="Most tokens of a prompt.")
@click.option("--decode", "decoded_tokens", default=64, type=click.IntRange(min=2), help="Tokens decoded behind it.")
@click.option("--threads", type=click.IntRange(min=1), help="Threads for both sides. [default: physical cores]")
@_json
def limit(
    model: Path, rounds: int, prompt_tokens: int, decoded_tokens: int, threads: int | None, json_file: Path | None
) -> None:
    """Compare our engine with the memory's speed and with llama.cpp by itself."""
    from bench import limit as comparison  # loads llama.cpp

    settings = comparison.Settings(rounds, prompt_tokens, decoded_tokens, threads)
    record = comparison.compare(model, settings, progress=_say)
    _finish(record.as_json(), comparison.render(record), json_file)


@main.command()
@click.option("--repo", default=".", type=click.Path(file_okay=False, path_type=Path), help="The clone to read.")
@click.option("--out", required=True, type=click.Path(file_okay=False, path_type=Path), help="Folder for the traces.")
@click.option("--commits", default=100, type=click.IntRange(min=1), help="How many of the newest commits are read.")
@click.option("--limit", default=22, type=click.IntRange(min=1), help="How many traces are written at most.")
@click.option("--name", default="tabtab-local", help="What the repository is called in the traces.")
def traces(repo: Path, out: Path, commits: int, limit: int, name: str) -> None:
    """Turn changes in a repository's history into editing traces."""
    from bench.traces import write_history  # loads libgit2

    for path in write_history(repo, out, commits=commits, limit=limit, name=name):
        click.echo(path)


@main.command()
@_model
@click.option("--oracle", is_flag=True, help="Put the traces' true answers in the model's place: for random weights.")
@click.option(
    "--speed",
    "modes",
    multiple=True,
    type=click.Choice(_MODES),
    default=_MODES,
    help="How the person types: unhurried waits for each answer; each-key asks even where what is suggested is being "
    "typed. Can be given more than once.",
)
@click.option("--keys", default=300, type=click.IntRange(min=1), help="About how many keys are pressed in a round.")
@click.option(
    "--waiting-keys",
    type=click.IntRange(min=1),
    help="About how many in each-key and unhurried, where slow peers are waited for. [default: as many]",
)
@click.option("--rounds", default=3, type=click.IntRange(min=1), help="Rounds, each with other times between keys.")
@click.option("--peers", default="all", metavar="all|none|NAME,…", help="Who else is asked; all is who can run here.")
@click.option("--threads", type=click.IntRange(min=1), help="Threads for all sides. [default: physical cores]")
@click.option("--context", "context_tokens", type=click.IntRange(min=1), help="Context. [default: our engine's]")
@click.option("--traces", "folder", type=click.Path(path_type=Path), help="Folder of traces. [default: those shipped]")
@click.option("--out", default="bench/results", type=click.Path(file_okay=False, path_type=Path), help="For results.")
def typing(
    model: Path,
    oracle: bool,
    modes: tuple[str, ...],
    keys: int,
    waiting_keys: int | None,
    rounds: int,
    peers: str,
    threads: int | None,
    context_tokens: int | None,
    folder: Path | None,
    out: Path,
) -> None:
    """Replay recorded editing at a person's speed: our session beside others, on the same keys with the same GGUF."""
    from bench import replay, report  # loads llama.cpp
    from tabtab_local.machine import default_threads
    from tabtab_local.replay.load import load_folder, shipped

    chosen = replay.chosen_peers(peers, progress=_say)
    sides = threads or default_threads()
    plan = replay.Plan(model, oracle, modes, chosen, keys, rounds, sides, context_tokens, waiting_keys)
    traces = load_folder(folder) if folder else shipped()
    record = replay.compare(plan, traces, progress=_say)
    _say(f"written: {report.write_typing(record.as_json(), out)}")
    click.echo(report.typing_table(record.as_json()))


@main.command()
@click.option("--hours", default=8.0, type=click.FloatRange(min=0, min_open=True), help="Hours of average typing.")
@_model
@click.option("--threads", type=click.IntRange(min=1), help="Threads to compute with. [default: physical cores]")
@click.option("--seed", default=0, help="Another one makes another day's work.")
@_json
def soak(hours: float, model: Path, threads: int | None, seed: int, json_file: Path | None) -> None:
    """Type for hours, as fast as it goes, and tell whether memory stays what it is."""
    from bench import soak as test  # loads llama.cpp

    record = test.soak(model, test.Settings(hours, threads=threads, seed=seed), progress=_say)
    if json_file:
        with new_file(json_file) as temporary:
            temporary.write_text(json.dumps(record.as_json()) + "\n", encoding="utf-8")
    click.echo(test.render(record))


@main.command()
@click.option("--shape", required=True, help="qwen3-0.6b, -1.7b or -4b, or llama3.2-1b.")
@click.option(
    "--vocab",
    required=True,
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="A GGUF with that model's vocabulary, such as those of llama.cpp's own tests.",
)
@click.option(
    "--llama-cpp",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="A checkout of llama.cpp, whose converter is measured beside ours. [default: ours alone]",
)
@click.option("--quant", type=click.Choice(get_args(Quant)), default="Q4_K_M", help="What to quantise to.")
@click.option("--rounds", default=3, type=click.IntRange(min=1), help="How often the converters run, in turns.")
@click.option(
    "--work",
    default="runs/convert",
    type=click.Path(file_okay=False, path_type=Path),
    help="A folder to work in; it is made, and removed at the end.",
)
@_json
def convert(
    shape: str, vocab: Path, llama_cpp: Path | None, quant: str, rounds: int, work: Path, json_file: Path | None
) -> None:
    """Take a model of a real one's shape from an adapter to an answer: time and memory of each stage."""
    from bench import convert as measurement  # loads torch

    settings = measurement.Settings(shape, vocab, work, llama_cpp, quant, rounds)
    record = measurement.convert(settings, progress=_say)
    _finish(record.as_json(), measurement.render(record), json_file)


@main.command()
@_model
@click.option("--rounds", default=2, type=click.IntRange(min=1), help="How often all lines are typed.")
@click.option("--key-ms", default=80.0, type=click.FloatRange(min=1), help="Time from one key to the next.")
@_json
def marimo(model: Path, rounds: int, key_ms: float, json_file: Path | None) -> None:
    """Type in Marimo, in a browser: from a key to ghost text, with our server and with one that answers at once."""
    from bench.browser import ghost

    record = ghost.compare(model, ghost.Settings(rounds, key_ms), progress=_say)
    _finish(record.as_json(), ghost.render(record), json_file)


@main.command()
@_model
@click.option("--type", "typed", default="def mean(values):\n", help="What is typed.", show_default=False)
@click.option("--out", required=True, type=click.Path(dir_okay=False, path_type=Path), help="The PNG to write.")
def screenshot(model: Path, typed: str, out: Path) -> None:
    """Take a picture of ghost text in Marimo, and print what is suggested."""
    from bench.browser.screenshot import screenshot as take

    click.echo(take(model, typed, out))


@main.command()
@click.option("--results", default="bench/results", type=click.Path(file_okay=False, path_type=Path), help="Folder.")
def report(results: Path) -> None:
    """Print the tables of all results in a folder as Markdown; write them and the plot of costs there."""
    from bench.report import write_summary

    click.echo(write_summary(results), nl=False)


def _finish(record: dict[str, object], text: str, json_file: Path | None) -> None:
    if json_file:
        with new_file(json_file) as temporary:
            temporary.write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")
    click.echo(text)


def _say(message: str) -> None:
    click.echo(message, err=True)


if __name__ == "__main__":
    main(prog_name="python -m bench")
