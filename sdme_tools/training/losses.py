"""Losses of the fusion networks, each a pure function that is finite and zero where nothing can be learned.

Throughout: B utterances, M modalities, C classes, `present` is `bool[B, M]`.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

_SMALLEST_PROBABILITY = 1e-6
_MASKED = -1e9


def balanced_class_weights(labels: Tensor, num_classes: int) -> Tensor:
    """Weight classes by the inverse of their frequency, so that each has the same say.

    Args:
        labels: `int64[N]` of the training utterances.
        num_classes: C.

    Returns:
        `float32[C]`, N / (C' · n_c) where C' classes occur; 0 for a class that does not.
    """
    counts = torch.bincount(labels, minlength=num_classes).float()
    num_occurring = (counts > 0).sum().clamp(min=1)
    return torch.where(counts > 0, len(labels) / (num_occurring * counts.clamp(min=1)), torch.zeros_like(counts))


def weighted_cross_entropy(logits: Tensor, labels: Tensor, class_weights: Tensor) -> Tensor:
    """Class-weighted mean of −log softmax(logits)[label].

    Args:
        logits: `float32[B, C]`.
        labels: `int64[B]`.
        class_weights: `float32[C]`.

    Returns:
        A scalar; 0 when every weight in the batch is 0.
    """
    weights = class_weights[labels]
    losses = functional.cross_entropy(logits, labels, reduction="none")
    return (weights * losses).sum() / weights.sum().clamp(min=_SMALLEST_PROBABILITY)


def relevance_target(unimodal_logits: Tensor, labels: Tensor, present: Tensor, human_relevance: Tensor) -> Tensor:
    """How relevant each modality is to the label: t_m ∝ p_m[y] without gradient, or people's judgement where known.

    People's relevance replaces the estimate for an utterance only where it is known for every modality present and
    not zero for all of them: part of a distribution can't be compared with the rest of another.

    Args:
        unimodal_logits: `float32[B, M, C]`.
        labels: `int64[B]`.
        present: `bool[B, M]`.
        human_relevance: `float32[B, M]`, 0 to 1, NaN where unknown.

    Returns:
        `float32[B, M]`, sums to 1 over what is present, 0 elsewhere.

    Source:
        METHODS: the estimate stands in for the paper's weak supervision (arXiv 2302.01555); people's relevance is ours.
    """
    probabilities = unimodal_logits.detach().softmax(dim=-1)
    index = labels[:, None, None].expand(-1, probabilities.shape[1], 1)
    estimated = probabilities.gather(2, index).squeeze(2).clamp(min=_SMALLEST_PROBABILITY)
    known = torch.where(present, ~human_relevance.isnan(), True).all(dim=1)
    judged = torch.where(present, human_relevance, 0.0).nan_to_num()
    use_people = known & (judged.sum(dim=1) > 0)
    target = torch.where(use_people[:, None], judged, estimated) * present
    return target / target.sum(dim=1, keepdim=True).clamp(min=_SMALLEST_PROBABILITY)


def unimodal_cross_entropy(
    unimodal_logits: Tensor, labels: Tensor, present: Tensor, weights: Tensor, class_weights: Tensor
) -> Tensor:
    """Class-weighted mean over utterances of Σ_m weights_m · CE(p_m, y).

    Args:
        unimodal_logits: `float32[B, M, C]`.
        labels: `int64[B]`.
        present: `bool[B, M]`.
        weights: `float32[B, M]`, the relevance weights, or equal shares in the warm-up.
        class_weights: `float32[C]`.
    """
    num_modalities = unimodal_logits.shape[1]
    losses = functional.cross_entropy(
        unimodal_logits.flatten(0, 1), labels.repeat_interleave(num_modalities), reduction="none"
    ).view(-1, num_modalities)
    per_utterance = torch.where(present, weights * losses, 0.0).sum(dim=1)
    shares = class_weights[labels]
    return (shares * per_utterance).sum() / shares.sum().clamp(min=_SMALLEST_PROBABILITY)


def relevance_divergence(relevance: Tensor, target: Tensor, present: Tensor) -> Tensor:
    """Mean over utterances of KL(t ‖ α), the sum running over what is present.

    Args:
        relevance: α, `float32[B, M]`.
        target: t, `float32[B, M]`.
        present: `bool[B, M]`.
    """
    log_ratio = target.clamp(min=_SMALLEST_PROBABILITY).log() - relevance.clamp(min=_SMALLEST_PROBABILITY).log()
    return torch.where(present, target * log_ratio, 0.0).sum(dim=1).mean()


def cross_modal_contrastive(
    embeddings: Tensor, labels: Tensor, present: Tensor, relevance: Tensor, *, temperature: float
) -> Tensor:
    """Supervised contrastive loss across modalities, pairs weighted by relevance, classes balanced in the sum.

    Anchor (i, m); positives (j, n ≠ m) with y_j = y_i, the anchor's own utterance included; negatives (j, n ≠ m) with
    y_j ≠ y_i; all similarities are cosines over the temperature. A pair weighs α_im · α_jn, without gradient, or the
    network would lower this loss by looking away:

        ℓ_im = −Σ_{+} α_jn · log( exp s_im,jn / Σ_{+,−} exp s_im,ko ) / Σ_{+} α_jn
        L_con = mean over the classes that have anchors of ( Σ α_im ℓ_im / Σ α_im over the class's anchors )

    Args:
        embeddings: `float32[B, M, d]`.
        labels: `int64[B]`.
        present: `bool[B, M]`.
        relevance: α, `float32[B, M]`.
        temperature: What similarities are divided by.

    Returns:
        A scalar; 0 when no anchor has both a positive and a negative.

    Source:
        The form is that of Khosla et al. 2020, arXiv 2004.11362, eq. 2 (the sum outside the logarithm); across
        modalities and weighted by relevance after arXiv 2302.01555 (its abstract).
    """
    num_modalities = embeddings.shape[1]
    directions = functional.normalize(embeddings.flatten(0, 1), dim=-1)
    similarity = directions @ directions.T / temperature
    classes = labels.repeat_interleave(num_modalities)
    modality = torch.arange(num_modalities, device=labels.device).repeat(len(labels))
    there = present.flatten()
    weight = torch.where(there, relevance.detach().flatten(), 0.0)

    comparable = there[:, None] & there[None, :] & (modality[:, None] != modality[None, :])
    positive = comparable & (classes[:, None] == classes[None, :])
    log_share = similarity - torch.where(comparable, similarity, _MASKED).logsumexp(dim=1, keepdim=True)
    pair_weight = torch.where(positive, weight[None, :], 0.0)
    total = pair_weight.sum(dim=1)
    losses = -(pair_weight * torch.where(positive, log_share, 0.0)).sum(dim=1) / total.clamp(min=_SMALLEST_PROBABILITY)

    counts = (total > 0) & (comparable & ~positive).any(dim=1)
    anchor_weight = torch.where(counts, weight, 0.0)
    of_class = functional.one_hot(classes, int(labels.max()) + 1).to(losses.dtype)
    class_weight = anchor_weight @ of_class
    class_loss = (anchor_weight * losses) @ of_class / class_weight.clamp(min=_SMALLEST_PROBABILITY)
    return class_loss.sum() / (class_weight > 0).sum().clamp(min=1)
