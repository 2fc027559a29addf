"""Bounds of information on values worked out by hand, on Gaussians whose information is known, and at their limits."""

import math

import pytest
import torch
from torch import Tensor

from sdme_tools.training.losses_information import club_bound, gaussian_misfit, info_nce


def test_info_nce_by_hand() -> None:
    own = torch.eye(2)
    assert info_nce(own, own, temperature=0.5).item() == pytest.approx(math.log(1 + math.exp(-2)))
    assert info_nce(own, own.flip(0), temperature=0.5).item() == pytest.approx(math.log(1 + math.exp(2)))


def test_info_nce_says_nothing_about_what_is_all_alike() -> None:
    alike = torch.ones(5, 3)
    assert info_nce(alike, alike, temperature=0.07).item() == pytest.approx(math.log(5), abs=1e-5)


def correlated(correlation: float, count: int = 20_000) -> tuple[Tensor, Tensor, float]:
    """x, h of deviation 1 with a correlation, and their mutual information in nats."""
    generator = torch.Generator().manual_seed(1)
    x, noise = torch.randn(2, count, 1, generator=generator)
    h = correlation * x + math.sqrt(1 - correlation**2) * noise
    return x, h, -0.5 * math.log(1 - correlation**2)


def test_info_nce_bounds_the_information_from_below() -> None:
    # Directions on a half circle: cosines then are a critic of the distance.
    x, h, information = correlated(0.9, 512)
    first, second = (torch.cat([(z / 2).cos(), (z / 2).sin()], dim=1) for z in (x, h))
    bound = math.log(len(x)) - info_nce(first, second, temperature=0.05).item()
    assert 0.4 * information < bound < information


def test_club_bounds_the_information_from_above_and_is_zero_without_any() -> None:
    for correlation in (0.5, 0.9):
        x, h, information = correlated(correlation)
        log_variance = torch.full_like(x, math.log(1 - correlation**2))
        bound = club_bound(h, correlation * x, log_variance).item()
        assert bound == pytest.approx(correlation**2 / (1 - correlation**2), rel=0.03)
        assert bound > information
    x, h, _ = correlated(0.0)
    assert club_bound(h, torch.zeros_like(x), torch.zeros_like(x)).item() == pytest.approx(0, abs=1e-5)


def test_club_is_what_its_definition_says() -> None:
    generator = torch.Generator().manual_seed(2)
    h, mean, log_variance = torch.randn(3, 4, 2, generator=generator)

    def log_likelihood(i: int, j: int) -> float:
        return float(torch.distributions.Normal(mean[i], (log_variance[i] / 2).exp()).log_prob(h[j]).sum())

    by_hand = sum(log_likelihood(i, i) - sum(log_likelihood(i, j) for j in range(4)) / 4 for i in range(4)) / 4
    assert club_bound(h, mean, log_variance).item() == pytest.approx(by_hand, rel=1e-5)


def test_misfit_is_the_mean_negative_log_likelihood() -> None:
    generator = torch.Generator().manual_seed(3)
    h, mean, log_variance = torch.randn(3, 5, 2, generator=generator)
    expected = -torch.distributions.Normal(mean, (log_variance / 2).exp()).log_prob(h).mean()
    torch.testing.assert_close(gaussian_misfit(h, mean, log_variance), expected)


@pytest.mark.parametrize("count", [0, 1])
def test_too_few_carry_no_information_and_finite_gradients(count: int) -> None:
    h, mean, log_variance = (torch.randn(count, 3).requires_grad_() for _ in range(3))
    for loss in (
        info_nce(h, mean, temperature=0.07) + log_variance.sum() * 0,
        gaussian_misfit(h, mean, log_variance),
        club_bound(h, mean, log_variance),
    ):
        assert loss.item() == 0
        loss.backward()
    for tensor in (h, mean, log_variance):
        assert tensor.grad is None or (tensor.grad == 0).all()


def test_gradients_are_finite_for_zero_features() -> None:
    h = torch.zeros(3, 4).requires_grad_()
    (info_nce(h, h, temperature=0.07) + club_bound(h, torch.zeros(3, 4), torch.zeros(3, 4))).backward()
    assert h.grad is not None
    assert torch.isfinite(h.grad).all()
