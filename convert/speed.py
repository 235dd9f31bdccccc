"""How fast llama.cpp computes GGUF files, all of them in turns, so that a machine that gets slower does so for all."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import cycle, islice
from pathlib import Path

from convert.native import open_native

ROUNDS = 12
PROMPT_TOKENS = 256

# Tokens that are evaluated at once: one that is decoded, and drafts being verified.
BATCHES = (1, 4, 8)


@dataclass(frozen=True)
class Speed:
    """Medians: what a batch takes, with all of its logits, by its tokens; and how fast a prompt is read."""

    batch_ms: dict[int, float]
    prompt_tokens_per_s: float


def speeds(
    files: Sequence[tuple[Path, Sequence[int]]], *, threads: int, progress: Callable[[str], None]
) -> list[Speed]:
    """Return the speed of each file, given with tokens of its own that are read, over and over, as a prompt."""
    prompts = [list(islice(cycle(tokens), PROMPT_TOKENS)) for _, tokens in files]
    prompt_ms: list[list[float]] = [[] for _ in files]
    batch_ms: list[dict[int, list[float]]] = [{size: [] for size in BATCHES} for _ in files]
    with ExitStack() as stack:
        opened = [
            stack.enter_context(open_native(file, context_tokens=PROMPT_TOKENS + max(BATCHES), threads=threads))
            for file, _ in files
        ]
        for number in range(ROUNDS + 1):
            progress(f"how long tokens take: {f'round {number} of {ROUNDS}' if number else 'warming up'}")
            for native, prompt, whole, batches in zip(opened, prompts, prompt_ms, batch_ms, strict=True):
                whole.append(native.batch_ms(prompt, behind=0))
                for size in BATCHES:
                    batches[size].append(native.batch_ms(prompt[:size], behind=PROMPT_TOKENS))
    return [
        Speed(
            {size: statistics.median(times[1:]) for size, times in batches.items()},
            1000 * PROMPT_TOKENS / statistics.median(whole[1:]),
        )
        for whole, batches in zip(prompt_ms, batch_ms, strict=True)
    ]
