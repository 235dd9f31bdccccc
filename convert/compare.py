"""Two GGUFs of one model beside each other, as before and after pruning: size, speed, and whether they answer alike.

Their tokens may differ, so answers are compared as text.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from convert.native import Native, open_native
from convert.sample import Sample, draw
from convert.speed import BATCHES, ROUNDS, Speed, speeds
from tabtab_local.errors import ModelError
from tabtab_local.prompt import EDIT_END, response_start

TEXTS = 12
_MOST_TOKENS = 512
_ANSWER_TOKENS = 32


@dataclass(frozen=True)
class Comparison:
    """What was found: sizes in bytes, speeds, and in how many of the `texts` the answers are the same."""

    before: str
    after: str
    size_bytes: tuple[int, int]
    speed: tuple[Speed, Speed]
    texts: int
    alike: int
    source: str
    threads: int

    def __str__(self) -> str:
        """The comparison as a Markdown table."""
        rows = [("size, MB", *(f"{size / 1e6:,.1f}" for size in self.size_bytes), _ratio(*self.size_bytes))]
        for size in BATCHES:
            times = [speed.batch_ms[size] for speed in self.speed]
            rows.append((f"ms for {size} at a time", *(f"{time:.1f}" for time in times), _ratio(*times)))
        prompts = [speed.prompt_tokens_per_s for speed in self.speed]
        rows.append(("prompt, tokens/s", *(f"{speed:,.0f}" for speed in prompts), _ratio(*prompts)))
        lines = [f"| | {self.before} | {self.after} | after / before |", "|---|---|---|---|"]
        lines += [f"| {' | '.join(row)} |" for row in rows]
        return (
            "\n".join(lines) + f"\n\nThe same answer to {self.alike} of {self.texts} edit prompts (greedy, up to "
            f"{_ANSWER_TOKENS} tokens; {self.source}). Medians of {ROUNDS} rounds on {self.threads} threads."
        )


def _ratio(before: float, after: float) -> str:
    return f"{after / before:.2f}"


def compare(
    before: Path,
    after: Path,
    *,
    data: Path | None = None,
    threads: int | None = None,
    progress: Callable[[str], None],
) -> Comparison:
    """Compare two files. Raises `ModelError` for one that cannot be loaded, and where no text fits."""
    threads = threads or os.cpu_count() or 1
    texts: list[str] = []
    answers: list[list[str]] = []
    prompts: list[list[int]] = []
    for file in (before, after):
        progress(f"answering with {file.name}")
        with open_native(file, context_tokens=_MOST_TOKENS + _ANSWER_TOKENS, threads=threads) as native:
            if not texts:  # which of them fit is decided by the first file: pruning makes them a little longer
                sample, texts = _fitting(native, data)
            answers.append([_answer(native, text) for text in texts])
            prompts.append(native.tokens(texts[0]))
    first, second = speeds([(before, prompts[0]), (after, prompts[1])], threads=threads, progress=progress)
    return Comparison(
        before.name,
        after.name,
        (before.stat().st_size, after.stat().st_size),
        (first, second),
        len(texts),
        sum(_alike(one, other) for one, other in zip(*answers, strict=True)),
        sample.source,
        threads,
    )


def _fitting(native: Native, data: Path | None) -> tuple[Sample, list[str]]:
    """Return what is drawn of `data`, and the prompts of it that fit."""
    sample = draw(data, lambda text: len(native.tokens(text)), texts=4 * TEXTS)
    texts = [text.prompt + response_start("") for text in sample.judge]
    fitting = [text for text in texts if len(native.tokens(text)) <= _MOST_TOKENS][:TEXTS]
    if not fitting:
        raise ModelError(f"no text of {sample.source} fits into {_MOST_TOKENS} tokens: give others with --data")
    return sample, fitting


def _answer(native: Native, text: str) -> str:
    [end] = native.tokens(EDIT_END)
    tokens = native.begin + native.tokens(text)
    return native.text(native.greedy(tokens[:_MOST_TOKENS], _ANSWER_TOKENS, end))


def _alike(one: str, other: str) -> bool:
    """Return whether two answers are the same, as far as the shorter goes: their tokens are of other lengths."""
    shorter = min(len(one), len(other))
    return one[:shorter] == other[:shorter]
