"""Losses that bring modalities together by emotion: alignment of pairs, and matched or not.

B utterances. Every loss is finite, and zero where nothing can be learned. The sums are weighted by class, so that a
rare emotion counts like a common one.

Source:
    Li et al. 2024, arXiv 2408.09438 (Foal-Net: AVEL and MEM); the choice of hard negatives is that of Li et al. 2021,
    arXiv 2107.07651 (ALBEF), as METHODS describes it.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

_MASKED = -1e9
_SMALLEST = 1e-6


def emotion_alignment(
    similarity: Tensor, labels: Tensor, first_there: Tensor, second_there: Tensor, class_weights: Tensor
) -> Tensor:
    """Cross-entropy between similarities and "has the same emotion", from both sides.

        target_ij = [y_i = y_j] / Σ_k [y_i = y_k]
        ℓ_i = −Σ_j target_ij log softmax_j(similarity_ij)
        loss = Σ_i w(y_i) ℓ_i / Σ_i w(y_i), averaged over the two sides

    An anchor needs both a positive and a negative: without negatives there is nothing to tell apart.

    Args:
        similarity: `float32[B, B]`, of utterance i in the first and j in the second modality, over the temperature.
        labels: `int64[B]`.
        first_there: `bool[B]`, True where the utterance has the first modality.
        second_there: `bool[B]`, the same of the second.
        class_weights: `float32[C]`.
    """
    forth = _align(similarity, labels, first_there, second_there, class_weights)
    back = _align(similarity.T, labels, second_there, first_there, class_weights)
    return (forth + back) / 2


def _align(similarity: Tensor, labels: Tensor, anchors: Tensor, others: Tensor, class_weights: Tensor) -> Tensor:
    """One side of `emotion_alignment`."""
    comparable = anchors[:, None] & others[None, :]
    positive = comparable & (labels[:, None] == labels[None, :])
    log_share = similarity.masked_fill(~comparable, _MASKED).log_softmax(dim=1)
    num_positive = positive.sum(dim=1)
    losses = -torch.where(positive, log_share, 0.0).sum(dim=1) / num_positive.clamp(min=1)
    counts = (num_positive > 0) & (comparable & ~positive).any(dim=1)
    weights = torch.where(counts, class_weights[labels], 0.0)
    return (weights * losses).sum() / weights.sum().clamp(min=_SMALLEST)


def draw_hard_negatives(similarity: Tensor, labels: Tensor, anchors: Tensor, others: Tensor) -> Tensor:
    """Draw for each utterance another one whose other modality shows another emotion, the more alike the likelier.

    Args:
        similarity: `float32[B, B]`, of utterance i in its modality and j in the other, over the temperature.
        labels: `int64[B]`.
        anchors: `bool[B]`, True where the utterance has its modality.
        others: `bool[B]`, True where an utterance has the other modality.

    Returns:
        `int64[B]`, drawn with probability softmax_j(similarity_ij) over the j allowed; -1 where none is.
    """
    allowed = anchors[:, None] & others[None, :] & (labels[:, None] != labels[None, :])
    possible = allowed.any(dim=1)
    odds = similarity.detach().masked_fill(~allowed, _MASKED).softmax(dim=1) * allowed
    odds = torch.where(possible[:, None], odds, torch.ones_like(odds))
    return torch.where(possible, torch.multinomial(odds, 1).squeeze(1), -1)


def label_matching(matched: Tensor, mismatched: Tensor, matched_weights: Tensor, mismatched_weights: Tensor) -> Tensor:
    """Binary cross-entropy of "these two show the same emotion", matched and mismatched pairs having the same say.

    Args:
        matched: `float32[P]`, logits of pairs of one utterance.
        mismatched: `float32[Q]`, logits of pairs of different emotions.
        matched_weights: `float32[P]`, the class weight of each pair.
        mismatched_weights: `float32[Q]`.

    Returns:
        The mean of both weighted means; 0 where either is empty, as one of them alone would only teach its answer.
    """
    if min(len(matched), len(mismatched)) == 0:
        return matched.sum() * 0 + mismatched.sum() * 0
    of_matched = (matched_weights * functional.softplus(-matched)).sum() / matched_weights.sum().clamp(min=_SMALLEST)
    of_others = (mismatched_weights * functional.softplus(mismatched)).sum()
    return (of_matched + of_others / mismatched_weights.sum().clamp(min=_SMALLEST)) / 2
