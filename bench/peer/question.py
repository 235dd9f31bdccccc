"""What a peer is asked after a press of a key: one of two prompts, made anew each time.

*ours*: the prompt of `tabtab_local/prompt.py` for the code as it is now, with the answer's beginning up to the cursor.
The answer ends at the cursor's marker, or at its own end; the text before that is to be inserted. Recent edits and an
intent are left out, which makes it no longer than ours.

*own*: what clients of such a peer send. Where the vocabulary has Qwen's tokens for it, that is fill-in-the-middle in
the order prefix, suffix, middle, with at most 256 lines before the cursor and 64 behind it, as llama.vim sends them;
otherwise it is the code before the cursor by itself. The answer ends behind its first line with text, which is what
most clients show, at the end of the text, or after `OWN_TOKENS`. Code is left out at the front in blocks of lines, so
that the beginning is the same from key to key and stays in the peer's cache.

Where weights are random the right answer is known (`Question.truth`). A peer then writes as many tokens as that has,
these very ones if it can be made to. A vocabulary without tokens to fill in with then has the one that ends a text in
their place, which costs the same.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

from bench.peer.ruler import FILL_IN, Ruler
from tabtab_local.answer import known_start
from tabtab_local.complete import build_prompt
from tabtab_local.document import Document
from tabtab_local.prompt import (
    CURSOR,
    EDIT_END,
    EDIT_START,
    Response,
    forced_region,
    plain,
    render_prompt,
    render_response,
)
from tabtab_local.replay.asker import Moment
from tabtab_local.session import SESSION_SETTINGS

PromptKind = Literal["ours", "own"]
KINDS: tuple[PromptKind, ...] = get_args(PromptKind)

# As many as llama.vim asked for at first; it has doubled them since.
OWN_TOKENS = 128

_LINES_BEFORE, _LINES_BEHIND = 256, 64
_BEHIND_SHARE = 4  # llama.cpp's /infill gives a quarter of the room to the code behind the cursor
_BLOCK_LINES = 32
_FRAME_TOKENS = 8


@dataclass(frozen=True)
class Question:
    """A request: continue `text`, in which special tokens are written out, by at most `max_tokens` tokens.

    `truth` is the right answer in tokens, the one that ends it included; nothing where the weights decide.
    """

    kind: PromptKind
    text: str
    max_tokens: int
    truth: tuple[int, ...] = ()

    @property
    def stops(self) -> tuple[str, ...]:
        """The texts each of which ends the answer, without being a part of it."""
        return (CURSOR, EDIT_END) if self.kind == "ours" and not self.truth else ()

    def enough(self, written: str) -> bool:
        """Tell whether the answer, which begins like this, need not go on."""
        return self.kind == "own" and not self.truth and _first_line(written) != written

    def insertion(self, written: str) -> str:
        """Return the text at the cursor that an answer stands for, or the beginning of an answer."""
        if self.kind == "ours":
            return plain(written.split(CURSOR)[0])
        return written if self.truth else _first_line(written)


def question(kind: PromptKind, moment: Moment, ruler: Ruler, *, told: bool) -> Question:
    """Return what is asked in a moment; `told` says whether the right answer goes with it.

    Raises `UsageError` where the code around the cursor does not fit into the context.
    """
    return (_ours if kind == "ours" else _own)(moment, ruler, told)


def describe(kind: PromptKind, ruler: Ruler, *, told: bool) -> str:
    """Return in words what is sent."""
    if kind == "ours":
        return "tabtab-local's prompt, with the answer's beginning up to the cursor; ends at the cursor's marker"
    if not ruler.fills_in and not told:
        return "the code before the cursor, for there are no tokens to fill in with; ends behind the first line"
    lines = f"{_LINES_BEFORE} lines before and {_LINES_BEHIND} behind the cursor"
    end = "the right answer's end" if told else "its first line"
    return f"fill-in-the-middle (prefix, suffix, middle), {lines}; ends behind {end}"


def _ours(moment: Moment, ruler: Ruler, told: bool) -> Question:
    document = moment.document
    prompt, max_tokens = build_prompt(ruler, document, document.region(), "", (), SESSION_SETTINGS)
    before, behind = prompt.region[: prompt.cursor], prompt.region[prompt.cursor :]
    start = known_start(prompt, SESSION_SETTINGS) + "".join(forced_region(before))
    text = render_prompt(prompt) + start
    if not told:
        return Question("ours", text, max_tokens - ruler.count_tokens(before))
    after = before + moment.continuation
    answer = render_response(Response(after + behind, len(after)))
    truth = ruler.tokens(answer[len(start) : answer.index(CURSOR, answer.index(EDIT_START)) + len(CURSOR)])
    return Question("ours", text, len(truth), truth)


def _own(moment: Moment, ruler: Ruler, told: bool) -> Question:
    before, behind = _around(moment.document)
    room = max(0, ruler.model.context_tokens - OWN_TOKENS - _FRAME_TOKENS)
    markers = FILL_IN if ruler.fills_in else (ruler.end_of_text_written,) * 3 if told else ()
    if markers:
        behind = _cut_end(behind, ruler, room // _BEHIND_SHARE)
        before = _cut_front(before, ruler, room - ruler.count_tokens(behind))
        text = f"{markers[0]}{before}{markers[1]}{behind}{markers[2]}"
    else:
        text = _cut_front(before, ruler, room)
    if not told:
        return Question("own", text, OWN_TOKENS)
    truth = (*ruler.tokens(moment.continuation), ruler.end_of_text)
    return Question("own", text, len(truth), truth)


def _around(document: Document) -> tuple[str, str]:
    """Return the code before and behind the cursor; that of a notebook's other cells goes with it."""
    above, below = document.codes[: document.cell], document.codes[document.cell + 1 :]
    before = "\n\n".join((*above, document.code[: document.cursor]))
    return before, "\n\n".join((document.code[document.cursor :], *below))


def _cut_front(text: str, ruler: Ruler, room: int) -> str:
    """Return the end of `text`: whole blocks of lines that have at most `room` tokens, or a part of the last line."""
    lines = text.splitlines(keepends=True)
    costs = [ruler.count_tokens(line) for line in lines]
    first = max(0, len(lines) - _LINES_BEFORE)
    for start in range(-(-first // _BLOCK_LINES) * _BLOCK_LINES, len(lines), _BLOCK_LINES):
        if sum(costs[start:]) <= room:
            return "".join(lines[start:])
    # A token is at least a character here, or the context overflows and the peer says so.
    return "".join(lines[-1:])[-room:] if room else ""


def _cut_end(text: str, ruler: Ruler, room: int) -> str:
    """Return the beginning of `text`: whole lines that have at most `room` tokens."""
    kept: list[str] = []
    for line in text.splitlines(keepends=True)[: _LINES_BEHIND + 1]:
        room -= ruler.count_tokens(line)
        if room < 0:
            break
        kept.append(line)
    return "".join(kept)


def _first_line(written: str) -> str:
    """Return `written` up to the end of its first line that is not blank."""
    blank = len(written) - len(written.lstrip())
    end = written.find("\n", blank)
    return written if end < 0 else written[:end]
