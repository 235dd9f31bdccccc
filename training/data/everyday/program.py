"""What the generator of everyday code produces: programs as a sequence of small steps.

A step is what a person would write in one go, with the sentence that they would have used to ask for it. The writers
beside this module fill programs from templates and word lists; nothing here comes from a data set.
"""

from __future__ import annotations

import itertools
import random
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Step:
    """One thing that a person writes in one go.

    `code` is one or more complete top-level statements without a trailing newline; `intent` is the sentence that asks
    for it ("" where nobody would ask); `imports` are the import lines that the code needs.
    """

    code: str
    intent: str = ""
    imports: tuple[str, ...] = ()


@dataclass(frozen=True)
class Program:
    """Steps in an order in which every name is defined before it is used."""

    steps: tuple[Step, ...]

    def imports(self) -> str:
        """Return the import lines of all steps, each once, in order of first need."""
        return "\n".join(dict.fromkeys(line for step in self.steps for line in step.imports))

    def script(self) -> str:
        """Return the program as the text of one file, a blank line between steps and two around definitions."""
        parts = [part for part in (self.imports(), *(step.code for step in self.steps)) if part]
        text = parts[0]
        for before, part in itertools.pairwise(parts):
            text += gap(before, part) + part
        return text + "\n"


def is_definition(code: str) -> bool:
    """Return whether `code` begins with a function or a class."""
    return code.startswith(("def ", "class ", "@", "async def "))


def gap(before: str, after: str) -> str:
    """Return the line breaks that a file has between two steps: two blank lines around definitions, else one."""
    return "\n\n\n" if is_definition(before) or is_definition(after) else "\n\n"


Writer = Callable[[random.Random], Program]
