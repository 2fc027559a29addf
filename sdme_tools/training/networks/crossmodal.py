"""The cross-modal transformer, a yardstick: each modality is rewritten by looking at each of the others.

n ≠ m over the modalities, X ← CrossBlock(X, Y) as in `layers`:

    H_m  = Encoder_m(X_m) + place                                          float32[B, T_m, d]
    Z_mn = CrossBlock_mn(H_m, H_n)                                         float32[B, T_m, d]
    Z_m  = SelfBlock_m(mean over n of Z_mn)                                float32[B, T_m, d], H_m alone where M = 1
    p    = softmax(MLP([mean_t Z_1; …; mean_t Z_M; present]))

    L = CE(p, y), weighted by class

A missing modality is looked at by nobody, and its own summary is 0.

Source: Tsai et al. 2019, arXiv 1906.00295 (multimodal transformer for unaligned sequences). Ours, to stay the size of
the other networks: one block a pair and one on top instead of five, the mean instead of the concatenation over n, the
masked mean instead of the last step, and their convolution is our encoder.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from sdme_tools.training.batches import Batch
from sdme_tools.training.losses import weighted_cross_entropy
from sdme_tools.training.networks import LossContext, NetworkConfig, NetworkOutput
from sdme_tools.training.networks.layers import CrossBlock, Encoders, add_places, masked_mean


class CrossmodalNetwork(nn.Module):
    """Encode, look at the others, look at oneself, pool, concatenate, classify."""

    has_warm_up = False
    uses_dialogue = False

    def __init__(self, input_dims: Mapping[str, int], num_classes: int, config: NetworkConfig) -> None:
        super().__init__()
        width, places = config.width, range(len(input_dims))
        self.encode = Encoders(input_dims, width, config.dropout)
        self.pairs = [(one, other) for one in places for other in places if one != other]
        self.across = nn.ModuleList(CrossBlock(width, config.num_heads, config.dropout) for _ in self.pairs)
        self.within = nn.ModuleList(CrossBlock(width, config.num_heads, config.dropout) for _ in places)
        self.classify = nn.Sequential(
            nn.Linear(len(input_dims) * (width + 1), width),
            nn.GELU(),
            nn.Dropout(config.dropout),
            nn.Linear(width, num_classes),
        )

    def forward(self, batch: Batch) -> NetworkOutput:
        """Predict from all modalities, each rewritten by the others."""
        encoded, masks = self.encode(batch)
        hidden = [add_places(steps) for steps in encoded]
        rewritten: list[list[Tensor]] = [[] for _ in hidden]
        for (one, other), block in zip(self.pairs, self.across, strict=True):
            rewritten[one].append(block(hidden[one], hidden[other], masks[other]))
        summaries = []
        for steps, others, block, mask in zip(hidden, rewritten, self.within, masks, strict=True):
            joined = torch.stack(others).mean(dim=0) if others else steps
            summaries.append(masked_mean(block(joined, joined, mask), mask))
        present = batch.present.to(summaries[0].dtype)
        return NetworkOutput(logits=self.classify(torch.cat([*summaries, present], dim=1)))

    def loss(self, output: NetworkOutput, batch: Batch, context: LossContext) -> dict[str, Tensor]:
        """Class-weighted cross-entropy of the label."""
        return {"label": weighted_cross_entropy(output.logits, batch.labels, context.class_weights)}
