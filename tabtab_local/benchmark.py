"""What a model costs on this machine: loading, reading a prompt, answering a keystroke.

Two situations are measured, on one fixed piece of code. *Cold*: nothing of the prompt has been read, as after another
file has been opened. *Keystroke*: one more character has been typed since the last request, so nearly all of it has.
A warm-up comes first, each situation is repeated, and medians and 95th percentiles are given.
"""

from __future__ import annotations

import math
import statistics
import sys
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import psutil

from tabtab_local.engine import Engine, Generation, LlamaEngine
from tabtab_local.errors import UsageError
from tabtab_local.fingerprint import file_sha256
from tabtab_local.machine import Machine, default_threads, describe
from tabtab_local.prompt import EDIT_END, Prompt, RecentEdit, render_prompt, response_start

DEFAULT_REPEATS = 20

# Enough for the example's answer; a model that runs on is stopped here.
MAX_TOKENS = 48

_CODE_ABOVE = '''\
import argparse
from pathlib import Path

import pandas as pd

COLUMNS = ["date", "region", "product", "units", "price"]


def load_sales(folder: Path) -> pd.DataFrame:
    """Read every CSV file in `folder` into one table."""
    frames = []
    for path in sorted(folder.glob("*.csv")):
        frame = pd.read_csv(path, usecols=COLUMNS, parse_dates=["date"])
        frame["source"] = path.stem
        frames.append(frame)
    if not frames:
        raise FileNotFoundError(f"no CSV files in {folder}")
    return pd.concat(frames, ignore_index=True)


def clean(sales: pd.DataFrame) -> pd.DataFrame:
    """Drop rows that cannot be counted, and add the revenue of each row."""
    sales = sales.dropna(subset=["units", "price"])
    sales = sales[sales["units"] > 0].copy()
    sales["revenue"] = sales["units"] * sales["price"]
    return sales


def by_region(sales: pd.DataFrame) -> pd.DataFrame:
    """Return the units and revenue of each region, the largest revenue first."""
    grouped = sales.groupby("region")[["units", "revenue"]].sum()
    return grouped.sort_values("revenue", ascending=False)
'''
_REGION = '''\
def by_month(sales: pd.DataFrame) -> pd.DataFrame:
    """Return the revenue of each month and product."""
    months = sales["date"].dt.to_period("M")
    grouped = sales.
    return grouped.unstack("product").fillna(0)
'''
_CODE_BELOW = """\
def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=Path)
    arguments = parser.parse_args()
    sales = clean(load_sales(arguments.folder))
    print(by_region(sales))
    print(by_month(sales))


if __name__ == "__main__":
    main()
"""
_INTENT = "group the revenue by month and product"
_TYPED = 'groupby([months, "product"])["revenue"].sum()'


@dataclass(frozen=True)
class Quantiles:
    """The median and the 95th percentile of a set of measurements."""

    p50: float
    p95: float

    @classmethod
    def of(cls, values: Iterable[float]) -> Quantiles:
        """Return the quantiles of one value or more; the 95th percentile is a measured value, not one in between."""
        ordered = sorted(values)
        return cls(statistics.median(ordered), ordered[math.ceil(0.95 * len(ordered)) - 1])


@dataclass(frozen=True)
class Situation:
    """A kind of request, repeated. `decode_ms_per_token` is the mean of a request, and nothing where no request
    decoded two tokens; `prompt_tokens` and `evaluated_tokens` are medians."""

    prompt_tokens: float
    evaluated_tokens: float
    first_token_ms: Quantiles
    total_ms: Quantiles
    decode_ms_per_token: Quantiles | None


@dataclass(frozen=True)
class Report:
    """A model's cost on a machine. `peak_memory_bytes` is the whole process's, at its highest."""

    model: str
    file_type: str
    size_bytes: int
    sha256: str
    parameters: int
    context_tokens: int
    threads: int
    repeats: int
    load_ms: Quantiles
    prompt_tokens_per_s: float
    cold: Situation
    keystroke: Situation
    peak_memory_bytes: int
    machine: Machine

    def as_json(self) -> dict[str, object]:
        """Return the report as values that `json.dumps` takes."""
        return asdict(self)


def run(
    path: str | Path,
    *,
    repeats: int = DEFAULT_REPEATS,
    threads: int | None = None,
    context_tokens: int | None = None,
    progress: Callable[[str], None] = lambda message: None,
) -> Report:
    """Measure the model at `path`; `progress` is told what is being measured.

    Raises `UsageError` for fewer than one repeat and for a context too small for the example, and `ModelError` for a
    file that is not a model of ours.
    """
    if repeats < 1:
        raise UsageError(f"{repeats} repeats measure nothing: give 1 or more")
    threads = threads or default_threads()
    progress("loading")
    load_ms = [_load_ms(path, threads, context_tokens) for _ in range(min(repeats, 3))]
    with LlamaEngine(path, threads=threads, context_tokens=context_tokens) as engine:
        progress("warming up")
        ask(engine, cold_prompt(0), 0)
        progress(f"cold prompts, {repeats} times")
        cold = [ask(engine, cold_prompt(n), 0) for n in range(1, repeats + 1)]
        progress(f"keystrokes, {repeats} times")
        ask(engine, cold_prompt(0), 0)
        keystrokes = [ask(engine, cold_prompt(0), n) for n in range(1, repeats + 1)]
        model = engine.model
    return Report(
        model=model.name,
        file_type=model.file_type,
        size_bytes=model.size_bytes,
        sha256=file_sha256(model.path),
        parameters=model.parameters,
        context_tokens=model.context_tokens,
        threads=threads,
        repeats=repeats,
        load_ms=Quantiles.of(load_ms),
        prompt_tokens_per_s=statistics.median(
            one.timings.evaluated_tokens / one.timings.prompt_ms * 1000 for one in cold
        ),
        cold=_situation(cold),
        keystroke=_situation(keystrokes),
        peak_memory_bytes=_peak_memory_bytes(),
        machine=describe(),
    )


def render(report: Report) -> str:
    """Return the report as a table for people."""
    machine = report.machine
    power = {None: "", True: ", on battery", False: ", on mains"}[machine.on_battery]
    rows = [
        f"{report.model} · {report.file_type} · {report.parameters / 1e6:,.1f} M parameters · "
        f"{report.size_bytes / 1e6:,.1f} MB · sha256 {report.sha256[:12]}",
        f"{machine.cpu} · {machine.physical_cores} cores · {machine.memory_bytes / 2**30:.0f} GiB · "
        f"{machine.os}{power}",
        f"tabtab-local {machine.tabtab_local} · llama-cpp-python {machine.llama_cpp_python} · "
        f"Python {machine.python} · {report.threads} threads · {report.repeats} repeats",
        "",
        f"{'':<32}{'median':>10}{'p95':>10}",
        _row("load, ms", report.load_ms),
        _row("keystroke: first token, ms", report.keystroke.first_token_ms),
        _row("keystroke: answer, ms", report.keystroke.total_ms),
        _row("cold prompt: first token, ms", report.cold.first_token_ms),
        _row("cold prompt: answer, ms", report.cold.total_ms),
        _row("decoding, ms a token", report.keystroke.decode_ms_per_token),
        "",
        f"reading a prompt: {report.prompt_tokens_per_s:,.0f} tokens/s",
        f"the example has {report.cold.prompt_tokens:,.0f} tokens, of which a keystroke evaluates "
        f"{report.keystroke.evaluated_tokens:,.0f}",
        f"peak memory: {report.peak_memory_bytes / 1e6:,.0f} MB with a context of {report.context_tokens:,} tokens",
    ]
    return "\n".join(rows)


def cold_prompt(number: int) -> str:
    """Return the example as a prompt that shares no beginning with the same prompt of another `number`."""
    # The number stands behind the first heading: at most the heading's few tokens are shared.
    code_above = f"{number} and the files of that number\n{_CODE_ABOVE}"
    edit = RecentEdit('.groupby("region")["units"]', '.groupby("region")[["units", "revenue"]]')
    return render_prompt(Prompt(_REGION, _cursor(), code_above, _CODE_BELOW, (edit,), _INTENT))


def answer_start(typed: int) -> str:
    """Return the forced start of the answer after `typed` characters have been typed at the cursor."""
    extra = _TYPED * (typed // len(_TYPED)) + _TYPED[: typed % len(_TYPED)]
    return f"{response_start(_INTENT)}\n{_REGION[: _cursor()]}{extra}"


def ask(engine: Engine, prompt: str, typed: int) -> Generation:
    """Answer `prompt` after `typed` characters have been typed."""
    return engine.generate(prompt, answer_start(typed), max_tokens=MAX_TOKENS, stop=EDIT_END)


def _cursor() -> int:
    return _REGION.index("sales.\n") + len("sales.")


def _load_ms(path: str | Path, threads: int, context_tokens: int | None) -> float:
    with LlamaEngine(path, threads=threads, context_tokens=context_tokens) as engine:
        return engine.generate("x", "", max_tokens=0, stop=EDIT_END).timings.load_ms


def _situation(results: Sequence[Generation]) -> Situation:
    timings = [result.timings for result in results]
    per_token = [one.decode_ms / (one.decoded_tokens - 1) for one in timings if one.decoded_tokens > 1]
    return Situation(
        prompt_tokens=statistics.median(one.prompt_tokens for one in timings),
        evaluated_tokens=statistics.median(one.evaluated_tokens for one in timings),
        first_token_ms=Quantiles.of(one.first_token_ms for one in timings),
        total_ms=Quantiles.of(one.total_ms for one in timings),
        decode_ms_per_token=Quantiles.of(per_token) if per_token else None,
    )


def _row(label: str, values: Quantiles | None) -> str:
    numbers = f"{values.p50:>10,.1f}{values.p95:>10,.1f}" if values else f"{'-':>10}{'-':>10}"
    return f"{label:<32}{numbers}"


def _peak_memory_bytes() -> int:
    """Return the most memory that the process has held; pages of a mapped model file count while they are resident."""
    if sys.platform == "win32":
        return int(psutil.Process().memory_info().peak_wset)
    import resource  # there is none on Windows

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024
