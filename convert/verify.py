"""Hold a GGUF against the Hugging Face folder that it was made of: tokens, logits, and one answer.

- Tokens: llama.cpp cuts texts, markers and odd characters among them, into the ids of the folder's own tokenizer.
- Logits: over answers to edit prompts, the distributions differ by no more than the file's type explains.
- An answer, decoded greedily by both: where the two part, the folder's model was undecided by no more than the logits
  differ anyway.

The folder's model computes in float32, so it needs four bytes a parameter of memory.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from gguf import LlamaFileType
from transformers import AutoModelForCausalLM, AutoTokenizer, PreTrainedTokenizerBase
from transformers.utils import logging as transformers_logging

from convert.native import Logits, Native, divergence, error, file_type, open_native
from convert.sample import Text, draw
from tabtab_local.errors import ModelError
from tabtab_local.prompt import MARKERS, response_start

# What quantising explains: the mean KL divergence in nats, and the error of the logits as a share of their spread.
# Published divergences for an 8B model: Q8_0 0.0014, Q6_K 0.0055, Q5_K_M 0.011, Q4_K_M 0.031, Q4_0 0.072; small models
# lose several times as much. A wrong tensor costs nats, and an error of about one where the model is not trained, so
# that all tokens are as likely and the divergence says nothing; there Q4_K_M costs 0.47 with the shape of Qwen3-0.6B,
# and 0.53 with that of the deeper and wider 1.7B.
_MOST = {
    LlamaFileType.ALL_F32: (0.001, 0.02),
    LlamaFileType.MOSTLY_F16: (0.001, 0.02),
    LlamaFileType.MOSTLY_BF16: (0.005, 0.05),
    LlamaFileType.MOSTLY_Q8_0: (0.02, 0.1),
    LlamaFileType.MOSTLY_Q6_K: (0.1, 0.2),
    LlamaFileType.MOSTLY_Q5_K_M: (0.2, 0.3),
    LlamaFileType.MOSTLY_Q4_K_M: (0.5, 0.7),
    LlamaFileType.MOSTLY_IQ4_NL: (0.5, 0.7),
    LlamaFileType.MOSTLY_Q4_0: (0.8, 0.8),
}
_TEXTS = 8
_MOST_TOKENS = 1024
_ANSWER_TOKENS = 48

# NFC, so that a tokenizer with a normaliser and one without agree.
_ODD = (
    "",
    "if x:\n\treturn\t1\n\t\t# tabs \t \n",
    "a = 1\r\nb = 2\r\n\r\n\r\n",
    "x = '😀 👩‍👩‍👧‍👦 🏳️‍🌈'",
    "变量 = 1  # 中文注释,日本語コメント、한국어",
    "x = 1234567890 + 0x1F - 3.14e-10 ٣٤٥ ²",
    "it's I'll we're they've I'm you'd IT'S WE'RE don'T",
    "a" + " " * 300 + "b" + "\n" * 50 + "\t" * 40 + "c" + " " * 7,
    "()[]{}<>|||***!!!???...,,,;;;\n\n===!=->:=",
    "print('<|endoftext|>')  # <|pad|> <|im_start|> <|end",
    "".join(f"{marker} x\n" for marker in MARKERS),
    "\x00\x01\x1b[0m\x7f",
)


@dataclass(frozen=True)
class Verdict:
    """How a GGUF compares with its folder. `agreement` is the share of tokens with the same likeliest one."""

    file: str
    texts: int
    tokens: int
    divergence: float
    error: float
    agreement: float
    largest_difference: float
    answer_tokens: int
    parts_at: int | None
    """The first token of the answer that is another; None where there is none."""

    def __str__(self) -> str:
        parts = "equal" if self.parts_at is None else f"equal up to token {self.parts_at}, an undecided one"
        return (
            f"{self.file}: {self.texts} texts with the same tokens; over {self.tokens} tokens of answers KL "
            f"{self.divergence:.5f}, error {100 * self.error:.1f} %, top-1 {100 * self.agreement:.1f} %; "
            f"an answer of {self.answer_tokens} tokens {parts}"
        )


def verify(
    folder: Path, files: Sequence[Path], *, data: Path | None = None, threads: int | None = None
) -> list[Verdict]:
    """Return how each of the GGUF `files` compares with the model in `folder`.

    Raises `ModelError`, which says where, if one disagrees by more than its type explains.
    """
    limits = [_limits(file) for file in files]
    tokenizer = AutoTokenizer.from_pretrained(folder)
    sample = draw(data, lambda text: len(_encode(tokenizer, text)), texts=4 * _TEXTS)
    begin = [tokenizer.bos_token_id] if tokenizer("x")["input_ids"][:1] == [tokenizer.bos_token_id] else []
    rows = list(_rows(tokenizer, sample.judge, begin))[:_TEXTS]
    if not rows:
        raise ModelError(f"no text of {sample.source} fits into {_MOST_TOKENS} tokens: give others with --data")
    texts = [*_ODD, *(text.prompt + text.answer for text in sample.judge)]
    asked = begin + _encode(tokenizer, sample.judge[0].prompt + response_start(""))
    model = _Reference(folder)
    expected = [model.logits([*prompt, *answer], len(prompt)) for prompt, answer in rows]
    verdicts = []
    for file, (most_divergence, most_error) in zip(files, limits, strict=True):
        with open_native(file, context_tokens=_MOST_TOKENS + _ANSWER_TOKENS, threads=threads) as native:
            _check_tokens(tokenizer, native, texts)
            found = [
                _distance(native, prompt, answer, wanted, file)
                for (prompt, answer), wanted in zip(rows, expected, strict=True)
            ]
            mean, apart, agreement, _ = (float(np.mean(column)) for column in zip(*found, strict=True))
            largest = max(difference for *_, difference in found)
            if not (mean <= most_divergence and apart <= most_error):
                raise ModelError(
                    f"{file} does not compute what {folder} does: its answers' tokens diverge by {mean:.4f} nats and "
                    f"its logits by {100 * apart:.1f} % of their spread, where its type explains {most_divergence} and "
                    f"{100 * most_error:.0f} %; convert it again, and report it if that does not help"
                )
            said = native.greedy(asked[-_MOST_TOKENS:], _ANSWER_TOKENS, tokenizer.eos_token_id)
        parts_at = _parts_at(model, asked[-_MOST_TOKENS:], said, 2 * largest, file)
        tokens = sum(map(len, expected))
        verdicts.append(Verdict(file.name, len(texts), tokens, mean, apart, agreement, largest, len(said), parts_at))
    return verdicts


def _distance(
    native: Native, prompt: list[int], answer: list[int], expected: Logits, file: Path
) -> tuple[float, float, float, float]:
    """Return the mean divergence, the error, the share of equal likeliest tokens, and the largest difference."""
    found = native.logits([*prompt, *answer], len(prompt))
    if expected.shape != found.shape:
        raise ModelError(f"{file} has {found.shape[1]} tokens, its folder {expected.shape[1]}: convert it again")
    same = float((expected.argmax(-1) == found.argmax(-1)).mean())
    largest = float(np.abs(expected - found).max())
    return float(divergence(expected, found).mean()), error(expected, found), same, largest


def _limits(file: Path) -> tuple[float, float]:
    """Return the divergence and the error that the file's type explains."""
    kind = file_type(file)
    if kind not in _MOST:
        raise ModelError(f"{file} is of type {kind.name}, which `convert quantize` does not make")
    return _MOST[kind]


def _encode(tokenizer: PreTrainedTokenizerBase, text: str) -> list[int]:
    """Return the tokens of `text`; names of special tokens in it are plain text, as the runtime takes them."""
    tokens: list[int] = tokenizer.encode(text, add_special_tokens=False, split_special_tokens=True)
    return tokens


def _check_tokens(tokenizer: PreTrainedTokenizerBase, native: Native, texts: list[str]) -> None:
    for text in texts:
        expected, found = _encode(tokenizer, text), native.tokens(text)
        if expected != found:
            at = next((i for i, (a, b) in enumerate(zip(expected, found, strict=False)) if a != b), len(expected))
            raise ModelError(
                f"llama.cpp makes {found[at : at + 3]} of {tokenizer.decode(expected[at : at + 3])!r}, the tokenizer "
                f"{expected[at : at + 3]}: the GGUF has another tokenizer"
            )


def _rows(
    tokenizer: PreTrainedTokenizerBase, texts: tuple[Text, ...], begin: list[int]
) -> Iterator[tuple[list[int], list[int]]]:
    for text in texts:
        prompt, answer = begin + _encode(tokenizer, text.prompt), _encode(tokenizer, text.answer)
        if len(prompt) + len(answer) <= _MOST_TOKENS:
            yield prompt, answer


class _Reference:
    """The model of the folder, in float32."""

    def __init__(self, folder: Path) -> None:
        transformers_logging.disable_progress_bar()
        self._model: Any = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32).eval()

    def logits(self, tokens: list[int], start: int) -> Logits:
        """Return the logits for the tokens from `start` on, `(len(tokens) - start, rows)`."""
        kept = len(tokens) - start + 1
        with torch.inference_mode():
            rows = self._model(torch.tensor([tokens]), use_cache=False, logits_to_keep=kept).logits[0, :-1]
        found: Logits = rows.numpy()
        return found


def _parts_at(model: _Reference, asked: list[int], said: list[int], tolerance: float, file: Path) -> int | None:
    """Return the first of the tokens that the GGUF has `said` which the folder's model would not have said."""
    rows = model.logits([*asked, *said], len(asked))
    for index, (row, token) in enumerate(zip(rows, said, strict=True)):
        if (lead := float(row.max() - row[token])) > 0:
            if lead > tolerance:
                raise ModelError(
                    f"{file} answers otherwise than its folder from token {index} on, by {lead:.2f} in its logits "
                    f"where {tolerance:.2f} would be rounding: convert it again"
                )
            return index
    return None
