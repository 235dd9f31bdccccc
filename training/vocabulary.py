"""How large the nano's vocabulary should be: tokenizers of several sizes on held-out code, beside those of others.

A larger vocabulary cuts code into fewer tokens, each of which costs a step of the model when it is decoded, and takes a
row of the embedding, which a small model pays for with layers. This measures the first; training runs decide.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from transformers import AutoTokenizer, PreTrainedTokenizerBase

from tabtab_local.errors import ModelError
from training.corpus.filter import KINDS
from training.corpus.store import HELD_OUT, Texts
from training.markdown import table
from training.packing import Mix, encode
from training.settings import Pretraining
from training.tokenizer import train_tokenizer

_CHARACTERS_AT_ONCE = 100_000


@dataclass(frozen=True)
class Measured:
    """A tokenizer: its entries, and how many bytes of held-out code a token stands for, by kind and in all."""

    name: str
    entries: int
    bytes_per_token: dict[str, float]


def measure(
    corpus: Path, settings: Pretraining, sizes: Sequence[int], others: Sequence[str], say: Callable[[str], None]
) -> list[Measured]:
    """Train a tokenizer of each size as pretraining would, and measure them and `others`, folders or Hub ids."""
    held_out, mix = Texts(corpus, HELD_OUT), Mix(Texts(corpus), settings)
    found = []
    for size in sizes:
        say(f"training a tokenizer of {size:,} entries")
        tokenizer = train_tokenizer(mix.sample(settings.tokenizer_bytes), size)
        found.append(_measured(f"ours, {size:,}", tokenizer, held_out))
    for name in others:
        say(f"measuring {name}")
        try:
            tokenizer = AutoTokenizer.from_pretrained(name)
        except (OSError, ValueError) as error:
            reason = " ".join(str(error).split())[:150]
            raise ModelError(f"{name} is no tokenizer's folder, nor one on the Hub: {reason}") from None
        found.append(_measured(Path(name).name, tokenizer, held_out))
    return found


def _measured(name: str, tokenizer: PreTrainedTokenizerBase, texts: Texts) -> Measured:
    sizes, tokens = dict.fromkeys(KINDS, 0), dict.fromkeys(KINDS, 0)
    for number, kind in enumerate(texts.kinds().tolist()):
        text = texts.text(number)
        sizes[KINDS[kind]] += len(text.encode())
        for start in range(0, len(text), _CHARACTERS_AT_ONCE):
            tokens[KINDS[kind]] += len(encode(tokenizer, text[start : start + _CHARACTERS_AT_ONCE]))
    shares = {kind: sizes[kind] / tokens[kind] for kind in KINDS if tokens[kind]}
    return Measured(name, len(tokenizer), shares | {"all": sum(sizes.values()) / max(1, sum(tokens.values()))})


def report(found: Sequence[Measured], corpus: Path) -> str:
    """Return the tokenizers as a Markdown table, and what the corpus comes to in tokens of each."""
    size = int(Texts(corpus).lengths().sum())
    columns = [kind for kind in (*KINDS, "all") if any(kind in each.bytes_per_token for each in found)]
    rows = [
        (
            each.name,
            f"{each.entries:,}",
            *(f"{each.bytes_per_token.get(kind, 0):.3f}" for kind in columns),
            f"{size / each.bytes_per_token['all'] / 1e6:,.0f}",
        )
        for each in found
    ]
    head = ("tokenizer", "entries", *(f"bytes a token, {kind}" for kind in columns), "million tokens in the corpus")
    return "\n".join(table(head, rows))
