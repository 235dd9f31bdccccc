"""Token healing: where a text can be parted, and which tokens may stand where it goes on."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Iterator
from pathlib import Path

import llama_cpp.llama_cpp as llama
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tabtab_local.engine.healing import Pieces
from tabtab_local.engine.load import log
from tabtab_local.prompt import forced_region
from tabtab_local.registry import embedded_path

VOCABULARIES = Path(__file__).parent.parent.parent / "shared" / "vocab"
CODE = Path(json.__file__).read_text(encoding="utf-8") + "\n\nx = 'é🙂日本'  # ünï\ncafe\u0301 = a_b__c(\"d\", ('e'))\n"


@pytest.fixture(scope="module", params=["nano", "ggml-vocab-qwen2.gguf", "ggml-vocab-llama-bpe.gguf"])
def tokenize(request: pytest.FixtureRequest) -> Iterator[Callable[[str], list[int]]]:
    """Tokenises with a real vocabulary."""
    path = embedded_path() if request.param == "nano" else VOCABULARIES / request.param
    if not path.exists():
        pytest.skip(f"no vocabulary {request.param} beside this checkout")
    params = llama.llama_model_default_params()
    params.vocab_only = True
    llama.llama_log_set(log.callback, None)
    model = llama.llama_model_load_from_file(str(path).encode(), params)
    vocab = llama.llama_model_get_vocab(model)

    def tokens(text: str) -> list[int]:
        data = text.encode()
        found = (llama.llama_token * (len(data) + 1))()
        return found[: llama.llama_tokenize(vocab, data, len(data), found, len(data) + 1, False, False)]

    yield tokens
    llama.llama_model_free(model)


def test_the_forced_part_has_the_same_tokens_whatever_follows(tokenize: Callable[[str], list[int]]) -> None:
    rng = random.Random(0)
    follow = ["", "a", "B", "1", " ", "\n", "\n\n    ", "(", '"', "_", "'s", "é", " =", ".\n", "\u0301", "    x"]
    for _ in range(400):
        cursor = rng.randrange(len(CODE))
        before = CODE[max(0, cursor - 200) : cursor]
        forced, typed = forced_region(before)
        alone = tokenize(forced)
        for text in follow:
            assert tokenize(forced + typed + text)[: len(alone)] == alone, (forced[-20:], typed, text)


def test_what_is_left_to_the_model_is_short(tokenize: Callable[[str], list[int]]) -> None:
    rng = random.Random(1)
    counts = [len(tokenize(forced_region(CODE[: rng.randrange(len(CODE))])[1])) for _ in range(300)]
    assert sum(counts) / len(counts) < 3
    assert max(counts) <= 30


PIECES = [b"re", b"read", b"r", b"", b"e", b"ea", b"x", b"re", b"\xff", b"\xff\xff", b"\xc3", b"\xc3\xa9", b"ready"]


@given(st.binary(min_size=1, max_size=4) | st.sampled_from([b"re", b"rea", b"\xff", b"\xc3\xa9", b"ready!"]))
def test_allowed_tokens_are_those_that_agree_with_what_was_typed(rest: bytes) -> None:
    expected = [
        token
        for token, piece in enumerate(PIECES)
        if piece and token != 6 and (piece.startswith(rest) or rest.startswith(piece))
    ]
    assert sorted(Pieces(PIECES, excluded={6}).allowed(rest).tolist()) == expected
