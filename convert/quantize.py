"""Quantise a GGUF with llama.cpp.

Takes a file that `gguf_file` wrote, and an importance matrix if there is one. llama.cpp copies the metadata; that this
is so, and that the result loads, is checked before the file gets its name.
"""

from __future__ import annotations

import ctypes
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import llama_cpp
from gguf import GGUFReader

from convert.imatrix import Importance, matched, read_imatrix
from tabtab_local.errors import ModelError
from tabtab_local.output import new_file
from tabtab_local.prompt import PROMPT_VERSION, PROMPT_VERSION_KEY
from tabtab_local.registry import USE_IMPORTANCE, Quant

FILE_TYPES: dict[Quant, int] = {
    "Q8_0": llama_cpp.LLAMA_FTYPE_MOSTLY_Q8_0,
    "Q6_K": llama_cpp.LLAMA_FTYPE_MOSTLY_Q6_K,
    "Q5_K_M": llama_cpp.LLAMA_FTYPE_MOSTLY_Q5_K_M,
    "Q4_K_M": llama_cpp.LLAMA_FTYPE_MOSTLY_Q4_K_M,
    "IQ4_NL": llama_cpp.LLAMA_FTYPE_MOSTLY_IQ4_NL,
    "Q4_0": llama_cpp.LLAMA_FTYPE_MOSTLY_Q4_0,
    "F16": llama_cpp.LLAMA_FTYPE_MOSTLY_F16,
}

_ERROR_LEVEL = 4
_VALUE_BYTES = 120


def quantize(source: Path, out: Path, quant: Quant, threads: int | None = None, *, imatrix: Path | None = None) -> None:
    """Write the GGUF `source` (F32, F16 or BF16) to `out` as `quant`, on `threads` threads (default: one a core).

    `imatrix` is an importance matrix, of which the file will tell in the entries `quantize.imatrix.*`. Raises
    `ModelError` where `source` is no such file, the importance matrix is another model's or of no use for `quant`, or
    the result is not sound; `out` is then untouched.
    """
    if quant not in FILE_TYPES:
        raise ModelError(f"no quantisation is called {quant!r}: choose one of {', '.join(FILE_TYPES)}")
    if imatrix is not None and quant not in USE_IMPORTANCE:
        raise ModelError(f"{quant} makes no use of an importance matrix: leave {imatrix} out")
    with quiet() as complaints:
        _check(source, complaints, vocab_only=True)
        parameters = llama_cpp.llama_model_quantize_default_params()
        parameters.ftype = FILE_TYPES[quant]
        parameters.nthread = threads or os.cpu_count() or 1
        importance = None if imatrix is None else read_imatrix(imatrix)
        if importance is not None:
            _weigh(parameters, importance, source)
        with new_file(out) as temporary:
            failed = llama_cpp.llama_model_quantize(os.fsencode(source), os.fsencode(temporary), parameters)
            if failed:
                raise ModelError(f"{source} cannot be quantised to {quant}: {_reason(complaints)}")
            _check(temporary, complaints, vocab_only=False)


def _weigh(parameters: llama_cpp.llama_model_quantize_params, importance: Importance, source: Path) -> None:
    """Put the importance matrix into `parameters`, and what the file is to say of it."""
    matrices = [(tensor.name, int(tensor.shape[0])) for tensor in GGUFReader(source).tensors if len(tensor.shape) == 2]
    names = matched(importance, matrices)
    entries = (llama_cpp.llama_model_imatrix_data * (len(names) + 1))()  # ended by an entry without a name
    for entry, name in zip(entries, names, strict=False):
        squares = importance.squares[name]
        entry.name = name.encode()
        entry.data = squares.ctypes.data_as(ctypes.POINTER(ctypes.c_float))
        entry.size = squares.size
    said: list[tuple[str, str | int]] = [
        ("file", importance.file),
        ("dataset", importance.source),
        ("entries_count", len(names)),
        ("chunks_count", importance.texts),
    ]
    overrides = (llama_cpp.llama_model_kv_override * (len(said) + 1))()  # ended by one without a key
    for override, (key, value) in zip(overrides, said, strict=False):
        override.key = f"quantize.imatrix.{key}".encode()
        if isinstance(value, str):
            override.tag = llama_cpp.LLAMA_KV_OVERRIDE_TYPE_STR
            override.value.val_str = value.encode()[:_VALUE_BYTES]
        else:
            override.tag = llama_cpp.LLAMA_KV_OVERRIDE_TYPE_INT
            override.value.val_i64 = value
    parameters.imatrix, parameters.kv_overrides = entries, overrides


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
def quiet() -> Iterator[list[str]]:
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
