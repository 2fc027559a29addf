"""Plain early concatenation, the yardstick: every modality is believed as far as training says, never case by case.

    H_m = Encoder_m(X_m)                      float32[B, T_m, d]
    u_m = AttentionPool(H_m)                  float32[B, d], 0 where missing
    prediction softmax(MLP([u_1; …; u_M; present]))

The encoders, the pooling and their sizes are those of the relevance network, so that a difference is one of fusion.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from sdme_tools.training.batches import Batch
from sdme_tools.training.losses import weighted_cross_entropy
from sdme_tools.training.networks import LossContext, NetworkConfig, NetworkOutput
from sdme_tools.training.networks.layers import AttentionPool, SequenceEncoder


class ConcatNetwork(nn.Module):
    """Encode, pool, concatenate, classify with one hidden layer."""

    has_warm_up = False
    uses_dialogue = False

    def __init__(self, input_dims: Mapping[str, int], num_classes: int, config: NetworkConfig) -> None:
        super().__init__()
        width = config.width
        self.modalities = tuple(input_dims)
        self.encoders = nn.ModuleList(SequenceEncoder(dims, width, config.dropout) for dims in input_dims.values())
        self.pools = nn.ModuleList(AttentionPool(width) for _ in input_dims)
        self.classify = nn.Sequential(
            nn.Linear(len(input_dims) * (width + 1), width),
            nn.GELU(),
            nn.Dropout(config.dropout),
            nn.Linear(width, num_classes),
        )

    def forward(self, batch: Batch) -> NetworkOutput:
        """Predict from all modalities at once."""
        summaries = [
            pool(encode(batch.sequences[modality], batch.masks[modality]), batch.masks[modality])
            for modality, encode, pool in zip(self.modalities, self.encoders, self.pools, strict=True)
        ]
        present = batch.present.to(summaries[0].dtype)
        return NetworkOutput(logits=self.classify(torch.cat([*summaries, present], dim=1)))

    def loss(self, output: NetworkOutput, batch: Batch, context: LossContext) -> dict[str, Tensor]:
        """Class-weighted cross-entropy of the label."""
        return {"label": weighted_cross_entropy(output.logits, batch.labels, context.class_weights)}
