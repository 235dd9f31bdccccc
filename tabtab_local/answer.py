"""How an answer is got from a model: what is known of it is forced, what is left is decoded, and no more than needed.

1. The intent is inferred, unless it was given or is not asked for.
2. What stands before the cursor is forced: typing is the beginning of the answer. It is read in one batch instead of
   being decoded token by token, and safe from a small model's slips. Its end may be the beginning of a longer token,
   and there the model chooses among those that agree with what was typed.
3. The edit is decoded up to the answer's cursor.
4. Where that is an insertion, and the model goes on with what stood behind the cursor for two lines of code, the answer
   has re-joined the old text, and the rest is taken as unchanged. So is that of an insertion which the model is too
   unsure of to be shown. Any other answer is decoded to the end, or to where it goes round in circles.

What is likely to come, which is mostly the old text, is handed to the engine to be verified many tokens at a time; for
an insertion, a few at a time of what followed elsewhere in the code after the same characters.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace

from tabtab_local.config import Settings
from tabtab_local.draft import copied, echoed
from tabtab_local.engine import Engine, Generation, Guide, Timings, never
from tabtab_local.prompt import (
    CURSOR,
    EDIT_END,
    EDIT_START,
    Prompt,
    forced_region,
    plain,
    render_prompt,
    response_start,
    rest_of_region,
)

# A sentence.
INTENT_TOKENS = 48

# Lines of code behind the cursor's that an answer has to repeat before the rest is believed. Of 432 answers of the
# embedded model, 213 repeated one line; after that 24 of them went on differently, and after two lines 3.
_JOINED_LINES = 2

# What a model is unsure of already may be made up for by many tokens that it is sure of. An insertion is not decoded to
# see whether it has more than this.
_LONG_TOKENS = 48

# What is repeated until it fills so many characters, four times at least, is repeated for ever.
_CIRCLE_CHARACTERS = 64


def unseen(text: str, confidence: float) -> None:
    """Show nothing."""


def unread(text: str, confidence: float) -> None:
    """Take no answer before its end."""


@dataclass(frozen=True)
class Question:
    """What a model is asked, by `answer`.

    - `max_tokens`: the most tokens that the answer may have beside the intent.
    - `before`: what the region holds before the cursor by now. It may be more or less than in the prompt, which shows
      the region as it was; what stands behind the cursor is the same.
    - `key`, `like`: see `Guide`.
    - `show`: told the text that is to be inserted at the cursor as it grows, with the confidence up to there.
    - `early`: told, where an insertion is whole, the answer that it makes if all behind the cursor stays as it is.
    """

    prompt: Prompt
    max_tokens: int
    before: str
    key: str = ""
    like: str = ""
    show: Callable[[str, float], None] = unseen
    early: Callable[[str, float], None] = unread


def question(prompt: Prompt, max_tokens: int) -> Question:
    """Return the question of a prompt whose region is as it is now."""
    return Question(prompt, max_tokens, prompt.region[: prompt.cursor])


def answer(engine: Engine, asked: Question, settings: Settings, cancel: Callable[[], bool] = never) -> Generation:
    """Return the model's answer as one generation.

    `stopped` says whether the answer has an end. `Settings.rewrite_before` leaves out the second step, `Settings.exact`
    the fourth. Raises `UsageError` where it does not fit into the context, and `Cancelled`.
    """
    steps = _Steps(engine, render_prompt(asked.prompt), cancel)
    start = known_start(asked.prompt, settings)
    if not start.endswith(EDIT_START):
        intent = steps.ask(start, EDIT_START, INTENT_TOKENS, Guide(key=asked.key, like=asked.like))
        if not intent.stopped:
            return steps.together(intent)
        start = intent.text
    course = Course(asked, settings, start)
    guide = Guide(course.typed, course.expect, course.echo, course.enough, course.watch, asked.key, asked.like)
    said = steps.ask(start + course.forced, EDIT_END, asked.max_tokens, guide)
    said = replace(said, confidence=course.confidence(said))
    whole = None if settings.exact else course.completed(said.text[len(start) + len(course.forced) :])
    if whole is not None and not said.stopped:
        said = replace(said, text=start + course.forced + whole, stopped=True)
    return steps.together(said)


def known_start(prompt: Prompt, settings: Settings) -> str:
    """Return the beginning of an answer up to where the region begins, or what is known of it before it is asked."""
    if settings.infer_intent or prompt.intent:
        return response_start(prompt.intent)
    return f"{response_start('')}\n{EDIT_START}"


class Course:
    """The course that an answer is expected to take behind its `EDIT_START`: `forced`, `typed`, an insertion, the rest.

    *Written* is what the answer holds behind `forced`.
    """

    def __init__(self, asked: Question, settings: Settings, start: str) -> None:
        prompt = asked.prompt
        self._start = start
        kept = forced_region(asked.before)
        self.forced, self.typed = ("", "") if settings.rewrite_before else kept
        self._kept = "".join(kept).removeprefix(self.forced)
        self._region = "\n" + rest_of_region(prompt.region)
        self._rest = rest_of_region(prompt.region[prompt.cursor :])
        self._sign = self._rest if settings.exact else _sign_of_joining(self._rest)
        self._exact = settings.exact
        self._before = asked.before
        self._code = _code_around(prompt, asked.before)
        self._show, self._early = asked.show, asked.early
        self._least = settings.min_confidence if "confidence" in settings.gates else 0.0
        self._inserted: float | None = None  # the confidence in an insertion, once it is whole
        self._tokens = 0
        self._unlikely = False  # an insertion will not be whole before it is very long, or too unsure to be shown

    def expect(self, written: str) -> str:
        """Return what is likely to follow: the old text, where the answer is about to copy it."""
        if not written.startswith(self._kept):
            return copied(self._region, written)
        inserted, marker, said = self._parts(written)
        if marker and self._rest.startswith(said):
            return self._sign[len(said) :]
        return copied(self._rest, said if marker else inserted)

    def echo(self, written: str) -> str:
        """Return what may follow in an insertion: what followed elsewhere where the code said the same."""
        if not written.startswith(self._kept) or CURSOR in written[len(self._kept) :]:
            return ""
        return echoed(self._code, self._before + written[len(self._kept) :])

    def enough(self, written: str) -> bool:
        """Return whether an insertion has re-joined the old text, or no good end is to be expected."""
        if self._exact:
            return False
        return self.completed(written) is not None or _goes_round(written.removeprefix(self._kept), self._region)

    def completed(self, written: str) -> str | None:
        """Return the whole of an insertion that has re-joined the old text; nothing for any other answer.

        One that is too uncertain to be shown is taken to re-join it: what else the model would say is not shown either.
        """
        if not written.startswith(self._kept):
            return None
        inserted, marker, said = self._parts(written)
        joined = self._rest.startswith(said) and len(said) >= len(self._sign.rstrip("\n"))
        unsure = self._inserted is not None and self._inserted < self._least
        return self._whole(inserted) if self._unlikely or (marker and (joined or unsure)) else None

    def confidence(self, said: Generation) -> float:
        """Return the confidence in the edit: in an insertion up to its cursor; what is copied behind it is no part."""
        return said.confidence if self._inserted is None else self._inserted

    def watch(self, written: str, confidence: float) -> None:
        """Show the part of an insertion that is there."""
        if not written.startswith(self._kept):
            return
        self._tokens += 1
        inserted, marker, said = self._parts(written)
        if inserted and not said:
            self._show(plain(inserted), confidence)
        if not marker and self._least and not self._exact:
            self._unlikely = confidence**self._tokens < self._least**_LONG_TOKENS
        if marker and self._inserted is None:
            self._inserted = confidence
            self._early(self._start + self.forced + self._whole(inserted), confidence)

    def _parts(self, written: str) -> tuple[str, str, str]:
        """Return what is inserted behind what was kept, the cursor's marker if it is there, and what follows it."""
        return written[len(self._kept) :].partition(CURSOR)

    def _whole(self, inserted: str) -> str:
        """Return what is written in the end if all behind the cursor stays as it is."""
        return f"{self._kept}{inserted}{CURSOR}{self._rest}"


def _code_around(prompt: Prompt, before: str) -> str:
    """Return all code that the model is shown but the line up to the cursor; what stands nearest above it is last."""
    above = before[: before.rfind("\n") + 1]
    return "\n".join((prompt.code_below, prompt.region[prompt.cursor :], prompt.code_above, above))


def _sign_of_joining(rest: str) -> str:
    """Return the part of `rest` that tells an answer which has re-joined it from one that goes on differently.

    That is the rest of the cursor's line and the next lines of code, or all of it where there are no more.
    """
    lines, end = 0, rest.find("\n")
    while end >= 0:
        start, end = end + 1, rest.find("\n", end + 1)
        lines += end >= 0 and bool(rest[start:end].strip())
        if lines == _JOINED_LINES:
            return rest if rest[end + 1 :] == EDIT_END else rest[: end + 1]
    return rest


def _goes_round(written: str, old: str) -> bool:
    """Return whether the end of what is written repeats itself, in words, as nothing in the `old` text does."""
    for period in range(1, _CIRCLE_CHARACTERS // 2):
        length = max(_CIRCLE_CHARACTERS, 4 * period)
        end = written[-length:]
        if len(end) == length and end[period:] == end[:-period]:
            return any(character.isalnum() for character in end[:period]) and end not in old
    return False


@dataclass
class _Steps:
    """Requests that continue each other, and the work that they took together."""

    engine: Engine
    prompt: str
    cancel: Callable[[], bool]
    done: list[Generation] = field(default_factory=list)

    def ask(self, start: str, stop: str, max_tokens: int, guide: Guide) -> Generation:
        """Continue the prompt and `start` up to the marker `stop`."""
        room = self.engine.model.context_tokens - self.engine.count_tokens(self.prompt + start) - 1
        tokens = max(1, min(max_tokens, room))
        self.done.append(
            self.engine.generate(self.prompt, start, max_tokens=tokens, stop=stop, cancel=self.cancel, guide=guide)
        )
        return self.done[-1]

    def together(self, last: Generation) -> Generation:
        """Return `last` with the timings and the tokens of all requests; the first token is that of the first."""
        timings = [one.timings for one in self.done]
        decoded = sum(one.decoded_tokens for one in timings)
        total_ms = sum(one.total_ms for one in timings)
        return replace(
            last,
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
            tokens=tuple(token for one in self.done for token in one.tokens),
        )
