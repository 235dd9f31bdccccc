"""How all our command lines end: results on stdout, one line for an error on stderr, and a number.

    0    done
    1    it failed: `error: …` says what, with which value, and what to do
    2    wrong usage
    130  stopped with Ctrl-C

Options show their defaults in the help text. A reader that goes away (`… | head`) is no error worth a message.
"""

from __future__ import annotations

import errno
import io
import subprocess
import sys
from typing import Any, NoReturn

import click

from tabtab_local.errors import TabTabError, UsageError


class Group(click.Group):
    """A command group that turns what a user can cause into one line and an exit code.

    Only the outermost group of a program has to be of this class.
    """

    def __init__(self, *args: Any, **attributes: Any) -> None:
        settings = {"show_default": True, "help_option_names": ["-h", "--help"], "max_content_width": 120}
        attributes["context_settings"] = settings | (attributes.get("context_settings") or {})
        super().__init__(*args, **attributes)

    def invoke(self, ctx: click.Context) -> Any:
        """Run the chosen command."""
        for stream in (sys.stdout, sys.stderr):
            if isinstance(stream, io.TextIOWrapper):
                # What a terminal or pipe of another encoding cannot show is no reason to fail.
                stream.reconfigure(errors="backslashreplace")
        try:
            return super().invoke(ctx)
        except UsageError as error:
            _fail(ctx, f"error: {error}", 2)
        except TabTabError as error:
            _fail(ctx, f"error: {error}", 1)
        except BrokenPipeError:
            raise  # click ends quietly then, and keeps the interpreter from complaining at its exit
        except OSError as error:
            where = f"{error.filename}: " if error.filename else ""
            # Without a name it is the current folder that was not found.
            gone = error.errno == errno.ENOENT and not where
            what = "this folder is gone: go to another one" if gone else f"{where}{error.strerror or error}"
            _fail(ctx, f"error: {what}", 1)
        except KeyboardInterrupt:
            _fail(ctx, "stopped", 130)


def failure(done: subprocess.CompletedProcess[str]) -> str:
    """Return in one line why a program failed: the last that it said, without the `error: ` of our own ones."""
    lines = done.stderr.strip().splitlines() or [f"it ended with status {done.returncode}"]
    return lines[-1].removeprefix("error: ")


def _fail(ctx: click.Context, message: str, code: int) -> NoReturn:
    click.echo(" ".join(message.split("\n")), err=True)
    ctx.exit(code)
