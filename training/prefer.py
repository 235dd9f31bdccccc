"""Train an adapter on by preference: away from its own faults, towards the right answers, held to what it was.

One script from top to bottom: pairs → base with the adapter → trl's trainer → a folder like that of fine-tuning. The
loss is that of direct preference optimisation (Rafailov et al. 2023), with a share of the loss of fine-tuning on the
chosen answers, without which their own likelihood may fall (Pang et al. 2024).
"""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

from datasets import Dataset
from peft import PeftConfig, PeftModel
from trl import DPOConfig, DPOTrainer

from tabtab_local.errors import DocumentError, ModelError
from tabtab_local.fingerprint import TRAINING_FILE, file_sha256, weights_sha256
from training.base import Base, load_base
from training.pairs import Pair, read_pairs
from training.processes import say
from training.settings import Preference
from training.trainer import Log, answer_ids, arguments, begin, question_ids, suit_trl, write_adapter


def prefer(adapter: Path, data: Path, out: Path, settings: Preference) -> None:
    """Train `adapter`, which fine-tuning wrote, on the pairs in the file `data` into `out`, resuming what is there.

    Raises `DocumentError` for pairs that do not follow the format and for a folder that holds another run, `ModelError`
    for an adapter or a base that cannot be used.
    """
    pairs, data_sha256 = list(read_pairs(data)), file_sha256(data)
    model, base, record = load(adapter)
    started = {"base_sha256": base.sha256, "adapter_sha256": weights_sha256(adapter)}
    checkpoint = begin(out, {**started, "data": data_sha256, **asdict(settings)})
    dataset = tokenized(pairs, base, settings.max_tokens)
    say(f"{len(dataset)} of {len(pairs)} pairs fit into {settings.max_tokens} tokens")
    trainer = _Trainer(
        model=model,
        args=DPOConfig(
            beta=settings.beta,
            loss_type=["sigmoid", "sft"],
            loss_weights=[1.0, settings.imitation],
            **arguments(out, settings),
        ),
        train_dataset=dataset,
        processing_class=base.tokenizer,
        callbacks=[Log(out / "log.jsonl", {"rewards/accuracies": "accuracy", "rewards/margins": "margin"})],
    )
    trainer.train(resume_from_checkpoint=checkpoint)
    made = {"stage": "prefer", "base": base.source, **started, "data_sha256": data_sha256, "examples": len(dataset)}
    write_adapter(model, base.tokenizer, out, {**made, "fine_tuning": record}, settings)


def tokenized(pairs: list[Pair], base: Base, max_tokens: int) -> Dataset:
    """Return the pairs that fit, as `prompt_ids`, `chosen_ids` and `rejected_ids`, answers ended by end-of-text."""
    columns: dict[str, list[list[int]]] = {"prompt_ids": [], "chosen_ids": [], "rejected_ids": []}
    for pair in pairs:
        asked = question_ids(base, pair.prompt)
        chosen, rejected = answer_ids(base, pair.chosen), answer_ids(base, pair.rejected)
        if len(asked) + max(len(chosen), len(rejected)) <= max_tokens:
            for name, ids in zip(columns, (asked, chosen, rejected), strict=True):
                columns[name].append(ids)
    if not columns["prompt_ids"]:
        raise DocumentError(f"none of the {len(pairs)} pairs fits into {max_tokens} tokens: give more or shorter ones")
    return Dataset.from_dict(columns)


class _Trainer(DPOTrainer):  # type: ignore[misc]
    """trl's trainer for pairs that are tokens already: it would read special tokens in people's code as such."""

    def _prepare_dataset(self, dataset: Dataset, *_: Any, **__: Any) -> Dataset:
        return dataset


def load(adapter: Path) -> tuple[PeftModel, Base, dict[str, Any]]:
    """Return the base with the adapter to be trained on, the base alone, and the record of the adapter's training.

    Raises `ModelError` where they cannot be loaded or do not belong together.
    """
    try:
        record = json.loads((adapter / TRAINING_FILE).read_text(encoding="utf-8"))
        name = str(PeftConfig.from_pretrained(adapter).base_model_name_or_path)
        base = load_base(name)
        if record["base_sha256"] != base.sha256:
            raise ModelError(f"{adapter} was trained on other weights than {name} has: give the base it was trained on")
        model = PeftModel.from_pretrained(base.model, adapter, is_trainable=True)
    except (OSError, ValueError, KeyError, RuntimeError, TypeError) as error:
        raise ModelError(f"{adapter} cannot be loaded: {' '.join(str(error).split())[:200]}") from None
    suit_trl(model)
    return model, base, record
