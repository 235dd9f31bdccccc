"""Real models in miniature: random weights, a trained tokenizer, saved as Hugging Face folders.

`tiny_qwen3(tmp_path / "model")` has tied embeddings and about 115,000 parameters; `tied=False`, `num_hidden_layers=1`
and the like make others. `gguf_logits` and `gguf_tokens` ask llama.cpp about a GGUF file.
"""

from __future__ import annotations

import functools
import json
import os
import warnings
from contextlib import closing
from pathlib import Path
from typing import TypeVar

import llama_cpp
import torch
from llama_cpp import Llama
from llama_cpp._logger import set_verbose
from peft import LoraConfig, PeftModel, get_peft_model
from transformers import (
    AutoModelForCausalLM,
    LlamaConfig,
    LlamaForCausalLM,
    PreTrainedModel,
    PreTrainedTokenizerFast,
    Qwen3Config,
    Qwen3ForCausalLM,
)

from tabtab_local.fingerprint import weights_sha256
from tabtab_local.prompt import MARKERS, PROMPT_VERSION
from training.tokenizer import train_tokenizer

VOCAB_SIZE = 640

# Entries of a config.json that make any architecture small.
SMALL_SHAPE = {
    "hidden_size": 64,
    "intermediate_size": 64,
    "num_hidden_layers": 1,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "head_dim": 16,
}

# Llama 3.2's, for texts of a few hundred tokens.
LLAMA3_ROPE = {
    "rope_type": "llama3",
    "rope_theta": 500_000.0,
    "factor": 32.0,
    "low_freq_factor": 1.0,
    "high_freq_factor": 4.0,
    "original_max_position_embeddings": 64,
}

_Model = TypeVar("_Model", bound=PreTrainedModel)


@functools.cache
def tiny_tokenizer(vocab_size: int = VOCAB_SIZE) -> PreTrainedTokenizerFast:
    """Train the nano's kind of tokenizer on a few files of the standard library; always the same for one size."""
    files = sorted(Path(json.__file__).parent.glob("*.py"))
    return train_tokenizer([file.read_text(encoding="utf-8") for file in files], vocab_size)


def tiny_qwen3(folder: Path, *, tied: bool = True, seed: int = 0, **config: object) -> Qwen3ForCausalLM:
    """Save a random Qwen3 model with `tiny_tokenizer()` into `folder` and return it; `config` overrides its shape."""
    return _save(Qwen3ForCausalLM, Qwen3Config, folder, tied, seed, {"head_dim": 16, **config})


def tiny_llama(folder: Path, *, tied: bool = True, seed: int = 0, **config: object) -> LlamaForCausalLM:
    """Save a random Llama model with `tiny_tokenizer()` into `folder` and return it; `config` overrides its shape."""
    return _save(LlamaForCausalLM, LlamaConfig, folder, tied, seed, config)


def tiny_adapter(folder: Path, base: Path, *, seed: int = 1, **settings: object) -> PeftModel:
    """Save a LoRA with random weights, as training would for the model in `base`, into `folder`; return base plus it.

    All linear layers and the markers' rows of the embedding differ from the base, unless `settings` say otherwise.
    """
    tokenizer = tiny_tokenizer()
    usual: dict[str, object] = {
        "r": 4,
        "lora_alpha": 8,
        "use_rslora": True,
        "target_modules": "all-linear",
        "trainable_token_indices": {"embed_tokens": tokenizer.convert_tokens_to_ids(list(MARKERS))},
    }
    config = LoraConfig(task_type="CAUSAL_LM", **{**usual, **settings})
    with warnings.catch_warnings(), torch.random.fork_rng(devices=[]), torch.no_grad():
        warnings.simplefilter("ignore")  # peft calls what transformers has renamed
        torch.manual_seed(seed)
        model = get_peft_model(AutoModelForCausalLM.from_pretrained(base, dtype=torch.float32), config).eval()
        for parameter in model.parameters():
            if parameter.requires_grad:
                parameter += 0.1 * torch.randn(parameter.shape)
        model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    record = {
        "prompt_version": PROMPT_VERSION,
        "base_sha256": weights_sha256(base),
        "data_sha256": "0" * 64,
        "settings": {"seed": seed},
    }
    (folder / "training.json").write_text(json.dumps(record))
    return model


def hf_logits(model: torch.nn.Module, tokens: list[int]) -> torch.Tensor:
    """Return the logits (T, V) of a Hugging Face model after each of `tokens`."""
    with torch.no_grad():
        logits: torch.Tensor = model(torch.tensor([tokens])).logits[0]
    return logits


def gguf_logits(path: Path, tokens: list[int]) -> torch.Tensor:
    """Return the logits (T, V) of a GGUF after each of `tokens`, computed in one batch with a float32 cache."""
    set_verbose(False)
    settings = llama_cpp.llama_model_default_params()
    settings.use_extra_bufts = False  # the AMX kernels of this llama.cpp end the process on some processors
    model = llama_cpp.llama_model_load_from_file(os.fsencode(path), settings)
    shape = llama_cpp.llama_context_default_params()
    shape.n_ctx = shape.n_batch = shape.n_ubatch = len(tokens)
    shape.n_threads = shape.n_threads_batch = 1
    shape.flash_attn_type = llama_cpp.LLAMA_FLASH_ATTN_TYPE_DISABLED  # it rounds more than the comparison allows
    shape.type_k = shape.type_v = llama_cpp.GGML_TYPE_F32
    context = llama_cpp.llama_init_from_model(model, shape)
    batch = llama_cpp.llama_batch_init(len(tokens), 0, 1)
    try:
        batch.n_tokens = len(tokens)
        for index, token in enumerate(tokens):
            batch.token[index], batch.pos[index], batch.logits[index] = token, index, True
            batch.n_seq_id[index], batch.seq_id[index][0] = 1, 0
        assert llama_cpp.llama_decode(context, batch) == 0
        size = llama_cpp.llama_vocab_n_tokens(llama_cpp.llama_model_get_vocab(model))
        rows = [llama_cpp.llama_get_logits_ith(context, index)[:size] for index in range(len(tokens))]
        return torch.tensor(rows)
    finally:
        llama_cpp.llama_batch_free(batch)
        llama_cpp.llama_free(context)
        llama_cpp.llama_model_free(model)


def gguf_tokens(path: Path, texts: list[str]) -> list[list[int]]:
    """Return the tokens that llama.cpp cuts each of `texts` into, taking special tokens' names in it as plain text."""
    with closing(Llama(str(path), vocab_only=True, verbose=False)) as llama:
        return [llama.tokenize(text.encode(), add_bos=False, special=False) for text in texts]


def _save(
    kind: type[_Model], config_kind: type, folder: Path, tied: bool, seed: int, config: dict[str, object]
) -> _Model:
    tokenizer = tiny_tokenizer()
    shape: dict[str, object] = {
        "vocab_size": len(tokenizer),
        "hidden_size": 64,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "num_key_value_heads": 2,
        "intermediate_size": 128,
        "max_position_embeddings": 2048,
        # Wide enough that one token's logit stands clear of the next one's.
        "initializer_range": 0.2,
        "bos_token_id": None,
        "eos_token_id": tokenizer.eos_token_id,
        "pad_token_id": tokenizer.pad_token_id,
    }
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = kind(config_kind(tie_word_embeddings=tied, **{**shape, **config})).eval()
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return model
