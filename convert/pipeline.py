"""From an adapter to what is published: merge, GGUF, importance matrix, quants, report, verification, Modelfiles, card.

    OUT/adapter/…           the adapter as it was
    OUT/merged/…            the Hugging Face folder, for vLLM and for training on
    OUT/NAME-QUANT.gguf     the quantised models, for llama.cpp and Ollama
    OUT/imatrix.gguf        what they were quantised by
    OUT/report.json, .md    what each costs and loses, and which to take
    OUT/Modelfile, .fim     for `ollama create`: the model that edits, and the one that fills in
    OUT/README.md           the model card, as it is published
    OUT/manifest.json       what is there, with hashes; written last

The GGUF from which the quantised ones are made is not kept: `python -m convert gguf OUT/merged` makes it again.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import get_args

from convert.card import Made, card
from convert.folder import read_json
from convert.gguf_file import DType, write_gguf
from convert.merge import merge
from convert.modelfile import FIM_TAG, modelfile
from convert.quantize import quantize
from convert.report import Report, report
from convert.terms import license_text
from convert.verify import verify
from convert.weigh import weigh
from tabtab_local import registry
from tabtab_local.command import failure
from tabtab_local.errors import ModelError
from tabtab_local.fingerprint import TRAINING_FILE, file_sha256
from tabtab_local.output import check_free, new_folder
from tabtab_local.prompt import PROMPT_VERSION
from tabtab_local.registry import USE_IMPORTANCE, Quant

ADAPTER, MERGED = "adapter", "merged"
MANIFEST, REPORT, IMATRIX = "manifest.json", "report", "imatrix.gguf"
QUANTS: tuple[Quant, ...] = tuple(quant for quant in get_args(Quant) if quant != "F16")


@dataclass(frozen=True)
class Recipe:
    """What to package: `base` is by default what the adapter names, `data` what the importance matrix is of."""

    adapter: Path
    out: Path
    name: str = registry.DEFAULT_MODEL
    base: str | None = None
    quants: tuple[Quant, ...] = QUANTS
    data: Path | None = None
    threads: int | None = None
    tasks: int = 0
    """Edits that each file is asked for the report; none by default."""


def file_name(name: str, quant: Quant) -> str:
    """Return what the GGUF of the model `name` is called, by the convention: the model, then the encoding."""
    return f"{name}-{quant}.gguf"


def package(recipe: Recipe, say: Callable[[str], None]) -> str:
    """Make all files of `recipe` in a new folder, telling `say` of each stage; return the recommended file's name.

    Raises `TabTabError` where anything does not fit, or the files do not compute what the merged model does; there is
    no output folder then.
    """
    check_free(recipe.out)
    model = registry.get(recipe.name)
    with new_folder(recipe.out) as folder:
        merged, full = folder / MERGED, folder / "full.gguf"
        with _stage("merge", say):
            merge(recipe.base, recipe.adapter, merged)
            shutil.copytree(recipe.adapter, folder / ADAPTER)
        with _stage("gguf", say):
            write_gguf(merged, full, name=model.name, dtype=_dtype(merged))
        if any(quant in USE_IMPORTANCE for quant in recipe.quants):
            with _stage("importance matrix", say):
                weigh(merged, folder / IMATRIX, data=recipe.data, progress=say)
        files = [folder / file_name(model.name, quant) for quant in recipe.quants]
        for quant, file in zip(recipe.quants, files, strict=True):
            with _stage(f"quantize {quant}", say):
                imatrix = folder / IMATRIX if quant in USE_IMPORTANCE else None
                quantize(full, file, quant, recipe.threads, imatrix=imatrix)
        with _stage("verify", say):
            for verdict in verify(merged, [full, *files], data=recipe.data, threads=recipe.threads):
                say(f"  {verdict}")
        with _stage("report", say):
            found = report(full, files, data=recipe.data, threads=recipe.threads, tasks=recipe.tasks, progress=say)
        full.unlink()
        _write_texts(folder, model, found)
        _write_manifest(folder, model.name, found)
    return found.recommended


def create_in_ollama(folder: Path, name: str) -> list[str]:
    """Make the model and its tag that fills in where Ollama is installed; return the commands that it would take.

    They are empty where Ollama has done it. Raises `ModelError` where Ollama fails.
    """
    commands = [["ollama", "create", tag, "-f", str(folder / file)] for tag, file in _tags(name)]
    if shutil.which("ollama") is None:
        return [" ".join(command) for command in commands]
    for command in commands:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            raise ModelError(
                f"{folder} is made, but `{' '.join(command)}` failed: {failure(done)}; is `ollama serve` running?"
            )
    return []


def _tags(name: str) -> list[tuple[str, str]]:
    return [(name, "Modelfile"), (f"{name}:{FIM_TAG}", f"Modelfile.{FIM_TAG}")]


def made_of(folder: Path, evaluation: str = "") -> Made:
    """Return what the package in `folder` says of itself, with an evaluation as Markdown."""
    manifest = read_json(folder / MANIFEST)
    return Made(
        registry.get(manifest["name"]),
        read_json(folder / MERGED / TRAINING_FILE),
        manifest["recommended"],
        (folder / f"{REPORT}.md").read_text(encoding="utf-8"),
        evaluation,
    )


def _dtype(merged: Path) -> DType:
    """Return what the matrices lose nothing by: bfloat16 has a wider range than float16."""
    config = read_json(merged / "config.json")
    return "bf16" if (config.get("dtype") or config.get("torch_dtype")) == "bfloat16" else "f16"


def _write_texts(folder: Path, model: registry.Model, found: Report) -> None:
    _write(folder / f"{REPORT}.json", found.as_json())
    _write(folder / f"{REPORT}.md", found.as_markdown())
    for (_, file), fim in zip(_tags(model.name), (False, True), strict=True):
        _write(folder / file, modelfile(model.name, found.recommended, fim=fim, folder=folder / MERGED))
    _write(folder / "LICENSE", license_text(model.license, folder / MERGED) + "\n")
    training = read_json(folder / MERGED / TRAINING_FILE)
    _write(folder / "README.md", card(Made(model, training, found.recommended, found.as_markdown()), "gguf"))


def _write(path: Path, text: str) -> None:
    path.write_text(text, encoding="utf-8", newline="\n")


def _write_manifest(folder: Path, name: str, found: Report) -> None:
    training = read_json(folder / MERGED / TRAINING_FILE)
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    manifest = {
        "name": name,
        "prompt_version": PROMPT_VERSION,
        "quants": [row.quant for row in found.rows[1:]],
        "recommended": found.recommended,
        "base_sha256": training["base_sha256"],
        "data_sha256": training.get("data_sha256"),
        "files": [
            {"name": path.relative_to(folder).as_posix(), "bytes": path.stat().st_size, "sha256": file_sha256(path)}
            for path in files
        ],
    }
    _write(folder / MANIFEST, json.dumps(manifest, indent=2) + "\n")


@contextmanager
def _stage(name: str, say: Callable[[str], None]) -> Iterator[None]:
    started = time.perf_counter()
    yield
    say(f"{name}: {time.perf_counter() - started:.1f} s")
