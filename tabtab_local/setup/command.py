"""`tabtab-local setup`: print an editor's configuration, or put it where it belongs."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

import click

from tabtab_local.server import DEFAULT_PORT
from tabtab_local.setup.editor import EDITORS, Plan, Server


@click.command()
@click.argument("editor", type=click.Choice(list(EDITORS)))
@click.option("--write", is_flag=True, help="Put it into the editor's file, of which a copy is kept.")
@click.option(
    "--file", type=click.Path(path_type=Path, dir_okay=False), help="The editor's file. [default: where it looks]"
)
@click.option("--port", type=click.IntRange(1, 65535), default=DEFAULT_PORT, help="Port that the server listens at.")
@click.option("--token", "with_token", is_flag=True, help="For a server that asks for its token.")
def setup(editor: str, write: bool, file: Path | None, port: int, with_token: bool) -> None:
    """Print the configuration with which EDITOR asks tabtab-local, or with --write put it where it belongs.

    EDITOR is marimo, neovim (our language server), zed, vscode (with the extension llama-vscode) or llama.vim.
    """
    from tabtab_local.server import token

    plan = EDITORS[editor](Server(_program(), port, token.token_file() if with_token else None))
    file = file or plan.file
    if write:
        _write(plan, file)
    else:
        click.echo(plan.text, nl=False)
        click.echo(f"This belongs in {file}; --write puts it there.", err=True)
    for step in plan.steps:
        click.echo(f"then: {step}", err=True)


def _program() -> Path:
    """Return the command that editors can start: the one that runs now."""
    beside = Path(sys.executable).with_name("tabtab-local")
    return beside if beside.exists() else Path(shutil.which("tabtab-local") or beside)


def _write(plan: Plan, file: Path) -> None:
    """Put a plan's configuration into a file, and keep a copy of what was there."""
    from tabtab_local import store
    from tabtab_local.edits import diff
    from tabtab_local.errors import DocumentError
    from tabtab_local.output import new_file

    if not file.exists():
        with new_file(file) as temporary:
            temporary.write_text(plan.merged(""), encoding="utf-8")
        click.echo(f"wrote {file}", err=True)
        return
    source = store.read(file)
    try:
        merged = plan.merged(source.text)
    except DocumentError as error:
        raise DocumentError(f"{file}: {error}") from None
    if merged == source.text:
        click.echo(f"{file} has it already", err=True)
        return
    store.check_writable(source)
    copy = _copied(file)
    store.write(source, diff(source.text, merged))
    click.echo(f"wrote {file}; as it was before: {copy}", err=True)


def _copied(file: Path) -> Path:
    """Copy a file beside it, under a name that is free, and return that."""
    copy, number = file.with_name(f"{file.name}.before-tabtab"), 1
    while copy.exists():
        number += 1
        copy = file.with_name(f"{file.name}.before-tabtab-{number}")
    shutil.copy2(file, copy)
    return copy
