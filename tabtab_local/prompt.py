"""Prompt format version 1: how an edit is asked for and answered, as text.

The one definition that training text, evaluation, the runtime, the Modelfile's TEMPLATE and the GGUF's chat template
are rendered from. A model that was made for another version is refused by the runtime.

    # Code above            }
    {code}                  }
    # Code below            }  each block only where there is something in it
    {code}                  }
    # Recent edits          }
    original:               }  once for each edit
    {code}                  }
    updated:                }
    {code}                  }
    <|INTENT|> {what the user asked for, or nothing}
    <|EDIT_START|>
    {region, with <|user_cursor_is_here|> at the cursor}
    <|EDIT_END|>

The answer repeats the last part: the intent, as given or as inferred, and the rewritten region with the cursor where
the next edit belongs. This module knows nothing of files, tokens or models.

Code that contains a marker's text, or a context line that reads like a heading, gets an invisible U+2060 in it on the
way in and loses it on the way out; text that already has such characters gets one more, so the way back is exact.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from tabtab_local.errors import FormatError

PROMPT_VERSION = 1

# Where a GGUF says which version its model was made for.
PROMPT_VERSION_KEY = "tabtab.prompt_version"

INTENT = "<|INTENT|>"
EDIT_START = "<|EDIT_START|>"
EDIT_END = "<|EDIT_END|>"
CURSOR = "<|user_cursor_is_here|>"
MARKERS = (INTENT, EDIT_START, EDIT_END, CURSOR)

_ABOVE, _BELOW, _EDITS = "# Code above", "# Code below", "# Recent edits"
_ORIGINAL, _UPDATED = "original:", "updated:"

_JOINER = "\u2060"
_MARKER_TEXT = re.compile(rf"<\|({_JOINER}*)((?:INTENT|EDIT_START|EDIT_END|user_cursor_is_here)\|>)")
_HEADING_LINE = re.compile(rf"^(# )?({_JOINER}*)(Code above|Code below|Recent edits|original:|updated:)$", re.MULTILINE)

# Where the pre-tokenizers of Qwen, Llama 3 and our own model may still cut a text otherwise once it goes on: blanks
# with a line end take in the signs before them, a word the signs before it, and both one blank.
_SIGNS = r" ?(?:[^\w\s]|_)*"
_OPEN_END = re.compile(rf"(?:{_SIGNS}\s*\n\s*|[^\S\n]+|\d+|{_SIGNS}[^\W\d_]*)\Z")
_MAX_OPEN_END = 64


@dataclass(frozen=True)
class RecentEdit:
    """Something that the user changed a moment ago."""

    original: str
    updated: str


@dataclass(frozen=True)
class Prompt:
    """A question to the model: rewrite `region`, whose cursor stands at the offset `cursor`.

    `intent` is one line without blanks at its ends (see `clean_intent`); `recent_edits` go from oldest to newest.
    Raises `ValueError` for a cursor outside the region and for an intent of another form.
    """

    region: str
    cursor: int
    code_above: str = ""
    code_below: str = ""
    recent_edits: tuple[RecentEdit, ...] = ()
    intent: str = ""

    def __post_init__(self) -> None:
        _check(self.region, self.cursor, self.intent)

    def code_with(self, region: str) -> str:
        """Return the code that is shown, with another region."""
        return "\n".join((self.code_above, region, self.code_below))


@dataclass(frozen=True)
class Response:
    """The model's answer: the rewritten region, and the offset in it where the next edit belongs."""

    region: str
    cursor: int
    intent: str = ""

    def __post_init__(self) -> None:
        _check(self.region, self.cursor, self.intent)


def _check(region: str, cursor: int, intent: str) -> None:
    if not 0 <= cursor <= len(region):
        raise ValueError(f"cursor {cursor} is outside the region of {len(region)} characters")
    if intent != clean_intent(intent):
        raise ValueError(f"intent {intent!r} is not one line without blanks at its ends")


def clean_intent(text: str) -> str:
    """Return `text` on one line, with single spaces between its words."""
    return " ".join(text.split())


def render_prompt(prompt: Prompt) -> str:
    """Return the prompt as text; the model's answer is what follows it directly."""
    parts = []
    if prompt.code_above:
        parts.append(f"{_ABOVE}\n{_escape_block(prompt.code_above)}\n")
    if prompt.code_below:
        parts.append(f"{_BELOW}\n{_escape_block(prompt.code_below)}\n")
    if prompt.recent_edits:
        parts.append(f"{_EDITS}\n")
    for edit in prompt.recent_edits:
        original, updated = _escape_block(edit.original), _escape_block(edit.updated)
        parts.append(f"{_ORIGINAL}\n{original}\n{_UPDATED}\n{updated}\n")
    parts.append(_frame(_intent_line(prompt.intent), _mark(prompt.region, prompt.cursor)))
    return "".join(parts) + "\n"


def render_response(response: Response) -> str:
    """Return the answer as text, up to and including the marker that ends it."""
    return _frame(_intent_line(response.intent), _mark(response.region, response.cursor))


def response_start(intent: str) -> str:
    """Return what the answer must begin with: all that is known of it before the model has said anything."""
    return f"{_intent_line(intent)}\n{EDIT_START}" if intent else INTENT


def forced_region(before: str) -> tuple[str, str]:
    """Return an answer's region, behind its `EDIT_START`, up to where `before` ends, as two parts.

    The tokens of the first part are what they are, whatever follows. The second is the last word or sign, or the blanks
    at the end: the next character may change its tokens, so a model has to choose them (token healing).

    Example: "a = 1\nb = x.re" → ("\na = 1\nb = x", ".re")
    """
    text = "\n" + _escape(before)
    window = text[-_MAX_OPEN_END:]
    match = _OPEN_END.search(window)
    at = len(text) - len(window) + (match.start() if match else len(window))
    return text[:at], text[at:]


def rest_of_region(behind: str) -> str:
    """Return what an answer goes on with if it leaves all that stands `behind` the cursor as it is."""
    return f"{_escape(behind)}\n{EDIT_END}"


def plain(escaped: str) -> str:
    """Return a piece of an answer's region as the code that it is."""
    return _unescape(escaped)


def parse_prompt(text: str) -> Prompt:
    """Return the prompt that `render_prompt` made `text` of. Raises `FormatError` for any other text."""
    if text.count(INTENT) != 1 or not text.endswith("\n"):
        raise FormatError(f"not a prompt of format version {PROMPT_VERSION}: expected one {INTENT} and a final newline")
    head, tail = text.split(INTENT)
    response = parse_response(INTENT + tail[:-1])
    heads = "|".join((_ABOVE, _BELOW, _EDITS))
    before, *blocks = re.split(rf"^({heads})\n", head, flags=re.MULTILINE)
    names, bodies = blocks[::2], blocks[1::2]
    if before or names != sorted(set(names), key=(_ABOVE, _BELOW, _EDITS).index):
        raise FormatError(f"the blocks before {INTENT} are not {_ABOVE!r}, {_BELOW!r}, {_EDITS!r} in this order")
    block = dict(zip(names, bodies, strict=True))
    return Prompt(
        region=response.region,
        cursor=response.cursor,
        code_above=_unescape_block(block.get(_ABOVE, "").removesuffix("\n")),
        code_below=_unescape_block(block.get(_BELOW, "").removesuffix("\n")),
        recent_edits=_parse_edits(block.get(_EDITS, "")),
        intent=response.intent,
    )


def parse_response(text: str) -> Response:
    """Return the answer in `text`. Raises `FormatError` with the first thing that is wrong with it."""
    frame = re.fullmatch(_frame(re.escape(INTENT) + r"( [^\n]+)?", "(.*)", quote=re.escape), text, re.DOTALL)
    if not frame:
        raise FormatError(f"the answer is not framed by {INTENT}, {EDIT_START} and {EDIT_END} on lines of their own")
    intent, region = (frame[1] or ""), frame[2]
    if region.count(CURSOR) != 1:
        raise FormatError(f"the answer holds {region.count(CURSOR)} cursor markers instead of one")
    above, below = region.split(CURSOR)
    if any(marker in above or marker in below for marker in MARKERS):
        raise FormatError("the answer holds a marker inside the region")
    above, below = _unescape(above), _unescape(below)
    return Response(above + below, len(above), clean_intent(_unescape(intent)))


def ollama_template() -> str:
    """Return the TEMPLATE of a Modelfile: `.Prompt` is a region with the cursor's marker in it."""
    return _frame(INTENT, "{{ .Prompt }}") + "\n"


def fim_template() -> str:
    """Return the TEMPLATE of a Modelfile that fills in: `.Prompt` is the code before the cursor, `.Suffix` that behind.

    The answer is forced up to the cursor. What is decoded until the cursor's marker is the insertion.
    """
    # Where a request has no suffix, Ollama's template engine would print a bare `.Suffix` as "<no value>".
    question = _frame(INTENT, f"{{{{ .Prompt }}}}{CURSOR}{{{{ with .Suffix }}}}{{{{ . }}}}{{{{ end }}}}")
    return f"{question}\n{INTENT}\n{EDIT_START}\n{{{{ .Prompt }}}}"


def chat_template() -> str:
    """Return the Jinja chat template of a GGUF: the last message is a region with the cursor's marker in it."""
    # Jinja drops a template's last newline unless told otherwise, so it is written as an expression.
    return _frame(INTENT, "{{ messages[-1]['content'] }}") + "{{ '\\n' }}"


def _frame(intent_line: str, region: str, quote: Callable[[str], str] = str) -> str:
    return f"{intent_line}\n{quote(EDIT_START)}\n{region}\n{quote(EDIT_END)}"


def _intent_line(intent: str) -> str:
    return f"{INTENT} {_escape(intent)}" if intent else INTENT


def _mark(region: str, cursor: int) -> str:
    return _escape(region[:cursor]) + CURSOR + _escape(region[cursor:])


def _parse_edits(block: str) -> tuple[RecentEdit, ...]:
    before, *parts = re.split(rf"^({_ORIGINAL}|{_UPDATED})\n", block, flags=re.MULTILINE)
    names, bodies = parts[::2], [_unescape_block(body.removesuffix("\n")) for body in parts[1::2]]
    if before or names != [_ORIGINAL, _UPDATED] * (len(names) // 2):
        raise FormatError(f"the block {_EDITS!r} does not alternate between {_ORIGINAL!r} and {_UPDATED!r}")
    return tuple(RecentEdit(o, u) for o, u in zip(bodies[::2], bodies[1::2], strict=True))


def _escape(code: str) -> str:
    return _MARKER_TEXT.sub(rf"<|{_JOINER}\1\2", code)


def _unescape(code: str) -> str:
    return _MARKER_TEXT.sub(lambda match: f"<|{match[1][1:]}{match[2]}", code)


def _escape_block(code: str) -> str:
    return _HEADING_LINE.sub(rf"\1{_JOINER}\2\3", _escape(code))


def _unescape_block(code: str) -> str:
    return _unescape(_HEADING_LINE.sub(lambda match: f"{match[1] or ''}{match[2][1:]}{match[3]}", code))
