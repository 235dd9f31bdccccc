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

# OpenMP reads this when llama.cpp is loaded. Its threads wait for each other hundreds of times for each token; by default
# they do so by spinning, and where another program (a test run, a build) takes one of the cores, each wait costs a time
# slice: measured on 2 cores with one of them busy, a token of a 40-million-parameter model takes 1,100 ms, and 7 ms so.
os.environ.setdefault("OMP_WAIT_POLICY", "passive")

__all__ = ["Engine", "Generation", "LlamaEngine", "ModelInfo", "Timings", "never"]


def __getattr__(name: str) -> object:
    if name == "LlamaEngine":
        from tabtab_local.engine.llama import LlamaEngine

        return LlamaEngine
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
