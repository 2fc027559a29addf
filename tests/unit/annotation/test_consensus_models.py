"""Models of raters: the paper's figures, and raters whose truth is known."""

import numpy as np
import pytest

from sdme_tools.annotation.consensus_models import fit_dawid_skene, weigh_by_gold
from sdme_tools.records.annotation import ConsensusMethod
from tests.tooling.simulated_raters import KINDS, Crowd, Study
from tests.unit.annotation.agreement.published_tables import dawid_skene_votes


def test_the_papers_figures() -> None:
    fit = fit_dawid_skene(*dawid_skene_votes(), 4, smoothing=0, tolerance=1e-9)
    assert fit.converged
    assert fit.shares == pytest.approx([0.400, 0.422, 0.112, 0.067], abs=5e-4)
    assert fit.log_likelihood == pytest.approx(-192.8909, abs=5e-5)
    assert fit.errors[0].diagonal() == pytest.approx([0.889, 0.876, 0.661, 0.444], abs=5e-4)
    sure = fit.posterior.max(1)
    doubtful = {int(patient) + 1: sure[patient] for patient in np.flatnonzero(sure < 0.99)}
    assert doubtful == pytest.approx({7: 0.981, 35: 0.948, 38: 0.979}, abs=5e-4)


def test_repeats_of_a_rater_count() -> None:
    patient, rater, label = dawid_skene_votes()
    once = np.ones(len(patient), bool).reshape(45, 7)
    once[:, 1:3] = False
    keep = once.ravel()
    fit = fit_dawid_skene(patient[keep], rater[keep], label[keep], 4, smoothing=0)
    assert fit.log_likelihood > -180


def test_order_of_votes_means_nothing() -> None:
    votes = dawid_skene_votes()
    shuffled = np.random.default_rng(0).permutation(len(votes[0]))
    a, b = (fit_dawid_skene(*columns, 4, smoothing=0.1) for columns in (votes, [c[shuffled] for c in votes]))
    assert a.posterior == pytest.approx(b.posterior, abs=1e-9)


def test_thousands_of_votes_on_an_item_do_not_underflow() -> None:
    rng = np.random.default_rng(0)
    unit, rater = np.divmod(np.arange(20 * 3000), 3000)
    truth = np.arange(20) % 4
    label = np.where(rng.random(len(unit)) < 0.3, truth[unit], rng.integers(4, size=len(unit)))
    fit = fit_dawid_skene(unit, rater, label, 4, smoothing=0.1)
    assert np.isfinite(fit.posterior).all() and np.isfinite(fit.log_likelihood)
    assert (fit.posterior.argmax(1) == truth).all()


def test_errors_and_posteriors_are_probabilities() -> None:
    fit = fit_dawid_skene(np.array([0, 1, 1]), np.array([0, 2, 0]), np.array([1, 2, 2]), 4, smoothing=0)
    assert fit.posterior.sum(1) == pytest.approx(1) and fit.errors.sum(2) == pytest.approx(1)
    assert np.isfinite(fit.errors).all()


def test_gold_weights_by_hand() -> None:
    """Two raters who are right in half of the cases against one who nearly always is."""
    unit, rater, label = np.zeros(3, int), np.arange(3), np.array([0, 0, 1])
    fit = weigh_by_gold(unit, rater, label, 3, right=np.array([5, 5, 10]), seen=np.full(3, 10), smoothing=1e-9)
    odds = np.array([2 * np.log(0.5 * 2 / 0.5), np.log(1e12), 0])
    assert fit.posterior[0].argmax() == 1 and odds[1] > odds[0]
    equal = weigh_by_gold(unit, rater, label, 3, right=np.array([8, 8, 8]), seen=np.full(3, 10), smoothing=2.0)
    assert equal.posterior[0].argmax() == 0
    assert equal.posterior[0, 1] / equal.posterior[0, 2] == pytest.approx(
        equal.accuracy[0] * 2 / (1 - equal.accuracy[0])
    )


def test_who_is_worse_than_chance_counts_nothing() -> None:
    unit, rater, label = np.zeros(2, int), np.arange(2), np.array([0, 1])
    fit = weigh_by_gold(unit, rater, label, 4, right=np.array([0, 9]), seen=np.full(2, 10), smoothing=0.5)
    assert fit.posterior[0, 0] == pytest.approx(fit.posterior[0, 2])


@pytest.mark.parametrize("seed", [101, 102, 103])
def test_models_beat_counting_among_all_kinds_of_raters(seed: int) -> None:
    crowd = Crowd(1000, seed)
    assert set(crowd.kinds) == set(KINDS)
    study = Study(crowd)
    study.ask_all(5)
    accuracy = {method: study.accuracy(method) for method in ConsensusMethod}
    assert accuracy[ConsensusMethod.DAWID_SKENE] > accuracy[ConsensusMethod.PLURALITY] + 0.05
    assert accuracy[ConsensusMethod.WEIGHTED] > accuracy[ConsensusMethod.PLURALITY] + 0.03


def test_the_model_finds_out_who_is_what() -> None:
    crowd = Crowd(1500, 7)
    num_raters = len(crowd.kinds)
    unit, rater = np.divmod(np.arange(1500 * num_raters), num_raters)
    fit = fit_dawid_skene(unit, rater, crowd.answers[rater, unit], 7, smoothing=0.1)
    right = (fit.shares[None] * fit.errors.diagonal(axis1=1, axis2=2)).sum(1)
    truly = (crowd.answers == crowd.truth).mean(1)
    assert right == pytest.approx(truly, abs=0.05)
    biased = fit.errors[crowd.kinds.index("biased")]
    assert biased[2, 3] > 0.5 and biased[5, 3] > 0.5
    assert fit.errors[crowd.kinds.index("one_label")][:, 0] == pytest.approx(1, abs=0.01)
