"""The networks: one file each, one interface; where they are is said in `training.registry`.

A network reads a `Batch`, may find any modality missing, and says what it believes; it also knows its own loss, because
what is learned beside the label is what tells the networks apart.
"""

from __future__ import annotations

import importlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Protocol, Self, cast

from pydantic import BaseModel, ConfigDict, Field, model_validator
from torch import Tensor, nn

from sdme_tools.errors import TrainingError
from sdme_tools.training.batches import Batch
from sdme_tools.training.registry import NETWORKS


class NetworkConfig(BaseModel):
    """What the networks may be told; each takes what concerns it.

    The weights of the losses are those that benchmarks/relevance_generated.py and networks_generated.py measure; 0
    leaves a loss out.

    Attributes:
        width: d, the size of every hidden vector; a multiple of `num_heads`.
        num_heads: Heads of every attention.
        dropout: Share of hidden values dropped in training, 0 to 1.
        temperature: What contrastive losses divide similarities by; where it is learned, its start.
        lambda_rse: relevance: weight of the relevant semantic estimation loss; with 0 there is no warm-up either.
        lambda_con: relevance: weight of the contrastive loss.
        lambda_avel: foal: weight α of the alignment of emotions.
        lambda_mem: foal: weight β of the matching of labels.
        lambda_nce: mmmie: weight of the lower bound of the information between modalities.
        lambda_club: mmmie: weight of the upper bound of the information between a modality's input and its features.
        max_dialogue: mmmie: most utterances seen together; longer dialogues are cut, 1 is no context at all.
        use_identity: mmmie: whether modality, role and place are told by embeddings.
        modality: unimodal: which one; None where the features have only one.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    width: int = Field(default=32, ge=8)
    num_heads: int = Field(default=4, ge=1)
    dropout: float = Field(default=0.2, ge=0, lt=1)
    temperature: float = Field(default=0.07, gt=0)
    lambda_rse: float = Field(default=1.0, ge=0)
    lambda_con: float = Field(default=0.5, ge=0)
    lambda_avel: float = Field(default=0.5, ge=0)
    lambda_mem: float = Field(default=0.5, ge=0)
    lambda_nce: float = Field(default=0.2, ge=0)
    lambda_club: float = Field(default=1.0, ge=0)
    max_dialogue: int = Field(default=32, ge=1)
    use_identity: bool = True
    modality: str | None = None

    @model_validator(mode="after")
    def _check_heads(self) -> Self:
        if self.width % self.num_heads:
            raise ValueError(f"width: got {self.width}, expected a multiple of num_heads = {self.num_heads}")
        return self


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
        uses_dialogue: Whether its batches must be made of whole dialogues, or windows of them. Such a batch also holds
            utterances that are there as context only, with the label -1: its loss leaves them out.
    """

    has_warm_up: bool
    uses_dialogue: bool

    def __call__(self, batch: Batch) -> NetworkOutput:
        """Predict; padding and missing modalities must change nothing."""

    def loss(self, output: NetworkOutput, batch: Batch, context: LossContext) -> dict[str, Tensor]:
        """Return the terms of the loss by name, already weighted: their sum is minimised."""

    def parameters(self) -> Iterator[nn.Parameter]:
        """As of `torch.nn.Module`."""


def build_network(name: str, input_dims: Mapping[str, int], num_classes: int, config: NetworkConfig) -> nn.Module:
    """Make a network with fresh weights.

    Args:
        name: A key of `registry.NETWORKS`, or "package.module:Class" of your own.
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
