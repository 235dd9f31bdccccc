"""Read what a chat model says as an answer in our format, and tell whether it was one to the letter.

A chat model was never trained on the format, so what does not change the meaning is forgiven: thinking aloud, words
and code fences around the frame, a missing cursor, a last marker that was left out. The rewritten region itself must
stand behind its marker: an answer without one is no answer. Pure.
"""

from __future__ import annotations

import contextlib
import re
from dataclasses import replace

from tabtab_local.edits import diff
from tabtab_local.errors import FormatError
from tabtab_local.prompt import CURSOR, EDIT_END, EDIT_START, INTENT, Prompt, Response, parse_response

_THOUGHT = re.compile(r"<think>.*?</think>", re.DOTALL)
_FENCED = re.compile(r"```[\w+-]*\n(.*?)\n?```", re.DOTALL)
_INTENT = re.compile(rf"{re.escape(INTENT)}[ \t]*([^\n]*)\s*$")


def read(text: str, prompt: Prompt, *, finished: bool = True) -> tuple[Response | None, bool, str]:
    """Return the answer in `text`, whether it follows the format to the letter, and what is wrong where there is none.

    Thoughts and blanks around the answer are no part of it. `finished` says whether the model ended its text by
    itself; otherwise an answer without `EDIT_END` was cut. A cursor that is missing is put behind the last change.
    """
    said = without_thoughts(text).strip()
    with contextlib.suppress(FormatError):
        response = parse_response(said)
        if not _fence(response.region, prompt.region):
            return response, True, ""
    try:
        return _read(said, prompt, finished), False, ""
    except FormatError as error:
        return None, False, str(error)


def without_thoughts(text: str) -> str:
    """Return `text` without what stands between `<think>` and `</think>`; a thought without end leaves nothing.

    Some servers cut off the first of the two tags.
    """
    text = _THOUGHT.sub("", text)
    return text.partition("<think>")[0].rpartition("</think>")[2]


def _read(said: str, prompt: Prompt, finished: bool) -> Response:
    if not said:
        raise FormatError("the model said nothing beside its thoughts")
    # The last frame is the answer: models like to repeat the question first.
    before, start, after = said.rpartition(EDIT_START)
    if not start:
        raise FormatError(f"the answer has no {EDIT_START}")
    region, end, _ = after.partition(EDIT_END)
    if not end:
        if not finished:
            raise FormatError("the answer did not end within its tokens")
        region = region.rstrip().removesuffix("```")
    region = _without_fence(region, prompt.region)
    found = _INTENT.search(before)
    cursor = "" if CURSOR in region else CURSOR
    strict = f"{_line(found[1] if found else '')}\n{EDIT_START}\n{region}{cursor}\n{EDIT_END}"
    response = parse_response(strict)
    if not cursor:
        return response
    return replace(response, cursor=_after_change(prompt, response.region))


def _line(intent: str) -> str:
    """Return the intent's line, in which no marker is part of the intent."""
    intent = " ".join(intent.split())
    return INTENT if not intent or "<|" in intent else f"{INTENT} {intent}"


def _without_fence(region: str, old: str) -> str:
    """Return `region` without the line ends of its frame, and without a code fence unless the old one has some."""
    fence = _fence(region, old)
    return fence[1] if fence else region.removeprefix("\n").removesuffix("\n")


def _fence(region: str, old: str) -> re.Match[str] | None:
    return None if "```" in old else _FENCED.fullmatch(region.strip())


def _after_change(prompt: Prompt, region: str) -> int:
    """Return the offset in `region` behind its last difference from the old one, or the old cursor without any."""
    edits = diff(prompt.region, region)
    if not edits:
        return prompt.cursor
    return len(region) - (len(prompt.region) - edits[-1].end)
