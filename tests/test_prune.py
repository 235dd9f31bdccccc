"""A vocabulary that is cut down: every text still has tokens, and the model says the same of those that are left."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from tokenizers import Tokenizer
from transformers import AutoModelForCausalLM, AutoTokenizer

from convert.gguf_file import write_gguf
from convert.prune import Pruned, prune
from convert.verify import verify
from tabtab_local.errors import DocumentError, ModelError
from tabtab_local.prompt import MARKERS, Prompt, render_prompt
from tests.tiny import hf_logits, tiny_llama, tiny_qwen3

ROOT = Path(__file__).parents[1]
KEEP = 480


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Twenty small packages of code."""
    folder = tmp_path_factory.mktemp("corpus")
    for number, file in enumerate(sorted((ROOT / "tabtab_local").glob("*.py"))[:20]):
        (folder / f"p{number:02}").mkdir()
        (folder / f"p{number:02}" / "code.py").write_text(file.read_text(encoding="utf-8"), encoding="utf-8")
    cells = [{"cell_type": "code", "source": ["import pandas as pd\n", "pd"]}, {"cell_type": "markdown", "source": []}]
    (folder / "p00" / "notebook.ipynb").write_text(json.dumps({"cells": cells}))
    (folder / "p00" / "latin.py").write_bytes(b"# \xe9")
    return folder


@pytest.fixture(scope="module")
def pruned(corpus: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path, Pruned]:
    """A tied model, itself with fewer tokens, and what pruning said."""
    folder = tmp_path_factory.mktemp("pruned")
    tiny_qwen3(folder / "model", vocab_size=704)
    return folder / "model", folder / "small", prune(folder / "model", folder / "small", corpus=[corpus], keep=KEEP)


def test_the_model_says_the_same_of_the_tokens_that_are_left(pruned: tuple[Path, Path, Pruned]) -> None:
    before, after, said = pruned
    large, small = (AutoModelForCausalLM.from_pretrained(folder) for folder in (before, after))
    assert small.model.embed_tokens.weight.shape[0] == small.config.vocab_size == said.rows
    assert (said.rows_before, said.rows % 64) == (704, 0)
    old, new = (AutoTokenizer.from_pretrained(folder) for folder in (before, after))
    text = render_prompt(Prompt("x = 1\ny = ", 10, code_above="import os"))
    tokens = new.encode(text)
    ids = new.convert_ids_to_tokens(range(len(new)))
    there = old.convert_tokens_to_ids(ids)
    assert old.convert_tokens_to_ids(new.convert_ids_to_tokens(tokens)) == old.encode(text)
    expected = hf_logits(large, old.encode(text))[:, there]
    torch.testing.assert_close(hf_logits(small, tokens)[:, : len(ids)], expected)


def test_code_of_which_all_tokens_are_kept_has_the_same_ones(pruned: tuple[Path, Path, Pruned]) -> None:
    before, after, said = pruned
    old, new = (Tokenizer.from_file(str(folder / "tokenizer.json")) for folder in (before, after))
    kept = set(new.get_vocab())
    same = 0
    for file in sorted((ROOT / "convert").glob("*.py")):
        for line in file.read_text(encoding="utf-8").splitlines():
            tokens = old.encode(line).tokens
            if set(tokens) <= kept:
                same += 1
                assert new.encode(line).tokens == tokens
    assert same > 100
    assert said.tokens >= said.tokens_before


@given(st.text())
def test_any_text_comes_back_as_it_was(pruned: tuple[Path, Path, Pruned], text: str) -> None:
    _, after, _ = pruned
    tokenizer = Tokenizer.from_file(str(after / "tokenizer.json"))
    assert tokenizer.decode(tokenizer.encode(text).ids, skip_special_tokens=False) == text


def test_markers_and_the_end_of_text_are_kept_with_their_rows(pruned: tuple[Path, Path, Pruned]) -> None:
    before, after, _ = pruned
    old, new = (AutoTokenizer.from_pretrained(folder) for folder in (before, after))
    large, small = (
        AutoModelForCausalLM.from_pretrained(folder).get_input_embeddings().weight for folder in (before, after)
    )
    for token in (*MARKERS, "<|endoftext|>", "<|pad|>"):
        assert torch.equal(small[new.convert_tokens_to_ids(token)], large[old.convert_tokens_to_ids(token)])
    config = json.loads((after / "config.json").read_text())
    assert (config["eos_token_id"], new.eos_token_id) == (new.convert_tokens_to_ids("<|endoftext|>"),) * 2


def test_a_gguf_of_it_computes_the_same(pruned: tuple[Path, Path, Pruned], tmp_path: Path) -> None:
    _, after, _ = pruned
    write_gguf(after, tmp_path / "small.gguf", name="tiny")
    [verdict] = verify(after, [tmp_path / "small.gguf"], threads=1)
    assert verdict.agreement > 0.95


def test_an_output_matrix_of_its_own_is_cut_too(corpus: Path, tmp_path: Path) -> None:
    tiny_llama(tmp_path / "model", tied=False)
    said = prune(tmp_path / "model", tmp_path / "small", corpus=[corpus], keep=KEEP)
    model = AutoModelForCausalLM.from_pretrained(tmp_path / "small")
    assert model.lm_head.weight.shape == model.model.embed_tokens.weight.shape == (said.rows, 64)
    assert model.lm_head.weight.data_ptr() != model.model.embed_tokens.weight.data_ptr()


def test_it_is_the_same_every_time(pruned: tuple[Path, Path, Pruned], corpus: Path, tmp_path: Path) -> None:
    before, after, said = pruned
    assert prune(before, tmp_path / "again", corpus=[corpus], keep=KEEP) == said
    for file in sorted(after.iterdir()):
        assert (tmp_path / "again" / file.name).read_bytes() == file.read_bytes(), file.name


def test_what_training_recorded_goes_along(corpus: Path, tmp_path: Path) -> None:
    tiny_qwen3(tmp_path / "model")
    (tmp_path / "model" / "training.json").write_text(json.dumps({"prompt_version": 1, "data_sha256": "d"}))
    prune(tmp_path / "model", tmp_path / "small", corpus=[corpus], keep=KEEP)
    record = json.loads((tmp_path / "small" / "training.json").read_text())
    assert record["data_sha256"] == "d"
    assert record["pruned"]["rows_before"] == 640


def test_a_base_that_is_yet_to_learn_the_markers_keeps_rows_for_them(corpus: Path, tmp_path: Path) -> None:
    tiny_qwen3(tmp_path / "model", vocab_size=704)
    document = json.loads((tmp_path / "model" / "tokenizer.json").read_text())
    document["added_tokens"] = [token for token in document["added_tokens"] if token["content"] not in MARKERS]
    (tmp_path / "model" / "tokenizer.json").write_text(json.dumps(document))
    prune(tmp_path / "model", tmp_path / "small", corpus=[corpus], keep=KEEP)
    rows = json.loads((tmp_path / "small" / "config.json").read_text())["vocab_size"]
    tokens = len(AutoTokenizer.from_pretrained(tmp_path / "small"))
    assert rows - tokens >= len(MARKERS)


def test_a_corpus_that_is_too_small_is_refused_and_nothing_is_written(tmp_path: Path) -> None:
    tiny_qwen3(tmp_path / "model")
    (tmp_path / "corpus").mkdir()
    with pytest.raises(DocumentError, match="holds 0 packages or modules of Python"):
        prune(tmp_path / "model", tmp_path / "small", corpus=[tmp_path / "corpus"])
    assert not (tmp_path / "small").exists()


def test_another_architecture_is_refused(tmp_path: Path, corpus: Path) -> None:
    tiny_qwen3(tmp_path / "model")
    config = json.loads((tmp_path / "model" / "config.json").read_text())
    (tmp_path / "model" / "config.json").write_text(json.dumps({**config, "architectures": ["GPT2LMHeadModel"]}))
    with pytest.raises(ModelError, match="is a GPT2LMHeadModel"):
        prune(tmp_path / "model", tmp_path / "small", corpus=[corpus])
