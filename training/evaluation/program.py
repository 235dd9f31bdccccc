"""What of an edited file is run: the file itself, or a Marimo notebook's cells in the order that they depend on."""

from __future__ import annotations

import symtable
import warnings
from graphlib import CycleError, TopologicalSorter

from tabtab_local.errors import DocumentError
from tabtab_local.marimo import is_marimo, parse_marimo
from tabtab_local.names import definitions, syntax_tree, uses


def program(text: str) -> str:
    """Return the Python program that the file `text` stands for.

    A Marimo cell runs after the cells that define what it uses; cells that do not depend on each other keep their
    order. Raises `DocumentError` for a notebook that Marimo would not run: a name defined twice, a cycle, or a
    cell that reads what another keeps to itself.
    """
    if not is_marimo(text):
        return text
    cells = [cell.code for cell in parse_marimo(text).cells if cell.kind == "code"]
    owner: dict[str, int] = {}
    for index, code in enumerate(cells):
        for name in sorted(definitions(code)):
            if name in owner:
                raise DocumentError(f"the notebook defines {name} in two cells: use one, or begin the name with _")
            owner[name] = index
    _check_private(cells)
    sorter: TopologicalSorter[int] = TopologicalSorter()
    for index, code in enumerate(cells):
        sorter.add(index, *sorted({owner[name] for name in uses(code) if name in owner} - {index}))
    try:
        sorter.prepare()
    except CycleError:
        raise DocumentError("the notebook's cells need each other in a circle: break it") from None
    order: list[int] = []
    ready = sorted(sorter.get_ready())
    while ready:
        order.append(ready.pop(0))
        sorter.done(order[-1])
        ready = sorted([*ready, *sorter.get_ready()])
    return "\n\n".join(cells[index] for index in order) + "\n"


def _check_private(cells: list[str]) -> None:
    """Raise `DocumentError` where a cell reads a name with one leading underscore that only another cell binds.

    Marimo keeps such names in their cell; here all cells share a namespace, in which the name would be found.
    """
    tables = [_tables(code) for code in cells]
    bound = [{s.get_name() for s in top[0].get_symbols() if s.is_local()} if top else set() for top in tables]
    for index, own in enumerate(tables):
        others = set().union(*bound[:index], *bound[index + 1 :]) - bound[index]
        for table in own:
            for symbol in table.get_symbols():
                name = symbol.get_name()
                private = name.startswith("_") and (name == "__" or not name.startswith("__"))
                if private and name in others and symbol.is_referenced() and symbol.is_global():
                    raise DocumentError(f"the notebook's name {name} belongs to its cell alone: leave the _ out")


def _tables(code: str) -> list[symtable.SymbolTable]:
    """Return the scopes of a cell's code, its top level first; none where the code does not parse."""
    if syntax_tree(code) is None:
        return []
    with warnings.catch_warnings():
        # A doubtful escape in the notebook's string is no business of ours.
        warnings.simplefilter("ignore")
        found = [symtable.symtable(code, "<cell>", "exec")]
    for table in found:
        found += table.get_children()
    return found
