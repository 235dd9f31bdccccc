"""Our engine beside llama-cpp-python's `Llama`: the same GGUF, prompts, threads and context, one keystroke at a time.

Both sides keep their KV cache from keystroke to keystroke and decode greedily. `Llama` is driven by its token generator
(`generate` at temperature 0), which spares it the work that `create_completion` does on text. The time of each side is
from text to the last token. The order alternates from keystroke to keystroke, a warm-up comes first, and it is counted
how often both sides chose the same tokens: a comparison of different work would be none.

How long OpenMP's threads spin belongs to the process, so both sides run with what `tabtab_local.engine` sets.
"""

from __future__ import annotations

import codecs
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import llama_cpp

from tabtab_local.benchmark import MAX_TOKENS, Quantiles, answer_start, ask, cold_prompt
from tabtab_local.engine import LlamaEngine, ModelInfo
from tabtab_local.engine.amx import leave_out_amx
from tabtab_local.fingerprint import file_sha256
from tabtab_local.machine import Machine, default_threads, describe
from tabtab_local.prompt import EDIT_END


@dataclass(frozen=True)
class Answer:
    """One answer of one side; `text` is what was written behind the forced start."""

    text: str
    decoded_tokens: int
    first_token_ms: float
    total_ms: float

    @property
    def decode_ms_per_token(self) -> float:
        """The mean time of the tokens after the first; 0 where there are none."""
        return (self.total_ms - self.first_token_ms) / max(self.decoded_tokens - 1, 1)


@dataclass(frozen=True)
class Side:
    """The figures of one side."""

    name: str
    first_token_ms: Quantiles
    decode_ms_per_token: Quantiles
    total_ms: Quantiles


@dataclass(frozen=True)
class Record:
    """A comparison, with what it was taken on."""

    model: str
    file_type: str
    sha256: str
    context_tokens: int
    threads: int
    repeats: int
    decoded_tokens: float
    same_answers: int
    ours: Side
    peer: Side
    machine: Machine

    def as_json(self) -> dict[str, object]:
        """Return the record as values that `json.dumps` takes."""
        return asdict(self)


class Peer:
    """llama-cpp-python's `Llama`, asked like our engine."""

    def __init__(self, model: ModelInfo, threads: int) -> None:
        leave_out_amx()
        self._llama: Any = llama_cpp.Llama(
            str(model.path),
            n_ctx=model.context_tokens,
            n_batch=512,
            n_threads=threads,
            n_threads_batch=threads,
            verbose=False,
        )
        (self._stop,) = self._tokenize(EDIT_END)

    def ask(self, prompt: str, typed: int) -> Answer:
        """Answer `prompt` after `typed` characters have been typed."""
        began = time.perf_counter()
        tokens: list[int] = []
        first_token_ms = 0.0
        ends = (self._stop, self._llama.token_eos())
        for token in self._llama.generate(self._tokenize(prompt + answer_start(typed)), temp=0.0):
            tokens.append(token)
            if len(tokens) == 1:
                first_token_ms = (time.perf_counter() - began) * 1000
            if token in ends or len(tokens) == MAX_TOKENS:
                break
        total_ms = (time.perf_counter() - began) * 1000
        data = self._llama.detokenize([token for token in tokens if token not in ends[1:]], special=True)
        # As our engine does: a character cut at the end is dropped.
        text = codecs.getincrementaldecoder("utf-8")("replace").decode(data)
        return Answer(text, len(tokens), first_token_ms, total_ms)

    def close(self) -> None:
        """Free the model."""
        self._llama.close()

    def _tokenize(self, text: str) -> list[int]:
        tokens: list[int] = self._llama.tokenize(text.encode("utf-8"), add_bos=True, special=False)
        return tokens


def compare(
    path: Path, *, repeats: int, threads: int | None, context_tokens: int, progress: Callable[[str], None]
) -> Record:
    """Answer `repeats` keystrokes with both sides, in turns."""
    threads = threads or default_threads()
    progress("loading the model twice")
    with LlamaEngine(path, threads=threads, context_tokens=context_tokens) as engine:
        peer = Peer(engine.model, threads)
        prompt = cold_prompt(0)
        sides: tuple[Callable[[int], Answer], ...] = (
            lambda typed: _ask_ours(engine, prompt, typed),
            lambda typed: peer.ask(prompt, typed),
        )
        progress("warming up")
        for ask_side in sides:
            ask_side(0)
        progress(f"{repeats} keystrokes")
        pairs: list[tuple[Answer, Answer]] = []
        for typed in range(1, repeats + 1):
            order = (0, 1) if typed % 2 else (1, 0)
            answers = {side: sides[side](typed) for side in order}
            pairs.append((answers[0], answers[1]))
        peer.close()
        return Record(
            model=engine.model.name,
            file_type=engine.model.file_type,
            sha256=file_sha256(path),
            context_tokens=context_tokens,
            threads=threads,
            repeats=repeats,
            decoded_tokens=Quantiles.of(ours.decoded_tokens for ours, _ in pairs).p50,
            same_answers=sum(ours.text == theirs.text for ours, theirs in pairs),
            ours=_side("tabtab-local", [ours for ours, _ in pairs]),
            peer=_side(f"llama_cpp.Llama {llama_cpp.__version__}", [theirs for _, theirs in pairs]),
            machine=describe(),
        )


def render(record: Record) -> str:
    """Return the comparison as a table; the ratio is the peer's median over ours."""
    machine, ours, peer = record.machine, record.ours, record.peer
    rows = [
        f"{record.model} · {record.file_type} · sha256 {record.sha256[:12]} · context {record.context_tokens:,} · "
        f"{record.threads} threads · {machine.cpu}, {machine.physical_cores} cores",
        f"{record.repeats} keystrokes, {record.decoded_tokens:g} tokens decoded for each; "
        f"{record.same_answers} answers of {record.repeats} are the same on both sides",
        "",
        f"{'median (p95), ms':<26}{ours.name:>20}{peer.name:>26}{'ratio':>8}",
        _row("keystroke to first token", ours.first_token_ms, peer.first_token_ms),
        _row("each token after it", ours.decode_ms_per_token, peer.decode_ms_per_token),
        _row("keystroke to last token", ours.total_ms, peer.total_ms),
    ]
    return "\n".join(rows)


def _ask_ours(engine: LlamaEngine, prompt: str, typed: int) -> Answer:
    result = ask(engine, prompt, typed)
    timings = result.timings
    written = result.text.removeprefix(answer_start(typed))
    return Answer(written, timings.decoded_tokens, timings.first_token_ms, timings.total_ms)


def _side(name: str, answers: list[Answer]) -> Side:
    return Side(
        name,
        Quantiles.of(answer.first_token_ms for answer in answers),
        Quantiles.of(answer.decode_ms_per_token for answer in answers),
        Quantiles.of(answer.total_ms for answer in answers),
    )


def _row(label: str, ours: Quantiles, peer: Quantiles) -> str:
    ratio = peer.p50 / ours.p50 if ours.p50 else 0.0
    return f"{label:<26}{_cell(ours):>20}{_cell(peer):>26}{ratio:>8.2f}"


def _cell(values: Quantiles) -> str:
    return f"{values.p50:,.2f} ({values.p95:,.2f})"
