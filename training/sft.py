"""Fine-tune a base with LoRA on edits: supervised, loss on the answers only.

One script from top to bottom: data → base → adapter → trl's trainer → a folder with the adapter, its tokenizer and
`training.json`, the record of what it was made of. Works alike for the nano and for the Qwen3 and Llama 3.2 bases. It
knows nothing of merging or GGUF.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from datasets import Dataset
from peft import LoraConfig, PeftModel, get_peft_model
from torch.nn.functional import cross_entropy
from transformers import TrainerCallback
from trl import SFTConfig, SFTTrainer

from tabtab_local.errors import DocumentError
from tabtab_local.fingerprint import file_sha256
from tabtab_local.prompt import parse_prompt, parse_response
from training.attention import DOCUMENTS
from training.base import Base, load_base
from training.data import shard
from training.lines import following, json_lines
from training.processes import say
from training.settings import FineTuning
from training.trainer import Log, answer_ids, arguments, begin, question_ids, suit_trl, write_adapter

_LINEAR_LAYERS = "all-linear"
_TEXTS = "prompt and completion"


def fine_tune(base_name: str, data: Path, out: Path, settings: FineTuning) -> None:
    """Train an adapter for `base_name` on `data` into the folder `out`, resuming what is there.

    `data` is a folder that `python -m training data build` wrote, or a file of JSON lines with `prompt` and
    `completion` in the prompt format. Raises `DocumentError` for data that does not follow the format and for a folder
    that holds another run, `ModelError` for a base that cannot be used.
    """
    rows, data_sha256 = list(read_examples(data)), _sha256(data)
    base = load_base(base_name)
    checkpoint = begin(out, {"base_sha256": base.sha256, "data": data_sha256, **asdict(settings)})
    dataset = tokenized(rows, base, settings.max_tokens)
    say(f"{len(dataset)} of {len(rows)} examples fit into {settings.max_tokens} tokens")
    model = with_adapter(base, settings)
    trainer_of(model, base, dataset, arguments(out, settings), Log(out / "log.jsonl")).train(checkpoint)
    record = {
        "stage": "sft",
        "base": base.source,
        "base_sha256": base.sha256,
        "data_sha256": data_sha256,
        "examples": len(dataset),
    }
    write_adapter(model, base.tokenizer, out, record, settings)


def read_examples(path: Path) -> Iterator[tuple[str, str]]:
    """Yield prompt and completion of each example in a built data set or a file of JSON lines.

    Raises `DocumentError` with the shard or the line that is wrong.
    """
    if path.is_dir():
        yield from shard.read(path)
        return
    for where, row in json_lines(path, _TEXTS):
        with following(where, _TEXTS):
            prompt, completion = row["prompt"], row["completion"]
            parse_prompt(prompt)
            parse_response(completion)
        yield prompt, completion


def _sha256(data: Path) -> str:
    return shard.sha256(data) if data.is_dir() else file_sha256(data)


def tokenized(rows: list[tuple[str, str]], base: Base, max_tokens: int) -> Dataset:
    """Return the examples that fit, as `input_ids` (T,) and `completion_mask` (T,), each ended by end-of-text."""
    columns: dict[str, list[list[int]]] = {"input_ids": [], "completion_mask": []}
    for prompt, completion in rows:
        question, answer = question_ids(base, prompt), answer_ids(base, completion)
        if len(question) + len(answer) <= max_tokens:
            columns["input_ids"].append(question + answer)
            columns["completion_mask"].append([0] * len(question) + [1] * len(answer))
    if not columns["input_ids"]:
        raise DocumentError(
            f"none of the {len(rows)} examples fits into {max_tokens} tokens: give more or shorter ones"
        )
    return Dataset.from_dict(columns)


def trainer_of(
    model: PeftModel, base: Base, dataset: Dataset, given: dict[str, Any], log: TrainerCallback
) -> SFTTrainer:
    """Return trl's trainer with the arguments `given`; without a GPU, one that computes the same in less time."""
    kind = SFTTrainer
    if given["use_cpu"]:
        kind = ProcessorTrainer
        model.get_base_model().set_attn_implementation(DOCUMENTS)
        # What is too long has been left out already.
        given = {**given, "padding_free": True, "max_length": None}
    return kind(
        model=model,
        args=SFTConfig(completion_only_loss=True, train_sampling_strategy="group_by_length", **given),
        train_dataset=dataset,
        processing_class=base.tokenizer,
        callbacks=[log],
    )


class ProcessorTrainer(SFTTrainer):  # type: ignore[misc]
    """trl's trainer for batches that are one row without padding, with the loss of the answers computed in one piece.

    trl computes it in pieces, each of them twice, to spare a GPU's memory; that takes a processor as long as all else.
    """

    def compute_loss(
        self,
        model: torch.nn.Module,
        inputs: dict[str, Any],
        return_outputs: bool = False,
        *,
        num_items_in_batch: torch.Tensor,
    ) -> torch.Tensor:
        """Return the mean over the `num_items_in_batch` tokens of all processes' answers, times the processes."""
        following = inputs.pop("labels")[0, 1:]
        places = (following != -100).nonzero().flatten()
        logits = model(**inputs, use_cache=False, logits_to_keep=places).logits[0]
        loss = cross_entropy(logits.float(), following[places], reduction="sum") / num_items_in_batch
        processes: int = self.accelerator.num_processes
        return loss * processes


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
    suit_trl(model)
    return model
