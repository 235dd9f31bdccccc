"""Models of true shapes with random weights: as many as the real ones have, and the source's own tokens."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from gguf import GGUFReader, GGUFWriter, TokenType

from bench.shape import RANDOM_KEY, SHAPES, Shape, quantize, read_vocabulary, write_random, write_shape
from tabtab_local.engine import LlamaEngine
from tabtab_local.errors import ModelError
from tabtab_local.prompt import EDIT_END, MARKERS, PROMPT_VERSION, Prompt, chat_template, render_prompt
from tabtab_local.registry import MODELS
from tests.tiny import gguf_logits, gguf_tokens

TINY = Shape(hidden=64, layers=2, heads=4, kv_heads=2, feed_forward=96, head_dim=32, rows=700, first_free_row=650)
QWEN_VOCABULARY = Path(__file__).parents[2] / "shared" / "vocab" / "ggml-vocab-qwen2.gguf"
CODE = [
    *(file.read_text() for file in sorted((Path(__file__).parents[1] / "tabtab_local").glob("e*.py"))),
    *(file.read_text() for file in sorted(Path(json.__file__).parent.glob("*.py"))),
    "if x:\n\treturn\t1\n\t\t# tabs \t \na = 1\r\nb = 1234567890\n" + " " * 90 + "c",
    "变量 = '😀 👩‍👩‍👧‍👦 e\u0301'  # 中文注释",
    "it's I'll ()[]{}<>|||===!=->:= '<|endoftext|>'",
]
PROMPT = render_prompt(Prompt("x = 1\ny = ", 10, code_above="import os", intent="add two numbers"))


@pytest.fixture(scope="module")
def tiny_shape(tiny_gguf: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model of the shape `TINY` with the tokenizer of `tiny_gguf`, in float16; treat it as read-only."""
    path = tmp_path_factory.mktemp("shape") / "tiny.gguf"
    write_random("tiny-shape", TINY, read_vocabulary(tiny_gguf, TINY), path)
    return path


def _field(path: Path, name: str) -> Any:
    field = GGUFReader(path).get_field(name)
    return None if field is None else field.contents()


def _vocabulary_file(path: Path, tokens: list[str], *, pre: str = "qwen2", merges: bool = True) -> Path:
    """Write a GGUF with these tokens and nothing else."""
    writer = GGUFWriter(path, "qwen2")
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre(pre)
    writer.add_token_list(tokens)
    # As llama.cpp's test files have it: padding is of the type of added tokens.
    writer.add_token_types([TokenType.USER_DEFINED if "PAD" in token else TokenType.NORMAL for token in tokens])
    if merges:
        writer.add_token_merges(["a b"])
    writer.add_eos_token_id(0)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


@pytest.mark.parametrize("name", SHAPES)
def test_a_shape_has_as_many_weights_as_the_model_that_it_stands_in_for(name: str) -> None:
    assert SHAPES[name].parameters == MODELS[f"tabtab-{name}"].parameters


def test_llama_cpp_cuts_code_into_the_tokens_of_the_source(tiny_gguf: Path, tiny_shape: Path) -> None:
    texts = [*CODE, PROMPT]
    assert gguf_tokens(tiny_shape, texts) == gguf_tokens(tiny_gguf, texts)


@pytest.mark.skipif(not QWEN_VOCABULARY.exists(), reason="there is no Qwen vocabulary beside the checkout")
def test_with_qwens_vocabulary_code_has_qwens_tokens_and_markers_are_one_token_each(tmp_path: Path) -> None:
    small = replace(TINY, rows=SHAPES["qwen3-0.6b"].rows, first_free_row=SHAPES["qwen3-0.6b"].first_free_row)
    path = tmp_path / "small.gguf"
    write_random("small-shape", small, read_vocabulary(QWEN_VOCABULARY, small), path)
    assert gguf_tokens(path, CODE) == gguf_tokens(QWEN_VOCABULARY, CODE)
    assert gguf_tokens(path, list(MARKERS)) == [[151_669], [151_670], [151_671], [151_672]]
    with LlamaEngine(path, context_tokens=256, threads=1) as engine:
        assert engine.generate(PROMPT, "", max_tokens=4, stop=EDIT_END).timings.decoded_tokens > 0


def test_the_engine_runs_it_and_its_logits_are_real_numbers(tiny_shape: Path) -> None:
    [tokens] = gguf_tokens(tiny_shape, [PROMPT])
    logits = gguf_logits(tiny_shape, tokens)
    assert torch.isfinite(logits).all()
    assert (logits.std(dim=1) > 0.01).all()
    with LlamaEngine(tiny_shape, context_tokens=1024, threads=1) as engine:
        answer = engine.generate(PROMPT, "", max_tokens=8, stop=EDIT_END)
        assert engine.model.parameters == TINY.parameters
        assert answer.timings.prompt_tokens == len(tokens)
        assert answer.timings.decoded_tokens > 0


def test_the_file_says_that_its_weights_are_random(tiny_shape: Path) -> None:
    expected = {
        "general.architecture": "qwen3",
        "general.name": "tiny-shape",
        RANDOM_KEY: True,
        "tabtab.prompt_version": PROMPT_VERSION,
        "tokenizer.ggml.pre": "qwen2",
        "tokenizer.ggml.add_bos_token": False,
        "tokenizer.chat_template": chat_template(),
        "qwen3.context_length": 32_768,
        "qwen3.rope.freq_base": 1e6,
        "qwen3.attention.key_length": 32,
        "qwen3.attention.head_count_kv": 2,
    }
    assert {name: _field(tiny_shape, name) for name in expected} == expected


def test_weights_are_the_same_in_every_run(tiny_gguf: Path, tiny_shape: Path, tmp_path: Path) -> None:
    write_random("tiny-shape", TINY, read_vocabulary(tiny_gguf, TINY), tmp_path / "again.gguf")
    assert (tmp_path / "again.gguf").read_bytes() == tiny_shape.read_bytes()


def test_a_quantised_shape_is_one_file_that_still_says_what_it_is(
    tiny_gguf: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(SHAPES, "tiny", TINY)
    out = tmp_path / "new" / "tiny.gguf"
    write_shape("tiny", tiny_gguf, out, quant="Q8_0", threads=1)
    assert list(out.parent.iterdir()) == [out]
    assert _field(out, RANDOM_KEY) is True
    assert _field(out, "general.name") == "tiny-shape"
    with LlamaEngine(out, context_tokens=64, threads=1) as engine:
        assert engine.model.file_type == "Q8_0"


def test_markers_take_the_first_free_rows_and_padding_is_unused(tmp_path: Path) -> None:
    source = _vocabulary_file(tmp_path / "source.gguf", ["a", "b", "ab", "[PAD3]", "[PAD4]", "c"])
    found = read_vocabulary(source, replace(TINY, rows=12, first_free_row=4))
    markers = list(MARKERS)
    assert found.tokens == ["a", "b", "ab", "[PAD3]", markers[0], "c", *markers[1:], "[PAD9]", "[PAD10]", "[PAD11]"]
    normal, added, unused = TokenType.NORMAL, TokenType.USER_DEFINED, TokenType.UNUSED
    assert found.types == [*[normal] * 3, unused, added, normal, *[added] * 3, *[unused] * 3]


def test_markers_that_the_source_has_stay_where_they_are(tiny_gguf: Path) -> None:
    source = _field(tiny_gguf, "tokenizer.ggml.tokens")
    found = read_vocabulary(tiny_gguf, TINY)
    assert [found.tokens.index(marker) for marker in MARKERS] == [source.index(marker) for marker in MARKERS]
    assert found.tokens[: len(source)] == source
    assert all(found.tokens.count(marker) == 1 for marker in MARKERS)


def test_a_vocabulary_that_does_not_fit_is_refused_in_one_line(tmp_path: Path) -> None:
    letters = ["a", "b", "ab", "c"]
    good = _vocabulary_file(tmp_path / "good.gguf", letters)
    other = _vocabulary_file(tmp_path / "other.gguf", letters, pre="llama-bpe")
    cut = _vocabulary_file(tmp_path / "cut.gguf", letters, merges=False)
    (tmp_path / "text.gguf").write_text("no model " * 9)
    small = replace(TINY, rows=7, first_free_row=0)
    for source, shape, message in (
        (good, small, r"leaves no row for <\|user_cursor_is_here\|>: the embedding has 7 rows"),
        (good, replace(TINY, rows=3), "a token of id 3: the embedding has 3 rows"),
        (other, TINY, "gpt2/llama-bpe: Qwen's is gpt2/qwen2"),
        (cut, TINY, r"lacks tokenizer\.ggml\.merges: give a GGUF with a vocabulary"),
        (tmp_path / "text.gguf", TINY, "is not a GGUF file"),
        (tmp_path / "none.gguf", TINY, "there is no vocabulary at"),
    ):
        with pytest.raises(ModelError, match=message):
            read_vocabulary(source, shape)


def test_an_unknown_shape_and_a_failed_conversion_are_one_line(tiny_gguf: Path, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"no shape is called 'qwen': choose one of qwen3-0\.6b, "):
        write_shape("qwen", tiny_gguf, tmp_path / "out.gguf", quant="Q8_0")
    with pytest.raises(ModelError, match=r"convert quantize` failed: .*gone\.gguf"):
        quantize(tmp_path / "gone.gguf", tmp_path / "out.gguf", "Q8_0")
    assert not list(tmp_path.iterdir())
