"""Gives everything in a program a new name, in the program and in its tests, and nothing else.

Renamed are functions, classes, parameters and variables, each binding on its own, and the attributes and methods of the
program's own classes where no other object can have them. Keywords in calls follow the parameters. What stays: names
that are imported or builtin, `self` and `cls`, `_`, names with two underscores on both sides, and all strings but
docstrings and quoted annotations, in which, as in comments, words that are old names are replaced.

The program and the tests are read as one file. It knows nothing of running them: whoever asks runs the tests.
"""

from __future__ import annotations

import keyword
import re
from collections.abc import Mapping, Sequence

import libcst as cst
from libcst.metadata import MetadataWrapper

from training.evaluation.renaming.argument import follow_keywords
from training.evaluation.renaming.attribute import add_attributes, first_parameters
from training.evaluation.renaming.binding import Binding, CannotRename, Kind, Namer, Renamed
from training.evaluation.renaming.dynamic import refuse_dynamic
from training.evaluation.renaming.foreign import KNOWN_MODULES, module_attributes
from training.evaluation.renaming.passage import reword, words
from training.evaluation.renaming.resolve import BUILTINS, Resolution, qualified_name, resolve
from training.evaluation.renaming.scan import Scan
from training.evaluation.renaming.shape import parse, same_shape
from training.evaluation.renaming.union import Key


def rename(code: str, tests: str, namer: Namer) -> Renamed:
    """Return a program and its tests under the names that `namer` proposes.

    Raises `CannotRename` where the program cannot be parsed, reads names as text, or has a call whose keywords may be
    the parameters of different functions.
    """
    _check_parses(code, "program")
    _check_parses(tests, "tests")
    joint = "" if not code or code.endswith("\n") else "\n"
    old = code + joint + tests
    module, found, scopes = _read(old)
    bindings = _bindings(found, scopes)
    taken = _taken(module, found)
    proposals = namer.propose(list(bindings.values()), code, taken)
    new_names = _check(bindings, proposals, taken)
    new = _apply(module, found, new_names)
    pairs = tuple((bindings[key].name, name) for key, name in new_names.items())
    _check_shape(old, new, pairs)
    lines = code.count("\n") + len(joint)
    parts = new.split("\n", lines) if lines else [new]
    head = "\n".join(parts[:lines]) + ("\n" if lines else "")
    return Renamed(head.removesuffix(joint) if joint else head, parts[lines], pairs)


def _check_parses(text: str, what: str) -> None:
    try:
        parse(text)
    except (SyntaxError, ValueError, RecursionError) as error:
        raise CannotRename(f"the {what} cannot be parsed: {getattr(error, 'msg', error)}") from None


def _parse(text: str) -> cst.Module:
    """Return the concrete syntax tree; indentation that mixes tabs and blanks, which LibCST refuses, becomes blanks."""
    try:
        return cst.parse_module(text)
    except cst.ParserSyntaxError as error:
        blanks = re.sub(r"^[ \t]+", lambda match: match.group().expandtabs(8), text, flags=re.MULTILINE)
        if blanks == text or not same_shape(text, blanks, ()):
            raise CannotRename(f"the program cannot be parsed: {error.message}") from None
        return _parse(blanks)


def _read(text: str) -> tuple[cst.Module, Resolution, dict[Key, str]]:
    try:
        wrapper = MetadataWrapper(_parse(text))
        scan = Scan(wrapper)
        wrapper.module.visit(scan)
    except RecursionError:
        raise CannotRename("the program is nested too deeply") from None
    found = resolve(scan)
    scopes = add_attributes(found)
    refuse_dynamic(found)
    follow_keywords(found)
    for key in first_parameters(found):
        if key[1] in ("self", "cls", "mcs"):
            found.union.keep(key)
    for key in found.roles:
        name = key[1]
        if not name.strip("_") or (name.startswith("__") and name.endswith("__")):
            found.union.keep(key)
    return wrapper.module, found, scopes


def _bindings(found: Resolution, scopes: Mapping[Key, str]) -> dict[Key, Binding]:
    """Return what gets a new name, in order of first appearance."""
    order: dict[Key, list[Key]] = {}
    for occurrence in found.scan.occurrences:
        key = found.keys.get(occurrence.node)
        if key is not None and not found.union.kept(key):
            members = order.setdefault(found.union.find(key), [])
            if key not in members:
                members.append(key)
    bindings = {}
    for root, members in order.items():
        key = members[0]
        scope = scopes.get(key, "") if key[0] is None else qualified_name(key[0])
        bindings[root] = Binding(key[1], _kind(found, key), scope)
    return bindings


def _kind(found: Resolution, key: Key) -> Kind:
    roles = [occurrence.role for occurrence in found.roles[key]]
    if key[0] is None:
        return "class" if "class" in roles else "method" if "function" in roles else "attribute"
    for role in roles:
        if role in ("function", "class", "parameter"):
            return role
    return "variable"


def _taken(module: cst.Module, found: Resolution) -> frozenset[str]:
    """Return all that a new name must not be."""
    taken = set(words(module)) | BUILTINS | set(keyword.kwlist) | set(keyword.softkwlist) | {"self", "cls"}
    for name in found.scan.star_modules & KNOWN_MODULES:
        taken |= module_attributes(name)
    return frozenset(taken)


def _check(bindings: Mapping[Key, Binding], proposals: Sequence[str], taken: frozenset[str]) -> dict[Key, str]:
    """Return the new names by key; raise `CannotRename` for names that would not do."""
    if len(proposals) != len(bindings):
        raise CannotRename(f"{len(bindings)} names were asked for and {len(proposals)} proposed")
    new: dict[Key, str] = {}
    used: set[str] = set()
    for (key, binding), proposal in zip(bindings.items(), proposals, strict=True):
        bare = proposal.lstrip("_")
        name = binding.name[: len(binding.name) - len(binding.name.lstrip("_"))] + bare
        if not bare.isidentifier() or bare.endswith("__") or {bare, name} & taken or bare in used:
            raise CannotRename(f"{proposal!r} was proposed for {binding.name} and is not a free name")
        used.add(bare)
        new[key] = name
    return new


def _apply(module: cst.Module, found: Resolution, new_names: Mapping[Key, str]) -> str:
    def new_name(key: Key) -> str | None:
        return new_names.get(found.union.find(key))

    names = {node: new for node, key in found.keys.items() if (new := new_name(key)) is not None}
    texts = {passage.node: reword(found, passage, new_name) for passage in found.scan.passages}
    code: str = module.visit(_Replace(names, texts)).code
    return code


class _Replace(cst.CSTTransformer):  # type: ignore[misc]
    def __init__(self, names: Mapping[cst.Name, str], texts: Mapping[cst.CSTNode, str]) -> None:
        super().__init__()
        self._names = names
        self._texts = texts

    def leave_Name(self, original_node: cst.Name, updated_node: cst.Name) -> cst.Name:
        new = self._names.get(original_node)
        return updated_node if new is None else updated_node.with_changes(value=new)

    def leave_Comment(self, original_node: cst.Comment, updated_node: cst.Comment) -> cst.Comment:
        return updated_node.with_changes(value=self._texts.get(original_node, updated_node.value))

    def leave_SimpleString(self, original_node: cst.SimpleString, updated_node: cst.SimpleString) -> cst.SimpleString:
        return updated_node.with_changes(value=self._texts.get(original_node, updated_node.value))


def _check_shape(old: str, new: str, names: Sequence[tuple[str, str]]) -> None:
    try:
        same = same_shape(old, new, names)
    except SyntaxError as error:
        raise CannotRename(f"the renamed program cannot be parsed: {error.msg}") from None
    if not same:
        raise CannotRename("the renamed program is not the same but for its names")
