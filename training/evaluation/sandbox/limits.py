"""What a judged program may use at most."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Limits:
    """The limits of the program's process, and of its checks' process, each by itself.

    The defaults suit small programs with numpy and pandas, whose import alone takes half a second.
    """

    cpu_s: int = 5  # seconds of each process's own CPU time; the kernel kills one that uses more
    wall_s: float = 10.0  # seconds from the start to the verdict; above cpu_s, so that two cores can be shared by four
    memory_bytes: int = 1 << 30  # address space of each process, and resident memory of all together; pandas needs 0.6
    processes: int = 24  # processes and threads at once; a thread pool has a place, a fork bomb has not
    file_bytes: int = 16 << 20  # size of one file
    folder_bytes: int = 64 << 20  # all files together: they lie in memory
    output_bytes: int = 1 << 20  # standard output and standard error together
    message_bytes: int = 16 << 20  # one value between the program and its checks
    open_files: int = 128  # file descriptors of each process; importing pandas needs about ten
