"""One completion: a document with a cursor → prompt → model → an edit worth showing, or the reason for silence."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass

from tabtab_local.answer import INTENT_TOKENS, answer, question
from tabtab_local.config import Settings
from tabtab_local.document import Document
from tabtab_local.edits import Edit, Position, Span, apply, diff, position_of
from tabtab_local.engine import Engine, Generation, Timings, never
from tabtab_local.errors import DocumentError, FormatError, UsageError
from tabtab_local.gates import Change, objection
from tabtab_local.prompt import EDIT_END, PROMPT_VERSION, Prompt, RecentEdit, Response, parse_response
from tabtab_local.suggestion import Exchange

# Headings, markers and the line breaks around them.
_FRAME_TOKENS = 32

NO_WORK = Timings(0.0, 0, 0, 0.0, 0.0, 0, 0, 0, 0.0, 0.0)
"""What it takes to ask no model, or not yet."""


@dataclass(frozen=True)
class Completion:
    """What the model suggests for a document.

    `edits` change the document's code, are apart from each other and in order; there are none where `silence` gives a
    reason. `cursor` is the offset in the edited code where the next edit belongs. `exchange` is where the edits come
    from.
    """

    model: str
    intent: str
    edits: tuple[Edit, ...]
    cursor: int | None
    silence: str | None
    confidence: float
    timings: Timings
    exchange: Exchange | None = None


def complete(
    engine: Engine,
    document: Document,
    *,
    intent: str = "",
    recent_edits: tuple[RecentEdit, ...] = (),
    settings: Settings | None = None,
    cancel: Callable[[], bool] = never,
) -> Completion:
    """Ask `engine` for the next edit of `document`.

    `intent` is one line (see `clean_intent`), `recent_edits` go from oldest to newest. Raises `UsageError` where the
    code around the cursor does not fit into the model's context, and `Cancelled`.
    """
    settings = settings or Settings()
    region = document.region()
    if fault := unreadable(region.of(document.code)):
        return Completion(engine.model.name, intent, (), None, fault, 1.0, NO_WORK)
    prompt, answer_tokens = build_prompt(engine, document, region, intent, recent_edits, settings)
    generation = answer(engine, question(prompt, answer_tokens), settings, cancel)
    return judged(engine.model.name, document, region, prompt, generation, settings)


def unreadable(code: str) -> str | None:
    """Return why no model can be asked about `code`, or nothing: half a surrogate pair is no character."""
    try:
        code.encode()
    except UnicodeEncodeError:
        return "characters: the code around the cursor holds half of one, which no model can read or write"
    return None


def judged(
    model: str, document: Document, region: Span, prompt: Prompt, generation: Generation, settings: Settings
) -> Completion:
    """Return the completion that the answer to `prompt` amounts to, silent where a gate objects to it.

    `region` is the part of the document's code that the answer rewrites.
    """
    response, fault = understood(generation)
    said, confidence, timings = prompt.intent, generation.confidence, generation.timings
    if response is None:
        return Completion(model, said, (), None, f"format: {fault}", confidence, timings)
    said = response.intent
    edits = edits_of(document, region, response)
    after = apply(document.code, edits)
    change = Change(document.code, after, edits, prompt.recent_edits, confidence, settings.min_confidence)
    reason = objection(change, settings.gates) or _refusal(document, edits)
    if reason:
        return Completion(model, said, (), None, reason, confidence, timings)
    exchange = Exchange(prompt, response, region.start, len(document.code) - region.end)
    return Completion(model, said, edits, region.start + response.cursor, None, confidence, timings, exchange)


def _refusal(document: Document, edits: tuple[Edit, ...]) -> str | None:
    """Return why the file cannot hold the edits, as that of a Marimo notebook with a cell in a string; or nothing."""
    if document.kind != "marimo":
        return None
    try:
        document.file_edits(edits)
    except DocumentError as error:
        return f"file: {error}"
    return None


def understood(generation: Generation) -> tuple[Response | None, str]:
    """Return the parsed answer, or nothing and what is wrong with it."""
    if EDIT_END not in generation.text:
        return None, f"the answer did not end within {generation.timings.decoded_tokens} tokens"
    try:
        return parse_response(generation.text), ""
    except FormatError as error:
        return None, str(error)


def edits_of(document: Document, region: Span, response: Response) -> tuple[Edit, ...]:
    """Return the edits of the document's code that a rewrite of its `region` amounts to.

    What can be had by inserting text at the document's cursor is that insertion.
    """
    code, rewritten = region.of(document.code), response.region
    ends_file = document.notebook is None and region.end == len(document.code)
    if ends_file and document.code.endswith("\n") and not rewritten.endswith("\n"):
        rewritten += "\n"  # The region's last, empty line was all that stood for the file's final newline.
    cursor = document.cursor - region.start
    inserted = len(rewritten) - len(code)
    if inserted > 0 and rewritten.startswith(code[:cursor]) and rewritten.endswith(code[cursor:]):
        return (Edit(document.cursor, document.cursor, rewritten[cursor : cursor + inserted]),)
    return tuple(edit.shifted(region.start) for edit in diff(code, rewritten))


def build_prompt(
    engine: Engine,
    document: Document,
    region: Span,
    intent: str,
    recent_edits: tuple[RecentEdit, ...],
    settings: Settings,
) -> tuple[Prompt, int]:
    """Return the prompt that fits into the model's context, and the most tokens that its answer may have.

    The region and the intent are kept whole, then the newest of the recent edits, then context.
    """
    code = region.of(document.code)
    region_tokens, intent_tokens = engine.count_tokens(code), engine.count_tokens(intent)
    answer_tokens = region_tokens + INTENT_TOKENS + intent_tokens + settings.answer_tokens
    left = engine.model.context_tokens - answer_tokens - region_tokens - intent_tokens - _FRAME_TOKENS
    if intent_tokens > INTENT_TOKENS:
        raise UsageError(f"the intent has {intent_tokens} tokens: say it in {INTENT_TOKENS} or fewer")
    if left < 0:
        line = position_of(document.code, document.cursor).line
        raise UsageError(
            f"the code around line {line} has {region_tokens} tokens, too many for the {engine.model.context_tokens} "
            f"that {engine.model.name} reads at once: break up long lines"
        )
    kept: list[RecentEdit] = []
    for edit in reversed(recent_edits):
        cost = engine.count_tokens(f"{edit.original}\n{edit.updated}") + _FRAME_TOKENS
        if cost > left // 2:
            break
        kept.insert(0, edit)
        left -= cost
    context = document.context(region, min(left, settings.context_tokens), engine.count_tokens)
    cursor = document.cursor - region.start
    return Prompt(code, cursor, context.above, context.below, tuple(kept), intent), answer_tokens


def to_json(document: Document, completion: Completion) -> dict[str, object]:
    """Return the completion as the JSON document that the command line prints, with positions as people count them.

    The edits' positions are those of the text that a person sees before the edit, the cursor's those after it.
    """
    seen = document.seen
    edits = document.seen_edits(completion.edits)
    cursor = None if completion.cursor is None else document.seen_position(completion.edits, completion.cursor)
    return {
        "model": completion.model,
        "prompt_version": PROMPT_VERSION,
        "intent": completion.intent,
        "edits": [
            {
                "start": _position(position_of(seen, edit.start)),
                "end": _position(position_of(seen, edit.end)),
                "text": edit.text,
            }
            for edit in edits
        ],
        "cursor": None if cursor is None else _position(cursor),
        "silence": completion.silence,
        "confidence": round(completion.confidence, 4),
        "timings": {name: round(value, 3) for name, value in asdict(completion.timings).items()},
    }


def _position(position: Position) -> dict[str, int]:
    return {"line": position.line, "column": position.column}
