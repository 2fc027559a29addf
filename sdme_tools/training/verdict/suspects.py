"""Gate 6: which labels look wrong? Confident learning on predictions of networks that never saw the label or speaker.

Source: Northcutt, Jiang and Chuang 2021, Confident learning: estimating uncertainty in dataset labels, arXiv
1911.00068, by its authors' library cleanlab.
"""

from __future__ import annotations

import csv
import io
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from cleanlab.filter import find_label_issues

from sdme_tools.training.evaluation import score
from sdme_tools.training.table_file import write_atomically
from sdme_tools.training.verdict.evidence import Evidence
from sdme_tools.training.verdict.gate import Figure, Gate, Status, percent

KEY, TITLE = "suspects", "Which labels look wrong?"
FILE_NAME = "suspects.csv"
_MANY = 0.1


@dataclass(frozen=True)
class Suspect:
    """An utterance whose label the networks doubt: what it is, what they say, and how much they believe in each."""

    utterance_id: str
    speaker_id: str
    label: str
    suggested: str
    confidence_in_label: float
    confidence_in_suggested: float


def find_suspects(evidence: Evidence) -> list[Suspect]:
    """The most doubtful first."""
    judged, table = evidence.out_of_fold, evidence.table
    labels = table.labels[judged.rows]
    classes = np.unique(labels)
    probabilities = judged.mean_probabilities[:, classes].astype(np.float64)
    probabilities /= np.maximum(probabilities.sum(axis=1, keepdims=True), 1e-12)
    places = find_label_issues(
        np.searchsorted(classes, labels), probabilities, return_indices_ranked_by="self_confidence", n_jobs=1
    )
    found = []
    for place in places:
        suggested = int(judged.mean_probabilities[place].argmax())
        found.append(
            Suspect(
                utterance_id=table.utterance_ids[judged.rows[place]],
                speaker_id=table.speaker_ids[judged.rows[place]],
                label=table.label_names[labels[place]],
                suggested=table.label_names[suggested],
                confidence_in_label=float(judged.mean_probabilities[place, labels[place]]),
                confidence_in_suggested=float(judged.mean_probabilities[place, suggested]),
            )
        )
    return found


def judge_suspects(evidence: Evidence, suspects: list[Suspect]) -> Gate:
    """Pass where fewer than a tenth of the labels are doubted; networks that learned nothing may doubt nothing."""
    total = len(evidence.out_of_fold.rows)
    share = len(suspects) / total
    figures = [Figure("suspect labels", len(suspects)), Figure("share of the labels", share)]
    found = f"{len(suspects)} of {total} labels ({percent(share)}), listed in {FILE_NAME}"
    if not score(evidence.table, evidence.out_of_fold)["ua"].low > evidence.chance:
        says = f"{found}; but labels that were not learned beyond doubt make a list that may be random."
        return Gate(KEY, TITLE, Status.WARN, says, figures)
    says = f"{found}: `sdme round create DIR NAME --select list:{FILE_NAME}` asks people again."
    return Gate(KEY, TITLE, Status.PASS if share < _MANY else Status.WARN, says, figures)


def write_suspects(suspects: list[Suspect], path: Path) -> None:
    """Write the list, which `sdme round create --select list:FILE` takes as it is."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    names = ("utterance_id", "speaker_id", "label", "suggested", "confidence_in_label", "confidence_in_suggested")
    writer.writerow(names)
    for one in suspects:
        confidences = f"{one.confidence_in_label:.4f}", f"{one.confidence_in_suggested:.4f}"
        writer.writerow([one.utterance_id, one.speaker_id, one.label, one.suggested, *confidences])
    write_atomically(path, text.getvalue().encode())
