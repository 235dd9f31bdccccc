"""All results side by side: Markdown, and a page with a table to sort and a plot of accuracy against latency.

Published figures stand beside ours and are marked as quoted: they were measured by others, on tasks of the same kind
but not the same.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tabtab_local.errors import DocumentError
from tabtab_local.output import new_file
from training.evaluation.report import middle, number
from training.evaluation.result import Result, Totals, compare, read, totals
from training.markdown import table

_RENAMED = "quoted: MBPP, corrupted and renamed"
_PLAIN = "quoted: MBPP, corrupted"
_SWEEP = "quoted: Sweep's next-edit test"
_ABOUT_QUOTED = (
    "Quoted figures were published by others. Those on MBPP come from 500 of the same problems, with pieces of their "
    "own choice removed; they can be set beside ours, but not compared point by point."
)


@dataclass(frozen=True)
class Quoted:
    """A published figure, in per cent, and the test it was measured on, which is none of ours."""

    model: str
    accuracy: float
    suite: str


QUOTED: tuple[Quoted, ...] = (
    *(
        Quoted(model, accuracy, _RENAMED)
        for model, accuracy in (
            ("Claude 4 Sonnet", 82.6),
            ("Qwen3 Coder 480B", 80.6),
            ("Kimi-2", 78.8),
            ("Llama 4 Maverick", 74.4),
            ("GPT-4o", 74.4),
            ("GPT-4.1", 73.0),
            ("Qwen3-4B, fine-tuned", 68.6),
            ("Llama 4 Scout", 68.0),
            ("Qwen3-1.7B, fine-tuned", 61.8),
            ("GPT-4o mini", 60.2),
            ("Llama 3.2 3B, fine-tuned", 52.8),
            ("Llama 3.1 8B, fine-tuned", 50.8),
            ("Qwen3-0.6B, fine-tuned", 47.8),
            ("Llama 3.2 1B, fine-tuned", 36.0),
        )
    ),
    Quoted("Claude 4 Sonnet", 100.0, _PLAIN),
    Quoted("Llama 4 Scout", 97.0, _PLAIN),
    Quoted("Sweep next-edit 0.5B", 61.3, _SWEEP),
    Quoted("Qwen3-8B, asked plainly", 48.3, _SWEEP),
)

_HEAD = (
    "model",
    "right, % (95 % interval)",
    "drop by renaming",
    "exact",
    "cursor",
    "format",
    "right when shown",
    "silence precision",
    "silence recall",
    "undoes",
    "deletes",
    "tokens out",
    "ms",
    "edits",
)


@dataclass(frozen=True)
class Entry:
    """One measured row: a result, its figures, and what renaming costs the model where both are known."""

    result: Result
    totals: Totals
    drop: str

    @property
    def suite(self) -> str:
        """What headings name: results stand in one table only where all were asked the same tasks."""
        run = self.result.run
        seed = f", seed {run['seed']}" if run["seed"] else ""
        return f"{self.result.suite} ({run['split']}, {run['tasks']} tasks{seed})"


def load(paths: Sequence[Path]) -> list[Entry]:
    """Return the entries of result files and of folders of them, by suite and then from the best to the worst.

    Raises `DocumentError` where there are none.
    """
    files = [file for path in paths for file in ([path] if path.is_file() else sorted(path.glob("*.json")))]
    # A file may be named by itself and by its folder.
    results = [read(file) for file in dict.fromkeys(file.resolve() for file in files)]
    if not results:
        raise DocumentError(f"no results in {', '.join(map(str, paths))}: run python -m training evaluate first")
    entries = [Entry(one, totals(one.rows), _drop(one, results)) for one in results]
    return sorted(entries, key=_rank)


def _rank(entry: Entry) -> tuple[str, float, str]:
    accuracy = entry.totals.accuracy
    return entry.suite, -accuracy.value if accuracy.count else 1.0, entry.result.model


def is_twin(plain: Result, renamed: Result) -> bool:
    """Return whether both are of the same model, on the same problems and pieces, and only one of them renamed."""
    same = all(plain.run[key] == renamed.run[key] for key in ("split", "seed", "identity"))
    return same and renamed.suite == f"{plain.suite}-renamed" and bool(_asked(plain) & _asked(renamed))


def _asked(result: Result) -> set[str]:
    return {row.id for row in result.rows if not row.silent}


def _drop(result: Result, results: Sequence[Result]) -> str:
    """Return the drop in points for a renamed result whose plain twin is there."""
    for other in results:
        if is_twin(other, result):
            difference = compare(other, result)
            return f"{100 * difference.value:+.1f} ({100 * difference.low:+.1f} to {100 * difference.high:+.1f})"
    return "–"


def markdown(entries: Sequence[Entry]) -> str:
    """Return a table for each suite, and one of quoted figures."""
    parts: list[str] = []
    for suite in dict.fromkeys(entry.suite for entry in entries):
        rows = [_cells(entry) for entry in entries if entry.suite == suite]
        parts += [f"## {suite}", "", *table(_HEAD, rows), ""]
    quoted = [[one.model, f"{one.accuracy:.1f}", one.suite] for one in QUOTED]
    parts += ["## Quoted, not measured here", "", *table(("model", "right, %", "test"), quoted), "", _ABOUT_QUOTED]
    return "\n".join(parts) + "\n"


def write(entries: Sequence[Entry], folder: Path) -> tuple[Path, Path]:
    """Write `leaderboard.md` and `leaderboard.html` into `folder` and return their paths."""
    from training.evaluation.page import page

    paths = folder / "leaderboard.md", folder / "leaderboard.html"
    for path, text in zip(paths, (markdown(entries), page(entries, QUOTED)), strict=True):
        with new_file(path) as temporary:
            temporary.write_text(text, encoding="utf-8")
    return paths


def _cells(entry: Entry) -> list[str]:
    part = entry.totals
    shares = (part.exact, part.cursor, part.strict, part.shown_right, part.silence_precision, part.silence_recall)
    return [
        entry.result.model,
        str(part.accuracy),
        entry.drop,
        *(f"{100 * share.value:.1f}" if share.count else "–" for share in shares),
        number(None if part.reversal is None else 100 * part.reversal),
        f"{100 * part.deletes.value:.1f}" if part.deletes.count else "–",
        number(middle(part.decoded_tokens), 0),
        number(middle(part.total_ms)),
        str(part.accuracy.count),
    ]
