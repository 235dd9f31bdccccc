"""The machine that measurements were taken on, as far as they depend on it, and how much of it may be used.

It only reads. A user leaves cores to other programs by environment variables: `TABTAB_THREADS=N` computes with exactly
N threads, `TABTAB_SPARE_CORES=N` with N fewer than there are cores.
"""

from __future__ import annotations

import importlib.metadata
import os
import platform
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import psutil

import tabtab_local
from tabtab_local.errors import UsageError

THREADS_VARIABLE = "TABTAB_THREADS"
SPARE_CORES_VARIABLE = "TABTAB_SPARE_CORES"


@dataclass(frozen=True)
class Machine:
    """What a measurement should be read with; `on_battery` is nothing where the machine has none or does not tell."""

    cpu: str
    physical_cores: int
    logical_cores: int
    memory_bytes: int
    os: str
    python: str
    tabtab_local: str
    llama_cpp_python: str
    on_battery: bool | None

    @property
    def power(self) -> str:
        """Where the current comes from, in words; empty where that is not known."""
        return {None: "", True: "on battery", False: "on mains"}[self.on_battery]


@dataclass(frozen=True)
class ThreadPolicy:
    """How many threads may compute, and why; a number that the user has `fixed` is taken as it is."""

    threads: int
    reason: str
    fixed: bool = False


def describe() -> Machine:
    """Return this machine."""
    return Machine(
        cpu=_cpu_name(),
        physical_cores=_physical_cores(),
        logical_cores=psutil.cpu_count() or 1,
        memory_bytes=psutil.virtual_memory().total,
        os=platform.platform(terse=True),
        python=platform.python_version(),
        tabtab_local=tabtab_local.__version__,
        llama_cpp_python=_version("llama_cpp_python"),
        on_battery=_on_battery(),
    )


def identity() -> str:
    """Return what tells this machine's speed from another's: the name of its processor and its physical cores."""
    return f"{_cpu_name()}, {_physical_cores()} cores"


def free_memory_bytes() -> int:
    """Return the memory that can be had without any other program's being moved to the disk."""
    return int(psutil.virtual_memory().available)


def busy_share() -> float:
    """Return the share of the processor that programs, this one aside, use in the next half second."""
    return float(psutil.cpu_percent(interval=0.5)) / 100


def default_threads() -> int:
    """Return the number of threads to compute with: see `thread_policy`."""
    return thread_policy().threads


def thread_policy() -> ThreadPolicy:
    """Return how many threads may compute: one for each physical core that this process may use, less those to spare.

    On battery one core is always spared. Two threads on one core share its vector units and only get in each other's
    way. Raises `UsageError` for an environment variable that is not a number of threads or cores.
    """
    logical = _usable_logical_cores()
    fixed = _number(THREADS_VARIABLE, 1, logical)
    spare = _number(SPARE_CORES_VARIABLE, 0, None)
    if fixed is not None:
        return ThreadPolicy(fixed, f"{THREADS_VARIABLE} says so", fixed=True)
    cores = max(1, min(_physical_cores(), logical))
    if spare:
        return ThreadPolicy(max(1, cores - spare), f"{SPARE_CORES_VARIABLE} leaves {spare} to other programs")
    if _on_battery():
        return ThreadPolicy(max(1, cores - 1), "on battery one core is spared")
    return ThreadPolicy(cores, "one for each core")


def _number(variable: str, least: int, most: int | None) -> int | None:
    """Return the value of an environment variable; nothing where it is not set."""
    text = os.environ.get(variable, "").strip()
    if not text:
        return None
    # Not more than six digits: Python refuses to read very long ones.
    number = int(text) if re.fullmatch(r"[0-9]{1,6}", text) else -1
    if number < least or (most is not None and number > most):
        choice = f"{least} or more" if most is None else f"{least}-{most}"
        raise UsageError(f"the environment variable {variable} is {text[:40]!a}: choose {choice}, or unset it")
    return number


def _on_battery() -> bool | None:
    battery = psutil.sensors_battery() if hasattr(psutil, "sensors_battery") else None
    # Some machines have a battery, but do not tell whether they are plugged in.
    return None if battery is None or battery.power_plugged is None else not battery.power_plugged


def _physical_cores() -> int:
    return psutil.cpu_count(logical=False) or psutil.cpu_count() or 1


def _usable_logical_cores() -> int:
    process = psutil.Process()
    return len(process.cpu_affinity()) if hasattr(process, "cpu_affinity") else psutil.cpu_count() or 1


def _version(distribution: str) -> str:
    try:
        return importlib.metadata.version(distribution)
    except importlib.metadata.PackageNotFoundError:
        return "not installed"


def _cpu_name() -> str:
    """Return the processor's name as it is sold; `platform.processor()` knows it on Windows alone."""
    name = ""
    if sys.platform == "linux":
        name = _linux_cpu_name(Path("/proc/cpuinfo"))
    elif sys.platform == "darwin":
        command = ["/usr/sbin/sysctl", "-n", "machdep.cpu.brand_string"]
        name = subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip()
    return name or platform.processor() or platform.machine()


def _linux_cpu_name(cpuinfo: Path) -> str:
    """Return the first model name in `/proc/cpuinfo`; ARM machines give none there."""
    lines = cpuinfo.read_text(errors="replace").splitlines() if cpuinfo.exists() else []
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), "")
