"""Open a GGUF with llama.cpp, or say in one line why it cannot be used.

llama.cpp writes pages of messages to stderr; here they are taken off the terminal and its errors become ours.
"""

from __future__ import annotations

import ctypes
import functools
import os
import re
from pathlib import Path
from typing import Any

import llama_cpp.llama_cpp as llama

from tabtab_local.engine.amx import leave_out_amx
from tabtab_local.errors import ModelError
from tabtab_local.prompt import PROMPT_VERSION, PROMPT_VERSION_KEY

_MAGIC = b"GGUF"
_ERROR_LEVEL = 4  # GGML_LOG_LEVEL_ERROR; the table in llama_cpp._logger is out of date
_MAKE_IT = "make it with `python -m convert`"


def load(path: Path) -> Any:
    """Return llama.cpp's model of the file at `path`, made for our prompt format; free it with `llama_model_free`.

    Raises `ModelError`.
    """
    _check_file(path)
    _start_backend()
    log.clear()
    params = llama.llama_model_default_params()
    params.use_extra_bufts = leave_out_amx()
    model = llama.llama_model_load_from_file(os.fsencode(path), params)
    if not model:
        raise ModelError(f"llama.cpp cannot load {path} ({log.error()}): the file may be cut short, get it again")
    try:
        _check_prompt_version(path, metadata(model, PROMPT_VERSION_KEY))
    except ModelError:
        llama.llama_model_free(model)
        raise
    return model


def metadata(model: Any, key: str) -> str | None:
    """Return the metadata value of `key` as text, cut at 255 bytes; nothing where the file does not have it."""
    buffer = ctypes.create_string_buffer(256)
    found = llama.llama_model_meta_val_str(model, key.encode(), buffer, len(buffer)) >= 0
    return buffer.value.decode("utf-8", errors="replace") if found else None


def cache_bytes_per_token(model: Any) -> int:
    """Return what a token takes in a KV cache of half-precision keys and values."""
    architecture = metadata(model, "general.architecture")
    heads, layers = llama.llama_model_n_head_kv(model), llama.llama_model_n_layer(model)
    usual = llama.llama_model_n_embd(model) // llama.llama_model_n_head(model)
    sizes = (metadata(model, f"{architecture}.attention.{kind}_length") for kind in ("key", "value"))
    return int(2 * layers * heads * sum(int(size or usual) for size in sizes))


def file_type(model: Any) -> str:
    """Return the quantisation as llama.cpp names it: `"Q4_K - Medium"`."""
    return (llama.llama_ftype_name(llama.llama_model_ftype(model)) or b"unknown").decode()


class _Log:
    """Takes llama.cpp's messages and keeps its errors."""

    def __init__(self) -> None:
        # Kept as an attribute: llama.cpp holds a bare pointer, and calling a collected callback is a segfault.
        self.callback = llama.llama_log_callback(self._receive)
        self._errors: list[str] = []

    def clear(self) -> None:
        """Forget the errors up to now."""
        self._errors = []

    def error(self) -> str:
        """Return the first error, which gives the cause; those after it only say what failed because of it."""
        first = self._errors[0] if self._errors else "it gives no reason"
        return re.sub(r"^\w+: (error loading model: )?", "", first)

    def _receive(self, level: int, text: bytes, _: object) -> None:
        line = " ".join(text.decode("utf-8", errors="replace").split())
        if level == _ERROR_LEVEL and line:
            self._errors.append(line)


log = _Log()


@functools.cache
def _start_backend() -> None:
    llama.llama_log_set(log.callback, ctypes.c_void_p())
    llama.llama_backend_init()


def _check_file(path: Path) -> None:
    try:
        with path.open("rb") as file:
            magic = file.read(len(_MAGIC))
    except FileNotFoundError:
        raise ModelError(f"there is no model at {path}: check the path") from None
    except IsADirectoryError:
        raise ModelError(f"{path} is a folder: name the .gguf file in it") from None
    except OSError as error:
        raise ModelError(f"cannot read the model {path}: {error.strerror}") from None
    if magic != _MAGIC:
        raise ModelError(f"{path} is not a GGUF file: it begins with {magic!r}, not {_MAGIC!r}")


def _check_prompt_version(path: Path, found: str | None) -> None:
    if found is None:
        raise ModelError(f"{path} is a GGUF without tabtab metadata: {_MAKE_IT}")
    if found != str(PROMPT_VERSION):
        raise ModelError(
            f"{path} is made for prompt format version {found}, this program speaks version {PROMPT_VERSION}: "
            "use the model and the program of one release"
        )
