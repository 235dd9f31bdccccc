"""The machine that measurements were taken on, as far as they depend on it. It only reads."""

from __future__ import annotations

import importlib.metadata
import platform
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import psutil

import tabtab_local


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


def describe() -> Machine:
    """Return this machine."""
    battery = psutil.sensors_battery() if hasattr(psutil, "sensors_battery") else None
    return Machine(
        cpu=_cpu_name(),
        physical_cores=_physical_cores(),
        logical_cores=psutil.cpu_count() or 1,
        memory_bytes=psutil.virtual_memory().total,
        os=platform.platform(terse=True),
        python=platform.python_version(),
        tabtab_local=tabtab_local.__version__,
        llama_cpp_python=_version("llama_cpp_python"),
        on_battery=None if battery is None else not battery.power_plugged,
    )


def default_threads() -> int:
    """Return the number of threads to compute with: one for each physical core that this process may use.

    Two threads on one core share its vector units and only get in each other's way.
    """
    process = psutil.Process()
    usable = len(process.cpu_affinity()) if hasattr(process, "cpu_affinity") else _physical_cores()
    return max(1, min(_physical_cores(), usable))


def _physical_cores() -> int:
    return psutil.cpu_count(logical=False) or psutil.cpu_count() or 1


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
