"""llama-cpp-python's `Llama` as a peer, in this process, without drafts or with those of `LlamaPromptLookupDecoding`.

With prompt lookup it is what Sweep's published local server runs. It is driven by its token generator at temperature 0,
which spares it the work of `create_completion` on text. It keeps its KV cache by itself. It can be stopped between two
tokens; a prompt is evaluated to its end. Flash attention is off: on a processor it only slows these models down.

With drafts `Llama` keeps the logits of every token of its context, 4 bytes for each entry of the vocabulary, and has
llama.cpp compute them for every token of a prompt. So the context is limited to what `MAX_LOGITS_BYTES` holds. It has
to be told so (`logits_all`), or version 0.3.36 makes room for one batch only and fails at longer prompts.
"""

from __future__ import annotations

import codecs
from collections.abc import Callable, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import llama_cpp
import numpy as np
import numpy.typing as npt
import psutil
from llama_cpp.llama_speculative import LlamaPromptLookupDecoding

from bench.peer.peer import Reply, Tell
from bench.peer.question import Question
from bench.peer.ruler import Ruler
from tabtab_local.engine.amx import leave_out_amx
from tabtab_local.errors import Cancelled, UsageError

MAX_LOGITS_BYTES = 3 << 29  # 1.5 GiB

BATCH_TOKENS = 512
# What its documentation advises for processors. Of 10, its default, most were wrong, for nearly the same steps saved.
DRAFT_TOKENS = 2
_NGRAM_TOKENS = 2  # its default


def context_that_fits(context_tokens: int, vocabulary_tokens: int) -> int:
    """Return how much of a context the logits of all its tokens leave room for."""
    return min(context_tokens, MAX_LOGITS_BYTES // (4 * vocabulary_tokens) // 256 * 256)


class LlamaPython:
    """A `Backend`; `ruler` has the model's vocabulary and its context, and stays the caller's."""

    def __init__(self, model: Path, ruler: Ruler, *, threads: int, lookup: bool) -> None:
        leave_out_amx()
        self._ruler = ruler
        self._threads = threads
        self._drafts = _CountedLookup(_NGRAM_TOKENS, DRAFT_TOKENS) if lookup else None
        self._llama: Any = _Llama(
            str(model),
            n_ctx=ruler.model.context_tokens,
            n_batch=BATCH_TOKENS,
            n_threads=threads,
            n_threads_batch=threads,
            flash_attn=False,
            logits_all=lookup,
            draft_model=self._drafts,
            verbose=False,
        )

    @property
    def processes(self) -> tuple[psutil.Process, ...]:
        """None but this one."""
        return ()

    def complete(self, asked: Question, tell: Tell, cancel: Callable[[], bool]) -> Reply:
        """Answer token by token; see `Backend.complete`. Raises `UsageError` where the prompt does not fit."""
        prompt = self._ruler.prompt_tokens(asked.text)
        if len(prompt) + asked.max_tokens > self._ruler.model.context_tokens:
            raise UsageError(f"a prompt of {len(prompt)} tokens does not fit into the context of Llama: give a larger")
        self._llama.begin(asked.truth)
        if self._drafts:
            self._drafts.drafted_tokens = 0
        decoder = codecs.getincrementaldecoder("utf-8")("replace")
        text, decoded = "", 0
        if cancel():
            raise Cancelled("a newer request has stopped this one")
        with closing(self._llama.generate(prompt, temp=0.0)) as tokens:
            for token in tokens:
                decoded += 1
                ended = self._ruler.ends_text(token)
                text += "" if ended else decoder.decode(self._ruler.piece(token))
                if stop := next(filter(text.endswith, asked.stops), ""):
                    text = text.removesuffix(stop)
                if ended or stop:
                    break
                tell(text, decoded)
                if decoded == asked.max_tokens or asked.enough(text):
                    break
                if cancel():
                    raise Cancelled("a newer request has stopped this one")
        batches = self._llama.batches
        return Reply(
            text,
            evaluated_tokens=batches[0] if batches else 0,
            decoded_tokens=decoded,
            drafted_tokens=self._drafts.drafted_tokens if self._drafts else 0,
            # Each batch gives a token of its own besides the drafts that it confirms.
            accepted_tokens=max(0, decoded - len(batches)),
        )

    def settings(self) -> dict[str, object]:
        """Return the version and what `Llama` is made with."""
        return {
            "program": f"llama_cpp.Llama of llama-cpp-python {llama_cpp.__version__}",
            "built_for": llama_cpp.llama_print_system_info().decode().strip(" |\n"),
            "context_tokens": self._ruler.model.context_tokens,
            "threads": self._threads,
            "batch_tokens": BATCH_TOKENS,
            "flash_attention": False,
            "extra_buffers": leave_out_amx(),
            "speculation": "LlamaPromptLookupDecoding" if self._drafts else "none",
            "draft": {"max_ngram_size": _NGRAM_TOKENS, "num_pred_tokens": DRAFT_TOKENS} if self._drafts else {},
            "drafts_are_of": "the text that is decoded, the right answer where that is known",
        }

    def close(self) -> None:
        """Free the model."""
        self._llama.close()


class _CountedLookup(LlamaPromptLookupDecoding):  # type: ignore[misc]
    """Counts what it drafts."""

    drafted_tokens = 0

    def __call__(self, input_ids: npt.NDArray[np.intc], /, **options: Any) -> npt.NDArray[np.intc]:
        draft: npt.NDArray[np.intc] = super().__call__(input_ids, **options)
        self.drafted_tokens += len(draft)
        return draft


class _Llama(llama_cpp.Llama):  # type: ignore[misc]
    """Notes the size of each batch of a request; with a `truth`, each token that is chosen becomes the right one."""

    batches: list[int]
    _truth: Sequence[int] = ()
    _chosen = 0

    def begin(self, truth: Sequence[int]) -> None:
        """Begin a request."""
        self.batches, self._truth, self._chosen = [], truth, 0

    def eval(self, tokens: Sequence[int]) -> None:
        """Evaluate `tokens` and note how many they are."""
        self.batches.append(len(tokens))
        super().eval(tokens)

    def sample(self, *arguments: Any, **options: Any) -> int:
        """Choose a token, and return the right one where it is known."""
        token = int(super().sample(*arguments, **options))
        if self._truth:
            token = self._truth[min(self._chosen, len(self._truth) - 1)]
        self._chosen += 1
        return token
