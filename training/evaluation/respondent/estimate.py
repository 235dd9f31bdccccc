"""What a run against a server will take: requests, tokens, money, time; said before it starts.

One question is asked for real, which is not lost, as its answer is in the cache then. The others are taken to need the
same number of requests, tokens for each token of their first request, and time. There is no table of prices: it would
be wrong soon.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from tabtab_local.errors import ModelError
from training.evaluation.respondent.client import Prices, Spent
from training.evaluation.respondent.endpoint import EndpointRespondent
from training.evaluation.respondent.reply import Question


@dataclass(frozen=True)
class Estimate:
    """What asking `questions` takes, of which `cached` are answered already; `cost`, in US dollars, with prices only.

    The question that was asked for the estimate counts as one that is still to be paid.
    """

    questions: int
    cached: int
    requests: int
    prompt_tokens: int
    answer_tokens: int
    cost: float | None
    seconds: float

    def __str__(self) -> str:
        cost = "" if self.cost is None else f", {_dollars(self.cost)}"
        if self.cached == self.questions:
            return f"{self.questions} questions, all answered before: no requests{cost}"
        return (
            f"{self.questions} questions, {self.cached} answered before: about {self.requests:,} requests, "
            f"{self.prompt_tokens:,} prompt and {self.answer_tokens:,} answer tokens{cost}, {_time(self.seconds)}"
        )


def estimate(respondent: EndpointRespondent, questions: Iterable[Question], prices: Prices | None = None) -> Estimate:
    """Return what `questions` will take, after asking the first of them that has no answer yet.

    Raises `ModelError` where the server does not answer that one.
    """
    pending: list[int] = []
    first: Question | None = None
    count = 0
    for question in questions:
        count += 1
        tokens = respondent.pending(question)
        if tokens is not None:
            first = first or question
            pending.append(tokens)
    if first is None:
        return Estimate(count, count, 0, 0, 0, 0.0 if prices else None, 0.0)
    before, began = respondent.spent, time.perf_counter()
    reply = respondent.reply(first)
    seconds = time.perf_counter() - began
    if reply.error:
        raise ModelError(reply.error)
    spent = _difference(respondent.spent, before)
    return _scaled(spent, seconds / respondent.concurrency, pending, count, prices)


def actual(spent: Spent, prices: Prices | None = None) -> str:
    """Return what has been spent as one line."""
    cost = "" if prices is None else f", {_dollars(spent.cost(prices))}"
    return (
        f"{spent.requests:,} requests, {spent.prompt_tokens:,} prompt and {spent.answer_tokens:,} answer tokens{cost}"
    )


def _scaled(one: Spent, seconds: float, pending: Sequence[int], count: int, prices: Prices | None) -> Estimate:
    """Return the estimate, given what the first of the `pending` questions took."""
    # Prompts grow with the question, the rest hardly does.
    longer = sum(pending) / max(pending[0], 1)
    total = Spent(one.requests * len(pending), round(one.prompt_tokens * longer), one.answer_tokens * len(pending))
    return Estimate(
        questions=count,
        cached=count - len(pending),
        requests=total.requests,
        prompt_tokens=total.prompt_tokens,
        answer_tokens=total.answer_tokens,
        cost=total.cost(prices) if prices else None,
        seconds=seconds * len(pending),
    )


def _difference(after: Spent, before: Spent) -> Spent:
    return Spent(
        after.requests - before.requests,
        after.prompt_tokens - before.prompt_tokens,
        after.answer_tokens - before.answer_tokens,
    )


def _dollars(amount: float) -> str:
    return f"USD {amount:.2f}" if amount >= 0.995 or not amount else f"USD {amount:.4f}"


def _time(seconds: float) -> str:
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"
