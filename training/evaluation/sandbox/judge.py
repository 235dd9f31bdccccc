"""Judges a program: starts it and its checks, watches both, and says the verdict.

The verdict comes from the checks' process, over a pipe that the program has no end of. What the program prints goes to
the checks' process too, so nothing of the program's fills this process. It knows nothing of tasks and models.
"""

from __future__ import annotations

import contextlib
import os
import select
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import Literal, cast, get_args

from tabtab_local.errors import UsageError
from training.evaluation.sandbox.launch import FOLDER, Cage, find_bwrap
from training.evaluation.sandbox.limits import Limits
from training.evaluation.sandbox.watch import usage

Outcome = Literal["passed", "failed", "error", "syntax", "timeout", "memory", "output", "died"]

# A program that is quicker than this is not measured: looking costs more than it would save.
_WATCH_AFTER_S = 0.3
_WATCH_EVERY_S = 0.1
# bubblewrap's two processes stand above the program's.
_OURS = 2


@dataclass(frozen=True)
class Trial:
    """A program and what it must do.

    `checks` sees the program's global names, `stdout` (what it printed), `source` (the edited file, which may differ
    from the program that is run) and `identifiers` (those in `source`). `files` lie in the program's folder: a relative
    path for each text.
    """

    program: str
    checks: str
    source: str
    files: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Verdict:
    """What became of a trial.

    passed: the checks ran to their end. failed: a check is not met. error: the program raised. syntax: it does not
    parse. timeout, memory, output: it used more than it may. died: it ended before its checks did. `detail` is one
    line. `wall_s` is from start to verdict.
    """

    outcome: Outcome
    detail: str
    wall_s: float

    @property
    def passed(self) -> bool:
        """Whether the checks ran to their end."""
        return self.outcome == "passed"


class Sandbox:
    """Judges trials; may be used from several threads at once.

    `protections` says what is in force. Raises `UsageError` where bubblewrap is missing or does not work, unless
    `unsafe`, which runs programs with limits but without walls.
    """

    def __init__(self, limits: Limits = Limits(), *, unsafe: bool = False) -> None:  # noqa: B008
        self.limits = limits
        self.cage = Cage(None if unsafe else find_bwrap(), limits)
        from training.evaluation.sandbox.probe import protections

        self.protections: tuple[str, ...] = protections(self)

    def judge(self, trial: Trial) -> Verdict:
        """Run the program and its checks, and return the verdict.

        A program that has used up its wall time, but not its CPU time, gets a second try: a machine that was busy for a
        moment must not decide a figure. Raises `UsageError` for a file outside the folder.
        """
        for name in trial.files:
            path = PurePosixPath(name)
            if path.is_absolute() or ".." in path.parts or not path.parts or "\0" in name:
                raise UsageError(f"a task's file {name!r} is not a path inside the program's folder")
        verdict = self._verdict(trial)
        waited = verdict.outcome == "timeout" and verdict.wall_s >= self.limits.wall_s
        return self._verdict(trial) if waited else verdict

    def _verdict(self, trial: Trial) -> Verdict:
        started = time.monotonic()
        with contextlib.ExitStack() as stack:
            pair = _Pair(self.cage, trial, stack)
            outcome, detail = pair.outcome(started + self.limits.wall_s)
        # A program's own words: nothing in them may steer a terminal.
        detail = "".join(character if character.isprintable() else "?" for character in detail)
        return Verdict(outcome, detail, time.monotonic() - started)


class _Pair:
    """The two processes of one trial. `stack` ends and closes what they hold."""

    def __init__(self, cage: Cage, trial: Trial, stack: contextlib.ExitStack) -> None:
        self.limits, self.started = cage.limits, time.monotonic()
        folder, other = FOLDER, FOLDER
        if cage.bwrap is None:
            folder, other = (
                stack.enter_context(tempfile.TemporaryDirectory(prefix="tabtab-sandbox-", ignore_cleanup_errors=True))
                for _ in range(2)
            )
        with contextlib.ExitStack() as ends:
            ours, theirs = (ends.enter_context(end) for end in socket.socketpair())
            stdout, stdout_end = _pipe(ends)
            stderr, stderr_end = _pipe(ends)
            self.verdict, verdict_end = _pipe(ends)
            message = {"message_bytes": self.limits.message_bytes}
            self.candidate = cage.start(
                "candidate",
                {
                    **message,
                    "socket": theirs.fileno(),
                    "program": trial.program,
                    "files": dict(trial.files),
                    "folder": folder,
                },
                folder,
                stdout=stdout_end,
                stderr=stderr_end,
                pass_fds=(theirs.fileno(),),
            )
            stack.callback(_end, self.candidate)
            self.checker = cage.start(
                "checker",
                {
                    **message,
                    "socket": ours.fileno(),
                    "stdout": stdout,
                    "stderr": stderr,
                    "checks": trial.checks,
                    "source": trial.source,
                    "output_bytes": self.limits.output_bytes,
                },
                other,
                stdout=verdict_end,
                stderr=subprocess.DEVNULL,
                pass_fds=(ours.fileno(), stdout, stderr),
            )
            stack.callback(_end, self.checker)
            # Ours to keep: the only end that is not closed here.
            self.verdict = os.dup(self.verdict)
            stack.callback(os.close, self.verdict)

    def outcome(self, deadline: float) -> tuple[Outcome, str]:
        """Return the outcome and the line about it."""
        fault = self._wait(deadline)
        if fault is not None:
            return fault
        raw = os.read(self.verdict, 4096).decode("utf-8", "replace")
        outcome, _, detail = raw.partition("\n")
        if outcome not in get_args(Outcome):
            return self._ended(self.checker, "the checks ended without a verdict")
        if outcome == "died" and "called exit" not in detail:
            return self._ended(self.candidate, detail)
        return cast(Outcome, outcome), detail

    def _wait(self, deadline: float) -> tuple[Outcome, str] | None:
        """Wait for the verdict; return why there is none."""
        poll = select.poll()
        poll.register(self.verdict, select.POLLIN)
        pause = _WATCH_AFTER_S
        while not poll.poll(max(0.0, min(pause, deadline - time.monotonic())) * 1000):
            pause = _WATCH_EVERY_S
            if time.monotonic() >= deadline:
                return "timeout", f"no verdict after {self.limits.wall_s:g} seconds"
            used = usage(self.candidate.pid)
            if used.memory_bytes > self.limits.memory_bytes:
                return "memory", f"the program's processes use more than {self.limits.memory_bytes >> 20} MiB"
            if used.processes > self.limits.processes + _OURS:
                return "died", f"more than {self.limits.processes} processes"
        return None

    def _ended(self, process: subprocess.Popen[bytes], detail: str) -> tuple[Outcome, str]:
        """Return what the exit status of a process tells."""
        try:
            status = process.wait(2)
        except subprocess.TimeoutExpired:
            return "died", detail
        # bubblewrap exits with 128 and the number of the signal that ended the program.
        number = -status if status < 0 else status - 128
        cpu_spent = time.monotonic() - self.started > self.limits.cpu_s
        if number == signal.SIGXCPU or (number == signal.SIGKILL and cpu_spent):
            return "timeout", f"more than {self.limits.cpu_s} seconds of CPU time"
        if number == signal.SIGXFSZ:
            return "output", f"a file of more than {self.limits.file_bytes} bytes"
        if 0 < number < 65:
            return "died", f"{detail}: {signal.Signals(number).name}"
        return "died", f"{detail}: exit status {status}"


def _pipe(ends: contextlib.ExitStack) -> tuple[int, int]:
    """Return the reading and the writing end of a pipe; `ends` closes both."""
    pair = os.pipe()
    for end in pair:
        ends.callback(os.close, end)
    return pair


def _end(process: subprocess.Popen[bytes]) -> None:
    """Kill the process, its group, and with bubblewrap's first process its whole PID namespace."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
    process.kill()
    process.wait()
