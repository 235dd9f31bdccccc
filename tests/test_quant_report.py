"""What quantising costs, which file is recommended, and two files beside each other."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from convert.accuracy import accuracy
from convert.compare import compare
from convert.gguf_file import write_gguf
from convert.native import open_native
from convert.quantize import quantize
from convert.report import Row, recommended, report
from tabtab_local.errors import ModelError
from tabtab_local.registry import embedded_path
from tests.tiny import tiny_llama, tiny_qwen3

ROW = Row("a.gguf", "Q8_0", "", 100, 0.0, 0.0, 1.0, 1.0, 1.0, 1.0, None)


def _silent(line: str) -> None:
    """Say nothing."""


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """An unquantised file and three quants of it, by their types; treat them as read-only."""
    folder = tmp_path_factory.mktemp("quants")
    tiny_qwen3(folder / "model", hidden_size=256, intermediate_size=512, head_dim=64)
    files = {"F16": folder / "f16.gguf"}
    write_gguf(folder / "model", files["F16"], name="tiny")
    for quant in ("Q8_0", "Q5_K_M", "Q4_0"):
        files[quant] = folder / f"{quant}.gguf"
        quantize(files["F16"], files[quant], quant, threads=1)  # type: ignore[arg-type]
    return files


def test_coarser_files_are_smaller_and_further_away(files: dict[str, Path]) -> None:
    said: list[str] = []
    quants = [files[name] for name in ("Q8_0", "Q5_K_M", "Q4_0")]
    found = report(files["F16"], quants, threads=1, progress=said.append)
    assert [row.quant for row in found.rows] == ["F16", "Q8_0", "Q5_K_M", "Q4_0"]
    sizes, distances = ([getattr(row, name) for row in found.rows] for name in ("size_bytes", "divergence"))
    assert sizes == sorted(sizes, reverse=True)
    assert distances == sorted(distances)
    assert distances[0] == 0 < distances[1]
    assert all(row.token_ms > 0 and row.prompt_tokens_per_s > 0 for row in found.rows)
    assert json.loads(found.as_json())["recommended"] == found.recommended
    text = found.as_markdown()
    assert f"Here: **{found.recommended}**" in text
    assert "random" not in text and "54 recorded editing traces" in text
    assert said


def test_the_smallest_file_that_agrees_is_recommended() -> None:
    large = replace(ROW, file="large", size_bytes=200)
    small = replace(ROW, file="small", agreement=0.98, size_bytes=50)
    wrong = replace(ROW, file="wrong", agreement=0.97, size_bytes=10)
    assert recommended([large, small, wrong]) == "small"
    assert recommended([replace(wrong, file="worse", agreement=0.5), wrong]) == "wrong"


def test_files_of_two_models_are_refused(files: dict[str, Path], tmp_path: Path) -> None:
    tiny_llama(tmp_path / "other", vocab_size=704)
    write_gguf(tmp_path / "other", tmp_path / "other.gguf", name="tiny")
    with pytest.raises(ModelError, match=r"other\.gguf has 704 tokens and .*f16\.gguf 640: give one model's"):
        report(files["F16"], [tmp_path / "other.gguf"], threads=1, progress=_silent)


def test_a_file_beside_itself_answers_alike_and_beside_another_not(files: dict[str, Path], tmp_path: Path) -> None:
    same = compare(files["F16"], files["F16"], threads=1, progress=_silent)
    assert same.alike == same.texts > 10
    assert "| size, MB |" in str(same) and "| 1.00 |" in str(same)
    tiny_qwen3(tmp_path / "other", seed=7, hidden_size=256, intermediate_size=512, head_dim=64)
    write_gguf(tmp_path / "other", tmp_path / "other.gguf", name="tiny")
    other = compare(files["F16"], tmp_path / "other.gguf", threads=1, progress=_silent)
    assert other.alike < other.texts / 2


def test_tokens_become_their_text_again(files: dict[str, Path]) -> None:
    text = "import json\n\nx = '😀'  # é\n<|EDIT_END|>"
    with open_native(files["F16"], context_tokens=64) as native:
        assert native.text(native.tokens(text)) == text


def test_accuracy_is_that_of_the_evaluation() -> None:
    found = accuracy(embedded_path(), 12)
    assert 0 < found.count <= 12
    assert found.low <= found.value <= found.high


def test_accuracy_that_cannot_be_had_says_why(tmp_path: Path) -> None:
    (tmp_path / "no.gguf").write_text("no model")
    with pytest.raises(ModelError, match=r"the accuracy of .*no\.gguf cannot be measured: .*no\.gguf"):
        accuracy(tmp_path / "no.gguf", 4)
