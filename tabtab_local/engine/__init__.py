"""The engine: text in, text out, with the work it took; everything that touches a model's weights is behind it.

`Engine` and its value types load nothing heavy. `LlamaEngine` loads llama.cpp, and only once it is asked for, so that
an engine of another kind (a scripted one, one behind HTTP) and the command line's help start without it.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from tabtab_local.engine.protocol import Engine, Generation, ModelInfo, Timings, never

if TYPE_CHECKING:
    from tabtab_local.engine.llama import LlamaEngine

# OpenMP reads this when llama.cpp is loaded. Its threads wait for each other hundreds of times a token; by default
# they spin, and where another program (a test run, a build) wants one of the cores, a wait costs a whole time slice:
# with one of two cores busy, a token of a 40-million-parameter model was measured at 1,100 ms, and at 7 ms like this.
os.environ.setdefault("OMP_WAIT_POLICY", "passive")

__all__ = ["Engine", "Generation", "LlamaEngine", "ModelInfo", "Timings", "never"]


def __getattr__(name: str) -> object:
    if name == "LlamaEngine":
        from tabtab_local.engine.llama import LlamaEngine

        return LlamaEngine
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
