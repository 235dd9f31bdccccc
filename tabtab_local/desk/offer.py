"""What a client was shown of a document, followed from question to question until it is known what became of it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Literal

from tabtab_local.desk.ask import Ask
from tabtab_local.edits import apply, shared_end, shared_start
from tabtab_local.feedback.fate import fate
from tabtab_local.feedback.record import Note, Outcome, Record
from tabtab_local.prompt import PROMPT_VERSION, Response, render_prompt, render_response
from tabtab_local.suggestion import Exchange, Suggestion

Event = Literal["accepted", "rejected"]

# Each key that leaves a suggestion may bring a new one, and all of them wait for what the user writes in the end.
_MOST = 8


@dataclass(eq=False)
class Offer:
    """A suggestion that a client shows, or has shown. `numbers` are those that it may tell of it by.

    `ahead`: the question about the text after it by which its client perhaps only looks ahead. `after`: the offer that
    was looked ahead of when this one was made; this one is shown once that one is taken.
    """

    ask: Ask
    suggestion: Suggestion
    exchange: Exchange
    since: str
    numbers: set[int] = field(default_factory=set)
    is_typed_over: bool = False
    is_rejected: bool = False
    ahead: Ask | None = None
    after: Offer | None = None

    @property
    def is_hidden(self) -> bool:
        """Whether nobody has seen it yet."""
        return self.after is not None and self.after.ahead is not None


class Offers:
    """The offers of one document. Each is noted once, when its end is known, or when nothing more will be heard of it.

    What was typed over, or rejected, is followed until the user has left the place, to know what they wrote instead.
    """

    def __init__(self, model: str, note: Note) -> None:
        self._model, self._note = model, note
        self._open: list[Offer] = []

    def show(self, number: int, ask: Ask, suggestion: Suggestion) -> None:
        """Take note that a client shows a suggestion; it takes the place of the one before."""
        if suggestion.exchange is None:
            return
        for offer in list(self._open):
            if offer.exchange is suggestion.exchange:
                offer.numbers.add(number)
                return
            if not (offer.is_typed_over or offer.is_rejected or offer.ahead):
                self._end(offer, "shown")
        now = datetime.now(UTC).isoformat(timespec="seconds")
        after = next((offer for offer in self._open if offer.ahead), None)
        self._open.append(Offer(ask, suggestion, suggestion.exchange, now, {number}, after=after))
        if len(self._open) > _MOST:
            self._lose(self._open[0])

    def follow(self, ask: Ask) -> None:
        """Take in the text of a newer question.

        Where that may be one that only looks ahead, what it has taken is taken once another one goes on from there.
        """
        for offer in list(self._open):
            if offer not in self._open:
                continue  # nobody has seen it
            found = fate(offer.suggestion, *_now(offer, ask))
            if found.kind == "accepted" and ask.looks_ahead and offer.ahead in (None, ask):
                offer.ahead = ask
                continue
            if found.kind != "accepted":
                self._open = [each for each in self._open if each.after is not offer or not each.is_hidden]
            offer.ahead = None
            if found.kind == "accepted":
                self._end(offer, "rejected" if offer.is_rejected else "accepted")
            elif found.kind == "typed_over":
                self._end(offer, "rejected" if offer.is_rejected else "typed_over", found.region)
            elif found.kind != "left":
                offer.is_typed_over = found.kind == "writing"
            elif offer.is_rejected:
                self._end(offer, "rejected", found.region)
            elif found.region is None:
                self._lose(offer)
            else:
                self._end(offer, "shown")

    def find(self, number: int) -> Offer | None:
        """Return the offer that is still open under a number."""
        return next((offer for offer in self._open if number in offer.numbers), None)

    def tell(self, offer: Offer, event: Event) -> None:
        """Take note of what the user has done, as the client says."""
        if event == "accepted":
            self._end(offer, "accepted")
        else:
            offer.is_rejected = True

    @property
    def expected(self) -> Iterator[str]:
        """What the client may have besides what it has asked about: its text after the newest suggestion.

        Where it has looked ahead, also its text without that.
        """
        if self._open:
            last = self._open[-1]
            yield apply(last.ask.text, last.ask.edits(last.suggestion))
        yield from (offer.ask.text for offer in self._open if offer.ahead)

    def close(self) -> None:
        """Note all that is open as it is: nothing more will be heard."""
        for offer in list(self._open):
            self._lose(offer)

    def _lose(self, offer: Offer) -> None:
        self._end(offer, "rejected" if offer.is_rejected else "typed_over" if offer.is_typed_over else "shown")

    def _end(self, offer: Offer, outcome: Outcome, region: str | None = None) -> None:
        self._open.remove(offer)
        if offer.is_hidden:
            return
        exchange = offer.exchange
        self._note(
            Record(
                time=offer.since,
                model=self._model,
                prompt_version=PROMPT_VERSION,
                client=offer.ask.client.partition(" ")[0],  # a folder may follow
                prompt=render_prompt(exchange.prompt),
                answer=render_response(exchange.response),
                outcome=outcome,
                became=None if region is None else _answer(exchange, region),
            )
        )


def _now(offer: Offer, ask: Ask) -> tuple[str | None, int | None]:
    """Return the code by now that a suggestion is for, and the cursor in it; nothing where it cannot be found."""
    was, document = offer.suggestion.document, ask.document
    if "cells" not in (was.kind, document.kind) and not (offer.ask.sees_file and ask.sees_file):
        return ask.text, ask.caret  # the client has one cell, whether its notebook was found or not
    if (document.kind, len(document.codes)) != (was.kind, len(was.codes)):
        return None, None
    return document.codes[was.cell], document.cursor if document.cell == was.cell else None


def _answer(exchange: Exchange, region: str) -> str:
    """Return the answer that makes the region what it became, with its cursor where the user's change ends."""
    old, cursor = exchange.prompt.region, exchange.prompt.cursor
    if region != old:
        cursor = len(region) - shared_end(old, region, shared_start(old, region))
    return render_response(Response(region, cursor, exchange.response.intent))
