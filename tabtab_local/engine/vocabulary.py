"""A model's tokens: text to ids and back, as llama.cpp does it.

Only the tokens that a vocabulary calls user-defined, our markers among them, are recognised in text. Control tokens
are not: `<|endoftext|>` in a user's code stays the characters that it is.
"""

from __future__ import annotations

import codecs
import ctypes
import functools
from collections.abc import Iterable
from typing import Any

import llama_cpp.llama_cpp as llama

from tabtab_local.engine.healing import Pieces
from tabtab_local.errors import ModelError
from tabtab_local.prompt import MARKERS

# Attributes of tokens that are text; the others are markers, control tokens and rows that stand for nothing.
_TEXT = llama.LLAMA_TOKEN_ATTR_NORMAL | llama.LLAMA_TOKEN_ATTR_BYTE


class Vocabulary:
    """The tokens of a loaded model."""

    def __init__(self, model: Any) -> None:
        self._vocab: Any = llama.llama_model_get_vocab(model)
        self._bos = [llama.llama_vocab_bos(self._vocab)] if llama.llama_vocab_get_add_bos(self._vocab) else []
        self._piece_of: dict[int, bytes] = {}
        # What stands before the last marker of a prompt is the same for many requests.
        self._tokens_of_head = functools.lru_cache(maxsize=16)(self.tokenize)
        # What is guessed of an answer is guessed again and again.
        self.guess_tokens = functools.lru_cache(maxsize=256)(self.tokenize)
        self.prompt_tokens = functools.lru_cache(maxsize=4)(self._prompt_tokens)
        self.ends_text = functools.lru_cache(maxsize=1024)(self._ends_text)
        self.marker = functools.lru_cache(maxsize=16)(self._marker)

    def __len__(self) -> int:
        return int(llama.llama_vocab_n_tokens(self._vocab))

    @property
    def added_tokens(self) -> int:
        """How many tokens `prompt_tokens` puts before those of the text."""
        return len(self._bos)

    def tokenize(self, text: str) -> list[int]:
        """Return the tokens of `text`; the token that begins a whole text is not added."""
        # A lone surrogate, which JSON can bring in, has no UTF-8 form and means nothing to a model.
        data = text.encode("utf-8", errors="replace")
        size = len(data) + 1
        tokens = (ctypes.c_int32 * size)()
        count = llama.llama_tokenize(self._vocab, data, len(data), tokens, size, False, False)
        return tokens[:count]

    def _prompt_tokens(self, text: str) -> list[int]:
        """Return the tokens of a whole prompt, after the token that begins a text where the model has one."""
        # A marker separates what stands before it from what stands behind: each side has the tokens that it has alone.
        end = max(text.rfind(marker) + len(marker) if marker in text else 0 for marker in MARKERS)
        return self._bos + self._tokens_of_head(text[:end]) + self.tokenize(text[end:])

    def _marker(self, text: str) -> int:
        """Return the token of the marker `text`. Raises `ModelError` where that is not one token."""
        tokens = self.tokenize(text)
        if len(tokens) != 1:
            raise ModelError(
                f"the model lacks the marker {text}: it must be one token of the type user-defined, "
                f"but is {len(tokens)} tokens; make the model with `python -m convert`"
            )
        return tokens[0]

    def _ends_text(self, token: int) -> bool:
        """Tell whether the model ends its text by `token`."""
        return bool(llama.llama_vocab_is_eog(self._vocab, token))

    def text(self, tokens: Iterable[int]) -> str:
        """Return the text of `tokens`; bytes that form no character become U+FFFD, a cut one at the end is dropped."""
        data = b"".join(map(self.piece, tokens))
        return codecs.getincrementaldecoder("utf-8")("replace").decode(data)

    def piece(self, token: int) -> bytes:
        """Return the bytes of `token`, which need not be whole characters."""
        if token not in self._piece_of:
            # Asked without a buffer, llama.cpp answers with minus the size that it needs.
            size = -llama.llama_token_to_piece(self._vocab, token, b"", 0, 0, True)
            buffer = ctypes.create_string_buffer(max(size, 1))
            llama.llama_token_to_piece(self._vocab, token, buffer, size, 0, True)
            self._piece_of[token] = buffer.raw[:size]
        return self._piece_of[token]

    @functools.cached_property
    def pieces(self) -> Pieces:
        """The tokens by their bytes; made where it is first asked for, in a third of a second for 150,000 tokens."""
        count = len(self)
        no_text = {i for i in range(count) if not llama.llama_vocab_get_attr(self._vocab, i) & _TEXT}
        return Pieces([b"" if i in no_text else self.piece(i) for i in range(count)])
