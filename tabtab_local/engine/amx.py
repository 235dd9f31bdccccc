"""llama.cpp without AMX, a matrix unit of Xeons, whose kernels are not safe with every compiler.

Builds by GCC 12 die by a segmentation fault where they set AMX up: its `_tile_loadconfig` tells the compiler of 8 bytes
of the 64 that are read. AMX computes only with weights in a memory type of its own, which llama.cpp prefers where it is
on the list of "extra" ones. Switching the whole list off (`use_extra_bufts`) would lose the other type on it, which
rearranges 4-bit weights for vector units: four tokens of a model of 0.6 billion parameters then take two thirds more.
"""

from __future__ import annotations

import ctypes
import functools
from typing import Any

import llama_cpp.llama_cpp as llama

_PROCESSOR = 0  # GGML_BACKEND_DEVICE_TYPE_CPU
_AMX = b"AMX"


@functools.cache
def leave_out_amx() -> bool:
    """Take AMX off the list of memory types for weights, for all models that this process loads from now on.

    Returns whether models may be loaded with the types that are left, so `use_extra_bufts` can stay on.
    """
    kinds = _memory_types()
    if kinds is None:
        return b"AMX_INT8 = 1" not in llama.llama_print_system_info()
    kept, end = [], 0
    while kinds[end]:
        if _name(kinds[end]) != _AMX:
            kept.append(kinds[end])
        end += 1
    for place in range(end):  # the list is llama.cpp's own, and ends with a null
        kinds[place] = kept[place] if place < len(kept) else None
    return True


def _memory_types() -> Any:
    """Return llama.cpp's list of extra memory types, a pointer to pointers; nothing where it does not show it."""
    pointer, ggml = ctypes.c_void_p, llama._lib
    try:
        device = ctypes.CFUNCTYPE(pointer, ctypes.c_int)(("ggml_backend_dev_by_type", ggml))(_PROCESSOR)
        registry = ctypes.CFUNCTYPE(pointer, pointer)(("ggml_backend_dev_backend_reg", ggml))(device)
        find = ctypes.CFUNCTYPE(pointer, pointer, ctypes.c_char_p)(("ggml_backend_reg_get_proc_address", ggml))
        found = find(registry, b"ggml_backend_dev_get_extra_bufts")
    except AttributeError:  # a later version without one of these functions
        return None
    return ctypes.CFUNCTYPE(ctypes.POINTER(pointer), pointer)(found)(device) if found else None


def _name(kind: int) -> bytes:
    return bytes(ctypes.CFUNCTYPE(ctypes.c_char_p, ctypes.c_void_p)(("ggml_backend_buft_name", llama._lib))(kind))
