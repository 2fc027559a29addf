"""Intervals: the matrix product is what resampling and measuring anew gives, and it heeds speakers."""

import numpy as np
import pytest

from sdme_tools.annotation.agreement.bootstrap import Resampler, ratio
from sdme_tools.annotation.agreement.coefficients import POOLED, nominal_alpha, pool_units
from sdme_tools.annotation.agreement.raters import measure_raters
from sdme_tools.annotation.agreement.slices import measure_slices
from tests.unit.annotation.agreement.made_votes import random_rows, table_of


def test_same_as_measuring_every_resample_anew() -> None:
    table = table_of(random_rows(1, raters=4, items=60, labels=4, missing=0.3), list("0123"), speakers=12)
    resampler = Resampler(12, 200, 5)
    counts = table.count()
    drawn = np.concatenate(list(resampler.weights()))
    assert drawn.shape == (200, 12) and (drawn.sum(1) == 12).all()
    anew = [
        nominal_alpha(pool_units(np.repeat(counts, weights.astype(int)[table.cluster_of_unit], axis=0)).sum(0))
        for weights in drawn
    ]
    found = resampler.estimate(pool_units(counts), POOLED, table.cluster_of_unit)["alpha"]
    assert (found.low, found.high) == pytest.approx(tuple(np.percentile(anew, [2.5, 97.5])), abs=1e-5)


def test_one_seed_one_interval() -> None:
    table = table_of(random_rows(1, raters=4, items=60, labels=4, missing=0.3), list("0123"), speakers=12)
    found = [measure_slices(table, Resampler(12, 100, seed))[0].alpha for seed in (7, 7, 8)]
    assert found[0] == found[1] != found[2]


def test_in_pieces_as_in_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """Many clusters are drawn in pieces; nobody sees that."""
    import sdme_tools.annotation.agreement.bootstrap as module

    monkeypatch.setattr(module, "_MAX_CELLS", 400)
    sums = np.random.default_rng(0).random((50, 2))
    codes = np.arange(50)
    found = Resampler(50, 300, 1).estimate(sums, {"x": ratio(0, 1)}, codes)["x"]
    monkeypatch.undo()
    rng = np.random.default_rng(1)
    picks = np.concatenate([rng.integers(50, size=(2, 50)) for _ in range(150)])
    values = sums[picks].sum(1)
    expected = np.percentile(values[:, 0] / values[:, 1], [2.5, 97.5])
    assert (found.low, found.high) == pytest.approx(tuple(expected), rel=1e-5)


def test_clips_of_one_speaker_are_no_independent_clips() -> None:
    """Half of the speakers are easy, half hard: by speaker the interval must be wider than by clip."""
    rng = np.random.default_rng(2)
    items, speakers = 400, 20
    hard = np.arange(items) % speakers < speakers // 2
    truth = rng.integers(3, size=items)
    said = [np.where(rng.random(items) < np.where(hard, 0.2, 0.95), truth, rng.integers(3, size=items)) for _ in "abc"]
    rows = [[str(label) for label in row] for row in said]
    widths = []
    for grouping in (speakers, 0):
        table = table_of(rows, list("012"), speakers=grouping)
        alpha = measure_slices(table, Resampler(len(table.clusters), 500, 0))[0].alpha
        assert alpha.low is not None and alpha.high is not None
        widths.append(alpha.high - alpha.low)
    assert widths[0] > 2 * widths[1]


def test_one_speaker_gives_no_interval() -> None:
    rows = random_rows(1, raters=3, items=30, labels=3, missing=0)
    table = table_of(rows, list("012"), speakers=1)
    alpha = measure_slices(table, Resampler(1, 100, 0))[0].alpha
    assert alpha.value is not None and alpha.low is None


def test_a_rater_of_one_speaker_has_no_interval_among_others_who_have() -> None:
    rows = random_rows(1, raters=3, items=30, labels=3, missing=0)
    rows[0] = [label if item % 5 == 0 else None for item, label in enumerate(rows[0])]
    table = table_of(rows, list("012"), speakers=5)
    found = measure_raters(table, Resampler(5, 100, 0))
    assert found[0].percent.value is not None and found[0].percent.low is None
    assert all(row.percent.low is not None for row in found[1:])
