"""Code in several processes of this machine, as on several GPUs."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]


def in_processes(count: int, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Return how `count` processes ended that ran a script, or `-m` and a module, together, a thread for each."""
    launch = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", str(count)]
    environment = {**os.environ, "ACCELERATE_USE_CPU": "true", "OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)}
    return subprocess.run([*launch, *arguments], capture_output=True, text=True, cwd=ROOT, env=environment, check=False)
