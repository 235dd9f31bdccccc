"""Plots of what was measured, as SVG files. Takes results as they stand in JSON, and draws without a display."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
from matplotlib.figure import Figure

from tabtab_local.replay.press import Press, from_json

# The same picture gives the same file.
matplotlib.rcParams["svg.hashsalt"] = "tabtab-local"

_COLOURS: Sequence[Any] = matplotlib.color_sequences["tab20"]
_POINTS = 200


def latency(document: dict[str, Any], out: Path) -> None:
    """Draw the distributions of the times to the first ghost text and to the full suggestion, of a typing result.

    The model was asked at each key, or at those where it had to be.
    """
    figure, (first, full) = _figure(2)
    for number, (asker, presses) in enumerate(_asked(document)):
        colour = _COLOURS[number % len(_COLOURS)]
        _ecdf(first, [press.first_ms for press in presses if press.first_ms is not None], asker, colour)
        _ecdf(full, [press.full_ms for press in presses if press.full_ms is not None], asker, colour)
    for axes, title in ((first, "first ghost text"), (full, "full suggestion")):
        axes.set(title=title, xscale="log", xlabel="ms after the key", ylim=(0, 1.01))
    first.set_ylabel("share of keys that asked a model")
    _legend(figure, full)
    _save(figure, out, _caption(document))


def coverage(document: dict[str, Any], out: Path) -> None:
    """Draw coverage against the mean time between keys: computed from answer times as lines, typed as points.

    Full lines and points are of a model that is asked at each key, dashed lines and rings of one that need not be.
    """
    figure, (axes,) = _figure(1)
    askers = list(dict.fromkeys(one["asker"] for one in document["medians"]))
    for one in document["medians"]:
        colour = _COLOURS[askers.index(one["asker"]) % len(_COLOURS)]
        each_key = one["speed"].endswith("each-key")
        if one["by_speed"]:
            means, shares = zip(*one["by_speed"], strict=True)
            axes.plot(means, shares, "-" if each_key else "--", color=colour, linewidth=1.2)
        elif one["keys"] and one["keys"]["coverage"]:
            share = one["keys"]["coverage"]
            errors = [[max(0.0, share["value"] - share["low"])], [max(0.0, share["high"] - share["value"])]]
            inside = colour if each_key else "white"
            axes.errorbar([one["mean_ms"]], [share["value"]], errors, fmt="o", color=colour, mfc=inside, capsize=3)
    for number, asker in enumerate(askers):
        axes.plot([], [], color=_COLOURS[number % len(_COLOURS)], label=asker)
    axes.set(xscale="log", xlabel="mean time between keys, ms", ylabel="coverage", ylim=(0, 1.02))
    ticks = (30, 60, 120, 240, 500, 1000)
    axes.set_xticks(ticks, [str(tick) for tick in ticks])
    axes.minorticks_off()
    _legend(figure, axes)
    _save(figure, out, _caption(document))


def costs(documents: Sequence[dict[str, Any]], out: Path) -> None:
    """Draw what a batch costs by its tokens, a line for each typing result."""
    figure, (axes,) = _figure(1)
    for number, document in enumerate(documents):
        sizes = sorted(map(int, document["costs"]))
        times = [document["costs"][str(size)] for size in sizes]
        axes.plot(sizes, times, marker=".", color=_COLOURS[number % len(_COLOURS)], label=_name(document))
    axes.set(xscale="log", yscale="log", xlabel="tokens in a batch, all with logits", ylabel="ms")
    axes.set_xticks(sizes, [str(size) for size in sizes])
    axes.xaxis.minorticks_off()
    axes.yaxis.set_major_formatter("{x:g}")
    axes.legend(loc="upper left", fontsize="x-small", frameon=False)
    _save(figure, out, f"{documents[0]['threads']} threads · {documents[0]['machine']['cpu']}")


def _figure(count: int) -> tuple[Figure, Any]:
    figure = Figure(figsize=(4.5 * count, 3.6), layout="constrained")
    axes = figure.subplots(1, count, squeeze=False)[0]
    for one in axes:
        one.grid(color="#dddddd", linewidth=0.5)
        one.spines[["top", "right"]].set_visible(False)
    return figure, axes


def _legend(figure: Figure, axes: Any) -> None:
    handles, labels = axes.get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=2, fontsize="x-small", frameon=False)


def _ecdf(axes: Any, values: Sequence[float], label: str, colour: str) -> None:
    if not values:
        return
    shares = np.linspace(0, 1, min(_POINTS, len(values)))
    # A thousandth of a millisecond stands for none on a logarithmic axis.
    axes.plot(np.maximum(np.quantile(values, shares), 1e-3), shares, color=colour, label=label)


def _asked(document: dict[str, Any]) -> list[tuple[str, list[Press]]]:
    """Return each asker's name and its presses of keys that asked a model."""
    return [
        (run["asker"], [press for press in from_json(run) if press.is_key and not press.typed_through])
        for run in document["presses"]
    ]


def _name(document: dict[str, Any]) -> str:
    weights = "" if document["weights"] == "its own" else f" ({document['weights']})"
    return f"{document['model']} {document['file_type']}{weights}"


def _caption(document: dict[str, Any]) -> str:
    return f"{_name(document)} · {document['threads']} threads · {document['machine']['cpu']}"


def _save(figure: Figure, out: Path, caption: str) -> None:
    figure.suptitle(caption, fontsize="x-small")
    figure.savefig(out, format="svg", metadata={"Date": None})
