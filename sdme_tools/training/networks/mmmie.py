"""MMMIE: features that keep what modalities share, drop the rest of the input, and are read in their dialogue.

m, n over the modalities, U utterances of a dialogue, d = width:

    x_m  = mean_t X_m                           the input's summary, q's condition        float32[B, D_m]
    h_m  = LayerNorm(AttentionPool_m(Encoder_m(X_m)))                                     float32[B, d], 0 where missing
    token of utterance u and modality m:  h_m + E_modality[m] + E_role[role of the speaker] + E_place[place of u]
    Z    = Transformer(all tokens of the dialogue)                                        float32[G, U · M, d]
    p_u  = softmax(W_c LayerNorm(mean over m of Z_um))

    L      = CE(p, y) + λ_nce mean_mn InfoNCE(h_m, h_n) + λ_club mean_m vCLUB(x_m; h_m) / d + mean_m fit
             CE is weighted by class, the bounds are not
    q_m    = N(μ_m(x_m), exp(s_m(x_m))),  s = tanh(·), so that q can't be ever narrower          two-layer perceptrons
    fit    = −log q_m(h_m | x_m) / d,  h_m without gradient
    vCLUB  = losses_information.club_bound with q_m without gradient

Fitting q and pushing the bound down are two problems, not one sum. Here both are solved one step per batch by one
optimiser: `fit` reaches only q's weights (h is detached), and vCLUB only the encoder's (q's weights are), so that
AdamW, which treats each weight by itself, does what two optimisers in turn would. All that the two share is the
clipping of a large gradient.

The dialogue is looked at in both directions, as a finished recording allows. Without dialogues in the features each
utterance is one. In a longer dialogue than `max_dialogue` the place is that in its window; roles beyond the last
embedding share it. Utterances there as context (label −1) take part in all but the label's loss.

What is whose. Of the paper (Zheng et al. 2022, "Multimodal Representations Learning Based on Mutual Information
Maximization and Minimization and Identity Embedding for Multimodal Sentiment Analysis", arXiv 2201.03969) only the
abstract is known to us: information between modal pairs is maximised, information between input and features minimised,
and an identity embedding prompts the network to perceive context. The choice of bounds (InfoNCE; vCLUB of Cheng et al.
2020, arXiv 2006.12013), what is embedded, and all equations are our reading. The bound is one of I(mean_t X; h) and not
of I(X; h): what h keeps of the order of steps is free of charge. Classes only; the paper also predicts sentiment as a
number.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.func import functional_call

from sdme_tools.errors import TrainingError
from sdme_tools.training.batches import Batch
from sdme_tools.training.losses import weighted_cross_entropy
from sdme_tools.training.losses_information import club_bound, gaussian_misfit, info_nce
from sdme_tools.training.networks import LossContext, NetworkConfig, NetworkOutput
from sdme_tools.training.networks.layers import AttentionPool, CrossBlock, Encoders, masked_mean

_NUM_ROLES = 4
_NUM_LAYERS = 2


@dataclass(frozen=True, eq=False)
class MmmieOutput(NetworkOutput):
    """Also x_m of each modality, `float32[B, D_m]`; `embeddings` are the h_m."""

    inputs: tuple[Tensor, ...] = ()


class MmmieNetwork(nn.Module):
    """Encode, name the tokens, read the dialogue, classify each utterance: the equations of the module."""

    has_warm_up = False
    uses_dialogue = True

    def __init__(self, input_dims: Mapping[str, int], num_classes: int, config: NetworkConfig) -> None:
        super().__init__()
        width = config.width
        self.config = config
        self.modalities = tuple(input_dims)
        self.encode = Encoders(input_dims, width, config.dropout)
        self.pools = nn.ModuleList(AttentionPool(width) for _ in input_dims)
        self.norms = nn.ModuleList(nn.LayerNorm(width) for _ in input_dims)
        self.likelihoods = nn.ModuleList(_Likelihood(dims, width) for dims in input_dims.values())
        self.identity = _IdentityEmbedding(width, len(input_dims), config.max_dialogue) if config.use_identity else None
        self.blocks = nn.ModuleList(CrossBlock(width, config.num_heads, config.dropout) for _ in range(_NUM_LAYERS))
        self.last_norm = nn.LayerNorm(width)
        self.classify = nn.Linear(width, num_classes)

    def forward(self, batch: Batch) -> MmmieOutput:
        """Predict every utterance of the batch from its dialogue."""
        encoded, masks = self.encode(batch)
        features = torch.stack(
            [
                norm(pool(steps, mask))
                for norm, pool, steps, mask in zip(self.norms, self.pools, encoded, masks, strict=True)
            ],
            dim=1,
        )
        features = torch.where(batch.present[:, :, None], features, 0.0)
        tokens = features if self.identity is None else features + self.identity(batch)
        fused = self._read_dialogues(tokens, batch)
        inputs = tuple(masked_mean(batch.sequences[m], batch.masks[m]) for m in self.modalities)
        return MmmieOutput(self.classify(self.last_norm(fused)), embeddings=features, inputs=inputs)

    def loss(self, output: NetworkOutput, batch: Batch, context: LossContext) -> dict[str, Tensor]:
        """Terms "label", "shared" (InfoNCE), "bound" (vCLUB) and "fit" (of q); one of weight 0 is not computed."""
        features = output.embeddings
        if not isinstance(output, MmmieOutput) or features is None:
            raise TrainingError("the MMMIE loss got the output of another network", cure="pair each with its own")
        labelled = batch.labels >= 0
        terms = {
            "label": weighted_cross_entropy(output.logits[labelled], batch.labels[labelled], context.class_weights)
        }
        pairs = list(itertools.combinations(range(len(self.modalities)), 2))
        if self.config.lambda_nce > 0 and pairs:
            both = [batch.present[:, one] & batch.present[:, other] for one, other in pairs]
            losses = [
                info_nce(features[rows, one], features[rows, other], temperature=self.config.temperature)
                for (one, other), rows in zip(pairs, both, strict=True)
            ]
            terms["shared"] = self.config.lambda_nce * torch.stack(losses).mean()
        if self.config.lambda_club > 0:
            bounds, misfits = self._bounds(features, output.inputs, batch.present)
            terms["bound"] = self.config.lambda_club * bounds / self.config.width
            terms["fit"] = misfits
        return terms

    def _read_dialogues(self, tokens: Tensor, batch: Batch) -> Tensor:
        """Let the tokens `float32[B, M, d]` of a dialogue see each other; returns `float32[B, d]` of each utterance."""
        num_dialogues, longest = int(batch.dialogue.max()) + 1, int(batch.place.max()) + 1
        num_modalities, width = tokens.shape[1:]
        steps = tokens.new_zeros(num_dialogues, longest, num_modalities, width)
        steps[batch.dialogue, batch.place] = tokens
        mask = batch.present.new_zeros(num_dialogues, longest, num_modalities)
        mask[batch.dialogue, batch.place] = batch.present
        steps, mask = steps.flatten(1, 2), mask.flatten(1, 2)
        for block in self.blocks:
            steps = block(steps, steps, mask)
        read = steps.view(num_dialogues, longest, num_modalities, width)[batch.dialogue, batch.place]
        return masked_mean(read, batch.present)

    def _bounds(self, features: Tensor, inputs: tuple[Tensor, ...], present: Tensor) -> tuple[Tensor, Tensor]:
        """Means over the modalities of vCLUB, for the encoders, and of q's misfit, for q."""
        bounds, misfits = [], []
        for place, (likelihood, summary) in enumerate(zip(self.likelihoods, inputs, strict=True)):
            rows = present[:, place]
            known, shown = summary[rows], features[rows, place]
            fixed = {name: weight.detach() for name, weight in likelihood.named_parameters()}
            bounds.append(club_bound(shown, *functional_call(likelihood, fixed, (known,))))
            misfits.append(gaussian_misfit(shown.detach(), *likelihood(known)))
        return torch.stack(bounds).mean(), torch.stack(misfits).mean()


class _Likelihood(nn.Module):
    """q(h | x): mean and log variance, each `float32[B, d]`, of h given x `float32[B, D]`."""

    def __init__(self, num_features: int, width: int) -> None:
        super().__init__()
        self.mean = nn.Sequential(nn.Linear(num_features, width), nn.GELU(), nn.Linear(width, width))
        self.log_variance = nn.Sequential(nn.Linear(num_features, width), nn.GELU(), nn.Linear(width, width), nn.Tanh())

    def forward(self, summary: Tensor) -> tuple[Tensor, Tensor]:
        """Return both."""
        return self.mean(summary), self.log_variance(summary)


class _IdentityEmbedding(nn.Module):
    """Which modality a token is of, what its speaker is in the dialogue, and when it was said."""

    def __init__(self, width: int, num_modalities: int, num_places: int) -> None:
        super().__init__()
        self.modality = nn.Embedding(num_modalities, width)
        self.role = nn.Embedding(_NUM_ROLES, width)
        self.place = nn.Embedding(num_places, width)

    def forward(self, batch: Batch) -> Tensor:
        """Return `float32[B, M, d]`."""
        role = self.role(batch.role.clamp(max=self.role.num_embeddings - 1))
        place = self.place(batch.place.clamp(max=self.place.num_embeddings - 1))
        embedded: Tensor = self.modality.weight[None, :, :] + (role + place)[:, None, :]
        return embedded
