"""Layers that the networks share; all of them treat what is masked as if it were not there."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn
from torch.nn import functional

from sdme_tools.training.batches import Batch

_MASKED = -1e9


def masked_softmax(scores: Tensor, mask: Tensor, dim: int = -1) -> Tensor:
    """Softmax over what the mask allows; all zero, with finite gradients, where it allows nothing."""
    weights = scores.masked_fill(~mask, _MASKED).softmax(dim=dim)
    return torch.where(mask, weights, 0.0)


class SequenceEncoder(nn.Module):
    """Two residual convolutions over time: `float32[B, T, D]` to `float32[B, T, d]`, zero where masked.

    Light on purpose: corpora of this kind have hundreds of utterances, and neighbouring steps carry most of what a
    light front end leaves to be found.
    """

    def __init__(self, num_features: int, width: int, dropout: float, *, num_layers: int = 2, kernel: int = 5) -> None:
        super().__init__()
        self.project = nn.Linear(num_features, width)
        self.convolutions = nn.ModuleList(
            nn.Conv1d(width, width, kernel, padding=kernel // 2) for _ in range(num_layers)
        )
        self.norms = nn.ModuleList(nn.LayerNorm(width) for _ in range(num_layers + 1))
        self.dropout = nn.Dropout(dropout)

    def forward(self, steps: Tensor, mask: Tensor) -> Tensor:
        """Encode; padding is zeroed before every convolution, so that it equals the end of the sequence."""
        keep = mask[:, :, None]
        hidden = self.dropout(self.norms[0](self.project(steps))) * keep
        for convolution, norm in zip(self.convolutions, self.norms[1:], strict=True):
            change = functional.gelu(convolution(hidden.transpose(1, 2)).transpose(1, 2))
            hidden = norm(hidden + self.dropout(change)) * keep
        encoded: Tensor = hidden
        return encoded


class AttentionPool(nn.Module):
    """A learned weighted mean over time: `float32[B, T, d]` to `float32[B, d]`, zero where every step is masked."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.hidden = nn.Linear(width, width)
        self.score = nn.Linear(width, 1)

    def forward(self, steps: Tensor, mask: Tensor) -> Tensor:
        """Pool over the steps that the mask allows."""
        weights = masked_softmax(self.score(torch.tanh(self.hidden(steps))).squeeze(-1), mask)
        return torch.einsum("bt,btd->bd", weights, steps)


class CrossAttention(nn.Module):
    """Multi-head attention of one sequence to others: zero where there is nothing to attend to.

    Where to look is learned; what is brought back are the others' states themselves, without a projection of values
    and output, so that it stays in the space in which the modalities are compared.
    """

    def __init__(self, width: int, num_heads: int, dropout: float) -> None:
        super().__init__()
        self.num_heads = num_heads
        self.query = nn.Linear(width, width)
        self.key = nn.Linear(width, width)
        self.dropout = nn.Dropout(dropout)

    def forward(self, queries: Tensor, others: Tensor, others_mask: Tensor) -> Tensor:
        """Attend from `float32[B, T, d]` to `float32[B, S, d]` with `bool[B, S]`; returns `float32[B, T, d]`."""
        query, key, value = self._split(self.query(queries)), self._split(self.key(others)), self._split(others)
        scores = query @ key.transpose(-2, -1) / query.shape[-1] ** 0.5
        weights = self.dropout(masked_softmax(scores, others_mask[:, None, None, :]))
        attended: Tensor = (weights @ value).transpose(1, 2).flatten(2)
        return attended

    def _split(self, steps: Tensor) -> Tensor:
        """`float32[B, T, d]` to `float32[B, heads, T, d / heads]`."""
        return steps.view(*steps.shape[:2], self.num_heads, steps.shape[2] // self.num_heads).transpose(1, 2)


def masked_mean(steps: Tensor, mask: Tensor) -> Tensor:
    """Mean over time: `float32[B, T, d]` with `bool[B, T]` to `float32[B, d]`, zero where every step is masked."""
    weights = mask.to(steps.dtype)
    return torch.einsum("bt,btd->bd", weights, steps) / weights.sum(dim=1, keepdim=True).clamp(min=1)


def add_places(steps: Tensor) -> Tensor:
    """Add sines and cosines of each step's place to `float32[B, T, d]`, so that attention can tell when."""
    places = torch.arange(steps.shape[1], device=steps.device, dtype=steps.dtype)[:, None]
    frequencies = torch.arange(0, steps.shape[2], 2, device=steps.device, dtype=steps.dtype)
    angles = places / 10_000 ** (frequencies / steps.shape[2])
    waves = torch.stack([angles.sin(), angles.cos()], dim=-1).flatten(1)[:, : steps.shape[2]]
    return steps + waves


class CrossBlock(nn.Module):
    """A transformer's block whose queries and keys may come from different sequences (norm first).

        X ← X + W_o MultiHeadAttention(query LN(X), key = value = W_v LN(Y)),  X ← X + FFN(LN(X))

    Where Y is missing X only goes through the feed-forward layer: an absent modality adds nothing.
    """

    def __init__(self, width: int, num_heads: int, dropout: float) -> None:
        super().__init__()
        self.norms = nn.ModuleList(nn.LayerNorm(width) for _ in range(3))
        self.value = nn.Linear(width, width)
        self.attention = CrossAttention(width, num_heads, dropout)
        self.out = nn.Linear(width, width, bias=False)
        self.feed_forward = nn.Sequential(
            nn.Linear(width, 2 * width), nn.GELU(), nn.Dropout(dropout), nn.Linear(2 * width, width)
        )
        self.dropout = nn.Dropout(dropout)

    def forward(self, steps: Tensor, others: Tensor, others_mask: Tensor) -> Tensor:
        """From `float32[B, T, d]`, `float32[B, S, d]` and `bool[B, S]` to `float32[B, T, d]`."""
        attended = self.attention(self.norms[0](steps), self.value(self.norms[1](others)), others_mask)
        steps = steps + self.dropout(self.out(attended))
        changed: Tensor = steps + self.dropout(self.feed_forward(self.norms[2](steps)))
        return changed


class Encoders(nn.Module):
    """A `SequenceEncoder` for each modality, in the order of `input_dims`."""

    def __init__(self, input_dims: Mapping[str, int], width: int, dropout: float) -> None:
        super().__init__()
        self.modalities = tuple(input_dims)
        self.encoders = nn.ModuleList(SequenceEncoder(dims, width, dropout) for dims in input_dims.values())

    def forward(self, batch: Batch) -> tuple[list[Tensor], list[Tensor]]:
        """Return H_m `float32[B, T_m, d]` and their masks `bool[B, T_m]`."""
        masks = [batch.masks[modality] for modality in self.modalities]
        hidden = [
            encode(batch.sequences[modality], mask)
            for encode, modality, mask in zip(self.encoders, self.modalities, masks, strict=True)
        ]
        return hidden, masks
