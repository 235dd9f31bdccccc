"""Runs the attempts to escape against a sandbox, with something there to find, and says what they got."""

from __future__ import annotations

import contextlib
import os
import socket
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from secrets import token_hex

from tabtab_local.errors import UsageError
from training.evaluation.sandbox.attempt import ATTEMPTS, Attempt
from training.evaluation.sandbox.judge import Sandbox, Trial
from training.evaluation.sandbox.launch import packages

# What the report says of an attempt that got out.
ESCAPED = "**NO**"

_VARIABLE = "TABTAB_ESCAPE"

# How long the kernel may take to end what has been killed.
_PATIENCE_S = 5.0


@dataclass(frozen=True)
class Result:
    """What an attempt got. `kept` says whether the sandbox held; `got` says it in a line."""

    attempt: Attempt
    kept: bool
    got: str


@dataclass(frozen=True)
class Stage:
    """What there is to find: a secret file in the home directory, a variable, two servers."""

    secret_file: Path
    secret: str
    server: socket.socket
    abstract: socket.socket
    marker: str

    def constants(self, sandbox: Sandbox, marker: str) -> str:
        """Return the assignments that a hostile program begins with; its processes shall carry `marker`."""
        values = {
            "SECRET_FILE": str(self.secret_file),
            "SECRET": self.secret[:-1],
            "HOST_FOLDER": tempfile.gettempdir() if sandbox.cage.bwrap is None else "/var/tmp",
            "REPOSITORY": str(Path(__file__).parents[3]),
            "PACKAGES": str(packages() or Path(os.__file__).parent),
            "PORT": self.server.getsockname()[1],
            "ABSTRACT": self.abstract.getsockname()[1:].decode(),
            "PARENT": os.getpid(),
            "SURVIVOR": f"import time; time.sleep(30)  # {marker}",
            "FILE_BYTES": sandbox.limits.file_bytes,
            "FOLDER_BYTES": sandbox.limits.folder_bytes,
        }
        return "".join(f"{name} = {value!r}\n" for name, value in values.items())


@contextlib.contextmanager
def stage() -> Iterator[Stage]:
    """Plant the secrets and open the servers; all are gone afterwards."""
    secret, marker = token_hex(16), f"tabtab-escape-{token_hex(8)}"
    with contextlib.ExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory(prefix=".tabtab-escape-", dir=Path.home()))
        file = Path(folder) / "id_ed25519"
        file.write_text(secret, encoding="utf-8")
        os.environ[_VARIABLE] = secret
        stack.callback(os.environ.pop, _VARIABLE, None)
        server = stack.enter_context(socket.create_server(("127.0.0.1", 0)))
        abstract = stack.enter_context(socket.socket(socket.AF_UNIX))
        abstract.bind(f"\0{marker}")
        abstract.listen()
        for listening in (server, abstract):
            listening.setblocking(False)
        yield Stage(file, secret, server, abstract, marker)


def attempt(sandbox: Sandbox, what: Attempt, scene: Stage) -> Result:
    """Run one attempt, and look at the verdict and at the machine.

    Raises `UsageError` for a sandbox without walls: the attempts would do what they try.
    """
    if sandbox.cage.bwrap is None:
        raise UsageError("attempts to escape run only inside walls: leave --unsafe out")
    marker = f"{scene.marker}-{token_hex(8)}"
    program = scene.constants(sandbox, marker) + what.program
    verdict = sandbox.judge(Trial(program, what.checks, program))
    faults = [*_marks(scene, marker)]
    kept = verdict.outcome in what.outcomes and not faults
    got = f"{verdict.outcome}: {verdict.detail}" if verdict.detail else verdict.outcome
    return Result(what, kept, "; ".join([got, *faults]))


def _marks(scene: Stage, marker: str) -> Iterator[str]:
    """Give what the attempt has left on the machine."""
    for listening in (scene.server, scene.abstract):
        with contextlib.suppress(BlockingIOError):
            listening.accept()[0].close()
            yield "it has reached a server"
    if scene.secret_file.read_text(encoding="utf-8") != scene.secret:
        yield "it has changed a file"
    deadline = time.monotonic() + _PATIENCE_S
    while survivors(marker):
        if time.monotonic() > deadline:
            yield "a process has survived"
            return
        time.sleep(0.02)


def survivors(marker: str) -> list[int]:
    """Return the processes of the machine that have `marker` in their command line."""
    found = []
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit() and int(folder.name) != os.getpid():
            with contextlib.suppress(OSError):
                if marker.encode() in (folder / "cmdline").read_bytes():
                    found.append(int(folder.name))
    return found


def report(sandbox: Sandbox) -> str:
    """Return a Markdown table of what each attempt got. Raises `UsageError` for a sandbox without walls."""
    lines = ["| attempt | must hold | kept | what it got |", "|---|---|---|---|"]
    with stage() as scene:
        for what in ATTEMPTS:
            result = attempt(sandbox, what, scene)
            got = result.got.replace("|", "\\|")
            lines.append(f"| {what.name} | {what.holds} | {'yes' if result.kept else ESCAPED} | {got} |")
    return "\n".join(lines) + "\n"
