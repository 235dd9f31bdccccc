"""Attention within the documents of packed rows, on CPU: what other documents would give is not computed at all.

PyTorch's attention with a mask goes through whole rows, and most of what it computes is masked. Here its causal kernel
runs on one document after the other. The way back is written out in products of matrices (Dao et al. 2022, appendix
B.2, with blocks of queries for tiles), which in bfloat16 take half as long as PyTorch's kernel for it.
"""

from __future__ import annotations

from typing import Any

import torch
from transformers import AttentionInterface, AttentionMaskInterface

DOCUMENTS = "documents"

# Queries whose weights are computed together on the way back: those of a few hundred keys then stay in the cache of a
# core, and most of what lies behind a query is not computed.
_BLOCK = 128


@torch.library.custom_op("tabtab::attend", mutates_args=())
def _attend(
    query: torch.Tensor, key: torch.Tensor, value: torch.Tensor, positions: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor]:
    """Return the output (heads, N, head_dim) and the logarithm of the weights' sums (heads, N).

    The N tokens are all rows' after one another; where `positions` (B, T) are 0, a document begins.
    """
    output = torch.empty_like(query)
    sums = torch.empty(query.shape[:2], dtype=torch.float32)
    for part in _documents(positions):
        found, logs = torch.ops.aten._scaled_dot_product_flash_attention_for_cpu(
            query[None, :, part], key[None, :, part], value[None, :, part], is_causal=True
        )
        output[:, part], sums[:, part] = found[0], logs[0]
    return output, sums


@torch.library.custom_op("tabtab::attend_backward", mutates_args=())
def _attend_backward(
    gradient: torch.Tensor,
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    output: torch.Tensor,
    sums: torch.Tensor,
    positions: torch.Tensor,
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Return the gradients of query, key and value, each (heads, N, head_dim)."""
    to_query, to_key, to_value = torch.empty_like(query), torch.empty_like(key), torch.empty_like(value)
    scale = query.shape[-1] ** -0.5
    own = (gradient.float() * output.float()).sum(-1, keepdim=True)
    for part in _documents(positions):
        key_sum, value_sum = (torch.zeros_like(each[:, part], dtype=torch.float32) for each in (key, value))
        for start in range(part.start, part.stop, _BLOCK):
            block = slice(start, min(start + _BLOCK, part.stop))
            before, seen = slice(part.start, block.stop), slice(block.stop - part.start)
            q, k, v, g = query[:, block], key[:, before], value[:, before], gradient[:, block]
            weights = (q @ k.mT).float().mul_(scale).sub_(sums[:, block, None]).exp_().tril_(start - part.start)
            to_scores = (g @ v.mT).float().sub_(own[:, block]).mul_(weights).mul_(scale).to(q.dtype)
            to_query[:, block] = to_scores @ k
            key_sum[:, seen] += to_scores.mT @ q
            value_sum[:, seen] += weights.to(q.dtype).mT @ g
        to_key[:, part], to_value[:, part] = key_sum, value_sum
    return to_query, to_key, to_value


@_attend.register_fake
def _(
    query: torch.Tensor, key: torch.Tensor, value: torch.Tensor, positions: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor]:
    return torch.empty_like(query), torch.empty(query.shape[:2], dtype=torch.float32)


@_attend_backward.register_fake
def _(gradient: torch.Tensor, *inputs: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    query, key, value, *_ = inputs
    return torch.empty_like(query), torch.empty_like(key), torch.empty_like(value)


def _documents(positions: torch.Tensor) -> list[slice]:
    starts = (positions.flatten() == 0).nonzero().flatten().tolist()
    return [slice(start, end) for start, end in zip(starts, [*starts[1:], positions.numel()], strict=True)]


def _keep(ctx: Any, inputs: tuple[torch.Tensor, ...], output: tuple[torch.Tensor, torch.Tensor]) -> None:
    ctx.save_for_backward(*inputs[:3], *output, inputs[3])


def _backward(ctx: Any, gradient: torch.Tensor, _: torch.Tensor) -> tuple[torch.Tensor | None, ...]:
    return *_attend_backward(gradient.contiguous(), *ctx.saved_tensors), None


_attend.register_autograd(_backward, setup_context=_keep)


def _attention(
    module: torch.nn.Module,
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    attention_mask: None,
    *,
    position_ids: torch.Tensor,
    **_: Any,
) -> tuple[torch.Tensor, None]:
    """Attend as Transformers asks for it: query (B, heads, T, head_dim) to (B, T, heads, head_dim).

    Key and value are (B, kv_heads, T, head_dim), the positions (B, T), each row beginning with 0.
    """
    batch, heads, tokens, size = query.shape

    def joined(states: torch.Tensor) -> torch.Tensor:
        states = states.repeat_interleave(heads // states.shape[1], dim=1)
        return states.transpose(0, 1).reshape(heads, batch * tokens, size).to(value.dtype)

    output, _sums = _attend(joined(query), joined(key), joined(value), position_ids)
    return output.view(heads, batch, tokens, size).permute(1, 2, 0, 3), None


AttentionInterface.register(DOCUMENTS, _attention)
AttentionMaskInterface.register(DOCUMENTS, lambda *_, **__: None)
