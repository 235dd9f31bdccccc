"""Fine-tune a base with LoRA on edits: supervised, loss on the answers only.

One script from top to bottom: data → base → adapter → trl's trainer → a folder with the adapter, its tokenizer and
`training.json`, the record of what it was made of. Works alike for the nano and for the Qwen3 and Llama 3.2 bases. It
knows nothing of merging or GGUF.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import click
import torch
from datasets import Dataset
from peft import LoraConfig, PeftModel, get_peft_model
from transformers import TrainerCallback
from transformers.trainer import TRAINER_STATE_NAME
from transformers.trainer_utils import get_last_checkpoint
from trl import SFTConfig, SFTTrainer

from tabtab_local.errors import DocumentError, FormatError
from tabtab_local.fingerprint import TRAINING_FILE, file_sha256
from tabtab_local.output import new_folder
from tabtab_local.prompt import PROMPT_VERSION, parse_prompt, parse_response
from training.base import Base, load_base
from training.checkpoint import plot_loss, same_run, write_json
from training.data import shard
from training.packing import encode
from training.settings import FineTuning

_LINEAR_LAYERS = "all-linear"


def fine_tune(base_name: str, data: Path, out: Path, settings: FineTuning) -> None:
    """Train an adapter for `base_name` on `data` into the folder `out`, resuming what is there.

    `data` is a folder that `python -m training data build` wrote, or a file of JSON lines with `prompt` and
    `completion` in the prompt format. Raises `DocumentError` for data that does not follow the format and for a folder
    that holds another run, `ModelError` for a base that cannot be used.
    """
    rows, data_sha256 = list(read_examples(data)), _sha256(data)
    base = load_base(base_name)
    same_run(out, {"base_sha256": base.sha256, "data": data_sha256, **asdict(settings)})
    dataset = tokenized(rows, base, settings.max_tokens)
    click.echo(f"{len(dataset)} of {len(rows)} examples fit into {settings.max_tokens} tokens", err=True)
    model = with_adapter(base, settings)
    trainer = SFTTrainer(
        model=model,
        args=_arguments(out, settings),
        train_dataset=dataset,
        processing_class=base.tokenizer,
        callbacks=[_Log(out / "log.jsonl")],
    )
    trainer.train(resume_from_checkpoint=last_checkpoint(out / "checkpoints"))
    _finish(model, base, data_sha256, len(dataset), settings, out)


def last_checkpoint(folder: Path) -> str | None:
    """Return the last whole checkpoint in `folder`, if any; remove what a run that was killed had begun to write."""
    for path in folder.glob("checkpoint-*"):
        # The trainer writes its state last.
        if not (path / TRAINER_STATE_NAME).is_file():
            shutil.rmtree(path)
    return get_last_checkpoint(str(folder)) if folder.exists() else None


def read_examples(path: Path) -> Iterator[tuple[str, str]]:
    """Yield prompt and completion of each example in a built data set or a file of JSON lines.

    Raises `DocumentError` with the shard or the line that is wrong.
    """
    if path.is_dir():
        yield from shard.read(path)
        return
    try:
        with path.open(encoding="utf-8") as file:
            for number, line in enumerate(file, 1):
                yield _example(line, f"{path}, line {number}")
    except UnicodeDecodeError:
        raise DocumentError(f"{path} is not UTF-8 text: expected JSON lines with prompt and completion") from None
    except OSError as error:
        raise DocumentError(f"cannot read {path}: {error.strerror}") from None


def _sha256(data: Path) -> str:
    return shard.sha256(data) if data.is_dir() else file_sha256(data)


def _example(line: str, where: str) -> tuple[str, str]:
    """Return prompt and completion of one line of data, both of them in the prompt format."""
    try:
        row = json.loads(line)
        prompt, completion = row["prompt"], row["completion"]
        parse_prompt(prompt)
        parse_response(completion)
    except json.JSONDecodeError as error:
        raise DocumentError(f"{where} is not JSON: {error}") from None
    except (KeyError, TypeError, AttributeError):
        raise DocumentError(f"{where} is not an object with the texts prompt and completion") from None
    except FormatError as error:
        raise DocumentError(f"{where}: {error}") from None
    return prompt, completion


def tokenized(rows: list[tuple[str, str]], base: Base, max_tokens: int) -> Dataset:
    """Return the examples that fit, as `input_ids` (T,) and `completion_mask` (T,), each ended by end-of-text."""
    columns: dict[str, list[list[int]]] = {"input_ids": [], "completion_mask": []}
    begin = [base.tokenizer.bos_token_id] if _adds_bos(base) else []
    for prompt, completion in rows:
        question = begin + encode(base.tokenizer, prompt)
        answer = [*encode(base.tokenizer, completion), base.tokenizer.eos_token_id]
        if len(question) + len(answer) <= max_tokens:
            columns["input_ids"].append(question + answer)
            columns["completion_mask"].append([0] * len(question) + [1] * len(answer))
    if not columns["input_ids"]:
        raise DocumentError(
            f"none of the {len(rows)} examples fits into {max_tokens} tokens: give more or shorter ones"
        )
    return Dataset.from_dict(columns)


def with_adapter(base: Base, settings: FineTuning) -> PeftModel:
    """Return the base with a LoRA on all linear layers and trainable rows for the markers.

    Rows of a tied embedding are trained once and stay tied; an output matrix of its own has its rows trained as well.
    """
    rows = {"embed_tokens": list(base.marker_ids)}
    if not base.model.config.tie_word_embeddings:
        rows["lm_head"] = list(base.marker_ids)
    config = LoraConfig(
        r=settings.rank,
        lora_alpha=settings.alpha,
        use_rslora=True,
        target_modules=_LINEAR_LAYERS,
        trainable_token_indices=rows,
        task_type="CAUSAL_LM",
    )
    torch.manual_seed(settings.seed)
    model = get_peft_model(base.model, config)
    model.peft_config["default"].base_model_name_or_path = base.source
    head = model.get_base_model().get_output_embeddings()
    if not hasattr(head, "bias"):
        # trl looks at the head's bias, which peft's wrapper of a tied head does not have.
        head.bias = None
    return model


def _adds_bos(base: Base) -> bool:
    """Return whether the base expects a text to begin with its begin-of-text token (Llama does, Qwen does not)."""
    bos = base.tokenizer.bos_token_id
    return bos is not None and base.tokenizer("x")["input_ids"][:1] == [bos]


def _arguments(out: Path, settings: FineTuning) -> SFTConfig:
    gpu = torch.cuda.is_available()
    return SFTConfig(
        output_dir=str(out / "checkpoints"),
        per_device_train_batch_size=settings.batch_size,
        gradient_accumulation_steps=settings.gradient_accumulation,
        num_train_epochs=settings.epochs,
        learning_rate=settings.learning_rate,
        lr_scheduler_type="linear",
        warmup_steps=settings.warmup_share,
        max_grad_norm=1.0,
        bf16=True,
        use_cpu=not gpu,
        max_length=settings.max_tokens,
        gradient_checkpointing=gpu,
        train_sampling_strategy="group_by_length",
        logging_steps=10,
        save_steps=100,
        save_total_limit=2,
        report_to="none",
        disable_tqdm=False,
        seed=settings.seed,
    )


class _Log(TrainerCallback):  # type: ignore[misc]
    """Append what the trainer logs to a file of JSON lines with `step` and `loss`."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def on_log(self, args: Any, state: Any, control: Any, logs: dict[str, Any] | None = None, **_: Any) -> None:
        if logs and "loss" in logs:
            with self._path.open("a") as file:
                file.write(json.dumps({"step": state.global_step, "loss": float(logs["loss"])}) + "\n")


def _finish(model: PeftModel, base: Base, data_sha256: str, used: int, settings: FineTuning, out: Path) -> None:
    """Write the adapter's folder: weights, tokenizer, `training.json`, loss curve."""
    with new_folder(out / "adapter", replace=True) as folder:
        model.save_pretrained(folder)
        base.tokenizer.save_pretrained(folder)
        record = {
            "stage": "sft",
            "prompt_version": PROMPT_VERSION,
            "base": base.source,
            "base_sha256": base.sha256,
            "data_sha256": data_sha256,
            "examples": used,
            "settings": asdict(settings),
        }
        write_json(folder / TRAINING_FILE, record)
    plot_loss(out / "log.jsonl", out / "loss.png")
    click.echo(f"wrote {out / 'adapter'}", err=True)
