"""Our engine beside two limits: what the memory can deliver, and what llama.cpp does by itself with the same file.

The *floor* of a token is the time that reading all its weights and its KV cache takes at the rate that was measured for
as many bytes. *Native* is a bare loop around `llama_decode` (`bench/native.py`). Each round reads a prompt of fresh
code from an empty cache and decodes behind it, once with either side; the order alternates. What is compared is the
median of the rounds' ratios, with an interval that takes no distribution for granted.

Only dense models are counted right: where experts take turns, a token reads a part of the tensors.
"""

from __future__ import annotations

import argparse
import itertools
import math
import statistics
from bisect import bisect_right
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from gguf import GGUFReader

from bench.bandwidth import Bandwidth, beyond_cache_bytes, cache_bytes, measure
from bench.native import Native
from tabtab_local.benchmark import Quantiles
from tabtab_local.engine import Generation, LlamaEngine
from tabtab_local.engine.context import Row
from tabtab_local.engine.decoding import most_likely
from tabtab_local.errors import ModelError, UsageError
from tabtab_local.fingerprint import file_sha256
from tabtab_local.machine import Machine, default_threads, describe
from tabtab_local.prompt import EDIT_END

_CACHE_VALUE_BYTES = 2  # llama.cpp keeps keys and values in float16
_FEWEST_ROUNDS = 6  # fewer give no interval of 95 %
_LINES_APART = 23  # between the beginnings of two prompts


@dataclass(frozen=True)
class Settings:
    """What is measured: rounds of a prompt of up to `prompt_tokens` and `decoded_tokens` behind it."""

    rounds: int = 12
    prompt_tokens: int = 512
    decoded_tokens: int = 64
    threads: int | None = None

    def __post_init__(self) -> None:
        if self.rounds < _FEWEST_ROUNDS:
            raise UsageError(f"{self.rounds} rounds give no interval: measure {_FEWEST_ROUNDS} or more")
        if self.decoded_tokens < 2:
            raise UsageError(f"{self.decoded_tokens} decoded tokens have no time between them: decode 2 or more")


@dataclass(frozen=True)
class Work:
    """What a token makes a decoder read: all `weight_bytes`, and the keys and values behind `depth_tokens`."""

    weight_bytes: int
    cache_bytes: int
    depth_tokens: int

    @property
    def total_bytes(self) -> int:
        """Both together."""
        return self.weight_bytes + self.cache_bytes


@dataclass(frozen=True)
class Ratio:
    """The median of ratios that were measured in pairs, and an interval that holds the true one with 95 %."""

    median: float
    low: float
    high: float

    @classmethod
    def of(cls, values: Iterable[float]) -> Ratio:
        """Return the ratio of six pairs or more; the interval ends at two of the values (sign test)."""
        ordered = sorted(values)
        count = len(ordered)
        # So many of the smallest and of the largest may be left out: fewer than that lie beyond the true median by
        # chance, on one side or the other, in one case of twenty at most.
        tails = itertools.accumulate(math.comb(count, i) / 2**count for i in range(count))
        left_out = bisect_right(list(tails), 0.025) - 1
        return cls(statistics.median(ordered), ordered[left_out], ordered[count - 1 - left_out])


@dataclass(frozen=True)
class Side:
    """One side's figures: the time of a token of a prompt, and of a decoded one; each value is the mean of a round."""

    prompt_ms_per_token: Quantiles
    decode_ms_per_token: Quantiles


@dataclass(frozen=True)
class Record:
    """A measurement, with what it was taken on.

    `decode_ratio` and `prompt_ratio` are our time over the native one; `model_sized` is reading as many bytes as a
    token does, which caches may then hold in part, `beyond_cache` reading more than they can.
    """

    model: str
    file_type: str
    sha256: str
    random_weights: bool
    threads: int
    settings: Settings
    work: Work
    model_sized: Bandwidth
    beyond_cache: Bandwidth
    last_level_cache_bytes: int | None
    floor_ms: float
    native: Side
    ours: Side
    decode_ratio: Ratio
    prompt_ratio: Ratio
    machine: Machine

    def as_json(self) -> dict[str, object]:
        """Return the record as values that `json.dumps` takes."""
        return asdict(self)


@dataclass(frozen=True)
class Times:
    """What one side took in one round."""

    prompt_ms_per_token: float
    decode_ms_per_token: float


class Endless(LlamaEngine):
    """Our engine, but that no token ends an answer: another one is put in its place, so that rounds are of a size."""

    _ending: int
    _substitute: int

    def _choose(self, row: Row, allowed: npt.NDArray[np.int64] | None, chosen: Sequence[int]) -> int:
        token = most_likely(row, allowed, chosen)
        return self._substitute if token == self._ending or self._vocabulary.ends_text(token) else token

    def answer(self, prompt: str, tokens: int) -> Generation:
        """Read `prompt` from an empty cache and decode that many tokens."""
        self.forget()
        self._ending, self._substitute = self._vocabulary.marker(EDIT_END), self._vocabulary.tokenize("\n")[0]
        return self.generate(prompt, "", max_tokens=tokens, stop=EDIT_END)


def compare(path: Path, settings: Settings, *, progress: Callable[[str], None]) -> Record:
    """Measure the GGUF at `path` beside its limits.

    Raises `ModelError` for a file that is no model of ours, `UsageError` where a round does not fit into its context.
    """
    threads = settings.threads or default_threads()
    context_tokens = settings.prompt_tokens + settings.decoded_tokens
    progress("loading the model twice")
    engine = Endless(path, threads=threads, context_tokens=context_tokens)
    with engine, Native(path, threads=threads, context_tokens=context_tokens) as native:
        reader = GGUFReader(path)
        work = read_work(reader, settings.prompt_tokens + settings.decoded_tokens // 2)
        progress("reading memory")
        model_sized = measure(work.total_bytes, threads=threads)
        beyond_cache = measure(beyond_cache_bytes(), threads=threads)
        progress(f"warming up, then {settings.rounds} rounds")
        pairs = [play(engine, native, settings, number) for number in range(settings.rounds + 1)][1:]
        model = engine.model
    ours, theirs = [pair[0] for pair in pairs], [pair[1] for pair in pairs]
    return Record(
        model=model.name,
        file_type=model.file_type,
        sha256=file_sha256(path),
        random_weights=_value(reader, "tabtab.random_weights", False),
        threads=threads,
        settings=settings,
        work=work,
        model_sized=model_sized,
        beyond_cache=beyond_cache,
        last_level_cache_bytes=cache_bytes(),
        floor_ms=model_sized.ms(work.total_bytes),
        native=_side(theirs),
        ours=_side(ours),
        decode_ratio=Ratio.of(us.decode_ms_per_token / them.decode_ms_per_token for us, them in pairs),
        prompt_ratio=Ratio.of(us.prompt_ms_per_token / them.prompt_ms_per_token for us, them in pairs),
        machine=describe(),
    )


def read_work(reader: GGUFReader, depth_tokens: int) -> Work:
    """Return what a token behind `depth_tokens` others reads, from the tensors of a GGUF.

    The embedding counts whole where it is the output matrix as well; otherwise a token reads one row of it. Raises
    `ModelError` for a model with experts.
    """
    architecture = _value(reader, "general.architecture", "")
    if _value(reader, f"{architecture}.expert_count", 0):
        raise ModelError("the model has experts, of which a token reads only some: give a dense one")
    sizes = {tensor.name: int(tensor.n_bytes) for tensor in reader.tensors}
    if "output.weight" in sizes:
        rows = next(int(tensor.shape[-1]) for tensor in reader.tensors if tensor.name == "token_embd.weight")
        sizes["token_embd.weight"] //= rows
    attention = f"{architecture}.attention"
    heads = _value(reader, f"{attention}.head_count", 0)
    head_size = _value(reader, f"{architecture}.embedding_length", 0) // max(heads, 1)
    values = sum(_value(reader, f"{attention}.{kind}_length", head_size) for kind in ("key", "value"))
    layers = _value(reader, f"{architecture}.block_count", 0)
    per_token = layers * _value(reader, f"{attention}.head_count_kv", heads) * values * _CACHE_VALUE_BYTES
    return Work(sum(sizes.values()), per_token * depth_tokens, depth_tokens)


def play(engine: Endless, native: Native, settings: Settings, number: int) -> tuple[Times, Times]:
    """Return what a round took: ours, and native. The side that begins changes from one `number` to the next."""
    prompt = code_prompt(engine.count_tokens, settings.prompt_tokens, number * _LINES_APART)

    steps = settings.decoded_tokens - 1  # the first token comes with the prompt

    def play_ours() -> Times:
        timings = engine.answer(prompt, settings.decoded_tokens).timings
        return Times(timings.prompt_ms / timings.evaluated_tokens, timings.decode_ms / steps)

    def play_native() -> Times:
        tokens = engine.count_tokens(prompt)
        return Times(native.prompt_ms(tokens) / tokens, native.decode_ms(steps) / steps)

    if number % 2:
        ours = play_ours()
        return ours, play_native()
    theirs = play_native()
    return play_ours(), theirs


def code_prompt(count_tokens: Callable[[str], int], tokens: int, first_line: int) -> str:
    """Return real code, of the standard library, in as many whole lines as have at most `tokens` tokens.

    Raises `UsageError` where not even one line fits.
    """
    lines = Path(argparse.__file__).read_text(encoding="utf-8").splitlines(keepends=True)
    first_line %= len(lines)
    # A line has a token or more.
    window = list(itertools.islice(itertools.cycle(lines), first_line, first_line + tokens))
    fitting = bisect_right(range(1, len(window) + 1), tokens, key=lambda count: count_tokens("".join(window[:count])))
    if not fitting:
        raise UsageError(f"a prompt of {tokens} tokens has no room for a line of code: allow more")
    return "".join(window[:fitting])


def render(record: Record) -> str:
    """Return the record as a table."""
    machine, work = record.machine, record.work
    random = " · RANDOM WEIGHTS of a true shape" if record.random_weights else ""
    cache = "of unknown size" if (size := record.last_level_cache_bytes) is None else f"of {size / 2**20:,.0f} MiB"
    ours, native = record.ours, record.native
    rows = [
        f"{record.model} · {record.file_type} · sha256 {record.sha256[:12]} · {record.threads} threads · "
        f"{machine.cpu}, {machine.physical_cores} cores{random}",
        f"a token behind {work.depth_tokens:,} others reads {work.weight_bytes / 1e6:,.1f} MB of weights and "
        f"{work.cache_bytes / 1e6:,.1f} MB of KV cache",
        f"memory: {_rate(record.model_sized)}, {_rate(record.beyond_cache)}; the last-level cache is {cache}",
        "",
        f"{f'median (p95), {record.settings.rounds} rounds':<28}{'ms a token':>18}{'prompt tokens/s':>18}"
        f"{'speed of the floor':>22}",
        f"{'floor: reading alone':<28}{record.floor_ms:>18.2f}{'':>18}{1:>22.0%}",
        _row("native llama_decode", native, record.floor_ms),
        _row("tabtab-local", ours, record.floor_ms),
        "",
        f"ours over native: decoding {_overhead(record.decode_ratio)}, prompts {_overhead(record.prompt_ratio)}",
    ]
    return "\n".join(rows)


def _side(times: list[Times]) -> Side:
    return Side(
        Quantiles.of(each.prompt_ms_per_token for each in times),
        Quantiles.of(each.decode_ms_per_token for each in times),
    )


def _value(reader: GGUFReader, name: str, default: Any) -> Any:
    field = reader.get_field(name)
    return default if field is None else field.contents()


def _row(label: str, side: Side, floor_ms: float) -> str:
    decode, prompt = side.decode_ms_per_token, 1000 / side.prompt_ms_per_token.p50
    cell = f"{decode.p50:,.2f} ({decode.p95:,.2f})"
    return f"{label:<28}{cell:>18}{prompt:>18,.0f}{floor_ms / decode.p50:>22.0%}"


def _rate(bandwidth: Bandwidth) -> str:
    best, median = bandwidth.best_bytes_per_s / 1e9, bandwidth.median_bytes_per_s / 1e9
    return f"{best:.1f} GB/s at best ({median:.1f} median) in {bandwidth.array_bytes / 1e6:,.0f} MB"


def _overhead(ratio: Ratio) -> str:
    return f"{ratio.median - 1:+.1%} ({ratio.low - 1:+.1%} to {ratio.high - 1:+.1%})"
