"""The engine: text in, text out, with the work it took; everything that touches a model's weights is behind it.

`Engine` and its value types load nothing heavy. `LlamaEngine` loads llama.cpp, and `RemoteEngine` a client for HTTP,
only once they are asked for, so that each starts without the other, and the command line's help without both.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from tabtab_local.engine.protocol import UNGUIDED, Engine, Generation, Guide, ModelInfo, Timings, never

if TYPE_CHECKING:
    from tabtab_local.engine.llama import LlamaEngine
    from tabtab_local.engine.remote.engine import RemoteEngine

# GNU's OpenMP reads this when llama.cpp is loaded. Its threads wait for each other hundreds of times a token: without
# spinning a token of the nano took 1.7 ms instead of 0.8 (two idle cores of a Xeon), and with the default, which spins
# for milliseconds, a token takes whole time slices where another program wants one of the cores.
os.environ.setdefault("GOMP_SPINCOUNT", "1000")

__all__ = ["UNGUIDED", "Engine", "Generation", "Guide", "LlamaEngine", "ModelInfo", "RemoteEngine", "Timings", "never"]


def __getattr__(name: str) -> object:
    if name == "LlamaEngine":
        from tabtab_local.engine.llama import LlamaEngine

        return LlamaEngine
    if name == "RemoteEngine":
        from tabtab_local.engine.remote.engine import RemoteEngine

        return RemoteEngine
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
