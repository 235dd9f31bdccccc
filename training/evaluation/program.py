"""What of an edited file is run: the file itself, or a Marimo notebook's cells in the order in which Marimo runs them."""

from __future__ import annotations

from graphlib import CycleError, TopologicalSorter

from tabtab_local.errors import DocumentError
from tabtab_local.marimo import is_marimo, parse_marimo
from tabtab_local.names import definitions, uses


def program(text: str) -> str:
    """Return the Python program that the file `text` stands for.

    A Marimo cell runs after the cells that define what it uses; cells that do not depend on each other keep their
    order. Raises `DocumentError` for a notebook that Marimo would refuse: a name defined twice, or a cycle.
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
