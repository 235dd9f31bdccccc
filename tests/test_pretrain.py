"""Pretraining, on models of a few thousand parameters."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer, Qwen3ForCausalLM

from tabtab_local.errors import DocumentError
from tabtab_local.fingerprint import weights_sha256
from tabtab_local.prompt import MARKERS, PROMPT_VERSION
from tests.corpora import tiny_corpus
from tests.launch import in_processes
from tests.test_packing import SMALL
from tests.tiny import tiny_tokenizer
from training import pretrain, scaling
from training.corpus import store
from training.packing import encode
from training.settings import read_pretraining

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_corpus(tmp_path_factory.mktemp("pretrain") / "corpus")


def assert_same(one: dict[str, torch.Tensor], other: dict[str, torch.Tensor]) -> None:
    """Fail unless the weights differ by no more than sums in bfloat16 do; other rows change them by far more."""
    for name in one:
        apart = torch.linalg.vector_norm(one[name] - other[name]) / torch.linalg.vector_norm(one[name])
        assert apart < 0.02, (name, apart)


def weights(folder: Path) -> dict[str, torch.Tensor]:
    return AutoModelForCausalLM.from_pretrained(folder).state_dict()


@pytest.mark.parametrize("optimizer", ["muon", "adamw"])
def test_a_run_that_was_interrupted_ends_with_the_same_weights(corpus: Path, tmp_path: Path, optimizer: str) -> None:
    settings = replace(SMALL, optimizer=optimizer)
    assert pretrain.pretrain(settings, corpus, tmp_path / "whole")
    while not pretrain.pretrain(settings, corpus, tmp_path / "parts", minutes=1e-9):
        pass
    whole, parts = weights(tmp_path / "whole/model"), weights(tmp_path / "parts/model")
    assert all(torch.equal(whole[name], parts[name]) for name in whole)
    assert (tmp_path / "whole/loss.png").stat().st_size > 1000


def test_how_it_is_computed_changes_nothing(corpus: Path, tmp_path: Path) -> None:
    pretrain.pretrain(SMALL, corpus, tmp_path / "all")
    pretrain.pretrain(SMALL, corpus, tmp_path / "one", rows_at_once=1, workers=1, compiled=True)
    together, alone = weights(tmp_path / "all/model"), weights(tmp_path / "one/model")
    assert_same(together, alone)
    with pytest.raises(DocumentError, match="choose another --rows-at-once"):
        pretrain.pretrain(replace(SMALL, rows_per_step=3), corpus, tmp_path / "odd", rows_at_once=2)


def test_two_processes_learn_what_one_does(corpus: Path, tmp_path: Path) -> None:
    pretrain.pretrain(SMALL, corpus, tmp_path / "one")
    config = tmp_path / "small.toml"
    fields = {key: getattr(SMALL, key) for key in SMALL.__dataclass_fields__ if key != "weights"}
    fields |= {"steps": 99, "seed": 99, "learning_rate": 9.9}
    config.write_text("".join(f"{key} = {json.dumps(value)}\n" for key, value in fields.items()))
    asked = [f"--steps={SMALL.steps}", f"--seed={SMALL.seed}", f"--learning-rate={SMALL.learning_rate}"]
    done = in_processes(
        2, "-m", "training", "pretrain", f"--config={config}", f"--corpus={corpus}", f"--out={tmp_path / 'two'}", *asked
    )
    assert done.returncode == 0, done.stderr
    assert "2 processes" in done.stderr
    one, two = weights(tmp_path / "one/model"), weights(tmp_path / "two/model")
    assert_same(one, two)


def test_a_finished_folder_says_what_it_was_made_of(corpus: Path, tmp_path: Path) -> None:
    pretrain.pretrain(SMALL, corpus, tmp_path, snapshots=3)
    record = json.loads((tmp_path / "model/training.json").read_text())
    assert record["prompt_version"] == PROMPT_VERSION
    assert record["weights_sha256"] == weights_sha256(tmp_path / "model")
    assert record["tokens"] == SMALL.steps * SMALL.rows_per_step * SMALL.row_tokens
    assert record["data_sha256"] == store.sha256(corpus)
    tokenizer = AutoTokenizer.from_pretrained(tmp_path / "model")
    assert all(len(encode(tokenizer, marker)) == 1 for marker in MARKERS)
    assert sorted(path.name for path in (tmp_path / "snapshots").iterdir()) == ["step-2", "step-4"]
    log = [json.loads(line) for line in (tmp_path / "log.jsonl").read_text().splitlines()]
    assert 0 < log[-2]["utilisation"] < 2
    assert 0 < log[-1]["bits_per_byte"] < 8


def test_a_folder_with_another_run_is_left_alone(corpus: Path, tmp_path: Path) -> None:
    pretrain.pretrain(SMALL, corpus, tmp_path)
    with pytest.raises(DocumentError, match=r"other settings .*seed"):
        pretrain.pretrain(replace(SMALL, seed=9), corpus, tmp_path)


@pytest.mark.parametrize(("place", "step"), [("snapshots/step-2", 2), ("model", SMALL.steps)])
def test_a_model_is_the_beginning_of_a_longer_run(corpus: Path, tmp_path: Path, place: str, step: int) -> None:
    pretrain.pretrain(SMALL, corpus, tmp_path / "short", snapshots=SMALL.steps)
    snapshot = tmp_path / "short" / place
    longer = replace(SMALL, steps=2 * SMALL.steps)
    pretrain.pretrain(longer, corpus, tmp_path / "whole", prolonged=snapshot)
    while not pretrain.pretrain(longer, corpus, tmp_path / "parts", prolonged=snapshot, minutes=1e-9):
        pass
    whole, parts = weights(tmp_path / "whole/model"), weights(tmp_path / "parts/model")
    assert all(torch.equal(whole[name], parts[name]) for name in whole)
    record = json.loads((tmp_path / "whole/model/training.json").read_text())
    assert record["tokens"] == longer.steps * longer.rows_per_step * longer.row_tokens
    assert record["prolongs"] == {"step": step, "weights_sha256": weights_sha256(snapshot)}
    steps = [json.loads(line)["step"] for line in (tmp_path / "whole/log.jsonl").read_text().splitlines()]
    assert min(steps) == step + 1
    assert scaling.read_runs([tmp_path / "whole"])[0].tokens == record["tokens"]
    with pytest.raises(DocumentError, match=r"other settings .*prolongs"):
        pretrain.pretrain(longer, corpus, tmp_path / "whole")


def test_a_longer_run_starts_from_the_weights_of_the_snapshot(corpus: Path, tmp_path: Path) -> None:
    pretrain.pretrain(SMALL, corpus, tmp_path / "short", snapshots=SMALL.steps)
    snapshot = tmp_path / "short/snapshots/step-1"
    still = replace(SMALL, learning_rate=0.0, steps=2)
    pretrain.pretrain(still, corpus, tmp_path / "still", prolonged=snapshot)
    before, after = weights(snapshot), weights(tmp_path / "still/model")
    assert all(torch.equal(before[name], after[name]) for name in before)


@pytest.mark.parametrize(
    ("step", "changes", "complaint"),
    [
        (2, {"seed": 9, "steps": 20}, r"other settings \(seed\)"),
        (2, {"steps": 2}, "was taken after 2 steps: ask for more than that with --steps"),
        (77, {"steps": 20}, "is not the record of a run's model"),
    ],
)
def test_what_cannot_be_prolonged_is_refused(
    corpus: Path, tmp_path: Path, step: int, changes: dict[str, int], complaint: str
) -> None:
    pretrain.pretrain(SMALL, corpus, tmp_path / "short", snapshots=SMALL.steps)
    with pytest.raises(DocumentError, match=complaint):
        pretrain.pretrain(
            replace(SMALL, **changes), corpus, tmp_path / "long", prolonged=tmp_path / f"short/snapshots/step-{step}"
        )
    assert not (tmp_path / "long").exists()


def test_documents_of_a_row_do_not_see_each_other(corpus: Path) -> None:
    torch.manual_seed(0)
    tokenizer = tiny_tokenizer()
    model = Qwen3ForCausalLM(pretrain.model_config(SMALL, tokenizer)).eval()
    ids = torch.randint(0, 300, (1, 12))
    positions = torch.tensor([[*range(5), *range(7)]])
    with torch.no_grad():
        packed = model(input_ids=ids, position_ids=positions, use_cache=False).logits[0, 5:]
        alone = model(input_ids=ids[:, 5:], use_cache=False).logits[0]
        mixed = model(input_ids=ids, use_cache=False).logits[0, 5:]
    torch.testing.assert_close(packed, alone)
    assert not torch.allclose(mixed, alone)


def test_the_learning_rate_rises_stays_and_falls_to_zero() -> None:
    settings = replace(SMALL, steps=100, warmup_share=0.1, decay_share=0.3)
    rates = [pretrain.learning_rate(settings, step) for step in range(101)]
    assert rates[0] == pytest.approx(settings.learning_rate / 10)
    assert rates[9:71] == [settings.learning_rate] * 62
    assert rates[85] == pytest.approx(settings.learning_rate / 2)
    assert rates[100] == 0


def test_all_parameters_are_trained_by_one_optimizer() -> None:
    tokenizer = tiny_tokenizer()
    model = Qwen3ForCausalLM(pretrain.model_config(SMALL, tokenizer))
    for name in ("muon", "adamw"):
        optimizers = pretrain._optimizers(model, replace(SMALL, optimizer=name))
        trained = [id(p) for each in optimizers for group in each.param_groups for p in group["params"]]
        assert sorted(trained) == sorted(id(p) for p in model.parameters())


def test_bits_per_byte_of_a_model_that_knows_nothing_are_those_of_a_guess(corpus: Path) -> None:
    tokenizer = tiny_tokenizer()
    model = Qwen3ForCausalLM(pretrain.model_config(SMALL, tokenizer))
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.zero_()
    held_out = pretrain._held_out(store.Texts(corpus, store.HELD_OUT), tokenizer, SMALL)
    for name in ("bits_per_byte", "answers_bits_per_byte"):
        counted = int((held_out[name].rows["labels"] != -100).sum())
        guess = counted * math.log2(len(tokenizer)) / held_out[name].size
        assert pretrain._bits_per_byte(model, held_out[name]) == pytest.approx(guess)
    assert (
        held_out["answers_bits_per_byte"].rows["labels"].ne(-100).sum()
        < held_out["bits_per_byte"].rows["labels"].ne(-100).sum()
    )


@pytest.mark.parametrize("path", sorted((ROOT / "configs/pretrain").glob("*.toml")), ids=lambda path: path.stem)
def test_the_shipped_configurations_suit_the_quants(path: Path) -> None:
    settings = read_pretraining(path)
    assert settings.hidden_size % 256 == settings.intermediate_size % 256 == 0
    assert settings.heads % settings.kv_heads == 0


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("steps = 'many'", "steps = 'many' is not a whole number"),
        ("stepps = 3", "unknown key stepps"),
        ("steps = 3", "the key rows_per_step is missing"),
        ("steps = -3", "steps = -3 is less than nothing"),
        ("optimizer = 'sgd'", "optimizer = 'sgd': choose one of muon, adamw"),
        ("weights = { poem = 1.0 }", "unknown key poem"),
        ("steps = ", "is not TOML"),
    ],
)
def test_a_configuration_with_a_fault_is_refused(tmp_path: Path, text: str, complaint: str) -> None:
    (tmp_path / "c.toml").write_text(text)
    with pytest.raises(DocumentError, match=complaint):
        read_pretraining(tmp_path / "c.toml")
