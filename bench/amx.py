"""llama-cpp-python's own `Llama`, kept off the memory for weights that is not safe with every build of llama.cpp."""

from __future__ import annotations

import functools
from typing import Any

import llama_cpp

from tabtab_local.engine.load import extra_buffers_are_safe


@functools.cache
def switch_off_amx() -> None:
    """Let each `Llama` load its model as ours is loaded (see `tabtab_local.engine.load`): it has no option for it."""
    binding: Any = llama_cpp.llama_cpp
    defaults = binding.llama_model_default_params

    def without_extra_buffers() -> object:
        params = defaults()
        params.use_extra_bufts = extra_buffers_are_safe()
        return params

    binding.llama_model_default_params = without_extra_buffers
