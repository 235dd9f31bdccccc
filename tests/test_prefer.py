"""Preference training: which answers are faults, pairs from a model's own answers, and learning from them."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from click.testing import CliRunner
from peft import PeftModel
from safetensors.torch import load_file
from transformers import AutoModelForCausalLM

from convert.merge import merge
from tabtab_local.errors import DocumentError, ModelError
from tabtab_local.prompt import Prompt, RecentEdit, Response, parse_prompt, parse_response
from tests.test_sft import LITTLE, bases, edits
from training import prefer, sft, trainer
from training.__main__ import main
from training.pairs import Pair, fault, read_pairs, write_pairs
from training.settings import Preference

CODE = "total = 0\nfor x in xs:\n    total += x\n"


def response(region: str) -> Response:
    return Response(region, 0)


@pytest.mark.parametrize(
    ("right", "found", "expected"),
    [
        (CODE, CODE, None),
        (CODE, None, "unreadable"),
        (CODE, CODE + "print(total)\n", "speaks"),
        (CODE + "print(total)\n", CODE, None),
        (CODE + "print(total)\n", CODE + "print(x)\n", None),
        (CODE + "print(total)\n", CODE + "print(total\n", "breaks"),
        (CODE + "print(total)", CODE + "print(total", "breaks"),
        (CODE + "print(total)\n", CODE.replace("for x in xs", "for x in x"), "deletes"),
        (CODE.replace("x", "price"), CODE.replace("total", "sum"), "undoes"),
    ],
)
def test_only_what_nobody_would_want_is_a_fault(right: str, found: str | None, expected: str | None) -> None:
    recent = (RecentEdit("sum = 0\nfor x in xs:\n    sum += x\n", CODE),) if expected == "undoes" else ()
    asked = Prompt(CODE, 0, code_above="xs = [1]", code_below="print(xs)", recent_edits=recent)
    assert fault(asked, response(right), found and response(found)) == expected


@pytest.fixture(scope="module")
def tuned(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A tiny base and an adapter that was fine-tuned on it."""
    folder = tmp_path_factory.mktemp("tuned")
    base = next(bases(folder))
    sft.fine_tune(str(base), edits(folder / "data.jsonl"), folder / "run", LITTLE)
    return base, folder / "run/adapter"


@pytest.fixture(scope="module")
def pairs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Pairs whose rejected answers change nothing."""
    folder = tmp_path_factory.mktemp("pairs")
    rows = []
    for prompt, completion in sft.read_examples(edits(folder / "data.jsonl", 16)):
        silent = completion.replace(parse_response(completion).region, parse_prompt(prompt).region)
        if silent != completion:
            rows.append({"prompt": prompt, "chosen": completion, "rejected": silent})
    path = folder / "pairs.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def test_a_model_s_own_faults_make_pairs(tiny_gguf: Path, tmp_path: Path) -> None:
    data, said = edits(tmp_path / "data.jsonl"), []
    counts = write_pairs(tiny_gguf, data, tmp_path / "a.jsonl", examples=6, seed=1, progress=said.append)
    found = list(read_pairs(tmp_path / "a.jsonl"))
    assert sum(counts.values()) == len(found) > 0
    assert said[-1] == f"6 of 6 prompts answered, {len(found)} pairs"
    known = dict(sft.read_examples(data))
    assert all(known[pair.prompt] == pair.chosen != pair.rejected for pair in found)
    write_pairs(tiny_gguf, data, tmp_path / "b.jsonl", examples=6, seed=1, progress=said.append)
    assert (tmp_path / "a.jsonl").read_bytes() == (tmp_path / "b.jsonl").read_bytes()


def test_the_chosen_answers_become_likelier_than_the_rejected(
    tuned: tuple[Path, Path], pairs: Path, tmp_path: Path
) -> None:
    base, adapter = tuned
    settings = Preference(batch_size=4, epochs=4, learning_rate=3e-3, max_tokens=1500)
    prefer.prefer(adapter, pairs, tmp_path / "run", settings)
    before, after = (
        PeftModel.from_pretrained(AutoModelForCausalLM.from_pretrained(base), folder).eval()
        for folder in (adapter, tmp_path / "run/adapter")
    )
    loaded = prefer.load(adapter)[1]
    rows = list(prefer.tokenized(list(read_pairs(pairs)), loaded, 1500))
    assert margin(after, rows) > margin(before, rows)
    record = json.loads((tmp_path / "run/adapter/training.json").read_text())
    assert record["stage"] == "prefer" and record["fine_tuning"]["stage"] == "sft"
    assert record["examples"] == len(rows)
    assert json.loads((tmp_path / "run/log.jsonl").read_text().splitlines()[-1]).keys() >= {"loss", "margin"}
    merge(None, tmp_path / "run/adapter", tmp_path / "merged")
    with pytest.raises(DocumentError, match=r"other settings .*beta"):
        prefer.prefer(adapter, pairs, tmp_path / "run", replace(settings, beta=0.5))


def test_a_run_that_was_stopped_ends_with_the_same_weights(
    tuned: tuple[Path, Path], pairs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(prefer, "arguments", lambda *given: {**trainer.arguments(*given), "save_steps": 2})
    settings = Preference(batch_size=4, epochs=2, max_tokens=1500)
    prefer.prefer(tuned[1], pairs, tmp_path / "whole", settings)
    shutil.copytree(tmp_path / "whole", tmp_path / "parts")
    shutil.rmtree(tmp_path / "parts/adapter")
    _, *later = sorted(tmp_path.glob("parts/checkpoints/checkpoint-*"))
    for checkpoint in later:
        shutil.rmtree(checkpoint)
    assert later
    prefer.prefer(tuned[1], pairs, tmp_path / "parts", settings)
    whole, parts, before = (
        load_file(folder / "adapter_model.safetensors")
        for folder in (tmp_path / "whole/adapter", tmp_path / "parts/adapter", tuned[1])
    )
    assert all(torch.equal(whole[name], parts[name]) for name in whole)
    assert not all(torch.equal(whole[name], before[name]) for name in whole)


def margin(model: PeftModel, rows: list[dict[str, list[int]]]) -> float:
    """Return by how much likelier the chosen answers are, in nats, on average."""
    total = 0.0
    for row in rows:
        likely = []
        for name in ("chosen_ids", "rejected_ids"):
            ids = torch.tensor([row["prompt_ids"] + row[name]])
            with torch.no_grad():
                logs = model(input_ids=ids).logits[0, :-1].log_softmax(-1)
            taken = logs.gather(1, ids[0, 1:, None])[len(row["prompt_ids"]) - 1 :]
            likely.append(taken.sum().item())
        total += likely[0] - likely[1]
    return total / len(rows)


def test_special_tokens_in_code_are_text(tuned: tuple[Path, Path], pairs: Path) -> None:
    loaded = prefer.load(tuned[1])[1]
    pair = next(read_pairs(pairs))
    rows = prefer.tokenized([replace(pair, prompt=pair.prompt + 'x = "<|endoftext|>"\n')], loaded, 1500)
    assert loaded.tokenizer.eos_token_id not in rows[0]["prompt_ids"]
    assert rows[0]["chosen_ids"][-1] == rows[0]["rejected_ids"][-1] == loaded.tokenizer.eos_token_id


@pytest.mark.parametrize(
    ("line", "complaint"),
    [
        ("{", "line 1 is not JSON: "),
        ('{"prompt": "x", "chosen": "y"}', "line 1 is not an object with the texts"),
        ('{"prompt": "x", "chosen": "y", "rejected": "z"}', "line 1: "),
        ("[]", "line 1 is not an object"),
    ],
)
def test_pairs_that_do_not_follow_the_format_are_refused(tmp_path: Path, line: str, complaint: str) -> None:
    (tmp_path / "p.jsonl").write_text(line + "\n")
    with pytest.raises(DocumentError, match=complaint):
        list(read_pairs(tmp_path / "p.jsonl"))


def test_equal_answers_are_no_pair(tmp_path: Path, pairs: Path) -> None:
    pair = next(read_pairs(pairs))
    path = tmp_path / "p.jsonl"
    path.write_text(json.dumps({"prompt": pair.prompt, "chosen": pair.chosen, "rejected": pair.chosen}) + "\n")
    with pytest.raises(DocumentError, match="another one as rejected"):
        list(read_pairs(path))


def test_what_is_no_adapter_is_refused(pairs: Path, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"cannot be loaded: .*training\.json"):
        prefer.prefer(tmp_path, pairs, tmp_path / "run", Preference())


def test_an_adapter_of_other_weights_is_refused(tuned: tuple[Path, Path], pairs: Path, tmp_path: Path) -> None:
    folder = tmp_path / "adapter"
    folder.mkdir()
    for path in tuned[1].iterdir():
        (folder / path.name).write_bytes(path.read_bytes())
    record = json.loads((folder / "training.json").read_text())
    (folder / "training.json").write_text(json.dumps({**record, "base_sha256": "0" * 64}))
    with pytest.raises(ModelError, match="was trained on other weights"):
        prefer.prefer(folder, pairs, tmp_path / "run", Preference())


def test_without_a_fault_there_is_nothing_to_write(tiny_gguf: Path, tmp_path: Path) -> None:
    (tmp_path / "data.jsonl").write_text("")
    arguments = ["--model", str(tiny_gguf), "--data", str(tmp_path / "data.jsonl"), "--out", str(tmp_path / "p.jsonl")]
    result = CliRunner().invoke(main, ["pairs", *arguments])
    assert (result.exit_code, result.stderr) == (1, "error: no answer has a fault: ask for more --examples\n")
    assert not (tmp_path / "p.jsonl").exists()


def test_pairs_are_read_as_they_were_written(pairs: Path) -> None:
    assert all(isinstance(pair, Pair) and pair.fault == "" for pair in read_pairs(pairs))
