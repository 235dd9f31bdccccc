"""The command line of the benchmarks: results on stdout, progress on stderr."""

from __future__ import annotations

import json
from pathlib import Path

import click

from tabtab_local.command import Group
from tabtab_local.output import new_file
from tabtab_local.registry import embedded_path


@click.group(cls=Group)
def main() -> None:
    """Compare latency with others, side by side in one run."""


@main.command()
@click.option(
    "--model",
    type=click.Path(path_type=Path),
    default=embedded_path,
    show_default="the embedded nano",
    help="The GGUF that both sides run.",
)
@click.option("--repeats", default=20, type=click.IntRange(min=1), help="Keystrokes that are measured.")
@click.option("--threads", type=click.IntRange(min=1), help="Threads for both sides. [default: physical cores]")
@click.option("--context", "context_tokens", default=1024, type=click.IntRange(min=1), help="Context, in tokens.")
@click.option("--json", "json_file", type=click.Path(dir_okay=False, path_type=Path), help="Write the record here.")
def decode(model: Path, repeats: int, threads: int | None, context_tokens: int, json_file: Path | None) -> None:
    """Answer one keystroke after the other: our engine beside llama-cpp-python's own `Llama`."""
    from bench import decode as comparison  # loads llama.cpp

    record = comparison.compare(model, repeats=repeats, threads=threads, context_tokens=context_tokens, progress=_say)
    if json_file:
        with new_file(json_file) as temporary:
            temporary.write_text(json.dumps(record.as_json(), indent=1) + "\n", encoding="utf-8")
    click.echo(comparison.render(record))


def _say(message: str) -> None:
    click.echo(message, err=True)


if __name__ == "__main__":
    main(prog_name="python -m bench")
