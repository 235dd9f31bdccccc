"""What a replay notes of each press of a key, and of each jump. Values, and their form in a file."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any

from tabtab_local.errors import FormatError
from tabtab_local.replay.asker import Action


@dataclass(frozen=True)
class Press:
    """One press of a key, or one jump, and the answer to it.

    - `number`: the step's number in its trace, from 0, which is the opening.
    - `new_place`: the first press of a key after a jump or an accepted suggestion.
    - `interval_ms`: the time until the next press; None where the person waits for the answer.
    - `typed_through`: what was on screen still held, so no model was asked.
    - `first_ms`, `full_ms`: from the press to the first ghost text, and to all of the suggestion's text or the decision
      to stay silent; None where there was none. Either may have come after the next press, and then it came too late.
    - `settled_ms`: from the press to when the answer was known to be no more than that.
    - `visible`: the full answer is something to see, not silence.
    - `cpu_s`: processor time from this press to the next, the idle time's work included.
    """

    trace: str
    number: int
    action: Action
    new_place: bool
    interval_ms: float | None
    typed_through: bool
    first_ms: float | None
    full_ms: float | None
    settled_ms: float | None
    visible: bool
    evaluated_tokens: int
    drafted_tokens: int
    accepted_tokens: int
    decoded_tokens: int
    cpu_s: float

    @property
    def is_key(self) -> bool:
        """Whether a key was pressed: a jump may come from the mouse."""
        return self.action != "jump"

    @property
    def cancelled(self) -> bool:
        """Whether the next press stopped the answer."""
        return self.full_ms is None

    def answered_within(self, interval_ms: float) -> bool:
        """Tell whether there was an answer for the current text, a suggestion or silence, within a time."""
        return self.full_ms is not None and self.full_ms <= interval_ms

    def seen_within(self, interval_ms: float) -> bool:
        """Tell whether there was something to see for the current text within a time."""
        began = self.first_ms is not None and self.first_ms <= interval_ms
        return began or (self.visible and self.answered_within(interval_ms))

    @property
    def answered_in_time(self) -> bool:
        """Whether there was an answer before the next press."""
        return self.answered_within(math.inf if self.interval_ms is None else self.interval_ms)

    @property
    def seen_in_time(self) -> bool:
        """Whether there was something to see before the next press."""
        return self.seen_within(math.inf if self.interval_ms is None else self.interval_ms)


_COLUMNS = tuple(field.name for field in fields(Press))[1:]  # but the trace


def to_json(presses: Sequence[Press]) -> dict[str, object]:
    """Return presses as values that `json.dumps` takes, in little space: rows by trace, long times to a hundredth."""
    rows: dict[str, list[list[object]]] = {}
    for press in presses:
        rows.setdefault(press.trace, []).append([_short(getattr(press, column)) for column in _COLUMNS])
    return {"columns": list(_COLUMNS), "rows": rows}


def from_json(document: Any) -> tuple[Press, ...]:
    """Return the presses that `to_json` wrote. Raises `FormatError` where another version has written them."""
    if not isinstance(document, dict) or document.get("columns") != list(_COLUMNS):
        raise FormatError("the rows of presses are not those of this version: measure anew")
    read = []
    for trace, rows in document["rows"].items():
        for row in rows:
            values = dict(zip(_COLUMNS, row, strict=True))
            flags = {name: bool(values[name]) for name in ("new_place", "typed_through", "visible")}
            read.append(Press(trace, **{**values, **flags}))
    return tuple(read)


def _short(value: object) -> object:
    if isinstance(value, bool):
        return int(value)
    return round(value, 2 if value >= 1 else 5) if isinstance(value, float) else value
