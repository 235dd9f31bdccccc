"""The writers of everyday data code: every program holds together on its own."""

from __future__ import annotations

import ast
import builtins
import random

import pytest

from training.data.everyday import arrays, frames, sources
from training.data.everyday.program import Program

PROGRAMS = 300
MODULES = pytest.mark.parametrize("module", [frames, arrays, sources], ids=["frames", "arrays", "sources"])


def write(module, seed: int) -> Program:
    rng = random.Random(seed)
    return rng.choice(module.WRITERS)(rng)


def undefined_names(script: str) -> set[str]:
    """Return names that no statement up to the one that reads them has bound, a function's own names aside."""
    known, missing = set(dir(builtins)) | {"__name__"}, set()
    for statement in ast.parse(script).body:
        nodes = list(ast.walk(statement))
        known |= {node.id for node in nodes if isinstance(node, ast.Name) and not isinstance(node.ctx, ast.Load)}
        known |= {node.name for node in nodes if isinstance(node, (ast.FunctionDef, ast.ClassDef))}
        known |= {
            alias.asname or alias.name
            for node in nodes
            if isinstance(node, (ast.Import, ast.ImportFrom))
            for alias in node.names
        }
        arguments = {node.arg for node in nodes if isinstance(node, ast.arg)}
        caught = {node.name for node in nodes if isinstance(node, ast.ExceptHandler) and node.name}
        read = {node.id for node in nodes if isinstance(node, ast.Name)}
        missing |= read - known - arguments - caught
        if isinstance(statement, ast.FunctionDef):
            own = {node.id for node in nodes if isinstance(node, ast.Name) and not isinstance(node.ctx, ast.Load)}
            known -= own - {name for name in own if name in dir(builtins)}
            known.add(statement.name)
    return missing


@MODULES
def test_every_script_compiles(module):
    for seed in range(PROGRAMS):
        compile(write(module, seed).script(), f"<{seed}>", "exec")


@MODULES
def test_every_step_stands_as_whole_statements(module):
    for seed in range(PROGRAMS):
        for step in write(module, seed).steps:
            ast.parse(step.code)
            assert step.code == step.code.rstrip("\n") != ""


@MODULES
def test_the_same_seed_writes_the_same_program(module):
    assert [write(module, seed) for seed in range(60)] == [write(module, seed) for seed in range(60)]


@MODULES
def test_every_name_is_defined_before_it_is_read(module):
    for seed in range(PROGRAMS):
        script = write(module, seed).script()
        assert not undefined_names(script), script


@MODULES
def test_every_program_has_three_to_twelve_steps(module):
    assert {3 <= len(write(module, seed).steps) <= 12 for seed in range(PROGRAMS)} == {True}


@MODULES
def test_nearly_all_scripts_differ(module):
    assert len({write(module, seed).script() for seed in range(PROGRAMS)}) >= 0.95 * PROGRAMS


@MODULES
def test_lines_stay_under_a_hundred_characters(module):
    assert max(len(line) for seed in range(PROGRAMS) for line in write(module, seed).script().split("\n")) < 100


@MODULES
def test_no_field_or_choice_is_left_unfilled(module):
    for seed in range(PROGRAMS):
        for step in write(module, seed).steps:
            assert "$" not in step.code + step.intent
            assert "<" not in step.intent and " | " not in step.intent


@MODULES
def test_some_steps_have_no_sentence_and_most_have_one(module):
    intents = [step.intent for seed in range(PROGRAMS) for step in write(module, seed).steps]
    assert 0.1 < intents.count("") / len(intents) < 0.35
