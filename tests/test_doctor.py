"""`tabtab-local doctor`, as a person calls it."""

from __future__ import annotations

import dataclasses
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from tabtab_local import registry, tuning
from tabtab_local.cli import main
from tabtab_local.doctor import autotune, chain, checkup
from tabtab_local.engine.cost import SIZES, ModelCosts
from tabtab_local.machine import SPARE_CORES_VARIABLE, THREADS_VARIABLE, default_threads


@pytest.fixture(autouse=True)
def no_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (THREADS_VARIABLE, SPARE_CORES_VARIABLE):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture(autouse=True)
def no_servers(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody answers, whatever else runs on the machine; test_doctor_chain.py has servers."""
    monkeypatch.setattr(chain, "_asked", lambda *_, **__: (0, None))


def run(*arguments: object) -> Result:
    return CliRunner().invoke(main, [str(argument) for argument in arguments])


@pytest.fixture
def scripted(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let every token cost a ms in place of measuring, and the larger models more."""

    def costs(path: Path, threads: Sequence[int], **options: object) -> ModelCosts:
        one = 1.0 if path.name == "tabtab-nano.gguf" else 4.0
        name, parameters = path.stem, int(one * 1e6)
        return ModelCosts(name, "Q8_0", parameters, False, 512, {n: {k: one * k for k in SIZES} for n in threads})

    monkeypatch.setattr(autotune, "batch_costs", costs)
    monkeypatch.setattr(autotune, "busy_share", lambda: 0.0)
    monkeypatch.setattr(autotune, "bytes_per_ms", lambda threads: 1e7)


@pytest.fixture
def other(tiny_gguf: Path, tmp_path: Path) -> Path:
    """Another model than the embedded one, in a folder of its own."""
    folder = tmp_path / "models"
    folder.mkdir()
    return Path(os.path.realpath(shutil.copy(tiny_gguf, folder / "other.gguf")))


def problems(done: Result) -> list[str]:
    return re.findall("^wrong: (.*)$", done.stdout, re.MULTILINE)


def test_all_is_well_on_a_machine_where_nothing_was_tuned():
    done = run("doctor")
    assert (done.exit_code, done.stderr, problems(done)) == (0, "", [])
    assert done.stdout.endswith("\nall is well\n")
    for line in (
        f"^threads +at most {default_threads()}: ",
        "^embedded model +tabtab-nano · Q8_0 · prompt format 1, markers are single tokens · "
        f"sha256 {registry.EMBEDDED_SHA256[:12]} · runs$",
        f"^tuning +nothing in {re.escape(str(tuning.tuning_file()))}: `tabtab-local doctor --tune` measures",
        "^default model +tabtab-nano$",
        r"^speed +[\d.]+ ms a suggestion, the median of 12 · 239 ms between keys, 120 ms of a fast typist$",
        "^token +none: ",
        "^server +none at 127.0.0.1:8765: `tabtab-local serve` starts it$",
        "^Ollama +none at ",
        "^Marimo +no .*marimo.toml: `tabtab-local setup marimo --write` sets it up$",
    ):
        assert re.search(line, done.stdout, re.MULTILINE), line
    assert all(re.search(f"^{re.escape(name)} .*fit", done.stdout, re.MULTILINE) for name in registry.MODELS)
    assert not tuning.tuning_file().parent.exists()  # it only looks


def test_tuning_measures_chooses_and_remembers_the_embedded_model_for_real():
    done = run("doctor", "--tune", "--repeats", 1)
    assert done.exit_code == 0, done.output
    assert "Chosen: tabtab-nano" in done.stdout or "Chosen: the smallest, tabtab-nano" in done.stdout
    assert f"Remembered in {tuning.tuning_file()}" in done.stdout
    assert done.stderr.startswith("measuring tabtab-nano.gguf (1 of 1, 9 MB)\n")
    (model,) = tuning.remembered().models
    assert [size for size, _ in model.curve.costs] == list(SIZES)
    assert model.path == registry.embedded_path().resolve()
    after = run("doctor")
    assert after.exit_code == 0
    assert re.search(
        rf"^ +tabtab-nano · Q8_0 · 9.2 MB · {model.threads} threads? .* · chosen$", after.stdout, re.MULTILINE
    )


def test_what_was_chosen_is_the_default_of_the_other_commands(scripted, other, tmp_path):
    script = tmp_path / "a.py"
    script.write_text("x = \n")
    assert json.loads(run("complete", script, "--line", 1, "--json").stdout)["model"] == "tabtab-nano"
    done = run("doctor", "--tune", "--models-dir", other.parent)
    assert "Chosen: other (Q8_0)" in done.stdout
    assert json.loads(run("complete", script, "--line", 1, "--json").stdout)["model"] == "tiny"
    report = json.loads(run("bench", "--repeats", 1, "--json").stdout)
    # Threads change nothing in the script: the fewest win.
    assert (report["model"], report["threads"]) == ("tiny", 1)
    assert json.loads(run("bench", "--repeats", 1, "--threads", 2, "--json").stdout)["threads"] == 2
    named = run("complete", script, "--line", 1, "--json", "--model", "tabtab-nano")
    assert json.loads(named.stdout)["model"] == "tabtab-nano"


def test_the_engine_is_given_the_threads_and_costs_that_were_measured(scripted, monkeypatch, tmp_path):
    import tabtab_local.engine

    given: list[dict[str, object]] = []

    class Stop(Exception):
        pass

    def engine(path: Path, **options: object) -> None:
        given.append(options)
        raise Stop

    script = tmp_path / "a.py"
    script.write_text("x = \n")
    assert run("doctor", "--tune").exit_code == 0
    monkeypatch.setattr(tabtab_local.engine, "LlamaEngine", engine, raising=False)
    assert isinstance(run("complete", script, "--line", 1).exception, Stop)
    costs = tuple((size, float(size)) for size in SIZES)
    assert given == [{"threads": 1, "costs": costs, "sequences": 1}]


def test_the_target_decides_and_models_measured_before_are_measured_again(scripted, other):
    assert "Chosen: other" in run("doctor", "--tune", "--model", other).stdout
    again = run("doctor", "--tune", "--target-ms", 20)
    assert again.stderr.count("measuring") == 2
    assert "Chosen: tabtab-nano (Q8_0), the largest model here that keeps within 20 ms" in again.stdout
    assert tuning.default_model() == "tabtab-nano"


def test_a_model_that_changed_is_not_used_and_said_to_be_wrong(scripted, other):
    run("doctor", "--tune", "--model", other)
    assert problems(run("doctor")) == []
    os.utime(other, ns=(1, 1))
    done = run("doctor")
    assert done.exit_code == 1
    assert problems(done) == [
        f"{other} was chosen, but has changed or is gone since: the embedded model is used, "
        "run `tabtab-local doctor --tune`"
    ]
    assert "changed or gone since" in done.stdout
    assert re.search("^default model +tabtab-nano$", done.stdout, re.MULTILINE)


def test_another_machines_tuning_is_said_to_be_wrong(scripted):
    run("doctor", "--tune")
    file = tuning.tuning_file()
    tuning.remember(dataclasses.replace(tuning.read(file), machine="a 386, 1 cores"), file)
    done = run("doctor")
    assert done.exit_code == 1
    assert "another machine (a 386, 1 cores)" in problems(done)[0]


def test_a_damaged_tuning_gets_one_line_and_is_replaced_by_tuning(scripted):
    file = tuning.tuning_file()
    file.parent.mkdir(parents=True)
    file.write_text("{")
    done = run("doctor")
    assert done.exit_code == 1 and isinstance(done.exception, SystemExit)
    assert problems(done) == [f"{file} is damaged: tune again with `tabtab-local doctor --tune`, or delete it"]
    assert run("doctor", "--tune").exit_code == 0
    assert run("doctor").exit_code == 0


def test_a_bad_variable_is_said_to_be_wrong(monkeypatch):
    monkeypatch.setenv(THREADS_VARIABLE, "many")
    done = run("doctor")
    assert done.exit_code == 1
    assert "TABTAB_THREADS is 'many'" in problems(done)[0]
    tune = run("doctor", "--tune")
    assert (tune.exit_code, tune.stdout) == (2, "")
    assert tune.stderr.startswith("error: the environment variable TABTAB_THREADS")


def test_an_embedded_model_that_does_not_run_is_said_to_be_wrong(monkeypatch, tmp_path):
    monkeypatch.setattr(registry, "embedded_path", lambda: tmp_path / "gone.gguf")
    done = run("doctor")
    assert done.exit_code == 1
    assert "the embedded model does not run (there is no model at" in problems(done)[0]


def test_an_embedded_model_of_another_release_is_said_to_be_wrong(monkeypatch):
    monkeypatch.setattr(registry, "EMBEDDED_SHA256", "0" * 64)
    done = run("doctor")
    assert problems(done) == [
        f"{registry.embedded_path()} is not the model of this release: install tabtab-local again"
    ]


def test_a_model_that_is_slower_than_typing_is_said_to_be_wrong(monkeypatch):
    monkeypatch.setattr(checkup, "_suggestion_ms", lambda path: 300.0)
    assert problems(run("doctor")) == [
        "a suggestion of tabtab-nano takes 300 ms, more than the 239 ms between keys: "
        "`tabtab-local doctor --tune` finds a faster model"
    ]


def test_a_llama_cpp_that_does_not_load_is_said_to_be_wrong(tmp_path):
    (tmp_path / "llama_cpp").mkdir()
    (tmp_path / "llama_cpp" / "__init__.py").write_text("raise RuntimeError('libllama.so: wrong ELF class')\n")
    command = [sys.executable, "-m", "tabtab_local", "doctor"]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(tmp_path), str(Path(__file__).parents[1])])}
    done = subprocess.run(command, capture_output=True, text=True, env=environment, cwd=tmp_path, check=False)
    assert (done.returncode, done.stderr) == (1, "")
    assert "wrong: the embedded model does not run (libllama.so: wrong ELF class)" in done.stdout


def test_too_little_memory_is_said_to_be_wrong(monkeypatch):
    monkeypatch.setattr(checkup, "free_memory_bytes", lambda: 10 * 2**20)
    done = run("doctor")
    assert problems(done) == ["the default model takes about 22 MiB of memory, 10 are free: end other programs"]
    assert re.search("^tabtab-nano .*does not fit$", done.stdout, re.MULTILINE)


def test_options_of_tuning_are_refused_without_it():
    for arguments in (["--model", "tabtab-nano"], ["--models-dir", "."], ["--target-ms", "120"], ["--repeats", "3"]):
        done = run("doctor", *arguments)
        assert (done.exit_code, done.stdout) == (2, "")
        assert done.stderr == f"error: {arguments[0]} goes with --tune: add it\n"
    assert run("doctor", "--tune", "--target-ms", "0").exit_code == 2


def test_models_and_folders_that_are_not_there_are_refused_before_measuring(tmp_path):
    for arguments in (["--model", tmp_path / "no.gguf"], ["--models-dir", tmp_path / "none"], ["--model", "nonsense"]):
        done = run("doctor", "--tune", *arguments)
        assert (done.exit_code, done.stdout) == (1, "")
        assert done.stderr.startswith("error: ") and done.stderr.count("\n") == 1


def test_the_help_tells_the_default_and_loads_nothing_heavy():
    for command in ("complete", "bench"):
        help_text = " ".join(run(command, "--help").stdout.split())
        assert "[default: (what `doctor --tune` chose, else tabtab-nano)]" in help_text
    program = (
        "import sys\n"
        "from tabtab_local.cli import main\n"
        "main(['doctor', '--help'], standalone_mode=False)\n"
        "sys.exit(str({'torch', 'llama_cpp', 'numpy'} & set(sys.modules) or ''))\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert done.stderr.strip() == "" and "--tune" in done.stdout
