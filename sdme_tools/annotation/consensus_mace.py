"""MACE: raters who either know the answer or give one of their habits, by crowd-kit.

The model says of each rater how often they spam and what they then say. That is a special table of errors, so labels
follow from votes as they do for Dawid and Skene (`consensus_models.apply_errors`), with every occurring answer alike
common.

Source: Hovy, Berg-Kirkpatrick, Vaswani & Hovy (2013), Learning Whom to Trust with MACE; crowd-kit's variational fit.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass

import numpy as np

from sdme_tools.annotation.consensus_models import Codes, Floats, apply_errors
from sdme_tools.backends.packages import require_package

NUM_RESTARTS = 10
NUM_ITERATIONS = 50


@dataclass(frozen=True)
class MaceFit:
    """What MACE found.

    Attributes:
        posterior: float64[num_units, C].
        shares: float64[C]: alike for the answers that occur, 0 for the others.
        errors: float64[num_raters, C, C]: how often a rater says the second where the first is true.
        spamming: float64[num_raters]: how often they do not look.
    """

    posterior: Floats
    shares: Floats
    errors: Floats
    spamming: Floats


def fit_mace(unit: Codes, rater: Codes, label: Codes, num_labels: int, *, seed: int = 0) -> MaceFit:
    """Estimate labels, and how often each rater spams, from votes alone; the best of several starts.

    Args:
        unit: int64[num_votes], 0 to U - 1, each at least once.
        rater: int64[num_votes], 0 to R - 1, each at least once.
        label: int64[num_votes], 0 to num_labels - 1.
        num_labels: C.
        seed: Of the starts; the same seed gives the same fit.

    Raises:
        BackendError: crowd-kit is not installed.
    """
    pandas = require_package("pandas", extra="mace")
    mace = require_package("crowdkit.aggregation.classification.mace", extra="mace")
    # With a number for a state every restart of crowd-kit begins alike; a generator goes on.
    starts = np.random.RandomState(seed)
    model = mace.MACE(n_restarts=NUM_RESTARTS, n_iter=NUM_ITERATIONS, random_state=starts)
    # crowd-kit mixes up the order in which raters and labels first occur with that of their names: make them one.
    (tasks, _), (workers, raters), (labels, answers) = map(pandas.factorize, (unit, rater, label))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # of pandas, in every iteration
        model.fit(pandas.DataFrame({"task": tasks, "worker": workers, "label": labels}))
    habits = np.zeros((len(raters), num_labels))
    habits[raters[:, None], answers] = model.thetas_
    spamming = np.zeros((len(raters), 2))
    spamming[raters] = model.spamming_
    spams, knows = spamming.T
    errors = spams[:, None, None] * habits[:, None, :] + knows[:, None, None] * np.eye(num_labels)
    errors /= errors.sum(axis=2, keepdims=True)
    shares = np.zeros(num_labels)
    shares[answers] = 1 / len(answers)
    return MaceFit(apply_errors(unit, rater, label, shares, errors), shares, errors, spams / (spams + knows))
