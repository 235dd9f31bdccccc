"""Is what a session decodes what plain greedy decoding says? And does an early stop say what the end would have said?

Traces are typed through a session, with everything that makes it fast: caches of former keys, drafts, an early stop.
Each answer is then decoded again, one token at a time from an empty cache. Tokens that differ are no error where the
two best logits lie within what rounding does: which tokens are evaluated together changes the order of sums. So the
margin of the two is measured wherever answers part, beside the rounding itself: how far the logits of one and the same
token lie apart when an answer is computed token by token and in batches.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from itertools import takewhile
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from tabtab_local.answer import Question, answer
from tabtab_local.complete import Completion, judged
from tabtab_local.config import Settings
from tabtab_local.edits import apply
from tabtab_local.engine import Engine, Generation, LlamaEngine
from tabtab_local.engine.context import Row
from tabtab_local.engine.protocol import UNGUIDED, Guide, never
from tabtab_local.fingerprint import file_sha256
from tabtab_local.machine import Machine, describe
from tabtab_local.replay.load import shipped
from tabtab_local.replay.trace import Step, Trace, steps
from tabtab_local.session import SESSION_SETTINGS, Session
from tabtab_local.suggestion import Snapshot

# How much of a trace is typed at a time, so that the caches are those of somebody typing, and how much of it is taken.
_TYPED_STEPS = 16
_TAKEN_STEPS = 4

# On how many answers rounding is measured, and costs by which drafts are always as long as can be.
_ROUNDED = 40
_FLAT = ((1, 1.0), (64, 1.0))


class Margins(LlamaEngine):
    """An engine that notes, for each token of the last answer, its logit and by how much that was the largest."""

    largest: list[float]
    margins: list[float]

    def _choose(self, row: Row, allowed: npt.NDArray[np.int64] | None, chosen: Sequence[int]) -> int:
        if not chosen:
            self.largest, self.margins = [], []
        best = np.sort(row if allowed is None else row[allowed])[-2:]
        self.largest.append(float(best[-1]))
        self.margins.append(float(best[-1] - best[0]) if len(best) > 1 else float("inf"))
        return super()._choose(row, allowed, chosen)


@dataclass(frozen=True)
class Asked:
    """A request of a session that was answered."""

    prompt: str
    start: str
    max_tokens: int
    stop: str
    typed: str
    generation: Generation


class Recorder(LlamaEngine):
    """An engine that keeps what it was asked for; its arguments are those of `LlamaEngine`."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.asked: list[Asked] = []

    def generate(
        self,
        prompt: str,
        start: str,
        *,
        max_tokens: int,
        stop: str,
        cancel: Callable[[], bool] = never,
        guide: Guide = UNGUIDED,
    ) -> Generation:
        """Continue `prompt`; see `Engine.generate`."""
        made = super().generate(prompt, start, max_tokens=max_tokens, stop=stop, cancel=cancel, guide=guide)
        if max_tokens:
            self.asked.append(Asked(prompt, start, max_tokens, stop, guide.typed, made))
        return made


@dataclass(frozen=True)
class Difference:
    """Where a session's tokens part from those of plain decoding.

    `margin` is how far the best two logits lie apart there, in plain decoding.
    """

    trace: str
    token: int
    margin: float


@dataclass(frozen=True)
class Report:
    """What was compared. `early` counts the states whose suggestion, or silence, is the same when decoded to the end.

    `rounding` is the largest distance of two logits of one token that differ in nothing but the batches.
    """

    model: str
    sha256: str
    seed: int
    states: int
    tokens: int
    drafted_tokens: int
    accepted_tokens: int
    reused_share: float
    differences: tuple[Difference, ...]
    rounding: float
    early: int
    early_states: int
    machine: Machine

    def as_json(self) -> dict[str, object]:
        """Return the report as values that `json.dumps` takes."""
        return asdict(self)


def compare(path: Path, *, states: int, seed: int, threads: int | None, progress: Callable[[str], None]) -> Report:
    """Compare `states` answers of sessions, drawn from the shipped traces, with plain decoding from an empty cache."""
    asked: list[tuple[str, Asked]] = []
    ends: list[tuple[Snapshot, Step]] = []
    traces = list(shipped())
    rng = random.Random(seed)
    with Recorder(path, sequences=4, threads=threads) as engine:
        while len(asked) < states:
            trace = rng.choice(traces)
            progress(f"{len(asked)} of {states}: {trace.name}")
            for one, snapshot, step in _typed(engine, trace, rng):
                asked.append((trace.name, one))
                ends.append((snapshot, step))
        tokens = sum(len(one.generation.tokens) for _, one in asked)
        progress("decoding to the end")
        early = sum(_same_in_the_end(engine, snapshot, step) for snapshot, step in ends)
    progress("decoding from an empty cache")
    with Margins(path, drafts=False, threads=threads) as plain, Margins(path, costs=_FLAT, threads=threads) as batched:
        differences = [found for name, one in asked if (found := _difference(plain, name, one))]
        rounding = max(_rounding(plain, batched, one) for _, one in rng.sample(asked, min(_ROUNDED, len(asked))))
        model = plain.model
    timings = [one.generation.timings for _, one in asked]
    evaluated = sum(one.evaluated_tokens for one in timings)
    return Report(
        model=model.name,
        sha256=file_sha256(path),
        seed=seed,
        states=len(asked),
        tokens=tokens,
        drafted_tokens=sum(one.drafted_tokens for one in timings),
        accepted_tokens=sum(one.accepted_tokens for one in timings),
        reused_share=1 - evaluated / sum(one.prompt_tokens for one in timings),
        differences=tuple(differences),
        rounding=rounding,
        early=early,
        early_states=len(ends),
        machine=describe(),
    )


def render(report: Report) -> str:
    """Return the comparison in words."""
    within = sum(one.margin <= 2 * report.rounding for one in report.differences)
    rows = [
        f"{report.model} · sha256 {report.sha256[:12]} · seed {report.seed} · {report.machine.cpu}",
        f"{report.states} states, {report.tokens} tokens decoded; {report.reused_share:.1%} of the prompts' tokens "
        f"came from the cache, {report.accepted_tokens} of {report.drafted_tokens} drafted tokens were right",
        f"equal to plain greedy decoding from an empty cache: {report.states - len(report.differences)} of "
        f"{report.states}",
        f"where they part, the best two logits are within rounding in {within} of {len(report.differences)} "
        f"(rounding moves a logit by up to {report.rounding:.3g})",
        *(f"  {one.trace}: token {one.token}, margin {one.margin:.3g}" for one in report.differences),
        f"the suggestion, or the silence, is that of decoding to the end: {report.early} of {report.early_states} "
        f"({report.early / max(1, report.early_states):.1%})",
    ]
    return "\n".join(rows)


def _typed(recorder: Recorder, trace: Trace, rng: random.Random) -> Iterator[tuple[Asked, Snapshot, Step]]:
    """Type a part of a trace, asking at each key; yield the last of the requests."""
    session = Session(recorder, name=trace.name)
    all_steps = list(steps(trace))
    start = rng.randrange(max(1, len(all_steps) - _TYPED_STEPS))
    found = []
    for step in all_steps[start : start + _TYPED_STEPS]:
        session.update(step.document)
        recorder.asked.clear()
        suggestion = session.suggest()
        if suggestion.timings and recorder.asked and session.snapshot:
            found.append((recorder.asked[0], session.snapshot, step))
    yield from found[-_TAKEN_STEPS:]


def _same_in_the_end(engine: Engine, snapshot: Snapshot, step: Step) -> bool:
    early, late = (
        _completion(engine, snapshot, step, replace(SESSION_SETTINGS, exact=exact)) for exact in (False, True)
    )
    code = step.document.code
    return apply(code, early.edits) == apply(code, late.edits)


def _completion(engine: Engine, snapshot: Snapshot, step: Step, settings: Settings) -> Completion:
    before = snapshot.before(step.document)
    assert before is not None
    generation = answer(engine, Question(snapshot.prompt, snapshot.max_tokens, before), settings)
    region = snapshot.region_of(step.document)
    return judged(engine.model.name, step.document, region, snapshot.prompt, generation, settings)


def _difference(plain: Margins, trace: str, asked: Asked) -> Difference | None:
    plain.forget()
    tokens = asked.generation.tokens
    # As many tokens as the session decoded: where it stopped early, plain decoding has more to say.
    again = plain.generate(
        asked.prompt, asked.start, max_tokens=len(tokens), stop=asked.stop, guide=Guide(typed=asked.typed)
    )
    for place, (a, b) in enumerate(zip(tokens, again.tokens, strict=False)):
        if a != b:
            return Difference(trace, place, plain.margins[place])
    return None if len(tokens) == len(again.tokens) else Difference(trace, len(again.tokens), float("inf"))


def _rounding(plain: Margins, batched: Margins, asked: Asked) -> float:
    """Return how far the largest logits of an answer lie apart when it is computed in batches."""
    answers = []
    text = asked.generation.text[len(asked.start) :]
    for engine in (plain, batched):
        engine.forget()
        guide = Guide(typed=asked.typed, expect=lambda written: text[len(written) :])
        tokens = len(asked.generation.tokens)
        made = engine.generate(asked.prompt, asked.start, max_tokens=tokens, stop=asked.stop, guide=guide)
        answers.append(list(zip(made.tokens, engine.largest, strict=True)))
    # Behind tokens that differ, logits are of different texts.
    same = takewhile(lambda pair: pair[0][0] == pair[1][0], zip(*answers, strict=False))
    return max((abs(one - other) for (_, one), (_, other) in same), default=0.0)
