"""The importance matrix: what hooks sum up, the file, and what quantising makes of it."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from gguf import GGUFReader
from transformers import AutoModelForCausalLM, AutoTokenizer

from convert.gguf_file import write_gguf
from convert.imatrix import Sums, read_imatrix, write_imatrix
from convert.quantize import quantize
from convert.sample import draw
from convert.weigh import weigh
from tabtab_local.errors import DocumentError, ModelError
from tabtab_local.prompt import CURSOR, EDIT_END, parse_prompt, parse_response
from tests.tiny import gguf_logits, tiny_llama, tiny_qwen3, tiny_tokenizer


def _count(text: str) -> int:
    return len(tiny_tokenizer().encode(text))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model that is wide enough for K-quants, with inputs that matter unequally; treat it as read-only."""
    folder = tmp_path_factory.mktemp("weighed") / "model"
    model = tiny_qwen3(folder, hidden_size=256, intermediate_size=512, head_dim=64)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if "norm" in name:
                parameter[::16] *= 8
    model.save_pretrained(folder)
    return folder


@pytest.fixture(scope="module")
def imatrix(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("imatrix") / "imatrix.gguf"
    weigh(folder, path, texts=6, progress=lambda line: None)
    return path


def test_it_holds_the_mean_squares_of_what_enters_each_matrix(folder: Path, imatrix: Path) -> None:
    model, tokenizer = AutoModelForCausalLM.from_pretrained(folder), AutoTokenizer.from_pretrained(folder)
    rows = [tokenizer.encode(text.prompt + text.answer) for text in draw(None, _count, texts=6).measure]
    seen: list[torch.Tensor] = []
    model.model.layers[1].mlp.down_proj.register_forward_hook(lambda module, inputs, output: seen.append(inputs[0][0]))
    with torch.inference_mode():
        for row in rows:
            if len(row) <= 1024:
                model(torch.tensor([row]))
    expected = torch.cat(seen).double().square().mean(0)
    found = read_imatrix(imatrix)
    assert np.allclose(found.squares["blk.1.ffn_down.weight"], expected, rtol=1e-4)
    assert set(found.squares) == {
        f"blk.{block}.{name}.weight"
        for block in range(2)
        for name in ("attn_q", "attn_k", "attn_v", "attn_output", "ffn_gate", "ffn_up", "ffn_down")
    }
    assert found.source.endswith("recorded editing traces, seed 0")


def test_what_weighs_much_is_kept_better(folder: Path, imatrix: Path, tmp_path: Path) -> None:
    write_gguf(folder, tmp_path / "full.gguf", name="tiny", dtype="f32")
    for name, weights in (("plain", None), ("weighed", imatrix)):
        quantize(tmp_path / "full.gguf", tmp_path / f"{name}.gguf", "Q4_K_M", threads=1, imatrix=weights)
    text = draw(None, _count, texts=6).judge[0]
    tokens = tiny_tokenizer().encode(text.prompt + text.answer)[:400]
    expected = gguf_logits(tmp_path / "full.gguf", tokens)
    errors = [
        float((gguf_logits(tmp_path / f"{name}.gguf", tokens) - expected).square().mean())
        for name in ("weighed", "plain")
    ]
    assert errors[0] < errors[1]


def test_the_quantised_file_says_what_it_was_weighed_by(folder: Path, imatrix: Path, tmp_path: Path) -> None:
    write_gguf(folder, tmp_path / "full.gguf", name="tiny")
    quantize(tmp_path / "full.gguf", tmp_path / "model.gguf", "Q4_K_M", threads=1, imatrix=imatrix)
    reader = GGUFReader(tmp_path / "model.gguf")
    says = {key: field.contents() for key, field in reader.fields.items() if key.startswith("quantize.imatrix.")}
    assert says.pop("quantize.imatrix.chunks_count") <= 6
    assert says == {
        "quantize.imatrix.file": "imatrix.gguf",
        "quantize.imatrix.dataset": read_imatrix(imatrix).source,
        "quantize.imatrix.entries_count": 14,
    }


def test_one_of_another_model_is_refused_and_nothing_is_written(imatrix: Path, tmp_path: Path) -> None:
    tiny_llama(tmp_path / "narrow")
    tiny_qwen3(tmp_path / "deep", hidden_size=256, intermediate_size=512, head_dim=64, num_hidden_layers=3)
    for name, message in (
        ("narrow", "256 inputs for blk.0.attn_q.weight, the model 64 columns"),
        ("deep", "nothing for 7"),
    ):
        write_gguf(tmp_path / name, tmp_path / f"{name}.gguf", name="tiny")
        with pytest.raises(ModelError, match=message):
            quantize(tmp_path / f"{name}.gguf", tmp_path / "out.gguf", "Q4_0", threads=1, imatrix=imatrix)
    assert not (tmp_path / "out.gguf").exists()


def test_what_makes_no_use_of_it_refuses_it(tiny_gguf: Path, imatrix: Path, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="Q8_0 makes no use of an importance matrix"):
        quantize(tiny_gguf, tmp_path / "out.gguf", "Q8_0", imatrix=imatrix)


def test_a_file_that_holds_none_is_refused(tiny_gguf: Path, tmp_path: Path) -> None:
    (tmp_path / "text").write_text("no GGUF")
    write_imatrix(tmp_path / "zero.gguf", Sums({"a": np.ones(4)}, tokens=0, texts=1, source="nothing"))
    for path, message in (
        (tiny_gguf, "holds no importance matrix"),
        (tmp_path / "text", "cannot be read as"),
        (tmp_path / "zero.gguf", "not finite"),
    ):
        with pytest.raises(ModelError, match=message), np.errstate(divide="ignore"):
            read_imatrix(path)


def test_texts_of_traces_are_in_the_format_and_judged_by_others() -> None:
    sample = draw(None, _count, texts=30)
    assert (len(sample.measure), len(sample.judge)) == (30, 30)
    assert not {text.prompt for text in sample.measure} & {text.prompt for text in sample.judge}
    for text in (*sample.measure, *sample.judge):
        prompt, answer = parse_prompt(text.prompt), parse_response(text.answer)
        assert answer.region.startswith(prompt.region[: prompt.cursor])
        assert text.answer.endswith(EDIT_END) and text.answer.count(CURSOR) == 1
    assert draw(None, _count, texts=30) == sample
    assert draw(None, _count, texts=30, seed=1) != sample


def test_texts_of_training_data_are_drawn_without_overlap(tmp_path: Path) -> None:
    data = tmp_path / "edits.jsonl"
    data.write_text("".join(json.dumps({"prompt": f"p{n}", "completion": f"c{n}"}) + "\n" for n in range(10)))
    sample = draw(data, _count, texts=3)
    assert len({*sample.measure, *sample.judge}) == 6
    assert all(text.answer == text.prompt.replace("p", "c") for text in sample.measure)
    data.write_text('{"prompt": "p"}\n')
    with pytest.raises(DocumentError, match=r"edits\.jsonl, line 1: expected a JSON object with the texts prompt"):
        draw(data, _count, texts=3)
    data.write_text("")
    with pytest.raises(DocumentError, match="holds 0 examples"):
        draw(data, _count, texts=3)
    (tmp_path / "empty").mkdir()
    with pytest.raises(DocumentError, match="holds no data/train-"):
        draw(tmp_path / "empty", _count, texts=3)
