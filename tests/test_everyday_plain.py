"""The writers of plain everyday programs write valid, varied, repeatable Python that runs."""

from __future__ import annotations

import ast
import builtins
import contextlib
import io
import random
from types import ModuleType

import pytest

from training.data.everyday import classes, functions, scripts
from training.data.everyday.program import Program

MODULES = (functions, classes, scripts)
COUNT = 300


def programs(module: ModuleType, count: int = COUNT) -> list[Program]:
    writers = module.WRITERS
    return [writers[seed % len(writers)](random.Random(seed)) for seed in range(count)]


def undefined_names(source: str) -> set[str]:
    """Return the names that are read but bound nowhere in the source."""
    bound, used = set(dir(builtins)) | {"__name__"}, set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Name):
            (used if isinstance(node.ctx, ast.Load) else bound).add(node.id)
        elif isinstance(node, (ast.FunctionDef, ast.ClassDef)):
            bound.add(node.name)
        elif isinstance(node, ast.arg):
            bound.add(node.arg)
        elif isinstance(node, (ast.Import, ast.ImportFrom)):
            bound.update((alias.asname or alias.name).split(".")[0] for alias in node.names)
        elif isinstance(node, ast.ExceptHandler) and node.name:
            bound.add(node.name)
    return used - bound


@pytest.mark.parametrize("module", MODULES, ids=lambda module: module.__name__.split(".")[-1])
class TestEveryModule:
    def test_scripts_compile(self, module: ModuleType) -> None:
        for seed, program in enumerate(programs(module)):
            compile(program.script(), f"seed {seed}", "exec")

    def test_a_seed_gives_the_same_program_again(self, module: ModuleType) -> None:
        assert programs(module) == programs(module)

    def test_every_name_is_defined(self, module: ModuleType) -> None:
        missing = {
            seed: names for seed, program in enumerate(programs(module)) if (names := undefined_names(program.script()))
        }
        assert not missing

    def test_steps_are_whole_statements_without_a_trailing_newline(self, module: ModuleType) -> None:
        for program in programs(module):
            assert 1 <= len(program.steps) <= 16
            for step in program.steps:
                assert step.code and step.code == step.code.strip("\n")
                ast.parse(step.code)

    def test_nearly_all_scripts_differ(self, module: ModuleType) -> None:
        texts = [program.script() for program in programs(module)]
        assert len(set(texts)) >= 0.95 * len(texts)

    def test_lines_are_short_and_no_placeholder_is_left(self, module: ModuleType) -> None:
        for program in programs(module):
            assert all(len(line) < 100 for line in program.script().splitlines())
            assert "$" not in program.script()
            assert not any("$" in step.intent or "\n" in step.intent for step in program.steps)

    def test_some_steps_have_no_intent(self, module: ModuleType) -> None:
        intents = [step.intent for program in programs(module) for step in program.steps]
        assert 0.1 < intents.count("") / len(intents) < 0.45


@pytest.mark.parametrize("module", (functions, classes), ids=lambda module: module.__name__.split(".")[-1])
def test_programs_run_without_an_error(module: ModuleType) -> None:
    for seed, program in enumerate(programs(module)):
        with contextlib.redirect_stdout(io.StringIO()):
            exec(compile(program.script(), f"seed {seed}", "exec"), {"__name__": "__main__"})
