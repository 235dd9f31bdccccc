"""A first look at a model: how often it restores the code that was removed, on documents that training did not see.

Not the evaluation that models are compared by, which runs unit tests. The examples are made as training examples are,
from other seeds of the everyday generator and from the texts that a corpus holds out; the model answers through the
runtime.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from tabtab_local.answer import INTENT_TOKENS
from tabtab_local.config import Settings
from tabtab_local.edits import diff
from tabtab_local.engine import Engine, LlamaEngine
from tabtab_local.gates import Change, objection
from tabtab_local.prompt import Response, forced_region, render_prompt
from training.corpus import store
from training.corpus.window import Windows
from training.data.corruption import Example, corrupt
from training.data.document import Document
from training.data.source import everyday
from training.evaluation.statistic import wilson
from training.settings import KIND_WEIGHTS
from training.trial import answer_room, attempt

Draw = Callable[[random.Random], Document]

# With its answer, a window of this size fits into the nano's context.
_WINDOW_CHARACTERS = 1800

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


def measure(model: Path, corpus: Path, count: int, seed: int) -> dict[str, list[Outcome]]:
    """Return the outcomes of `count` examples each of generated code and of what the built `corpus` holds out.

    Examples that do not fit into the model's context are passed over, as the runtime would show less of the code.
    """
    draw = {"everyday code": everyday.document, "held-out code": _held_out(corpus)}
    with LlamaEngine(model) as engine:
        return {
            source: [_outcome(engine, example) for example in _examples(engine, document, f"{seed}/{source}", count)]
            for source, document in draw.items()
        }


def _held_out(corpus: Path) -> Draw:
    windows = Windows(store.Texts(corpus, store.HELD_OUT), KIND_WEIGHTS, 0, _WINDOW_CHARACTERS)
    return lambda rng: windows.window(rng.randrange(len(windows)), rng)[1]


def report(outcomes: dict[str, list[Outcome]]) -> str:
    """Return a Markdown table with 95 % Wilson intervals."""
    lines = ["| code | corruption | examples | exact match, % (95 % interval) |", "|---|---|---|---|"]
    for source, rows in outcomes.items():
        kinds = sorted({row.example.kind for row in rows})
        groups = [("all edits", [row for row in rows if not row.example.kind.startswith("no_edit")])]
        groups += [(kind, [row for row in rows if row.example.kind == kind]) for kind in kinds]
        for name, group in groups:
            lines.append(f"| {source} | {name} | {len(group)} | {wilson([row.exact for row in group])} |")
        shown = [row for row in rows if not row.silent]
        lines.append(f"| {source} | of what is shown | {len(shown)} | {wilson([row.exact for row in shown])} |")
        lines.append(
            f"| {source} | answers in the format | {len(rows)} | {wilson([row.answer is not None for row in rows])} |"
        )
    return "\n".join(lines)


def _examples(engine: Engine, document: Draw, seed: str, count: int) -> Iterator[Example]:
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
    return taken + INTENT_TOKENS + answer_room(engine, example.prompt) <= engine.model.context_tokens


def _outcome(engine: Engine, example: Example) -> Outcome:
    settings, asked = Settings(), example.prompt
    trial = attempt(engine, asked, settings)
    if trial.response is None:
        return Outcome(example, None, silent=True)
    edits = diff(asked.region, trial.response.region)
    change = Change(
        asked.region, trial.response.region, edits, asked.recent_edits, trial.confidence, settings.min_confidence
    )
    return Outcome(example, trial.response, silent=objection(change, settings.gates) is not None)
