"""What was measured and chosen, for people: tables, and sentences that say why."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from tabtab_local.doctor.choice import Estimate, Report
from tabtab_local.show import table
from tabtab_local.tuning import DECODED_TOKENS, VERIFIED_TOKENS, Tuned

# Of the processor, used by other programs: two cores of which one is half busy.
_BUSY = 0.25


def render(report: Report) -> str:
    """Return the report as tables and sentences."""
    blocks = [table(list(_summary(report))), table(list(_curves(report.tuning.models))), _sentences(report)]
    return "\n\n".join("\n".join(block) for block in blocks)


def in_ms(ms: float) -> str:
    """Return a time as people read it, as exact as it can be meant."""
    return f"{ms:,.1f} ms" if ms < 9.95 else f"{ms:,.0f} ms"


def in_bytes(size_bytes: float) -> str:
    """Return a file's size as people read it."""
    return f"{size_bytes / 1e6:,.1f} MB" if size_bytes < 1e7 else f"{size_bytes / 1e6:,.0f} MB"


def in_threads(threads: int) -> str:
    """Return a number of threads in words."""
    return _count(threads, "thread")


def _summary(report: Report) -> Iterator[tuple[str, ...]]:
    yield ("MODEL", "QUANT", "SIZE", "THREADS", "FIRST TEXT", "SUGGESTION", "GUESSES", "")
    for model in sorted(report.tuning.models, key=lambda one: (one.parameters, one.size_bytes)):
        curve = model.curve
        yield (
            model.name,
            model.file_type,
            in_bytes(model.size_bytes),
            f"{model.threads}",
            in_ms(curve.first_text_ms),
            in_ms(curve.suggestion_ms),
            _guesses(model),
            _verdict(model, report),
        )
    for guess in report.estimates:
        yield (
            guess.name,
            guess.quant,
            in_bytes(guess.size_bytes),
            f"{guess.curve.threads}",
            f"~{in_ms(guess.curve.first_text_ms)}",
            f"~{in_ms(guess.curve.suggestion_ms)}",
            "-",
            "estimated, not here",
        )


def _verdict(model: Tuned, report: Report) -> str:
    if model is report.choice.model:
        return "chosen"
    if model.random_weights:
        return "random weights, never chosen"
    return "in time" if model.curve.suggestion_ms <= report.tuning.target_ms else "too slow"


def _guesses(model: Tuned) -> str:
    few, many = model.curve.drafts()
    return f"{few}" if few == many else f"{few}-{many}"


def _curves(models: Sequence[Tuned]) -> Iterator[tuple[str, ...]]:
    sizes = sorted({tokens for model in models for curve in model.curves for tokens, _ in curve.costs})
    yield ("MS FOR A BATCH OF", "QUANT", "THREADS", *(f"{size}" for size in sizes), *(["TOKENS"] if sizes else []))
    for model in models:
        for curve in model.curves:
            costs = dict(curve.costs)
            cells = [in_ms(costs[size]).removesuffix(" ms") if size in costs else "-" for size in sizes]
            yield (model.name, model.file_type, f"{curve.threads}", *cells, *([""] if sizes else []))


def _sentences(report: Report) -> Iterator[str]:
    yield from _choice(report)
    yield f"At most {in_threads(report.policy.threads)} may compute: {report.policy.reason}."
    yield (
        "FIRST TEXT is the time from a key to the first ghost text: a batch of 2 tokens, one for the key and one for "
        "the token that it broke into. SUGGESTION is the time to the full suggestion, and what the target is for: it "
        f"adds {DECODED_TOKENS - 1} tokens one by one and a batch of {VERIFIED_TOKENS} that confirms how the text goes "
        "on. All that stood there before the key has been read already."
    )
    if report.busy > _BUSY:
        yield f"Other programs used {report.busy:.0%} of the processor: all looks slower than it is, tune again later."
    if report.tuning.on_battery:
        yield "Measured on battery: tune again on mains, where the processor may be faster."
    yield from _estimated(report.estimates, report.tuning.target_ms)
    for path, reason in report.skipped:
        told = reason if str(path) in reason else f"{path}: {reason}"
        # A file's name may hold anything.
        yield "".join(sign if sign.isprintable() else "?" for sign in f"Not measured: {told}.")


def _choice(report: Report) -> Iterator[str]:
    model, target = report.choice.model, in_ms(report.tuning.target_ms)
    if model is None:
        yield "No model is chosen: none of those measured can be used."
        return
    curve = model.curve
    about = f"a full suggestion takes about {in_ms(curve.suggestion_ms)}, its first text {in_ms(curve.first_text_ms)}"
    if report.choice.in_time:
        yield f"Chosen: {model.name} ({model.file_type}), the largest model here that keeps within {target}: {about}."
    else:
        yield (
            f"No model here keeps within {target}. Chosen: the smallest, {model.name} ({model.file_type}): {about}; "
            "it will lag behind quick typing."
        )
    others = [other for other in model.curves if other.threads != model.threads]
    if others:
        against = ", ".join(f"{in_ms(other.suggestion_ms)} with {other.threads}" for other in others)
        yield f"It computes with {in_threads(model.threads)}: {in_ms(curve.suggestion_ms)}, against {against}."
    few, many = curve.drafts()
    tokens = many + 1
    yield (
        f"It guesses {_count(few, 'token')} at a time where six of ten guesses are right, {many} where 19 of 20 are: "
        f"a batch of {tokens} costs {in_ms(curve.ms(tokens))}, one by one they cost {in_ms(tokens * curve.ms(1))}."
    )


def _estimated(estimates: Sequence[Estimate], target_ms: float) -> Iterator[str]:
    if not estimates:
        return
    yield "Times with ~ are estimates, which may be wrong by half, of models that are not here; none of them is chosen."
    if fitting := [one.name for one in estimates if one.curve.suggestion_ms <= target_ms]:
        yield f"Worth building and measuring (see README): {', '.join(fitting)}."


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
