"""Quantising through llama.cpp: what survives it, and what is refused."""

from __future__ import annotations

from pathlib import Path
from typing import get_args

import pytest
from gguf import GGUFReader, GGUFValueType, GGUFWriter

from convert.gguf_file import write_gguf
from convert.quantize import FILE_TYPES, quantize
from tabtab_local.errors import ModelError
from tabtab_local.registry import Quant
from tests.tiny import gguf_logits, gguf_tokens, hf_logits, tiny_qwen3, tiny_tokenizer

TEXT = "import json\n\n\ndef load(path):\n    return json.loads(path.read_text())\n"


def _metadata(path: Path) -> dict[str, object]:
    fields = GGUFReader(path).fields.items()
    return {name: field.contents() for name, field in fields if not name.startswith("GGUF.")}


def test_every_quantisation_of_the_registry_is_one_of_llama_cpps() -> None:
    assert set(FILE_TYPES) == set(get_args(Quant))


@pytest.mark.parametrize("quant", get_args(Quant))
def test_all_metadata_survives(tiny_gguf: Path, tmp_path: Path, quant: Quant) -> None:
    quantize(tiny_gguf, tmp_path / "model.gguf", quant, threads=1)
    before, after = _metadata(tiny_gguf), _metadata(tmp_path / "model.gguf")
    assert after.pop("general.file_type") == FILE_TYPES[quant]
    before.pop("general.file_type")
    assert after == before
    assert [path.name for path in tmp_path.iterdir()] == ["model.gguf"]


def test_q8_0_gives_nearly_the_same_logits_and_the_same_tokens(
    tiny_qwen3_folder: Path, tiny_gguf: Path, tmp_path: Path
) -> None:
    quantize(tiny_gguf, tmp_path / "model.gguf", "Q8_0", threads=1)
    [tokens] = gguf_tokens(tmp_path / "model.gguf", [TEXT])
    assert tokens == tiny_tokenizer().encode(TEXT, add_special_tokens=False)
    expected, found = gguf_logits(tiny_gguf, tokens), gguf_logits(tmp_path / "model.gguf", tokens)
    assert (found - expected).abs().max() < 0.05 * expected.abs().max()
    assert (found.argmax(dim=-1) == expected.argmax(dim=-1)).float().mean() > 0.9
    assert (tmp_path / "model.gguf").stat().st_size < 0.5 * tiny_gguf.stat().st_size


def test_k_quants_of_a_model_that_is_wide_enough_stay_near(tmp_path: Path) -> None:
    model = tiny_qwen3(tmp_path / "model", hidden_size=256, intermediate_size=512, head_dim=64)
    write_gguf(tmp_path / "model", tmp_path / "model.gguf", name="tiny", dtype="bf16")
    tokens = tiny_tokenizer().encode(TEXT, add_special_tokens=False)
    expected = hf_logits(model, tokens)
    sizes, errors = [], []
    for quant in ("Q8_0", "Q6_K", "Q5_K_M", "Q4_K_M"):
        quantize(tmp_path / "model.gguf", tmp_path / f"{quant}.gguf", quant, threads=1)
        sizes.append((tmp_path / f"{quant}.gguf").stat().st_size)
        errors.append(float((gguf_logits(tmp_path / f"{quant}.gguf", tokens) - expected).square().mean().sqrt()))
    assert sizes == sorted(sizes, reverse=True)
    assert errors == sorted(errors)
    assert errors[-1] < 0.5 * float(expected.std())


def test_nothing_is_printed(tiny_gguf: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    quantize(tiny_gguf, tmp_path / "model.gguf", "Q8_0", threads=1)
    assert capfd.readouterr() == ("", "")


def _without_version(source: Path, out: Path, version: int | None) -> None:
    """Copy the metadata of `source`, but for our version, and no tensors: enough for the check that comes first."""
    reader = GGUFReader(source)
    writer = GGUFWriter(out, "qwen3")
    for name, field in reader.fields.items():
        if not name.startswith(("GGUF.", "tabtab.", "general.architecture")):
            kind = field.types[0]
            writer.add_key_value(name, field.contents(), kind, field.types[1] if kind == GGUFValueType.ARRAY else None)
    if version is not None:
        writer.add_uint32("tabtab.prompt_version", version)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


@pytest.mark.parametrize(("version", "found"), [(None, "none"), (99, "99")])
def test_a_file_for_another_prompt_version_is_refused(
    tiny_gguf: Path, tmp_path: Path, version: int | None, found: str
) -> None:
    _without_version(tiny_gguf, tmp_path / "source.gguf", version)
    with pytest.raises(ModelError, match=f"has tabtab.prompt_version {found}, expected 1"):
        quantize(tmp_path / "source.gguf", tmp_path / "model.gguf", "Q8_0")
    assert [path.name for path in tmp_path.iterdir()] == ["source.gguf"]


def test_what_is_no_model_is_refused_in_one_line_and_nothing_is_left(
    tiny_gguf: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    whole = tiny_gguf.read_bytes()
    (tmp_path / "text.gguf").write_text("not a model")
    (tmp_path / "cut.gguf").write_bytes(whole[: len(whole) - 1000])
    (tmp_path / "empty.gguf").write_bytes(b"")
    before = sorted(tmp_path.iterdir())
    for source in ("text.gguf", "cut.gguf", "empty.gguf", "missing.gguf"):
        with pytest.raises(ModelError, match=source) as refused:
            quantize(tmp_path / source, tmp_path / "model.gguf", "Q8_0", threads=1)
        assert "\n" not in str(refused.value)
    assert sorted(tmp_path.iterdir()) == before
    assert capfd.readouterr() == ("", "")


def test_a_quantised_file_is_not_quantised_again(tiny_gguf: Path, tmp_path: Path) -> None:
    quantize(tiny_gguf, tmp_path / "once.gguf", "Q8_0", threads=1)
    with pytest.raises(ModelError, match=r"cannot be quantised to Q4_0: .*requantizing"):
        quantize(tmp_path / "once.gguf", tmp_path / "twice.gguf", "Q4_0", threads=1)
    assert [path.name for path in tmp_path.iterdir()] == ["once.gguf"]


def test_an_unknown_quantisation_is_refused(tiny_gguf: Path, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="no quantisation is called 'Q3'"):
        quantize(tiny_gguf, tmp_path / "model.gguf", "Q3")  # type: ignore[arg-type]
