"""The figures that the literature gives, to the last digit given."""

import pytest

from sdme_tools.annotation.agreement.bootstrap import Resampler
from sdme_tools.annotation.agreement.coefficients import weigh_fleiss
from sdme_tools.annotation.agreement.slices import AgreementRow, measure_slices
from tests.unit.annotation.agreement.made_votes import table_of
from tests.unit.annotation.agreement.published_tables import fleiss_counts, krippendorff_votes, ten_by_five_counts


def measure(rows: list[list[int | None]]) -> AgreementRow:
    (row,) = measure_slices(table_of(rows, list("12345")), Resampler(12, 0, 0))
    return row


def test_krippendorff() -> None:
    row = measure(krippendorff_votes())
    assert (row.num_votes, row.num_items, row.num_pairable, row.num_raters) == (41, 12, 11, 4)
    assert row.alpha.value == pytest.approx(0.743421, abs=5e-7)
    assert row.ac1.value == pytest.approx(0.77544, abs=5e-6)
    assert row.ac1_error == pytest.approx(0.14295, abs=5e-6)
    assert row.fleiss.value == pytest.approx(0.76117, abs=5e-6)
    assert row.brennan_prediger.value == pytest.approx(0.77273, abs=5e-6)


def test_conger_on_gwets_copy_of_the_table() -> None:
    """Gwet gives the only vote on the last unit to the third rater; to all but Conger's κ that is the same."""
    rows = krippendorff_votes()
    rows[2][11], rows[1][11] = rows[1][11], None
    assert measure(rows).conger.value == pytest.approx(0.76282, abs=5e-6)


def test_fleiss_1971() -> None:
    counts = fleiss_counts()
    assert counts.sum(0).tolist() == [26, 26, 30, 55, 43]
    found = weigh_fleiss(counts)
    assert found is not None
    assert found.kappa == pytest.approx(0.4302445, abs=5e-8)
    assert found.z == pytest.approx(17.65183, abs=5e-6)


def test_ten_by_five() -> None:
    found = weigh_fleiss(ten_by_five_counts())
    assert found is not None and found.kappa == pytest.approx(0.20993, abs=5e-6)


def test_fleiss_test_needs_equal_numbers_of_votes() -> None:
    counts = fleiss_counts()
    counts[0, 0] += 1
    assert weigh_fleiss(counts) is None
    assert weigh_fleiss(counts[:0]) is None
