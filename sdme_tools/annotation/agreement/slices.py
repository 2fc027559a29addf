"""Agreement within each round and condition: as a whole, label by label, and which labels are taken for each other."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from sdme_tools.annotation.agreement.bootstrap import UNDEFINED, Estimate, Resampler
from sdme_tools.annotation.agreement.coefficients import (
    POOLED,
    coincidences,
    conger_kappa,
    label_agreement,
    label_alpha,
    pool_units,
    standard_errors,
)
from sdme_tools.annotation.agreement.vote_table import Floats, VoteTable


@dataclass(frozen=True)
class AgreementRow:
    """All votes of a round and condition."""

    round_id: str
    condition: str
    num_votes: int
    num_items: int
    num_pairable: int
    """Items with votes of two raters or more."""
    num_raters: int
    num_clusters: int
    percent: Estimate
    """Share of equal pairs of votes; chance is not taken off."""
    alpha: Estimate
    """Krippendorff's, nominal."""
    ac1: Estimate
    ac1_error: float | None
    """Gwet's standard error, as if every item were drawn by itself."""
    fleiss: Estimate
    conger: Estimate
    """Without an interval."""
    brennan_prediger: Estimate


@dataclass(frozen=True)
class LabelRow:
    """One label against all others."""

    round_id: str
    condition: str
    label: str
    num_votes: int
    share: float
    """Of all votes."""
    specific: Estimate
    """Where one rater says it, how often does another one?"""
    alpha: Estimate
    """Of this label against all others taken together."""


@dataclass(frozen=True)
class ConfusionRow:
    """Where one rater says `label`, what do others say of the same item?"""

    round_id: str
    condition: str
    label: str
    num_votes: int
    others_say: dict[str, float] | None
    """Label -> share, summing to 1; None where nobody else voted on these items."""


def why_undefined(table: VoteTable, counts: Floats) -> str | None:
    """Tell why chance-corrected agreement is undefined here; None where it is not."""
    if not table.num_votes:
        return "no votes"
    if len(np.unique(table.rater)) < 2:
        return "one rater only"
    paired = counts[counts.sum(1) >= 2]
    if not len(paired):
        return "no item has votes of two raters"
    return "one label only" if (paired.sum(0) > 0).sum() < 2 else None


def measure_slices(table: VoteTable, resampler: Resampler) -> list[AgreementRow]:
    """A row for each round and condition."""
    return [_measure(round_id, condition.value, part, resampler) for round_id, condition, part in table.slices()]


def _measure(round_id: str, condition: str, table: VoteTable, resampler: Resampler) -> AgreementRow:
    counts = table.count()
    found = resampler.estimate(pool_units(counts), POOLED, table.cluster_of_unit)
    conger = conger_kappa(table.rater, table.label, counts)
    reason = why_undefined(table, counts)
    if reason is not None:
        nothing = Estimate(None, undefined=reason)
        percent = found["percent"] if reason == "one label only" else nothing
        found = dict.fromkeys(found, nothing) | {"percent": percent}
    error = standard_errors(counts)["ac1"] if reason is None else float("nan")
    return AgreementRow(
        round_id=round_id,
        condition=condition,
        num_votes=table.num_votes,
        num_items=len(table.units),
        num_pairable=int((counts.sum(1) >= 2).sum()),
        num_raters=len(np.unique(table.rater)),
        num_clusters=len(np.unique(table.cluster_of_unit)),
        ac1_error=error if np.isfinite(error) else None,
        conger=Estimate(conger)
        if np.isfinite(conger) and not reason
        else Estimate(None, undefined=reason or UNDEFINED),
        **found,
    )


def measure_labels(table: VoteTable, resampler: Resampler) -> list[LabelRow]:
    """A row for each round, condition and label."""
    return [
        row
        for round_id, condition, part in table.slices()
        for row in _measure_labels(round_id, condition.value, part, resampler)
    ]


def _measure_labels(round_id: str, condition: str, table: VoteTable, resampler: Resampler) -> list[LabelRow]:
    counts = table.count()
    statistics = {("specific", c): label_agreement(c) for c in range(len(table.labels))}
    statistics |= {("alpha", c): label_alpha(c) for c in range(len(table.labels))}
    named = {f"{what} {c}": statistic for (what, c), statistic in statistics.items()}
    found = resampler.estimate(pool_units(counts), named, table.cluster_of_unit)
    reason = why_undefined(table, counts)
    votes, paired = counts.sum(0), counts[counts.sum(1) >= 2].sum(0)
    rows = []
    for c, label in enumerate(table.labels):
        specific, alpha = found[f"specific {c}"], found[f"alpha {c}"]
        why = reason or ("nobody says it" if not paired[c] else None)
        rows.append(
            LabelRow(
                round_id=round_id,
                condition=condition,
                label=label,
                num_votes=int(votes[c]),
                share=float(votes[c] / max(1, votes.sum())),
                specific=_explain(specific, why if specific.value is None else None),
                alpha=_explain(alpha, why),
            )
        )
    return rows


def _explain(estimate: Estimate, reason: str | None) -> Estimate:
    return estimate if reason is None else replace(Estimate(None), undefined=reason)


def measure_confusion(table: VoteTable) -> list[ConfusionRow]:
    """A row for each round, condition and label."""
    rows = []
    for round_id, condition, part in table.slices():
        counts = part.count()
        matrix = coincidences(counts)
        for label, cells, votes in zip(table.labels, matrix, counts.sum(0), strict=True):
            total = cells.sum()
            shares = dict(zip(table.labels, (cells / total).tolist(), strict=True)) if total > 0 else None
            rows.append(ConfusionRow(round_id, condition.value, label, int(votes), shares))
    return rows
