"""Patterns: functions written as templates, with what they do in words and how they are called.

A table of patterns is one text. Blocks are separated by `%%`; in a block a line that starts with

    `? `  says what the function does, in the imperative ("return the total of the prices")
    `@ `  is an import line, taken where the chosen body uses the name that it brings
    `> `  is an expression that calls the function; `>> ` is a whole statement (`;;` breaks the line)
    `= `  is an assertion about it
    `|`   alone separates alternative ways to write the function

and every other line is code. `$name` is filled from the words of the program (see `string.Template`).
"""

from __future__ import annotations

import builtins
import keyword
import random
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from string import Template

from training.data.everyday.program import Step
from training.data.everyday.style import Style

_HEADS = (
    "{Verb} {rest}", "Write a function that {verbs} {rest}", "Write a function to {verb} {rest}",
    "Add a function that {verbs} {rest}", "Define a function that {verbs} {rest}", "Create a function to {verb} {rest}",
    "Add a helper that {verbs} {rest}", "Implement {name}, which {verbs} {rest}", "Define {name} to {verb} {rest}",
    "I need a function that {verbs} {rest}", "Make a function to {verb} {rest}", "Write {name}: {verb} {rest}",
)
_USE_HEADS = (
    "Print the result of {name}", "Call {name} and print the result", "Show what {name} returns", "Try out {name}",
    "Call {name}", "Print what {name} gives", "Run {name} on an example",
)
_NAMED_HEADS = ("Print the {words}", "Show the {words}", "Display the {words}", "Find and print the {words}")
_CHECK_HEADS = ("Check that {name} works", "Test {name}", "Add assertions for {name}", "Assert what {name} returns")
_VERBS = ("calculate_", "compute_", "get_", "find_", "build_", "make_", "create_")


@dataclass(frozen=True)
class Pattern:
    """A function that can be written in several ways."""

    phrases: tuple[str, ...]
    bodies: tuple[str, ...]
    calls: tuple[str, ...]
    statements: tuple[str, ...]
    checks: tuple[str, ...]
    imports: tuple[str, ...]

    def mentions(self, word: str) -> bool:
        return any(word in phrase for phrase in self.phrases)


@dataclass(frozen=True)
class Filled:
    """A function as one person wrote it, and the ways to use it that fit."""

    name: str
    step: Step
    calls: tuple[str, ...]
    statements: tuple[str, ...]
    checks: tuple[str, ...]

    def use(self, rng: random.Random) -> Step:
        """Return a usage: a printed call, a result that is kept and printed, or a statement."""
        if self.statements and (not self.calls or rng.random() < 0.3):
            code = rng.choice(self.statements)
        else:
            code = _printed(rng, self.name, rng.choice(self.calls))
        words = re.sub(r"^(get|find|calculate|compute|print)_", "", self.name)
        heads = _USE_HEADS if words == self.name else _USE_HEADS + _NAMED_HEADS
        return Step(code, some(rng, rng.choice(heads).format(name=self.name, words=words.replace("_", " "))))

    def check(self, rng: random.Random) -> Step | None:
        """Return assertions about the function, or None where the table has none."""
        if not self.checks:
            return None
        count = rng.randint(1, len(self.checks))
        return Step("\n".join(self.checks[:count]), some(rng, rng.choice(_CHECK_HEADS).format(name=self.name)))


@cache
def parse(table: str) -> tuple[Pattern, ...]:
    """Return the patterns of a table."""
    return tuple(_parse_block(block) for block in table.strip("\n").split("\n%%\n"))


def _parse_block(block: str) -> Pattern:
    marked: dict[str, list[str]] = {mark: [] for mark in ("? ", "> ", ">> ", "= ", "@ ")}
    code: list[str] = []
    for line in block.split("\n"):
        mark = next((mark for mark in marked if line.startswith(mark)), None)
        if mark is None:
            code.append(line)
        else:
            marked[mark].append(line.removeprefix(mark).replace(" ;; ", "\n"))
    bodies = tuple(body.strip("\n") for body in "\n".join(code).split("\n|\n"))
    phrases, calls, statements, checks, imports = (tuple(lines) for lines in marked.values())
    return Pattern(phrases, bodies, calls, statements, checks, imports)


def fill(rng: random.Random, pattern: Pattern, words: Mapping[str, str], style: Style) -> Filled:
    """Return the pattern as one person would write it with these words."""

    def filled(text: str) -> str:
        return Template(text).substitute(words)

    code = filled(rng.choice(pattern.bodies))
    phrase = with_articles(filled(rng.choice(pattern.phrases)).replace("_", " "))
    name = re.findall(r"^def (\w+)", code, re.MULTILINE)[-1]
    imports = tuple(line for line in pattern.imports if re.search(rf"\b{line.split()[-1]}\b", code))
    step = Step(style.documented(code, phrase), intent(rng, phrase, name), imports)
    calls, statements, checks = (
        tuple(map(filled, lines)) for lines in (pattern.calls, pattern.statements, pattern.checks)
    )
    return Filled(name, step, calls, statements, checks)


def intent(rng: random.Random, phrase: str, name: str) -> str:
    """Return a sentence that asks for the function, or "" one time in five."""
    verb, _, rest = phrase.partition(" ")
    head = rng.choice(_HEADS) if rng.random() < 0.7 else _HEADS[0]
    return some(rng, head.format(verb=verb, Verb=verb.capitalize(), verbs=_conjugated(verb), rest=rest, name=name))


def with_articles(sentence: str) -> str:
    """Return the sentence with "an" where a vowel follows."""
    return re.sub(r"\b([Aa]) (?=[aeioAEIO])", r"\1n ", sentence)


def some(rng: random.Random, sentence: str) -> str:
    """Return the sentence, or "" one time in five: much code is written without a request for it."""
    return "" if rng.random() < 0.2 else sentence


def _conjugated(verb: str) -> str:
    if verb.endswith("y") and verb[-2] not in "aeiou":
        return verb[:-1] + "ies"
    return verb + ("es" if verb.endswith(("s", "sh", "ch", "x", "z")) else "s")


def _printed(rng: random.Random, name: str, call: str) -> str:
    prefix = next((verb for verb in _VERBS if name.startswith(verb)), "")
    target = name.removeprefix(prefix) if prefix and "_by_" not in f"_{name}" else "result"
    if keyword.iskeyword(target) or target in dir(builtins) or target[0].isdigit():
        target = "result"
    if rng.random() < 0.35:
        return f"print({call})"
    title = name.removeprefix(prefix).removeprefix("count_").replace("_", " ").capitalize()
    if '"' not in call and rng.random() < 0.4:
        return f'print(f"{title}: {{{call}}}")'
    shown = rng.choice((target, f'f"{title}: {{{target}}}"'))
    return f"{target} = {call}\nprint({shown})"
