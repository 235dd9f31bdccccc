"""How long it takes, and how much memory, to make GGUF files of the true shapes; beside llama.cpp's own converter.

A folder with random weights of a true shape and the real tokenizer, and a LoRA for it, go the whole way: merge, prune,
GGUF, importance matrix, quantise, verify, and an answer of the runtime. Each stage is a process of its own, so that its
peak memory is its own. llama.cpp's converter gets the same merged folder, in turns with ours.
"""

from __future__ import annotations

import json
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file

from bench import upstream
from bench.folder import CONFIGS, tensors_of, write_folder
from tabtab_local.command import failure
from tabtab_local.errors import ModelError, UsageError
from tabtab_local.fingerprint import TRAINING_FILE, weights_sha256
from tabtab_local.machine import Machine, describe
from tabtab_local.prompt import PROMPT_VERSION
from tabtab_local.registry import USE_IMPORTANCE

# Linux takes the peak memory of the process that starts another for the least that the other has had. So a stage is
# started by a process that is small.
_LAUNCHER = """
import resource, subprocess, sys
code = subprocess.run(sys.argv[2:]).returncode
with open(sys.argv[1], "w") as file:
    file.write(str(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss))
sys.exit(code)
"""

_CHECKOUT = Path(__file__).parents[1]
_RANK = 32
_IMATRIX_TEXTS = 8
_LINEAR = ("q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj")

THEIRS = "llama.cpp's converter"
_TELLING = ("prune", "verify", "verify, pruned", "compare")


@dataclass(frozen=True)
class Stage:
    """What a stage took: medians of its runs. `output_bytes` is what it wrote, 0 where that is nothing.

    `says` is what it printed.
    """

    name: str
    seconds: float
    peak_bytes: int
    output_bytes: int
    says: str


@dataclass(frozen=True)
class Record:
    """The stages of one shape, in order."""

    shape: str
    parameters: int
    quant: str
    rounds: int
    stages: tuple[Stage, ...]
    machine: Machine

    def as_json(self) -> dict[str, object]:
        """Return the record as values that `json.dumps` takes."""
        return {"benchmark": "convert", **asdict(self)}


@dataclass(frozen=True)
class Settings:
    """What is measured: `vocabulary` is a GGUF with the tokenizer, `work` a folder that is not there yet.

    `llama_cpp` is a checkout of llama.cpp, or what its source package holds; None leaves its converter out.
    """

    shape: str
    vocabulary: Path
    work: Path
    llama_cpp: Path | None
    quant: str
    rounds: int
    corpus: Path | None = None
    """What pruning counts tokens in; None is its default."""

    def __post_init__(self) -> None:
        if self.shape not in CONFIGS:
            raise UsageError(f"no shape is called {self.shape!r}: choose one of {', '.join(CONFIGS)}")
        if self.work.exists():
            raise UsageError(f"{self.work} exists: choose another folder to work in, or remove it")
        if self.llama_cpp is not None and not (self.llama_cpp / upstream.SCRIPT).is_file():
            raise UsageError(f"{self.llama_cpp} holds no {upstream.SCRIPT}: give a checkout of llama.cpp")


def convert(settings: Settings, *, progress: Callable[[str], None]) -> Record:
    """Take a model the whole way. Raises `ModelError` where a stage fails; nothing of it is left on the disk."""
    shape, work = settings.shape, settings.work.resolve()
    work.mkdir(parents=True)
    try:
        progress(f"writing a model of the shape {shape}")
        write_folder(shape, settings.vocabulary, work / "base")
        _write_adapter(work / "base", work / "adapter")
        stages = _stages(settings, work, progress)
    finally:
        shutil.rmtree(work)
    parameters = sum(torch.Size(size).numel() for _, size in tensors_of(CONFIGS[shape]))
    return Record(shape, parameters, settings.quant, settings.rounds, tuple(stages), describe())


def _stages(settings: Settings, work: Path, progress: Callable[[str], None]) -> list[Stage]:
    found: list[Stage] = []

    def run(name: str, out: Path | None, *arguments: str | Path, module: str = "convert") -> None:
        progress(name)
        found.append(timed(name, out, [sys.executable, "-m", module, *map(str, arguments)]))

    merged, pruned = work / "merged", work / "pruned"
    run("merge", merged, "merge", "--adapter", work / "adapter", "--out", merged)
    corpus: list[str | Path] = ["--corpus", settings.corpus] if settings.corpus else []
    run("prune", pruned, "prune", merged, "--out", pruned, *corpus)
    found += _converters(merged, work, settings, progress)
    quant = settings.quant
    run("gguf, pruned", work / "pruned.gguf", "gguf", pruned, "--out", work / "pruned.gguf", "--dtype", "bf16")
    smalls = []
    for label, folder, full in (("", merged, work / "full.gguf"), (", pruned", pruned, work / "pruned.gguf")):
        imatrix, small = work / f"{folder.name}-imatrix.gguf", work / f"{folder.name}-{quant}.gguf"
        weighed: list[str | Path] = []
        if quant in USE_IMPORTANCE:
            texts = ["--texts", str(_IMATRIX_TEXTS)]
            run(f"imatrix, {_IMATRIX_TEXTS} texts{label}", imatrix, "imatrix", folder, "--out", imatrix, *texts)
            weighed = ["--imatrix", imatrix]
        run(f"quantize{label}", small, "quantize", full, "--quant", quant, *weighed, "--out", small)
        run(f"verify{label}", None, "verify", folder, full, small)
        run(f"tabtab-local bench{label}", None, "bench", "--model", small, "--repeats", "3", module="tabtab_local")
        smalls.append(small)
    run("compare", None, "compare", *smalls)
    return found


def _converters(merged: Path, work: Path, settings: Settings, progress: Callable[[str], None]) -> list[Stage]:
    """Return ours and llama.cpp's, each the median of `rounds`, in turns."""
    ours = [sys.executable, "-m", "convert", "gguf", str(merged), "--out", str(work / "full.gguf"), "--dtype", "bf16"]
    commands = {"gguf": (ours, work / "full.gguf")}
    if settings.llama_cpp is not None:
        out = work / "theirs.gguf"
        commands[THEIRS] = (upstream.command(settings.llama_cpp, merged, out, dtype="bf16"), out)
    runs: dict[str, list[Stage]] = {name: [] for name in commands}
    for number in range(settings.rounds):
        for name, (command, out) in commands.items():
            progress(f"{name}, {number + 1} of {settings.rounds}")
            out.unlink(missing_ok=True)
            runs[name].append(timed(name, out, command))
    (work / "theirs.gguf").unlink(missing_ok=True)
    return [
        Stage(
            name,
            statistics.median(stage.seconds for stage in stages),
            round(statistics.median(stage.peak_bytes for stage in stages)),
            stages[0].output_bytes,
            "",
        )
        for name, stages in runs.items()
    ]


def timed(name: str, out: Path | None, command: list[str]) -> Stage:
    """Run a command and return what it took. Raises `ModelError` with the last line that it says where it fails."""
    with tempfile.TemporaryDirectory() as folder:
        peak_file = Path(folder) / "peak"
        started = time.perf_counter()
        done = subprocess.run(
            [sys.executable, "-c", _LAUNCHER, str(peak_file), *command],
            cwd=_CHECKOUT,
            capture_output=True,
            text=True,
            check=False,
        )
        seconds = time.perf_counter() - started
        if done.returncode:
            raise ModelError(f"{name} failed: {failure(done)}")
        peak = int(peak_file.read_text()) * (1 if sys.platform == "darwin" else 1024)
    said = done.stdout.strip().splitlines()
    return Stage(name, seconds, peak, _size(out), "\n".join(line for line in said if line != str(out)))


def _size(out: Path | None) -> int:
    if out is None:
        return 0
    return sum(path.stat().st_size for path in ([out] if out.is_file() else out.rglob("*")) if path.is_file())


def _write_adapter(base: Path, folder: Path) -> None:
    """Write a LoRA with random weights for all linear layers of the model in `base`, as training would."""
    folder.mkdir()
    generator = torch.Generator().manual_seed(0)
    tensors = {}
    for key, shape in tensors_of(json.loads((base / "config.json").read_text(encoding="utf-8"))):
        name = key.removesuffix(".weight")
        if name.endswith(_LINEAR):
            rows, columns = shape
            for part, size in (("lora_A", (_RANK, columns)), ("lora_B", (rows, _RANK))):
                values = torch.randn(size, generator=generator) * 0.01
                tensors[f"base_model.model.{name}.{part}.weight"] = values
    save_file(tensors, folder / "adapter_model.safetensors", {"format": "pt"})
    config: dict[str, Any] = {
        "peft_type": "LORA",
        "task_type": "CAUSAL_LM",
        "base_model_name_or_path": str(base),
        "r": _RANK,
        "lora_alpha": _RANK,
        "use_rslora": True,
        "target_modules": list(_LINEAR),
    }
    record = {"prompt_version": PROMPT_VERSION, "base_sha256": weights_sha256(base), "data_sha256": None}
    (folder / "adapter_config.json").write_text(json.dumps(config, indent=2) + "\n", encoding="utf-8")
    (folder / TRAINING_FILE).write_text(json.dumps(record, indent=2) + "\n", encoding="utf-8")


def render(record: Record) -> str:
    """Return the stages as a table, with the machine below it."""
    lines = [f"{'stage':<36} {'s':>8} {'peak, MB':>10} {'written, MB':>12}"]
    for stage in record.stages:
        written = f"{stage.output_bytes / 1e6:12,.0f}" if stage.output_bytes else f"{'-':>12}"
        lines.append(f"{stage.name:<36} {stage.seconds:8.1f} {stage.peak_bytes / 1e6:10,.0f} {written}")
    lines += [f"\n{stage.name}:\n{stage.says}" for stage in record.stages if stage.says and stage.name in _TELLING]
    shape = f"{record.shape}, {record.parameters / 1e6:,.0f} million parameters, RANDOM WEIGHTS"
    return "\n".join([f"{shape} · {record.machine.cpu}", "", *lines])
