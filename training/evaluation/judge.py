"""A task and a reply → a row: what the edit does, what would have been shown, and how it compares with a right edit."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from tabtab_local.complete import edits_of
from tabtab_local.config import Settings
from tabtab_local.document import Document
from tabtab_local.edits import Edit, apply
from tabtab_local.errors import DocumentError
from tabtab_local.gates import Change, objection
from tabtab_local.names import syntax_tree
from training.evaluation import metric
from training.evaluation.program import program
from training.evaluation.respondent.reply import Reply
from training.evaluation.sandbox import Sandbox, Trial
from training.evaluation.task import Task


@dataclass(frozen=True)
class Row:
    """One task of a result.

    `right` is what accuracy counts: the edited program passes its checks or, where silence is the answer, nothing
    changes. `outcome` and `detail` say how the program ended ("silent" where the answer changes nothing, "unreadable"
    where it cannot be read). `shown` says whether the runtime would show the edit, `silence` why not.

    Three compare the edit with a right one and are None where silence is the answer: `exact`, `similarity` (0-1), and
    `cursor_right`, which an answer that cannot be read or changes nothing never has. `reversal` (0-1, with a last edit)
    and `deletes` user text are None where the answer cannot be read, `parses` where nothing changes. `answer` is the
    model's text.
    """

    id: str
    group: str
    silent: bool
    right: bool
    outcome: str
    detail: str
    shown: bool
    silence: str | None
    strict: bool
    readable: bool
    changed: bool
    exact: bool | None
    similarity: float | None
    cursor_right: bool | None
    reversal: float | None
    deletes: bool | None
    parses: bool | None
    confidence: float | None
    prompt_tokens: int | None
    decoded_tokens: int | None
    first_token_ms: float | None
    total_ms: float
    answer: str

    @property
    def cluster(self) -> str:
        """What the row is not independent of: the other pieces of the same MBPP problem; else itself alone."""
        return self.id.rsplit("/", 1)[0] if self.id.startswith("mbpp/") else self.id


def judge(task: Task, reply: Reply, sandbox: Sandbox, settings: Settings) -> Row:
    """Run the edited program and measure the edit. Of `settings` the gates count."""
    document = task.document()
    edits = edits_of(document, reply.region, reply.response) if reply.response else ()
    code = apply(document.code, edits)
    file: str | None
    try:
        file = apply(document.file, document.file_edits(edits))
        outcome, detail = _outcome(task, reply, edits, file, sandbox)
    except DocumentError as error:
        file, outcome, detail = None, "unreadable", str(error)
    silence = _silence(task, document, reply, edits, code, settings)
    return Row(
        id=task.id,
        group=task.group,
        silent=task.silent,
        right=outcome == ("silent" if task.silent else "passed"),
        outcome=outcome,
        detail=detail,
        shown=silence is None,
        silence=silence,
        strict=reply.strict,
        readable=reply.response is not None,
        changed=bool(edits),
        **_compared(task, document, reply, edits, code, file),
        confidence=reply.confidence,
        prompt_tokens=reply.prompt_tokens,
        decoded_tokens=reply.decoded_tokens,
        first_token_ms=reply.first_token_ms,
        total_ms=reply.total_ms,
        answer=reply.text,
    )


def _outcome(task: Task, reply: Reply, edits: tuple[Edit, ...], file: str, sandbox: Sandbox) -> tuple[str, str]:
    """Return how the edited program ends; a program that nothing changed is known to fail."""
    if reply.response is None:
        return "unreadable", reply.fault
    if not edits:
        return "silent", ""
    if task.silent:
        return "changed", "the right answer is silence"
    try:
        edited = program(file)
    except DocumentError as error:
        return "error", str(error)
    if syntax_tree(edited) is None:
        return "syntax", "the edited program does not parse"
    verdict = sandbox.judge(Trial(edited, task.checks, file, task.files))
    return verdict.outcome, verdict.detail


def _silence(
    task: Task, document: Document, reply: Reply, edits: tuple[Edit, ...], code: str, settings: Settings
) -> str | None:
    """Return why the runtime would show nothing. A model whose probabilities are not known passes as sure."""
    if reply.response is None:
        return f"format: {reply.fault}"
    sure = 1.0 if reply.confidence is None else reply.confidence
    change = Change(document.code, code, edits, task.recent_edits, sure, settings.min_confidence)
    return objection(change, settings.gates)


def _compared(
    task: Task, document: Document, reply: Reply, edits: tuple[Edit, ...], code: str, file: str | None
) -> dict[str, Any]:
    """Return what is measured of an edit; `file` is None where the file cannot hold it."""
    right = task.answer()
    edit_asked, read = not task.silent, reply.response is not None
    cursor = reply.region.start + reply.response.cursor if reply.response else 0
    last = task.recent_edits[-1] if task.recent_edits else None
    return {
        "exact": read and file == task.reference if edit_asked else None,
        "similarity": metric.similarity(document.code, code, right.code) * read if edit_asked else None,
        "cursor_right": metric.cursor_right(code, cursor, right.code, right.cursor) and bool(edits)
        if edit_asked
        else None,
        "reversal": metric.reversal(document.code, code, last) if last and read else None,
        "deletes": metric.deletes_user_text(document.code, code, right.code) if read else None,
        "parses": file is not None and _parses(file) if edits else None,
    }


def _parses(file: str) -> bool:
    try:
        return syntax_tree(program(file)) is not None
    except DocumentError:
        return False
