"""Writers of small functions and of the scripts that call them."""

from __future__ import annotations

import random
import textwrap

from training.data.everyday import collection, digit, entity, formula, mapping, number, parsing, report, sequence, text
from training.data.everyday.pattern import Filled, Pattern, fill, intent, parse, some
from training.data.everyday.program import Program, Step, Writer
from training.data.everyday.scene import Scene, Series, number_words, text_data, text_words
from training.data.everyday.style import Style

# The tables of each subject.
NUMBER = (number.PATTERNS, digit.PATTERNS)
TEXT = (text.PATTERNS, parsing.PATTERNS)
SEQUENCE = (sequence.PATTERNS, collection.PATTERNS)
ENTITY = (entity.PATTERNS, report.PATTERNS)

_DATA_INTENTS = (
    "Create a list of {}", "Define some sample {}", "Add example {}", "Set up the {}", "Make a list of {} to work with",
    "Start with a few {}",
)
_TEXT_NAMES = ("text", "text", "text", "sentence", "sentence", "string", "message", "line", "s", "phrase")
_UNITS = ("0.5", "2.5", "3", "4", "5", "7", "8", "10", "12", "15", "20", "25", "30", "37", "42", "50", "60", "75", "100")


def entity_functions(rng: random.Random) -> Program:
    """Functions over a list of objects or dictionaries."""
    style, scene = Style.draw(rng), Scene.draw(rng)
    fitting = [pattern for pattern in patterns_of(*ENTITY) if scene.number.additive or not pattern.mentions("total")]
    patterns = rng.sample(fitting, rng.randint(1, 4))
    functions = [fill(rng, pattern, scene.words(rng), style) for pattern in patterns]
    data = Step(scene.data(), some(rng, rng.choice(_DATA_INTENTS).format(scene.noun.plural)))
    return style.program([*_definition(rng, scene, style), *arranged(rng, style, [data], functions)])


def mapping_functions(rng: random.Random) -> Program:
    """Functions over a dictionary from names to numbers."""
    style, scene = Style.draw(rng), Scene.draw(rng, "dict")
    table = parse(mapping.PATTERNS)
    fitting = [pattern for pattern in table if scene.number.additive or not pattern.mentions("total")]
    patterns = rng.sample(fitting, rng.randint(1, 4))
    functions = [fill(rng, pattern, scene.words(rng), style) for pattern in patterns]
    phrase = f"create a dictionary with the {scene.number.name} of each {scene.noun.singular}"
    data = Step(scene.table(), some(rng, phrase.capitalize()))
    return style.program(arranged(rng, style, [data], functions))


def number_functions(rng: random.Random) -> Program:
    """Functions over single numbers."""
    style = Style.draw(rng)
    functions = [
        fill(rng, pattern, number_words(rng), style)
        for pattern in rng.sample(patterns_of(*NUMBER), rng.randint(2, 4))
    ]
    return style.program(arranged(rng, style, [], functions))


def formula_functions(rng: random.Random) -> Program:
    """One-line formulas, and a print for each."""
    style = Style.draw(rng)
    functions = [_formula(rng, row, style) for row in rng.sample(formula.FORMULAS, rng.randint(2, 4))]
    return style.program(arranged(rng, style, [], functions))


def text_functions(rng: random.Random) -> Program:
    """Functions over text."""
    style, variable = Style.draw(rng), rng.choice(_TEXT_NAMES)
    functions = [
        fill(rng, pattern, text_words(rng, variable), style)
        for pattern in rng.sample(patterns_of(*TEXT), rng.randint(2, 4))
    ]
    data = Step(text_data(rng, variable), some(rng, f"Define a sample {'text' if variable == 's' else variable}"))
    return style.program(arranged(rng, style, [data], functions))


def sequence_functions(rng: random.Random) -> Program:
    """Functions over a list of plain numbers."""
    style, series = Style.draw(rng), Series.draw(rng)
    functions = [
        fill(rng, pattern, series.words(rng), style)
        for pattern in rng.sample(patterns_of(*SEQUENCE), rng.randint(2, 4))
    ]
    data = Step(series.data(), some(rng, rng.choice(_DATA_INTENTS).format(series.plural)))
    return style.program(arranged(rng, style, [data], functions))


def patterns_of(*tables: str) -> list[Pattern]:
    """Return the patterns of several tables."""
    return [pattern for table in tables for pattern in parse(table)]


def arranged(rng: random.Random, style: Style, data: list[Step], functions: list[Filled]) -> list[Step]:
    """Return functions with their data and uses in one of the orders that people choose."""
    shape = rng.random()
    usable = [function for function in functions if function.calls or function.statements]
    if shape < 0.4:
        return [*data, *(step for function in functions for step in (function.step, *_uses(rng, function)))]
    if shape < 0.7 or not usable:
        return [*(function.step for function in functions), *data,
                *(step for function in functions for step in _uses(rng, function))]
    uses = [function.use(rng) for function in usable]
    return [*(function.step for function in functions), *main_steps(rng, style, [*data, *uses])]


def main_steps(rng: random.Random, style: Style, steps: list[Step]) -> list[Step]:
    """Return a `main` that runs the steps, and the guard that calls it."""
    body = "\n".join(step.code for step in steps)
    code = "def main() -> None:\n" + textwrap.indent(body, "    ")
    imports = tuple(line for step in steps for line in step.imports)
    asked = rng.choice(("Write the main function", "Add a main function", "Put it together in main", "Define main"))
    guard = 'if __name__ == "__main__":\n    main()'
    run = rng.choice(("Call main when the file is run as a script", "Run main", "Add the entry point", ""))
    return [Step(code, some(rng, asked), imports), Step(guard, some(rng, run))]


def _uses(rng: random.Random, function: Filled) -> list[Step]:
    check = function.check(rng) if rng.random() < 0.35 else None
    if check:
        return [check]
    usable = bool(function.calls or function.statements) and rng.random() < 0.85
    return [function.use(rng)] if usable else []


def _formula(rng: random.Random, row: tuple[str, str, str, str], style: Style) -> Filled:
    name, parameters, expression, phrase = row
    names = parameters.split(", ")
    hinted = ", ".join(f"{parameter}: float" for parameter in names)
    local = name.split("_")[-1] if name.split("_")[-1] not in names else "result"
    body = rng.choice((f"    return {expression}", f"    return {expression}", f"    return round({expression}, 2)",
                       f"    {local} = {expression}\n    return {local}"))
    if local == name and f" {local} =" in body:
        body = f"    return {expression}"
    calculated = rng.random() < 0.35 and not phrase.startswith(("convert", "double", "split", "add"))
    full = f"calculate_{name}" if calculated else name
    imports = ("import math",) if "math." in expression else ()
    code = style.documented(f"def {full}({hinted}) -> float:\n{body}", phrase)
    values = ", ".join(rng.choice(_UNITS) for _ in names)
    assigned = "\n".join(f"{parameter} = {rng.choice(_UNITS)}" for parameter in names)
    statement = f"{assigned}\nprint({full}({', '.join(names)}))"
    return Filled(full, Step(code, intent(rng, phrase, full), imports), (f"{full}({values})",), (statement,), ())


def _definition(rng: random.Random, scene: Scene, style: Style) -> list[Step]:
    """Return the class of the scene's entities, where they are objects."""
    if scene.access == "dict":
        return []
    types = ("str", scene.number.type, "str")
    fields = list(zip(scene.fields, types))
    name = scene.noun.type
    imports: tuple[str, ...]
    if scene.access == "dataclass":
        code = f"@dataclass\nclass {name}:\n" + "\n".join(f"    {field}: {kind}" for field, kind in fields)
        asked, imports = f"Define a dataclass {name} with {_listed(scene.fields)}", ("from dataclasses import dataclass",)
    else:
        parameters = ", ".join(f"{field}: {kind}" for field, kind in fields)
        lines = "\n".join(f"        self.{field} = {field}" for field, _ in fields)
        code = f"class {name}:\n    def __init__(self, {parameters}) -> None:\n{lines}"
        asked, imports = f"Create a class {name} with {_listed(scene.fields)}", ()
    return [Step(code, some(rng, asked), imports)]


def _listed(words: tuple[str, ...]) -> str:
    return f"{', '.join(words[:-1])} and {words[-1]}"


WRITERS: tuple[Writer, ...] = (
    entity_functions, mapping_functions, number_functions, formula_functions, text_functions, sequence_functions,
)
