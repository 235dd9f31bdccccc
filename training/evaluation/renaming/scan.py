"""Reads what each name in a module is: a use, a binding, an attribute, a keyword; and in which scope it stands.

LibCST's ScopeProvider says in which scope a name stands. Which binding it means is worked out in `resolve` by Python's
own rules: the provider goes by the order of statements inside a function, keeps the target of `:=` inside a
comprehension, and takes the captures of `match` and the target of `del` for uses.
"""

# LibCST calls `visit_X` where it meets an X: those methods need no docstring of their own.
# ruff: noqa: D102

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

import libcst as cst
from libcst.helpers import get_full_name_for_node
from libcst.metadata import (
    ComprehensionScope,
    ExpressionContext,
    ExpressionContextProvider,
    MetadataWrapper,
    Scope,
    ScopeProvider,
)

Role = Literal["use", "variable", "function", "class", "parameter", "declaration", "attribute", "keyword", "foreign"]
BINDING_ROLES = ("variable", "function", "class", "parameter")


@dataclass(frozen=True, eq=False)
class Occurrence:
    """A name in the source."""

    node: cst.Name
    scope: Scope
    role: Role


@dataclass(frozen=True, eq=False)
class Passage:
    """A comment, docstring or quoted annotation; `index` counts the occurrences in front of it."""

    node: cst.Comment | cst.SimpleString
    scope: Scope | None
    index: int


class Scan(cst.CSTVisitor):  # type: ignore[misc]
    """Collects, in the order of the source, all that the renaming of a module goes by."""

    def __init__(self, wrapper: MetadataWrapper) -> None:
        super().__init__()
        metadata = wrapper.resolve_many([ScopeProvider, ExpressionContextProvider])
        self._scopes: Mapping[cst.CSTNode, Scope | None] = metadata[ScopeProvider]
        self._contexts: Mapping[cst.CSTNode, ExpressionContext | None] = metadata[ExpressionContextProvider]
        self.top = self.scope_of(wrapper.module)
        self.occurrences: list[Occurrence] = []
        self.passages: list[Passage] = []
        self.imports: dict[Scope, set[str]] = defaultdict(set)
        self.modules: set[str] = set()
        self.star_modules: set[str] = set()
        self.globals_of: dict[Scope, set[str]] = defaultdict(set)
        self.nonlocals_of: dict[Scope, set[str]] = defaultdict(set)
        self.functions: list[cst.FunctionDef] = []
        self.lambdas: list[cst.Lambda] = []
        self.classes: list[cst.ClassDef] = []
        self.calls: list[tuple[cst.Call, Scope]] = []
        self.attributes: list[cst.Attribute] = []
        self.stored_attributes: set[cst.Attribute] = set()
        self.strings: list[str] = []
        self.starred: set[cst.Name] = set()
        self.catches = False
        self.self_documenting = False
        self.plain: set[cst.Name] = set()
        self._roles: dict[cst.Name, Role] = {}
        self._texts: set[cst.SimpleString] = set()
        self._values: set[cst.SimpleString] = set()
        self._in_annotation = 0
        self._targets: set[cst.Name] = set()

    def scope_of(self, node: cst.CSTNode) -> Scope:
        """Return the scope that a node stands in; for a parameter's name that is its function's."""
        scope = self._scopes.get(node)
        return self.top if scope is None else scope

    # What has a name

    def visit_FunctionDef(self, node: cst.FunctionDef) -> None:
        self.functions.append(node)
        self._roles[node.name] = "function"

    def visit_ClassDef(self, node: cst.ClassDef) -> None:
        self.classes.append(node)
        self._roles[node.name] = "class"

    def visit_Lambda(self, node: cst.Lambda) -> None:
        self.lambdas.append(node)

    def visit_Param(self, node: cst.Param) -> None:
        self._roles[node.name] = "parameter"

    def visit_MatchAs(self, node: cst.MatchAs) -> None:
        self._capture(node.name)

    def visit_MatchStar(self, node: cst.MatchStar) -> None:
        self._capture(node.name)

    def visit_MatchMapping(self, node: cst.MatchMapping) -> None:
        self._capture(node.rest)

    def visit_MatchKeywordElement(self, node: cst.MatchKeywordElement) -> None:
        self._roles[node.key] = "attribute"

    def visit_ExceptHandler(self, node: cst.ExceptHandler) -> None:
        self.catches = self.catches or node.name is not None

    def visit_ExceptStarHandler(self, node: cst.ExceptStarHandler) -> None:
        self.catches = self.catches or node.name is not None

    def visit_NamedExpr(self, node: cst.NamedExpr) -> None:
        if isinstance(node.target, cst.Name):
            self._targets.add(node.target)

    def _capture(self, name: cst.Name | None) -> None:
        if name is not None:
            self._roles[name] = "variable"

    # What only looks like a name, or is somebody else's

    def visit_Attribute(self, node: cst.Attribute) -> None:
        self.attributes.append(node)
        if self._bound(node):
            self.stored_attributes.add(node)
        self._roles[node.attr] = "attribute"

    def visit_Arg(self, node: cst.Arg) -> None:
        if node.keyword is not None:
            self._roles[node.keyword] = "keyword"
        if node.star == "**" and isinstance(node.value, cst.Name):
            self.starred.add(node.value)

    def visit_Call(self, node: cst.Call) -> None:
        self.calls.append((node, self.scope_of(node)))

    def visit_Import(self, node: cst.Import) -> bool:
        for alias in node.names:
            self._import(node, alias, alias.evaluated_name)
        return False

    def visit_ImportFrom(self, node: cst.ImportFrom) -> bool:
        module = get_full_name_for_node(node.module) if node.module else "."
        if isinstance(node.names, cst.ImportStar):
            self.modules.add(str(module))
            self.star_modules.add(str(module))
        else:
            for alias in node.names:
                self._import(node, alias, str(module))
        return False

    def _import(self, node: cst.CSTNode, alias: cst.ImportAlias, module: str) -> None:
        self.modules.add(module)
        self.imports[self.scope_of(node)].add(alias.evaluated_alias or alias.evaluated_name.split(".")[0])

    def visit_Global(self, node: cst.Global) -> None:
        self._declare(node, self.globals_of[self.scope_of(node)])

    def visit_Nonlocal(self, node: cst.Nonlocal) -> None:
        self._declare(node, self.nonlocals_of[self.scope_of(node)])

    def _declare(self, node: cst.Global | cst.Nonlocal, names: set[str]) -> None:
        scope = self.scope_of(node)
        for item in node.names:
            names.add(item.name.value)
            self.occurrences.append(Occurrence(item.name, scope, "declaration"))
            self._roles[item.name] = "foreign"

    # Names

    def visit_Name(self, node: cst.Name) -> None:
        role = self._roles.get(node)
        if role == "foreign":
            return
        if role is None:
            role = "variable" if self._bound(node) else "use"
        scope = self.scope_of(node)
        while node in self._targets and isinstance(scope, ComprehensionScope):
            scope = scope.parent
        self.occurrences.append(Occurrence(node, scope, role))

    def visit_Module(self, node: cst.Module) -> None:
        for statement in node.body:
            if isinstance(statement, cst.FunctionDef):
                self._plain(statement.name, statement.params, *statement.decorators)
            elif isinstance(statement, cst.ClassDef):
                self._plain(statement.name, *statement.bases, *statement.keywords, *statement.decorators)
            elif isinstance(statement, cst.SimpleStatementLine):
                for part in statement.body:
                    if isinstance(part, cst.Assign) and isinstance(part.targets[0].target, cst.Name):
                        self._plain(part.targets[0].target, part.value)

    def _plain(self, name: cst.Name, *evaluated: cst.CSTNode) -> None:
        if not any(mentions(node, name.value) for node in evaluated):
            self.plain.add(name)

    # Text that may speak of names

    def visit_Annotation(self, node: cst.Annotation) -> None:
        self._in_annotation += 1

    def leave_Annotation(self, original_node: cst.Annotation) -> None:
        self._in_annotation -= 1

    def visit_Subscript(self, node: cst.Subscript) -> None:
        if get_full_name_for_node(node.value) in ("Literal", "typing.Literal"):
            for element in node.slice:
                self._values.update(part for part in walk(element) if isinstance(part, cst.SimpleString))

    def visit_Expr(self, node: cst.Expr) -> None:
        if isinstance(node.value, cst.SimpleString):
            self._texts.add(node.value)

    def visit_SimpleString(self, node: cst.SimpleString) -> None:
        if (self._in_annotation and node not in self._values) or node in self._texts:
            self._passage(node)
        else:
            self.strings.append(node.raw_value)

    def visit_FormattedStringText(self, node: cst.FormattedStringText) -> None:
        self.strings.append(node.value)

    def visit_FormattedStringExpression(self, node: cst.FormattedStringExpression) -> None:
        self.self_documenting = self.self_documenting or node.equal is not None

    def visit_Comment(self, node: cst.Comment) -> None:
        self._passage(node)

    def _passage(self, node: cst.Comment | cst.SimpleString) -> None:
        self.passages.append(Passage(node, self._scopes.get(node), len(self.occurrences)))

    def _bound(self, node: cst.CSTNode) -> bool:
        return self._contexts.get(node) in (ExpressionContext.STORE, ExpressionContext.DEL)


def mentions(node: cst.CSTNode, name: str) -> bool:
    """Return whether a name stands anywhere in a piece of code."""
    return any(isinstance(part, cst.Name) and part.value == name for part in walk(node))


def walk(node: cst.CSTNode) -> Iterator[cst.CSTNode]:
    """Yield a node and all below it, in the order of the source."""
    yield node
    for child in node.children:
        yield from walk(child)
