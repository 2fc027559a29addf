"""The networks: one file each, one interface, and a plain dict of where they are.

A network reads a `Batch`, may find any modality missing, and says what it believes; it also knows its own loss, because
what is learned beside the label is what tells the networks apart.
"""

from __future__ import annotations

import importlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Protocol, cast

from torch import Tensor, nn

from sdme_tools.errors import TrainingError
from sdme_tools.training.batches import Batch

NETWORKS = {
    "relevance": "sdme_tools.training.networks.relevance:RelevanceNetwork",
    "concat": "sdme_tools.training.networks.concat:ConcatNetwork",
}


@dataclass(frozen=True)
class NetworkConfig:
    """What the networks may be told; each takes what concerns it.

    Attributes:
        width: d, the size of every hidden vector; a multiple of `num_heads`.
        num_heads: Heads of every attention.
        dropout: Share of hidden values dropped in training, 0 to 1.
        lambda_rse: Weight of the relevant semantic estimation loss.
        lambda_con: Weight of the contrastive loss.
        temperature: What the contrastive loss divides similarities by.
    """

    width: int = 64
    num_heads: int = 4
    dropout: float = 0.2
    lambda_rse: float = 1.0
    lambda_con: float = 0.5
    temperature: float = 0.07


@dataclass(frozen=True, eq=False)
class NetworkOutput:
    """What a network says about B utterances.

    Attributes:
        logits: `float32[B, C]`, the prediction.
        unimodal_logits: `float32[B, M, C]`, of each modality alone.
        relevance: `float32[B, M]`, sums to 1 over the modalities present, 0 for a missing one.
        embeddings: `float32[B, M, d]`, what the contrastive loss compares.
    """

    logits: Tensor
    unimodal_logits: Tensor | None = None
    relevance: Tensor | None = None
    embeddings: Tensor | None = None


@dataclass(frozen=True, eq=False)
class LossContext:
    """What a loss needs beside the batch: `float32[C]` class weights, and whether this is the warm-up."""

    class_weights: Tensor
    warm_up: bool = False


class Network(Protocol):
    """A fusion network; every implementation is also a `torch.nn.Module`.

    Attributes:
        has_warm_up: Whether its loss differs in the warm-up; its prediction is not judged meanwhile.
    """

    has_warm_up: bool

    def __call__(self, batch: Batch) -> NetworkOutput:
        """Predict; padding and missing modalities must change nothing."""

    def loss(self, output: NetworkOutput, batch: Batch, context: LossContext) -> dict[str, Tensor]:
        """Return the terms of the loss by name, already weighted: their sum is minimised."""

    def parameters(self) -> Iterator[nn.Parameter]:
        """As of `torch.nn.Module`."""


def build_network(name: str, input_dims: Mapping[str, int], num_classes: int, config: NetworkConfig) -> nn.Module:
    """Make a network with fresh weights.

    Args:
        name: A key of `NETWORKS`, or "package.module:Class" of your own.
        input_dims: Number of features D_m of each modality, in the order of every `[.., M]` array.
        num_classes: C.
        config: Sizes and weights.

    Raises:
        TrainingError: The name is not known, or nothing can be imported under it.
    """
    address = NETWORKS.get(name, name)
    module_name, colon, class_name = address.partition(":")
    cure = f"use one of {', '.join(sorted(NETWORKS))}, or module:Class of a network that can be imported"
    if not colon:
        raise TrainingError(f"network {name!r} is not known", cure=cure)
    try:
        network_class = getattr(importlib.import_module(module_name), class_name)
    except (ImportError, AttributeError) as error:
        raise TrainingError(f"network {name!r} can't be imported: {error}", cure=cure) from error
    return cast(nn.Module, network_class(input_dims, num_classes, config))
