"""A function's signature was changed a moment ago, and its calls in the region are to follow.

Made backwards from clean code. The parameter that is new in the definition is missing in the calls; one that is gone
there is still passed; two that changed places are still passed in the old order; a value that is returned in addition,
or no more, is not yet, or still, taken.
"""

from __future__ import annotations

import ast
import random
from collections.abc import Sequence

from tabtab_local.edits import Edit, Span
from tabtab_local.prompt import RecentEdit
from training.data.corruption.example import Example, mentioned, recent_edit, stale
from training.data.corruption.propagation import before
from training.data.corruption.scope import Called, called
from training.data.corruption.syntax import argument_hole
from training.data.document import Document

# Parameters that somebody had and took away again: name, default, and what calls passed.
_GONE = (
    ("verbose", "False", "True"),
    ("debug", "False", "True"),
    ("strict", "True", "False"),
    ("timeout", "30", "10"),
    ("limit", "None", "100"),
    ("encoding", '"utf-8"', '"utf-8"'),
    ("retries", "3", "5"),
    ("dry_run", "False", "True"),
)

# The edit that undoes what was done to the definition, and those that undo what is to be done to the calls.
_Change = tuple[Edit, list[Edit]]


def signature(document: Document, rng: random.Random) -> Example | None:
    """Change the parameters or the returned values of a function of the document's own; its calls are to follow.

    The cursor stands where the definition was changed, or near the first of the calls that follow.
    """
    formatted = " ".join(
        document.span(node).of(document.text) for node in document.nodes if isinstance(node, ast.JoinedStr)
    )
    # The places of calls in f-strings cannot be had from the tree.
    functions = [one for one in called(document) if f"{one.function.name}(" not in formatted]
    if not functions:
        return None
    function = rng.choice(functions)
    ways = [_added, _gone, _swapped, _returned_more, _returned_less]
    rng.shuffle(ways)
    for way in ways:
        change = way(document, function, rng)
        if change and change[1]:
            return _asked(document, *change, rng)
    return None


def _asked(document: Document, defined: Edit, calls: Sequence[Edit], rng: random.Random) -> Example | None:
    sites = sorted(calls)
    recent: list[RecentEdit] = [recent_edit(document, [defined], sites)]
    if rng.random() < 0.5 and (made := stale(document, sites, defined.end, recent, rng, "signature")):
        return made
    first = next((site for site in sites if site.start > defined.start), sites[0])
    return stale(document, sites, before(document, first.start, rng), recent, rng, "signature")


def _added(document: Document, called: Called, rng: random.Random) -> _Change | None:
    """Add a parameter for which all calls pass what is named somewhere, not a value of which nobody could know."""
    names, spans = _parameters(document, called)
    if not names:
        return None
    index = rng.randrange(len(names))
    holes = []
    for call in called.calls:
        place = _passed(call, index, names[index])
        if place is None:
            continue
        value = [*call.args, *(one.value for one in call.keywords)][place]
        if not any(isinstance(one, ast.Name) for one in ast.walk(value)):
            return None
        holes.append(argument_hole(document, call, place))
    hole = _hole(spans, index, called.skipped)
    return Edit(hole.start, hole.end, ""), [Edit(one.start, one.end, "") for one in holes if one]


def _gone(document: Document, called: Called, rng: random.Random) -> _Change | None:
    function, text = called.function, document.text
    name, default, passed = rng.choice(_GONE)
    if function.args.vararg or function.args.kwarg or function.args.kwonlyargs or name in mentioned(text):
        return None
    _, spans = _parameters(document, called)
    if spans:
        defined = Edit(spans[-1].end, spans[-1].end, f", {name}={default}")
    else:
        end = text.find("(", document.span(function).start) + 1
        own = [*function.args.posonlyargs, *function.args.args]
        end = document.span(own[-1]).end if own else end
        defined = Edit(end, end, f"{', ' if own else ''}{name}={default}")
    edits = []
    for call in called.calls:
        given = [document.span(one).end for one in [*call.args, *call.keywords]]
        end = max(given) if given else document.span(call).end - 1
        if text[end : end + 1] == ")":
            edits.append(Edit(end, end, f"{', ' if given else ''}{name}={passed}"))
    return defined, edits


def _swapped(document: Document, called: Called, rng: random.Random) -> _Change | None:
    names, spans = _parameters(document, called)
    if len(names) < 2:
        return None
    index = rng.randrange(len(names) - 1)
    first, second = spans[index : index + 2]
    if ("=" in first.of(document.text)) != ("=" in second.of(document.text)):
        return None
    edits = []
    for call in called.calls:
        if len(call.args) > index + 1 and not any(isinstance(one, ast.Starred) for one in call.args):
            ours = [document.span(one) for one in call.args[index : index + 2]]
            if ours[0].of(document.text) != ours[1].of(document.text):
                edits.append(_swap(document.text, *ours))
    return _swap(document.text, first, second), edits


def _returned_more(document: Document, called: Called, _: random.Random) -> _Change | None:
    """Return two values where it was one, in code that unpacks a pair."""
    value = _returned(called)
    if not isinstance(value, ast.Tuple) or len(value.elts) < 2:
        return None
    parts = [document.span(one) for one in value.elts]
    edits = []
    for target in _targets(document, called):
        if isinstance(target, ast.Tuple) and len(target.elts) == len(parts):
            kept, last = document.span(target.elts[-2]), document.span(target.elts[-1])
            edits.append(Edit(kept.end, last.end, ""))
    return Edit(parts[-2].end, parts[-1].end, ""), edits


def _returned_less(document: Document, called: Called, rng: random.Random) -> _Change | None:
    """Return one value where it was a pair."""
    value = _returned(called)
    if value is None or isinstance(value, ast.Tuple):
        return None
    end = document.span(value).end
    if document.text[end : end + 1] not in ("", "\n"):
        return None
    extra, taken = rng.choice((("None", "_"), ("0", "count"), ("True", "ok"), ("[]", "errors"), ("{}", "info")))
    edits = [
        Edit(document.span(target).end, document.span(target).end, f", {taken}")
        for target in _targets(document, called)
        if isinstance(target, ast.Name)
    ]
    return Edit(end, end, f", {extra}"), edits


def _returned(called: Called) -> ast.expr | None:
    """Return what the function returns, if there is one return only."""
    returns = [node for node in ast.walk(called.function) if isinstance(node, ast.Return)]
    return returns[0].value if len(returns) == 1 else None


def _targets(document: Document, called: Called) -> list[ast.expr]:
    """Return what the results of the calls are assigned to."""
    calls = set(called.calls)
    return [
        node.targets[0]
        for node in document.nodes
        if isinstance(node, ast.Assign) and len(node.targets) == 1 and node.value in calls
    ]


def _parameters(document: Document, called: Called) -> tuple[list[str], list[Span]]:
    """Return the parameters that callers pass by place, each with the span of its annotation and default as well.

    None where the function has parameters of other sorts.
    """
    arguments = called.function.args
    if arguments.vararg or arguments.kwarg or arguments.kwonlyargs or arguments.posonlyargs:
        return [], []
    own = arguments.args
    defaults = [None] * (len(own) - len(arguments.defaults)) + list(arguments.defaults)
    spans = [
        Span(document.span(one).start, document.span(default or one).end)
        for one, default in zip(own, defaults, strict=True)
    ]
    if called.skipped:
        return [one.arg for one in own[1:]], spans[1:]
    return [one.arg for one in own], spans


def _hole(spans: Sequence[Span], index: int, skipped: int) -> Span:
    """Return what to remove so that a parameter is gone, with one comma."""
    if index:
        return Span(spans[index - 1].end, spans[index].end)
    if len(spans) > 1:
        return Span(spans[0].start, spans[1].start)
    return Span(spans[0].start - (2 if skipped else 0), spans[0].end)


def _passed(call: ast.Call, index: int, name: str) -> int | None:
    """Return which of a call's arguments is passed as the parameter `name`, if any is for sure."""
    if any(isinstance(one, ast.Starred) for one in call.args) or any(one.arg is None for one in call.keywords):
        return None
    if index < len(call.args):
        return index
    given = [one.arg for one in call.keywords]
    return len(call.args) + given.index(name) if name in given else None


def _swap(text: str, first: Span, second: Span) -> Edit:
    between = text[first.end : second.start]
    return Edit(first.start, second.end, second.of(text) + between + first.of(text))
