"""Quantise a GGUF with llama.cpp.

Takes a file that `gguf_file` wrote. llama.cpp copies its metadata; that this is so, and that the result loads, is
checked before the file gets its name.
"""

from __future__ import annotations

import ctypes
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import llama_cpp

from tabtab_local.errors import ModelError
from tabtab_local.output import new_file
from tabtab_local.prompt import PROMPT_VERSION, PROMPT_VERSION_KEY
from tabtab_local.registry import Quant

FILE_TYPES: dict[Quant, int] = {
    "Q8_0": llama_cpp.LLAMA_FTYPE_MOSTLY_Q8_0,
    "Q6_K": llama_cpp.LLAMA_FTYPE_MOSTLY_Q6_K,
    "Q5_K_M": llama_cpp.LLAMA_FTYPE_MOSTLY_Q5_K_M,
    "Q4_K_M": llama_cpp.LLAMA_FTYPE_MOSTLY_Q4_K_M,
    "Q4_0": llama_cpp.LLAMA_FTYPE_MOSTLY_Q4_0,
    "F16": llama_cpp.LLAMA_FTYPE_MOSTLY_F16,
}

_ERROR_LEVEL = 4
_VALUE_BYTES = 64


def quantize(source: Path, out: Path, quant: Quant, threads: int | None = None) -> None:
    """Write the GGUF `source` (F32, F16 or BF16) to `out` as `quant`, on `threads` threads (default: one a core).

    Raises `ModelError` where `source` is no such file or the result is not sound; `out` is then untouched.
    """
    if quant not in FILE_TYPES:
        raise ModelError(f"no quantisation is called {quant!r}: choose one of {', '.join(FILE_TYPES)}")
    with _quiet() as complaints:
        _check(source, complaints, vocab_only=True)
        parameters = llama_cpp.llama_model_quantize_default_params()
        parameters.ftype = FILE_TYPES[quant]
        parameters.nthread = threads or os.cpu_count() or 1
        with new_file(out) as temporary:
            failed = llama_cpp.llama_model_quantize(os.fsencode(source), os.fsencode(temporary), parameters)
            if failed:
                raise ModelError(f"{source} cannot be quantised to {quant}: {_reason(complaints)}")
            _check(temporary, complaints, vocab_only=False)


def _check(path: Path, complaints: list[str], *, vocab_only: bool) -> None:
    """Raise `ModelError` unless llama.cpp loads the file and finds our prompt version in it."""
    if not path.is_file():
        raise ModelError(f"{path} is missing: give a GGUF that `python -m convert gguf` wrote")
    parameters = llama_cpp.llama_model_default_params()
    parameters.vocab_only = vocab_only
    parameters.n_gpu_layers = 0
    parameters.use_extra_bufts = False  # nothing is computed, so weights need no rearranging
    model = llama_cpp.llama_model_load_from_file(os.fsencode(path), parameters)
    if not model:
        raise ModelError(f"{path} cannot be loaded: {_reason(complaints)}")
    try:
        value = ctypes.create_string_buffer(_VALUE_BYTES)
        llama_cpp.llama_model_meta_val_str(model, PROMPT_VERSION_KEY.encode(), value, _VALUE_BYTES)
    finally:
        llama_cpp.llama_model_free(model)
    if value.value != str(PROMPT_VERSION).encode():
        found = value.value.decode() or "none"
        raise ModelError(f"{path} has {PROMPT_VERSION_KEY} {found}, expected {PROMPT_VERSION}: convert the model again")


@contextmanager
def _quiet() -> Iterator[list[str]]:
    """Keep llama.cpp from printing, and give the list to which its error lines go; the log is put back at the end."""
    complaints: list[str] = []

    def keep(level: int, text: bytes, _data: ctypes.c_void_p) -> None:
        if level == _ERROR_LEVEL:
            complaints.append(text.decode(errors="replace"))

    callback = llama_cpp.llama_log_callback(keep)
    before, before_data = llama_cpp.llama_log_callback(), ctypes.c_void_p()
    llama_cpp.llama_log_get(ctypes.byref(before), ctypes.byref(before_data))
    llama_cpp.llama_log_set(callback, ctypes.c_void_p())  # `callback` lives until the log has been put back
    try:
        yield complaints
    finally:
        llama_cpp.llama_log_set(before, before_data)


def _reason(complaints: list[str]) -> str:
    """Return the first complaint: those after it only say that something failed."""
    return " ".join(complaints[0].split()) if complaints else "llama.cpp gives no reason"
