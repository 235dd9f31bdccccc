"""The file of an importance matrix, in llama.cpp's own format, so that its tools read it and ours read theirs.

For each matrix, by its name in the model's GGUF, the sums of the squares of its inputs, `NAME.in_sum2` `(1, columns)`,
and of how many tokens, `NAME.counts` `(1, 1)`, both float32
(https://github.com/ggml-org/llama.cpp/tree/master/tools/imatrix). `weigh.py` computes them, `quantize.py` uses them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from gguf import GGUFReader, GGUFWriter

from tabtab_local.errors import ModelError
from tabtab_local.output import new_file

_SUMS, _COUNTS = ".in_sum2", ".counts"


@dataclass(frozen=True)
class Importance:
    """The mean square of each input, `(columns,)`, of each matrix by its name in the GGUF; and of what."""

    file: str
    source: str
    texts: int
    squares: dict[str, npt.NDArray[np.float32]]


@dataclass(frozen=True)
class Sums:
    """The sums of the squares of each input, `(columns,)`, of each matrix by its name in the GGUF.

    Over so many `tokens` of so many `texts` of `source`.
    """

    squares: Mapping[str, npt.NDArray[np.float64]]
    tokens: int
    texts: int
    source: str


def write_imatrix(out: Path, sums: Sums) -> None:
    """Write the importance matrix `out`."""
    with new_file(out) as temporary:
        writer = GGUFWriter(temporary, "imatrix")
        try:
            writer.add_type("imatrix")
            writer.add_array("imatrix.datasets", [sums.source])
            writer.add_uint32("imatrix.chunk_count", sums.texts)
            writer.add_uint32("imatrix.chunk_size", sums.tokens // sums.texts)
            for name, values in sums.squares.items():
                writer.add_tensor(f"{name}{_SUMS}", values.astype(np.float32)[None])
                writer.add_tensor(f"{name}{_COUNTS}", np.full((1, 1), sums.tokens, np.float32))
            writer.write_header_to_file()
            writer.write_kv_data_to_file()
            writer.write_tensors_to_file()
        finally:
            writer.close()


def read_imatrix(path: Path) -> Importance:
    """Return what is in the importance matrix `path`. Raises `ModelError` for a file that holds none."""
    try:
        reader = GGUFReader(path)
        tensors = {tensor.name: tensor.data for tensor in reader.tensors}
        datasets, chunks = (reader.get_field(f"imatrix.{name}") for name in ("datasets", "chunk_count"))
        if datasets is None or chunks is None:
            raise ModelError(f"{path} holds no importance matrix: make one with `python -m convert imatrix`")
        return Importance(path.name, datasets.contents()[0], chunks.contents(), dict(_means(path, tensors)))
    except (ValueError, OSError, KeyError, IndexError) as error:
        raise ModelError(f"{path} cannot be read as an importance matrix: {error}") from None


def _means(path: Path, tensors: dict[str, npt.NDArray[np.float32]]) -> Iterator[tuple[str, npt.NDArray[np.float32]]]:
    for key, sums in tensors.items():
        if key.endswith(_SUMS):
            name = key.removesuffix(_SUMS)
            means = (sums / tensors[f"{name}{_COUNTS}"]).reshape(-1)
            if not np.isfinite(means).all():
                raise ModelError(f"{path} holds values for {name} that are not finite numbers: compute it again")
            yield name, means.astype(np.float32)


def matched(importance: Importance, matrices: Sequence[tuple[str, int]]) -> list[str]:
    """Return the names of the `matrices`, given with their columns, for which there is importance.

    llama.cpp passes over names that match nothing without a word. Raises `ModelError` where a matrix of a block has
    none, where one is of another width, and where importance is left over.
    """
    columns = dict(matrices)
    for name, squares in importance.squares.items():
        if columns.get(name) != len(squares):
            has = f"{columns[name]} columns" if name in columns else "no such matrix"
            raise ModelError(
                f"{importance.file} has {len(squares)} inputs for {name}, the model {has}: compute it anew"
            )
    if missing := [name for name in columns if name.startswith("blk.") and name not in importance.squares]:
        raise ModelError(
            f"{importance.file} has nothing for {len(missing)} matrices, {missing[0]} for one: compute it anew"
        )
    return list(importance.squares)
