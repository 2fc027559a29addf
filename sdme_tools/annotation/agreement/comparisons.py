"""Comparisons: of conditions (does the face alone say what the whole says?), of rounds, and with known labels."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from sdme_tools.annotation.agreement.bootstrap import (
    Estimate,
    Resampler,
    Statistic,
    difference,
    on_columns,
    ratio,
    sum_by,
)
from sdme_tools.annotation.agreement.coefficients import nominal_alpha, pair_sides, paired_kappa, pool_units
from sdme_tools.annotation.agreement.vote_table import Codes, Floats, Mask, VoteTable, divide, encode
from sdme_tools.records.annotation import Condition


@dataclass(frozen=True)
class ConditionPairRow:
    """Two conditions on the utterances that both were voted on, all rounds together."""

    condition_a: str
    condition_b: str
    num_items: int
    """Utterances with votes in both."""
    num_labelled: int
    """Those of them whose most frequent label stands alone in both."""
    share_equal: Estimate
    """Of the labelled ones: both have the same label."""
    alpha: Estimate
    """Krippendorff's α of the two labels."""
    kappa_across: Estimate
    """How far a vote of one condition agrees with one of the other beyond chance, labels or none."""
    share_equal_everywhere: Estimate
    """As share_equal, of the utterances that are labelled under all conditions."""


@dataclass(frozen=True)
class AllConditionsRow:
    """All conditions together."""

    conditions: tuple[str, ...]
    num_labelled: int
    """Utterances that have a label under every condition."""
    share_equal: Estimate
    """Of these: the label is the same under all."""


@dataclass(frozen=True)
class RoundPairRow:
    """Two rounds on the items that both voted on: has the meaning of the labels moved?"""

    condition: str
    round_a: str
    round_b: str
    num_items: int
    share_equal: Estimate
    """Of the items whose most frequent label stands alone in both rounds."""
    alpha_a: Estimate
    alpha_b: Estimate
    alpha_change: Estimate
    """b - a on the shared items, in the same resamples."""
    kappa_across: Estimate
    """How far a vote of one round agrees with one of the other beyond chance."""
    shift: Estimate
    """Share of votes that would have to change for both rounds to use the labels alike."""


@dataclass(frozen=True)
class KnownRow:
    """Votes against labels that are known, such as the emotion an actor was to show."""

    round_id: str
    condition: str
    num_votes: int
    """On utterances whose label is known."""
    votes_right: Estimate
    num_labelled: int
    """Of these utterances, those whose most frequent label stands alone."""
    labels_right: Estimate


@dataclass(frozen=True)
class _Side:
    """Votes of each utterance in one condition or round."""

    counts: Floats
    """float64[num_utterances, C]."""
    label: Codes
    """int64[num_utterances]: the most frequent label, -1 where none stands alone, or 'cannot tell' does."""


def _find_label(counts: Floats, num_classes: int) -> Codes:
    top = counts.max(1, initial=0)
    alone = (counts == top[:, None]).sum(1) == 1
    first = counts.argmax(1) if counts.shape[1] else np.zeros(len(counts), np.int64)
    return np.where(alone & (top > 0) & (first < num_classes), first, -1)


def _take_sides(table: VoteTable, keys: Codes, num_keys: int) -> tuple[list[_Side], Codes]:
    """Split by key of unit; utterances are numbered alike on all sides. Returns the clusters of utterances too."""
    utterance, names = encode([unit.utterance_id for unit in table.units])
    counts = table.count()
    cluster = np.zeros(len(names), np.int64)
    cluster[utterance] = table.cluster_of_unit
    sides = []
    for key in range(num_keys):
        mine = keys == key
        summed = sum_by(utterance[mine], counts[mine], len(names))
        sides.append(_Side(summed, _find_label(summed, table.num_classes)))
    return sides, cluster


def compare_conditions(
    table: VoteTable, resampler: Resampler
) -> tuple[list[ConditionPairRow], AllConditionsRow | None]:
    """Compare every two conditions, and all; nothing where there is one only."""
    conditions = [c for c in Condition if any(unit.condition is c for unit in table.units)]
    if len(conditions) < 2:
        return [], None
    keys = np.array([conditions.index(unit.condition) for unit in table.units])
    sides, cluster = _take_sides(table, keys, len(conditions))
    everywhere = np.all([side.label >= 0 for side in sides], axis=0)
    rows = []
    for a, b in combinations(range(len(conditions)), 2):
        found, num_items, num_labelled = _compare(sides[a], sides[b], everywhere, cluster, resampler)
        rows.append(ConditionPairRow(conditions[a].value, conditions[b].value, num_items, num_labelled, **found))
    same = everywhere & np.all([side.label == sides[0].label for side in sides], axis=0)
    sums = np.stack([same, everywhere], axis=1).astype(np.float64)
    equal = resampler.estimate(sums, {"equal": ratio(0, 1)}, cluster)["equal"]
    together = AllConditionsRow(
        tuple(condition.value for condition in conditions),
        int(everywhere.sum()),
        _explain(equal, bool(everywhere.any()), "no utterance has a label under every condition"),
    )
    return rows, together


def _compare(
    a: _Side, b: _Side, everywhere: Mask, cluster: Codes, resampler: Resampler
) -> tuple[dict[str, Estimate], int, int]:
    C = a.counts.shape[1]
    voted = (a.counts.sum(1) > 0) & (b.counts.sum(1) > 0)
    labelled, same = (a.label >= 0) & (b.label >= 0), a.label == b.label
    answers = np.eye(C + 1)[:, :C]  # the last row is for -1
    two_labels = np.where(labelled[:, None], answers[a.label] + answers[b.label], 0)
    parts = [
        np.where(voted[:, None], pair_sides(_as_shares(a.counts), _as_shares(b.counts)), 0),
        pool_units(two_labels),
        np.stack([labelled & same, labelled, everywhere & same, everywhere], axis=1),
    ]
    sums = np.concatenate(parts, axis=1)
    first, second = 2 * C + 2, 5 * C + 5
    statistics: dict[str, Statistic] = {
        "kappa_across": on_columns(0, first, paired_kappa),
        "alpha": on_columns(first, second, nominal_alpha),
        "share_equal": ratio(second, second + 1),
        "share_equal_everywhere": ratio(second + 2, second + 3),
    }
    found = resampler.estimate(sums, statistics, cluster)
    for name, there in (("share_equal", labelled), ("alpha", labelled), ("kappa_across", voted)):
        found[name] = _explain(found[name], bool(there.any()), "no utterance has both")
    found["share_equal_everywhere"] = _explain(
        found["share_equal_everywhere"], bool(everywhere.any()), "no utterance has a label under every condition"
    )
    return found, int(voted.sum()), int(labelled.sum())


def _as_shares(counts: Floats) -> Floats:
    shares: Floats = counts / np.maximum(counts.sum(1, keepdims=True), 1)
    return shares


def _explain(estimate: Estimate, is_there: bool, reason: str) -> Estimate:
    return estimate if is_there else Estimate(None, undefined=reason)


def compare_rounds(table: VoteTable, resampler: Resampler) -> list[RoundPairRow]:
    """Compare every two rounds that share items, condition by condition."""
    keys, names = encode([(unit.round_id, unit.condition) for unit in table.units])
    sides, cluster = _take_sides(table, keys, len(names))
    rows = []
    for a, b in combinations(range(len(names)), 2):
        shared = (sides[a].counts.sum(1) > 0) & (sides[b].counts.sum(1) > 0)
        if names[a][1] is names[b][1] and shared.any():
            found = _measure_drift(sides[a], sides[b], shared, cluster, resampler)
            rows.append(RoundPairRow(names[a][1].value, names[a][0], names[b][0], int(shared.sum()), **found))
    return rows


def _measure_drift(a: _Side, b: _Side, shared: Mask, cluster: Codes, resampler: Resampler) -> dict[str, Estimate]:
    C = a.counts.shape[1]
    left, right = a.counts[shared], b.counts[shared]
    labelled = (a.label >= 0) & (b.label >= 0)
    flags = np.stack([labelled & (a.label == b.label), labelled], axis=1)[shared]
    sides = pair_sides(_as_shares(left), _as_shares(right))
    sums = np.concatenate([pool_units(left), pool_units(right), sides, flags], axis=1)
    first, second, third = 3 * C + 3, 6 * C + 6, 8 * C + 8
    alpha_a, alpha_b = on_columns(0, first, nominal_alpha), on_columns(first, second, nominal_alpha)

    def shift(sums: Floats) -> Floats:
        shares = divide(sums[..., second + 2 : third], sums[..., second + 1 : second + 2])
        moved: Floats = np.abs(shares[..., :C] - shares[..., C:]).sum(-1) / 2
        return moved

    statistics: dict[str, Statistic] = {
        "share_equal": ratio(third, third + 1),
        "alpha_a": alpha_a,
        "alpha_b": alpha_b,
        "alpha_change": difference(alpha_b, alpha_a),
        "kappa_across": on_columns(second, third, paired_kappa),
        "shift": shift,
    }
    found = resampler.estimate(sums, statistics, cluster[shared])
    found["share_equal"] = _explain(found["share_equal"], bool(flags.any()), "no item has a label in both")
    return found


def compare_with_known(table: VoteTable, known: Mapping[str, str], resampler: Resampler) -> list[KnownRow]:
    """Hold votes against known labels, utterance -> label, in each round and condition."""
    code = {label: number for number, label in enumerate(table.labels)}
    rows = []
    for round_id, condition, part in table.slices():
        truth = np.array([code.get(known.get(unit.utterance_id, ""), -1) for unit in part.units], np.int64)
        label = _find_label(part.count(), table.num_classes)
        there = (truth >= 0)[part.unit]
        votes = np.stack([there & (part.label == truth[part.unit]), there], axis=1).astype(np.float64)
        labelled = (truth >= 0) & (label >= 0)
        items = np.stack([labelled & (label == truth), labelled], axis=1).astype(np.float64)
        statistics = {"right": ratio(0, 1)}
        votes_right = resampler.estimate(votes, statistics, part.cluster)["right"]
        labels_right = resampler.estimate(items, statistics, part.cluster_of_unit)["right"]
        rows.append(
            KnownRow(
                round_id=round_id,
                condition=condition.value,
                num_votes=int(there.sum()),
                votes_right=_explain(votes_right, bool(there.any()), "no label is known"),
                num_labelled=int(labelled.sum()),
                labels_right=_explain(labels_right, bool(labelled.any()), "no labelled item is known"),
            )
        )
    return rows
