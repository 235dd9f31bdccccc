"""Measure models on this machine and choose among them: `tabtab-local doctor --tune`.

It finds the candidates, measures each one's curve, and has `choice` weigh them. Remembering is `tuning`'s, explaining
`explain`'s.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

from tabtab_local import registry
from tabtab_local.doctor.choice import (
    Estimate,
    Report,
    best_threads,
    choose,
    estimate_from_bandwidth,
    estimate_like,
    telling,
    thread_counts,
)
from tabtab_local.engine.cost import ModelCosts, batch_costs, check
from tabtab_local.errors import ModelError
from tabtab_local.fingerprint import file_sha256
from tabtab_local.machine import busy_share, describe, free_memory_bytes, identity, thread_policy
from tabtab_local.tuning import Curve, Tuned, Tuning, memory_bytes

Measure = Callable[[Path, Sequence[int]], ModelCosts]
"""Measures the model at a path with some numbers of threads."""

# A budget that a model's rounds may take; a large one takes longer, for three rounds are the least.
BUDGET_S = 30.0

_PROBE_BYTES = 1 << 28
_PROBE_PASSES = 5


def candidates(models: Iterable[str], folders: Iterable[Path], before: Tuning | None) -> list[Path]:
    """Return the files to measure: the embedded model, those named, those in folders, those measured `before`.

    Raises `ModelError` for a name that is not known, a file that is not a model of ours and a folder that is not there.
    """
    named = [registry.locate(model) for model in models]
    for path in named:
        check(path)
    found: list[Path] = []
    for folder in folders:
        if not folder.is_dir():
            raise ModelError(f"there is no folder {folder}: give one with *.gguf files")
        found += sorted(path for path in folder.rglob("*.gguf") if path.is_file())
    again = [model.path for model in before.models if model.path.is_file()] if before else []
    return list(
        dict.fromkeys(Path(os.path.realpath(path)) for path in (registry.embedded_path(), *named, *found, *again))
    )


def tune(
    paths: Sequence[Path],
    *,
    target_ms: float,
    repeats: int,
    progress: Callable[[str], None] = lambda line: None,
    measure: Measure | None = None,
) -> Report:
    """Measure the models at `paths` and choose. Raises `UsageError` for a bad environment variable."""
    policy = thread_policy()
    busy = busy_share()

    def measured(path: Path, threads: Sequence[int]) -> ModelCosts:
        return batch_costs(path, threads, repeats=repeats, budget_s=BUDGET_S, progress=progress)

    counts = (policy.threads,) if policy.fixed else thread_counts(policy.threads)
    models: list[Tuned] = []
    skipped: list[tuple[Path, str]] = []
    for number, path in enumerate(paths, 1):
        progress(f"measuring {path.name} ({number} of {len(paths)}, {path.stat().st_size / 1e6:,.0f} MB)")
        try:
            models.append(_tuned(path, counts, measure or measured, models))
        except ModelError as error:
            skipped.append((path, str(error)))
    choice = choose(models, target_ms)
    tuning = Tuning(
        machine=identity(),
        measured_at=datetime.now(UTC).isoformat(timespec="seconds"),
        on_battery=describe().on_battery,
        target_ms=target_ms,
        chosen=choice.model.sha256 if choice.model else None,
        models=tuple(models),
    )
    return Report(tuning, choice, policy, tuple(_estimates(models, policy.threads)), tuple(skipped), busy)


def _tuned(path: Path, counts: Sequence[int], measure: Measure, others: Sequence[Tuned]) -> Tuned:
    """Measure one model. Raises `ModelError` where that cannot be done, or has been done with a copy of it."""
    found = path.stat()
    need_bytes, free_bytes = memory_bytes(found.st_size), free_memory_bytes()
    if need_bytes > free_bytes:
        raise ModelError(f"it takes about {need_bytes / 2**20:,.0f} MiB of memory, {free_bytes / 2**20:,.0f} are free")
    sha256 = file_sha256(path)
    if copy := next((other for other in others if other.sha256 == sha256), None):
        raise ModelError(f"it is a copy of {copy.path}")
    costs = measure(path, counts)
    curves = tuple(
        Curve(threads, costs.depth_tokens, tuple(sorted(by_tokens.items()))) for threads, by_tokens in costs.ms.items()
    )
    return Tuned(
        # The name comes out of the file, and goes to a terminal.
        name="".join(character if character.isprintable() else "?" for character in costs.name),
        path=path,
        size_bytes=found.st_size,
        modified_ns=found.st_mtime_ns,
        sha256=sha256,
        file_type=costs.file_type,
        parameters=costs.parameters,
        random_weights=costs.random_weights,
        threads=best_threads(curves),
        curves=curves,
    )


def _estimates(models: Sequence[Tuned], threads: int) -> Iterator[Estimate]:
    """Yield what the models of the registry that were not measured would probably cost."""
    missing = [model for model in registry.MODELS.values() if model.name not in {one.name for one in models}]
    if measured := telling(models):
        yield from (estimate_like(model, measured) for model in missing)
    elif missing:
        rate = bytes_per_ms(threads)
        yield from (estimate_from_bandwidth(model, rate, threads) for model in missing)


def bytes_per_ms(threads: int, size_bytes: int = _PROBE_BYTES) -> float:
    """Return the best rate at which so many threads together read an array."""
    words = np.ones(size_bytes // 8, np.uint64)
    parts = np.array_split(words, threads)
    rates: list[float] = []
    with ThreadPoolExecutor(threads) as pool:
        for _ in range(_PROBE_PASSES):
            began = time.perf_counter()
            # Does nearly nothing with the words, and lets other threads run.
            list(pool.map(np.bitwise_or.reduce, parts))
            rates.append(words.nbytes / (time.perf_counter() - began) / 1000)
    return max(rates)
