"""The law through runs of pretraining, and the pictures of one."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner
from matplotlib import image

from tabtab_local.errors import DocumentError
from tabtab_local.fingerprint import weights_sha256
from tabtab_local.prompt import MARKERS
from tests.corpora import tiny_corpus
from tests.test_packing import SMALL
from training import pretrain, scaling
from training.__main__ import main
from training.base import load_base
from training.evaluation import result
from training.evaluation.judge import Row
from training.picture import logged
from training.scaling import Law, Run

ROOT = Path(__file__).parent.parent

RUNS = [Run(f"r{n}", "c", 10**6, 10**n, 10.0**n, 8 * 10 ** (-0.05 * n)) for n in range(12, 16)]

ROW = Row(
    id="a",
    group="g",
    silent=False,
    right=True,
    outcome="passed",
    detail="",
    shown=True,
    silence=None,
    strict=True,
    readable=True,
    changed=True,
    exact=True,
    similarity=1.0,
    cursor_right=True,
    reversal=None,
    deletes=False,
    parses=True,
    confidence=None,
    prompt_tokens=None,
    decoded_tokens=None,
    first_token_ms=None,
    total_ms=1.0,
    answer="",
)


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    folder = tmp_path_factory.mktemp("scaling")
    corpus = tiny_corpus(folder / "corpus")
    for steps in (2, 4, 6):
        pretrain.pretrain(replace(SMALL, steps=steps), corpus, folder / str(steps), snapshots=2)
    return [folder / str(steps) for steps in (6, 2, 4)]


def test_the_law_that_made_the_runs_is_found() -> None:
    law = scaling.law_of(RUNS)
    assert (law.scale, law.exponent) == (pytest.approx(8), pytest.approx(0.05))
    assert law.bits(1e20) == pytest.approx(8 * 10**-1.0)
    assert "0.713 bits per byte (0.713 to 0.713 with any one run left out)" in scaling.report(
        [*RUNS, Run("r20", "c", 1, 1, 1e20, 0.8)]
    )


def test_a_run_that_does_not_fit_widens_what_is_said() -> None:
    text = scaling.report([*RUNS[:-1], replace(RUNS[-1], bits=1.05 * RUNS[-1].bits)])
    low, high = text.split("(")[1].split(" with")[0].split(" to ")
    assert float(low) < float(text.split("largest run: ")[1].split()[0]) < float(high)


def test_two_budgets_make_no_law() -> None:
    with pytest.raises(DocumentError, match="these are of 2: make more"):
        scaling.law_of([RUNS[0], RUNS[0], RUNS[1]])


def test_runs_that_more_did_not_help_make_no_law() -> None:
    with pytest.raises(DocumentError, match="are no better: give runs whose budgets"):
        scaling.law_of([replace(run, bits=1 / run.bits) for run in RUNS])


def test_runs_are_read_with_what_they_took(runs: list[Path], tmp_path: Path) -> None:
    found = scaling.read_runs(runs)
    assert [run.name for run in found] == ["2", "4", "6"]
    assert found[2].tokens == 3 * found[0].tokens == 6 * SMALL.rows_per_step * SMALL.row_tokens
    assert found[2].operations == pytest.approx(3 * found[0].operations)
    assert found[0].operations > 6 * found[0].parameters * found[0].tokens
    done = CliRunner().invoke(main, ["scaling", *map(str, runs), "--picture", str(tmp_path / "law.png")])
    assert done.exit_code == 0, done.stderr
    assert done.stdout.startswith("| run | parameters |") and "Ten times the operations" in done.stdout
    assert image.imread(tmp_path / "law.png").shape[0] > 200


def test_a_run_that_is_not_finished_is_refused(runs: list[Path], tmp_path: Path) -> None:
    (tmp_path / "settings.json").write_text((runs[0] / "settings.json").read_text())
    with pytest.raises(DocumentError, match="is not finished: the same command goes on"):
        scaling.read_runs([tmp_path])
    with pytest.raises(DocumentError, match="holds no run"):
        scaling.read_runs([tmp_path / "nothing"])


def test_runs_of_different_corpora_are_not_compared(runs: list[Path], monkeypatch: pytest.MonkeyPatch) -> None:
    others = iter((RUNS[0], replace(RUNS[1], corpus_sha256="d")))
    monkeypatch.setattr(scaling, "_run", lambda folder: next(others))
    with pytest.raises(DocumentError, match="different corpora"):
        scaling.read_runs(runs[:2])


def test_curves_take_the_accuracy_of_a_run_s_own_snapshots(runs: list[Path], tmp_path: Path) -> None:
    def written(name: str, sha256: str) -> str:
        identity = {"weights_sha256": sha256}
        run = {"suite": "mbpp", "split": "dev", "fingerprint": "f", "seed": 0, "tasks": 1, "model": name}
        result.write(tmp_path / f"{name}.json", result.Result({**run, "identity": identity}, (), (ROW,)))
        return str(tmp_path / f"{name}.json")

    known = [written(path.name, weights_sha256(path)) for path in (runs[0] / "snapshots").iterdir()]
    done = CliRunner().invoke(main, ["curves", str(runs[0]), *known, "--out", str(tmp_path / "curves.png")])
    assert done.exit_code == 0, done.stderr
    assert image.imread(tmp_path / "curves.png").shape[0] > 200
    other = written("other", "0" * 64)
    done = CliRunner().invoke(main, ["curves", str(runs[0]), other, "--out", str(tmp_path / "x.png")])
    assert (done.exit_code, done.stderr) == (1, f"error: {other} is of no model in {runs[0]}: evaluate its snapshots\n")


def test_a_law_gives_less_for_more() -> None:
    assert Law(8, 0.05).bits(1e16) < Law(8, 0.05).bits(1e15)


def test_what_is_logged_twice_counts_once(tmp_path: Path) -> None:
    lines = [{"step": 1, "loss": 3.0}, {"step": 1, "loss": 2.0}, {"step": 2, "bits_per_byte": 1.0}]
    (tmp_path / "log.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    assert logged(tmp_path / "log.jsonl", "loss") == {1: 2.0}


def test_the_run_that_is_kept_is_whole_and_its_model_can_be_fine_tuned() -> None:
    kept = ROOT / "training/nano"
    (run,) = scaling.read_runs([kept])
    assert (run.parameters, run.tokens) == (8_393_984, 40_960_000)
    loaded = load_base(str(kept / "model"))
    assert loaded.sha256 == json.loads((kept / "model/training.json").read_text())["weights_sha256"]
    assert not loaded.new_markers and len(loaded.marker_ids) == len(MARKERS)
