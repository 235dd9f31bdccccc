"""Our GGUF writer against the Hugging Face model and tokenizer that it converts."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from gguf import GGUFReader, TokenType
from safetensors.torch import load_file, save_file

from convert.gguf_file import DType, write_gguf
from convert.vocabulary import PRE_TOKENIZERS
from tabtab_local.errors import ModelError
from tabtab_local.prompt import EDIT_END, MARKERS, PROMPT_VERSION, Prompt, chat_template, render_prompt
from tests.tiny import LLAMA3_ROPE, gguf_logits, gguf_tokens, hf_logits, tiny_llama, tiny_qwen3, tiny_tokenizer
from training.tokenizer import QWEN2_SPLIT

SAMPLES = [
    "",
    "import json\n\n\ndef load(path):\n    return json.loads(path.read_text())\n",
    "if x:\n\treturn\t1\n\t\t# tabs \t \n",
    "a = 1\r\nb = 2\r\n\r\n\r\n",
    "x = '😀 👩‍👩‍👧‍👦 🏳️‍🌈'",
    "e\u0301 cafe\u0301 naïve Å A\u030a ﬁ ½",
    "变量 = 1  # 中文注释,日本語コメント、한국어",
    "x = 1234567890 + 0x1F - 3.14e-10 ٣٤٥ ²",
    "it's I'll we're they've I'm you'd IT'S WE'RE don'T ſ's",
    "a" + " " * 300 + "b" + "\n" * 50 + "\t" * 40 + "c" + " " * 7,
    "  \n \n   \n\n  x\u00a0y\u3000z\u2028w\u0085v\ufeff",
    "()[]{}<>|||***!!!???...,,,;;;\n\n===!=->:=",
    "f'{x!r:>{width}}' \"\"\"doc\"\"\" r'\\d+\\n' b'\\x00'",
    "print('<|endoftext|>')  # <|pad|> <|im_start|> <|end",
    f"{MARKERS[0]} read\n{MARKERS[1]}\nx = {MARKERS[3]}\n{MARKERS[2]}",
    f"a{MARKERS[3]}b {MARKERS[3]} c{MARKERS[0]}{MARKERS[1]}{EDIT_END[:-1]} {EDIT_END.lower()}",
    "\x00\x01\x1b[0m\x7f",
    render_prompt(Prompt("x = 1\ny = ", 10, code_above="import os\n<|EDIT_END|>", intent="add two numbers")),
]


def _encode(text: str) -> list[int]:
    """Return the tokens of `text` in which special tokens' names are plain text."""
    ids: list[int] = tiny_tokenizer().encode(text, add_special_tokens=False, split_special_tokens=True)
    return ids


def _field(path: Path, name: str) -> Any:
    field = GGUFReader(path).get_field(name)
    return None if field is None else field.contents()


def test_llama_cpp_cuts_text_into_the_same_tokens(tiny_gguf: Path) -> None:
    for text, tokens in zip(SAMPLES, gguf_tokens(tiny_gguf, SAMPLES), strict=True):
        assert tokens == _encode(text), f"other tokens for {text!r}"
        assert tiny_tokenizer().decode(tokens) == text


def test_llama_cpp_cuts_our_own_sources_into_the_same_tokens(tiny_gguf: Path) -> None:
    root = Path(__file__).parents[1]
    texts = [
        file.read_text() for folder in ("tabtab_local", "convert") for file in sorted((root / folder).glob("*.py"))
    ]
    assert gguf_tokens(tiny_gguf, texts) == [_encode(text) for text in texts]


def test_a_special_tokens_name_in_user_code_is_plain_text(tiny_gguf: Path) -> None:
    [tokens] = gguf_tokens(tiny_gguf, ["<|endoftext|>"])
    assert len(tokens) > 1
    assert tiny_tokenizer().eos_token_id not in tokens


@pytest.mark.parametrize(
    ("make", "tied", "shape"),
    [
        (tiny_qwen3, True, {}),
        (tiny_qwen3, False, {"seed": 5}),
        (tiny_qwen3, False, {"hidden_size": 256, "head_dim": 64, "num_attention_heads": 4, "num_hidden_layers": 3}),
        (
            tiny_qwen3,
            True,
            {"head_dim": 32, "num_key_value_heads": 1, "rope_parameters": {"rope_theta": 1e6, "rope_type": "default"}},
        ),
        (tiny_qwen3, True, {"rms_norm_eps": 1e-3, "vocab_size": 704}),
        (tiny_llama, True, {}),
        (tiny_llama, False, {"head_dim": 32, "vocab_size": 704}),
        (tiny_llama, True, {"rope_parameters": LLAMA3_ROPE, "num_key_value_heads": 4}),
    ],
    ids=[
        "tied",
        "untied",
        "larger",
        "one kv head, other rope",
        "padded vocabulary, other epsilon",
        "llama, tied",
        "llama, untied, padded",
        "llama with llama3's rope scaling",
    ],
)
def test_logits_are_those_of_the_hugging_face_model(
    tmp_path: Path, make: Callable[..., torch.nn.Module], tied: bool, shape: dict[str, Any]
) -> None:
    model = make(tmp_path / "model", tied=tied, **shape)
    with torch.no_grad():  # norms are all ones after initialisation: one in the wrong place would go unseen
        for seed, (name, parameter) in enumerate(model.named_parameters()):
            if "norm" in name:
                parameter.uniform_(0.5, 1.5, generator=torch.Generator().manual_seed(seed))
    model.save_pretrained(tmp_path / "model")
    write_gguf(tmp_path / "model", tmp_path / "model.gguf", name="tiny", dtype="f32")
    for text in (SAMPLES[1], SAMPLES[6], SAMPLES[14], SAMPLES[17]):
        expected, found = hf_logits(model, _encode(text)), gguf_logits(tmp_path / "model.gguf", _encode(text))
        assert found.shape == expected.shape
        assert (found - expected).abs().max() < 1e-3 * expected.abs().max()
        assert torch.equal(found.argmax(dim=-1), expected.argmax(dim=-1))


@pytest.mark.parametrize("dtype", ["f16", "bf16"])
def test_half_precision_files_give_nearly_the_same_logits(
    tiny_qwen3_folder: Path, tiny_gguf: Path, tmp_path: Path, dtype: DType
) -> None:
    write_gguf(tiny_qwen3_folder, tmp_path / "half.gguf", name="tiny", dtype=dtype)
    tokens = _encode(SAMPLES[1])
    expected, found = gguf_logits(tiny_gguf, tokens), gguf_logits(tmp_path / "half.gguf", tokens)
    assert 0 < (found - expected).abs().max() < 0.05 * expected.abs().max()


def test_matrices_have_the_chosen_type_and_vectors_are_float32(tiny_qwen3_folder: Path, tmp_path: Path) -> None:
    weights = load_file(tiny_qwen3_folder / "model.safetensors")
    for dtype in ("f16", "bf16", "f32"):
        write_gguf(tiny_qwen3_folder, tmp_path / "model.gguf", name="tiny", dtype=dtype)
        tensors = {tensor.name: tensor for tensor in GGUFReader(tmp_path / "model.gguf").tensors}
        assert len(tensors) == len(weights)
        for tensor in tensors.values():
            assert tensor.tensor_type.name == ("F32" if len(tensor.shape) == 1 else dtype.upper())
    expected = weights["model.layers.1.self_attn.q_proj.weight"].numpy()
    assert np.array_equal(tensors["blk.1.attn_q.weight"].data, expected)


def test_the_file_says_what_it_is(tiny_qwen3_folder: Path, tmp_path: Path) -> None:
    path = tmp_path / "model.gguf"
    write_gguf(tiny_qwen3_folder, path, name="tabtab-qwen3-0.6b")
    expected = {
        "general.architecture": "qwen3",
        "general.name": "tabtab-qwen3-0.6b",
        "general.license": "apache-2.0",
        "general.base_model.0.repo_url": "https://huggingface.co/Qwen/Qwen3-0.6B-Base",
        "tabtab.prompt_version": PROMPT_VERSION,
        "tokenizer.ggml.pre": "qwen2",
        "tokenizer.ggml.add_bos_token": False,
        "tokenizer.ggml.eos_token_id": tiny_tokenizer().eos_token_id,
        "tokenizer.ggml.bos_token_id": tiny_tokenizer().eos_token_id,
        "tokenizer.ggml.padding_token_id": tiny_tokenizer().pad_token_id,
        "tokenizer.chat_template": chat_template(),
        "qwen3.context_length": 2048,
        "qwen3.attention.key_length": 16,
    }
    assert {name: _field(path, name) for name in expected} == expected


def test_markers_are_user_defined_and_rows_without_a_token_unused(tmp_path: Path) -> None:
    tiny_qwen3(tmp_path / "model", vocab_size=650)
    document = json.loads((tmp_path / "model" / "tokenizer.json").read_text())
    for token in document["added_tokens"]:
        token["special"] = token["special"] or token["content"] in MARKERS[:2]
    document["added_tokens"].append({**document["added_tokens"][-1], "id": 645, "content": "<tool_call>"})
    (tmp_path / "model" / "tokenizer.json").write_text(json.dumps(document))
    write_gguf(tmp_path / "model", tmp_path / "model.gguf", name="tiny")
    tokens = _field(tmp_path / "model.gguf", "tokenizer.ggml.tokens")
    types = dict(zip(tokens, map(TokenType, _field(tmp_path / "model.gguf", "tokenizer.ggml.token_type")), strict=True))
    assert len(tokens) == 650
    assert {types[marker] for marker in MARKERS} == {types["<tool_call>"]} == {TokenType.USER_DEFINED}
    assert types["<|endoftext|>"] == types["<|pad|>"] == TokenType.CONTROL
    assert [token for token, type_ in types.items() if type_ is TokenType.UNUSED] == [
        f"[PAD{id_}]" for id_ in (640, 641, 642, 643, 644, 646, 647, 648, 649)
    ]
    assert gguf_tokens(tmp_path / "model.gguf", [f"{MARKERS[0]}x"])[0][0] == tokens.index(MARKERS[0])


def test_a_model_that_begins_every_text_with_bos_says_so(tiny_qwen3_folder: Path, tmp_path: Path) -> None:
    folder = _copy(tiny_qwen3_folder, tmp_path)
    adds = {**_ADDS_THE_END, "single": _ADDS_THE_END["single"][::-1]}
    _set("tokenizer.json", post_processor=adds)(folder)
    write_gguf(folder, tmp_path / "model.gguf", name="tiny")
    assert _field(tmp_path / "model.gguf", "tokenizer.ggml.add_bos_token") is True


def test_weights_in_several_files_become_one(tiny_qwen3_folder: Path, tiny_gguf: Path, tmp_path: Path) -> None:
    folder = _copy(tiny_qwen3_folder, tmp_path)
    weights = load_file(folder / "model.safetensors")
    (folder / "model.safetensors").unlink()
    keys = sorted(weights)
    save_file({key: weights[key] for key in keys[:9]}, folder / "model-00001-of-00002.safetensors")
    save_file({key: weights[key] for key in keys[9:]}, folder / "model-00002-of-00002.safetensors")
    write_gguf(folder, tmp_path / "model.gguf", name="tiny", dtype="f32")
    assert (tmp_path / "model.gguf").read_bytes() == tiny_gguf.read_bytes()


def test_a_stray_output_matrix_of_a_tied_model_is_left_out(
    tiny_qwen3_folder: Path, tiny_gguf: Path, tmp_path: Path
) -> None:
    folder = _copy(tiny_qwen3_folder, tmp_path)
    _set_tensor("lm_head.weight", torch.zeros(640, 64))(folder)
    write_gguf(folder, tmp_path / "model.gguf", name="tiny", dtype="f32")
    assert (tmp_path / "model.gguf").read_bytes() == tiny_gguf.read_bytes()


def test_the_expressions_of_the_bases_are_known_by_name() -> None:
    assert PRE_TOKENIZERS[QWEN2_SPLIT] == "qwen2"
    llama3 = QWEN2_SPLIT.replace(r"|\p{N}|", r"|\p{N}{1,3}|")
    assert PRE_TOKENIZERS[llama3] == "llama-bpe"


Change = Callable[[Path], None]


def _copy(folder: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(folder, tmp_path / "copy"))


def _set(file: str, **changes: object) -> Change:
    def change(folder: Path) -> None:
        path = folder / file
        document = json.loads(path.read_text()) if path.exists() else {}
        path.write_text(json.dumps({**document, **changes}))

    return change


def _rewrite(file: str, old: str, new: str) -> Change:
    def change(folder: Path) -> None:
        text = (folder / file).read_text()
        assert old in text
        (folder / file).write_text(text.replace(old, new))

    return change


def _set_tensor(key: str, value: torch.Tensor) -> Change:
    def change(folder: Path) -> None:
        weights = load_file(folder / "model.safetensors")
        save_file({**weights, key: value}, folder / "model.safetensors")

    return change


def _drop_tensor(key: str) -> Change:
    def change(folder: Path) -> None:
        weights = load_file(folder / "model.safetensors")
        del weights[key]
        save_file(weights, folder / "model.safetensors")

    return change


_ADDS_THE_END = {
    "type": "TemplateProcessing",
    "single": [{"Sequence": {"id": "A", "type_id": 0}}, {"SpecialToken": {"id": "<|endoftext|>", "type_id": 0}}],
    "pair": [],
    "special_tokens": {},
}


def _no_end_of_text(folder: Path) -> None:
    _set("tokenizer_config.json", eos_token=None)(folder)
    _set("config.json", eos_token_id=None)(folder)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            _set("config.json", architectures=["GPT2LMHeadModel"]),
            "is a GPT2LMHeadModel: only Qwen3ForCausalLM, LlamaForCausalLM can be converted",
        ),
        (_set("config.json", architectures=None), "is a "),
        (_set("config.json", use_sliding_window=True), "has use_sliding_window True"),
        (_set("config.json", rope_parameters={"rope_type": "yarn", "rope_theta": 1e6}), "has rope_type 'yarn'"),
        (_set("config.json", rope_parameters={"rope_type": "default"}), "lacks rope_theta"),
        (_set("config.json", vocab_size=641), "640 rows of embeddings"),
        (_set("config.json", vocab_size=630), "has id 639, but the embedding matrix has 630 rows"),
        (_set("config.json", num_hidden_layers=1), "has 11 unknown tensors"),
        (_set("config.json", num_hidden_layers=3), "lacks 11 tensors"),
        (_set("config.json", tie_word_embeddings=False), r"lacks 1 tensors, lm_head\.weight"),
        (lambda folder: (folder / "config.json").write_text('{"architectures": ["Qwen3ForCausalLM"]}'), "lacks vocab"),
        (_set("training.json", prompt_version=PROMPT_VERSION + 1), f"prompt version {PROMPT_VERSION + 1}"),
        (_rewrite("tokenizer.json", r"|\\p{N}|", r"|\\p{N}{1,2}|"), "none of llama.cpp's qwen2, llama-bpe"),
        (_rewrite("tokenizer.json", '"Isolated"', '"Removed"'), "none of llama.cpp's"),
        (_set("tokenizer.json", normalizer={"type": "Lowercase"}), "normalises text with Lowercase"),
        (_set("tokenizer.json", pre_tokenizer={"type": "Whitespace"}), r"the pre-tokenizer is \['Whitespace'\]"),
        (_set("tokenizer.json", pre_tokenizer=None), "is not a byte-level BPE tokenizer"),
        (_set("tokenizer.json", model={"type": "WordPiece", "vocab": {"a": 0}}), "of type 'WordPiece'"),
        (_set("tokenizer.json", model={"type": "Unigram", "vocab": [["a", 0]]}), "is not a byte-level BPE tokenizer"),
        (_rewrite("tokenizer.json", "<|INTENT|>", "<|OTHER|>"), r"the marker <\|INTENT\|> is not a token"),
        (_rewrite("tokenizer.json", '"ignore_merges": false', '"ignore_merges": true'), "has ignore_merges True"),
        (_set("tokenizer.json", post_processor=_ADDS_THE_END), r"adds '<\|endoftext\|>' to texts"),
        (_set("tokenizer_config.json", eos_token="<|nowhere|>"), "is not in the vocabulary"),
        (_no_end_of_text, "names an end-of-text token"),
        (lambda folder: (folder / "tokenizer.json").unlink(), r"tokenizer\.json is missing"),
        (lambda folder: (folder / "tokenizer.json").write_text("[]"), "holds list where an object is expected"),
        (_set_tensor("model.norm.weight", torch.full((64,), float("nan"))), "not finite numbers"),
        (_set_tensor("model.layers.1.mlp.up_proj.weight", torch.full((128, 64), 1e6)), "too large for f16"),
        (_set_tensor("model.layers.0.self_attn.q_proj.bias", torch.zeros(64)), r"q_proj\.bias for one"),
        (_drop_tensor("model.norm.weight"), r"lacks 1 tensors, model\.norm\.weight"),
        (lambda folder: (folder / "model.safetensors").write_bytes(b"damaged"), "cannot be read"),
        (lambda folder: (folder / "model.safetensors").unlink(), "is the folder complete"),
    ],
)
def test_what_cannot_be_written_exactly_is_refused_in_one_line_and_nothing_is_left(
    tiny_qwen3_folder: Path, tmp_path: Path, change: Change, message: str
) -> None:
    folder = _copy(tiny_qwen3_folder, tmp_path)
    change(folder)
    (tmp_path / "out").mkdir()
    with pytest.raises(ModelError, match=message) as refused:
        write_gguf(folder, tmp_path / "out" / "model.gguf", name="tiny", dtype="f16")
    assert "\n" not in str(refused.value)
    assert list((tmp_path / "out").iterdir()) == []


def test_a_failure_leaves_an_older_file_as_it_was(tiny_qwen3_folder: Path, tmp_path: Path) -> None:
    folder = _copy(tiny_qwen3_folder, tmp_path)
    _set_tensor("model.norm.weight", torch.full((64,), float("nan")))(folder)
    (tmp_path / "model.gguf").write_text("older")
    with pytest.raises(ModelError):
        write_gguf(folder, tmp_path / "model.gguf", name="tiny")
    assert (tmp_path / "model.gguf").read_text() == "older"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["copy", "model.gguf"]
