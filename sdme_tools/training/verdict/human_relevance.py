"""Gate 7: does the network believe the modality that people believe?"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from scipy.stats import spearmanr
from sklearn.metrics import roc_auc_score

from sdme_tools.training.evaluation import draw_speakers
from sdme_tools.training.metrics import Interval
from sdme_tools.training.verdict.evidence import Evidence
from sdme_tools.training.verdict.gate import Figure, Gate, Status, not_measured, settle
from sdme_tools.training.verdict.release_facts import people_relevance

KEY, TITLE = "human_relevance", "Does the network believe the modality that people believe?"
_NUM_DRAWS = 300
_AGREES = 0.5


def judge_human_relevance(evidence: Evidence) -> Gate:
    """Compare relevance weights with the agreement of raters who got one modality alone.

    A modality disagrees where fewer than half of those raters gave the clip's label. Pass where low weights find such
    modalities better than chance (AUROC of 1 − α).
    """
    weighing = {name: judged for name, judged in evidence.networks.items() if judged.relevance is not None}
    if not weighing:
        return not_measured(
            KEY, TITLE, "No network that weighs modalities was trained; take relevance into --networks."
        )
    name, judged = next(iter(weighing.items()))
    people = people_relevance(evidence.table, evidence.facts)[judged.rows]
    if np.isnan(people).all():
        why = "Nobody rated a modality by itself: rounds with the conditions video, voice or text would tell."
        return not_measured(KEY, TITLE, why)
    mean_weights = np.asarray(judged.relevance).mean(axis=0).astype(np.float64)
    row, place = np.nonzero(~np.isnan(people) & _is_there(evidence))
    weight, agreement = mean_weights[row, place], people[row, place]
    speakers = np.asarray(evidence.speakers)[row]
    disagrees = agreement < _AGREES
    auroc = _resampled(lambda keep: _auroc(disagrees[keep], 1 - weight[keep]), speakers)
    rank = _resampled(lambda keep: _rank(weight[keep], agreement[keep]), speakers)
    figures = [
        Figure.of("AUROC", auroc, f"of 1 − α for {int(disagrees.sum())} disagreeing of {len(row)} judged modalities"),
        Figure.of("rank correlation", rank, "Spearman, weight against agreement"),
    ]
    if np.isnan(auroc.value):
        return Gate(
            KEY, TITLE, Status.WARN, "People's modalities all agree, or all disagree: nothing to find.", figures
        )
    found = f"AUROC {auroc.value:.2f}, rank correlation {rank.value:.2f} ({name})"
    passed = auroc.low > 0.5
    says = f"Yes: {found}." if passed else f"Not beyond doubt: {found}."
    gate = Gate(KEY, TITLE, Status.PASS if passed else Status.WARN, says, figures)
    return settle(gate, len(set(speakers)))


def _is_there(evidence: Evidence) -> NDArray[np.bool_]:
    columns = evidence.table.sequences.values()
    return np.array([[column[row] is not None for column in columns] for row in evidence.plan.rows])


def _auroc(disagrees: NDArray[np.bool_], doubt: NDArray[np.float64]) -> float:
    return float(roc_auc_score(disagrees, doubt)) if 0 < disagrees.sum() < len(disagrees) else float("nan")


def _rank(weight: NDArray[np.float64], agreement: NDArray[np.float64]) -> float:
    varied = len(weight) > 2 and np.ptp(weight) > 0 and np.ptp(agreement) > 0
    return float(spearmanr(weight, agreement).statistic) if varied else float("nan")


def _resampled(measure: Callable[[NDArray[np.int64]], float], speaker_ids: NDArray[np.str_]) -> Interval:
    """A measure of all rows, with its interval over speakers; draws where it is undefined are left out."""
    speakers, speaker = np.unique(speaker_ids, return_inverse=True)
    value = measure(np.arange(len(speaker)))
    if len(speakers) < 2:
        return Interval(value, float("nan"), float("nan"))
    rows_of = [np.flatnonzero(speaker == index) for index in range(len(speakers))]
    times = draw_speakers(len(speakers), seed=0, num_draws=_NUM_DRAWS).astype(int)
    draws = [measure(np.concatenate([np.repeat(rows_of[s], n) for s, n in enumerate(drawn)])) for drawn in times]
    known = [draw for draw in draws if not np.isnan(draw)]
    low, high = np.quantile(known, [0.025, 0.975]) if known else (float("nan"), float("nan"))
    return Interval(value, float(low), float(high))
