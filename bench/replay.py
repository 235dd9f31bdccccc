"""Typing, replayed: our session and others on the same keys in the same run, with the same GGUF.

Each round draws other times between keys; of what the rounds come to, medians are reported. `tabtab_local.replay` has
the person, the clock and the figures; `bench/match.py` who answers when; others are in `bench/peer/`.

Typing what is suggested costs nothing, for whoever keeps a suggestion meanwhile. An engine that answers right is
hardly asked then, so there are modes in which the model is asked at each key, and has not foreseen it: that is what a
key costs that does not type through.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, closing
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from bench.match import MODES, Match, asking_most
from bench.oracle import LABEL, OracleEngine
from tabtab_local.engine import LlamaEngine, ModelInfo
from tabtab_local.engine.cost import ModelCosts, batch_costs
from tabtab_local.errors import UsageError
from tabtab_local.fingerprint import file_sha256
from tabtab_local.machine import Machine, describe
from tabtab_local.replay.asker import Asker
from tabtab_local.replay.press import to_json
from tabtab_local.replay.replay import PAUSE_CAP_MS, Piece, Run, pieces
from tabtab_local.replay.report import report
from tabtab_local.replay.stage import RealTime
from tabtab_local.replay.trace import Trace

_COSTS_REPEATS, _COSTS_S = 20, 20.0

# Answers that are waited for are of a few keys each of many traces: how long an answer is differs from trace to trace
# more than anything else, and reading a document when it is opened counts for no key.
_WAITED_PER_TRACE = 5

# A document's own cache, and one for what comes after Tab.
_SEQUENCES = 2


@dataclass(frozen=True)
class Plan:
    """What is measured: `modes` are names of `MODES`, `peers` names of `bench.peer`, `keys` presses per round.

    `waiting_keys` are those where the person waits for each answer, which may take a peer many seconds; as many where
    not said.
    """

    model: Path
    oracle: bool
    modes: tuple[str, ...]
    peers: tuple[str, ...]
    keys: int
    rounds: int
    threads: int
    context_tokens: int | None = None
    waiting_keys: int | None = None

    def __post_init__(self) -> None:
        for mode in self.modes:
            if mode not in MODES:
                raise UsageError(f"no way of typing is called {mode!r}: choose {', '.join(MODES)}")


@dataclass(frozen=True)
class Record:
    """A comparison, with what it was taken on.

    - `keys`, `traces`: what was typed in a round; `waiting_keys`, `waiting_traces`: where each answer was waited for.
    - `weights`: whose they are; `bench.oracle.LABEL` where answers were put in the model's place.
    - `failed`: the peers that broke down, and how.
    - `lost_tokens`: how many the oracle had no answer for; with any the figures are not those of a right model.
    - `costs`: the time in ms of a batch, by its tokens, with `threads`.
    - `medians`: a `Report` as JSON for each asker and mode, each number the median of all rounds; `rounds` has the
      main figures of each.
    - `presses`: those of the first round, in the mode that tells the most of what a key costs.

    Askers that compute in this process share its memory, so that only its growth tells them apart.
    """

    model: str
    file_type: str
    sha256: str
    parameters: int
    weights: str
    threads: int
    context_tokens: int
    keys: int
    traces: tuple[str, ...]
    waiting_keys: int
    waiting_traces: tuple[str, ...]
    pause_cap_ms: float
    settings: dict[str, Any]
    failed: dict[str, str]
    lost_tokens: int
    costs: dict[int, float]
    medians: tuple[dict[str, Any], ...]
    rounds: tuple[dict[str, Any], ...]
    presses: tuple[dict[str, Any], ...]
    machine: Machine

    def as_json(self) -> dict[str, object]:
        """Return the record as values that `json.dumps` takes."""
        return {"benchmark": "typing", **asdict(self)}


def chosen_peers(names: str, *, progress: Callable[[str], None]) -> tuple[str, ...]:
    """Return who `names` means: "none", names with commas between, or "all", which leaves out who cannot run here.

    Raises `UsageError` for a name that is none, and for somebody who is named and cannot run here.
    """
    if names == "none":
        return ()
    from bench import peer  # loads what the peers need

    chosen = peer.NAMES if names == "all" else tuple(names.split(","))
    reasons = {}
    for name in chosen:
        if name not in peer.NAMES:
            raise UsageError(f"no peer is called {name!r}: choose all, none, or some of {', '.join(peer.NAMES)}")
        if reason := peer.available(name):
            reasons[name] = reason
    if reasons and names != "all":
        name, reason = next(iter(reasons.items()))
        raise UsageError(f"{name} cannot run here ({reason}): install it or leave it out")
    for name, reason in reasons.items():
        progress(f"without {name}: {reason}")
    return tuple(name for name in chosen if name not in reasons)


def compare(plan: Plan, traces: Sequence[Trace], *, progress: Callable[[str], None]) -> Record:
    """Replay traces with ours and the plan's peers.

    Raises `ModelError` for a file that is no model of ours and `UsageError` for a peer that cannot run here.
    """
    replayed = pieces(traces, plan.keys)
    waited = pieces(traces, plan.waiting_keys or plan.keys, per_trace=_WAITED_PER_TRACE)
    progress("measuring what batches cost")
    costs = batch_costs(plan.model, [plan.threads], repeats=_COSTS_REPEATS, budget_s=_COSTS_S)
    with ExitStack() as stack:
        stage = stack.enter_context(RealTime())
        engine = stack.enter_context(_engine(plan, costs))
        match = Match(engine, list(_opened(plan, engine, stack, progress)), replayed, stage, progress, waited)
        match.warm_up()
        if isinstance(engine, OracleEngine):
            engine.lost_tokens = 0
        found = []
        for number in range(plan.rounds):
            for mode in plan.modes:
                progress(f"round {number + 1} of {plan.rounds}: {mode}")
                found += [(number, mode, run) for run in match.round(mode, number)]
        return _record(plan, engine, costs, match, found)


def medians(documents: Sequence[Any]) -> Any:
    """Return one document in the place of several of the same form, with the median of each number.

    None stands for more than is known.
    """
    values = [value for value in documents if value is not None]
    if 2 * len(values) < len(documents) or not values:
        return None
    first = values[0]
    if isinstance(first, dict):
        return {key: medians([value[key] for value in values]) for key in first}
    if isinstance(first, list | tuple):
        return [medians(column) for column in zip(*values, strict=True)]
    if isinstance(first, int | float):
        median = statistics.median([*values, *[math.inf] * (len(documents) - len(values))])
        return median if math.isfinite(median) else None
    return first


def _engine(plan: Plan, costs: ModelCosts) -> LlamaEngine:
    kind = OracleEngine if plan.oracle else LlamaEngine
    return kind(
        plan.model,
        context_tokens=plan.context_tokens,
        threads=plan.threads,
        sequences=_SEQUENCES,
        costs=tuple(costs.ms[plan.threads].items()),
    )


def _opened(plan: Plan, engine: LlamaEngine, stack: ExitStack, progress: Callable[[str], None]) -> Iterator[Asker]:
    if not plan.peers:
        return
    from bench import peer  # loads what the peers need

    for name in plan.peers:
        progress(f"starting {name}")
        opened = peer.open_peer(
            name,
            plan.model,
            threads=plan.threads,
            context_tokens=engine.model.context_tokens,
            oracle=plan.oracle,
        )
        yield stack.enter_context(closing(opened))


def _record(
    plan: Plan, engine: LlamaEngine, costs: ModelCosts, match: Match, found: Sequence[tuple[int, str, Run]]
) -> Record:
    model: ModelInfo = engine.model
    found = [(number, mode, run) for number, mode, run in found if run.asker not in match.failed]
    reports = [(number, {**report(run, MODES[mode].speed).as_json(), "speed": mode}) for number, mode, run in found]
    pairs = list(dict.fromkeys((one["asker"], one["speed"]) for _, one in reports))
    return Record(
        model=model.name,
        file_type=model.file_type,
        sha256=file_sha256(plan.model),
        parameters=model.parameters,
        weights=LABEL if plan.oracle else "random weights" if costs.random_weights else "its own",
        threads=plan.threads,
        context_tokens=model.context_tokens,
        keys=_keys(match.replayed),
        traces=tuple(piece.name for piece in match.replayed),
        waiting_keys=_keys(match.waited),
        waiting_traces=tuple(piece.name for piece in match.waited),
        pause_cap_ms=PAUSE_CAP_MS,
        settings=match.settings,
        failed=match.failed,
        lost_tokens=engine.lost_tokens if isinstance(engine, OracleEngine) else 0,
        costs=dict(costs.ms[plan.threads]),
        medians=tuple(medians([one for _, one in reports if (one["asker"], one["speed"]) == pair]) for pair in pairs),
        rounds=tuple(_main_figures(number, one) for number, one in reports),
        presses=tuple(
            {"asker": run.asker, "speed": mode, **to_json(run.presses)}
            for number, mode, run in found
            if number == 0 and mode == asking_most(plan.modes)
        ),
        machine=describe(),
    )


def _keys(replayed: Sequence[Piece]) -> int:
    return sum(step.is_key for piece in replayed for step in piece.steps)


def _main_figures(number: int, one: dict[str, Any]) -> dict[str, Any]:
    """Return what shows how far rounds lie apart."""
    keys, asked = one["keys"], one["asked"]
    return {
        "round": number,
        "asker": one["asker"],
        "speed": one["speed"],
        "first_ms": asked and asked["first_ms"],
        "full_ms": asked and asked["full_ms"],
        "coverage": keys["coverage"] and keys["coverage"]["value"],
    }
