"""What a folder of weights is, as one hash.

An adapter fits only the weights that it was trained on. Training writes this hash down, merging compares it.
"""

from __future__ import annotations

import hashlib
from pathlib import Path

from tabtab_local.errors import ModelError

# The record that training leaves beside what it writes: settings and hashes.
TRAINING_FILE = "training.json"

_CHUNK_BYTES = 1 << 20


def weights_sha256(folder: Path) -> str:
    """Return the SHA-256, in hexadecimal, of the bytes of the `*.safetensors` files in `folder`, by name.

    Raises `ModelError` where there are none.
    """
    files = sorted(folder.glob("*.safetensors"))
    if not files:
        raise ModelError(f"{folder} holds no *.safetensors files: give the folder of a Hugging Face model")
    return _sha256(files)


def file_sha256(file: Path) -> str:
    """Return the SHA-256, in hexadecimal, of the bytes of `file`."""
    return _sha256([file])


def _sha256(files: list[Path]) -> str:
    digest = hashlib.sha256()
    for file in files:
        with file.open("rb") as stream:
            while chunk := stream.read(_CHUNK_BYTES):
                digest.update(chunk)
    return digest.hexdigest()
