"""How tokenizers of several sizes compare."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from tabtab_local.errors import ModelError
from tests.corpora import tiny_corpus
from tests.test_packing import SMALL
from tests.tiny import tiny_tokenizer
from training import vocabulary
from training.__main__ import main


def test_more_entries_take_fewer_tokens_and_others_stand_beside_them(tmp_path: Path) -> None:
    corpus = tiny_corpus(tmp_path / "corpus")
    tiny_tokenizer().save_pretrained(tmp_path / "other")
    few, more, other = vocabulary.measure(corpus, SMALL, (300, 600), [str(tmp_path / "other")], lambda text: None)
    assert (few.entries, other.name) == (300, "other")
    assert 300 < more.entries <= 600
    assert 1 < few.bytes_per_token["all"] < more.bytes_per_token["all"]
    assert set(few.bytes_per_token) == {"library", "all"}
    lines = vocabulary.report([few, more, other], corpus).splitlines()
    assert len(lines) == 5 and lines[2].startswith("| ours, 300 | 300 |")


def test_what_is_no_tokenizer_is_refused(tmp_path: Path) -> None:
    corpus = tiny_corpus(tmp_path / "corpus")
    with pytest.raises(ModelError, match="no tokenizer's folder, nor one on the Hub"):
        vocabulary.measure(corpus, SMALL, (), [str(tmp_path / "none")], lambda text: None)
    result = CliRunner().invoke(main, ["tokenizers", "--corpus", str(tmp_path / "none")])
    assert result.exit_code == 1
    assert "holds no finished corpus" in result.stderr
