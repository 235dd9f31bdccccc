"""Pretrain the nano: a small Qwen3 model from scratch, on code and on edits of it.

One script from top to bottom: settings → tokenizer → model → loop → Hugging Face folder. It knows nothing of
fine-tuning, GGUF or the runtime. It runs unchanged on two CPU cores, on a GPU, and under `accelerate launch` on several
of them: a step's rows are the same and only shared out differently. A checkpoint holds the model, the optimisers and
the step; with it a run that was interrupted ends as an unbroken one would have.
"""

from __future__ import annotations

import json
import math
import os
import time
from collections.abc import Callable, Collection, Iterator
from contextlib import nullcontext
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import torch
from accelerate import Accelerator
from torch.nn.functional import cross_entropy
from torch.utils.data import DataLoader, Sampler
from transformers import AutoTokenizer, PreTrainedTokenizerBase, Qwen3Config, Qwen3ForCausalLM

from tabtab_local.errors import DocumentError
from tabtab_local.fingerprint import TRAINING_FILE, weights_sha256
from tabtab_local.output import new_folder
from tabtab_local.prompt import PROMPT_VERSION
from training.attention import DOCUMENTS
from training.checkpoint import load_checkpoint, same_run, save_checkpoint, write_json
from training.corpus import store
from training.corpus.filter import KINDS
from training.packing import IGNORED, Mix, Rows, collated
from training.picture import draw_loss
from training.processes import say
from training.prolong import Snapshot, read_snapshot
from training.settings import Pretraining, operations
from training.tokenizer import train_tokenizer

_CHECKPOINT_SECONDS = 300
_LOG_STEPS = 20
_HELD_OUT_ROWS = 32
_HELD_OUT_TIMES = 20


def pretrain(
    settings: Pretraining,
    corpus: Path,
    out: Path,
    *,
    minutes: float | None = None,
    rows_at_once: int | None = None,
    workers: int = 0,
    compiled: bool = False,
    snapshots: int = 0,
    prolonged: Path | None = None,
) -> bool:
    """Train into the folder `out` on the built `corpus`, resuming what is there; return whether the run is complete.

    Stops after `minutes` with a checkpoint. What else is given does not change what is learnt: `rows_at_once` of a step
    are computed together on each device (all of them by default), `workers` processes prepare rows, the model is
    `compiled`, and `snapshots` of it are kept on the way, at equal distances. A new run begins with the model of a
    shorter one in the folder `prolonged`, if given; its optimisers begin anew, with a warm-up. Raises `DocumentError`
    where `out` holds a run with other settings or another corpus.
    """
    started = time.monotonic()
    accelerator = Accelerator()
    at_once = _rows_at_once(settings, accelerator, rows_at_once)
    snapshot = read_snapshot(prolonged, settings, store.sha256(corpus)) if prolonged else None
    prolongs = {"prolongs": {"step": snapshot.step, "weights_sha256": snapshot.weights_sha256}} if snapshot else {}
    if accelerator.is_main_process:
        same_run(out, {**asdict(settings), "corpus_sha256": store.sha256(corpus), **prolongs})
        _make_tokenizer(settings, corpus, out / "tokenizer", snapshot)
    accelerator.wait_for_everyone()
    tokenizer = AutoTokenizer.from_pretrained(out / "tokenizer")
    torch.manual_seed(settings.seed)
    model = Qwen3ForCausalLM(model_config(settings, tokenizer)).to(accelerator.device)
    model.set_attn_implementation(DOCUMENTS if accelerator.device.type == "cpu" else "sdpa")
    optimizers = _optimizers(model, settings)
    first = snapshot.step if snapshot else 0
    step = load_checkpoint(out, model, optimizers)
    if snapshot and not step:
        model.load_state_dict(Qwen3ForCausalLM.from_pretrained(snapshot.folder).state_dict())
        step = first
    # From here on texts are encoded one by one; threads that workers cannot have would only be warned of.
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    rows = Rows(Mix(store.Texts(corpus), settings), tokenizer)
    held_out = _held_out(store.Texts(corpus, store.HELD_OUT), tokenizer, settings)
    order = _Order(settings, step, accelerator.process_index, accelerator.num_processes)
    batches = iter(DataLoader(rows, at_once, sampler=order, num_workers=workers, collate_fn=collated))
    trained = accelerator.prepare_model(model)
    loss_of = torch.compile(_loss, dynamic=False) if compiled else _loss
    log = _Log(out, settings, model, accelerator)
    processes = "a process" if accelerator.num_processes == 1 else f"{accelerator.num_processes} processes"
    say(f"{model.num_parameters() / 1e6:.1f}M parameters in {processes}, from step {step} of {settings.steps}")
    saved = time.monotonic()
    while step < settings.steps:
        _set_rate(optimizers, learning_rate(settings, step, first))
        loss = _train_step(trained, loss_of, optimizers, batches, settings, accelerator, at_once, step)
        step += 1
        log.count(loss)
        if step % _LOG_STEPS == 0 or step == settings.steps:
            log.write(step, learning_rate(settings, step - 1, first))
        if accelerator.is_main_process and _is_due(step, settings.steps, _HELD_OUT_TIMES):
            log.write_held_out(step, {name: _bits_per_byte(model, each) for name, each in held_out.items()})
        if accelerator.is_main_process and _is_due(step, settings.steps, snapshots) and step < settings.steps:
            _write_model(model, tokenizer, settings, corpus, step, prolongs, out / "snapshots" / f"step-{step}")
        late = _agreed(accelerator, minutes is not None and time.monotonic() - started > minutes * 60)
        if accelerator.is_main_process and (late or time.monotonic() - saved > _CHECKPOINT_SECONDS):
            save_checkpoint(out, model, optimizers, step)
            saved = time.monotonic()
        if late:
            say(f"stopped after {minutes:g} minutes; the same command goes on from step {step}")
            return False
    if accelerator.is_main_process:
        _write_model(model, tokenizer, settings, corpus, step, prolongs, out / "model")
        draw_loss(out / "log.jsonl", out / "loss.png")
        say(f"wrote {out / 'model'}")
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


def learning_rate(settings: Pretraining, step: int, first: int = 0) -> float:
    """Return the rate at `step` of a run from step `first` on: a linear warm-up, a plateau, a straight line to zero.

    The schedule "warmup, stable, decay" of MiniCPM (Hu et al. 2024), whose plateau can be prolonged at will.
    """
    warm = (step - first + 1) / max(1, settings.warmup_share * settings.steps)
    left = (settings.steps - step) / max(1, settings.decay_share * settings.steps)
    return settings.learning_rate * min(1.0, warm, left)


def _rows_at_once(settings: Pretraining, accelerator: Accelerator, asked: int | None) -> int:
    """Return how many rows a device computes together. Raises `DocumentError` where a step is not a multiple of it."""
    share, rest = divmod(settings.rows_per_step, int(accelerator.num_processes))
    at_once = min(asked or share, share)
    if rest or share % at_once:
        raise DocumentError(
            f"{settings.rows_per_step} rows a step are not a multiple of {accelerator.num_processes} processes with "
            f"{at_once} rows at once: choose another --rows-at-once"
        )
    return at_once


def _make_tokenizer(settings: Pretraining, corpus: Path, folder: Path, snapshot: Snapshot | None) -> None:
    if folder.exists():
        return
    if snapshot:
        tokenizer = AutoTokenizer.from_pretrained(snapshot.folder)
    else:
        say(f"training a tokenizer of {settings.vocab_size} entries")
        texts = Mix(store.Texts(corpus), settings).sample(settings.tokenizer_bytes)
        tokenizer = train_tokenizer(texts, settings.vocab_size)
    with new_folder(folder) as temporary:
        tokenizer.save_pretrained(temporary)


def _optimizers(model: Qwen3ForCausalLM, settings: Pretraining) -> list[torch.optim.Optimizer]:
    """Return the optimisers of all parameters; weight decay is on matrices alone.

    With "muon" (Jordan et al. 2024), the matrices of the layers are updated by it, scaled to AdamW's step as Liu et al.
    (2025) do, so that both take the same learning rate; embedding and vectors are left to AdamW.
    """
    matrices = [p for name, p in model.named_parameters() if p.dim() == 2 and "embed" not in name]
    embedding = [p for name, p in model.named_parameters() if p.dim() == 2 and "embed" in name]
    vectors = [p for p in model.parameters() if p.dim() != 2]
    rate, decay = settings.learning_rate, settings.weight_decay
    muon = settings.optimizer == "muon"
    decayed = embedding if muon else [*matrices, *embedding]
    groups = [{"params": decayed, "weight_decay": decay}, {"params": vectors, "weight_decay": 0.0}]
    found: list[torch.optim.Optimizer] = [torch.optim.AdamW(groups, lr=rate, betas=(0.9, 0.95), fused=True)]
    if muon:
        found.append(torch.optim.Muon(matrices, lr=rate, weight_decay=decay, adjust_lr_fn="match_rms_adamw"))
    return found


@dataclass(frozen=True)
class _HeldOut:
    """Rows of text that no row of training is made of, and how many bytes their labels stand for."""

    rows: dict[str, torch.Tensor]
    size: int


class _Order(Sampler[int]):
    """The rows of this process from a step on, in the order that it computes them."""

    def __init__(self, settings: Pretraining, step: int, process: int, processes: int) -> None:
        self._settings, self._step = settings, step
        self._share = settings.rows_per_step // processes
        self._first = process * self._share

    def __iter__(self) -> Iterator[int]:
        for step in range(self._step, self._settings.steps):
            start = step * self._settings.rows_per_step + self._first
            yield from range(start, start + self._share)


def _set_rate(optimizers: list[torch.optim.Optimizer], rate: float) -> None:
    for optimizer in optimizers:
        for group in optimizer.param_groups:
            group["lr"] = rate


def _train_step(
    model: torch.nn.Module,
    loss_of: Callable[[torch.nn.Module, dict[str, torch.Tensor]], torch.Tensor],
    optimizers: list[torch.optim.Optimizer],
    batches: Iterator[dict[str, torch.Tensor]],
    settings: Pretraining,
    accelerator: Accelerator,
    at_once: int,
    step: int,
) -> float:
    """Make one optimiser step and return this process's mean loss in nats per token."""
    share = settings.rows_per_step // accelerator.num_processes
    tokens = share * settings.row_tokens
    total = 0.0
    for start in range(0, share, at_once):
        batch = {name: values.to(accelerator.device) for name, values in next(batches).items()}
        last = start + at_once == share
        with nullcontext() if last else accelerator.no_sync(model):
            loss = loss_of(model, batch) / tokens
            loss.backward()
        total += loss.detach().item()
    if not math.isfinite(total):
        raise DocumentError(f"the loss is {total} at step {step}: lower the learning rate")
    torch.nn.utils.clip_grad_norm_(model.parameters(), settings.clip_norm)
    for optimizer in optimizers:
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
    return total


def _loss(model: torch.nn.Module, batch: dict[str, torch.Tensor]) -> torch.Tensor:
    """Return the summed loss of a batch of rows (B, T)."""
    ids, positions = batch["input_ids"], batch["position_ids"]
    targets = torch.nn.functional.pad(batch["labels"][:, 1:], (0, 1), value=IGNORED)
    with torch.autocast(ids.device.type, dtype=torch.bfloat16):
        logits = model(input_ids=ids, position_ids=positions, use_cache=False).logits
    return cross_entropy(logits.flatten(0, 1).float(), targets.flatten(), ignore_index=IGNORED, reduction="sum")


def _agreed(accelerator: Accelerator, here: bool) -> bool:
    """Return whether it is so in any process, the same in all of them."""
    if accelerator.num_processes == 1:
        return here
    return bool(accelerator.reduce(torch.tensor(float(here), device=accelerator.device)).item())


def _held_out(texts: store.Texts, tokenizer: PreTrainedTokenizerBase, settings: Pretraining) -> dict[str, _HeldOut]:
    """Return what a run is measured by, by its name in the log."""

    def rows(kinds: Collection[str], edit_share: float) -> _HeldOut:
        weights: dict[str, float] = {kind: float(kind in kinds) for kind in KINDS}
        plain = replace(
            settings,
            steps=1,
            rows_per_step=_HELD_OUT_ROWS,
            edit_share=edit_share,
            everyday_share=0.0,
            weights=weights,
        )
        drawn = Rows(Mix(texts, plain), tokenizer, answers_only=bool(edit_share))
        batch = collated([drawn[number] for number in range(_HELD_OUT_ROWS)])
        labels = batch["labels"]
        return _HeldOut(batch, len(tokenizer.decode(labels[labels != IGNORED]).encode()))

    found = {"bits_per_byte": rows(KINDS, 0.0), "answers_bits_per_byte": rows(KINDS, 1.0)}
    if KINDS.index("notebook") in texts.kinds():
        found["notebooks_bits_per_byte"] = rows(("notebook",), 0.0)
    return found


@torch.no_grad()
def _bits_per_byte(model: Qwen3ForCausalLM, held_out: _HeldOut) -> float:
    """Return the loss on held-out code in bits per byte of it, which models of any vocabulary are compared by."""
    total = 0.0
    for start in range(0, _HELD_OUT_ROWS, 4):
        total += _loss(model, {n: v[start : start + 4].to(model.device) for n, v in held_out.rows.items()}).item()
    return total / math.log(2) / held_out.size


def _is_due(step: int, steps: int, times: int) -> bool:
    """Return whether one of `times` events at equal distances, the last at the end, falls on `step`."""
    return step * times // steps > (step - 1) * times // steps


def _write_model(
    model: Qwen3ForCausalLM,
    tokenizer: PreTrainedTokenizerBase,
    settings: Pretraining,
    corpus: Path,
    step: int,
    prolongs: dict[str, Any],
    out: Path,
) -> None:
    """Write the model as a Hugging Face folder with the record of its training."""
    with new_folder(out, replace=True) as folder:
        model.save_pretrained(folder)
        tokenizer.save_pretrained(folder)
        record = {
            "stage": "pretrain",
            "prompt_version": PROMPT_VERSION,
            "weights_sha256": weights_sha256(folder),
            "data_sha256": store.sha256(corpus),
            "tokens": step * settings.rows_per_step * settings.row_tokens,
            "settings": asdict(settings),
            **prolongs,
        }
        write_json(folder / TRAINING_FILE, record)


class _Log:
    """Progress on stderr and in the run's log: loss, speed, and the share of what the machine could compute."""

    def __init__(self, out: Path, settings: Pretraining, model: Qwen3ForCausalLM, accelerator: Accelerator) -> None:
        self._path, self._settings, self._accelerator = out / "log.jsonl", settings, accelerator
        self._operations = operations(model.num_parameters(), settings)
        self._peak = _peak(accelerator.device) * accelerator.num_processes
        self._losses: list[float] = []
        self._started = time.monotonic()

    def count(self, loss: float) -> None:
        """Take a step's loss."""
        self._losses.append(loss)

    def write(self, step: int, learning_rate: float) -> None:
        """Write what the steps since the last time gave."""
        settings, now = self._settings, time.monotonic()
        rate = len(self._losses) * settings.rows_per_step * settings.row_tokens / (now - self._started)
        loss = sum(self._losses) / len(self._losses)
        used = rate * self._operations / self._peak
        left = (settings.steps - step) * settings.rows_per_step * settings.row_tokens / rate / 60
        self._losses, self._started = [], now
        say(
            f"step {step}/{settings.steps}  loss {loss:.3f}  {rate:,.0f} tokens/s  "
            f"{used:.0%} of the machine  {left:.0f} min left"
        )
        record = {"step": step, "loss": round(loss, 4), "learning_rate": learning_rate}
        self._append({**record, "tokens_per_s": round(rate), "utilisation": float(f"{used:.3g}")})

    def write_held_out(self, step: int, bits: dict[str, float]) -> None:
        """Write the losses on held-out text, by name."""
        said = ", ".join(f"{value:.4f} {name.replace('_', ' ')}" for name, value in bits.items())
        say(f"step {step}, held out: {said}")
        self._append({"step": step, **{name: round(value, 4) for name, value in bits.items()}})

    def _append(self, record: dict[str, Any]) -> None:
        if self._accelerator.is_main_process:
            with self._path.open("a") as log:
                log.write(json.dumps(record) + "\n")


def _peak(device: torch.device) -> float:
    """Return the operations per second that a large product of bfloat16 matrices reaches here: the best of ten."""
    size = 8192 if device.type == "cuda" else 1024
    one = torch.randn(size, size, device=device, dtype=torch.bfloat16)
    best = math.inf
    for _ in range(10):
        started = time.perf_counter()
        (one @ one)[0, 0].item()
        best = min(best, time.perf_counter() - started)
    return 2.0 * size * size * size / best
