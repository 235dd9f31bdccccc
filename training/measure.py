"""A first look at a model: how often it restores the code that was removed, on documents that training did not see.

Not the evaluation that models are compared by, which runs unit tests. The examples are made as training examples are,
from other seeds of the everyday generator and from files that were held out; the model answers through the runtime.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tabtab_local.answer import INTENT_TOKENS, answer, question
from tabtab_local.config import Settings
from tabtab_local.edits import diff
from tabtab_local.engine import Engine, LlamaEngine
from tabtab_local.errors import FormatError
from tabtab_local.gates import Change, objection
from tabtab_local.prompt import Response, forced_region, parse_response, render_prompt
from training.data import installed
from training.data.corruption import Example, corrupt
from training.evaluation.statistic import wilson

_ANSWER_TOKENS = 160

# The markers of the answer.
_FRAME_TOKENS = 16


@dataclass(frozen=True)
class Outcome:
    """One example: which corruption, and what the model did.

    `answer` is None where it broke the format; `silent` says whether the gates keep it from being shown.
    """

    example: Example
    answer: Response | None
    silent: bool

    @property
    def exact(self) -> bool:
        """Whether the region is the clean code, to the character."""
        return self.answer is not None and self.answer.region == self.example.response.region


def measure(model: Path, distributions: tuple[str, ...], count: int, seed: int) -> dict[str, list[Outcome]]:
    """Return the outcomes of `count` examples each of generated and of held-out real code.

    Examples that do not fit into the model's context are passed over, as the runtime would show less of the code.
    """
    corpus = installed.load(distributions, everyday_share=1.0)
    draw = {"everyday code": corpus.document, "held-out files": corpus.held_out_document}
    with LlamaEngine(model) as engine:
        return {
            source: [_outcome(engine, example) for example in _examples(engine, document, f"{seed}/{source}", count)]
            for source, document in draw.items()
        }


def report(outcomes: dict[str, list[Outcome]]) -> str:
    """Return a Markdown table with 95 % Wilson intervals."""
    lines = ["| code | corruption | examples | exact match, % (95 % interval) |", "|---|---|---|---|"]
    for source, rows in outcomes.items():
        kinds = sorted({row.example.kind for row in rows})
        groups = [("all but no_edit", [row for row in rows if row.example.kind != "no_edit"])]
        groups += [(kind, [row for row in rows if row.example.kind == kind]) for kind in kinds]
        for name, group in groups:
            lines.append(f"| {source} | {name} | {len(group)} | {wilson([row.exact for row in group])} |")
        shown = [row for row in rows if not row.silent]
        lines.append(f"| {source} | of what is shown | {len(shown)} | {wilson([row.exact for row in shown])} |")
        lines.append(
            f"| {source} | answers in the format | {len(rows)} | {wilson([row.answer is not None for row in rows])} |"
        )
    return "\n".join(lines)


def _examples(engine: Engine, document: installed.Draw, seed: str, count: int) -> Iterator[Example]:
    index = made = 0
    while made < count:
        rng = random.Random(f"{seed}/{index}")
        example = corrupt(document(rng), rng)
        index += 1
        if example and _fits(engine, example):
            made += 1
            yield example


def _fits(engine: Engine, example: Example) -> bool:
    forced = forced_region(example.prompt.region[: example.prompt.cursor])
    taken = engine.count_tokens(render_prompt(example.prompt) + "".join(forced)) + _FRAME_TOKENS
    return taken + INTENT_TOKENS + _answer_room(engine, example) <= engine.model.context_tokens


def _answer_room(engine: Engine, example: Example) -> int:
    return engine.count_tokens(example.prompt.region + example.prompt.intent) + _ANSWER_TOKENS


def _outcome(engine: Engine, example: Example) -> Outcome:
    generation = answer(engine, question(example.prompt, _answer_room(engine, example)), Settings())
    try:
        found = parse_response(generation.text)
    except FormatError:
        return Outcome(example, None, silent=True)
    settings, before = Settings(), example.prompt.region
    edits = diff(before, found.region)
    recent = example.prompt.recent_edits
    change = Change(before, found.region, edits, recent, generation.confidence, settings.min_confidence)
    return Outcome(example, found, silent=objection(change, settings.gates) is not None)
