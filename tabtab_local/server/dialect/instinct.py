"""Continue's next-edit prompt for Instinct: an excerpt with a region to rewrite, and the last edits as diffs. Pure."""

from __future__ import annotations

import re

from tabtab_local.desk.ask import Ask, ask_at
from tabtab_local.edits import Span
from tabtab_local.prompt import CURSOR, RecentEdit
from tabtab_local.recent import recent_edit

_START, _END = "<|editable_region_start|>\n", "\n<|editable_region_end|>"
_EXCERPT = re.compile(r"### User Excerpt:\n([^\n]*)\n\n")
_END_OF_EXCERPT = "```\n### Response:"
_DIFF = re.compile(r"^```diff\n(.*?)^```", re.DOTALL | re.MULTILINE)


def ask(said: str) -> Ask | None:
    """Return the question in a message, with the region as its window; None where it holds none."""
    asked = said.rstrip()
    found = _EXCERPT.search(asked) if asked.endswith(_END_OF_EXCERPT) else None
    if not found:
        return None
    excerpt = asked[found.end() :].removesuffix(_END_OF_EXCERPT).removesuffix("\n")
    above, begun, rest = excerpt.partition(_START)
    region, ended, below = rest.partition(_END)
    before, marked, behind = region.partition(CURSOR)
    if not (begun and ended and marked):
        return None
    text = f"{above}{before}{behind}{below}"
    edits = (_edit(diff) for diff in _DIFF.findall(said[: found.start()]))
    recent = tuple(edit for edit in edits if edit)
    window = Span(len(above), len(above + before + behind))
    return ask_at("instinct", text, len(above + before), name=found[1], recent_edits=recent, window=window)


def _edit(diff: str) -> RecentEdit | None:
    lines = [line for line in diff.splitlines() if not line.startswith("@@")]
    old = "".join(f"{line[1:]}\n" for line in lines if not line.startswith("+"))
    new = "".join(f"{line[1:]}\n" for line in lines if not line.startswith("-"))
    return recent_edit(old, new)
