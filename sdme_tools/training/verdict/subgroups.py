"""Gate 8: is the network as good for every group of speakers?"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from sdme_tools.training.evaluation import draw_speakers, score
from sdme_tools.training.metrics import Interval, scores_of_confusion
from sdme_tools.training.verdict.evidence import Evidence
from sdme_tools.training.verdict.gate import Figure, Gate, Status, not_measured, points, settle

KEY, TITLE = "subgroups", "Is the network as good for every group of speakers?"
_MIN_GROUP_SPEAKERS = 2


def judge_subgroups(evidence: Evidence) -> Gate:
    """Warn where a group's UA differs from that of the others and the interval leaves out 0.

    A group needs two speakers, and so do the others. Many groups are many comparisons: one in twenty differs by chance.
    """
    figures: list[Figure] = []
    gaps: dict[str, Interval] = {}
    for attribute, values in evidence.facts.attributes.items():
        judged_values = np.array([values[row] or "unknown" for row in evidence.plan.rows])
        for group in sorted(set(judged_values)):
            inside = judged_values == group
            if _num_speakers(evidence, inside) < _MIN_GROUP_SPEAKERS:
                continue
            if _num_speakers(evidence, ~inside) < _MIN_GROUP_SPEAKERS:
                continue
            ua = score(evidence.table, evidence.fused, keep=inside)["ua"]
            gap = _gap(evidence, inside)
            gaps[f"{attribute} {group}"] = gap
            count = f"{int(inside.sum())} utterances of {_num_speakers(evidence, inside)} speakers"
            figures += [
                Figure.of(f"UA of {attribute} {group}", ua, count),
                Figure.of(f"{attribute} {group} over the others", gap),
            ]
    if not gaps:
        why = (
            "The release says nothing of its speakers (columns speaker_<attribute>), or no two groups can be compared."
        )
        return not_measured(KEY, TITLE, why)
    far = {name: gap for name, gap in gaps.items() if gap.low > 0 or gap.high < 0}
    if far:
        says = "Not for: " + ", ".join(f"{name} ({points(gap.value)})" for name, gap in far.items()) + "."
        return settle(Gate(KEY, TITLE, Status.WARN, says, figures), evidence.num_speakers)
    says = f"No gap beyond doubt in {len(gaps)} groups; the intervals say how large one could be."
    return settle(Gate(KEY, TITLE, Status.PASS, says, figures), evidence.num_speakers)


def _num_speakers(evidence: Evidence, keep: NDArray[np.bool_]) -> int:
    return len({speaker for speaker, kept in zip(evidence.speakers, keep, strict=True) if kept})


def _gap(evidence: Evidence, inside: NDArray[np.bool_]) -> Interval:
    """UA of a group minus that of the others; the speakers of each are drawn by themselves."""
    values, draws = [], []
    for seed, part in enumerate((inside, ~inside)):
        counts = np.stack(list(_confusions(evidence, part)))
        values.append(float(scores_of_confusion(counts.sum(axis=0))["ua"]))
        times = draw_speakers(len(counts), seed=seed, num_draws=2000)
        draws.append(scores_of_confusion(np.einsum("ds,sab->dab", times, counts))["ua"])
    low, high = np.quantile(draws[0] - draws[1], [0.025, 0.975])
    return Interval(values[0] - values[1], float(low), float(high))


def _confusions(evidence: Evidence, keep: NDArray[np.bool_]) -> Iterator[NDArray[np.float64]]:
    """Of each speaker of a part, over seeds."""
    speakers, num_classes = np.array(evidence.speakers), len(evidence.table.label_names)
    for speaker in sorted(set(speakers[keep])):
        mine = keep & (speakers == speaker)
        counts = np.zeros((num_classes, num_classes))
        for predicted in evidence.fused.predicted:
            np.add.at(counts, (evidence.truth[mine], predicted[mine]), 1)
        yield counts
