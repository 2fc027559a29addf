"""Everything that can be said of how far raters agree, in one record."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from enum import StrEnum

from sdme_tools.annotation.agreement.bootstrap import Resampler
from sdme_tools.annotation.agreement.comparisons import (
    AllConditionsRow,
    ConditionPairRow,
    KnownRow,
    RoundPairRow,
    compare_conditions,
    compare_rounds,
    compare_with_known,
)
from sdme_tools.annotation.agreement.effects import EffectRow, measure_effects
from sdme_tools.annotation.agreement.raters import PairRow, RaterRow, measure_pairs, measure_raters
from sdme_tools.annotation.agreement.slices import (
    AgreementRow,
    ConfusionRow,
    LabelRow,
    measure_confusion,
    measure_labels,
    measure_slices,
)
from sdme_tools.annotation.agreement.vote_table import VoteTable

FEW_CLUSTERS = 10
"""With fewer, bootstrap intervals are too narrow."""


class Breakdown(StrEnum):
    """What agreement can be broken down by, beside rounds and conditions."""

    LABEL = "label"
    CONFUSION = "confusion"
    RATER = "rater"
    PAIR = "pair"


@dataclass(frozen=True)
class AgreementReport:
    """How far raters agree."""

    labels: tuple[str, ...]
    """All answers that count, 'cannot tell' last where it does."""
    clusters: str
    """What the intervals resample, and why."""
    num_resamples: int
    notes: tuple[str, ...]
    """What to bear in mind."""
    overall: list[AgreementRow]
    conditions: list[ConditionPairRow]
    all_conditions: AllConditionsRow | None
    rounds: list[RoundPairRow]
    effects: list[EffectRow]
    by_label: list[LabelRow]
    """These four are empty unless asked for."""
    confusion: list[ConfusionRow]
    by_rater: list[RaterRow]
    by_pair: list[PairRow]
    known: list[KnownRow]
    """Empty where no label is known beforehand."""


def measure_agreement(
    table: VoteTable,
    *,
    clusters: str,
    by: Collection[Breakdown] = (),
    known: Mapping[str, str] | None = None,
    num_resamples: int = 1000,
    seed: int = 0,
    notes: tuple[str, ...] = (),
) -> AgreementReport:
    """Measure all of it.

    Args:
        table: The votes.
        clusters: What the clusters of the table are, in words.
        by: Breakdowns that are wanted.
        known: Utterance -> its label, where that is known beforehand.
        num_resamples: Of each interval; 0 = no intervals.
        seed: The same seed gives the same intervals.
        notes: What whoever made the table has to say.
    """
    resampler = Resampler(len(table.clusters), num_resamples, seed)
    if num_resamples and len(table.clusters) < FEW_CLUSTERS:
        notes += (f"intervals over {len(table.clusters)} clusters are none, or too narrow",)
    pairs, together = compare_conditions(table, resampler)
    return AgreementReport(
        labels=table.labels,
        clusters=clusters,
        num_resamples=resampler.num_resamples,
        notes=notes,
        overall=measure_slices(table, resampler),
        conditions=pairs,
        all_conditions=together,
        rounds=compare_rounds(table, resampler),
        effects=measure_effects(table, resampler),
        by_label=measure_labels(table, resampler) if Breakdown.LABEL in by else [],
        confusion=measure_confusion(table) if Breakdown.CONFUSION in by else [],
        by_rater=measure_raters(table, resampler) if Breakdown.RATER in by else [],
        by_pair=measure_pairs(table, resampler) if Breakdown.PAIR in by else [],
        known=compare_with_known(table, known, resampler) if known else [],
    )
