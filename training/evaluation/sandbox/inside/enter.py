"""The first code that a sandboxed interpreter runs: it takes the limits upon itself, then runs its part.

The interpreter is started with `BOOT`, which reads the job from standard input: limits, compiled modules, and the
arguments of the part to run. Nothing that a hostile program wrote has been loaded before `enter` has returned.
"""

from __future__ import annotations

import os
import resource
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

PACKAGE = "training.evaluation.sandbox.inside"


def enter(job: dict[str, Any]) -> None:
    """Give up privileges, set the limits of `job`, and run its part; never returns."""
    if job["uid"] is not None:
        os.setgroups([])
        os.setresgid(job["uid"], job["uid"], job["uid"])
        os.setresuid(job["uid"], job["uid"], job["uid"])
    os.umask(0o077)
    os.chdir(job["folder"])
    null = os.open("/dev/null", os.O_RDONLY)
    os.dup2(null, 0)
    os.close(null)
    for name, limit in job["limits"]:
        kind = getattr(resource, name, None)
        if kind is None:
            continue
        _, most = resource.getrlimit(kind)
        # A hard limit that is lower already cannot be raised, and need not be.
        hard = limit[1] if most == resource.RLIM_INFINITY else min(limit[1], most)
        resource.setrlimit(kind, (min(limit[0], hard), hard))
    sys.path[:] = [path for path in sys.path if path] + job["path"]
    part = _modules(job["modules"])
    part.main(job["arguments"])


def _modules(compiled: list[tuple[str, Any]]) -> Any:
    """Make modules of their compiled code, in order, and return the last one."""
    kind = type(sys)
    package = sys.modules[PACKAGE] = kind(PACKAGE)
    module = package
    for name, code in compiled:
        module = kind(f"{PACKAGE}.{name}")
        sys.modules[module.__name__] = module
        setattr(package, name, module)
        exec(code, module.__dict__)
    return module


if __name__ == "__main__":
    enter(globals()["job"])
