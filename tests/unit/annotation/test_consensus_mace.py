"""MACE: spammers are told from people who know, and its labels follow from what it found of raters."""

import numpy as np
import pandas as pd
import pytest
from crowdkit.aggregation import MACE

from sdme_tools.annotation.consensus import apply_models, derive_with_models
from sdme_tools.annotation.consensus_mace import fit_mace
from sdme_tools.annotation.consensus_models import Codes
from sdme_tools.records.annotation import Annotation, Condition, ConsensusMethod, ConsensusRule, Item, Round

NUM_UNITS, NUM_RATERS, NUM_LABELS = 300, 10, 4
KNOWING = 6


@pytest.fixture(scope="module")
def votes() -> tuple[Codes, Codes, Codes, Codes]:
    """Unit, rater and label of each vote, and the truth: six raters who know, two who guess, two with one answer."""
    chance = np.random.default_rng(0)
    truth = chance.integers(NUM_LABELS, size=NUM_UNITS)
    unit = np.repeat(np.arange(NUM_UNITS), 5)
    rater = np.concatenate([chance.permutation(NUM_RATERS)[:5] for _ in range(NUM_UNITS)])
    guess = np.where(rater < 8, chance.integers(NUM_LABELS, size=len(unit)), 2)
    knows = (rater < KNOWING) & (chance.random(len(unit)) < 0.85)
    return unit, rater, np.where(knows, truth[unit], guess), truth


def test_spammers_are_told_and_labels_better_than_by_counting(votes: tuple[Codes, Codes, Codes, Codes]) -> None:
    *columns, truth = votes
    fit = fit_mace(*columns, NUM_LABELS)
    assert fit.spamming[:KNOWING].max() < 0.4 < 0.7 < fit.spamming[KNOWING:].min()
    counts = np.stack([np.bincount(columns[0][columns[2] == c], minlength=NUM_UNITS) for c in range(NUM_LABELS)], 1)
    by_mace, by_count = ((table.argmax(1) == truth).mean() for table in (fit.posterior, counts))
    assert by_mace > by_count + 0.05
    assert fit.errors.sum(2) == pytest.approx(1) and fit.posterior.sum(1) == pytest.approx(1)


def test_posteriors_are_those_of_the_library(votes: tuple[Codes, Codes, Codes, Codes]) -> None:
    """In an order of votes in which its mix-up of names and codes does not show."""
    unit, rater, label, _ = votes
    labels, names = pd.factorize(label)
    oracle = MACE(random_state=np.random.RandomState(0))
    oracle.fit(pd.DataFrame({"task": unit, "worker": pd.factorize(rater)[0], "label": labels}))
    assert oracle.probas_ is not None
    expected = np.zeros((NUM_UNITS, NUM_LABELS))
    expected[:, names] = oracle.probas_.loc[range(NUM_UNITS), range(NUM_LABELS)].to_numpy()
    assert fit_mace(unit, rater, label, NUM_LABELS).posterior == pytest.approx(expected, abs=1e-9)


def test_a_label_that_nobody_chose_is_impossible(votes: tuple[Codes, Codes, Codes, Codes]) -> None:
    fit = fit_mace(*votes[:3], NUM_LABELS + 1)
    assert fit.posterior[:, NUM_LABELS].max() == 0 and np.isfinite(fit.posterior).all()


def test_rows_follow_again_from_what_was_found_of_the_raters(votes: tuple[Codes, Codes, Codes, Codes]) -> None:
    names = ("neutral", "joy", "anger", "fear")
    campaign = Round(round_id="main", labels=names, cannot_tell="cannot tell", origin="import")
    items = [
        Item(item_id=f"u{unit}_full", round_id="main", utterance_id=f"u{unit}", condition=Condition.FULL)
        for unit in range(NUM_UNITS)
    ]
    cast = [
        Annotation(item_id=f"u{unit}_full", rater_id=f"r{rater}", label=names[label])
        for unit, rater, label in zip(*(column.tolist() for column in votes[:3]), strict=True)
    ]
    rule = ConsensusRule(method=ConsensusMethod.MACE)
    rows, models = derive_with_models(campaign, items, cast, rule)
    assert {row.method for row in rows} == {"mace"} and rows[0].parameters["num_restarts"] == 10
    again = apply_models(campaign, items[:50], [vote for vote in cast if int(vote.item_id[1:-5]) < 50], rule, models)
    assert [(row.label, row.posterior) for row in again] == [(row.label, row.posterior) for row in rows[:50]]
