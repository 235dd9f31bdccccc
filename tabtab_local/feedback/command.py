"""The commands `tabtab-local feedback …`, and the option that turns the log on."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import click

feedback_option = click.option(
    "--feedback",
    "with_feedback",
    is_flag=True,
    help="Keep what is suggested, with the code around it, and what becomes of it, on this machine alone; "
    "`tabtab-local feedback` says more.",
)


@click.group()
def feedback() -> None:
    """See, export or delete what `serve --feedback` and `lsp --feedback` keep.

    That is a log in your data folder, readable for you alone: each suggestion that an editor showed, with what the
    model was asked (the code around your cursor, your last edits), and whether you accepted it, rejected it or typed
    over it, and with what. The oldest goes beyond 32 MiB. Nothing is sent anywhere.
    """


@feedback.command()
def status() -> None:
    """Say where the log is, what it takes, and how many suggestions of each outcome it holds."""
    from tabtab_local.feedback import log

    folder = log.default_folder()
    size = sum(path.stat().st_size for path in log.files(folder))
    records = list(log.read(folder))
    counts = Counter(record.outcome if record else "not readable" for record in records)
    click.echo(f"{folder}: {len(records) - counts['not readable']} suggestions, {size:,} bytes")
    for outcome, count in sorted(counts.items()):
        click.echo(f"{outcome}: {count}")


@feedback.command()
@click.option(
    "--out", required=True, type=click.Path(path_type=Path), help="New file of JSON lines to write the pairs to."
)
def export(out: Path) -> None:
    """Write preference data, for `python -m training prefer --data FILE`.

    Of each suggestion that you typed over, or rejected, a pair: what you wrote (after a rejection perhaps nothing), and
    what was suggested. Says on stderr how many records make none, and why.
    """
    from tabtab_local.feedback import log
    from tabtab_local.feedback.export import export as write
    from tabtab_local.feedback.export import render

    click.echo(render(write(log.read(log.default_folder()), out)), err=True)


@feedback.command()
@click.option("--yes", is_flag=True, help="Do not ask.")
def delete(yes: bool) -> None:
    """Delete all that was kept. Files that were exported stay."""
    from tabtab_local.feedback import log

    folder = log.default_folder()
    if not log.files(folder):
        click.echo(f"{folder}: nothing is kept", err=True)
        return
    if not yes:
        click.confirm(f"Delete all that is kept in {folder}?", abort=True, err=True)
    log.delete(folder)
    click.echo(f"deleted what was kept in {folder}", err=True)
