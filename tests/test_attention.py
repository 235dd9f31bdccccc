"""Attention within documents, against PyTorch's with a mask."""

from __future__ import annotations

import pytest
import torch
from transformers import Qwen3ForCausalLM

from tests.test_packing import SMALL
from tests.tiny import tiny_tokenizer
from training import attention
from training.attention import DOCUMENTS
from training.pretrain import _loss, model_config

ROWS = torch.tensor([[*range(5), *range(1), *range(26)], [*range(32)], [*range(31), 0]])


def gradients(implementation: str) -> dict[str, torch.Tensor]:
    """Return the gradients of a small model for rows of several documents, and its loss."""
    torch.manual_seed(0)
    model = Qwen3ForCausalLM(model_config(SMALL, tiny_tokenizer()))
    model.set_attn_implementation(implementation)
    ids = torch.randint(0, 300, ROWS.shape, generator=torch.Generator().manual_seed(1))
    loss = model(input_ids=ids, position_ids=ROWS, labels=ids, use_cache=False).loss
    loss.backward()
    return {"loss": loss.detach(), **{name: p.grad for name, p in model.named_parameters() if p.grad is not None}}


@pytest.mark.parametrize("block", [8, 128])
def test_outputs_and_gradients_are_those_of_masked_attention(monkeypatch: pytest.MonkeyPatch, block: int) -> None:
    monkeypatch.setattr(attention, "_BLOCK", block)
    expected, found = gradients("sdpa"), gradients(DOCUMENTS)
    assert expected.keys() == found.keys()
    for name in expected:
        torch.testing.assert_close(found[name], expected[name], rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("compiled", [False, True])
def test_a_document_cannot_be_told_from_what_stands_beside_it(compiled: bool) -> None:
    torch.manual_seed(0)
    model = Qwen3ForCausalLM(model_config(SMALL, tiny_tokenizer()))
    model.set_attn_implementation(DOCUMENTS)
    loss_of = torch.compile(_loss, dynamic=False) if compiled else _loss
    ids = torch.randint(0, 300, ROWS.shape)
    labels = torch.full_like(ids, -100)
    labels[0, 7:] = ids[0, 7:]
    batch = {"input_ids": ids, "position_ids": ROWS, "labels": labels}
    before = loss_of(model, batch)
    ids[0, :6] = ids[1:] = 7
    torch.testing.assert_close(loss_of(model, batch), before)
    ids[0, 6] += 1
    assert not torch.allclose(loss_of(model, batch), before)
