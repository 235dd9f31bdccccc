"""Two places that belong together have drifted apart: a comment and its code, a line and its pasted copy, two lines.

Made backwards from clean code, as in `propagation.py`. The cursor stands before the first place that is to change.
"""

from __future__ import annotations

import ast
import keyword
import random
import re
import sys
from collections.abc import Callable, Iterator
from itertools import pairwise
from typing import TypeVar

from tabtab_local.edits import Edit
from tabtab_local.prompt import RecentEdit
from training.data.corruption.example import WORD, Example, indent, mentioned, recent_edit, stale
from training.data.document import Document

_T = TypeVar("_T")

_COMMENT = re.compile(r"\s*(#|\"\"\"\w)")
_WORD = re.compile(r"(?<![\w.])(?:[^\W\d]\w{2,}|\d+(?:\.\d+)?)(?!\w)")
_NO_STATEMENT = re.compile(r"^[ \t]*(?:$|#|@|\"\"\"|(?:async |def |class ))", re.MULTILINE)
_QUOTED = re.compile(r"[\"']([^\W\d]\w{2,})[\"']")
_ASSIGNED = re.compile(r"^[ \t]*([^\W\d]\w{2,}) = ", re.MULTILINE)
_PLAIN = {
    "the",
    "and",
    "for",
    "with",
    "from",
    "that",
    "all",
    "into",
    "not",
    "are",
    "has",
    "print",
    "one",
    "each",
    "over",
}
_COMMENTED_LINES = 3

# What differs in two lines of which one was made of the other: whoever sees the first may know the second.
_COUNTERPARTS = (
    *("x y z", "a b c", "min max", "width height", "row col", "rows cols", "row column", "rows columns", "left right"),
    *("top bottom", "start end", "start stop", "first second third", "first last", "before after", "lower upper"),
    *("old new", "source target", "src dst", "key value", "keys values", "train test", "sin cos", "mean median std"),
    *(
        "input output",
        "read write",
        "load save",
        "true false",
        "True False",
        "xlabel ylabel",
        "xlim ylim",
        "xticks yticks",
    ),
    *(
        "set_xlabel set_ylabel",
        "set_xlim set_ylim",
        "horizontal vertical",
        "latitude longitude",
        "lat lon",
        "hour minute",
    ),
    *("minute second", "year month day", "increment decrement", "add remove", "get set", "open close", "prev next"),
)
_NEXT = {(a, b) for words in map(str.split, _COUNTERPARTS) for a in words for b in words if a != b}
_MAX_COPIED_LINES = 3
_NEAR_LINES = 12

# The runtime does not show an answer that deletes more than this.
_MAX_DELETED = 24


def comment_drift(document: Document, rng: random.Random) -> Example | None:
    """Let a comment say what the code does not do, after one of the two was changed; the other is to follow."""
    document = _commented(document, rng)
    pairs = list(_mentions(document))
    if not pairs:
        return None
    row, word = rng.choice(pairs)
    comment = document.row_span(row)
    code = _commented_code(document, row)
    other = _other_word(document, word, code, rng)
    if other is None:
        return None
    said = [_replaced(comment.start, match, other) for match in _places(comment.of(document.text), word)]
    done = [_replaced(comment.end + 1, match, other) for match in _places(code, word)]
    if not said or not done:
        return None
    if rng.random() < 0.5:
        return stale(document, done, comment.end, [recent_edit(document, said)], rng, "comment_drift")
    start = comment.start + indent(document.rows[row])
    cursor = rng.choice((start, comment.start, said[0].start))
    return stale(document, said, cursor, [recent_edit(document, done)], rng, "comment_drift")


def stale_copy(document: Document, rng: random.Random) -> Example | None:
    """Show the second of two similar runs of lines as a copy of the first, just pasted; it is to be adapted."""
    found = []
    for count in range(1, _MAX_COPIED_LINES + 1):
        for row in range(len(document.rows) - 2 * count + 1):
            sites = _adaptation(document, row, count)
            if sites:
                found.append((row, count, sites))
    if not found:
        return None
    row, count, sites = rng.choice(found)
    first = "\n".join(document.rows[row : row + count])
    pasted = document.row_starts[row + count]
    cursor = rng.choice((pasted - 1, pasted, pasted + indent(document.rows[row + count]), sites[0].start))
    return stale(document, sites, cursor, [RecentEdit(first, f"{first}\n{first}")], rng, "stale_copy")


def reordered_line(document: Document, rng: random.Random) -> Example | None:
    """Swap two lines of which the second needs what the first one binds; the order is to be restored."""
    pair = _first(list(_neighbours(document)), lambda pair: _depends(document, *pair), rng)
    if pair is None:
        return None
    one, two = map(document.span, pair)
    between = document.text[one.end : two.start]
    swapped = Edit(one.start, two.end, two.of(document.text) + between + one.of(document.text))
    row = document.row_of(one.start)
    cursor = rng.choice((one.start, one.start, document.row_starts[row], document.row_span(max(0, row - 1)).end))
    return stale(document, [swapped], min(cursor, one.start), (), rng, "reordered_line")


def duplicated_line(document: Document, rng: random.Random) -> Example | None:
    """Let a line stand twice that does nothing more the second time; one of the two is to go."""
    nodes = [
        node
        for node in document.nodes
        if isinstance(node, ast.Assign | ast.AnnAssign | ast.Import | ast.ImportFrom | ast.Return)
        and node.lineno == node.end_lineno
        and len("".join(document.rows[node.lineno - 1].split())) <= _MAX_DELETED
    ]
    node = _first(nodes, _is_repeatable, rng)
    if node is None:
        return None
    line = document.row_span(node.lineno - 1)
    text = line.of(document.text)
    if document.span(node).of(document.text) != text.strip():
        return None
    if rng.random() < 0.5:
        return stale(document, [Edit(line.end, line.end, f"\n{text}")], line.end, (), rng, "duplicated_line")
    return stale(document, [Edit(line.start, line.start, f"{text}\n")], line.start, (), rng, "duplicated_line")


def _first(items: list[_T], fits: Callable[[_T], bool], rng: random.Random) -> _T | None:
    """Return one of the items that fit, drawn at random."""
    rng.shuffle(items)
    return next(filter(fits, items), None)


def _commented(document: Document, rng: random.Random) -> Document:
    """Return the document, often with one of its intents as a comment above what it stands for."""
    if not document.intents or rng.random() < 0.3:
        return document
    where, intent = rng.choice(document.intents)
    return document.edited([Edit(where.start, where.start, f"# {intent[:1].lower()}{intent[1:]}\n")])


def _mentions(document: Document) -> Iterator[tuple[int, str]]:
    """Yield the comments and one-line docstrings, by row, with each word or number that the code below has as well."""
    for row, line in enumerate(document.rows[:-1]):
        if _COMMENT.match(line) and (line.lstrip().startswith("#") or line.rstrip().endswith('"""')):
            below = set(_WORD.findall(_commented_code(document, row)))
            for word in sorted(below.intersection(_WORD.findall(line))):
                if word not in _PLAIN and not keyword.iskeyword(word) and word not in sys.stdlib_module_names:
                    yield row, word


def _commented_code(document: Document, row: int) -> str:
    """Return the lines behind `row` up to one that is blank, a comment or docstring, or begins a definition."""
    code = "\n".join(document.rows[row + 1 : row + 1 + _COMMENTED_LINES])
    end = _NO_STATEMENT.search(code)
    return code[: end.start()] if end else code


def _other_word(document: Document, word: str, text: str, rng: random.Random) -> str | None:
    """Return what may have stood for `word` in the code `text` before: another number, column or variable."""
    if word.isdigit():
        number = int(word)
        others = [str(number + 1), str(number * 2), str(number + 10), str(max(1, number // 2))]
    elif word in _QUOTED.findall(text):
        others = sorted(set(_QUOTED.findall(document.text)))
    elif word not in _ASSIGNED.findall(text):
        others = [other for other in sorted(set(_ASSIGNED.findall(document.text))) if _plural(other) == _plural(word)]
    else:
        return None
    here = mentioned(text)
    others = [other for other in others if other not in here]
    return rng.choice(others) if others else None


def _plural(word: str) -> bool:
    return word.endswith("s")


def _places(text: str, word: str) -> Iterator[re.Match[str]]:
    return (match for match in _WORD.finditer(text) if match[0] == word)


def _replaced(start: int, match: re.Match[str], text: str) -> Edit:
    return Edit(start + match.start(), start + match.end(), text)


def _adaptation(document: Document, row: int, count: int) -> list[Edit]:
    """Return the edits that make the `count` lines below a run of as many lines its exact copy.

    Nothing where the two are too different, or where nobody could tell the second from the first.
    """
    rows = document.rows
    second = row + count
    if not all(rows[one].strip() and indent(rows[one]) == indent(rows[one + count]) for one in range(row, second)):
        return []
    sites: list[Edit] = []
    pairs: set[tuple[str, str]] = set()
    for one in range(row, second):
        ours, theirs = document.words[one], document.words[one + count]
        if len(ours) != len(theirs) or len(ours) < 4:
            return []
        differ = [index for index, word in enumerate(ours) if word != theirs[index]]
        if len(differ) > 4:
            return []
        pairs |= {(ours[index], theirs[index]) for index in differ}
        if differ:
            places = list(WORD.finditer(rows[one + count]))
            sites += [_replaced(document.row_starts[one + count], places[index], ours[index]) for index in differ]
    # Spacing must be the same as well.
    copy = "\n".join(rows[row:second])
    start, end = document.row_starts[second], document.row_span(second + count - 1).end
    plain = document.text[start:end]
    for site in reversed(sites):
        plain = plain[: site.start - start] + site.text + plain[site.end - start :]
    return sites if sites and plain == copy and _is_inferable(document, pairs, second, count) else []


def _is_inferable(document: Document, pairs: set[tuple[str, str]], second: int, count: int) -> bool:
    """Return whether all that differs but one word are counterparts, and the code below asks for that word."""
    open_words = {pair for pair in pairs if pair not in _NEXT and not _follows(*pair)}
    if len(open_words) > 1 or not all(b[0].isalpha() for _, b in open_words):
        return False
    if open_words and document.rows[second].endswith(","):
        return False
    if not open_words:
        return True
    start, end = second + count, second + count + _NEAR_LINES
    below = {word for words in document.words[start:end] for word in words}
    above = {word for words in document.words[:second] for word in words}
    return all(b in below and b not in above for _, b in open_words)


def _follows(a: str, b: str) -> bool:
    """Return whether `b` is `a` with a number, or a letter of x, y, z, counted up."""
    one, two = re.fullmatch(r"(\D*)(\d+)", a), re.fullmatch(r"(\D*)(\d+)", b)
    if one and two:
        return one[1] == two[1] and int(two[2]) == int(one[2]) + 1
    parts = list(zip(a.split("_"), b.split("_"), strict=False))
    differ = [pair for pair in parts if pair[0] != pair[1]]
    return a.count("_") == b.count("_") > 0 and len(differ) == 1 and differ[0] in _NEXT


def _neighbours(document: Document) -> Iterator[tuple[ast.stmt, ast.stmt]]:
    """Yield the pairs of statements that follow each other in one block, each alone on a line."""
    for node in document.nodes:
        for name in ("body", "orelse", "finalbody"):
            body = getattr(node, name, None)
            if not isinstance(body, list):
                continue
            for one, two in pairwise(body):
                if one.lineno == one.end_lineno == two.lineno - 1 and two.lineno == two.end_lineno:
                    yield one, two


def _depends(document: Document, one: ast.stmt, two: ast.stmt) -> bool:
    """Return whether `two` reads a name that `one` binds and nothing before it mentions."""
    if not isinstance(one, ast.Assign) or not isinstance(two, ast.Assign | ast.Expr | ast.AugAssign | ast.Return):
        return False
    bound = {node.id for target in one.targets for node in ast.walk(target) if isinstance(node, ast.Name)}
    read = {node.id for node in ast.walk(two) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load)}
    above = document.text[: document.span(one).start]
    own = {node.id for node in ast.walk(one.value) if isinstance(node, ast.Name)}
    names = (bound & read) - own
    return bool(names) and names.isdisjoint(mentioned(above))


def _is_repeatable(node: ast.stmt) -> bool:
    """Return whether doing it twice is the same as once, and nobody would mean to."""
    if isinstance(node, ast.Assign):
        bound = {name.id for target in node.targets for name in ast.walk(target) if isinstance(name, ast.Name)}
        read = {name.id for name in ast.walk(node.value) if isinstance(name, ast.Name)}
        return not bound & read and not any(isinstance(one, ast.Call | ast.Await) for one in ast.walk(node.value))
    return not isinstance(node, ast.AnnAssign) or node.value is not None
