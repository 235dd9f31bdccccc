"""Files that the engine refuses: damaged, of another kind, made for something else."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import gguf
import pytest

from tabtab_local.engine import LlamaEngine
from tabtab_local.errors import ModelError


def copy_with(source: Path, target: Path, change: Callable[[str, object], object]) -> Path:
    """Copy a GGUF; `change` maps each metadata key and value to a new value, None leaves the key out."""
    reader = gguf.GGUFReader(source)
    writer = gguf.GGUFWriter(target, reader.fields["general.architecture"].contents())
    for key, entry in reader.fields.items():
        value = change(key, entry.contents())
        if key.startswith("GGUF.") or key == "general.architecture" or value is None:
            continue
        item_type = entry.types[-1] if entry.types[0] == gguf.GGUFValueType.ARRAY else None
        writer.add_key_value(key, value, entry.types[0], item_type)
    for tensor in reader.tensors:
        writer.add_tensor(tensor.name, tensor.data, raw_dtype=tensor.tensor_type)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return target


def as_control(key: str, value: object) -> object:
    """Make control tokens of our markers."""
    if key == "tokenizer.ggml.token_type":
        user_defined, control = int(gguf.TokenType.USER_DEFINED), int(gguf.TokenType.CONTROL)
        return [control if kind == user_defined else kind for kind in value]
    return value


@pytest.mark.parametrize("kept", [0, 3, 5, 100, 5000, 20_000, -1])
def test_a_file_that_was_cut_short_is_refused_in_one_line(
    tiny_gguf: Path, tmp_path: Path, kept: int, capfd: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "cut.gguf"
    path.write_bytes(tiny_gguf.read_bytes()[:kept])
    with pytest.raises(ModelError) as error:
        LlamaEngine(path)
    message = str(error.value)
    assert str(path) in message and "\n" not in message
    assert ("not a GGUF" if 0 <= kept < 4 else "cut short") in message
    assert capfd.readouterr() == ("", "")


def test_other_files_are_refused_in_one_line(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    pickle, newline = tmp_path / "model.bin", tmp_path / "new\nline.gguf"
    pickle.write_bytes(b"PK\x03\x04" + bytes(100))
    for path, expected in (
        (pickle, "not a GGUF file"),
        (tmp_path, "is a folder"),
        (tmp_path / "none.gguf", "there is no model at"),
        (pickle / "below.gguf", "cannot read the model"),
    ):
        with pytest.raises(ModelError, match=expected) as error:
            LlamaEngine(path)
        assert str(path) in str(error.value) and "\n" not in str(error.value)
    assert not newline.exists()
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (lambda key, value: None if key == "tabtab.prompt_version" else value, "without tabtab metadata: make it with"),
        (lambda key, value: 2 if key == "tabtab.prompt_version" else value, "version 2, this program speaks version 1"),
        (as_control, "lacks the marker <.INTENT.>.*user-defined"),
    ],
    ids=["no metadata", "other version", "control markers"],
)
def test_a_model_made_for_something_else_is_refused_in_one_line(
    tiny_gguf: Path,
    tmp_path: Path,
    change: Callable[[str, object], object],
    expected: str,
    capfd: pytest.CaptureFixture[str],
) -> None:
    path = copy_with(tiny_gguf, tmp_path / "other.gguf", change)
    with pytest.raises(ModelError, match=expected) as error:
        LlamaEngine(path)
    assert str(path) in str(error.value) and "\n" not in str(error.value)
    assert capfd.readouterr() == ("", "")
