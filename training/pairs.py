"""Pairs to prefer by: a right answer, and one that the model itself gave and that nobody would want.

The model answers prompts of a data set through the runtime, with no gate before it. Only what is wrong by rule makes a
pair: an answer that cannot be read, speaks where there is nothing to do, undoes the last edit, breaks code that the
right edit leaves whole, or deletes what that keeps. Another good answer than the data's is no fault, and neither is
silence: learning from that would teach to speak.
"""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from tabtab_local.config import Settings
from tabtab_local.engine import Engine, LlamaEngine
from tabtab_local.errors import DocumentError, UsageError
from tabtab_local.output import new_file
from tabtab_local.prompt import Prompt, Response, parse_prompt, parse_response, render_response
from training.data.document import Document
from training.evaluation import metric
from training.lines import following, json_lines
from training.sft import read_examples
from training.trial import attempt

_UNGATED = replace(Settings(), gates=frozenset())

# Of the characters that an answer changes, how many may go back to what stood there before the last edit.
_MOST_UNDONE = 0.5


@dataclass(frozen=True)
class Pair:
    """An answer to learn, `chosen`, and one to unlearn, `rejected`; `fault` says what is wrong with that."""

    prompt: str
    chosen: str
    rejected: str
    fault: str


def write_pairs(
    model: Path, data: Path, out: Path, *, examples: int, seed: int, progress: Callable[[str], None]
) -> dict[str, int]:
    """Let the GGUF `model` answer `examples` prompts of `data` and write the pairs to `out`, as JSON lines.

    `data` is what fine-tuning takes. Returns how many pairs there are of each fault. Raises `DocumentError` where there
    is none, `ModelError` for a model that cannot be loaded.
    """
    rows = list(read_examples(data))
    random.Random(seed).shuffle(rows)
    asked = rows[:examples]
    counts: dict[str, int] = {}
    with LlamaEngine(model) as engine, new_file(out) as temporary, temporary.open("w", encoding="utf-8") as file:
        for number, (prompt, completion) in enumerate(asked, 1):
            if pair := _pair(engine, prompt, completion):
                counts[pair.fault] = counts.get(pair.fault, 0) + 1
                file.write(json.dumps(asdict(pair), ensure_ascii=False) + "\n")
            if number % 200 == 0 or number == len(asked):
                progress(f"{number} of {len(asked)} prompts answered, {sum(counts.values())} pairs")
        if not counts:
            raise DocumentError("no answer has a fault: ask for more --examples")
    return dict(sorted(counts.items()))


def read_pairs(path: Path) -> Iterator[Pair]:
    """Yield the pairs in a file of JSON lines. Raises `DocumentError` with the line that is wrong."""
    for where, row in json_lines(path, "prompt, chosen and rejected"):
        with following(where, "prompt, chosen and another one as rejected"):
            pair = Pair(row["prompt"], row["chosen"], row["rejected"], row.get("fault", ""))
            parse_prompt(pair.prompt)
            parse_response(pair.chosen)
            if not isinstance(pair.rejected, str) or pair.rejected == pair.chosen:
                raise TypeError
        yield pair


def fault(prompt: Prompt, right: Response, found: Response | None) -> str | None:
    """Return what is wrong by rule with the answer `found`, None for one that cannot be read; None if nothing is."""
    if found is None:
        return "unreadable"
    region = prompt.region
    if found.region == right.region:
        return None
    if right.region == region:
        return "speaks"
    if prompt.recent_edits:
        last = prompt.recent_edits[-1]
        undone, due = (metric.reversal(region, each.region, last) for each in (found, right))
        if undone > max(_MOST_UNDONE, due):
            return "undoes"
    if _parses(prompt, right) and not _parses(prompt, found):
        return "breaks"
    return "deletes" if metric.deletes_user_text(region, found.region, right.region) else None


def _pair(engine: Engine, prompt: str, completion: str) -> Pair | None:
    asked = parse_prompt(prompt)
    try:
        trial = attempt(engine, asked, _UNGATED)
    except UsageError:
        return None
    wrong = fault(asked, parse_response(completion), trial.response)
    rejected = render_response(trial.response) if trial.response else trial.text
    return Pair(prompt, completion, rejected, wrong) if wrong else None


def _parses(prompt: Prompt, response: Response) -> bool:
    return Document(prompt.code_with(response.region)).tree is not None
