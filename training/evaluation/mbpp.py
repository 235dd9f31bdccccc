"""Mostly Basic Python Problems: rows of the data set, and which of them are for what.

Source: Austin et al. 2021, "Program Synthesis with Large Language Models"; google-research/google-research, CC BY 4.0.
Task ids 1-10 are the paper's prompts, 11-510 its test set, 511-600 its validation set, 601-974 its training set. We
measure on the test set and choose on the validation set.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tabtab_local.errors import DocumentError

HUB_ID, HUB_CONFIG = "google-research-datasets/mbpp", "full"
IDS: Mapping[str, range] = {"test": range(11, 511), "dev": range(511, 601), "train": range(601, 975)}


@dataclass(frozen=True)
class Problem:
    """One row: what is asked, a solution, and Python that asserts what a solution does."""

    id: int
    statement: str
    code: str
    tests: str


def load(split: str, path: Path | None = None) -> tuple[Problem, ...]:
    """Return the problems of `split` by id, from a file of JSON lines or, without one, from the Hugging Face Hub.

    Raises `DocumentError` where they cannot be had, or rows are missing or not as the data set has them.
    """
    where = str(path or HUB_ID)
    try:
        found = {row["task_id"]: _problem(row) for row in (_read(path) if path else _download())}
    except (AttributeError, KeyError, TypeError, ValueError):
        raise DocumentError(f"{where} is not the MBPP data set: expected rows with task_id, text, code, …") from None
    missing = [number for number in IDS[split] if number not in found]
    if missing:
        raise DocumentError(f"{where} lacks {len(missing)} problems of the {split} split, the first is {missing[0]}")
    return tuple(found[number] for number in IDS[split])


def _problem(row: Mapping[str, Any]) -> Problem:
    checks = [row["test_setup_code"], *row["test_list"]]
    tests = "\n".join(_plain(part) for part in checks if part.strip())
    return Problem(row["task_id"], " ".join(row["text"].split()), _plain(row["code"]), tests + "\n")


def _plain(code: str) -> str:
    """Return code with `\\n` line ends, no tabs, and nothing blank at the ends of lines, as editors save it."""
    return "\n".join(line.rstrip() for line in code.expandtabs(4).splitlines()).strip("\n")


def _read(path: Path) -> Iterable[Mapping[str, Any]]:
    try:
        return [json.loads(line) for line in path.read_text(encoding="utf-8").split("\n") if line.strip()]
    except OSError as error:
        raise DocumentError(f"cannot read {path}: {error.strerror}") from None


def _download() -> Iterable[Mapping[str, Any]]:
    from datasets import load_dataset

    try:
        splits = load_dataset(HUB_ID, HUB_CONFIG)
    except Exception as error:  # The library raises whatever its many transports raise.
        reason = " ".join(str(error).split())[:120]
        raise DocumentError(f"cannot download {HUB_ID} ({reason}): pass its mbpp.jsonl with --mbpp FILE") from None
    return [row for rows in splits.values() for row in rows]
