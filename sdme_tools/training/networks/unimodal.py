"""One modality alone, the yardstick that fusion has to beat.

    H = Encoder(X_m)                          float32[B, T_m, d]
    p = softmax(W AttentionPool(H) + b)       float32[B, C];  a learned prior where the modality is missing

Encoder and pooling are those of the other networks. An utterance without the modality is still judged, so that figures
of all networks are of the same utterances. Loss: cross-entropy weighted by class. All ours, nothing of it new.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from sdme_tools.errors import TrainingError
from sdme_tools.training.batches import Batch
from sdme_tools.training.losses import weighted_cross_entropy
from sdme_tools.training.networks import LossContext, NetworkConfig, NetworkOutput
from sdme_tools.training.networks.layers import AttentionPool, SequenceEncoder


class UnimodalNetwork(nn.Module):
    """Encode, pool, classify the modality that `config.modality` names."""

    has_warm_up = False
    uses_dialogue = False

    def __init__(self, input_dims: Mapping[str, int], num_classes: int, config: NetworkConfig) -> None:
        super().__init__()
        modality = config.modality
        if modality is None and len(input_dims) == 1:
            modality = next(iter(input_dims))
        if modality is None or modality not in input_dims:
            raise TrainingError(
                f"network unimodal: got modality {modality}, expected one of {', '.join(input_dims)}",
                cure="name one of them with --modality",
            )
        self.modality, self.place = modality, list(input_dims).index(modality)
        self.encode = SequenceEncoder(input_dims[modality], config.width, config.dropout)
        self.pool = AttentionPool(config.width)
        self.classify = nn.Linear(config.width, num_classes)
        self.prior = nn.Parameter(torch.zeros(num_classes))

    def forward(self, batch: Batch) -> NetworkOutput:
        """Predict from the modality, or from nothing where it is missing."""
        mask = batch.masks[self.modality]
        logits = self.classify(self.pool(self.encode(batch.sequences[self.modality], mask), mask))
        return NetworkOutput(torch.where(batch.present[:, self.place, None], logits, self.prior))

    def loss(self, output: NetworkOutput, batch: Batch, context: LossContext) -> dict[str, Tensor]:
        """Class-weighted cross-entropy of the label."""
        return {"label": weighted_cross_entropy(output.logits, batch.labels, context.class_weights)}
