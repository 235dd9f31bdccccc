"""Under which terms a model may be used: what is said of a license, and the files that come with a base."""

from __future__ import annotations

import shutil
from pathlib import Path

_APACHE = Path(__file__).parents[1] / "LICENSE"
_LLAMA = (
    "Built with Llama. Llama 3.2 is licensed under the Llama 3.2 Community License, "
    "Copyright (c) Meta Platforms, Inc. All Rights Reserved. (https://www.llama.com/llama3_2/license/)"
)
_FILES = ("LICENSE*", "NOTICE*", "USE_POLICY*")


def license_text(license: str, folder: Path | None = None) -> str:
    """Return what is to be said of a license, by the Hub's name for it: its text, or a notice and where the text is.

    With the model's `folder`, the terms that came with its base follow the notice.
    """
    if license == "apache-2.0":
        return _APACHE.read_text(encoding="utf-8").strip()
    terms = [path.read_text(encoding="utf-8").strip() for path in _terms(folder)] if folder else []
    return "\n\n".join([_LLAMA, *terms])


def copy_terms(base: Path, folder: Path) -> None:
    """Copy the terms that came with the model in `base` to `folder`."""
    for path in _terms(base):
        shutil.copyfile(path, folder / path.name)


def _terms(folder: Path) -> list[Path]:
    return sorted(path for pattern in _FILES for path in folder.glob(pattern) if path.is_file())
