"""Our few lines against other people's libraries, on tables of all shapes."""

import krippendorff
import numpy as np
import pytest
from statsmodels.stats.inter_rater import cohens_kappa, fleiss_kappa

from sdme_tools.annotation.agreement.bootstrap import Resampler
from sdme_tools.annotation.agreement.coefficients import (
    brennan_prediger,
    coincidences,
    label_alpha,
    nominal_alpha,
    pool_units,
)
from sdme_tools.annotation.agreement.coefficients import (
    fleiss_kappa as our_fleiss_kappa,
)
from sdme_tools.annotation.agreement.raters import measure_pairs, measure_raters
from tests.unit.annotation.agreement.made_votes import random_rows, table_of

NONE = Resampler(1000, 0, 0)
"""No intervals."""


def as_numbers(rows: list[list[str | None]]) -> np.ndarray:
    return np.array([[np.nan if label is None else float(label) for label in row] for row in rows])


@pytest.mark.parametrize("seed", range(20))
def test_alpha(seed: int) -> None:
    rows = random_rows(seed, raters=2 + seed % 5, items=30, labels=2 + seed % 6, missing=0.1 * (seed % 7))
    table = table_of(rows, [str(c) for c in range(8)])
    sums = pool_units(table.count()).sum(0)
    expected = krippendorff.alpha(reliability_data=as_numbers(rows), level_of_measurement="nominal")
    assert nominal_alpha(sums) == pytest.approx(expected, abs=1e-12)
    first = np.where(np.isnan(as_numbers(rows)), np.nan, as_numbers(rows) == 0)
    expected = krippendorff.alpha(reliability_data=first, level_of_measurement="nominal")
    assert label_alpha(0)(sums) == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("seed", range(10))
def test_fleiss(seed: int) -> None:
    rows = random_rows(seed, raters=3 + seed % 4, items=25, labels=4, missing=0)
    counts = table_of(rows, list("0123")).count()
    sums = pool_units(counts).sum(0)
    assert our_fleiss_kappa(sums) == pytest.approx(fleiss_kappa(counts), abs=1e-12)
    assert brennan_prediger(sums) == pytest.approx(fleiss_kappa(counts, method="uniform"), abs=1e-12)


@pytest.mark.parametrize("seed", range(10))
def test_pairs(seed: int) -> None:
    rows = random_rows(seed, raters=3, items=40, labels=4, missing=0.3)
    found = {(p.rater_a, p.rater_b): p for p in measure_pairs(table_of(rows, list("0123")), NONE)}
    for a, b in ((0, 1), (0, 2), (1, 2)):
        both = [(int(x), int(y)) for x, y in zip(rows[a], rows[b], strict=True) if x is not None and y is not None]
        matrix = np.zeros((4, 4))
        np.add.at(matrix, tuple(np.array(both).T), 1)
        pair = found[f"rater{a}", f"rater{b}"]
        assert pair.num_items == len(both)
        assert pair.kappa.value == pytest.approx(cohens_kappa(matrix, return_results=False), abs=1e-12)
        assert pair.percent.value == pytest.approx(np.mean([x == y for x, y in both]), abs=1e-12)


@pytest.mark.parametrize("seed", range(10))
def test_leaving_a_rater_out(seed: int) -> None:
    rows = random_rows(seed, raters=4, items=30, labels=3, missing=0.3)
    for number, row in enumerate(measure_raters(table_of(rows, list("012")), NONE)):
        others = as_numbers([r for k, r in enumerate(rows) if k != number])
        expected = krippendorff.alpha(reliability_data=others, level_of_measurement="nominal")
        assert row.alpha_without == pytest.approx(expected, abs=1e-12)


def test_a_rater_against_one_other_is_cohen() -> None:
    rows = random_rows(3, raters=2, items=50, labels=4, missing=0.2)
    table = table_of(rows, list("0123"))
    (pair,) = measure_pairs(table, NONE)
    for row in measure_raters(table, NONE):
        assert row.kappa.value == pytest.approx(pair.kappa.value) and row.num_shared == pair.num_items


def test_coincidences_by_hand() -> None:
    table = table_of([["a", "a", "b"], ["a", "b", None]], ["a", "b"])
    assert coincidences(table.count()).tolist() == [[2, 1], [1, 0]]
