"""Where agreement is undefined, the reason is told: never 1.0, never an exception."""

import pytest

from sdme_tools.annotation.agreement.report import AgreementReport, Breakdown, measure_agreement
from tests.unit.annotation.agreement.made_votes import table_of

COEFFICIENTS = ("alpha", "ac1", "fleiss", "conger", "brennan_prediger")


def report_of(rows: list[list[str | None]]) -> AgreementReport:
    return measure_agreement(table_of(rows, ["a", "b"], speakers=2), clusters="speakers", by=list(Breakdown))


@pytest.mark.parametrize(
    ("rows", "reason"),
    [
        ([["a", "a", "a"], ["a", "a", "a"]], "one label only"),
        ([["a", "a", "b"], ["a", "a", None]], "one label only"),
        ([["a", "b", "a"]], "one rater only"),
        ([["a", None], [None, "b"]], "no item has votes of two raters"),
        ([["a"]], "one rater only"),
    ],
)
def test_overall(rows: list[list[str | None]], reason: str) -> None:
    report = report_of(rows)
    (row,) = report.overall
    for name in COEFFICIENTS:
        estimate = getattr(row, name)
        assert (estimate.value, estimate.low, estimate.undefined) == (None, None, reason), name
    assert row.ac1_error is None
    assert all(label.alpha.value is None and label.alpha.undefined for label in report.by_label)
    assert all(rater.kappa.value is None and rater.kappa.undefined for rater in report.by_rater)
    assert all(pair.kappa.value is None and pair.kappa.undefined for pair in report.by_pair)


def test_percent_is_what_was_counted() -> None:
    (row,) = report_of([["a", "a"], ["a", "a"]]).overall
    assert row.percent.value == 1.0
    (row,) = report_of([["a", "b"]]).overall
    assert row.percent.value is None and row.percent.undefined == "one rater only"


def test_a_label_that_nobody_says() -> None:
    rows: list[list[str | None]] = [["a", "b", "a"], ["a", "b", "b"]]
    report = measure_agreement(table_of(rows, ["a", "b", "c"]), clusters="utterances", by=[Breakdown.LABEL])
    assert [row.alpha.undefined for row in report.by_label] == [None, None, "nobody says it"]
    assert report.by_label[2].specific.undefined == "nobody says it"


def test_two_raters_who_always_agree_on_two_labels() -> None:
    (row,) = report_of([["a", "b", "a", "b"], ["a", "b", "a", "b"]]).overall
    assert row.alpha.value == 1.0
