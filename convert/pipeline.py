"""From an adapter to what is published: merge, GGUF, quantise, Modelfile, manifest.

    OUT/merged/…          the Hugging Face folder, for vLLM and for training on
    OUT/NAME.gguf         the quantised model, for llama.cpp and Ollama
    OUT/Modelfile         for `ollama create`
    OUT/manifest.json     what is there, with hashes; written last

The GGUF from which the quantised one is made is not kept: `python -m convert gguf OUT/merged` makes it again.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from convert.gguf_file import DType, write_gguf
from convert.merge import merge
from convert.modelfile import modelfile
from convert.quantize import quantize
from convert.vocabulary import read_json
from tabtab_local import registry
from tabtab_local.fingerprint import TRAINING_FILE, file_sha256
from tabtab_local.output import new_folder
from tabtab_local.prompt import PROMPT_VERSION
from tabtab_local.registry import Quant

MANIFEST = "manifest.json"


@dataclass(frozen=True)
class Recipe:
    """What to package: `base` and `quant` are by default what the adapter and the registry name."""

    adapter: Path
    out: Path
    name: str = registry.DEFAULT_MODEL
    base: str | None = None
    quant: Quant | None = None
    threads: int | None = None


def package(recipe: Recipe, report: Callable[[str], None]) -> None:
    """Make all files of `recipe` in a new folder, telling `report` of each stage that is done.

    Raises `TabTabError` where anything does not fit; there is no output folder then.
    """
    model = registry.get(recipe.name)
    quant = recipe.quant or model.quant
    file = model.file if quant == model.quant else f"{model.name}-{quant}.gguf"
    with new_folder(recipe.out) as folder:
        merged, full = folder / "merged", folder / "full.gguf"
        with _stage("merge", report):
            merge(recipe.base, recipe.adapter, merged)
        with _stage("gguf", report):
            write_gguf(merged, full, name=model.name, dtype=_dtype(merged))
        with _stage(f"quantize {quant}", report):
            quantize(full, folder / file, quant, recipe.threads)
            full.unlink()
        with _stage("modelfile", report):
            (folder / "Modelfile").write_text(modelfile(model.name, file), encoding="utf-8")
        with _stage("manifest", report):
            _write_manifest(folder, model.name, quant)


def _dtype(merged: Path) -> DType:
    """Return what the matrices lose nothing by: bfloat16 has a wider range than float16."""
    return "bf16" if read_json(merged / "config.json").get("dtype") == "bfloat16" else "f16"


def _write_manifest(folder: Path, name: str, quant: Quant) -> None:
    training = read_json(folder / "merged" / TRAINING_FILE)
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    manifest = {
        "name": name,
        "prompt_version": PROMPT_VERSION,
        "quant": quant,
        "base_sha256": training["base_sha256"],
        "data_sha256": training.get("data_sha256"),
        "files": [
            {"name": path.relative_to(folder).as_posix(), "bytes": path.stat().st_size, "sha256": file_sha256(path)}
            for path in files
        ],
    }
    (folder / MANIFEST).write_text(json.dumps(manifest, indent=2) + "\n", encoding="utf-8")


@contextmanager
def _stage(name: str, report: Callable[[str], None]) -> Iterator[None]:
    started = time.perf_counter()
    yield
    report(f"{name}: {time.perf_counter() - started:.1f} s")
