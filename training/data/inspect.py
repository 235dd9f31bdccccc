"""What the history of a repository would give, for a person to read: counts, reasons, and some examples as diffs."""

from __future__ import annotations

import difflib
import random
import time
from collections import Counter
from pathlib import Path

from tqdm import tqdm

from tabtab_local.prompt import RecentEdit
from training.data.corruption import Example
from training.data.make import checked
from training.data.source.history import History

# Stands for the cursor in what is printed.
_CURSOR = "‸"


def history_report(repo: Path, commits: int, shown: int, seed: int) -> str:
    """Return a report on up to `commits` commits of the clone at `repo`, with `shown` examples.

    Raises `DocumentError` for a folder that is no repository.
    """
    source = History(repo, licence="")
    rng = random.Random(f"{seed}/report")
    dropped: Counter[str] = Counter()
    seen: Counter[str] = Counter()
    kinds: Counter[str] = Counter()
    examples: list[tuple[str, Example]] = []
    started = time.process_time()
    for number in tqdm(range(min(commits, source.size())), unit=" commits", disable=None):
        unit = source.unit(number, random.Random(f"{seed}/{source.name}/{number}"))
        dropped.update(unit.dropped)
        seen.update(unit.seen)
        for example in unit.examples:
            row = checked(example, source.name, unit)
            if isinstance(row, str):
                dropped[row] += 1
            else:
                kinds[example.kind] += 1
                examples.append((unit.origin, example))
    seconds = time.process_time() - started
    parses = sum(example.compiles for _, example in examples)
    lines = [f"{name}: {number}" for name, number in seen.items()]
    lines += [f"examples: {len(examples)}, of which the result of {parses} parses"]
    lines += [f"  {kind}: {number}" for kind, number in kinds.most_common()]
    lines += ["left out:", *(f"  {reason}: {number}" for reason, number in dropped.most_common())]
    lines += [f"processor time: {seconds:.1f} s, {len(examples) / max(seconds, 1e-9):.0f} examples a second", ""]
    chosen = rng.sample(examples, min(shown, len(examples)))
    return "\n".join(lines + [as_text(origin, example) for origin, example in chosen])


def as_text(origin: str, example: Example) -> str:
    """Return an example as a person reads it: the intent, the edits before, and the region as a diff."""
    prompt, answer = example.prompt, example.response
    lines = [f"── {origin} · {example.kind}"]
    if answer.intent:
        lines.append(f"intent {'given' if prompt.intent else 'to be inferred'}: {answer.intent}")
    for edit in prompt.recent_edits:
        lines += ["  just edited:", *(f"    {line}" for line in _diff(edit))]
    before = prompt.region[: prompt.cursor] + _CURSOR + prompt.region[prompt.cursor :]
    after = answer.region[: answer.cursor] + _CURSOR + answer.region[answer.cursor :]
    lines += [f"  {line}" for line in _diff(RecentEdit(before, after))]
    return "\n".join(lines) + "\n"


def _diff(edit: RecentEdit) -> list[str]:
    found = difflib.unified_diff(edit.original.split("\n"), edit.updated.split("\n"), n=100, lineterm="")
    return list(found)[3:] or [f" {line}" for line in edit.original.split("\n")]
