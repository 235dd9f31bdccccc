"""The pictures of a run: its loss, what it learnt on the way, and the law through several."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tabtab_local.output import new_file


def draw_loss(log: Path, picture: Path) -> None:
    """Draw the loss over the steps from a log of JSON lines with `step` and `loss`."""
    losses = logged(log, "loss")
    with _axes(picture, "step", "loss (nats per token)") as axes:
        axes.plot(list(losses), list(losses.values()), linewidth=1)


def draw_curves(
    held_out: Mapping[str, Mapping[float, float]], shares: Mapping[str, Mapping[float, float]], picture: Path
) -> None:
    """Draw losses on held-out text, by name, and shares of tasks in per cent, over millions of tokens."""
    with _axes(picture, "tokens of pretraining (millions)", "bits per byte of held-out text") as axes:
        for name, points in held_out.items():
            axes.plot(list(points), list(points.values()), linewidth=1, label=name)
        axes.set_ylim(bottom=0)
        lines = axes.get_lines()
        if shares:
            other = axes.twinx()
            other.set_ylabel("right, % of the tasks of a development set")
            for number, (name, points) in enumerate(shares.items(), len(held_out)):
                other.plot(list(points), list(points.values()), f"C{number}.--", linewidth=1, label=name)
            other.set_ylim(bottom=0)
            lines = [*lines, *other.get_lines()]
        labels = [line.get_label() for line in lines]
        axes.legend(lines, labels, fontsize="small", loc="lower center", bbox_to_anchor=(0.5, 1), ncols=2)


def draw_law(points: Mapping[float, float], law: Mapping[float, float], picture: Path) -> None:
    """Draw runs, and the law through them, as bits per byte over operations of training."""
    with _axes(picture, "operations of training", "bits per byte of held-out code") as axes:
        axes.loglog(list(law), list(law.values()), "C1--", linewidth=1)
        axes.loglog(list(points), list(points.values()), "C0o")


def logged(log: Path, name: str) -> dict[int, float]:
    """Return what a log of JSON lines says of `name`, by step."""
    records = [json.loads(line) for line in log.read_text().splitlines()]
    # A resumed run logs some steps again; the later line counts.
    return {record["step"]: record[name] for record in records if name in record}


@contextmanager
def _axes(picture: Path, x: str, y: str) -> Iterator[Any]:
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot as plt

    figure, axes = plt.subplots(figsize=(7, 4))
    axes.set_xlabel(x)
    axes.set_ylabel(y)
    yield axes
    with new_file(picture) as temporary:
        figure.savefig(temporary, dpi=120, bbox_inches="tight", format="png")
    plt.close(figure)
