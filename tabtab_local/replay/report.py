"""What a replay comes to: answer times, tokens, coverage, processor time and memory. Pure.

**Coverage** is the share of key presses for which, before the next press, there was a complete answer for exactly the
text on screen: a suggestion, one that was already there and still held, or the decision to stay silent. How many had
something to *see* in time, be it the beginning of a suggestion, is given beside it: that depends on how often a model
has something to say, coverage does not.

An answer that the next press stopped would have taken longer; how much is not known. Such answers count as longer than
all others, and a quantile that falls on one is None.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass

from tabtab_local.replay.press import Press
from tabtab_local.replay.replay import Run
from tabtab_local.replay.speed import Speed, speed_of
from tabtab_local.show import table

# Mean times between keys for which coverage is computed from answer times, in ms.
MEANS_MS = (30, 40, 50, 60, 80, 100, 120, 150, 180, 210, 238.66, 270, 300, 400, 500, 700, 1000)

_Z = statistics.NormalDist().inv_cdf(0.975)


@dataclass(frozen=True)
class Spread:
    """Quantiles of `count` values; p95 and p99 are measured values, not ones in between. None: more than is known."""

    p50: float | None
    p95: float | None
    p99: float | None
    count: int

    @classmethod
    def of(cls, values: Iterable[float | None]) -> Spread:
        """Return the quantiles of values, None being longer than any that is known; all None where there are none."""
        ordered = sorted(math.inf if value is None else value for value in values)
        if not ordered:
            return cls(None, None, None, 0)
        p50, p95, p99 = (_known(value) for value in (statistics.median(ordered), *_tail(ordered)))
        return cls(p50, p95, p99, len(ordered))


@dataclass(frozen=True)
class Share:
    """A proportion of `count` presses with its 95 % interval (Wilson 1927), as if presses were independent."""

    value: float
    low: float
    high: float
    count: int

    @classmethod
    def of(cls, hits: int, count: int) -> Share:
        """Return the share of `hits` among `count`, which is 1 or more: 9 of 10 is 0.9 (0.596 to 0.982)."""
        share, part = hits / count, _Z**2 / count
        middle = (share + part / 2) / (1 + part)
        half = (part * (share * (1 - share) + part / 4)) ** 0.5 / (1 + part)
        # At the ends of the scale the bounds are exact but for rounding.
        return cls(share, 0.0 if hits == 0 else middle - half, 1.0 if hits == count else middle + half, count)


@dataclass(frozen=True)
class Group:
    """Figures of some of the presses.

    `coverage` and `seen` are None where the person waited. Tokens are those of complete answers, none for presses that
    were typed through. `cpu_s_per_press` is a mean.
    """

    presses: int
    first_ms: Spread
    full_ms: Spread
    settled_ms: Spread
    evaluated_tokens: Spread
    drafted_tokens: Spread
    accepted_tokens: Spread
    decoded_tokens: Spread
    coverage: Share | None
    seen: Share | None
    typed_through: Share
    cancelled: Share
    cpu_s_per_press: float


@dataclass(frozen=True)
class Report:
    """What a run comes to.

    - `mean_ms`: mean time between keys; None where the person waited for each answer.
    - `keys`: all presses of keys; of these `asked` are the ones for which a model was asked, and `new_place` the first
      ones after a jump or an accepted suggestion. `jumps` are no presses of keys; the opening of a file is one.
      None where there are none.
    - `by_speed`: for a person who waited, pairs of a mean time between keys and the coverage that follows from the
      answer times, if work that is cut off neither helps nor hinders the next answer.
    """

    asker: str
    speed: str
    mean_ms: float | None
    keys: Group | None
    asked: Group | None
    new_place: Group | None
    jumps: Group | None
    by_speed: tuple[tuple[float, float], ...]
    memory_peak_bytes: int
    memory_growth_bytes: int

    def as_json(self) -> dict[str, object]:
        """Return the report as values that `json.dumps` takes."""
        return asdict(self)


def report(run: Run, speed: Speed | None) -> Report:
    """Return what a run comes to; `speed` is the typist's, or None where the person waited."""
    keys = [press for press in run.presses if press.is_key]
    return Report(
        asker=run.asker,
        speed=speed.name if speed else "unhurried",
        mean_ms=speed.mean_ms if speed else None,
        keys=_group(keys),
        asked=_group([press for press in keys if not press.typed_through]),
        new_place=_group([press for press in keys if press.new_place]),
        jumps=_group([press for press in run.presses if not press.is_key]),
        by_speed=() if speed or not keys else tuple((mean, coverage_at(keys, speed_of(mean))) for mean in MEANS_MS),
        memory_peak_bytes=max(run.memory_bytes, default=0),
        memory_growth_bytes=run.memory_bytes[-1] - run.memory_bytes[0] if run.memory_bytes else 0,
    )


def coverage_at(presses: Sequence[Press], speed: Speed) -> float:
    """Return the share of presses (one or more) that a typist of this `speed` would have had an answer for in time.

    The time between keys is drawn anew for each press, without thinking: the mean over presses of the probability that
    it is longer than the answer took.
    """
    sigma = math.sqrt(math.log1p(speed.variation**2))
    mu = math.log(speed.mean_ms) - sigma**2 / 2
    logarithm = statistics.NormalDist(mu, sigma)
    chances = (
        0.0 if press.full_ms is None else 1 - logarithm.cdf(math.log(max(press.full_ms, 1e-6))) for press in presses
    )
    return statistics.fmean(chances)


def render(reports: Sequence[Report]) -> str:
    """Return reports as a table for people, a line for each."""
    head = ("", "TYPING", "KEYS", "COVERAGE", "SEEN", "THROUGH", "FIRST GHOST, MS", "FULL, MS", "CPU S/KEY", "MEMORY")
    rows = [head]
    for one in reports:
        if one.keys is None:
            continue
        keys = one.keys
        rows.append(
            (
                one.asker,
                one.speed,
                f"{keys.presses}",
                _per_cent(keys.coverage),
                _per_cent(keys.seen),
                _per_cent(keys.typed_through),
                quantiles(keys.first_ms),
                quantiles(keys.full_ms),
                f"{keys.cpu_s_per_press:.3f}",
                f"{one.memory_peak_bytes / 1e6:,.0f} MB",
            )
        )
    return "\n".join(table(rows))


def quantiles(spread: Spread) -> str:
    """Return p50 / p95 / p99 for a table; `>` where the next press came first."""
    if not spread.count:
        return "–"
    return " / ".join(">" if value is None else f"{value:,.1f}" for value in (spread.p50, spread.p95, spread.p99))


def _group(presses: Sequence[Press]) -> Group | None:
    if not presses:
        return None
    answered = [press for press in presses if not press.cancelled]
    showing = [press.first_ms for press in presses if press.first_ms is not None or press.cancelled]
    timed = all(press.interval_ms is not None for press in presses)

    def tokens(count: Callable[[Press], int]) -> Spread:
        return Spread.of(count(press) for press in answered)

    def share(hit: Callable[[Press], bool]) -> Share:
        return Share.of(sum(map(hit, presses)), len(presses))

    return Group(
        presses=len(presses),
        first_ms=Spread.of(showing),
        full_ms=Spread.of(press.full_ms for press in presses),
        settled_ms=Spread.of(press.settled_ms for press in presses),
        evaluated_tokens=tokens(lambda press: press.evaluated_tokens),
        drafted_tokens=tokens(lambda press: press.drafted_tokens),
        accepted_tokens=tokens(lambda press: press.accepted_tokens),
        decoded_tokens=tokens(lambda press: press.decoded_tokens),
        coverage=share(lambda press: press.answered_in_time) if timed else None,
        seen=share(lambda press: press.seen_in_time) if timed else None,
        typed_through=share(lambda press: press.typed_through),
        cancelled=share(lambda press: press.cancelled),
        cpu_s_per_press=statistics.fmean(press.cpu_s for press in presses),
    )


def _tail(ordered: Sequence[float]) -> tuple[float, float]:
    p95, p99 = (ordered[math.ceil(share * len(ordered)) - 1] for share in (0.95, 0.99))
    return p95, p99


def _known(value: float) -> float | None:
    return value if math.isfinite(value) else None


def _per_cent(share: Share | None) -> str:
    return "–" if share is None else f"{100 * share.value:.1f} %"
