"""The words of one program: what its entities are, how their attributes are read, and which data it has."""

from __future__ import annotations

import random
from dataclasses import dataclass

from training.data.everyday.nouns import (
    CATEGORIES,
    NOUNS,
    NUMBERS,
    PEOPLE,
    SERIES,
    WORDS,
    Noun,
    Number,
    plural,
    sentence,
)

ACCESSES = ("dict", "dict", "object", "object", "dataclass")


@dataclass(frozen=True)
class Scene:
    """A noun with one number and one category of it, and how an attribute is read from it."""

    noun: Noun
    number: Number
    category: str
    access: str
    rows: tuple[tuple[str, str, str], ...]

    @classmethod
    def draw(cls, rng: random.Random, access: str | None = None) -> Scene:
        noun = rng.choice(NOUNS)
        number = NUMBERS[rng.choice(noun.numbers)]
        category = rng.choice(noun.categories)
        count = rng.randint(3, min(5, len(noun.samples)))
        values = rng.sample(CATEGORIES[category], 2 if rng.random() < 0.5 else 3)
        rows = tuple(
            (f'"{label}"', number.draw(rng), f'"{rng.choice(values)}"') for label in rng.sample(noun.samples, count)
        )
        return cls(noun, number, category, access or rng.choice(ACCESSES), rows)

    @property
    def fields(self) -> tuple[str, str, str]:
        return self.noun.label, self.number.name, self.category

    def read(self, variable: str, field: str, quote: str = '"') -> str:
        """Return the expression that reads a field, e.g. `order.price`."""
        return f"{variable}[{quote}{field}{quote}]" if self.access == "dict" else f"{variable}.{field}"

    def data(self) -> str:
        """Return the assignment of the sample rows to the plural."""
        return f"{self.noun.plural} = [\n" + "".join(f"    {self.row(row)},\n" for row in self.rows) + "]"

    def row(self, row: tuple[str, ...]) -> str:
        if self.access == "dict":
            return "{" + ", ".join(f'"{key}": {value}' for key, value in zip(self.fields, row)) + "}"
        return f"{self.noun.type}({', '.join(row)})"

    def table(self) -> str:
        """Return the assignment of a dictionary from label to number."""
        lines = "".join(f"    {label}: {number},\n" for label, number, _ in self.rows)
        return f"{self.table_name} = {{\n{lines}}}"

    @property
    def table_name(self) -> str:
        """The name of that dictionary: the plural of the number, or `votes_by_title` where that is the same word."""
        many = plural(self.number.name)
        return f"{many}_by_{self.noun.label}" if many == self.number.name else many

    def words(self, rng: random.Random) -> dict[str, str]:
        """Return what the `$...` of an entity pattern stand for."""
        label, number, category = self.fields
        item = self.noun.singular
        row = rng.choice(self.rows)
        words = verbs(rng) | {
            "item": item, "items": self.noun.plural, "Item": self.noun.type,
            "type": "dict" if self.access == "dict" else self.noun.type, "ntype": self.number.type,
            "label": label, "labels": plural(label), "num": number, "cat": category, "cats": plural(category),
            "num_words": number.replace("_", " "), "most": self.number.most, "least": self.number.least,
            "table": self.table_name, "label_value": row[0], "cat_value": row[2], "num_value": self.number.draw(rng),
            "first_num": self.read(f"{self.noun.plural}[0]", number),
            "first_cat": self.read(f"{self.noun.plural}[0]", category), "digit": str(rng.randint(2, 9)),
        }
        for key, field in (("label", label), ("num", number), ("cat", category)):
            words |= {f"i_{key}": self.read(item, field), f"b_{key}": self.read("best", field),
                      f"f_{key}": self.read(item, field, "'")}
        return words


@dataclass(frozen=True)
class Series:
    """A list of plain numbers: `$xs`, with one `$x`."""

    plural: str
    singular: str
    values: tuple[str, ...]

    @classmethod
    def draw(cls, rng: random.Random) -> Series:
        name, singular, kind = rng.choice(SERIES)
        return cls(name, singular, tuple(NUMBERS[kind].draw(rng) for _ in range(rng.randint(4, 8))))

    def data(self) -> str:
        return f"{self.plural} = [{', '.join(self.values)}]"

    def words(self, rng: random.Random) -> dict[str, str]:
        """Return what the `$...` of the patterns over sequences stand for."""
        return verbs(rng) | {
            "xs": self.plural, "x": self.singular, "limit": rng.choice(self.values), "digit": str(rng.randint(2, 9)),
            "ints": _integers(rng), "ints_too": _integers(rng), "word": rng.choice(WORDS),
        }


def verbs(rng: random.Random) -> dict[str, str]:
    """Return the optional first word of a function's name, for each purpose."""
    return {
        "calc": rng.choice(("", "", "calculate_", "calculate_", "compute_", "get_")),
        "get": rng.choice(("get_", "find_", "get_", "find_", "")),
        "shape": rng.choice(("format", "format", "describe")),
        "sum_": rng.choice(("sum_", "sum_", "total_", "add_")),
    }


def number_words(rng: random.Random) -> dict[str, str]:
    """Return what the `$...` of the patterns over numbers stand for."""
    return verbs(rng) | {
        "n": rng.choice(("n", "n", "number", "number", "num", "value")), "a": str(rng.randint(10, 99)),
        "b": str(rng.randint(10, 99)), "small": str(rng.randint(2, 9)),
    }


def text_words(rng: random.Random, variable: str) -> dict[str, str]:
    """Return what the `$...` of the patterns over text stand for."""
    return verbs(rng) | {
        "s": variable, "word": rng.choice(WORDS), "person": rng.choice(PEOPLE), "digit": str(rng.randint(2, 9)),
        "letter": rng.choice("aeiostrn"),
    }


def text_data(rng: random.Random, variable: str) -> str:
    """Return the assignment of a sample text."""
    return f'{variable} = "{sentence(rng)}"'


def _integers(rng: random.Random) -> str:
    return str([rng.randint(1, 20) for _ in range(rng.randint(4, 7))])
