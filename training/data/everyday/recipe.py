"""Recipes for steps, and the scene in which they are played until they make a program.

A recipe is a little table: code with `$fields`, and the sentences that might ask for it, separated by " | ". Both may
hold a choice, `<a|b>`. Knows nothing of any library beyond the import line that a name calls for.

    {"$df.<head|tail>()": "Show a few rows | Look at $df"}  ->  Step('df.head()', 'Look at df', ())
"""

from __future__ import annotations

import ast
import random
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from string import Template

from training.data.everyday.program import Program, Step

MAX_LINE_CHARACTERS = 99
MAX_STEPS = 12
SILENT_SHARE = 0.1

MODULES = {
    "pandas": "pd", "numpy": "np", "matplotlib.pyplot": "plt", "seaborn": "sns", "polars": "pl", "altair": "alt",
    "marimo": "mo", "json": "json", "csv": "csv", "re": "re", "os": "os", "requests": "requests", "glob": "glob",
    "sqlite3": "sqlite3", "time": "time", "random": "random", "math": "math", "statistics": "statistics",
    "shutil": "shutil", "sys": "sys", "logging": "logging",
}
MEMBERS = {
    "pathlib": "Path",
    "datetime": "datetime timedelta",
    "collections": "Counter defaultdict",
    "scipy": "stats",
    "sklearn.model_selection": "train_test_split cross_val_score GridSearchCV KFold",
    "sklearn.linear_model": "LinearRegression LogisticRegression Ridge Lasso",
    "sklearn.ensemble": "RandomForestClassifier RandomForestRegressor GradientBoostingClassifier",
    "sklearn.tree": "DecisionTreeClassifier DecisionTreeRegressor",
    "sklearn.neighbors": "KNeighborsClassifier KNeighborsRegressor",
    "sklearn.svm": "SVC",
    "sklearn.cluster": "KMeans",
    "sklearn.decomposition": "PCA",
    "sklearn.pipeline": "make_pipeline",
    "sklearn.impute": "SimpleImputer",
    "sklearn.preprocessing": "StandardScaler MinMaxScaler LabelEncoder OneHotEncoder",
    "sklearn.metrics": "accuracy_score confusion_matrix classification_report mean_squared_error r2_score "
    "mean_absolute_error f1_score",
    "sklearn.datasets": "load_iris load_wine load_digits make_blobs make_classification",
}
PLAIN_IMPORTS = {
    alias: f"import {module}" if module == alias else f"import {module} as {alias}" for module, alias in MODULES.items()
}
MEMBER_MODULES = {name: module for module, names in MEMBERS.items() for name in names.split()}

CHOICE = re.compile(r"<([^<>\n]*\|[^<>\n]*)>")
DOUBLE_QUOTED = re.compile(r'"""[\s\S]*?"""|"[^"\n]*"')

Fields = dict[str, str]


@dataclass(frozen=True)
class Recipe:
    """Code with the sentences that ask for it, one entry for each step; all entries share one drawing of the fields.

    A recipe is played only when the scene holds every fact in `needs`, and leaves `gives` behind; both are
    space-separated, and "!fact" needs its absence. `names` are fields of its own. `adds` names the field
    whose value is a new number column.
    """

    parts: Mapping[str, str]
    weight: float = 1.0
    needs: str = ""
    gives: str = ""
    names: Mapping[str, str] = field(default_factory=dict)
    adds: str = ""


@dataclass(frozen=True)
class Hand:
    """The habits that one program keeps throughout."""

    single_quotes: bool
    comment_rate: float
    capital_comments: bool

    @staticmethod
    def draw(rng: random.Random) -> Hand:
        """Return habits in about the shares in which notebooks show them."""
        return Hand(rng.random() < 0.15, rng.choice((0.0, 0.0, 0.05, 0.1, 0.4)), rng.random() < 0.5)


@dataclass
class Scene:
    """A program under way: what is known, which recipes are spent and the steps so far."""

    rng: random.Random
    draw: Callable[[Scene], Fields]
    hand: Hand
    facts: set[str] = field(default_factory=set)
    made: list[str] = field(default_factory=list)
    steps: list[Step] = field(default_factory=list)
    spent: set[int] = field(default_factory=set)

    def pick(self, recipes: Sequence[Recipe], times: int = 1) -> None:
        """Play `times` recipes that fit the facts, the heavier ones more often, each at most once."""
        for _ in range(times):
            fitting = [recipe for recipe in recipes if id(recipe) not in self.spent and self.allows(recipe)]
            if fitting:
                self.play(self.rng.choices(fitting, [recipe.weight for recipe in fitting])[0])

    def allows(self, recipe: Recipe) -> bool:
        """Return whether all facts that the recipe needs hold, and none that it excludes."""
        return all((need.removeprefix("!") in self.facts) != need.startswith("!") for need in recipe.needs.split())

    def play(self, recipe: Recipe) -> None:
        """Append the recipe's steps; a drawing that makes a line too long is drawn again, a few times."""
        self.spent.add(id(recipe))
        for _ in range(8):
            fields = self.draw(self)
            own = {name: self.fill(text, fields, " | ") for name, text in recipe.names.items()}
            steps = [self.step(code, intents, fields | own) for code, intents in recipe.parts.items()]
            if all(len(line) <= MAX_LINE_CHARACTERS for step in steps for line in step.code.split("\n")):
                self.steps.extend(steps)
                self.facts.update(recipe.gives.split())
                if recipe.adds:
                    self.made.append((fields | own)[recipe.adds])
                return

    def step(self, code: str, intents: str, fields: Fields) -> Step:
        """Return one filled step; where a comment says what is wanted, no sentence repeats it."""
        text = requote(self.fill(code, fields)) if self.hand.single_quotes else self.fill(code, fields)
        intent = self.fill(intents, fields, " | ")
        if intent and self.rng.random() < self.hand.comment_rate and not text.startswith(("def ", "#", "@")):
            comment = intent if self.hand.capital_comments else intent[0].lower() + intent[1:]
            return Step(f"# {comment}\n{text}", "", imports_of(text))
        return Step(text, "" if self.rng.random() < SILENT_SHARE else intent, imports_of(text))

    def fill(self, text: str, fields: Fields, separator: str = "") -> str:
        """Return one of the alternatives in `text` with its choices made and its fields filled."""
        chosen = self.rng.choice(text.split(separator)) if separator else text
        chosen = CHOICE.sub(lambda match: self.rng.choice(match[1].split("|")), chosen)
        return Template(chosen).substitute(fields)

    def program(self) -> Program:
        """Return the program so far, names of one module imported on one line."""
        steps = self.steps[:MAX_STEPS]
        lines = merged(tuple(line for step in steps for line in step.imports))
        return Program(tuple(replace(step, imports=tuple(dict.fromkeys(lines[line] for line in
            step.imports))) for step in steps))


def requote(code: str) -> str:
    """Return `code` with single quotes for double ones: f"{row['x']}" -> f'{row["x"]}'."""
    swap = str.maketrans("\"'", "'\"")
    return DOUBLE_QUOTED.sub(lambda match: match[0] if match[0].startswith('"""') else match[0].translate(swap), code)


def imports_of(code: str) -> tuple[str, ...]:
    """Return an import line for each known library name that `code` reads, in order of appearance."""
    nodes = [node for node in ast.walk(ast.parse(code)) if isinstance(node, ast.Name)]
    stored = {node.id for node in nodes if isinstance(node.ctx, ast.Store)}
    read = [node.id for node in sorted(nodes, key=lambda node: (node.lineno, node.col_offset)) if node.id not in stored]
    lines = [PLAIN_IMPORTS.get(name) or f"from {MEMBER_MODULES[name]} import {name}"
             for name in read if name in PLAIN_IMPORTS or name in MEMBER_MODULES]
    return tuple(dict.fromkeys(lines))


def merged(lines: tuple[str, ...]) -> dict[str, str]:
    """Map each import line to the one that brings in all names wanted from its module."""
    names: dict[str, dict[str, None]] = {}
    for line in lines:
        head, _, name = line.partition(" import ")
        names.setdefault(head, {})[name] = None
    return {
        f"{head} import {name}" if name else head: f"{head} import {', '.join(wanted)}" if name else head
        for head, wanted in names.items() for name in wanted
    }
