"""The ways in which one person's Python differs from another's: type hints, docstrings, and quotes.

Templates are written once, with hints and double quotes; a style takes away what its person would not write.
"""

from __future__ import annotations

import random
import re
from dataclasses import dataclass, replace

from training.data.everyday.program import Program, Step

_SIGNATURE = re.compile(r"^( *)def (\w+)\((.*)\)(?: -> .+)?:$", re.MULTILINE)
_LONG_LIST = re.compile(r"^( *)(\w+ = )\[([^\[\]\n]{80,})\]$", re.MULTILINE)
_SWAPPED = str.maketrans("'\"", "\"'")


@dataclass(frozen=True)
class Style:
    """What one person writes: `hints` on signatures, `docs` under them, and which quotes."""

    hints: bool
    docs: bool
    single: bool

    @classmethod
    def draw(cls, rng: random.Random) -> Style:
        return cls(hints=rng.random() < 0.5, docs=rng.random() < 0.5, single=rng.random() < 0.15)

    def code(self, text: str) -> str:
        """Return hinted, double-quoted code in this style. The code must contain no apostrophe in a string."""
        text = _LONG_LIST.sub(_wrapped, text)
        if not self.hints:
            text = _SIGNATURE.sub(_bare, text)
        if self.single:
            text = '"""'.join(part.translate(_SWAPPED) for part in text.split('"""'))
        return text

    def program(self, steps: list[Step]) -> Program:
        """Return the steps as a program in this style."""
        return Program(tuple(replace(step, code=self.code(step.code)) for step in steps))

    def documented(self, code: str, summary: str) -> str:
        """Return a function with a one-line docstring below its signature, where this person writes one."""
        head, newline, body = code.partition("\n")
        line = f'    """{summary[0].upper()}{summary[1:]}."""'
        if not self.docs or len(line) >= 100 or not head.startswith("def "):
            return code
        return f"{head}\n{line}{newline}{body}"


def _bare(match: re.Match[str]) -> str:
    indent, name, parameters = match.groups()
    return f"{indent}def {name}({', '.join(_bare_parameter(part) for part in _split(parameters))}):"


def _wrapped(match: re.Match[str]) -> str:
    """Return a long list with one element on each line."""
    indent, target, elements = match.groups()
    lines = "".join(f"{indent}    {element},\n" for element in _split(elements))
    return f"{indent}{target}[\n{lines}{indent}]"


def _split(parameters: str) -> list[str]:
    """Split at the commas that no bracket encloses."""
    parts, depth, start = [], 0, 0
    for index, char in enumerate(parameters):
        depth += (char in "[({") - (char in "])}")
        if char == "," and depth == 0:
            parts.append(parameters[start:index].strip())
            start = index + 1
    return [part for part in (*parts, parameters[start:].strip()) if part]


def _bare_parameter(parameter: str) -> str:
    name, colon, annotation = parameter.partition(":")
    if not colon:
        return parameter
    _, equals, default = annotation.partition(" = ")
    return f"{name}={default}" if equals else name
