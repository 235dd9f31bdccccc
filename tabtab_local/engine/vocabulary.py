"""A model's tokens: text to ids and back, as llama.cpp does it.

Only the tokens that a vocabulary calls user-defined, our markers among them, are recognised in text. Control tokens
are not: `<|endoftext|>` in a user's code stays the characters that it is.
"""

from __future__ import annotations

import codecs
import ctypes
from collections.abc import Iterable
from typing import Any

import llama_cpp.llama_cpp as llama

from tabtab_local.errors import ModelError


class Vocabulary:
    """The tokens of a loaded model."""

    def __init__(self, model: Any) -> None:
        self._vocab: Any = llama.llama_model_get_vocab(model)
        self._bos = [llama.llama_vocab_bos(self._vocab)] if llama.llama_vocab_get_add_bos(self._vocab) else []
        self._pieces: dict[int, bytes] = {}

    def __len__(self) -> int:
        return int(llama.llama_vocab_n_tokens(self._vocab))

    def tokenize(self, text: str) -> list[int]:
        """Return the tokens of `text`; the token that begins a whole text is not added."""
        # A lone surrogate, which JSON can bring in, has no UTF-8 form and means nothing to a model.
        data = text.encode("utf-8", errors="replace")
        size = len(data) + 1
        tokens = (ctypes.c_int32 * size)()
        count = llama.llama_tokenize(self._vocab, data, len(data), tokens, size, False, False)
        return tokens[:count]

    def prompt_tokens(self, text: str) -> list[int]:
        """Return the tokens of a whole prompt, after the token that begins a text where the model has one."""
        return self._bos + self.tokenize(text)

    def marker(self, text: str) -> int:
        """Return the token of the marker `text`. Raises `ModelError` where that is not one token."""
        tokens = self.tokenize(text)
        if len(tokens) != 1:
            raise ModelError(
                f"the model lacks the marker {text}: it must be one token of the type user-defined, "
                f"but is {len(tokens)} tokens; make the model with `python -m convert`"
            )
        return tokens[0]

    def ends_text(self, token: int) -> bool:
        """Tell whether the model ends its text by `token`."""
        return bool(llama.llama_vocab_is_eog(self._vocab, token))

    def text(self, tokens: Iterable[int]) -> str:
        """Return the text of `tokens`; bytes that form no character become U+FFFD, a cut one at the end is dropped."""
        data = b"".join(map(self._piece, tokens))
        return codecs.getincrementaldecoder("utf-8")("replace").decode(data)

    def _piece(self, token: int) -> bytes:
        if token not in self._pieces:
            # Asked without a buffer, llama.cpp answers with minus the size that it needs.
            size = -llama.llama_token_to_piece(self._vocab, token, b"", 0, 0, True)
            buffer = ctypes.create_string_buffer(max(size, 1))
            llama.llama_token_to_piece(self._vocab, token, buffer, size, 0, True)
            self._pieces[token] = buffer.raw[:size]
        return self._pieces[token]
