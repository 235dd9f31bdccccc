"""States that a person passes through while making a commit, each asked as a question whose answer the commit knows.

A file's hunks are made one by one, from top to bottom. Before a hunk the cursor stands where the hunk before it ended
(`next`), or at the first place to change (`jump`); within a hunk a part is typed (`typed`); after the last there is
nothing left to do (`done`). The region is chosen as the runtime chooses it, in notebooks too, and every answer keeps
what stands before the cursor, because the runtime forces it.
"""

from __future__ import annotations

import random
import re
import textwrap
from collections.abc import Sequence
from dataclasses import dataclass

from tabtab_local.document import Document, open_document
from tabtab_local.edits import Edit, Span, apply, diff, position_of
from tabtab_local.errors import TabTabError
from tabtab_local.marimo import parse_marimo
from tabtab_local.notebook import from_cell, to_cell
from tabtab_local.prompt import Prompt, RecentEdit, Response
from training.data.corruption.example import (
    BUDGETS_TOKENS,
    MAX_HOLE_CHARACTERS,
    MAX_REGION_CHARACTERS,
    WORD,
    Example,
    about_tokens,
)
from training.data.source.hunk import Hunk, tree

# What an unfinished insertion is answered with at most, beside the rest of its line.
_MAX_MORE_LINES = 3
_MIN_TYPED_CHARACTERS = 4

# Between two changes of a line, less than this is typed anew with them.
_MAX_KEPT_CHARACTERS = 12
_MAX_RECENT = 3

# A change that nothing of is typed yet is asked for where it is no longer than this.
_MAX_UNTYPED_CHARACTERS = 200
_MAX_UNTYPED_LINES = 4
_MAX_RECENT_CHARACTERS = 300

# Where a top-level statement begins, and one of a class's or function's body or a top-level one.
_FOLLOWS = r"(?!(?:else|elif|except|finally|case)\b)[^\s#)\]}\"']"
_STATEMENT = re.compile(rf"^{_FOLLOWS}", re.MULTILINE)
_INNER_STATEMENT = re.compile(rf"^(?:    )?{_FOLLOWS}", re.MULTILINE)


@dataclass(frozen=True)
class Question:
    """A state of a file: make `edits`, from the cursor on; it then belongs at `follow`, an offset in the result."""

    text: str
    cursor: int
    edits: tuple[Edit, ...]
    follow: int
    kind: str


@dataclass(frozen=True)
class Asked:
    """What is said beside the code: the intent as given, the intent of the answer, the edits made before."""

    given: str = ""
    said: str = ""
    recent: tuple[RecentEdit, ...] = ()


def state(before: str, hunks: Sequence[Hunk], made: int) -> tuple[str, list[Edit]]:
    """Return the text with the first `made` hunks made, and the other hunks as edits of it."""
    text = apply(before, [hunk.edit for hunk in hunks[:made]])
    shift = sum(len(hunk.new) - len(hunk.old) for hunk in hunks[:made])
    return text, [hunk.edit.shifted(shift) for hunk in hunks[made:]]


def fine(text: str, hunk: Edit) -> list[Edit]:
    """Return a hunk as the insertions, deletions and replacements that it is made of, each as it would be typed."""
    inner = [edit.shifted(hunk.start) for edit in diff(text[hunk.start : hunk.end], hunk.text)]
    ends = [edit.start for edit in inner[1:]] + [hunk.end]
    whole = [_whole_word(text, edit, end) for edit, end in zip(inner, ends, strict=True)]
    return [_typed_form(text, edit, max(0, hunk.start - 1)) for edit in whole]


def _whole_word(text: str, edit: Edit, limit: int) -> Edit:
    """Return the replacement of a word's beginning as that of the whole word: nobody keeps another word's end."""
    if edit.start == edit.end or not edit.text[-1:].isidentifier():
        return edit
    rest = re.compile(r"\w*").match(text, edit.end, limit)
    end = rest.end() if rest else edit.end
    return Edit(edit.start, end, edit.text + text[edit.end : end])


def _typed_form(text: str, edit: Edit, floor: int) -> Edit:
    """Return an insertion of lines as one that begins with a line break at the end of the line above, where it can."""
    if edit.start < edit.end or "\n" not in edit.text:
        return edit
    start, inserted = edit.start, edit.text
    while not inserted.startswith("\n"):
        if start <= floor or text[start - 1] != inserted[-1]:
            return edit
        start, inserted = start - 1, inserted[-1] + inserted[:-1]
    return Edit(start, start, inserted)


def end_of(hunk: Edit, text: str) -> int:
    """Return the offset, in the text after the hunk, of the end of its last change. `text` is the text before."""
    edits = fine(text, hunk)
    return _ends(edits)[-1] if edits else hunk.start


def _ends(edits: Sequence[Edit]) -> list[int]:
    """Return where each edit's new text ends after all of them are made; a final line break is left behind."""
    ends, shift = [], 0
    for edit in edits:
        new = edit.text.removesuffix("\n") if edit.start == edit.end else edit.text
        ends.append(edit.start + shift + len(new))
        shift += len(edit.text) - (edit.end - edit.start)
    return ends


def next_edits(text: str, remaining: Sequence[Edit], cursor: int | None, kind: str) -> Question | str:
    """Return the question for the hunks of `remaining` that stand in the region around the cursor.

    Without a cursor it stands at the first change of the first hunk. Returns the reason where it cannot be asked.
    """
    first = fine(text, remaining[0])
    at = first[0].start if cursor is None and first else cursor
    if at is None:
        return "no change in the hunk"
    region = _region(text, at)
    if isinstance(region, str):
        return region
    inside = [hunk for hunk in remaining if region.start <= hunk.start and hunk.end <= region.end + 1]
    if not inside or inside[0] != remaining[0]:
        return "hunk reaches out of the region"
    groups = [fine(text, hunk) for hunk in inside]
    edits = [edit for group in groups for edit in group]
    inserted = "".join(edit.text for edit in edits)
    if len(inserted) > _MAX_UNTYPED_CHARACTERS or inserted.count("\n") > _MAX_UNTYPED_LINES:
        return "too much that nothing is typed of"
    if len(groups) == 1:
        follow = _ends(edits)[-1]
    else:
        follow = groups[1][0].start + sum(len(e.text) - (e.end - e.start) for e in groups[0])
    return Question(text, at, tuple(edits), follow, kind)


def typed(text: str, hunk: Edit, rng: random.Random) -> Question | str:
    """Return the question for a hunk that has been typed in part: up to a word's end or into a word."""
    edits = _joined(text, fine(text, hunk))
    choices = [i for i, edit in enumerate(edits) if len(edit.text.strip()) >= _MIN_TYPED_CHARACTERS]
    if not choices:
        return "nothing to type"
    index = rng.choice(choices)
    edit = edits[index]
    # A line that is inserted before the first has its line break behind it already.
    tail = "\n" if edit.start == edit.end and edit.text.endswith("\n") else ""
    whole = edit.text.removesuffix(tail) if tail else edit.text
    prefix = whole[: _typing_point(whole, rng)]
    rest = _answered(whole[len(prefix) :], rng)
    if not rest.strip():
        return "nothing to type"
    done = [*edits[:index], Edit(edit.start, edit.end, prefix + tail)]
    now = apply(text, done)
    cursor = edit.start + sum(len(e.text) - (e.end - e.start) for e in edits[:index]) + len(prefix)
    finish = [Edit(cursor, cursor, rest)]
    if prefix + rest == whole:
        shift = sum(len(e.text) - (e.end - e.start) for e in done)
        finish += [later.shifted(shift) for later in edits[index + 1 :]]
    return Question(now, cursor, tuple(finish), _ends(finish)[-1], "history_typed")


def _joined(text: str, edits: Sequence[Edit]) -> list[Edit]:
    """Return edits with those that stand close together on a line as one: a rewritten call is removed first."""
    joined: list[Edit] = []
    for edit in edits:
        between = text[joined[-1].end : edit.start] if joined else "\n"
        if len(between) <= _MAX_KEPT_CHARACTERS and "\n" not in between:
            joined[-1] = Edit(joined[-1].start, edit.end, joined[-1].text + between + edit.text)
        else:
            joined.append(edit)
    return joined


def _typing_point(text: str, rng: random.Random) -> int:
    """Return how much of `text` is typed: at least one character of a line, anywhere in it."""
    lines = [match for match in re.finditer(r"[^\n]+", text) if match[0].strip()]
    line = rng.choice(lines)
    code = line.start() + len(line[0]) - len(line[0].lstrip())
    if rng.random() < 0.15:
        return code
    if rng.random() < 0.3:
        return rng.randint(code, line.end())
    ends = [match.end() for match in WORD.finditer(text, code, line.end())]
    return rng.choice(ends) if ends else code


def _answered(rest: str, rng: random.Random) -> str:
    """Return the part of what is left to type that is asked for: all of it, or the line and a few more."""
    if len(rest) <= MAX_HOLE_CHARACTERS and rest.count("\n") <= _MAX_MORE_LINES:
        return rest
    lines = rest.split("\n")
    kept = lines[0]
    # Nothing but the end of a line is no answer.
    least = 0 if kept.strip() else 1
    for count, line in enumerate(lines[1 : 1 + rng.randint(least, _MAX_MORE_LINES)], 1):
        if len(kept) + len(line) > MAX_HOLE_CHARACTERS or (count > least and not line.strip()):
            break
        kept += "\n" + line
    return kept if len(kept) <= MAX_HOLE_CHARACTERS else ""


def done(text: str, cursor: int) -> Question:
    """Return the question after the last edit: there is nothing left to do."""
    return Question(text, cursor, (), cursor, "history_done")


def example(question: Question, asked: Asked, rng: random.Random) -> Example | str:
    """Return the question as an example, or the reason why it is left out."""
    opened = _open(question.text, question.cursor)
    if isinstance(opened, str):
        return opened
    region = opened.region()
    result = apply(question.text, question.edits)
    after = _after(opened, result, question.follow)
    if after is None:
        return "edit reaches out of the cell"
    code, follow = after
    left = len(opened.code) - region.end
    answer = code[region.start : len(code) - left]
    at = opened.cursor - region.start
    before = region.of(opened.code)
    if code[: region.start] != opened.code[: region.start] or code[len(code) - left :] != opened.code[region.end :]:
        return "hunk reaches out of the region"
    if answer[:at] != before[:at] or not 0 <= follow - region.start <= len(answer):
        return "edit before the cursor"
    if max(len(before), len(answer)) > MAX_REGION_CHARACTERS or not before.strip():
        return "region too long or empty"
    if sum(len(edit.text) for edit in question.edits) > MAX_HOLE_CHARACTERS:
        return "too much to type"
    context = opened.context(region, rng.choice(BUDGETS_TOKENS), about_tokens)
    prompt = Prompt(before, at, context.above, context.below, asked.recent, asked.given)
    response = Response(answer, follow - region.start, asked.given or asked.said)
    return Example(prompt, response, question.kind, _parses(result, question.follow))


def recent(text: str, hunk: Edit) -> RecentEdit | None:
    """Return a hunk as an edit that was just made, None where it is too long to show.

    Lines that only come or go are shown below the line above them.
    """
    old = text[hunk.start : hunk.end]
    above = ""
    if not old or not hunk.text:
        above = text[text.rfind("\n", 0, max(0, hunk.start - 1)) + 1 : hunk.start]
    original, updated = (above + old).rstrip("\n"), (above + hunk.text).rstrip("\n")
    if max(len(original), len(updated)) > _MAX_RECENT_CHARACTERS or original == updated:
        return None
    return RecentEdit(original, updated)


def last_edits(made: Sequence[RecentEdit], rng: random.Random) -> tuple[RecentEdit, ...]:
    """Return up to three of the newest edits."""
    return tuple(made[len(made) - min(len(made), rng.randint(1, _MAX_RECENT)) :])


def _open(text: str, offset: int) -> Document | str:
    place = position_of(text, offset)
    try:
        return open_document(text, jupyter=False, line=place.line, column=place.column)
    except TabTabError:
        return "outside of a notebook's cells"


def _region(text: str, offset: int) -> Span | str:
    """Return the region around an offset as offsets of the file, or the reason why there is none."""
    opened = _open(text, offset)
    if isinstance(opened, str):
        return opened
    region = opened.region()
    if opened.notebook is None:
        return region
    cell = opened.notebook.cells[opened.cell]
    if not cell.lines or cell.span is None:
        return "outside of a notebook's cells"
    # A hunk takes whole lines, indentation included.
    start = text.rfind("\n", 0, from_cell(cell, region.start)) + 1
    return Span(start, from_cell(cell, region.end))


def _after(opened: Document, result: str, follow: int) -> tuple[str, int] | None:
    """Return the edited code and the offset in it, None where more than one cell of a notebook has changed."""
    if opened.notebook is None:
        return result, follow
    cells = parse_marimo(result).cells
    if len(cells) != len(opened.notebook.cells):
        return None
    changed = [i for i, (old, new) in enumerate(zip(opened.notebook.cells, cells, strict=True)) if old.code != new.code]
    cell = cells[opened.cell]
    if changed not in ([], [opened.cell]) or cell.span is None or not cell.span.start <= follow <= cell.span.end:
        return None
    return cell.code, to_cell(cell, follow)


def _parses(text: str, offset: int) -> bool:
    """Return whether the statement around an offset parses: one of a class or function first, which is the faster."""
    for start in (_INNER_STATEMENT, _STATEMENT):
        before = [match.start() for match in start.finditer(text, 0, offset + 1)]
        after = start.search(text, offset + 1)
        piece = text[before[-1] if before else 0 : after.start() if after else len(text)]
        if tree(textwrap.dedent(piece)) is not None:
            return True
        if piece.count('"""') % 2:
            # The statements that were found stand in a string.
            return tree(text) is not None
    return False
