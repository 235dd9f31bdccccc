"""Weigh the inputs of a model's matrices: how much each matters, so that quantising errs where it matters least.

A merged Hugging Face model reads edit-format texts, and hooks sum up the squares of what enters each of its matrices.
As in llama.cpp's tool, the embedding and the output matrix are left out: their rows are read far too unevenly.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer, PreTrainedTokenizerBase
from transformers.utils import logging as transformers_logging

from convert.architecture import architecture_of
from convert.default import TEXTS
from convert.folder import read_json
from convert.imatrix import Sums, write_imatrix
from convert.sample import draw
from tabtab_local.errors import ModelError

MOST_TOKENS = 1024


def weigh(
    folder: Path, out: Path, *, data: Path | None = None, texts: int = TEXTS, progress: Callable[[str], None]
) -> None:
    """Let the model in `folder` read edit-format texts and write its importance matrix to `out`.

    `data` is training data; None are the recorded traces. Raises `ModelError` for a model that cannot be converted.
    """
    config = read_json(folder / "config.json")
    names = {
        key.removesuffix(".weight"): name
        for key, name in architecture_of(folder, config).names(config)
        if name.startswith("blk.")
    }
    tokenizer = AutoTokenizer.from_pretrained(folder)
    sample = draw(data, lambda text: len(tokenizer.encode(text)), texts=texts)
    rows = [tokens for text in sample.measure if (tokens := _tokens(tokenizer, text.prompt + text.answer))]
    if not rows:
        raise ModelError(f"no text of {sample.source} has {MOST_TOKENS} tokens or fewer: give others with --data")
    transformers_logging.disable_progress_bar()
    model = AutoModelForCausalLM.from_pretrained(folder, dtype="auto").eval()
    sums = {
        names[name]: np.zeros(module.in_features, np.float64)
        for name, module in model.named_modules()
        if isinstance(module, torch.nn.Linear) and name in names
    }
    for name, module in model.named_modules():
        if names.get(name) in sums:
            module.register_forward_pre_hook(_adding_to(sums[names[name]]))
    with torch.inference_mode():
        for number, tokens in enumerate(rows, 1):
            model(torch.tensor([tokens]), use_cache=False, logits_to_keep=1)
            if number % 16 == 0 or number == len(rows):
                progress(f"importance matrix: {number} of {len(rows)} texts")
    write_imatrix(out, Sums(sums, tokens=sum(map(len, rows)), texts=len(rows), source=sample.source))


def _tokens(tokenizer: PreTrainedTokenizerBase, text: str) -> list[int]:
    tokens: list[int] = tokenizer.encode(text)
    return tokens if len(tokens) <= MOST_TOKENS else []


def _adding_to(sums: npt.NDArray[np.float64]) -> Callable[[torch.nn.Module, tuple[torch.Tensor, ...]], None]:
    def add(module: torch.nn.Module, inputs: tuple[torch.Tensor, ...]) -> None:
        squares = inputs[0].float().square().flatten(0, -2).sum(0)
        sums[:] += squares.double().numpy()

    return add
