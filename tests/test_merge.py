"""Merging an adapter into its base: the sum, what stays tied, and what is refused."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from transformers import AutoModelForCausalLM, AutoTokenizer

from convert.merge import merge
from tabtab_local.errors import DocumentError, ModelError
from tabtab_local.fingerprint import file_sha256, weights_sha256
from tabtab_local.prompt import MARKERS, PROMPT_VERSION, chat_template
from tests.tiny import hf_logits, tiny_adapter, tiny_llama, tiny_qwen3, tiny_tokenizer


@pytest.fixture
def adapter(tiny_qwen3_folder: Path, tmp_path: Path) -> Path:
    tiny_adapter(tmp_path / "adapter", tiny_qwen3_folder)
    return tmp_path / "adapter"


def _tokens() -> list[int]:
    """Markers among them: their rows are what the adapter changed at both ends of the model."""
    text = f"{MARKERS[0]} read a file\n{MARKERS[1]}\nimport json\nx = json.loads({MARKERS[3]})\n{MARKERS[2]}"
    tokens = tiny_tokenizer().encode(text, add_special_tokens=False)
    assert {*tiny_tokenizer().convert_tokens_to_ids(list(MARKERS))} <= {*tokens}
    return tokens


LM_HEAD_TOO = {"embed_tokens": [0, 5, 9], "lm_head": [0, 5, 9]}


@pytest.mark.parametrize(
    ("make", "tied", "settings"),
    [
        (tiny_qwen3, True, {}),
        (tiny_qwen3, False, {}),
        (tiny_llama, True, {}),
        (tiny_llama, False, {"trainable_token_indices": LM_HEAD_TOO}),
        (tiny_qwen3, True, {"use_rslora": False, "trainable_token_indices": None}),
        (tiny_qwen3, True, {"use_dora": True}),
        (tiny_llama, False, {"use_dora": True, "rank_pattern": {"q_proj": 2}, "alpha_pattern": {"down_proj": 3}}),
        (tiny_qwen3, True, {"target_modules": ["q_proj", "down_proj"], "layers_to_transform": [1]}),
        (tiny_llama, False, {"modules_to_save": ["lm_head", "embed_tokens"], "trainable_token_indices": None}),
    ],
)
def test_merged_logits_equal_those_of_base_plus_adapter(
    tmp_path: Path, make: Callable[..., torch.nn.Module], tied: bool, settings: dict[str, object]
) -> None:
    base = make(tmp_path / "base", tied=tied)
    both = tiny_adapter(tmp_path / "adapter", tmp_path / "base", **settings)
    merge(None, tmp_path / "adapter", tmp_path / "merged")
    merged = AutoModelForCausalLM.from_pretrained(tmp_path / "merged")
    expected = hf_logits(both, _tokens())
    torch.testing.assert_close(hf_logits(merged, _tokens()), expected, atol=1e-4, rtol=0)
    assert (expected - hf_logits(base, _tokens())).abs().max() > 0.1, "the adapter changes nothing"


def test_the_sum_is_that_of_peft_to_the_bit(tmp_path: Path) -> None:
    tiny_qwen3(tmp_path / "base")
    both = tiny_adapter(tmp_path / "adapter", tmp_path / "base")
    merge(None, tmp_path / "adapter", tmp_path / "merged")
    expected = both.merge_and_unload(safe_merge=True).state_dict()
    for key, tensor in load_file(tmp_path / "merged" / "model.safetensors").items():
        assert torch.equal(tensor, expected[key]), key


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_an_adapter_that_was_saved_in_another_type_is_summed_in_float32(tmp_path: Path, dtype: torch.dtype) -> None:
    tiny_qwen3(tmp_path / "base")
    tiny_adapter(tmp_path / "adapter", tmp_path / "base")
    file = tmp_path / "adapter" / "adapter_model.safetensors"
    rounded = {key: tensor.to(dtype) for key, tensor in load_file(file).items()}
    save_file({key: tensor.float() for key, tensor in rounded.items()}, file)
    merge(None, tmp_path / "adapter", tmp_path / "expected")
    save_file(rounded, file)
    merge(None, tmp_path / "adapter", tmp_path / "merged")
    expected, merged = (load_file(tmp_path / name / "model.safetensors") for name in ("expected", "merged"))
    for key, tensor in merged.items():
        assert torch.equal(tensor, expected[key]), key


def test_the_files_are_cut_as_those_of_the_base(tmp_path: Path) -> None:
    model = tiny_qwen3(tmp_path / "base")
    tiny_adapter(tmp_path / "whole", tmp_path / "base")
    merge(None, tmp_path / "whole", tmp_path / "one")
    model.save_pretrained(tmp_path / "cut", max_shard_size="100kB")
    tiny_tokenizer().save_pretrained(tmp_path / "cut")
    tiny_adapter(tmp_path / "adapter", tmp_path / "cut")
    merge(None, tmp_path / "adapter", tmp_path / "several")
    files = sorted(path.name for path in (tmp_path / "several").glob("*.safetensors"))
    assert len(files) > 2
    assert files == sorted(path.name for path in (tmp_path / "cut").glob("*.safetensors"))
    expected, merged = (
        AutoModelForCausalLM.from_pretrained(tmp_path / name).state_dict() for name in ("one", "several")
    )
    assert all(torch.equal(tensor, expected[key]) for key, tensor in merged.items())


def test_tied_embeddings_stay_tied(adapter: Path, tmp_path: Path) -> None:
    merge(None, adapter, tmp_path / "merged")
    assert json.loads((tmp_path / "merged" / "config.json").read_text())["tie_word_embeddings"] is True
    with safe_open(tmp_path / "merged" / "model.safetensors", framework="pt") as tensors:
        assert "lm_head.weight" not in tensors.keys()  # noqa: SIM118
    model = AutoModelForCausalLM.from_pretrained(tmp_path / "merged")
    assert model.lm_head.weight.data_ptr() == model.model.embed_tokens.weight.data_ptr()


def test_only_the_markers_rows_of_the_embedding_change(adapter: Path, tiny_qwen3_folder: Path, tmp_path: Path) -> None:
    merge(None, adapter, tmp_path / "merged")
    before, after = (
        load_file(folder / "model.safetensors")["model.embed_tokens.weight"]
        for folder in (tiny_qwen3_folder, tmp_path / "merged")
    )
    changed = (before != after).any(dim=1).nonzero().flatten().tolist()
    assert changed == sorted(tiny_tokenizer().convert_tokens_to_ids(list(MARKERS)))


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_the_merged_model_has_the_type_of_the_base(tmp_path: Path, dtype: torch.dtype) -> None:
    model = tiny_qwen3(tmp_path / "base")
    model.to(dtype).save_pretrained(tmp_path / "base")
    tiny_adapter(tmp_path / "adapter", tmp_path / "base")
    merge(None, tmp_path / "adapter", tmp_path / "merged")
    assert {tensor.dtype for tensor in load_file(tmp_path / "merged" / "model.safetensors").values()} == {dtype}
    assert AutoModelForCausalLM.from_pretrained(tmp_path / "merged", dtype="auto").dtype == dtype


def test_the_folder_holds_the_tokenizer_our_chat_template_and_the_training_record(
    adapter: Path, tmp_path: Path
) -> None:
    merge(None, adapter, tmp_path / "merged")
    tokenizer = AutoTokenizer.from_pretrained(tmp_path / "merged")
    assert tokenizer.get_vocab() == tiny_tokenizer().get_vocab()
    assert tokenizer.chat_template == chat_template()
    assert (tmp_path / "merged" / "training.json").read_bytes() == (adapter / "training.json").read_bytes()
    assert tiny_tokenizer().chat_template is None


def test_the_tokenizer_is_the_bases_where_the_adapter_has_none(adapter: Path, tmp_path: Path) -> None:
    for file in adapter.glob("tokenizer*"):
        file.unlink()
    merge(None, adapter, tmp_path / "merged")
    assert AutoTokenizer.from_pretrained(tmp_path / "merged").get_vocab() == tiny_tokenizer().get_vocab()


def test_a_base_given_as_a_folder_takes_the_place_of_the_adapters(
    adapter: Path, tiny_qwen3_folder: Path, tmp_path: Path
) -> None:
    config = json.loads((adapter / "adapter_config.json").read_text())
    (adapter / "adapter_config.json").write_text(json.dumps({**config, "base_model_name_or_path": "nobody/nothing"}))
    merge(str(tiny_qwen3_folder), adapter, tmp_path / "merged")
    assert (tmp_path / "merged" / "model.safetensors").exists()


def _edit_record(**changes: object) -> Callable[[Path], None]:
    def edit(adapter: Path) -> None:
        record = json.loads((adapter / "training.json").read_text())
        (adapter / "training.json").write_text(json.dumps({**record, **changes}))

    return edit


def _remove(name: str) -> Callable[[Path], None]:
    return lambda adapter: (adapter / name).unlink()


def _remove_a_tensor(adapter: Path) -> None:
    tensors = load_file(adapter / "adapter_model.safetensors")
    tensors.pop(next(key for key in tensors if "lora_B" in key))
    save_file(tensors, adapter / "adapter_model.safetensors")


def _add_a_tensor(adapter: Path) -> None:
    tensors = load_file(adapter / "adapter_model.safetensors")
    save_file({**tensors, "base_model.model.nowhere.weight": torch.zeros(1)}, adapter / "adapter_model.safetensors")


def _widen(adapter: Path) -> None:
    tensors = load_file(adapter / "adapter_model.safetensors")
    key = next(key for key in tensors if "lora_A" in key)
    save_file({**tensors, key: torch.zeros(4, 65)}, adapter / "adapter_model.safetensors")


def _damage(adapter: Path) -> None:
    (adapter / "adapter_model.safetensors").write_bytes(b"not a safetensors file")


def _poison(adapter: Path) -> None:
    tensors = load_file(adapter / "adapter_model.safetensors")
    key = next(key for key in tensors if "lora_B" in key)
    save_file({**tensors, key: tensors[key] * float("nan")}, adapter / "adapter_model.safetensors")


def _drop_the_markers(adapter: Path) -> None:
    document = json.loads((adapter / "tokenizer.json").read_text())
    document["added_tokens"] = [token for token in document["added_tokens"] if token["content"] not in MARKERS]
    (adapter / "tokenizer.json").write_text(json.dumps(document))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (_edit_record(base_sha256="f" * 64), "was trained on weights with SHA-256 f"),
        (_edit_record(prompt_version=PROMPT_VERSION + 1), f"trained for prompt version {PROMPT_VERSION + 1}"),
        (_edit_record(prompt_version=None), "trained for prompt version None"),
        (_remove("training.json"), r"training\.json is missing"),
        (_remove("adapter_config.json"), r"adapter_config\.json is missing"),
        (_remove("adapter_model.safetensors"), r"adapter_model\.safetensors is missing"),
        (lambda adapter: (adapter / "training.json").write_text("{"), "is not valid JSON"),
        (_remove_a_tensor, "differ in 1 tensors"),
        (_add_a_tensor, "differ in 1 tensors"),
        (_widen, "cannot be merged into"),
        (_damage, "cannot be merged into"),
        (_poison, "cannot be merged into"),
        (_drop_the_markers, r"expected one id below"),
    ],
)
def test_what_does_not_fit_is_refused_in_one_line_and_nothing_is_written(
    adapter: Path, tmp_path: Path, change: Callable[[Path], object], message: str
) -> None:
    change(adapter)
    with pytest.raises(ModelError, match=message) as refused:
        merge(None, adapter, tmp_path / "merged")
    assert "\n" not in str(refused.value)
    assert [path.name for path in tmp_path.iterdir()] == ["adapter"]


def _nan_in_the_base(base: Path) -> None:
    tensors = load_file(base / "model.safetensors")
    tensors["model.norm.weight"][3] = float("nan")
    save_file(tensors, base / "model.safetensors")


def _no_second_file(base: Path) -> None:
    tensors = load_file(base / "model.safetensors")
    names = {key: f"model-{1 + (key > 'model.layers.1')}.safetensors" for key in tensors}
    (base / "model.safetensors").unlink()
    save_file(
        {key: tensor for key, tensor in tensors.items() if names[key] == "model-1.safetensors"},
        base / "model-1.safetensors",
    )
    (base / "model.safetensors.index.json").write_text(json.dumps({"weight_map": names}))


def _quantised(base: Path) -> None:
    tensors = load_file(base / "model.safetensors")
    save_file({**tensors, "model.norm.weight": torch.zeros(64, dtype=torch.int8)}, base / "model.safetensors")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (_nan_in_the_base, r"model\.norm\.weight in .* holds values that are not finite numbers"),
        (_no_second_file, r"lacks model-2\.safetensors, which its model\.safetensors\.index\.json names"),
        (_quantised, r"model\.norm\.weight in .* is of type I8: give unquantised weights"),
        (lambda base: (base / "model.safetensors").write_bytes(b"damaged"), "cannot be read"),
    ],
)
def test_a_damaged_base_is_refused_in_one_line_and_nothing_is_written(
    tmp_path: Path, change: Callable[[Path], object], message: str
) -> None:
    tiny_qwen3(tmp_path / "base")
    tiny_adapter(tmp_path / "adapter", tmp_path / "base")
    change(tmp_path / "base")
    record = json.loads((tmp_path / "adapter" / "training.json").read_text())
    record["base_sha256"] = weights_sha256(tmp_path / "base")
    (tmp_path / "adapter" / "training.json").write_text(json.dumps(record))
    with pytest.raises(ModelError, match=message) as refused:
        merge(None, tmp_path / "adapter", tmp_path / "merged")
    assert "\n" not in str(refused.value)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["adapter", "base"]


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"modules_to_save": ["embed_tokens"]}, "changes all of the embedding, which is the output matrix too"),
        ({"target_modules": ["embed_tokens", "q_proj"]}, r"holds a copy of its base's .*embed_tokens\.base_layer"),
    ],
)
def test_an_adapter_that_would_untie_the_embedding_is_refused(
    tmp_path: Path, settings: dict[str, object], message: str
) -> None:
    tiny_qwen3(tmp_path / "base")
    tiny_adapter(tmp_path / "adapter", tmp_path / "base", **settings, trainable_token_indices=None)
    with pytest.raises(ModelError, match=message):
        merge(None, tmp_path / "adapter", tmp_path / "merged")
    assert not (tmp_path / "merged").exists()


def test_a_base_that_is_nowhere_is_refused(adapter: Path, tmp_path: Path) -> None:
    for base in ("nobody/nothing", "./missing", "a/b/c"):
        with pytest.raises(ModelError, match=f"^{base} is no folder") as refused:
            merge(base, adapter, tmp_path / "merged")
        assert "\n" not in str(refused.value)
    assert not (tmp_path / "merged").exists()


def test_an_output_that_holds_something_is_refused(adapter: Path, tmp_path: Path) -> None:
    (tmp_path / "merged").mkdir()
    merge(None, adapter, tmp_path / "merged")
    with pytest.raises(DocumentError, match="not an empty folder"):
        merge(None, adapter, tmp_path / "merged")
    (tmp_path / "file").write_text("mine")
    with pytest.raises(DocumentError, match="not an empty folder"):
        merge(None, adapter, tmp_path / "file")
    assert (tmp_path / "file").read_text() == "mine"


def test_the_fingerprint_covers_every_weight_file_and_nothing_else(tiny_qwen3_folder: Path, tmp_path: Path) -> None:
    folder = tmp_path / "copy"
    shutil.copytree(tiny_qwen3_folder, folder)
    (folder / "config.json").write_text("{}")
    assert weights_sha256(folder) == weights_sha256(tiny_qwen3_folder) == file_sha256(folder / "model.safetensors")
    (folder / "more.safetensors").write_bytes(b"x")
    assert weights_sha256(folder) != weights_sha256(tiny_qwen3_folder)
    with pytest.raises(ModelError, match=r"holds no \*\.safetensors files"):
        weights_sha256(tmp_path)
