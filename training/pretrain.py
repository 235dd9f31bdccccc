"""Pretrain the nano: a tokenizer and a small Qwen3 model from scratch, on text of which half is in the edit form.

One script from top to bottom: settings → corpus → tokenizer → model → loop → Hugging Face folder. It knows nothing of
fine-tuning, GGUF or the runtime. Rows of `row_tokens` tokens are packed from documents; a document is either plain
code, or a prompt with its answer in the format of `tabtab_local/prompt.py`, loss on every token. A checkpoint holds
the model, the optimiser and the step; the data of a step depends on the seed and the step alone, so that a resumed run
sees what an unbroken one would have seen.
"""

from __future__ import annotations

import hashlib
import json
import math
import random
import time
from dataclasses import asdict
from pathlib import Path

import click
import torch
from transformers import AutoTokenizer, PreTrainedTokenizerBase, Qwen3Config, Qwen3ForCausalLM

from tabtab_local.errors import DocumentError
from tabtab_local.fingerprint import TRAINING_FILE, weights_sha256
from tabtab_local.output import new_folder
from tabtab_local.prompt import PROMPT_VERSION, render_prompt, render_response
from training.checkpoint import load_checkpoint, plot_loss, same_run, save_checkpoint, write_json
from training.data import corpus as corpora
from training.data.corruption import corrupt
from training.settings import Pretraining
from training.tokenizer import train_tokenizer

_CHECKPOINT_SECONDS = 300
_LOG_STEPS = 20


def pretrain(settings: Pretraining, out: Path, *, minutes: float | None = None) -> bool:
    """Train into the folder `out`, resuming what is there; return whether the run is complete.

    Stops after `minutes` with a checkpoint. Raises `DocumentError` where `out` holds a run with other settings.
    """
    started = time.monotonic()
    click.echo("reading the corpus", err=True)
    corpus = corpora.load(settings.distributions, settings.everyday_share)
    data = data_sha256(corpus, settings)
    same_run(out, {**asdict(settings), "data_sha256": data})
    tokenizer = _tokenizer(corpus, settings, out)
    torch.manual_seed(settings.seed)
    model = Qwen3ForCausalLM(model_config(settings, tokenizer)).to("cuda" if torch.cuda.is_available() else "cpu")
    optimizer = _optimizer(model, settings)
    step = load_checkpoint(out, model, optimizer)
    click.echo(f"{model.num_parameters() / 1e6:.1f}M parameters, from step {step} of {settings.steps}", err=True)
    model.train()
    saved = logged = time.monotonic()
    losses: list[float] = []
    while step < settings.steps:
        rows = [
            pack_row(corpus, tokenizer, settings, step * settings.rows_per_step + i)
            for i in range(settings.rows_per_step)
        ]
        losses.append(_train_step(model, optimizer, torch.tensor(rows, device=model.device), settings, step))
        step += 1
        now = time.monotonic()
        if step % _LOG_STEPS == 0 or step == settings.steps:
            rate = len(losses) * settings.rows_per_step * settings.row_tokens / (now - logged)
            _log(out, step, sum(losses) / len(losses), rate, settings)
            losses, logged = [], now
        out_of_time = minutes is not None and now - started > minutes * 60
        if now - saved > _CHECKPOINT_SECONDS or out_of_time:
            save_checkpoint(out, model, optimizer, step)
            saved = now
        if out_of_time:
            click.echo(f"stopped after {minutes:g} minutes; the same command goes on from step {step}", err=True)
            return False
    _finish(model, tokenizer, corpus, settings, data, out)
    return True


def model_config(settings: Pretraining, tokenizer: PreTrainedTokenizerBase) -> Qwen3Config:
    """Return the architecture: Qwen3 with tied embeddings, for the context that it is trained on."""
    return Qwen3Config(
        vocab_size=len(tokenizer),
        hidden_size=settings.hidden_size,
        num_hidden_layers=settings.layers,
        num_attention_heads=settings.heads,
        num_key_value_heads=settings.kv_heads,
        head_dim=settings.head_dim,
        intermediate_size=settings.intermediate_size,
        max_position_embeddings=settings.row_tokens,
        tie_word_embeddings=True,
        bos_token_id=None,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
    )


def pack_row(
    corpus: corpora.Corpus, tokenizer: PreTrainedTokenizerBase, settings: Pretraining, index: int
) -> list[int]:
    """Return row `index`: `row_tokens` token ids of whole documents, each ended by end-of-text, the last one cut."""
    rng = random.Random(f"{settings.seed}/{index}")
    row: list[int] = []
    while len(row) < settings.row_tokens:
        row += encode(tokenizer, training_text(corpus, settings.edit_share, rng))
        row.append(tokenizer.eos_token_id)
    return row[: settings.row_tokens]


def training_text(corpus: corpora.Corpus, edit_share: float, rng: random.Random) -> str:
    """Return one document, with the probability `edit_share` as a prompt followed by its answer."""
    document = corpus.document(rng)
    example = corrupt(document, rng) if rng.random() < edit_share else None
    return render_prompt(example.prompt) + render_response(example.response) if example else document.text


def data_sha256(corpus: corpora.Corpus, settings: Pretraining, documents: int = 1000) -> str:
    """Return the hash of the source files and of the first `documents` texts that are made of them."""
    digest = hashlib.sha256()
    for file in corpus.files:
        digest.update(f"{file.package} {file.name}\n{file.text}".encode())
    for index in range(documents):
        digest.update(
            training_text(corpus, settings.edit_share, random.Random(f"{settings.seed}/data/{index}")).encode()
        )
    return digest.hexdigest()


def encode(tokenizer: PreTrainedTokenizerBase, text: str) -> list[int]:
    """Return the token ids of `text`, in which only markers are more than text."""
    ids: list[int] = tokenizer(text, add_special_tokens=False, split_special_tokens=True)["input_ids"]
    return ids


def learning_rate(settings: Pretraining, step: int) -> float:
    """Return the rate at `step`: a linear warm-up, then a straight line down to zero."""
    warmup = min(1.0, (step + 1) / settings.warmup_steps)
    left = (settings.steps - step) / max(1, settings.steps - settings.warmup_steps)
    return settings.learning_rate * min(warmup, left)


def _tokenizer(corpus: corpora.Corpus, settings: Pretraining, out: Path) -> PreTrainedTokenizerBase:
    folder = out / "tokenizer"
    if not folder.exists():
        click.echo(f"training a tokenizer of {settings.vocab_size} entries", err=True)
        rng = random.Random(f"{settings.seed}/tokenizer")
        texts = (corpus.document(rng).text for _ in range(settings.tokenizer_documents))
        tokenizer = train_tokenizer(texts, settings.vocab_size)
        with new_folder(folder) as temporary:
            tokenizer.save_pretrained(temporary)
    return AutoTokenizer.from_pretrained(folder)


def _optimizer(model: Qwen3ForCausalLM, settings: Pretraining) -> torch.optim.Optimizer:
    """Return AdamW with weight decay on matrices only."""
    matrices = [p for p in model.parameters() if p.dim() >= 2]
    vectors = [p for p in model.parameters() if p.dim() < 2]
    groups = [{"params": matrices, "weight_decay": settings.weight_decay}, {"params": vectors, "weight_decay": 0.0}]
    return torch.optim.AdamW(groups, lr=settings.learning_rate, betas=(0.9, 0.95), fused=True)


def _train_step(
    model: Qwen3ForCausalLM, optimizer: torch.optim.Optimizer, rows: torch.Tensor, settings: Pretraining, step: int
) -> float:
    """Make one optimiser step on `rows` (B, T) and return the mean loss per token."""
    for group in optimizer.param_groups:
        group["lr"] = learning_rate(settings, step)
    with torch.autocast(rows.device.type, dtype=torch.bfloat16):
        logits = model(input_ids=rows, use_cache=False).logits[:, :-1]
    loss = torch.nn.functional.cross_entropy(logits.flatten(0, 1).float(), rows[:, 1:].flatten())
    if not math.isfinite(loss.item()):
        raise DocumentError(f"the loss is {loss.item()} at step {step}: lower the learning rate")
    loss.backward()  # type: ignore[no-untyped-call]
    torch.nn.utils.clip_grad_norm_(model.parameters(), settings.clip_norm)
    optimizer.step()
    optimizer.zero_grad(set_to_none=True)
    return loss.item()


def _log(out: Path, step: int, loss: float, tokens_per_s: float, settings: Pretraining) -> None:
    """Report progress on stderr and append it to the run's log."""
    left_min = (settings.steps - step) * settings.rows_per_step * settings.row_tokens / tokens_per_s / 60
    click.echo(
        f"step {step}/{settings.steps}  loss {loss:.3f}  {tokens_per_s:,.0f} tokens/s  {left_min:.0f} min left",
        err=True,
    )
    with (out / "log.jsonl").open("a") as log:
        record = {"step": step, "loss": round(loss, 4), "learning_rate": learning_rate(settings, step - 1)}
        log.write(json.dumps(record | {"tokens_per_s": round(tokens_per_s)}) + "\n")


def _finish(
    model: Qwen3ForCausalLM,
    tokenizer: PreTrainedTokenizerBase,
    corpus: corpora.Corpus,
    settings: Pretraining,
    data: str,
    out: Path,
) -> None:
    """Write the model as a Hugging Face folder, the record of the run beside it, and the loss curve."""
    with new_folder(out / "model", replace=True) as folder:
        model.save_pretrained(folder)
        tokenizer.save_pretrained(folder)
        record = {
            "stage": "pretrain",
            "prompt_version": PROMPT_VERSION,
            "weights_sha256": weights_sha256(folder),
            "data_sha256": data,
            "sources": corpus.packages(),
            "tokens": settings.steps * settings.rows_per_step * settings.row_tokens,
            "settings": asdict(settings),
        }
        write_json(folder / TRAINING_FILE, record)
    plot_loss(out / "log.jsonl", out / "loss.png")
    click.echo(f"wrote {out / 'model'}", err=True)
