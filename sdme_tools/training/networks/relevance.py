"""The relevance network: which modalities of a clip mean the same, and fusion of those.

m over the modalities present, d = width, B utterances, T_m steps:

    H_m = Encoder_m(X_m)                                               float32[B, T_m, d]
    u_m = AttentionPool_m(H_m)                own summary              float32[B, d]
    R_m = MultiHeadAttention(query H_m, key = value = [H_n, n ≠ m])    float32[B, T_m, d]
    s_m = AttentionPool(R_m)                  relevant summary         float32[B, d]
    α   = softmax_m wᵀ tanh(W [u_m; s_m; u_m ⊙ s_m] + b)               float32[B, M], sums to 1
    z   = Σ_m α_m LayerNorm(u_m + s_m)                                 float32[B, d]
    p   = softmax(W_c z),  p_m = softmax(W_m u_m)

    L     = CE(p, y) + λ_rse L_rse + λ_con L_con                       CE weighted by class
    L_rse = Σ_m α_m CE(p_m, y) + KL(t ‖ α),  t_m ∝ stop_gradient(p_m[y]), or people's relevance where known
    L_con = supervised contrast of the u_m across modalities, pairs weighted by α   (losses.cross_modal_contrastive)

In the warm-up, L is Σ_m CE(p_m, y) / M · λ_rse + λ_con L_con with equal weights: encoders and heads learn, nothing
is weighed yet.

What is whose. Of the paper (Zhang et al. 2023, "Bridging the Emotional Semantic Gap via Multimodal Relevance
Estimation", arXiv 2302.01555) only the abstract is known to us: attention gives each modality a semantic relevance
weight, a relevant semantic estimation loss supervises each modality weakly, contrastive learning brings
category-level semantics of the modalities together. The equations above are our reading of it. Entirely ours:
people's relevance as target; attention without projections of value and output, so that s_m lies in the space of u_m;
and a start of W and w at which α already prefers what agrees (u_m · s_m), which a few hundred utterances are too few
to find.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from sdme_tools.errors import TrainingError
from sdme_tools.training.batches import Batch
from sdme_tools.training.losses import (
    cross_modal_contrastive,
    relevance_divergence,
    relevance_target,
    unimodal_cross_entropy,
    weighted_cross_entropy,
)
from sdme_tools.training.networks import LossContext, NetworkConfig, NetworkOutput
from sdme_tools.training.networks.layers import AttentionPool, CrossAttention, SequenceEncoder, masked_softmax

_AGREEMENT_GAIN = 4.0


class RelevanceNetwork(nn.Module):
    """Encode, ask the others, weigh, fuse: the equations of the module."""

    has_warm_up = True
    uses_dialogue = False

    def __init__(self, input_dims: Mapping[str, int], num_classes: int, config: NetworkConfig) -> None:
        super().__init__()
        width = config.width
        self.config = config
        self.modalities = tuple(input_dims)
        self.encoders = nn.ModuleList(SequenceEncoder(dims, width, config.dropout) for dims in input_dims.values())
        self.own_pools = nn.ModuleList(AttentionPool(width) for _ in input_dims)
        self.heads = nn.ModuleList(nn.Linear(width, num_classes) for _ in input_dims)
        self.attention = CrossAttention(width, config.num_heads, config.dropout)
        self.relevant_pool = AttentionPool(width)
        self.weigh_hidden = nn.Linear(3 * width, width)
        self.weigh = nn.Linear(width, 1, bias=False)
        self.norm = nn.LayerNorm(width)
        self.classify = nn.Linear(width, num_classes)
        self._start_at_agreement(width)

    def forward(self, batch: Batch) -> NetworkOutput:
        """Predict from the modalities present, and say how far each was believed."""
        masks = [batch.masks[modality] for modality in self.modalities]
        hidden = [
            encode(batch.sequences[modality], mask)
            for encode, modality, mask in zip(self.encoders, self.modalities, masks, strict=True)
        ]
        summaries = [pool(steps, mask) for pool, steps, mask in zip(self.own_pools, hidden, masks, strict=True)]
        own = torch.stack(summaries, dim=1)
        relevant = torch.stack([self._ask_others(place, hidden, masks) for place in range(len(hidden))], dim=1)
        evidence = torch.cat([own, relevant, own * relevant], dim=-1)
        scores = self.weigh(torch.tanh(self.weigh_hidden(evidence))).squeeze(-1)
        relevance = masked_softmax(scores, batch.present)
        fused = torch.einsum("bm,bmd->bd", relevance, self.norm(own + relevant))
        unimodal = torch.stack([head(summary) for head, summary in zip(self.heads, summaries, strict=True)], dim=1)
        return NetworkOutput(self.classify(fused), unimodal, relevance, own)

    def loss(self, output: NetworkOutput, batch: Batch, context: LossContext) -> dict[str, Tensor]:
        """Terms "semantics" (Σ α CE) and "contrast", and after the warm-up "relevance" (KL) and "label"."""
        unimodal, relevance, embeddings = output.unimodal_logits, output.relevance, output.embeddings
        if unimodal is None or relevance is None or embeddings is None:
            raise TrainingError("the relevance loss got the output of another network", cure="pair each with its own")
        present, labels, weights, config = batch.present, batch.labels, context.class_weights, self.config
        shares = present / present.sum(dim=1, keepdim=True).clamp(min=1) if context.warm_up else relevance
        semantics = unimodal_cross_entropy(unimodal, labels, present, shares, weights)
        contrast = cross_modal_contrastive(embeddings, labels, present, shares, temperature=config.temperature)
        terms = {"semantics": config.lambda_rse * semantics, "contrast": config.lambda_con * contrast}
        if not context.warm_up:
            target = relevance_target(unimodal, labels, present, batch.human_relevance)
            terms["relevance"] = config.lambda_rse * relevance_divergence(relevance, target, present)
            terms["label"] = weighted_cross_entropy(output.logits, labels, weights)
        return terms

    def _ask_others(self, place: int, hidden: list[Tensor], masks: list[Tensor]) -> Tensor:
        """s_m of the modality at `place`, `float32[B, d]`; zero where it, or every other, is missing."""
        others = [index for index in range(len(hidden)) if index != place]
        if not others:
            return torch.zeros_like(hidden[place][:, 0])
        attended = self.attention(
            hidden[place],
            torch.cat([hidden[index] for index in others], dim=1),
            torch.cat([masks[index] for index in others], dim=1),
        )
        pooled: Tensor = self.relevant_pool(attended, masks[place])
        return pooled

    def _start_at_agreement(self, width: int) -> None:
        """Let a quarter of the hidden units begin as u_m · s_m / d, so that what agrees is believed from the start."""
        num_units = width // 4
        with torch.no_grad():
            self.weigh_hidden.weight[:num_units] = 0.0
            self.weigh_hidden.weight[:num_units, 2 * width :] = 1.0 / width
            self.weigh_hidden.bias[:num_units] = 0.0
            self.weigh.weight[:, :num_units] = _AGREEMENT_GAIN / num_units
