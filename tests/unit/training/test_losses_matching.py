"""Alignment and matching of emotions on values worked out by hand, and at their limits."""

import math

import pytest
import torch
from torch import Tensor

from sdme_tools.training.losses_matching import draw_hard_negatives, emotion_alignment, label_matching

THERE = torch.ones(3, dtype=torch.bool)
EVEN = torch.ones(2)


def align(similarity: Tensor, labels: list[int], first: Tensor = THERE, second: Tensor = THERE) -> Tensor:
    return emotion_alignment(similarity, torch.tensor(labels), first, second, EVEN)


def test_alignment_by_hand() -> None:
    # Two of class 0, one of class 1; a similarity of 1 where the class is the same, else 0.
    similarity = torch.tensor([[1.0, 1.0, 0.0], [1.0, 1.0, 0.0], [0.0, 0.0, 1.0]])
    of_zero = -math.log(math.e / (2 * math.e + 1))
    of_one = -math.log(math.e / (math.e + 2))
    assert align(similarity, [0, 0, 1]).item() == pytest.approx((2 * of_zero + of_one) / 3)


def test_alignment_is_the_mean_of_both_directions() -> None:
    similarity = torch.tensor([[2.0, 0.0], [1.0, 1.0]])
    forth = (math.log(1 + math.exp(-2)) + math.log(2)) / 2
    back = (math.log(1 + math.exp(-1)) + math.log(1 + math.exp(-1))) / 2
    assert align(similarity, [0, 1], THERE[:2], THERE[:2]).item() == pytest.approx((forth + back) / 2)


def test_alignment_is_weighted_by_class() -> None:
    similarity, labels = torch.tensor([[2.0, 0.0], [0.0, 1.0]]), torch.tensor([0, 1])
    there = THERE[:2]
    of_zero, of_one = math.log(1 + math.exp(-2)), math.log(1 + math.exp(-1))
    got = emotion_alignment(similarity, labels, there, there, torch.tensor([3.0, 1.0])).item()
    assert got == pytest.approx((3 * of_zero + of_one) / 4)


def test_alignment_goes_to_zero_where_the_same_emotion_is_far_likelier() -> None:
    assert align(100 * torch.eye(2), [0, 1], THERE[:2], THERE[:2]).item() == pytest.approx(0, abs=1e-6)


def test_alignment_sees_nothing_of_what_is_missing() -> None:
    similarity = torch.randn(3, 3, generator=torch.Generator().manual_seed(0))
    changed = similarity.clone()
    changed[2] = 50.0
    there = torch.tensor([True, True, False])
    assert align(similarity, [0, 1, 0], first=there) == align(changed, [0, 1, 0], first=there)


@pytest.mark.parametrize(
    ("labels", "there"),
    [
        pytest.param([0, 0, 0], [True, True, True], id="one class only"),
        pytest.param([0, 1, 1], [False, False, False], id="nothing there"),
        pytest.param([0, 1, 1], [True, False, False], id="no negative"),
    ],
)
def test_alignment_is_zero_with_finite_gradients_where_nothing_can_be_learned(
    labels: list[int], there: list[bool]
) -> None:
    similarity = torch.randn(3, 3, generator=torch.Generator().manual_seed(0)).requires_grad_()
    loss = align(similarity, labels, torch.tensor(there), torch.tensor(there))
    loss.backward()
    assert loss.item() == 0
    assert similarity.grad is not None
    assert torch.isfinite(similarity.grad).all()


def test_hard_negatives_have_another_emotion_and_are_drawn_by_likeness() -> None:
    torch.manual_seed(0)
    labels = torch.tensor([0, 0, 1, 1])
    similarity = torch.tensor([[9.0, 9.0, math.log(3), 0.0]]).repeat(4, 1)
    there = torch.ones(4, dtype=torch.bool)
    drawn = torch.stack([draw_hard_negatives(similarity, labels, there, there) for _ in range(2000)])
    assert (labels[drawn] != labels).all()
    assert (drawn[:, 0] == 2).float().mean().item() == pytest.approx(0.75, abs=0.03)


def test_hard_negatives_are_none_where_none_is_allowed() -> None:
    there, similarity = torch.ones(3, dtype=torch.bool), torch.zeros(3, 3)
    assert draw_hard_negatives(similarity, torch.zeros(3, dtype=torch.int64), there, there).tolist() == [-1, -1, -1]
    labels, only_last = torch.tensor([0, 0, 1]), torch.tensor([False, False, True])
    assert draw_hard_negatives(similarity, labels, there, only_last).tolist() == [2, 2, -1]
    assert draw_hard_negatives(similarity, labels, only_last, there)[:2].tolist() == [-1, -1]


def test_matching_by_hand() -> None:
    matched, mismatched = torch.tensor([0.0, math.log(3)]), torch.tensor([0.0, -math.log(3), 0.0])
    of_matched = (math.log(2) + math.log(4 / 3)) / 2
    of_mismatched = (2 * math.log(2) + math.log(4 / 3)) / 3
    got = label_matching(matched, mismatched, torch.ones(2), torch.ones(3)).item()
    assert got == pytest.approx((of_matched + of_mismatched) / 2)
    weighted = label_matching(matched, mismatched, torch.tensor([1.0, 0.0]), torch.tensor([0.0, 1.0, 0.0])).item()
    assert weighted == pytest.approx((math.log(2) + math.log(4 / 3)) / 2)


def test_matching_at_its_limits() -> None:
    sure = torch.full((2,), 90.0)
    assert label_matching(sure, -sure, torch.ones(2), torch.ones(2)).item() == pytest.approx(0)
    assert label_matching(sure, torch.zeros(0), torch.ones(2), torch.zeros(0)).item() == 0
    assert label_matching(torch.zeros(0), sure, torch.zeros(0), torch.ones(2)).item() == 0
