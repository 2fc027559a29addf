"""The losses on values worked out by hand, and at their limits."""

import math

import pytest
import torch
from torch import Tensor
from torch.nn.functional import one_hot

from sdme_tools.training.losses import (
    balanced_class_weights,
    cross_modal_contrastive,
    relevance_divergence,
    relevance_target,
    unimodal_cross_entropy,
    weighted_cross_entropy,
)

UNKNOWN = torch.full((1, 2), math.nan)
BOTH = torch.tensor([[True, True]])


def logits_of(*probabilities: float) -> Tensor:
    return torch.tensor(probabilities).log()


def test_class_weights_are_the_inverse_of_frequency() -> None:
    weights = balanced_class_weights(torch.tensor([0, 0, 0, 1]), 3)
    assert weights.tolist() == pytest.approx([4 / 6, 4 / 2, 0.0])


def test_weighted_cross_entropy_by_hand() -> None:
    logits = torch.stack([logits_of(0.5, 0.5), logits_of(0.25, 0.75)])
    loss = weighted_cross_entropy(logits, torch.tensor([0, 0]), torch.tensor([2.0, 1.0]))
    assert loss.item() == pytest.approx((math.log(2) + math.log(4)) / 2)
    weights = torch.tensor([1.0, 3.0])
    loss = weighted_cross_entropy(logits, torch.tensor([0, 1]), weights)
    assert loss.item() == pytest.approx((math.log(2) + 3 * math.log(4 / 3)) / 4)


def test_cross_entropy_of_nothing_is_zero() -> None:
    assert weighted_cross_entropy(torch.zeros(2, 2), torch.tensor([0, 1]), torch.zeros(2)).item() == 0


def test_target_is_the_share_of_the_labels_probability() -> None:
    unimodal = torch.stack([logits_of(0.9, 0.1), logits_of(0.3, 0.7)])[None].requires_grad_()
    target = relevance_target(unimodal, torch.tensor([0]), BOTH, UNKNOWN)
    assert target[0].tolist() == pytest.approx([0.75, 0.25])
    assert not target.requires_grad


def test_people_replace_the_estimate_only_where_they_judged_everything_present() -> None:
    unimodal = torch.zeros(3, 2, 2)
    people = torch.tensor([[0.2, 0.6], [0.2, math.nan], [0.0, 0.0]])
    target = relevance_target(unimodal, torch.tensor([0, 0, 0]), BOTH.expand(3, 2), people)
    assert target.tolist() == [pytest.approx([0.25, 0.75]), pytest.approx([0.5, 0.5]), pytest.approx([0.5, 0.5])]


def test_target_gives_nothing_to_a_missing_modality() -> None:
    people = torch.tensor([[math.nan, 0.4]])
    target = relevance_target(torch.zeros(1, 2, 2), torch.tensor([0]), torch.tensor([[False, True]]), people)
    assert target.tolist() == [[0.0, 1.0]]


def test_unimodal_cross_entropy_by_hand() -> None:
    unimodal = torch.stack([logits_of(0.5, 0.5), logits_of(0.25, 0.75)])[None]
    shares = torch.tensor([[0.75, 0.25]])
    loss = unimodal_cross_entropy(unimodal, torch.tensor([0]), BOTH, shares, torch.ones(2))
    assert loss.item() == pytest.approx(0.75 * math.log(2) + 0.25 * math.log(4))
    nothing = unimodal_cross_entropy(unimodal, torch.tensor([0]), ~BOTH, shares, torch.ones(2))
    assert nothing.item() == 0


def test_divergence_by_hand_and_at_its_limits() -> None:
    target, relevance = torch.tensor([[0.5, 0.5]]), torch.tensor([[0.75, 0.25]])
    by_hand = 0.5 * math.log(0.5 / 0.75) + 0.5 * math.log(0.5 / 0.25)
    assert relevance_divergence(relevance, target, BOTH).item() == pytest.approx(by_hand)
    assert relevance_divergence(target, target, BOTH).item() == 0
    assert relevance_divergence(torch.zeros(1, 2), torch.zeros(1, 2), ~BOTH).item() == 0


def contrast(embeddings: Tensor, labels: list[int], relevance: Tensor, present: Tensor | None = None) -> float:
    there = torch.ones(relevance.shape, dtype=torch.bool) if present is None else present
    return cross_modal_contrastive(embeddings, torch.tensor(labels), there, relevance, temperature=0.5).item()


def test_contrast_by_hand() -> None:
    # Two utterances of two classes, each the same in both modalities and at right angles to the other: every anchor
    # has one positive (cosine 1) and one negative (cosine 0) in the other modality.
    embeddings = torch.eye(2)[:, None, :].repeat(1, 2, 1)
    expected = -math.log(math.exp(2) / (math.exp(2) + 1))
    assert contrast(embeddings, [0, 1], torch.full((2, 2), 0.5)) == pytest.approx(expected)


def test_contrast_weighs_pairs_by_relevance() -> None:
    # Class 0: modality 0 of the first utterance, modality 1 of which looks like class 1. Believed, it costs much.
    embeddings = torch.eye(2)[torch.tensor([[0, 1], [1, 1], [0, 0]])]
    believed = contrast(embeddings, [0, 1, 0], torch.full((3, 2), 0.5))
    doubted = contrast(embeddings, [0, 1, 0], torch.tensor([[1.0, 0.0], [0.5, 0.5], [0.5, 0.5]]))
    assert doubted < believed


def test_contrast_counts_classes_alike() -> None:
    # The same utterance of class 1 twice: class 1 has more anchors, yet classes weigh the same.
    directions = torch.tensor([[1.0, 0.0], [0.6, 0.8], [0.6, 0.8]])
    embeddings = directions[:, None, :].repeat(1, 2, 1)
    similarity = math.exp(0.6 / 0.5)
    of_zero = -math.log(math.exp(2) / (math.exp(2) + 2 * similarity))
    of_one = -math.log(math.exp(2) / (2 * math.exp(2) + similarity))
    got = contrast(embeddings, [0, 1, 1], torch.full((3, 2), 0.5))
    assert got == pytest.approx((of_zero + of_one) / 2)


@pytest.mark.parametrize(
    ("labels", "present"),
    [
        pytest.param([0, 0], [[True, True], [True, True]], id="one class only: no negatives"),
        pytest.param([0, 1], [[True, False], [False, True]], id="no positives"),
        pytest.param([0, 1], [[True, False], [True, False]], id="one modality only"),
        pytest.param([0, 1], [[False, False], [False, False]], id="everything masked"),
    ],
)
def test_contrast_is_zero_with_finite_gradients_where_nothing_can_be_learned(
    labels: list[int], present: list[list[bool]]
) -> None:
    embeddings = torch.randn(2, 2, 4, generator=torch.Generator().manual_seed(0)).requires_grad_()
    there = torch.tensor(present)
    loss = cross_modal_contrastive(embeddings, torch.tensor(labels), there, there.float(), temperature=0.07)
    loss.backward()
    assert loss.item() == 0
    assert embeddings.grad is not None
    assert torch.isfinite(embeddings.grad).all()


def test_contrast_has_finite_gradients_for_a_zero_embedding() -> None:
    embeddings = torch.zeros(2, 2, 4).requires_grad_()
    labels = torch.tensor([0, 1])
    cross_modal_contrastive(
        embeddings, labels, torch.ones(2, 2, dtype=torch.bool), one_hot(labels, 2).float(), temperature=0.07
    ).backward()
    assert embeddings.grad is not None
    assert torch.isfinite(embeddings.grad).all()
