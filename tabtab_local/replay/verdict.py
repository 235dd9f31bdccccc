"""Whether a model keeps up with typing on this machine, in less than two minutes and one sentence.

The beginnings of a few traces are replayed through a session, in real time: at average and at fast typing speed, and by
a person who waits for each answer. See `report.py` for what coverage means.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from pathlib import Path

from tabtab_local.engine import LlamaEngine
from tabtab_local.fingerprint import file_sha256
from tabtab_local.machine import Machine, describe
from tabtab_local.replay.load import shipped
from tabtab_local.replay.ours import SessionAsker
from tabtab_local.replay.replay import pieces, typed, unhurried
from tabtab_local.replay.report import Report, render, report
from tabtab_local.replay.speed import AVERAGE, FAST
from tabtab_local.replay.stage import RealTime, Stage
from tabtab_local.replay.trace import Trace
from tabtab_local.tuning import engine_settings

# A model keeps up where this share of keys has an answer in time.
KEEPS_UP = 0.95

_KEYS = 600
_KEYS_PER_TRACE = 25
_PAUSE_CAP_MS = 300.0
_WARM_UP_S, _AVERAGE_S, _FAST_S, _UNHURRIED_S = 3.0, 40.0, 25.0, 10.0

# A document's own cache, and one for what comes after Tab.
_SEQUENCES = 2


@dataclass(frozen=True)
class Verdict:
    """What a replay on this machine came to, and what that means, in a sentence."""

    model: str
    file_type: str
    sha256: str
    threads: int
    average: Report
    fast: Report
    unhurried: Report
    sentence: str
    machine: Machine

    def as_json(self) -> dict[str, object]:
        """Return the verdict as values that `json.dumps` takes."""
        return asdict(self)


def measure(
    path: Path,
    *,
    threads: int | None = None,
    traces: Sequence[Trace] | None = None,
    progress: Callable[[str], None] = lambda message: None,
) -> Verdict:
    """Replay typing with the model at `path`, run as it is set up for this machine, unless `threads` says otherwise.

    It takes about 80 seconds, or less where `traces`, those shipped unless given, have less. Raises `ModelError` for a
    file that is no model of ours.
    """
    tuned = engine_settings(path)
    threads = threads or tuned.threads
    replayed = pieces(traces or shipped(), _KEYS, per_trace=_KEYS_PER_TRACE)
    progress("loading")
    with ExitStack() as stack:
        engine = stack.enter_context(LlamaEngine(path, threads=threads, costs=tuned.costs, sequences=_SEQUENCES))
        stage: Stage = stack.enter_context(RealTime())
        asker = SessionAsker(engine, name=engine.model.name)
        unhurried(asker, replayed, budget_s=_WARM_UP_S)
        runs = []
        for speed, budget_s in ((AVERAGE, _AVERAGE_S), (FAST, _FAST_S)):
            progress(f"typing at {speed.name} speed, {speed.mean_ms:.0f} ms between keys, for {budget_s:.0f} s")
            run = typed(asker, replayed, speed, stage, pause_cap_ms=_PAUSE_CAP_MS, budget_s=budget_s)
            runs.append(report(run, speed))
        progress(f"waiting for each answer, for {_UNHURRIED_S:.0f} s")
        waited = report(unhurried(asker, replayed, budget_s=_UNHURRIED_S), None)
        model = engine.model
    average, fast = runs
    return Verdict(
        model=model.name,
        file_type=model.file_type,
        sha256=file_sha256(model.path),
        threads=threads,
        average=average,
        fast=fast,
        unhurried=waited,
        sentence=sentence(model.name, _coverage(average), _coverage(fast)),
        machine=describe(),
    )


def sentence(model: str, average: float, fast: float) -> str:
    """Return what the coverage at both speeds, as shares of 1, means for a user."""
    at_average = f"{_per_cent(average)} of keys had a fresh answer before the next at {AVERAGE.mean_ms:.0f} ms"
    at_fast = f"at {FAST.mean_ms:.0f} ms"
    if average >= KEEPS_UP and fast >= KEEPS_UP:
        return (
            f"{model} keeps up with fast typing on this machine: "
            f"{_per_cent(fast)} of keys had a fresh answer before the next {at_fast}."
        )
    if average >= KEEPS_UP:
        return (
            f"{model} keeps up with average typing on this machine, but not with fast typing: "
            f"{at_average}, {_per_cent(fast)} {at_fast}."
        )
    return f"{model} does not keep up with typing on this machine: {at_average}; a smaller model or quant is faster."


def render_verdict(verdict: Verdict) -> str:
    """Return the figures as a table, and the sentence at its end."""
    machine = verdict.machine
    return "\n".join(
        (
            f"{verdict.model} · {verdict.file_type} · sha256 {verdict.sha256[:12]} · {verdict.threads} threads · "
            f"{machine.cpu}, {machine.physical_cores} cores",
            "",
            render((verdict.average, verdict.fast, verdict.unhurried)),
            "",
            "COVERAGE: keys with an answer for exactly the text on screen, a suggestion or silence, before the next.",
            "SEEN: keys with something to see by then. THROUGH: keys that only typed what was suggested already.",
            "FIRST GHOST, FULL: p50 / p95 / p99; > where the next key came first.",
            "",
            verdict.sentence,
        )
    )


def _coverage(one: Report) -> float:
    return one.keys.coverage.value if one.keys and one.keys.coverage else 0.0


def _per_cent(share: float) -> str:
    # Never rounded up to all, nor to what is asked for.
    return f"{int(100 * share)} %"
