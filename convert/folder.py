"""A Hugging Face folder: its JSON files, and its tensors, which are read one at a time and written one at a time.

Memory holds the tensor at hand and not the model, however the folder's files are cut. The format of those:
https://github.com/huggingface/safetensors#format. Plain floats are all that can be converted; weights that are
quantised already are refused.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open

from tabtab_local.errors import ModelError

INDEX = "model.safetensors.index.json"
_ONE_FILE = "model.safetensors"
TYPES = {"F32": torch.float32, "F16": torch.float16, "BF16": torch.bfloat16}


@dataclass(frozen=True)
class Stored:
    """A tensor on the disk: the file that holds it, its key, its type (a key of `TYPES`), its shape."""

    file: Path
    key: str
    dtype: str
    shape: tuple[int, ...]

    @property
    def size_bytes(self) -> int:
        """What the tensor takes, in memory and in its file."""
        return math.prod(self.shape) * TYPES[self.dtype].itemsize

    def read(self) -> torch.Tensor:
        """Return the tensor. Raises `ModelError` for one with values that are not finite numbers."""
        # A file that stays open stays mapped, and what was read of it counts as this process's memory.
        with safe_open(self.file, framework="pt") as tensors:
            tensor: torch.Tensor = tensors.get_tensor(self.key)
        check_finite(tensor, f"{self.key} in {self.file}")
        return tensor

    def moved(self, folder: Path) -> Stored:
        """Return the same tensor in the file of the same name in `folder`."""
        return replace(self, file=folder / self.file.name)


def read_json(path: Path) -> dict[str, Any]:
    """Return the JSON object in the file `path`. Raises `ModelError` where there is none."""
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise ModelError(f"{path} is missing: is this the right folder, and is it complete?") from error
    except ValueError as error:
        raise ModelError(f"{path} is not valid JSON: {error}") from error
    if not isinstance(document, dict):
        raise ModelError(f"{path} holds {type(document).__name__} where an object is expected")
    return document


def finite(tensor: torch.Tensor) -> bool:
    """Return whether `tensor` holds neither infinities nor NaN."""
    # The extremes tell, without copies of the tensor: where there is a NaN they are NaN.
    return not tensor.numel() or all(bool(end.isfinite()) for end in torch.aminmax(tensor))


def check_finite(tensor: torch.Tensor, name: str) -> None:
    """Raise `ModelError` where `tensor` holds infinities or NaN."""
    if not finite(tensor):
        raise ModelError(
            f"{name} holds values that are not finite numbers: training went wrong, or the file is damaged"
        )


def stored_tensors(folder: Path) -> dict[str, Stored]:
    """Return the tensors of the `*.safetensors` files in `folder`, by key, in the order of the files.

    Raises `ModelError` for a file that is missing (by the folder's index), damaged, or of another type than `TYPES`.
    """
    found: dict[str, Stored] = {}
    for file in _files(folder):
        try:
            with safe_open(file, framework="pt") as tensors:
                for key in tensors.keys():  # noqa: SIM118 - no dict
                    part = tensors.get_slice(key)
                    if part.get_dtype() not in TYPES:
                        raise ModelError(f"{key} in {file} is of type {part.get_dtype()}: give unquantised weights")
                    found[key] = Stored(file, key, part.get_dtype(), tuple(part.get_shape()))
        except SafetensorError as error:
            raise ModelError(f"{file} cannot be read: {error}; fetch or write it again") from error
    return found


def _files(folder: Path) -> list[Path]:
    if (folder / INDEX).exists():
        named = {folder / name for name in read_json(folder / INDEX).get("weight_map", {}).values()}
        if missing := sorted(file.name for file in named if not file.is_file()):
            raise ModelError(f"{folder} lacks {missing[0]}, which its {INDEX} names: fetch or write it again")
        return sorted(named)
    return sorted(folder.glob("*.safetensors"))


def write_tensors(folder: Path, stored: Mapping[str, Stored], values: Iterable[torch.Tensor]) -> None:
    """Write `values`, which come in the order of `stored`, where it says, and the index of the files.

    All files lie in `folder`, and the tensors of a file stand together in `stored`. One file with the usual name needs
    no index.
    """
    tensors = iter(values)
    files = list(dict.fromkeys(one.file for one in stored.values()))
    for file in files:
        here = [one for one in stored.values() if one.file == file]
        with file.open("wb") as stream:
            stream.write(_header(here))
            for one in here:
                tensor = next(tensors)
                if tensor.shape != one.shape or tensor.dtype != TYPES[one.dtype]:
                    raise ValueError(f"{one.key} is {tensor.dtype} {tuple(tensor.shape)}, expected {one}")
                stream.write(tensor.contiguous().view(torch.uint8).numpy().data)
    if [file.name for file in files] != [_ONE_FILE]:
        index = {
            "metadata": {"total_size": sum(one.size_bytes for one in stored.values())},
            "weight_map": {one.key: one.file.name for one in stored.values()},
        }
        (folder / INDEX).write_text(json.dumps(index, indent=2) + "\n", encoding="utf-8")


def _header(stored: Iterable[Stored]) -> bytes:
    entries: dict[str, object] = {"__metadata__": {"format": "pt"}}
    at = 0
    for one in stored:
        entries[one.key] = {
            "dtype": one.dtype,
            "shape": one.shape,
            "data_offsets": [at, at + one.size_bytes],
        }
        at += one.size_bytes
    text = json.dumps(entries, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)  # the data is aligned
    return len(text).to_bytes(8, "little") + text
