"""The names that a cell gives to other cells, and those that it takes from them.

Follows Marimo's dataflow: a cell defines what its top level binds and uses what it reads without binding it first;
names with one leading underscore belong to their cell alone, builtins to nobody. Code is never run. It may be half
typed: a line that does not parse is set aside and read word by word. Lines of IPython magic are such lines.
"""

from __future__ import annotations

import ast
import builtins
import keyword
import re
import symtable
import warnings
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache

_BUILTINS = frozenset(dir(builtins)) | {"__file__", "__class__"}

# Each attempt parses the whole cell, and a cell with more broken lines than this is not going to parse.
_MAX_BROKEN_LINES = 8

_STRING_OR_COMMENT = re.compile(r"\"(?:[^\"\\\n]|\\.)*\"?|'(?:[^'\\\n]|\\.)*'?|#.*")
_WORD = re.compile(r"(?<![\w.])[^\W\d]\w*")
_ASSIGNED = re.compile(r"[ \t]*([^\W\d]\w*(?:[ \t]*,[ \t]*[^\W\d]\w*)*)[ \t]*(?::[^=]*)?=(?!=)")
_DEFINED = re.compile(r"[ \t]*(?:async[ \t]+)?(?:def|class)[ \t]+([^\W\d]\w*)")
_IMPORTED = re.compile(r"[ \t]*(?:from[ \t]+[\w.]+[ \t]+)?import[ \t]+(.*)")

_Comprehension = ast.ListComp | ast.SetComp | ast.DictComp | ast.GeneratorExp


@dataclass(frozen=True)
class _Names:
    defined: frozenset[str]
    used: frozenset[str]


def definitions(code: str) -> frozenset[str]:
    """Return the names that the top level of `code` binds for other cells.

    Example: "import pandas as pd\\n_tmp, df = 1, pd.DataFrame()" → {"pd", "df"}
    """
    return _names(code).defined


def uses(code: str) -> frozenset[str]:
    """Return the names that `code` reads, on its top level or inside functions, without having bound them.

    Example: "df = df.dropna()\\nprint(len(df), limit)" → {"df", "limit"}
    """
    return _names(code).used


def syntax_tree(code: str) -> ast.Module | None:
    """Return the syntax tree of `code`, or None where it does not parse."""
    parsed = _parsed(code)
    return parsed if isinstance(parsed, ast.Module) else None


# On each keystroke all cells but one are as they were.
@lru_cache(maxsize=512)
def _names(code: str) -> _Names:
    tree, whole, broken = _mended(code)
    texts = [_STRING_OR_COMMENT.sub("", line) for line in broken]
    defined: set[str] = set()
    used: set[str] = set()
    if tree is not None:
        inner_reads, inner_binds = _inner_names(whole)
        outer_binds, read_early = _outer_names(tree)
        defined = outer_binds | inner_binds
        used = read_early | (inner_reads - defined)
    used |= {name for text in texts for name in _words_read(text)} - defined
    defined |= {name for text in texts for name in _words_bound(text)}
    return _Names(
        frozenset(name for name in defined if not _is_local(name)),
        frozenset(name for name in used - _BUILTINS if not _is_local(name)),
    )


def _is_local(name: str) -> bool:
    return name == "__" or (name.startswith("_") and not name.startswith("__"))


def _parsed(code: str) -> ast.Module | SyntaxError | None:
    """Return the tree of `code`, the error that says where it breaks, or None where Python cannot even say that."""
    with warnings.catch_warnings():
        # A doubtful escape in the user's string is no business of ours.
        warnings.simplefilter("ignore")
        try:
            # What passes the parser but not the compiler, a stray `return`, has no symbol table either.
            symtable.symtable(code, "<cell>", "exec")
            return ast.parse(code)
        except SyntaxError as error:
            return error
        except (ValueError, RecursionError, MemoryError):
            return None


def _mended(code: str) -> tuple[ast.Module | None, str, list[str]]:
    """Return the tree and the text of the code that parses, and the lines that had to go."""
    lines = code.split("\n")
    broken: set[int] = set()
    while len(broken) <= _MAX_BROKEN_LINES:
        text = "\n".join(lines)
        parsed = _parsed(text)
        if isinstance(parsed, ast.Module):
            return parsed, text, [code.split("\n")[row] for row in sorted(broken)]
        if parsed is None:
            break
        row = _broken_row(lines, broken, (parsed.lineno or len(lines)) - 1)
        if row is None:
            break
        broken.add(row)
        # `pass` and not nothing: the line may be all that a block has.
        lines[row] = lines[row][: len(lines[row]) - len(lines[row].lstrip())] + "pass"
    return None, "", code.split("\n")


def _broken_row(lines: list[str], broken: set[int], row: int) -> int | None:
    """Return the row to give up: the one named, or the nearest above it that has something left to give up."""
    return next((r for r in range(min(row, len(lines) - 1), -1, -1) if r not in broken and lines[r].strip()), None)


def _inner_names(code: str) -> tuple[set[str], set[str]]:
    """Return the cell's names that functions, classes and comprehensions read, and those that they bind by `global`."""
    reads: set[str] = set()
    binds: set[str] = set()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        tables = list(symtable.symtable(code, "<cell>", "exec").get_children())
    while tables:
        table = tables.pop()
        tables += table.get_children()
        for symbol in table.get_symbols():
            if symbol.is_global() and symbol.is_referenced():
                reads.add(symbol.get_name())
            if symbol.is_declared_global() and symbol.is_assigned():
                binds.add(symbol.get_name())
    return reads, binds


def _outer_names(tree: ast.Module) -> tuple[set[str], set[str]]:
    """Return the names that top-level statements bind, and those that they read before that."""
    bound: set[str] = set()
    read_early: set[str] = set()
    for step in _steps(tree.body):
        nodes = list(_own_nodes(step))
        read_early |= {node.id for node in nodes if isinstance(node, ast.Name) and _reads(node, step)} - bound
        bound |= {name for node in nodes for name in _bound_by(node)}
    return bound, read_early


def _steps(nodes: Iterable[ast.AST]) -> Iterator[ast.AST]:
    """Yield statements, handlers and cases in the order in which they run; within one, reading precedes binding."""
    waiting = [*nodes][::-1]
    while waiting:
        node = waiting.pop()
        yield node
        if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            waiting += [child for child in ast.iter_child_nodes(node) if _is_step(child)][::-1]


def _is_step(node: ast.AST) -> bool:
    return isinstance(node, ast.stmt | ast.excepthandler | ast.match_case)


def _own_nodes(step: ast.AST) -> Iterator[ast.AST]:
    """Yield, in no order, the nodes that run in the cell's own scope as part of `step`."""
    # A loop, because a sum of a thousand terms is a tree a thousand deep.
    waiting = [step]
    while waiting:
        node = waiting.pop()
        yield node
        if isinstance(node, _Comprehension):
            yield from (inner.target for inner in ast.walk(node) if isinstance(inner, ast.NamedExpr))
            waiting.append(node.generators[0].iter)
        elif isinstance(node, ast.Lambda):
            waiting.append(node.args)
        else:
            waiting += [child for child in ast.iter_child_nodes(node) if not _is_step(child)]


def _reads(name: ast.Name, step: ast.AST) -> bool:
    return not isinstance(name.ctx, ast.Store) or (isinstance(step, ast.AugAssign) and name is step.target)


def _bound_by(node: ast.AST) -> Iterator[str]:
    match node:
        case ast.Name(id=name, ctx=ast.Store()):
            yield name
        case ast.alias(name=name, asname=asname):
            if name != "*":
                yield asname or name.split(".")[0]
        case ast.MatchMapping(rest=str(name)):
            yield name
        case (
            ast.FunctionDef(name=str(name))
            | ast.AsyncFunctionDef(name=str(name))
            | ast.ClassDef(name=str(name))
            | ast.ExceptHandler(name=str(name))
            | ast.MatchAs(name=str(name))
            | ast.MatchStar(name=str(name))
        ):
            yield name


def _words_bound(line: str) -> Iterator[str]:
    """Yield what a line that does not parse seems to bind."""
    if assigned := _ASSIGNED.match(line):
        yield from _WORD.findall(assigned[1])
    elif defined := _DEFINED.match(line):
        yield defined[1]
    elif imported := _IMPORTED.match(line):
        for part in imported[1].strip(" ()").split(","):
            words = part.split()
            if words:
                yield words[-1] if "as" in words[:-1] else words[0].split(".")[0]


def _words_read(line: str) -> Iterator[str]:
    """Yield what a line that does not parse seems to read."""
    if _IMPORTED.match(line) or line.lstrip().startswith(("%", "!")):
        return
    bound = _ASSIGNED.match(line) or _DEFINED.match(line)
    yield from (word for word in _WORD.findall(line[bound.end() if bound else 0 :]) if not keyword.iskeyword(word))
