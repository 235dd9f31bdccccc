"""A result as Markdown: its totals by group, and what could not be asked."""

from __future__ import annotations

from collections.abc import Sequence

from tabtab_local.benchmark import Quantiles
from training.evaluation.judge import Row
from training.evaluation.result import Result, Totals, totals
from training.markdown import table

_HEAD = ("", "tasks", "right, % (95 % interval)", "exact", "similarity", "cursor", "format", "parses", "ms")


def report(result: Result) -> str:
    """Return the figures of one result."""
    run, groups = result.run, sorted({row.group for row in result.rows})
    edits = [row for row in result.rows if not row.silent]
    parts: list[tuple[str, Sequence[Row]]] = [("all edits", edits)]
    parts += [(group, [row for row in edits if row.group == group]) for group in groups]
    lines = [
        f"{result.model} on {result.suite} ({run['split']}), {len(result.rows)} tasks",
        "",
        *table(_HEAD, [_row(name, totals(rows)) for name, rows in parts if rows]),
        "",
        *_behaviour(totals(result.rows)),
    ]
    if result.excluded:
        lines += ["", f"{len(result.excluded)} tasks could not be asked:"]
        for reason in dict.fromkeys(one.reason for one in result.excluded):
            ids = [one.id for one in result.excluded if one.reason == reason]
            lines.append(f"- {reason}: {', '.join(ids)}")
    return "\n".join(lines)


def number(value: float | None, digits: int = 1) -> str:
    """Return a figure, or a dash where there is none."""
    return "–" if value is None else f"{value:.{digits}f}"


def middle(value: Quantiles | None) -> float | None:
    """Return the median, if there is one."""
    return value.p50 if value else None


def _row(name: str, part: Totals) -> list[str]:
    shares = [f"{100 * share.value:.1f}" if share.count else "–" for share in (part.exact, part.cursor, part.strict)]
    return [
        name,
        str(part.accuracy.count),
        str(part.accuracy),
        shares[0],
        number(part.similarity, 2),
        shares[1],
        shares[2],
        f"{100 * part.parses.value:.1f}" if part.parses.count else "–",
        number(middle(part.total_ms)),
    ]


def _behaviour(part: Totals) -> list[str]:
    """Return the lines about what a user would see."""
    lines = [
        f"- right among what would be shown: {part.shown_right} % of {part.shown_right.count}",
        f"- silence: precision {part.silence_precision} % of {part.silence_precision.count}, "
        f"recall {part.silence_recall} % of {part.silence_recall.count}",
        f"- deletes what a right edit keeps: {part.deletes} % of {part.deletes.count}",
        f"- tokens: {_span(part.prompt_tokens, 0)} in, {_span(part.decoded_tokens, 0)} out (median, 95th percentile)",
        f"- time: first token {_span(part.first_token_ms)} ms, whole answer {_span(part.total_ms)} ms",
    ]
    if part.reversal is not None:
        lines.insert(3, f"- undoes the last edit: {100 * part.reversal:.1f} % of the answers' characters")
    return lines


def _span(value: Quantiles | None, digits: int = 1) -> str:
    """Return a median with its 95th percentile in brackets."""
    return f"{number(value.p50, digits)} ({number(value.p95, digits)})" if value else "–"
