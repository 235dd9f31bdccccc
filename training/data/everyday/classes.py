"""Writers of classes: entities, dataclasses, enums, collections, small structures, and hierarchies."""

from __future__ import annotations

import random
import re
import textwrap
from string import Template

from training.data.everyday import member, structure
from training.data.everyday.functions import main_steps
from training.data.everyday.nouns import CATEGORIES, PEOPLE, PETS, WORDS
from training.data.everyday.pattern import Pattern, parse, some, with_articles
from training.data.everyday.program import Program, Step, Writer
from training.data.everyday.scene import Scene
from training.data.everyday.style import Style

_BOXES = ("Store", "Collection", "Manager", "Registry", "List", "Catalog", "Archive")
_CLASS_HEADS = ("Create a class {} with {}", "Write a class {} with {}", "Define a class {} with {}", "Add a {} class with {}")
_NEW_HEADS = ("Create {}", "Make {} and try it out", "Use the class", "Create {} and print the result", "Try the class")


def entity_class(rng: random.Random) -> Program:
    """A class whose initializer stores its parameters, a few methods, and instances."""
    style, scene = Style.draw(rng), Scene.draw(rng, "object")
    words = _entity_words(rng, scene)
    types = ("str", scene.number.type, "str")
    initializer = _initializer(list(zip(scene.fields, types)))
    members, uses = _members(rng, parse(member.ENTITY), words, style, rng.randint(1, 4))
    code = _class(scene.noun.type, [initializer, *members])
    asked = rng.choice(_CLASS_HEADS).format(scene.noun.type, f"{', '.join(scene.fields[:-1])} and {scene.fields[-1]}")
    return style.program([Step(code, some(rng, asked)), *_instances(rng, style, scene, words["obj"], uses)])


def entity_dataclass(rng: random.Random) -> Program:
    """A dataclass with a few methods, and instances."""
    style, scene = Style.draw(rng), Scene.draw(rng, "dataclass")
    words = _entity_words(rng, scene)
    label, number, category = scene.fields
    default = f" = {scene.rows[0][2]}" if rng.random() < 0.3 else ""
    fields = f"{label}: str\n{number}: {scene.number.type}\n{category}: str{default}"
    patterns = [pattern for pattern in parse(member.ENTITY) if "def __" not in pattern.bodies[0]]
    members, uses = _members(rng, patterns, words, style, rng.randint(0, 3))
    code = "@dataclass\n" + _class(scene.noun.type, [fields, *members])
    asked = rng.choice(("Define a dataclass for {}", "Create a dataclass for {}", "Model {} as a dataclass"))
    step = Step(code, some(rng, with_articles(asked.format(f"a {scene.noun.singular}"))),
                ("from dataclasses import dataclass",))
    return style.program([step, *_instances(rng, style, scene, words["obj"], uses)])


def collection_class(rng: random.Random) -> Program:
    """An entity, a class that holds a list of it, and a filled instance."""
    style, scene = Style.draw(rng), Scene.draw(rng, rng.choice(("dataclass", "dataclass", "dict")))
    box = f"{scene.noun.type}{rng.choice(_BOXES)}"
    obj = re.sub(r"(?<!^)([A-Z])", r"_\1", box).lower() if rng.random() < 0.5 else box[len(scene.noun.type):].lower()
    obj = "collection" if obj == "list" else obj
    words = scene.words(rng) | {"obj": obj, "Box": box}
    steps = []
    if scene.access != "dict":
        label, number, category = scene.fields
        fields = f"{label}: str\n{number}: {scene.number.type}\n{category}: str"
        steps.append(Step("@dataclass\n" + _class(scene.noun.type, [fields]),
                          some(rng, with_articles(f"Define a dataclass for a {scene.noun.singular}")),
                          ("from dataclasses import dataclass",)))
    add, *others = parse(member.COLLECTION)
    others = [pattern for pattern in others if scene.number.additive or not pattern.mentions("total")]
    initializer = f"def __init__(self) -> None:\n    self.{scene.noun.plural} = []"
    first, _ = _members(rng, [add], words, style, 1)
    rest, uses = _members(rng, others, words, style, rng.randint(2, 5))
    code = _class(box, [initializer, *first, *rest])
    phrase = f"Write a class {box} that holds a list of {scene.noun.plural}"
    steps.append(Step(code, some(rng, phrase)))
    adder = re.findall(r"def (add\w*)", first[0])[0]
    filled = "\n".join([f"{obj} = {box}()", *(f"{obj}.{adder}({scene.row(row)})" for row in scene.rows)])
    steps.append(Step(filled, some(rng, f"Create a {obj.replace('_', ' ')} and add some {scene.noun.plural}")))
    return style.program(steps + uses)


def structure_class(rng: random.Random) -> Program:
    """A small self-contained class, such as a stack or a bank account."""
    style = Style.draw(rng)
    name, arguments, obj, phrase, table = rng.choice(structure.STRUCTURES)
    words = {"obj": obj, "a": str(rng.randint(10, 90)), "b": str(rng.randint(10, 90)), "c": str(rng.randint(2, 9)),
             "person": rng.choice(PEOPLE), "word": rng.choice(WORDS)}
    first, *others = parse(table)
    # The members stay in the order of the table: later ones call and read what earlier ones made.
    initializer, _ = _members(rng, [first], words, style, 1)
    kept = rng.randint(max(1, len(others) - 3), len(others))
    chosen = others[:kept] if any("self.is_empty()" in body for body in others[1].bodies) else _subset(rng, others, kept)
    chosen = others[:max(kept, 3)] if chosen == others[:kept] else chosen
    members, uses = _members(rng, chosen, words, style, None)
    asked = rng.choice(("Write a class for {}", "Implement {} as a class", "Create a class for {}", "Implement {}"))
    step = Step(_class(name, [*initializer, *members]), some(rng, asked.format(phrase)))
    made = Step(f"{obj} = {name}({Template(arguments).substitute(words)})",
                some(rng, rng.choice(_NEW_HEADS).format(phrase)))
    if rng.random() < 0.3:
        return style.program([step, *main_steps(rng, style, [made, *uses])])
    return style.program([step, made, *uses])


def enum_class(rng: random.Random) -> Program:
    """An enum, a function that tells its members apart, and a loop over them."""
    style = Style.draw(rng)
    category = rng.choice([key for key in CATEGORIES if key not in ("grade", "customer", "author", "owner")])
    values = rng.sample(CATEGORIES[category], rng.randint(3, 4))
    name = category.capitalize()
    numbered = rng.random() < 0.4
    lines = [f"{value.upper()} = {index if numbered else chr(34) + value.lower() + chr(34)}"
             for index, value in enumerate(values, start=1)]
    steps = [Step(f"class {name}(Enum):\n" + textwrap.indent("\n".join(lines), "    "),
                  some(rng, f"Define an enum {name} with {', '.join(values[:-1]).lower()} and {values[-1].lower()}"),
                  ("from enum import Enum",))]
    if rng.random() < 0.8:
        steps.append(_enum_function(rng, style, name, category, values))
    loop = f"for {category} in {name}:\n    print({category}.name, {category}.value)"
    steps.append(Step(loop, some(rng, f"Print every {category}")))
    value = rng.choice(values).upper()
    check = f"{category} = {name}.{value}\nif {category} == {name}.{value}:\n    print(f\"The {category} is {{{category}.value}}\")"
    if rng.random() < 0.6:
        steps.append(Step(check, some(rng, f"Set the {category} and check it")))
    return style.program(steps)


def class_family(rng: random.Random) -> Program:
    """A base class, subclasses that override its method, and a loop over instances."""
    style = Style.draw(rng)
    base, method, field, children = rng.choice(structure.FAMILIES)
    kind = "float" if method in ("area", "pay") else "str"
    body = rng.choice(("raise NotImplementedError", "raise NotImplementedError", "pass"))
    code = _class(base, [_initializer([(field, "str")]), f"def {method}(self) -> {kind}:\n    {body}"])
    asked = rng.choice(("Create a base class {} with a method {}", "Write a class {} whose subclasses implement {}"))
    steps = [Step(code, some(rng, asked.format(base, method)))]
    made = []
    for name, attributes, child_body, arguments in rng.sample(children, rng.randint(2, len(children))):
        steps.append(_child(rng, name, base, field, attributes, f"def {method}(self) -> {kind}:\n    {child_body}"))
        words = {"pet": rng.choice(PETS), "person": rng.choice(PEOPLE), "a": str(rng.randint(2, 40)),
                 "b": str(rng.randint(2, 40))}
        made.append(f"    {name}({Template(arguments).substitute(words)}),")
    many, one = f"{base.lower()}s", base.lower()
    shown = f"print({one}.{method}())" if kind == "str" else f'print(f"{{{one}.{field}}}: {{{one}.{method}()}}")'
    steps.append(Step(f"{many} = [\n" + "\n".join(made) + "\n]", some(rng, f"Create a list of {many}")))
    steps.append(Step(f"for {one} in {many}:\n    {shown}", some(rng, f"Print the result of {method} for each {one}")))
    return style.program(steps)


def _child(rng: random.Random, name: str, base: str, field: str, attributes: str, method: str) -> Step:
    """Return a subclass that passes the base's field on and stores its own."""
    parts = [method]
    if attributes:
        kind = "str" if attributes == "word" else "float"
        names = attributes.split(", ")
        parameters = "".join(f", {attribute}: {kind}" for attribute in names)
        lines = "".join(f"\n    self.{attribute} = {attribute}" for attribute in names)
        parts.insert(0, f"def __init__(self, {field}: str{parameters}) -> None:\n    super().__init__({field}){lines}")
    asked = rng.choice(("Add a subclass {}", "Define {} as a subclass of " + base, "Write a {} class that inherits from " + base))
    return Step(_class(f"{name}({base})", parts), some(rng, asked.format(name)))


def _enum_function(rng: random.Random, style: Style, name: str, category: str, values: list[str]) -> Step:
    """Return a function with one branch or one entry for each member."""
    texts = [f"The {category} is {value.lower()}" for value in values]
    signature = f"def describe({category}: {name}) -> str:\n"
    if rng.random() < 0.5:
        branches = "".join(
            f"    {'if' if index == 0 else 'elif'} {category} == {name}.{value.upper()}:\n        return \"{text}\"\n"
            for index, (value, text) in enumerate(zip(values, texts))
        )
        code = f"{signature}{branches}    return \"unknown\""
    else:
        entries = "".join(f"        {name}.{value.upper()}: \"{text}\",\n" for value, text in zip(values, texts))
        code = f"{signature}    texts = {{\n{entries}    }}\n    return texts[{category}]"
    phrase = f"return a text that describes the {category}"
    return Step(style.documented(code, phrase), some(rng, f"Write a function that describes a {category}"))


def _initializer(fields: list[tuple[str, str]]) -> str:
    parameters = ", ".join(f"{field}: {kind}" for field, kind in fields)
    lines = "\n".join(f"    self.{field} = {field}" for field, _ in fields)
    return f"def __init__(self, {parameters}) -> None:\n{lines}"


def _class(name: str, members: list[str]) -> str:
    return f"class {name}:\n" + textwrap.indent("\n\n".join(members), "    ")


def _subset(rng: random.Random, patterns: list[Pattern], count: int) -> list[Pattern]:
    """Return the first pattern and others of the list, in its order."""
    kept = sorted([0, *rng.sample(range(1, len(patterns)), count - 1)])
    return [patterns[index] for index in kept]


def _members(
    rng: random.Random, patterns: list[Pattern] | tuple[Pattern, ...], words: dict[str, str], style: Style,
    count: int | None,
) -> tuple[list[str], list[Step]]:
    """Return the code of `count` members drawn from the patterns (None: all in order), and uses of them."""
    chosen = list(patterns) if count is None else rng.sample(list(patterns), count)
    chosen.sort(key=patterns.index)
    members, uses = [], []
    for pattern in chosen:
        code = Template(rng.choice(pattern.bodies)).substitute(words)
        phrase = with_articles(Template(rng.choice(pattern.phrases)).substitute(words).replace("_", " "))
        members.append(style.documented(code, phrase) if "def __" not in code else code)
        statements = [text for text in pattern.statements if "except" not in text or "raise ValueError" in code]
        # A member that prints for itself is called, not printed.
        # What fills a structure is always used: the members below it need something to take out.
        if statements and (rng.random() < 0.75 or (count is None and pattern is chosen[0])):
            use = Template(rng.choice(statements)).substitute(words)
            use = re.sub(r"^print\((.*\.describe\(\))\)$", r"\1", use) if "print(f" in code else use
            shown = phrase.replace("return", "print", 1) if "print" in use else phrase
            uses.append(Step(use, some(rng, shown[0].upper() + shown[1:])))
    return members, uses


def _entity_words(rng: random.Random, scene: Scene) -> dict[str, str]:
    words = scene.words(rng)
    obj = scene.noun.singular if rng.random() < 0.8 else f"first_{scene.noun.singular}"
    return words | {"obj": obj, "Label": words["label"].capitalize(), "Num": words["num"].capitalize()}


def _instances(rng: random.Random, style: Style, scene: Scene, obj: str, uses: list[Step]) -> list[Step]:
    """Return an instance with the uses of its class, sometimes a list of instances, sometimes in `main`."""
    made = Step(f"{obj} = {scene.row(scene.rows[0])}", some(rng, with_articles(f"Create a {scene.noun.singular}")))
    steps = [made, *uses] if uses else [made, Step(f"print({scene.read(obj, scene.fields[0])})")]
    if rng.random() < 0.4:
        number = scene.read(scene.noun.singular, scene.number.name)
        label = scene.read(scene.noun.singular, scene.noun.label)
        loop = f"for {scene.noun.singular} in {scene.noun.plural}:\n    print({label}, {number})"
        steps += [Step(scene.data(), some(rng, f"Create a list of {scene.noun.plural}")),
                  Step(loop, some(rng, f"Print the {scene.noun.plural}"))]
    return main_steps(rng, style, steps) if rng.random() < 0.2 else steps


WRITERS: tuple[Writer, ...] = (
    entity_class, entity_dataclass, collection_class, structure_class, enum_class, class_family,
)
