"""Where the names of a document's own are defined and used, and who calls its functions; by syntax tree.

Scopes as Python has them: module, class, function, comprehension. A name that is declared `global` or `nonlocal`, or
that is used where its place cannot be told, is left out. Knows nothing of corruptions.
"""

from __future__ import annotations

import ast
import builtins
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from tabtab_local.edits import Span
from training.data.document import Document

Function = ast.FunctionDef | ast.AsyncFunctionDef
Comprehension = ast.ListComp | ast.SetComp | ast.DictComp | ast.GeneratorExp
_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)

# Methods that a value of any class may have; a call of one says nothing about whose it is.
_COMMON_METHODS = frozenset(name for kind in (str, bytes, list, dict, set, tuple, int, float) for name in dir(kind))
_LEFT_OUT = {"self", "cls", "_", "__all__", "__name__"} | set(dir(builtins))


@dataclass(frozen=True)
class Binding:
    """A name: what it stands for, where it is defined, and its other places in the order of the text."""

    name: str
    sort: str
    definition: Span
    uses: tuple[Span, ...]


@dataclass(frozen=True)
class Called:
    """A function of the document with the calls of it; `skipped` of its parameters are not passed by callers."""

    function: Function
    skipped: int
    calls: tuple[ast.Call, ...]


@dataclass
class _Scope:
    sort: str
    parent: _Scope | None
    bound: dict[str, tuple[str, Span]] = field(default_factory=dict)
    places: dict[str, list[Span]] = field(default_factory=dict)
    attributes: dict[str, list[Span]] = field(default_factory=dict)
    stored: set[str] = field(default_factory=set)
    excluded: set[str] = field(default_factory=set)


def bindings(document: Document) -> tuple[Binding, ...]:
    """Return the variables, parameters, functions, classes and attributes that are defined once and used elsewhere."""
    # The names of what did not parse would not follow.
    survey = _Survey(document, set(re.findall(r"\w+", document.unparsed)))
    survey.run(document.part)
    return tuple(survey.found())


def called(document: Document) -> tuple[Called, ...]:
    """Return the functions that are defined once, without decorators, with the calls that are surely of them."""
    functions: dict[str, list[tuple[Function, int]]] = {}
    for node in document.nodes:
        inner = node.body if isinstance(node, ast.ClassDef | ast.Module) else []
        method = isinstance(node, ast.ClassDef)
        for function in inner:
            if isinstance(function, _FUNCTIONS):
                own = isinstance(node, ast.ClassDef) and function.name == "__init__"
                name = node.name if isinstance(node, ast.ClassDef) and own else function.name
                functions.setdefault(name, []).append((function, int(method)))
    calls = sorted((node for node in document.nodes if isinstance(node, ast.Call)), key=lambda node: node.lineno)
    found = []
    for name, same in functions.items():
        function, skipped = same[0]
        if len(same) > 1 or function.decorator_list or name in _COMMON_METHODS or f"{name}(" in document.unparsed:
            continue
        by_name = not skipped or function.name == "__init__"
        mine = tuple(call for call in calls if _callee(call, by_name) == name)
        if mine:
            found.append(Called(function, skipped, mine))
    return tuple(sorted(found, key=lambda one: one.function.lineno))


def _f_string_code(string: str) -> str:
    """Return the source of an f-string with everything blanked but its expressions."""
    depth, quote, kept = 0, "", []
    for character in string:
        depth += (character == "{") - (character == "}")
        if depth > 0 and character in "\"'":
            quote = "" if quote else character
        kept.append(character if depth > 0 and not quote else " ")
    return "".join(kept)


def _callee(call: ast.Call, by_name: bool) -> str:
    if by_name:
        return call.func.id if isinstance(call.func, ast.Name) else ""
    return call.func.attr if isinstance(call.func, ast.Attribute) else ""


class _Survey:
    """One walk over the tree that notes each name with its scope; scopes are resolved when the walk is over."""

    def __init__(self, document: Document, left_out: set[str]) -> None:
        self._document = document
        self._left_out = _LEFT_OUT | left_out
        self._references: list[tuple[_Scope, str, Span]] = []
        self._scopes: list[_Scope] = []
        self._keywords: list[tuple[str, str, Span]] = []
        self._parameters: dict[tuple[str, str], _Scope | None] = {}

    def run(self, tree: ast.Module) -> None:
        """Note all names of a module."""
        self._all(tree.body, _Scope("module", None))

    def visit(self, node: ast.AST, scope: _Scope) -> None:
        """Note the names in `node`, which runs in `scope`."""
        match node:
            case ast.Name():
                self._name(node, scope)
            case ast.Attribute():
                self._attribute(node, scope)
                self.visit(node.value, scope)
            case ast.JoinedStr():
                self._f_string(node, scope)
            case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.Lambda():
                self._function(node, scope)
            case ast.ClassDef():
                self._bind(scope, node.name, "class", self._after_word(node, "class"))
                for child in [*node.decorator_list, *node.bases, *node.keywords]:
                    self.visit(child, scope)
                self._all(node.body, _Scope("class", scope))
            case ast.ListComp() | ast.SetComp() | ast.DictComp() | ast.GeneratorExp():
                self.visit(node.generators[0].iter, scope)
                inner = _Scope("comprehension", scope)
                self._scopes.append(inner)
                self._comprehension(node, inner)
            case ast.Global() | ast.Nonlocal():
                for one in self._scopes:
                    one.excluded.update(node.names)
            case _:
                self._other(node, scope)

    def found(self) -> Iterator[Binding]:
        """Yield the bindings, in no order that matters but always the same."""
        for scope, name, place in self._references:
            owner = _owner(scope, name)
            if owner:
                owner.places.setdefault(name, []).append(place)
        for function, name, place in self._keywords:
            owner = self._parameters.get((function, name))
            if owner:
                owner.places.setdefault(name, []).append(place)
        for scope in self._scopes:
            for name, (sort, definition) in scope.bound.items():
                if name not in scope.excluded and scope.sort != "class":
                    yield from self._binding(name, sort, definition, scope.places.get(name, []))
            for name, places in scope.attributes.items():
                if name in scope.stored:
                    places = sorted(places)
                    yield from self._binding(name, "attribute", places[0], places[1:])

    def _binding(self, name: str, sort: str, definition: Span, places: list[Span]) -> Iterator[Binding]:
        uses = sorted({place for place in places if place != definition})
        usable = uses and name not in self._left_out and not name.startswith("__")
        if usable and all(place.of(self._document.text) == name for place in [definition, *uses]):
            yield Binding(name, sort, definition, tuple(uses))

    def _other(self, node: ast.AST, scope: _Scope) -> None:
        if isinstance(node, ast.ExceptHandler | ast.MatchAs | ast.MatchStar) and node.name:
            scope.excluded.add(node.name)
        if isinstance(node, ast.Import | ast.ImportFrom):
            scope.excluded.update((alias.asname or alias.name).split(".")[0] for alias in node.names)
        if isinstance(node, ast.Call):
            self._call(node)
        for child in ast.iter_child_nodes(node):
            self.visit(child, scope)

    def _all(self, nodes: Sequence[ast.AST], scope: _Scope) -> None:
        self._scopes.append(scope)
        for node in nodes:
            self.visit(node, scope)

    def _comprehension(self, node: Comprehension, scope: _Scope) -> None:
        """Note the names of a comprehension but for its first iterable, which runs outside."""
        for part in ast.iter_child_nodes(node):
            inner = list(ast.iter_child_nodes(part)) if isinstance(part, ast.comprehension) else [part]
            for child in inner:
                if child is not node.generators[0].iter:
                    self.visit(child, scope)

    def _name(self, node: ast.Name, scope: _Scope) -> None:
        place = self._document.span(node)
        if isinstance(node.ctx, ast.Store):
            self._bind(scope, node.id, "variable", place)
        self._references.append((scope, node.id, place))

    def _attribute(self, node: ast.Attribute, scope: _Scope) -> None:
        owner: _Scope | None = scope
        while owner and owner.sort != "class":
            owner = owner.parent
        if owner and isinstance(node.value, ast.Name) and node.value.id == "self":
            end = self._document.span(node).end
            owner.attributes.setdefault(node.attr, []).append(Span(end - len(node.attr), end))
            if isinstance(node.ctx, ast.Store):
                owner.stored.add(node.attr)

    def _f_string(self, node: ast.JoinedStr, scope: _Scope) -> None:
        names = {inner.id for inner in ast.walk(node) if isinstance(inner, ast.Name)}
        attributes = {inner.attr for inner in ast.walk(node) if isinstance(inner, ast.Attribute)}
        place = self._document.span(node)
        code = _f_string_code(place.of(self._document.text))
        for match in re.finditer(r"(?<![\w.])[^\W\d]\w*", code):
            if match[0] in names:
                start = place.start + match.start()
                self._references.append((scope, match[0], Span(start, start + len(match[0]))))
        for match in re.finditer(r"\bself\.([^\W\d]\w*)", code):
            owner: _Scope | None = scope
            while owner and owner.sort != "class":
                owner = owner.parent
            if owner and match[1] in attributes:
                start = place.start + match.start(1)
                owner.attributes.setdefault(match[1], []).append(Span(start, start + len(match[1])))

    def _function(self, node: Function | ast.Lambda, scope: _Scope) -> None:
        inner = _Scope("function", scope)
        if not isinstance(node, ast.Lambda):
            self._bind(scope, node.name, "function", self._after_word(node, "def"))
            for child in [*node.decorator_list, *([node.returns] if node.returns else [])]:
                self.visit(child, scope)
        arguments = node.args
        for child in [*arguments.defaults, *(one for one in arguments.kw_defaults if one)]:
            self.visit(child, scope)
        every = [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs]
        every += [one for one in (arguments.vararg, arguments.kwarg) if one]
        for one in every:
            start = self._document.span(one).start
            self._bind(inner, one.arg, "parameter", Span(start, start + len(one.arg)))
            if one.annotation:
                self.visit(one.annotation, scope)
            if not isinstance(node, ast.Lambda):
                key = (node.name, one.arg)
                self._parameters[key] = None if key in self._parameters else inner
        self._all([node.body] if isinstance(node, ast.Lambda) else node.body, inner)

    def _call(self, node: ast.Call) -> None:
        name = node.func.id if isinstance(node.func, ast.Name) else ""
        for one in node.keywords:
            if name and one.arg:
                start = self._document.span(one).start
                self._keywords.append((name, one.arg, Span(start, start + len(one.arg))))

    def _after_word(self, node: Function | ast.ClassDef, word: str) -> Span:
        start = self._document.text.find(word, self._document.span(node).start) + len(word) + 1
        return Span(start, start + len(node.name))

    @staticmethod
    def _bind(scope: _Scope, name: str, sort: str, place: Span) -> None:
        if scope.bound.get(name, (sort,))[0] != sort and sort != "variable":
            scope.excluded.add(name)
        scope.bound.setdefault(name, (sort, place))


def _owner(scope: _Scope, name: str) -> _Scope | None:
    """Return the scope that `name` belongs to where it is used in `scope`."""
    current: _Scope | None = scope
    while current and (name not in current.bound or (current.sort == "class" and current is not scope)):
        current = current.parent
    return current
