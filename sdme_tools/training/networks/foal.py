"""Foal-Net: modalities are aligned by emotion before they are fused, and fusion also learns which of them match.

m, n over the modalities, every unordered pair (m, n) is treated as the paper treats audio and video; B utterances, T_m
steps, d = width:

    H_m  = Encoder_m(X_m)                                                      float32[B, T_m, d]
    e_m  = normalise(P_m mean_t H_m),  P x = W_1 x + W_2 GELU(W_1 x)           float32[B, d]
    S_mn = e_m e_nᵀ / τ,  τ learned, 0.07 at the start                         float32[B, B]
    two layers:  H_mn ← CrossBlock(H_mn, H_nm),  H_nm ← CrossBlock(H_nm, H_mn),  beginning with H_m and H_n
    f_mn = [mean_t H_mn; mean_t H_nm]                                          float32[B, 2d]
    p    = softmax(MLP([f_mn of every pair; present]))

    L      = CE(p, y) + α Σ_mn L_AVEL + β Σ_mn L_MEM                           CE weighted by class
    L_AVEL = losses_matching.emotion_alignment(S_mn): pairs of the batch with the same emotion are positives
    L_MEM  = losses_matching.label_matching(MLP f): the utterance's own (m, n) against (m, n of a hard negative) and
             (m of a hard negative, n), each drawn among other emotions with probability softmax(S)

A pair of which one modality is missing gives no loss beside the label's, and the one that is there sees nobody. In the
sums over pairs only M (M − 1) / 2 = 1 is the paper's.

What is whose. The paper (Li et al. 2024, "Enhancing Modal Fusion by Alignment and Label Matching for Multimodal Emotion
Recognition", arXiv 2408.09438) has audio (WavLM) and video (CLIP) and d = 512; AVEL, MEM and the fusion are its. Ours:
any pair or more modalities; light encoders before the alignment instead of large frozen ones; targets of AVEL shared
out over an anchor's positives, so that a common emotion does not weigh more per anchor; class weights in every loss;
matched and mismatched pairs counting alike; transformer blocks (norm first, feed-forward) around the cross-attention;
masks.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from sdme_tools.errors import TrainingError
from sdme_tools.training.batches import Batch
from sdme_tools.training.losses import weighted_cross_entropy
from sdme_tools.training.losses_matching import draw_hard_negatives, emotion_alignment, label_matching
from sdme_tools.training.networks import LossContext, NetworkConfig, NetworkOutput
from sdme_tools.training.networks.layers import CrossBlock, Encoders, masked_mean

_LARGEST_SCALE = 100.0


@dataclass(frozen=True, eq=False)
class FoalOutput(NetworkOutput):
    """Also what the two tasks beside the label need; `embeddings` are the e_m.

    Attributes:
        hidden: For each modality H_m, `float32[B, T_m, d]`.
        fused: For each pair f_mn, `float32[B, 2d]`.
    """

    hidden: tuple[Tensor, ...] = ()
    fused: tuple[Tensor, ...] = ()


class FoalNetwork(nn.Module):
    """Encode, align, fuse in pairs, classify: the equations of the module."""

    has_warm_up = False
    uses_dialogue = False

    def __init__(self, input_dims: Mapping[str, int], num_classes: int, config: NetworkConfig) -> None:
        super().__init__()
        if len(input_dims) < 2:
            raise TrainingError(
                f"network foal: got the modalities {', '.join(input_dims)}, expected at least two to align",
                cure="train unimodal on them, or bring features of another modality",
            )
        width = config.width
        self.config = config
        self.modalities = tuple(input_dims)
        self.pairs = list(itertools.combinations(range(len(input_dims)), 2))
        self.encode = Encoders(input_dims, width, config.dropout)
        self.projections = nn.ModuleList(_Projection(width, config.dropout) for _ in input_dims)
        self.log_scale = nn.Parameter(torch.tensor(-math.log(config.temperature)))
        self.fusions = nn.ModuleList(_PairFusion(width, config.num_heads, config.dropout) for _ in self.pairs)
        self.match = nn.ModuleList(
            nn.Sequential(nn.Linear(2 * width, width), nn.GELU(), nn.Linear(width, 1)) for _ in self.pairs
        )
        self.classify = nn.Sequential(
            nn.Linear(2 * width * len(self.pairs) + len(input_dims), width),
            nn.GELU(),
            nn.Dropout(config.dropout),
            nn.Linear(width, num_classes),
        )

    def forward(self, batch: Batch) -> FoalOutput:
        """Predict from every pair of modalities."""
        hidden, masks = self.encode(batch)
        embeddings = [
            project(masked_mean(steps, mask))
            for project, steps, mask in zip(self.projections, hidden, masks, strict=True)
        ]
        fused = [
            fuse(hidden[one], hidden[other], masks[one], masks[other])
            for (one, other), fuse in zip(self.pairs, self.fusions, strict=True)
        ]
        present = batch.present.to(fused[0].dtype)
        return FoalOutput(
            logits=self.classify(torch.cat([*fused, present], dim=1)),
            embeddings=torch.stack(embeddings, dim=1),
            hidden=tuple(hidden),
            fused=tuple(fused),
        )

    def loss(self, output: NetworkOutput, batch: Batch, context: LossContext) -> dict[str, Tensor]:
        """Terms "label", "alignment" (AVEL) and "matching" (MEM); a task of weight 0 is not computed."""
        if not isinstance(output, FoalOutput) or output.embeddings is None:
            raise TrainingError("the Foal-Net loss got the output of another network", cure="pair each with its own")
        terms = {"label": weighted_cross_entropy(output.logits, batch.labels, context.class_weights)}
        scale = self.log_scale.exp().clamp(max=_LARGEST_SCALE)
        embeddings = functional.normalize(output.embeddings, dim=-1)
        alignment, matching = [], []
        for place, (one, other) in enumerate(self.pairs):
            similarity = scale * embeddings[:, one] @ embeddings[:, other].T
            first, second = batch.present[:, one], batch.present[:, other]
            if self.config.lambda_avel > 0:
                alignment.append(emotion_alignment(similarity, batch.labels, first, second, context.class_weights))
            if self.config.lambda_mem > 0:
                matching.append(self._match(place, similarity, output, batch, context.class_weights))
        if alignment:
            terms["alignment"] = self.config.lambda_avel * torch.stack(alignment).sum()
        if matching:
            terms["matching"] = self.config.lambda_mem * torch.stack(matching).sum()
        return terms

    def _match(self, place: int, similarity: Tensor, output: FoalOutput, batch: Batch, class_weights: Tensor) -> Tensor:
        """L_MEM of the pair at `place`."""
        one, other = self.pairs[place]
        labels, first, second = batch.labels, batch.present[:, one], batch.present[:, other]
        of_second = draw_hard_negatives(similarity, labels, first, second)
        of_first = draw_hard_negatives(similarity.T, labels, second, first)
        with_second, with_first = (of_second >= 0).nonzero().squeeze(1), (of_first >= 0).nonzero().squeeze(1)
        left = torch.cat([with_second, of_first[with_first]])
        right = torch.cat([of_second[with_second], with_first])
        masks = [batch.masks[self.modalities[index]] for index in (one, other)]
        mismatched = self.fusions[place](
            output.hidden[one][left], output.hidden[other][right], masks[0][left], masks[1][right]
        )
        own = (first & second).nonzero().squeeze(1)
        classify, weights = self.match[place], class_weights[labels]
        return label_matching(
            classify(output.fused[place][own]).squeeze(1),
            classify(mismatched).squeeze(1),
            weights[own],
            weights[torch.cat([with_second, with_first])],
        )


class _Projection(nn.Module):
    """P: a linear layer and a residual GELU block, `float32[B, d]` to `float32[B, d]`."""

    def __init__(self, width: int, dropout: float) -> None:
        super().__init__()
        self.project = nn.Linear(width, width)
        self.change = nn.Linear(width, width)
        self.dropout = nn.Dropout(dropout)

    def forward(self, summary: Tensor) -> Tensor:
        """Project."""
        projected = self.project(summary)
        return torch.add(projected, self.dropout(self.change(functional.gelu(projected))))


class _PairFusion(nn.Module):
    """Two layers of cross-attention in both directions, and the masked means of both sides: f_mn."""

    def __init__(self, width: int, num_heads: int, dropout: float, num_layers: int = 2) -> None:
        super().__init__()
        self.forth = nn.ModuleList(CrossBlock(width, num_heads, dropout) for _ in range(num_layers))
        self.back = nn.ModuleList(CrossBlock(width, num_heads, dropout) for _ in range(num_layers))

    def forward(self, first: Tensor, second: Tensor, first_mask: Tensor, second_mask: Tensor) -> Tensor:
        """From `float32[B, T, d]` and `float32[B, S, d]` to `float32[B, 2d]`."""
        for forth, back in zip(self.forth, self.back, strict=True):
            first, second = forth(first, second, second_mask), back(second, first, first_mask)
        return torch.cat([masked_mean(first, first_mask), masked_mean(second, second_mask)], dim=1)
