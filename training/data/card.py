"""The card of a data set: what its rows are, where they come from, what was left out and why.

Follows the Hugging Face Hub's data set cards. It holds no time and no path of the machine, so the same data set has
the same card to the byte.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from typing import Any

from training.data import contamination, duplicate, make
from training.data.config import Mix
from training.data.contamination import Set
from training.data.progress import Progress
from training.data.shard import FOLDER, whole_sha256
from training.markdown import table

_SIZES = ((1_000, "n<1K"), (10_000, "1K<n<10K"), (100_000, "10K<n<100K"), (1_000_000, "100K<n<1M"))
_HUB_LICENCES = {"Apache-2.0": "apache-2.0", "MIT": "mit", "CC-BY-4.0": "cc-by-4.0", "BSD-3-Clause": "bsd-3-clause"}
_HUB_LICENCES |= {"BSD-2-Clause": "bsd-2-clause", "CC0-1.0": "cc0-1.0", "ISC": "isc", "Zlib": "zlib"}


def record(settings: dict[str, Any], state: Progress) -> str:
    """Return the build as JSON: its settings, its shards, its counts."""
    document = {
        "settings": settings,
        "shards": [asdict(each) for each in state.shards],
        "sha256": whole_sha256(state.shards),
        "sources": [each.record() for each in state.tallies],
    }
    return json.dumps(document, indent=2, sort_keys=True) + "\n"


def render(mix: Mix, settings: dict[str, Any], sets: Sequence[Set], state: Progress) -> str:
    """Return the card in Markdown, with the Hub's metadata above it."""
    total = sum(each.kept for each in state.tallies)
    parts = [
        _metadata(mix, settings, total),
        "# Edits of Python code\n",
        f"{total:,} questions and answers in prompt format version {settings['prompt_version']} of tabtab-local: a"
        " region of code with the cursor in it, and the region as it should become. Made by `python -m training data"
        " build`; the same mix over the same sources gives the same bytes.\n",
        "Columns: `prompt`, `completion`, `kind` (how the question was made), `source`, `origin` (file, commit or row),"
        " `licence`, `compiles` (whether the edited text parses).\n",
        _sources(mix, settings, state),
        _kinds(mix, state),
        _dropped(mix, state),
        _checks(mix, sets, state),
        _shards(state),
        "## Mix\n\n```json\n" + json.dumps(settings["mix"], indent=2, sort_keys=True) + "\n```\n",
    ]
    return "\n".join(parts)


def _metadata(mix: Mix, settings: dict[str, Any], total: int) -> str:
    names = {part for name in settings["sources"] for each in _licences(settings, name) for part in each.split(" AND ")}
    licences = sorted({_HUB_LICENCES.get(name, "other") for name in names})
    size = next((name for most, name in _SIZES if total < most), "n>1M")
    lines = ["---", "language:", "- code", "license:", *(f"- {each}" for each in licences), "task_categories:"]
    lines += ["- text-generation", "tags:", "- code", "- python", "- code-completion", "size_categories:", f"- {size}"]
    lines += ["configs:", "- config_name: default", "  data_files:", f"  - path: {FOLDER}/*.{mix.format}"]
    return "\n".join([*lines, "    split: train", "---", ""])


def _licences(settings: dict[str, Any], name: str) -> list[str]:
    return list(settings["sources"][name]["licences"])


def _sources(mix: Mix, settings: dict[str, Any], state: Progress) -> str:
    rows = []
    for source, tally in zip(mix.sources, state.tallies, strict=True):
        ended = " (no more to give)" if tally.ended else ""
        share = f"{tally.compiles / tally.kept:.1%}" if tally.kept else "–"
        licences = ", ".join(_licences(settings, source.name))
        rows.append((source.name, source.kind, f"{tally.units:,}", f"{tally.kept:,}{ended}", share, licences))
    text = "## Sources\n\n" + _table(("source", "kind", "units read", "examples", "result parses", "licences"), rows)
    for source, tally in zip(mix.sources, state.tallies, strict=True):
        facts = {key: value for key, value in settings["sources"][source.name].items() if key != "licences"}
        facts |= {key: tally.seen[key] for key in sorted(tally.seen)}
        if facts:
            text += f"\n`{source.name}`: " + "; ".join(f"{key} {_fact(value)}" for key, value in facts.items()) + "\n"
    return text


def _fact(value: Any) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{key} ({number} files)" for key, number in value.items())
    return f"{value:,}" if isinstance(value, int) else str(value)


def _kinds(mix: Mix, state: Progress) -> str:
    names = [source.name for source in mix.sources]
    total = sum((tally.kinds for tally in state.tallies), Counter())
    rows = [
        (kind, *(f"{tally.kinds[kind]:,}" for tally in state.tallies), f"{number:,}", f"{number / total.total():.1%}")
        for kind, number in sorted(total.items(), key=lambda item: (-item[1], item[0]))
    ]
    return "## Kinds of questions\n\n" + _table(("kind", *names, "all", "share"), rows)


def _dropped(mix: Mix, state: Progress) -> str:
    rows = [
        (source.name, reason, f"{number:,}")
        for source, tally in zip(mix.sources, state.tallies, strict=True)
        for reason, number in sorted(tally.dropped.items(), key=lambda item: (-item[1], item[0]))
    ]
    return "## Left out\n\n" + (_table(("source", "reason", "number"), rows) if rows else "Nothing.\n")


def _checks(mix: Mix, sets: Sequence[Set], state: Progress) -> str:
    candidates = sum(each.candidates for each in state.tallies)
    unknown = _count(state, make.UNKNOWABLE) + _count(state, make.NOT_CALLED_FOR)
    alike = _count(state, "example: near-duplicate of another") + _count(state, "example: of such a document")
    rows = [
        (each.name, f"{len(each.tasks):,}", f"{_count(state, f'example: holds a piece of {each.name}'):,}")
        for each in sets
    ]
    text = (
        "## Checks\n\n"
        f"Answers that the prompt does not show what they need for, or that nothing calls for: {unknown:,} of"
        f" {candidates + unknown:,} ({unknown / max(1, candidates + unknown):.1%}), left out.\n\n"
        f"Near-duplicates: {alike:,} of {candidates:,} examples ({alike / max(1, candidates):.1%}). MinHash with"
        f" {duplicate.PERMUTATIONS} permutations over runs of five words or signs; documents of different origin from a"
        f" similarity of {duplicate.DOCUMENT_THRESHOLD} on, examples of different documents from"
        f" {duplicate.EXAMPLE_THRESHOLD} on, by their edit and the lines around it.\n\n"
        f"Evaluation data: an example is left out where it holds a run of {contamination.RUN} words or signs of an"
        f" evaluation task with at least {contamination.TELLING} telling words, or any run of {contamination.LONG_RUN},"
        " that no other task of the set has. Names count: a task in other names is told by its statement, or by what"
        " kept its name. MBPP's own rows are read by id, 601 to 974 alone.\n\n"
    )
    text += _table(("evaluation set", "tasks", "examples left out"), rows)
    if mix.mbpp == "none":
        text += "\n**Not checked against MBPP's validation and test problems.**\n"
    return text


def _count(state: Progress, reason: str) -> int:
    return sum(each.dropped[reason] for each in state.tallies)


def _shards(state: Progress) -> str:
    rows = [(each.name, f"{each.rows:,}", f"`{each.sha256}`") for each in state.shards]
    return "## Shards\n\n" + _table(("file", "rows", "SHA-256"), rows) + f"\nAll: `{whole_sha256(state.shards)}`\n"


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    return "".join(f"{line}\n" for line in table(head, rows))
