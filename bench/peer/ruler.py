"""A model's tokens without its weights: what a peer's prompt is measured and cut with."""

from __future__ import annotations

import ctypes
import functools
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import llama_cpp.llama_cpp as llama

from tabtab_local.engine import UNGUIDED, Generation, Guide, ModelInfo, never
from tabtab_local.engine.load import log, metadata
from tabtab_local.engine.vocabulary import Vocabulary
from tabtab_local.errors import ModelError
from tabtab_local.prompt import PROMPT_VERSION

# Fill-in-the-middle, as Qwen's models have been trained on it: before the code in front of the cursor, the code behind
# it, and what is to be written.
FILL_IN = ("<|fim_prefix|>", "<|fim_suffix|>", "<|fim_middle|>")


class Ruler:
    """Counts tokens for prompts of at most `context_tokens` tokens with their answers; for one thread at a time.

    It stands in for an engine where a prompt is made, and answers nothing. Raises `ModelError` for a file that is no
    GGUF.
    """

    def __init__(self, path: Path, context_tokens: int) -> None:
        llama.llama_log_set(log.callback, ctypes.c_void_p())
        params = llama.llama_model_default_params()
        params.vocab_only = True
        self._loaded: Any = llama.llama_model_load_from_file(os.fsencode(path), params)
        if not self._loaded:
            raise ModelError(f"llama.cpp cannot read the vocabulary of {path}: check the path, or get the file again")
        self._vocabulary = Vocabulary(self._loaded)
        self._vocab: Any = llama.llama_model_get_vocab(self._loaded)
        trained = metadata(self._loaded, f"{metadata(self._loaded, 'general.architecture')}.context_length")
        self.model = ModelInfo(
            name=metadata(self._loaded, "general.name") or path.stem,
            path=path,
            prompt_version=PROMPT_VERSION,
            context_tokens=min(context_tokens, int(trained or context_tokens)),
            parameters=0,
            size_bytes=path.stat().st_size,
            file_type="",
        )
        # From key to key all lines but one are the same.
        self._count = functools.lru_cache(maxsize=8192)(lambda text: len(self._vocabulary.tokenize(text)))
        self.fills_in = all(len(self.prompt_tokens(marker)) == 1 for marker in FILL_IN)
        """Whether the vocabulary has the tokens of `FILL_IN`."""

    @property
    def vocabulary_tokens(self) -> int:
        """How many tokens there are."""
        return len(self._vocabulary)

    @property
    def end_of_text(self) -> int:
        """The token that ends a text."""
        return int(llama.llama_vocab_eos(self._vocab))

    @property
    def end_of_text_written(self) -> str:
        """The same token, written out."""
        return self._vocabulary.text([self.end_of_text])

    def count_tokens(self, text: str) -> int:
        """Return the number of tokens that `text` takes."""
        return self._count(text)

    def tokens(self, text: str) -> tuple[int, ...]:
        """Return the tokens of `text`, in which our markers are recognised and special tokens are not."""
        return tuple(self._vocabulary.tokenize(text))

    def prompt_tokens(self, text: str) -> list[int]:
        """Return the tokens of a whole prompt, in which special tokens are recognised."""
        data = text.encode("utf-8", errors="replace")
        size = len(data) + 2
        tokens = (ctypes.c_int32 * size)()
        count = llama.llama_tokenize(self._vocab, data, len(data), tokens, size, True, True)
        return tokens[:count]

    def ends_text(self, token: int) -> bool:
        """Tell whether a model ends its text by `token`."""
        return self._vocabulary.ends_text(token)

    def piece(self, token: int) -> bytes:
        """Return the bytes of `token`, which need not be whole characters."""
        return self._vocabulary.piece(token)

    def text(self, tokens: Sequence[int]) -> str:
        """Return the text of `tokens` up to the one that ends it; a character that is cut in its middle is dropped."""
        end = next((i for i, token in enumerate(tokens) if self.ends_text(token)), len(tokens))
        return self._vocabulary.text(tokens[:end])

    def reading_ms(self, prompt: str, guide: Guide = UNGUIDED) -> float:
        """Return 0, as nothing is read."""
        return 0.0

    def generate(
        self,
        prompt: str,
        start: str,
        *,
        max_tokens: int,
        stop: str,
        cancel: Callable[[], bool] = never,
        guide: Guide = UNGUIDED,
    ) -> Generation:
        """Raise `NotImplementedError`: there are no weights."""
        raise NotImplementedError("a vocabulary cannot answer")

    def close(self) -> None:
        """Free the vocabulary."""
        llama.llama_model_free(self._loaded)
