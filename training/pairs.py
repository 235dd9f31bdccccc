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

from tabtab_local.answer import answer, question
from tabtab_local.config import Settings
from tabtab_local.engine import Engine, LlamaEngine
from tabtab_local.errors import DocumentError, FormatError, UsageError
from tabtab_local.output import new_file
from tabtab_local.prompt import Prompt, Response, parse_prompt, parse_response, render_response
from training.data.document import Document
from training.evaluation import metric
from training.sft import read_examples

_ANSWER_TOKENS = 160

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
    counts: dict[str, int] = {}
    with LlamaEngine(model) as engine, new_file(out) as temporary, temporary.open("w", encoding="utf-8") as file:
        for number, (prompt, completion) in enumerate(rows[:examples], 1):
            if pair := _pair(engine, prompt, completion):
                counts[pair.fault] = counts.get(pair.fault, 0) + 1
                file.write(json.dumps(asdict(pair), ensure_ascii=False) + "\n")
            if number % 200 == 0 or number == min(examples, len(rows)):
                progress(f"{number} of {min(examples, len(rows))} prompts answered, {sum(counts.values())} pairs")
        if not counts:
            raise DocumentError("no answer has a fault: ask for more --examples")
    return dict(sorted(counts.items()))


def read_pairs(path: Path) -> Iterator[Pair]:
    """Yield the pairs in a file of JSON lines. Raises `DocumentError` with the line that is wrong."""
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except UnicodeDecodeError:
        raise DocumentError(f"{path} is not UTF-8 text: expected JSON lines with prompt, chosen and rejected") from None
    except OSError as error:
        raise DocumentError(f"cannot read {path}: {error.strerror}") from None
    for number, line in enumerate(lines, 1):
        try:
            row = json.loads(line)
            pair = Pair(row["prompt"], row["chosen"], row["rejected"], row.get("fault", ""))
            parse_prompt(pair.prompt)
            parse_response(pair.chosen)
            if not isinstance(pair.rejected, str) or pair.rejected == pair.chosen:
                raise TypeError
        except (json.JSONDecodeError, KeyError, TypeError, AttributeError):
            raise DocumentError(
                f"{path}, line {number} is not an object with the texts prompt, chosen and another one as rejected"
            ) from None
        except FormatError as error:
            raise DocumentError(f"{path}, line {number}: {error}") from None
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
    asked, right = parse_prompt(prompt), parse_response(completion)
    room = engine.count_tokens(completion) + _ANSWER_TOKENS
    try:
        text = answer(engine, question(asked, room), replace(Settings(), gates=frozenset())).text
    except UsageError:
        return None
    try:
        found = parse_response(text)
    except FormatError:
        found = None
    wrong = fault(asked, right, found)
    return Pair(prompt, completion, render_response(found) if found else text, wrong) if wrong else None


def _parses(prompt: Prompt, response: Response) -> bool:
    return Document(f"{prompt.code_above}{response.region}{prompt.code_below}").tree is not None
