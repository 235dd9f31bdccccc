"""A language server whose model is a rule, so that what it says is known: run as a program, with any arguments.

It carries on behind the cursor a rename that was done lately, and ends a line that begins like one above it as that one
ends. Code that holds "# wait" it considers until it is stopped.
"""

from __future__ import annotations

import re
import sys
import time
from collections.abc import Callable

from tabtab_local.desk.desk import Desk
from tabtab_local.engine import UNGUIDED, Generation, Guide, never
from tabtab_local.errors import Cancelled
from tabtab_local.lsp.server import run
from tabtab_local.prompt import EDIT_START, Prompt, RecentEdit, Response, parse_prompt, plain, render_response
from tests.fakes import ScriptedEngine


class RenamingEngine(ScriptedEngine):
    """Answers by the rule."""

    def generate(
        self,
        prompt: str,
        start: str,
        *,
        max_tokens: int,
        stop: str,
        cancel: Callable[[], bool] = never,
        guide: Guide = UNGUIDED,
    ) -> Generation:
        """Return what the rule says."""
        question = parse_prompt(prompt)
        while "# wait" in question.region:
            if cancel():
                raise Cancelled("nobody waits any more")
            time.sleep(0.002)
        before = plain((start + guide.typed).partition(f"{EDIT_START}\n")[2])
        self._answers = [render_response(_answer(question, before))]
        return super().generate(prompt, start, max_tokens=max_tokens, stop=stop, cancel=cancel, guide=guide)


def _answer(question: Prompt, before: str) -> Response:
    """Return the answer where `before` is what stands before the cursor by now."""
    behind = question.region[question.cursor :]
    for old, new in map(_renamed, question.recent_edits):
        behind = re.sub(rf"\b{old}\b", new, behind)
    *above, line = before.split("\n")
    alike = [each for each in above if line.strip() and each.startswith(line) and behind[:1] in ("", "\n")]
    written = before + (alike[-1][len(line) :] if alike else "")
    return Response(written + behind, len(written))


def _renamed(edit: RecentEdit) -> tuple[str, str]:
    """Return the old and the new name where an edit gave something another one; else a name that nothing has."""
    old, new = (re.findall(r"[^\W\d]\w*", text) for text in (edit.original, edit.updated))
    changed = {pair for pair in zip(old, new, strict=False) if pair[0] != pair[1]} if len(old) == len(new) else set()
    return changed.pop() if len(changed) == 1 else ("nothing has this name", "")


if __name__ == "__main__":
    with Desk(RenamingEngine([])) as desk:
        code = run(desk)
    sys.exit(code)
