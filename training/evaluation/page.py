"""The leaderboard as one HTML file that needs no network: a table to sort and search (DataTables), a plot (Plotly)."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING

import itables
import pandas as pd
import plotly.graph_objects as go
from itables.javascript import generate_init_offline_itables_html

from training.evaluation.report import middle

if TYPE_CHECKING:
    from training.evaluation.leaderboard import Entry, Quoted

_STYLE = """
body { font: 16px/1.5 system-ui, sans-serif; max-width: 1200px; margin: 2rem auto; padding: 0 1rem; }
table { font-size: 14px; }
"""


def page(entries: Sequence[Entry], quoted: Sequence[Quoted]) -> str:
    """Return the page. Percentages are numbers in it, so that columns sort as numbers."""
    bundle = Path(itables.__file__).parent / "html" / "dt_bundle.js"
    rows = [_measured(entry) for entry in entries]
    rows += [{"model": one.model, "suite": one.suite, "right %": one.accuracy} for one in quoted]
    frame = pd.DataFrame(rows)
    for name in frame.columns[:2]:
        frame[name] = frame[name].map(escape)
    board = itables.to_html_datatable(
        frame.astype(object).where(frame.notna(), ""),
        connected=False,
        allow_html=True,
        showIndex=False,
        paging=False,
        display_logo_when_loading=False,
    )
    return f"""<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><title>tabtab-local: leaderboard</title><style>{_STYLE}</style></head>
<body>
<h1>Leaderboard</h1>
<p>Accuracy is pass@1: the share of edits after which the program passes its checks, with a 95 % interval. Click a
heading to sort. Rows marked “quoted” were published by others and measured on other tasks.</p>
{generate_init_offline_itables_html(bundle)}
{board}
{_plot(entries)}
</body>
</html>
"""


def _measured(entry: Entry) -> dict[str, str | float | None]:
    part = entry.totals

    def percent(value: float | None) -> float | None:
        return None if value is None or value != value else round(100 * value, 1)

    return {
        "model": entry.result.model,
        "suite": entry.suite,
        "right %": percent(part.accuracy.value),
        "low %": percent(part.accuracy.low),
        "high %": percent(part.accuracy.high),
        "drop by renaming": entry.drop,
        "exact %": percent(part.exact.value),
        "similarity": None if part.similarity is None else round(part.similarity, 3),
        "cursor %": percent(part.cursor.value),
        "format %": percent(part.strict.value),
        "right when shown %": percent(part.shown_right.value),
        "silence precision %": percent(part.silence_precision.value),
        "silence recall %": percent(part.silence_recall.value),
        "undoes %": percent(part.reversal),
        "deletes %": percent(part.deletes.value),
        "tokens out": middle(part.decoded_tokens),
        "ms": round(part.total_ms.p50, 1) if part.total_ms else None,
        "ms p95": round(part.total_ms.p95, 1) if part.total_ms else None,
        "edits": part.accuracy.count,
    }


def _plot(entries: Sequence[Entry]) -> str:
    """Return the plot of accuracy against the time of an answer, one colour for each suite."""
    figure = go.Figure()
    for suite in dict.fromkeys(entry.suite for entry in entries):
        part = [entry for entry in entries if entry.suite == suite and entry.totals.total_ms]
        shares = [entry.totals.accuracy for entry in part]
        figure.add_scatter(
            name=suite,
            mode="markers+text",
            x=[time.p50 for entry in part if (time := entry.totals.total_ms)],
            y=[100 * share.value for share in shares],
            text=[entry.result.model for entry in part],
            textposition="top center",
            error_y={
                "type": "data",
                "array": [100 * (share.high - share.value) for share in shares],
                "arrayminus": [100 * (share.value - share.low) for share in shares],
            },
        )
    figure.update_layout(
        title="Accuracy against latency",
        xaxis={"title": "median time of an answer, ms", "type": "log"},
        yaxis={"title": "right, %", "rangemode": "tozero"},
    )
    return str(figure.to_html(full_html=False, include_plotlyjs=True))
