"""What quantising costs and saves: each file beside the one that it was made of, and which of them to take.

For each quant its size; the KL divergence from the unquantised file and how often both say the same next token, over
answers to edit prompts that no importance matrix was computed from; what a token takes when decoded one by one, eight
at a time (drafts being verified), and when a prompt is read. All files are measured in turns, in one run.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from convert.accuracy import SUITE, accuracy
from convert.native import Logits, Native, divergence, file_type, open_native
from convert.sample import Sample, draw
from convert.speed import ROUNDS, Speed, speeds
from tabtab_local.errors import ModelError
from tabtab_local.fingerprint import file_sha256
from tabtab_local.machine import describe
from tabtab_local.prompt import response_start
from tabtab_local.replay.report import Share

TEXTS = 32
_MOST_TOKENS = 768
BATCH = 8

# What says another token than the unquantised model more often than this is another model.
LEAST_AGREEMENT = 0.98

RULE = (
    "The smallest file that says the same next token as the unquantised model in "
    f"{100 * LEAST_AGREEMENT:.0f} % of cases or more; where none does, the one that does so most often."
)


@dataclass(frozen=True)
class Row:
    """One file: `divergence` in nats with the half-width of its 95 % interval, `agreement` as a share.

    `right` is the share of edits that it gets right; None where that was not measured.
    """

    file: str
    quant: str
    sha256: str
    size_bytes: int
    divergence: float
    divergence_interval: float
    agreement: float
    token_ms: float
    batch_token_ms: float
    prompt_tokens_per_s: float
    right: Share | None


@dataclass(frozen=True)
class Report:
    """All files, the unquantised one first; what was read, how often; and the machine."""

    texts: int
    tokens: int
    source: str
    threads: int
    rounds: int
    rows: tuple[Row, ...]
    recommended: str
    machine: dict[str, Any]

    def as_json(self) -> str:
        """Return the report as a JSON document."""
        return json.dumps({**asdict(self), "rule": RULE}, indent=2) + "\n"

    def as_markdown(self) -> str:
        """Return the report as a table, with how it was measured."""
        measured = any(row.right for row in self.rows)
        lines = [
            f"| quant | size, MB | KL, nats (95 %) | top-1, % | ms a token | ms a token, {BATCH} at a time "
            f"| prompt, tokens/s |{' edits right, % (95 %) |' if measured else ''}",
            "|---|---|---|---|---|---|---|" + ("---|" if measured else ""),
        ]
        for row in self.rows:
            name = f"**{row.quant}**" if row.file == self.recommended else row.quant
            lines.append(
                f"| {name} | {row.size_bytes / 1e6:,.1f} | {row.divergence:.4f} ± {row.divergence_interval:.4f} "
                f"| {100 * row.agreement:.1f} | {row.token_ms:.2f} | {row.batch_token_ms:.2f} "
                f"| {row.prompt_tokens_per_s:,.0f} |{f' {_per_cent(row.right)} |' if row.right else ''}"
            )
        lines += [
            "",
            f"{RULE} Here: **{self.recommended}**. KL divergence from {self.rows[0].quant} and agreement over "
            f"{self.tokens:,} tokens of {self.texts} answers ({self.source}); medians of {self.rounds} rounds on "
            f"{self.threads} threads of {self.machine.get('cpu', 'an unknown processor')}."
            + (f" Edits: {self.rows[0].right.count} tasks of {SUITE}." if self.rows[0].right else ""),
        ]
        return "\n".join(lines) + "\n"


def report(
    reference: Path,
    files: Sequence[Path],
    *,
    data: Path | None = None,
    threads: int | None = None,
    tasks: int = 0,
    progress: Callable[[str], None],
) -> Report:
    """Compare the quantised `files` with `reference`, the unquantised one; with `tasks`, on so many edits too.

    Raises `ModelError` for files that are not of one model.
    """
    threads = threads or os.cpu_count() or 1
    everything = [reference, *files]
    with open_native(reference, context_tokens=_MOST_TOKENS, threads=threads) as native:
        sample = draw(data, lambda text: len(native.tokens(text)), texts=4 * TEXTS)
        rows = _rows(native, sample)
        if not rows:
            raise ModelError(f"no text of {sample.source} fits into {_MOST_TOKENS} tokens: give others with --data")
        prompt = max((tokens for tokens, _ in rows), key=len)
        progress(f"reading {len(rows)} answers with {reference.name}")
        expected = [_answer_logits(native, tokens, start) for tokens, start in rows]
    judged = [([0.0], [1.0])]
    for file in files:
        progress(f"reading {len(rows)} answers with {file.name}")
        with open_native(file, context_tokens=_MOST_TOKENS, threads=threads) as native:
            judged.append(_judged(native, rows, expected, file, reference))
    times = speeds([(file, prompt) for file in everything], threads=threads, progress=progress)
    right: list[Share | None] = [None] * len(everything)
    for number, file in enumerate(everything if tasks else ()):
        progress(f"edits with {file.name}")
        right[number] = accuracy(file, tasks)
    table = tuple(
        _row(file, divergences, agreements, time, share)
        for file, (divergences, agreements), time, share in zip(everything, judged, times, right, strict=True)
    )
    machine = asdict(describe())
    tokens = sum(len(logits) for logits in expected)
    return Report(len(rows), tokens, sample.source, threads, ROUNDS, table, recommended(table[1:] or table), machine)


def recommended(rows: Sequence[Row]) -> str:
    """Return the file that `RULE` names."""
    good = [row for row in rows if row.agreement >= LEAST_AGREEMENT]
    if good:
        return min(good, key=lambda row: row.size_bytes).file
    return max(rows, key=lambda row: row.agreement).file


def _rows(native: Native, sample: Sample) -> list[tuple[list[int], int]]:
    """Return texts as tokens, with where their answer begins."""
    found: list[tuple[list[int], int]] = []
    for text in sample.judge:
        prompt = native.begin + native.tokens(text.prompt + response_start(""))
        tokens = native.begin + native.tokens(text.prompt + text.answer)
        if len(tokens) <= _MOST_TOKENS and len(found) < TEXTS:
            found.append((tokens, len(prompt)))
    return found


def _answer_logits(native: Native, tokens: list[int], start: int) -> Logits:
    return native.logits(tokens, start)


def _judged(
    native: Native, rows: list[tuple[list[int], int]], expected: list[Logits], file: Path, reference: Path
) -> tuple[list[float], list[float]]:
    divergences: list[float] = []
    agreements: list[float] = []
    for (tokens, start), wanted in zip(rows, expected, strict=True):
        found = _answer_logits(native, tokens, start)
        if found.shape != wanted.shape:
            raise ModelError(f"{file} has {found.shape[1]} tokens and {reference} {wanted.shape[1]}: give one model's")
        divergences += divergence(wanted, found).tolist()
        agreements += (wanted.argmax(-1) == found.argmax(-1)).tolist()
    return divergences, agreements


def _row(file: Path, divergences: list[float], agreements: list[float], speed: Speed, right: Share | None) -> Row:
    spread = 1.96 * float(np.std(divergences)) / len(divergences) ** 0.5
    return Row(
        file.name,
        file_type(file).name.removeprefix("MOSTLY_").removeprefix("ALL_"),
        file_sha256(file),
        file.stat().st_size,
        float(np.mean(divergences)),
        spread,
        float(np.mean(agreements)),
        speed.batch_ms[1],
        speed.batch_ms[BATCH] / BATCH,
        speed.prompt_tokens_per_s,
        right,
    )


def _per_cent(share: Share) -> str:
    return f"{100 * share.value:.1f} ({100 * share.low:.1f}-{100 * share.high:.1f})"
