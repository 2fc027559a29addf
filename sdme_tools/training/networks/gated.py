"""Gated fusion, a yardstick: each modality has a gate per dimension that all of them set together; no tensor product.

m over the modalities present, ⊙ by element:

    u_m = AttentionPool_m(Encoder_m(X_m))                          float32[B, d], 0 where missing
    h_m = tanh(W_m u_m)                                            float32[B, d]
    g_m = σ(V_m [u_1; …; u_M; present])                            float32[B, d], 0 where missing
    p   = softmax(W_c Σ_m g_m ⊙ h_m)

    L = CE(p, y), weighted by class

Source: Arevalo et al. 2017, arXiv 1702.01992 (the gated multimodal unit, its form for more than two modalities). Ours:
encoders and pooling, which are those of the other networks, and the masks, `present` among what gates see.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from sdme_tools.training.batches import Batch
from sdme_tools.training.losses import weighted_cross_entropy
from sdme_tools.training.networks import LossContext, NetworkConfig, NetworkOutput
from sdme_tools.training.networks.layers import AttentionPool, Encoders


class GatedNetwork(nn.Module):
    """Encode, pool, gate, sum, classify."""

    has_warm_up = False
    uses_dialogue = False

    def __init__(self, input_dims: Mapping[str, int], num_classes: int, config: NetworkConfig) -> None:
        super().__init__()
        width, num_modalities = config.width, len(input_dims)
        self.encode = Encoders(input_dims, width, config.dropout)
        self.pools = nn.ModuleList(AttentionPool(width) for _ in input_dims)
        self.hidden = nn.ModuleList(nn.Linear(width, width) for _ in input_dims)
        self.gate = nn.Linear(num_modalities * (width + 1), num_modalities * width)
        self.dropout = nn.Dropout(config.dropout)
        self.classify = nn.Linear(width, num_classes)

    def forward(self, batch: Batch) -> NetworkOutput:
        """Predict from the gated sum."""
        sequences, masks = self.encode(batch)
        summaries = [pool(steps, mask) for pool, steps, mask in zip(self.pools, sequences, masks, strict=True)]
        hidden = torch.stack([torch.tanh(turn(own)) for turn, own in zip(self.hidden, summaries, strict=True)], dim=1)
        seen = torch.cat([*summaries, batch.present.to(hidden.dtype)], dim=1)
        gates = self.gate(seen).sigmoid().view_as(hidden) * batch.present[:, :, None]
        return NetworkOutput(self.classify(self.dropout((gates * hidden).sum(dim=1))))

    def loss(self, output: NetworkOutput, batch: Batch, context: LossContext) -> dict[str, Tensor]:
        """Class-weighted cross-entropy of the label."""
        return {"label": weighted_cross_entropy(output.logits, batch.labels, context.class_weights)}
