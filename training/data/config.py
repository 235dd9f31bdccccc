"""A training mix as a TOML file: how many examples, from which sources, by which corruptions, checked against what.

    seed = 2
    examples = 8000
    format = "parquet"                # or "jsonl"

    [[source]]                        # kinds: everyday, corpus, packages, folder, mbpp, instructions, history
    kind = "everyday"
    share = 0.6                       # weights; the other keys are the fields of the source's class

    [weights]                         # in the place of the default weight of a corruption, by its name
    no_edit = 20

    [evaluation]
    mbpp = "hub"                      # or the path of mbpp.jsonl

Paths are relative to the file. Every key is checked before anything is read.
"""

from __future__ import annotations

import dataclasses
import math
import re
import typing
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from tabtab_local.errors import DocumentError
from training.data import corruption
from training.data.source.corpus import Corpus
from training.data.source.everyday import Everyday
from training.data.source.history import History
from training.data.source.row import Instructions, Mbpp
from training.data.source.unit import Source
from training.data.source.window import Folder, Packages
from training.licence import is_permissive
from training.table import keys as table_keys
from training.table import read_toml
from training.table import value as table_value

_SOURCES = (Everyday, Corpus, Packages, Folder, Mbpp, Instructions, History)
KINDS: Mapping[str, type[Any]] = {each.kind: each for each in _SOURCES}
FORMATS = ("parquet", "jsonl")
_NAME = re.compile(r"[\w.-]+")


@dataclass(frozen=True)
class Mix:
    """Everything that decides the rows of a data set, but for what its sources hold.

    `weights` are those of all corruptions by name. `mbpp` is the file with MBPP's test problems to check against,
    "hub", or "none" for no check.
    """

    sources: tuple[Source, ...]
    examples: int = 8000
    seed: int = 1
    format: str = "parquet"
    per_document: int = 4
    shard_rows: int = 5000
    weights: Mapping[str, int] = field(default_factory=dict)
    mbpp: str | Path = "hub"

    def __post_init__(self) -> None:
        for name, least in (("examples", 1), ("per_document", 1), ("shard_rows", 1)):
            if getattr(self, name) < least:
                raise DocumentError(f"{name} is {getattr(self, name)}: give {least} or more")
        if self.format not in FORMATS:
            raise DocumentError(f"the format is {self.format!r}: choose {' or '.join(FORMATS)}")
        if not self.sources:
            raise DocumentError("the mix has no source: write a [[source]] table with a kind")
        names = [source.name for source in self.sources]
        if twice := next((name for name in names if names.count(name) > 1), None):
            raise DocumentError(f"two sources are called {twice}: give one of them another name")


def read(path: Path) -> Mix:
    """Return the mix that the TOML file `path` describes. Raises `DocumentError` with the first thing that is wrong."""
    return read_toml(path, lambda table: _mix(table, path.parent))


def changed(
    mix: Mix,
    *,
    examples: int | None = None,
    seed: int | None = None,
    repo: Path | None = None,
    mbpp: Path | None = None,
) -> Mix:
    """Return the mix with what is given in the place of what its file says.

    `repo` is the clone that its sources of the kind history read, `mbpp` the file that MBPP's problems of training and
    test are read from. Raises `DocumentError` for a clone where no source reads one.
    """
    if repo and not any(isinstance(source, History) for source in mix.sources):
        raise DocumentError("the mix has no source of the kind history for --repo: add a [[source]] table")
    sources = tuple(_at(source, repo, mbpp) for source in mix.sources)
    return replace(
        mix,
        sources=sources,
        examples=mix.examples if examples is None else examples,
        seed=mix.seed if seed is None else seed,
        mbpp=mbpp or mix.mbpp,
    )


def _at(source: Source, repo: Path | None, mbpp: Path | None) -> Source:
    if isinstance(source, History) and repo:
        return replace(source, repo=repo)
    if isinstance(source, Mbpp) and mbpp:
        return replace(source, path=mbpp)
    return source


def plain(mix: Mix) -> dict[str, Any]:
    """Return the mix as JSON can hold it, without the folders that this machine has things in."""
    table = {each.name: getattr(mix, each.name) for each in dataclasses.fields(mix) if each.name != "sources"}
    table["mbpp"] = "file" if isinstance(mix.mbpp, Path) else mix.mbpp
    table["weights"] = dict(mix.weights)
    table["sources"] = [{"kind": source.kind, **_fields(source)} for source in mix.sources]
    return table


def _fields(source: Any) -> dict[str, Any]:
    values = {each.name: getattr(source, each.name) for each in dataclasses.fields(source)}
    return {
        key: value.name if isinstance(value, Path) else list(value) if isinstance(value, tuple) else value
        for key, value in values.items()
        if value not in (None, "", ())
    }


def _mix(table: dict[str, Any], folder: Path) -> Mix:
    sources = table.pop("source", [])
    if not isinstance(sources, list) or not all(isinstance(each, dict) for each in sources):
        raise DocumentError("source is not a list of tables: write [[source]] above each")
    made = tuple(_source(dict(each), number, folder) for number, each in enumerate(sources, 1))
    weights = _weights(_table(table, "weights"))
    evaluation = _table(table, "evaluation")
    mbpp = evaluation.pop("mbpp", "hub")
    if evaluation:
        raise DocumentError(f"[evaluation] has the unknown key {next(iter(evaluation))}: choose mbpp")
    if not isinstance(mbpp, str):
        raise DocumentError(f'[evaluation] has mbpp = {mbpp!r}: give a path or "hub"')
    known = {each.name: each for each in dataclasses.fields(Mix) if each.name not in ("sources", "weights", "mbpp")}
    hints = typing.get_type_hints(Mix)
    values = {key: table_value(key, table[key], hints[key], folder) for key in table_keys(table, known, "the mix")}
    return Mix(made, weights=weights, mbpp=mbpp if mbpp == "hub" else folder / mbpp, **values)


def _source(table: dict[str, Any], number: int, folder: Path) -> Source:
    kind = table.pop("kind", None)
    if not isinstance(kind, str) or kind not in KINDS:
        raise DocumentError(f"source {number} has the kind {kind!r}: choose one of {', '.join(KINDS)}")
    where = f"source {number} ({kind})"
    fields = {each.name: each for each in dataclasses.fields(KINDS[kind])}
    hints = typing.get_type_hints(KINDS[kind])
    values = {
        key: table_value(f"{where}: {key}", table[key], hints[key], folder) for key in table_keys(table, fields, where)
    }
    for key, each in fields.items():
        if each.default is dataclasses.MISSING and key not in values:
            raise DocumentError(f"{where} lacks the key {key}: add it")
    if not 0 < values.get("share", 1.0) < math.inf or values.get("passes", 1) < 1:
        raise DocumentError(f"{where} has a share or passes of nothing: give a number above 0, or remove the source")
    if not _NAME.fullmatch(values.get("name", kind)):
        raise DocumentError(f"{where}: name = {values['name']!r}: give letters, digits, '_', '-' and '.' alone")
    if not values.get("licence", kind).strip():
        raise DocumentError(f'{where} has an empty licence: name it, or say "unknown"')
    if kind in ("folder", "history") and not is_permissive(values["licence"]):
        raise DocumentError(f"{where} has the licence {values['licence']!r}, which is not known as permissive")
    return typing.cast(Source, KINDS[kind](**values))


def _table(table: dict[str, Any], key: str) -> dict[str, Any]:
    found = table.pop(key, {})
    if not isinstance(found, dict):
        raise DocumentError(f"{key} = {found!r} is not a table: write [{key}]")
    return dict(found)


def _weights(changed: Mapping[str, Any]) -> dict[str, int]:
    """Return the weights of all corruptions by name, the `changed` ones in the place of their defaults."""
    weights = {each.__name__: weight for each, weight in corruption.WEIGHTS.items()}
    for key in table_keys(changed, weights, "[weights]"):
        if type(changed[key]) is not int or changed[key] < 0:
            raise DocumentError(f"[weights] has {key} = {changed[key]!r}: give a whole number from 0")
        weights[key] = changed[key]
    if not any(weights.values()):
        raise DocumentError("[weights] leaves no corruption: give one of them more than 0")
    return weights
