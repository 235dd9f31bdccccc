"""Fine-tuning, on models of a few thousand parameters."""

from __future__ import annotations

import json
import random
import subprocess
import sys
from dataclasses import replace
from itertools import groupby

import pytest
import torch
from peft import PeftModel
from transformers import AutoModelForCausalLM, AutoTokenizer, PreTrainedTokenizerFast
from trl import SFTConfig, SFTTrainer

from tabtab_local.errors import DocumentError, ModelError
from tabtab_local.fingerprint import weights_sha256
from tabtab_local.prompt import MARKERS, render_prompt, render_response
from tests.launch import in_processes
from tests.tiny import tiny_llama, tiny_qwen3, tiny_tokenizer
from training import base, sft, trainer
from training.data.corruption import corrupt
from training.data.source import everyday
from training.packing import encode
from training.picture import logged
from training.settings import FineTuning

LITTLE = FineTuning(batch_size=2, max_tokens=1500, rank=4, alpha=4)


def reserved_tokenizer() -> PreTrainedTokenizerFast:
    """A tokenizer like Llama 3's: full, with reserved special tokens, and one to begin a text with."""
    plain = tiny_tokenizer()
    state = json.loads(plain.backend_tokenizer.to_str())
    added = [entry for entry in state["added_tokens"] if entry["content"] not in MARKERS]
    names = ["<|begin_of_text|>", *(f"<|reserved_special_token_{i}|>" for i in range(len(MARKERS)))]
    first = len(plain) - len(MARKERS)
    flags = dict.fromkeys(("single_word", "lstrip", "rstrip", "normalized"), False) | {"special": True}
    added += [{"id": first + i, "content": name, **flags} for i, name in enumerate(names)]
    state["added_tokens"] = added
    byte_level = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": False}
    begin = {"type": "TemplateProcessing", "pair": [], "special_tokens": {}, "single": []}
    begin["single"] = [{"SpecialToken": {"id": names[0], "type_id": 0}}, {"Sequence": {"id": "A", "type_id": 0}}]
    begin["pair"] = [*begin["single"], {"Sequence": {"id": "B", "type_id": 1}}]
    begin["special_tokens"] = {names[0]: {"id": names[0], "ids": [first], "tokens": [names[0]]}}
    state["post_processor"] = {"type": "Sequence", "processors": [byte_level, begin]}
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_str(json.dumps(state))
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, bos_token=names[0], eos_token="<|endoftext|>", pad_token="<|pad|>"
    )


def bases(folder):
    """Yield a tied and an untied Qwen3 with room for markers, and a Llama with reserved tokens."""
    plain = json.loads(tiny_tokenizer().backend_tokenizer.to_str())
    plain["added_tokens"] = [entry for entry in plain["added_tokens"] if entry["content"] not in MARKERS]
    from tokenizers import Tokenizer

    without = PreTrainedTokenizerFast(
        tokenizer_object=Tokenizer.from_str(json.dumps(plain)), eos_token="<|endoftext|>", pad_token="<|pad|>"
    )
    for name, make, tied, tokenizer in (
        ("qwen3", tiny_qwen3, True, without),
        ("qwen3-untied", tiny_qwen3, False, without),
        ("llama", tiny_llama, True, reserved_tokenizer()),
    ):
        make(folder / name, tied=tied, vocab_size=len(reserved_tokenizer()))
        tokenizer.save_pretrained(folder / name)
        yield folder / name


def edits(path, count=12):
    """Write `count` edits of everyday code as JSON lines, and return the path."""
    lines = []
    for seed in range(count):
        rng = random.Random(seed)
        example = corrupt(everyday.document(rng), rng)
        row = {"prompt": render_prompt(example.prompt), "completion": render_response(example.response)}
        lines.append(json.dumps(row) + "\n")
    path.write_text("".join(lines))
    return path


def test_fine_tuning_works_for_both_architectures_and_lowers_the_loss(tmp_path):
    data = edits(tmp_path / "data.jsonl")
    for path in bases(tmp_path):
        run = tmp_path / f"run-{path.name}"
        sft.fine_tune(str(path), data, run, replace(LITTLE, epochs=3, learning_rate=5e-3))
        losses = [json.loads(line)["loss"] for line in (run / "log.jsonl").read_text().splitlines()]
        assert losses, path
        tokenizer = AutoTokenizer.from_pretrained(run / "adapter")
        assert all(len(encode(tokenizer, marker)) == 1 for marker in MARKERS)
        record = json.loads((run / "adapter/training.json").read_text())
        assert record["base_sha256"] == weights_sha256(path)
        assert record["examples"] > 0
        assert len(record["data_sha256"]) == 64
        before = AutoModelForCausalLM.from_pretrained(path)
        tuned = PeftModel.from_pretrained(AutoModelForCausalLM.from_pretrained(path), run / "adapter")
        assert mean_loss(tuned, tokenizer, data) < mean_loss(before, tokenizer, data)


def test_two_processes_share_out_the_examples_of_a_step_and_one_of_them_writes(tmp_path):
    data, path = edits(tmp_path / "data.jsonl"), next(bases(tmp_path))
    options = {"base": path, "data": data, "out": tmp_path / "run", "rank": 4, "learning-rate": 5e-3, "epochs": 2}
    arguments = [f"--{name}={value}" for name, value in options.items()]
    done = in_processes(2, "-m", "training", "sft", *arguments, "--max-tokens=1500", "--batch-size=4")
    assert done.returncode == 0, done.stderr
    assert done.stderr.count("wrote ") == 1
    steps = [json.loads(line)["step"] for line in (tmp_path / "run/log.jsonl").read_text().splitlines()]
    assert steps[0] == 1 and steps == sorted(set(steps))
    before = AutoModelForCausalLM.from_pretrained(path)
    tuned = PeftModel.from_pretrained(AutoModelForCausalLM.from_pretrained(path), tmp_path / "run/adapter")
    tokenizer = AutoTokenizer.from_pretrained(tmp_path / "run/adapter")
    assert mean_loss(tuned, tokenizer, data) < mean_loss(before, tokenizer, data)
    odd = in_processes(
        2, "-m", "training", "sft", *arguments[:2], f"--out={tmp_path / 'odd'}", "--max-tokens=1500", "--batch-size=3"
    )
    assert odd.returncode != 0
    assert "error: 3 examples are no multiple of 2 processes: choose another --batch-size" in odd.stderr


@pytest.mark.parametrize("number", range(3), ids=["tied", "untied", "llama"])
def test_a_processor_learns_what_trl_learns(tmp_path, number):
    path = list(bases(tmp_path))[number]
    settings = replace(LITTLE, gradient_accumulation=2, epochs=2, learning_rate=5e-2)
    rows = list(sft.read_examples(edits(tmp_path / "data.jsonl")))
    for kind in ("ours", "trl"):
        loaded = base.load_base(str(path))
        model = sft.with_adapter(loaded, settings)
        given = {**trainer.arguments(tmp_path / kind, settings), "logging_steps": 1}
        data, log = sft.tokenized(rows, loaded, settings.max_tokens), trainer.Log(tmp_path / f"{kind}.jsonl")
        if kind == "ours":
            made = sft.trainer_of(model, loaded, data, given, log)
            assert isinstance(made, sft.ProcessorTrainer) is not torch.cuda.is_available()
        else:
            config = SFTConfig(completion_only_loss=True, train_sampling_strategy="group_by_length", **given)
            made = SFTTrainer(
                model=model, args=config, train_dataset=data, processing_class=loaded.tokenizer, callbacks=[log]
            )
        made.train()
    ours, theirs = (logged(tmp_path / f"{kind}.jsonl", "loss") for kind in ("ours", "trl"))
    assert len(ours) == 6
    assert ours == pytest.approx(theirs, rel=0.005)
    assert ours[6] < ours[1] - 0.2


def mean_loss(model, tokenizer, data):
    losses = []
    with torch.no_grad():
        for prompt, completion in list(sft.read_examples(data))[:6]:
            ids = torch.tensor([encode(tokenizer, prompt + completion)])
            losses.append(model(input_ids=ids, labels=ids).loss.item())
    return sum(losses) / len(losses)


def test_a_llama_prompt_begins_with_its_begin_of_text_token(tmp_path):
    *_, llama = bases(tmp_path)
    loaded = base.load_base(str(llama))
    data = sft.tokenized([("<|INTENT|>\n", "x")], loaded, 100)
    assert data[0]["input_ids"][0] == loaded.tokenizer.bos_token_id
    assert data[0]["input_ids"][-1] == loaded.tokenizer.eos_token_id
    assert data[0]["completion_mask"] == [0, 0, 0, 1, 1]


def test_markers_take_free_rows_or_reserved_tokens_and_no_others(tmp_path):
    for path in bases(tmp_path):
        loaded = base.load_base(str(path))
        assert loaded.new_markers
        assert len(set(loaded.marker_ids)) == len(MARKERS)
        assert max(loaded.marker_ids) < loaded.model.get_input_embeddings().num_embeddings
        code = "def f(x):\n    return x + 1\n"
        assert encode(loaded.tokenizer, code) == encode(AutoTokenizer.from_pretrained(path), code)


def test_the_marker_rows_are_trained_and_tied_embeddings_stay_tied(tmp_path):
    path = next(bases(tmp_path))
    model = sft.with_adapter(base.load_base(str(path)), LITTLE)
    trained = [name for name, parameter in model.named_parameters() if parameter.requires_grad]
    assert any("trainable_tokens" in name for name in trained)
    assert not any("modules_to_save" in name for name in trained)
    core = model.get_base_model()
    ends = [end.token_adapter for end in (core.get_input_embeddings(), core.get_output_embeddings())]
    assert ends[0].base_layer.weight is ends[1].base_layer.weight
    assert torch.equal(ends[0].trainable_tokens_delta["default"], ends[1].trainable_tokens_delta["default"])
    assert ends[0].trainable_tokens_delta["default"] is ends[1].trainable_tokens_delta["default"]


@pytest.mark.parametrize(
    ("name", "complaint"),
    [
        ("tabtab-nano", "no base on the Hub"),
        ("not a hub id", "is no folder, and the Hub does not give it"),
        ("nobody/nothing", "nobody/nothing is no folder, and the Hub"),
    ],
)
def test_a_base_that_cannot_be_had_is_refused_in_one_line(name, complaint):
    with pytest.raises(ModelError, match=complaint) as caught:
        base.load_base(name)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("line", "complaint"),
    [
        ("{", "line 1 is not JSON"),
        ('{"prompt": "x"}', "prompt and completion"),
        ('{"prompt": "x", "completion": "y"}', "line 1: not a prompt of format version"),
        ("[]", "prompt and completion"),
    ],
)
def test_data_that_does_not_follow_the_format_is_refused_with_its_line(tmp_path, line, complaint):
    data = tmp_path / "data.jsonl"
    data.write_text(line + "\n")
    with pytest.raises(DocumentError, match=complaint):
        list(sft.read_examples(data))


def test_the_command_line_refuses_in_one_line(tmp_path):
    command = [sys.executable, "-m", "training", "sft", "--base", str(tmp_path), "--out", str(tmp_path / "run")]
    (tmp_path / "data.jsonl").write_text("")
    done = subprocess.run([*command, "--data", str(tmp_path / "data.jsonl")], capture_output=True, text=True)
    assert done.returncode == 1
    assert "is not a model folder: it has no config.json" in done.stderr
    assert "Traceback" not in done.stderr


def test_the_loss_is_on_the_answers_alone(tmp_path, monkeypatch):
    trained = []

    def recording(kind):
        class Recorder(kind):
            def compute_loss(self, model, inputs, *more, **options):
                trained.extend(inputs["labels"].tolist())
                return super().compute_loss(model, inputs, *more, **options)

        return Recorder

    for name in ("SFTTrainer", "ProcessorTrainer"):
        monkeypatch.setattr(sft, name, recording(getattr(sft, name)))
    path, data = next(bases(tmp_path)), edits(tmp_path / "data.jsonl")
    sft.fine_tune(str(path), data, tmp_path / "run", LITTLE)
    tokenizer = AutoTokenizer.from_pretrained(tmp_path / "run/adapter")
    answers = {(*encode(tokenizer, completion), tokenizer.eos_token_id) for _, completion in sft.read_examples(data)}
    parts = [tuple(part) for labels in trained for is_learnt, part in groupby(labels, lambda n: n != -100) if is_learnt]
    assert set(parts) == answers
