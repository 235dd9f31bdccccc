"""The fields that a recipe about one table may name: its columns, their usual values, its files and variables.

    $df $table $row          the data frame, the data set, what one row is; $recs is a list of rows
    $num $num2 $num3         number columns, all different, as written in the file
    $num_name $num_words     the same as an identifier and in prose; likewise for the others
    $cat $cat2 $value $value2  columns of few values and two values of $cat
    $label $date $key        columns of names, of dates, of identifiers
    $new = $left $op $right  a column that can be computed from two others
    $target $feature $feature2  what a model predicts, and from what
    $limit $low $high        usual values of $num
"""

from __future__ import annotations

import random

from training.data.everyday.recipe import Fields, Hand, Scene
from training.data.everyday.words import FOLDERS, FORMATS, HOSTS, PATH_NAMES, TABLES, Table

SPELLINGS = ("snake",) * 15 + ("Title", "Title_Snake", "Title Words")
FRAME_NAMES = ("df",) * 12 + ("data", "data", "$table", "$table", "${table}_df", "df_$table")


def spelled(column: str, spelling: str) -> str:
    """Return a column name as the file spells it: "unit_price" -> "Unit Price"."""
    if spelling == "snake":
        return column
    words = [word.capitalize() if len(word) > 2 else word.upper() for word in column.split("_")]
    return {"Title": "", "Title_Snake": "_", "Title Words": " "}[spelling].join(words)


def number(rng: random.Random, low: float, high: float) -> str:
    """Return a value between the bounds as a person would round it."""
    if isinstance(low, float) or isinstance(high, float):
        return f"{rng.uniform(low, high):.{1 if high >= 2 else 2}f}"
    value = rng.randint(int(low), int(high))
    digits = len(str(abs(value)))
    return str(round(value, 1 - digits) if digits > 2 else round(value, -1) if value >= 20 else value)


class TableFields:
    """Draws the fields for one table, with the same favourite columns and names throughout a program."""

    def __init__(self, rng: random.Random, table: Table) -> None:
        self.rng = rng
        self.table = table
        self.spelling = rng.choice(SPELLINGS)
        self.numbers = rng.sample(list(table.numbers), len(table.numbers))
        self.categories = rng.sample(list(table.categories), len(table.categories))
        self.frame = rng.choice(FRAME_NAMES).replace("${table}", table.name).replace("$table", table.name)
        self.records = rng.choice(("data", "data", "records", "rows", table.name, table.name, "items"))
        self.path_name = rng.choice(PATH_NAMES)
        self.stem = rng.choice(table.stems())
        self.folder = rng.choice(("", "", "", rng.choice(FOLDERS) + "/"))
        self.target = self.numbers[0]
        self.formulas = rng.sample(table.formulas, len(table.formulas))

    def favourites(self, columns: list[str], count: int) -> list[str]:
        """Return different columns, those first in the list more often."""
        keys = {column: self.rng.random() ** (1 + place) for place, column in enumerate(columns)}
        return sorted(columns, key=lambda column: -keys[column])[:count]

    def __call__(self, scene: Scene) -> Fields:
        """Return all fields for one recipe; a column that was made lately is likely to be used."""
        made = [column for column in reversed(scene.made) if column not in self.numbers]
        numbers = self.favourites([*made, *self.numbers], 3)
        categories = self.favourites(self.categories, 2)
        new, formula = next((f for f in self.formulas if f[0] not in scene.made), self.formulas[0])
        left, operator, right = formula.split()
        columns = dict(zip(("num", "num2", "num3"), numbers)) | dict(zip(("cat", "cat2"), categories))
        columns |= {"label": self.table.label, "date": self.table.date, "key": self.table.key}
        columns |= {"new": new, "left": left, "right": right}
        columns |= {"target": self.target, "feature": self.numbers[1], "feature2": self.numbers[2]}
        fields = {"op": operator, "df": "merged" if "merged" in scene.facts else self.frame, "table": self.table.name,
            "row": self.table.row,
                  "table_title": self.table.name.capitalize(), "recs": self.records}
        for field, column in columns.items():
            fields[field] = spelled(column, self.spelling)
            fields[f"{field}_name"] = column
            fields[f"{field}_words"] = column.replace("_", " ")
            fields[f"{field}_title"] = column.replace("_", " ").capitalize()
        return fields | self.values(numbers[0], categories[0]) | self.lists(numbers, categories) | self.files()

    def lists(self, numbers: list[str], categories: list[str]) -> Fields:
        """Return four values for each chosen column, as they stand between brackets."""
        bounds = [self.table.numbers.get(column, (1, 1000)) for column in numbers]
        texts = [", ".join(number(self.rng, *bound) for _ in range(4)) for bound in bounds]
        words = [self.rng.choices(self.table.categories[column].split(","), k=4) for column in categories]
        quoted = [", ".join(f'"{word}"' for word in four) for four in words]
        return dict(zip(("num_list", "num2_list", "num3_list"), texts)) | dict(zip(("cat_list", "cat2_list"), quoted))

    def values(self, column: str, category: str) -> Fields:
        """Return values that occur in the number column and in the category column."""
        bounds = self.table.numbers.get(column, (1, 1000))
        low, high = sorted((number(self.rng, *bounds), number(self.rng, *bounds)), key=float)
        value, value2 = self.rng.sample(self.table.categories[category].split(","), 2)
        n = self.rng.choice((3, 5, 5, 10, 10, 20))
        year, month = self.rng.randint(2015, 2024), self.rng.randint(1, 9)
        return {
            "limit": number(self.rng, *bounds), "low": low, "high": high, "value": value, "value2": value2,
            "n": str(n), "year": str(year), "month": str(month), "factor": self.rng.choice(("2", "10", "100", "1.1",
            "0.5", "1000", "1.2")),
            "window": self.rng.choice(("3", "5", "7", "7", "14", "30")), "bins": self.rng.choice(("10", "20", "30",
            "50")),
            "format": self.rng.choice(FORMATS), "host": self.rng.choice(HOSTS),
            "share": self.rng.choice(("0.05", "0.1", "0.5", "0.9", "0.95", "0.99")),
        }

    def files(self) -> Fields:
        """Return the names of files and of the variables that hold them."""
        return {
            "stem": self.stem, "path": f"{self.folder}{self.stem}.csv", "base": f"{self.folder}{self.stem}",
            "file": self.path_name, "other": self.table.other,
            "out": self.rng.choice(("output", "result", f"{self.stem}_clean", f"clean_{self.stem}", "summary",
            "cleaned")),
        }


def table_scene(rng: random.Random, *, small: bool = False, labelled: bool = False) -> Scene:
    """Return an empty scene about a random table: `small` as one types it in, `labelled` with a target to predict."""
    fields = TableFields(rng, rng.choice(TABLES))
    if small:
        fields.numbers, fields.categories = fields.numbers[:3], fields.categories[:2]
    if labelled:
        fields.target = fields.categories[0]
    return Scene(rng, fields, Hand.draw(rng), {"snake"} if fields.spelling == "snake" else set())


def labelled_scene(rng: random.Random) -> Scene:
    """Return an empty scene about a random table in which a model predicts a column of few values."""
    return table_scene(rng, labelled=True)
