"""Preference data from the log: what the user wrote is right, what was suggested there is wrong.

`python -m training prefer --data FILE` reads it. A pair takes a record that was typed over, or rejected, and of which
is known what stands there instead; after a rejection that may be what stood there before: nothing was to be done. An
accepted answer has no wrong one beside it, and one that was shown and passed over may still have been right.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from tabtab_local.errors import DocumentError, FormatError
from tabtab_local.feedback.record import Record
from tabtab_local.names import syntax_tree
from tabtab_local.output import new_file
from tabtab_local.prompt import PROMPT_VERSION, Prompt, Response, parse_prompt, parse_response

_UNUSED = {
    "accepted": "accepted, with nothing wrong beside it",
    "shown": "shown, and neither taken nor refused",
    "typed_over": "typed over, by what is not known",
    "rejected": "rejected, for what is not known",
}


@dataclass(frozen=True)
class Exported:
    """How many pairs were written, and how many records make none, by the reason."""

    pairs: int
    unused: dict[str, int]


def export(records: Iterable[Record | None], out: Path) -> Exported:
    """Write the pairs that records make to `out`, as JSON lines, with the outcome as what is wrong with the answer.

    Raises `DocumentError` where `out` is there already, and where there is no pair.
    """
    if out.exists():
        raise DocumentError(f"{out} exists: choose another name")
    unused: Counter[str] = Counter()
    lines: dict[str, None] = {}  # in order
    for record in records:
        reason = "not readable" if record is None else objection(record)
        if record and not reason:
            pair = {"prompt": record.prompt, "chosen": record.became, "rejected": record.answer}
            line = json.dumps({**pair, "fault": record.outcome}, ensure_ascii=False) + "\n"
            reason = "there twice" if line in lines else None
            lines[line] = None
        if reason:
            unused[reason] += 1
    if not lines:
        raise DocumentError(f"no pairs: {_told(unused)}" if unused else "no pairs: nothing is kept")
    with new_file(out) as temporary:
        temporary.write_text("".join(lines), encoding="utf-8", newline="\n")
    return Exported(len(lines), dict(unused))


def objection(record: Record) -> str | None:
    """Return why a record makes no pair, None where it makes one."""
    if record.prompt_version != PROMPT_VERSION:
        return f"of prompt format {record.prompt_version}"
    if record.became is None or record.outcome in ("accepted", "shown"):
        return _UNUSED[record.outcome]
    try:
        prompt, wrong = parse_prompt(record.prompt), parse_response(record.answer)
        right = parse_response(record.became)
    except FormatError:
        return "not readable"
    if right.region == wrong.region:
        return "written as it was suggested"
    if right.region != prompt.region and _parses(prompt, wrong) and not _parses(prompt, right):
        return "left in the middle of writing"
    return None


def render(exported: Exported) -> str:
    """Return what was exported as a line."""
    unused = f"; not used: {_told(exported.unused)}" if exported.unused else ""
    return f"{exported.pairs} pair{'s' * (exported.pairs != 1)}{unused}"


def _told(unused: dict[str, int]) -> str:
    return "; ".join(f"{count} {reason}" for reason, count in sorted(unused.items()))


def _parses(prompt: Prompt, response: Response) -> bool:
    return syntax_tree(prompt.code_with(response.region)) is not None
