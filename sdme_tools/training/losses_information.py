"""Bounds of mutual information: a lower one to raise, an upper one to push down, and the fit that the upper one needs.

N utterances, d the width, natural logarithms. Every loss is finite, and zero for fewer than two utterances, which carry
no information about each other.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn import functional


def info_nce(first: Tensor, second: Tensor, *, temperature: float) -> Tensor:
    """How badly an utterance's one modality finds its own other one among all: log N − loss bounds I from below.

        ℓ_i = −log( exp(cos(a_i, b_i) / τ) / Σ_j exp(cos(a_i, b_j) / τ) ), averaged over i and over both directions

    Args:
        first: a, `float32[N, d]`.
        second: b, `float32[N, d]`, of the same utterances.
        temperature: τ.

    Source:
        van den Oord et al. 2018, arXiv 1807.03748, eq. 4 and 5; both directions as in CLIP, arXiv 2103.00020.
    """
    if len(first) < 2:
        return first.sum() * 0 + second.sum() * 0
    similarity = functional.normalize(first, dim=1) @ functional.normalize(second, dim=1).T / temperature
    own = torch.arange(len(first), device=first.device)
    return (functional.cross_entropy(similarity, own) + functional.cross_entropy(similarity.T, own)) / 2


def gaussian_misfit(features: Tensor, mean: Tensor, log_variance: Tensor) -> Tensor:
    """Mean over utterances and dimensions of −log q(h_i | x_i), q = N(mean, exp(log_variance)): what fits q.

    Args:
        features: h, `float32[N, d]`.
        mean: `float32[N, d]`, of q given x_i.
        log_variance: `float32[N, d]`.
    """
    if len(features) < 2:
        return mean.sum() * 0 + log_variance.sum() * 0
    squares = (features - mean).square() / log_variance.exp()
    return (squares + log_variance + math.log(2 * math.pi)).mean() / 2


def club_bound(features: Tensor, mean: Tensor, log_variance: Tensor) -> Tensor:
    """vCLUB, an upper bound of I(x; h) where q is close to p(h | x), in nats.

        mean over i of [ log q(h_i | x_i) − mean over j of log q(h_j | x_i) ]

    It can be below 0, and below I, while q fits badly.

    Args:
        features: h, `float32[N, d]`.
        mean: `float32[N, d]`, of q given x_i.
        log_variance: `float32[N, d]`.

    Source:
        Cheng et al. 2020, arXiv 2006.12013, eq. 9 and 11; normalising constants cancel.
    """
    if len(features) < 2:
        return features.sum() * 0
    own = (features - mean).square()
    # The mean square distance of all h from a point is their variance plus that of their mean from the point.
    spread = features.var(dim=0, unbiased=False) + (features.mean(dim=0) - mean).square()
    return ((spread - own) / (2 * log_variance.exp())).sum(dim=1).mean()
