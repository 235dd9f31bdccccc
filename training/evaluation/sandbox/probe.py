"""Tries whether the walls stand before any program is judged, and says which do."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from tabtab_local.errors import UsageError
from training.evaluation.sandbox import seccomp
from training.evaluation.sandbox.launch import REMEDY

if TYPE_CHECKING:
    from training.evaluation.sandbox.judge import Sandbox

# Tries what must not work, and says what did. It forks no more than a limit of processes could allow.
_PROGRAM = """
import os, socket, time

worked = []
try:
    if set(os.listdir(HOME)) - set(ALLOWED): worked.append("reading the home directory")
except OSError: pass
try:
    if os.path.exists("/proc/self"): worked.append("reading /proc")
except OSError: pass
for place in ("/", "/usr", PACKAGES, os.path.dirname(os.__file__)):
    if os.access(place, os.W_OK): worked.append("writing to " + place)
if os.getpid() > 9: worked.append("seeing other processes")
try:
    socket.socket().connect(("127.0.0.1", PORT)); worked.append("reaching the network")
except OSError: pass
children = []
try:
    while len(children) <= PROCESSES:
        child = os.fork()
        if child == 0:
            time.sleep(5); os._exit(0)
        children.append(child)
    worked.append("starting processes without end")
except OSError: pass
for child in children: os.kill(child, 9)
open("mine", "w").write("x")
"""


def protections(sandbox: Sandbox) -> tuple[str, ...]:
    """Return what protects this machine from a judged program. Raises `UsageError` where a wall does not stand."""
    limits = sandbox.limits
    limited = (
        f"limits for each process: {limits.cpu_s} s of CPU time, {limits.memory_bytes >> 20} MiB of memory, "
        f"{limits.file_bytes >> 20} MiB for a file, {limits.open_files} open files",
        f"{limits.wall_s:g} s for each program and its checks, {limits.output_bytes >> 10} KiB of output",
        "the program and its checks in processes of their own, killed with their group at the end",
    )
    if sandbox.cage.bwrap is None:
        return ("unsafe: no walls; programs can read and write what you can, and reach the network", *limited)
    _try(sandbox)
    return (
        "bubblewrap: namespaces of their own for processes, network, mounts, IPC and host name; all die at the end",
        "files: the interpreter and its packages read-only, nothing else of the machine, a folder of "
        f"{limits.folder_bytes >> 20} MiB in memory",
        f"no privileges and no way to new ones, {limits.processes} processes and threads at most",
        *(["a filter of system calls"] if seccomp.supported() else []),
        *limited,
    )


def _try(sandbox: Sandbox) -> None:
    """Judge a program that tries the walls. Raises `UsageError` where it gets through or does not start."""
    from training.evaluation.sandbox.judge import Trial
    from training.evaluation.sandbox.launch import packages, visible

    home = Path.home() if Path.home() != Path("/") else Path("/home")
    values: dict[str, object] = {
        "HOME": str(home),
        # Where the interpreter itself lies in the home directory, the way to it can be seen.
        "ALLOWED": sorted(
            {Path(place).relative_to(home).parts[0] for place in visible() if Path(place).is_relative_to(home)}
        ),
        "PORT": 22,
        "PACKAGES": str(packages() or "/usr"),
        "PROCESSES": sandbox.limits.processes + 2,
    }
    head = "\n".join(f"{name} = {value!r}" for name, value in values.items())
    verdict = sandbox.judge(Trial(head + _PROGRAM, "assert worked == [], ', '.join(worked)", ""))
    if verdict.outcome == "failed":
        raise UsageError(f"the sandbox does not hold on this machine ({verdict.detail}): {REMEDY}")
    if not verdict.passed:
        reason = sandbox.cage.complaint() or verdict.detail
        raise UsageError(f"bubblewrap does not work on this machine ({reason}): {REMEDY}")
