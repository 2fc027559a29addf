"""Gate 1: can the labels be learned at all, better than by always saying the same or guessing by frequency?"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from sdme_tools.training.evaluation import pooled, score, spread_over_seeds
from sdme_tools.training.experiment import SeededPredictions
from sdme_tools.training.metrics import paired_difference
from sdme_tools.training.verdict.evidence import Evidence
from sdme_tools.training.verdict.gate import Figure, Gate, Status, percent, settle

KEY, TITLE = "learnable", "Can the labels be learned?"


def judge_learnable(evidence: Evidence) -> Gate:
    """Pass where UA lies above chance and WA, class frequencies put back, above the commonest class."""
    table, fused, truth = evidence.table, evidence.fused, evidence.truth
    scores, num_seeds = score(table, fused), len(fused.probabilities)
    over_seeds = {
        name: f"± {deviation:.3f} over {num_seeds} seeds" if num_seeds > 1 else "one seed"
        for name, deviation in spread_over_seeds(table, fused).items()
    }
    shares = np.bincount(truth, minlength=len(table.label_names)) / len(truth)
    labels, predicted, speakers = pooled(table, _with_frequencies(fused, shares))
    commonest = np.full_like(labels, int(shares.argmax()))
    gain = paired_difference(labels, predicted, commonest, speakers, len(table.label_names), seed=0)["wa"]
    figures = [
        Figure.of("UA", scores["ua"], over_seeds["ua"]),
        Figure("UA of chance", evidence.chance, note="of the commonest class and of guessing by frequency alike"),
        Figure.of("WA", scores["wa"], over_seeds["wa"]),
        Figure.of("macro F1", scores["f1_macro"]),
        Figure("WA of the commonest class", float(shares.max())),
        Figure("WA of guessing by frequency", float((shares**2).sum())),
        Figure.of("WA over the commonest class", gain, "class frequencies put back: training weighs classes alike"),
    ]
    above, ahead = scores["ua"].low > evidence.chance, gain.low > 0
    reached = f"{evidence.settings.networks[0]} reaches UA {percent(scores['ua'].value)}, chance is "
    reached += f"{percent(evidence.chance)}"
    if above and ahead:
        status, says = Status.PASS, f"Yes: {reached}, and its accuracy beats always saying the commonest class."
    elif above:
        status, says = Status.WARN, f"In part: {reached}; but its accuracy does not beat the commonest class."
    else:
        status, says = Status.FAIL, f"No: {reached}, which the interval over speakers does not tell apart."
    return settle(Gate(KEY, TITLE, status, says, figures), evidence.num_speakers)


def _with_frequencies(judged: SeededPredictions, shares: NDArray[np.float64]) -> SeededPredictions:
    """Put class frequencies back into probabilities that were learned with classes weighed alike."""
    return SeededPredictions(judged.rows, (judged.probabilities * shares).astype(np.float32))
