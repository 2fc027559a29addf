"""Late fusion, a yardstick: every modality decides alone, and what they say is averaged.

m over the modalities present:

    u_m = AttentionPool_m(Encoder_m(X_m))     float32[B, d]
    p_m = softmax(W_m u_m)                    float32[B, M, C]
    p   = mean over m of p_m                  float32[B, C]

    L = mean over m of CE(p_m, y), weighted by class: the modalities learn alone too, nothing is learned of the average

Encoders and pooling are those of the other networks. All ours, nothing of it new.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from sdme_tools.errors import TrainingError
from sdme_tools.training.batches import Batch
from sdme_tools.training.losses import unimodal_cross_entropy
from sdme_tools.training.networks import LossContext, NetworkConfig, NetworkOutput
from sdme_tools.training.networks.layers import AttentionPool, Encoders

_SMALLEST_PROBABILITY = 1e-6


class LateNetwork(nn.Module):
    """A classifier for each modality, and the mean of their probabilities."""

    has_warm_up = False
    uses_dialogue = False

    def __init__(self, input_dims: Mapping[str, int], num_classes: int, config: NetworkConfig) -> None:
        super().__init__()
        self.encode = Encoders(input_dims, config.width, config.dropout)
        self.pools = nn.ModuleList(AttentionPool(config.width) for _ in input_dims)
        self.heads = nn.ModuleList(nn.Linear(config.width, num_classes) for _ in input_dims)

    def forward(self, batch: Batch) -> NetworkOutput:
        """Predict from each modality present, and average."""
        hidden, masks = self.encode(batch)
        unimodal = torch.stack(
            [
                head(pool(steps, mask))
                for head, pool, steps, mask in zip(self.heads, self.pools, hidden, masks, strict=True)
            ],
            dim=1,
        )
        mean = torch.einsum("bm,bmc->bc", _shares(batch.present), unimodal.softmax(dim=-1))
        return NetworkOutput(mean.clamp(min=_SMALLEST_PROBABILITY).log(), unimodal_logits=unimodal)

    def loss(self, output: NetworkOutput, batch: Batch, context: LossContext) -> dict[str, Tensor]:
        """Class-weighted cross-entropy of each modality alone."""
        if output.unimodal_logits is None:
            raise TrainingError("the late fusion loss got the output of another network", cure="pair each with its own")
        shares = _shares(batch.present)
        losses = unimodal_cross_entropy(
            output.unimodal_logits, batch.labels, batch.present, shares, context.class_weights
        )
        return {"label": losses}


def _shares(present: Tensor) -> Tensor:
    """Equal shares of the modalities present, `float32[B, M]`."""
    return present / present.sum(dim=1, keepdim=True).clamp(min=1)
