"""The folder of results: what the benchmarks measured, as JSON, with plots and the summary that README shows.

`typing-NAME.json` is a `bench.replay.Record`, `limit-NAME.json` a `bench.limit.Record`, `marimo.json` a
`bench.browser.ghost.Record`. Tables and plots are made of these files alone, so that they can be made again.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from bench import plot
from bench.match import MODES, OURS, asking_most
from tabtab_local.errors import FormatError
from tabtab_local.output import new_file

RESULTS = Path("bench/results")


def write_typing(document: dict[str, Any], folder: Path) -> Path:
    """Write a typing result and its plots into `folder`, all or nothing; return the JSON file's path."""
    document = json.loads(json.dumps(_rounded(document), allow_nan=False))
    name = re.sub(r"[^\w.-]+", "-", f"{document['model']}-{document['file_type']}").strip("-")
    path = folder / f"typing-{name}.json"
    drawings: list[tuple[str, Callable[[dict[str, Any], Path], None]]] = [
        ("coverage", plot.coverage),
        ("latency", plot.latency),
    ]
    with ExitStack() as stack:
        # The last one entered takes its name first, so that the result comes after all that belongs to it.
        stack.enter_context(new_file(path)).write_text(_text(document), encoding="utf-8")
        for kind, draw in drawings:
            draw(document, stack.enter_context(new_file(folder / f"typing-{name}-{kind}.svg")))
    return path


def write_summary(folder: Path) -> str:
    """Write `summary.md` and the plot of what batches cost, of all results in `folder`; return the summary.

    Raises `FormatError` for a file that is no result.
    """
    typing, limits, marimo = (_results(folder, pattern) for pattern in ("typing-*", "limit-*", "marimo"))
    text = summary(typing, limits, marimo)
    with ExitStack() as stack:
        stack.enter_context(new_file(folder / "summary.md")).write_text(text, encoding="utf-8")
        if typing:
            plot.costs(typing, stack.enter_context(new_file(folder / "costs.svg")))
    return text


def summary(
    typing: Sequence[dict[str, Any]], limits: Sequence[dict[str, Any]], marimo: Sequence[dict[str, Any]] = ()
) -> str:
    """Return Markdown tables of typing results, of limits, and of ghost text in Marimo."""
    blocks = ["\n".join(_typing_lines(document)) for document in typing]
    if limits:
        blocks.append("\n".join(_limit_lines(limits)))
    blocks += ["\n".join(_marimo_lines(document)) for document in marimo]
    return "\n\n".join(blocks) + "\n"


def typing_table(document: dict[str, Any]) -> str:
    """Return one typing result as Markdown."""
    return "\n".join(_typing_lines(json.loads(json.dumps(document))))


def _results(folder: Path, pattern: str) -> list[dict[str, Any]]:
    found = []
    for path in sorted(folder.glob(f"{pattern}.json"), key=lambda path: (path.stat().st_size, path.name)):
        try:
            found.append(json.loads(path.read_text(encoding="utf-8")))
        except ValueError as error:
            raise FormatError(f"{path} is no result of a benchmark ({error}): remove it or measure anew") from None
    return sorted(found, key=lambda document: (document.get("parameters", 0), document["model"]))


def _typing_lines(document: dict[str, Any]) -> list[str]:
    """Return the heading and the table of a typing result: a row for each asker."""
    rounds = 1 + max(one["round"] for one in document["rounds"])
    repeated = "one round" if rounds == 1 else f"medians of {rounds} rounds"
    waiting = any(MODES[one["speed"]].speed is None for one in document["medians"])
    waited = f", and {document['waiting_keys']} of {len(document['waiting_traces'])} where each answer is waited for"
    machine = document["machine"]
    weights = "" if document["weights"] == "its own" else f" · **{document['weights']}**"
    lost = f" · {document['lost_tokens']} tokens without a true answer" if document["lost_tokens"] else ""
    lines = [
        f"**{document['model']}** {document['file_type']}{weights} · {document['keys']} keys of "
        f"{len(document['traces'])} traces{waited if waiting else ''}; {repeated} · {document['threads']} threads · "
        f"{machine['cpu']}{lost}",
        "",
        "| | first ghost text, ms (p50 / p95) | of all keys at average speed | full suggestion, ms (p50 / p95 / p99) | "
        "times ours | tokens evaluated / decoded | coverage at average speed (each key asked) | at fast speed (each "
        "key asked) | something to see in time, average speed | typed through | CPU s per key (each key asked) | "
        "memory, MB |",
        "|---|---|---|---|---|---|---|---|---|---|---|---|",
    ]
    by_asker: dict[str, dict[str, dict[str, Any]]] = {}
    for one in document["medians"]:
        by_asker.setdefault(one["asker"], {})[one["speed"]] = one
    ours = _full_p50(by_asker.get(OURS, {}))
    return [*lines, *(_typing_row(asker, modes, ours) for asker, modes in by_asker.items())]


def _typing_row(asker: str, modes: dict[str, dict[str, Any]], ours: float | None) -> str:
    """Return one asker's row: times are of keys that a model was asked for, coverage is of all keys."""
    asked, typing = modes[asking_most(modes)]["asked"] or {}, modes.get("average") or list(modes.values())[-1]
    full = _full_p50(modes)
    tokens = "–"
    if asked:
        tokens = f"{_number(asked['evaluated_tokens']['p50'])} / {_number(asked['decoded_tokens']['p50'])}"
    cells = (
        asker,
        _quantiles(asked.get("first_ms"), ("p50", "p95")),
        _quantiles(((modes.get("average") or {}).get("keys") or {}).get("first_ms"), ("p50", "p95")),
        _quantiles(asked.get("full_ms"), ("p50", "p95", "p99")),
        f"{full / ours:.1f}" if full is not None and ours else "–",
        tokens,
        _both(modes, "average", lambda keys: _per_cent(keys["coverage"])),
        _both(modes, "fast", lambda keys: _per_cent(keys["coverage"])),
        _per_cent(typing["keys"] and typing["keys"]["seen"]),
        _per_cent(typing["keys"] and typing["keys"]["typed_through"]),
        _both(modes, "average", lambda keys: f"{keys['cpu_s_per_press']:.3f}"),
        f"{typing['memory_peak_bytes'] / 1e6:,.0f}",
    )
    return f"| {' | '.join(cells)} |"


def _limit_lines(documents: Sequence[dict[str, Any]]) -> list[str]:
    """Return the table of decoding beside its limits."""
    lines = [
        "| decoding, ms a token (median) | floor: memory | llama.cpp by itself | ours | ours over llama.cpp | share of "
        "the floor's speed |",
        "|---|---|---|---|---|---|",
    ]
    for document in documents:
        native, ours = (document[side]["decode_ms_per_token"]["p50"] for side in ("native", "ours"))
        ratio = document["decode_ratio"]
        random = " (random weights)" if document["random_weights"] else ""
        overhead = f"{ratio['median'] - 1:+.1%} ({ratio['low'] - 1:+.1%} to {ratio['high'] - 1:+.1%})"
        lines.append(
            f"| {document['model']} {document['file_type']}{random} | {document['floor_ms']:.2f} | {native:.2f} | "
            f"{ours:.2f} | {overhead} | {document['floor_ms'] / ours:.0%} |"
        )
    return lines


def _marimo_lines(document: dict[str, Any]) -> list[str]:
    """Return the table of ghost text in Marimo: a row for each side, and one for what ours takes longer."""
    rows = (
        ("tabtab-local", document["ours"]["shown"], document["ours"]["ghost_ms"]),
        ("a server that answers at once", document["instant"]["shown"], document["instant"]["ghost_ms"]),
        ("longer, where both showed some", document["both"], document["more_ms"]),
    )
    return [
        f"**Marimo** {document['marimo']} · Chromium {document['chromium']} · {document['model']}, sha256 "
        f"{document['sha256'][:12]} · {document['pauses']} pauses · {document['machine']['cpu']}",
        "",
        "| from a key to ghost text | shown | median, ms | p95, ms |",
        "|---|---|---|---|",
        *(
            f"| {label} | {shown} | {_number(times['p50'])} | {_number(times['p95'])} |"
            for label, shown, times in rows
            if times
        ),
    ]


def _full_p50(modes: dict[str, dict[str, Any]]) -> float | None:
    if not modes or not (asked := modes[asking_most(modes)]["asked"]):
        return None
    found: float | None = asked["full_ms"]["p50"]
    return found


def _quantiles(spread: dict[str, Any] | None, names: Sequence[str]) -> str:
    if not spread or not spread["count"]:
        return "–"
    return " / ".join(_number(spread[name]) for name in names)


def _number(value: float | None) -> str:
    """Return a number with three digits that say something; `>` where it is longer than the time between keys."""
    if value is None:
        return ">"
    return f"{value:,.0f}" if value >= 100 or value == round(value) else f"{value:.3g}"


def _both(modes: dict[str, dict[str, Any]], speed: str, cell: Callable[[dict[str, Any]], str]) -> str:
    """Return a figure of all keys as it is at a speed, and where the model was asked at each key."""
    groups = (modes.get(mode, {}).get("keys") for mode in (speed, f"{speed}-each-key"))
    as_it_is, each_key = (cell(keys) if keys else "–" for keys in groups)
    return f"{as_it_is} ({each_key})"


def _per_cent(share: dict[str, Any] | None) -> str:
    if not share:
        return "–"
    return f"{100 * share['value']:.1f} %"


def _text(document: dict[str, Any]) -> str:
    """Return JSON with a line for each field: short, and a difference between two results can be found."""
    fields = (f"{json.dumps(name)}: {json.dumps(value, separators=(',', ':'))}" for name, value in document.items())
    return "{\n" + ",\n".join(fields) + "\n}\n"


def _rounded(value: Any) -> Any:
    """Return a document with its fractions to five digits that say something."""
    if isinstance(value, float):
        return float(f"{value:.5g}")
    if isinstance(value, dict):
        return {name: _rounded(one) for name, one in value.items()}
    return [_rounded(one) for one in value] if isinstance(value, list | tuple) else value
