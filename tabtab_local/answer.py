"""How an answer is got from a model: what is known of it is forced, what is left is decoded, and no more than needed.

1. The intent is inferred, unless it was given.
2. What stands before the cursor is forced: typing is the beginning of the answer. It is read in one batch instead of
   being decoded token by token, and safe from a small model's slips.
3. The edit is decoded up to the answer's cursor.
4. Where that is an insertion, and the model goes on with what stood behind the cursor up to the end of the next line of
   code, the answer has re-joined the old text, and the rest is taken as unchanged. Otherwise it is decoded to the end.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from tabtab_local.config import Settings
from tabtab_local.engine import Engine, Generation, Timings, never
from tabtab_local.prompt import (
    CURSOR,
    EDIT_END,
    EDIT_START,
    Prompt,
    forced_region,
    render_prompt,
    response_start,
    rest_of_insertion,
)

# A sentence.
INTENT_TOKENS = 48


def answer(
    engine: Engine, prompt: Prompt, max_tokens: int, settings: Settings, cancel: Callable[[], bool] = never
) -> Generation:
    """Return the model's answer to `prompt` as one generation, decoding at most `max_tokens` tokens beside the intent.

    `stopped` says whether the answer has an end. `Settings.rewrite_before` leaves out the second step, `Settings.exact`
    the fourth. Raises `UsageError` where it does not fit into the context, and `Cancelled`.
    """
    steps = _Steps(engine, render_prompt(prompt), cancel)
    start = response_start(prompt.intent)
    if not prompt.intent:
        intent = steps.ask(start, EDIT_START, INTENT_TOKENS)
        if not intent.stopped:
            return steps.together(intent)
        start = intent.text
    if not settings.rewrite_before:
        start += forced_region(prompt)
    if settings.exact:
        return steps.together(steps.ask(start, EDIT_END, max_tokens))
    edit = steps.ask(start, CURSOR, max_tokens)
    rest = rest_of_insertion(prompt, edit.text)
    if not edit.stopped:
        return steps.together(edit)
    left = max_tokens - edit.timings.decoded_tokens
    if rest is None:
        return steps.together(steps.ask(edit.text, EDIT_END, left))
    sign = _sign_of_joining(rest)
    joined = steps.ask(edit.text, EDIT_END, min(left, engine.count_tokens(sign)))
    said = joined.text[len(edit.text) :]
    if rest.startswith(said) and len(said) >= len(sign.rstrip("\n")):
        return steps.together(replace(joined, text=edit.text + rest, stopped=True))
    if joined.stopped:
        return steps.together(joined)
    return steps.together(steps.ask(joined.text, EDIT_END, left - joined.timings.decoded_tokens))


def _sign_of_joining(rest: str) -> str:
    """Return the part of `rest` that tells an answer which has re-joined it from one that goes on differently.

    That is the rest of the cursor's line and the next line of code, or all of it where that is the last.
    """
    end = rest.find("\n")
    while end >= 0:
        start, end = end + 1, rest.find("\n", end + 1)
        if end >= 0 and rest[start:end].strip():
            return rest if rest[end + 1 :] == EDIT_END else rest[: end + 1]
    return rest


@dataclass
class _Steps:
    """Requests that continue each other, and the work that they took together."""

    engine: Engine
    prompt: str
    cancel: Callable[[], bool]
    done: list[Generation] = field(default_factory=list)

    def ask(self, start: str, stop: str, max_tokens: int) -> Generation:
        """Continue the prompt and `start` up to the marker `stop`."""
        room = self.engine.model.context_tokens - self.engine.count_tokens(self.prompt + start) - 1
        tokens = max(1, min(max_tokens, room))
        self.done.append(self.engine.generate(self.prompt, start, max_tokens=tokens, stop=stop, cancel=self.cancel))
        return self.done[-1]

    def together(self, last: Generation) -> Generation:
        """Return `last` with the timings and the confidence of all requests; the first token is that of the first."""
        timings = [one.timings for one in self.done]
        decoded = sum(one.decoded_tokens for one in timings)
        total_ms = sum(one.total_ms for one in timings)
        surprise = sum(math.log(one.confidence) * one.timings.decoded_tokens for one in self.done)
        return Generation(
            text=last.text,
            stopped=last.stopped,
            confidence=math.exp(surprise / max(1, decoded)),
            timings=Timings(
                load_ms=timings[0].load_ms,
                prompt_tokens=timings[-1].prompt_tokens,
                evaluated_tokens=sum(one.evaluated_tokens for one in timings),
                prompt_ms=sum(one.prompt_ms for one in timings),
                first_token_ms=timings[0].first_token_ms,
                decoded_tokens=decoded,
                drafted_tokens=sum(one.drafted_tokens for one in timings),
                accepted_tokens=sum(one.accepted_tokens for one in timings),
                decode_ms=total_ms - timings[0].first_token_ms,
                total_ms=total_ms,
            ),
        )
