"""The pictures of the report, each a PNG in bytes. No window system, no global state of matplotlib."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure as Picture
from numpy.typing import NDArray

from sdme_tools.training.evaluation import Calibration, calibration, score
from sdme_tools.training.experiment import SeededPredictions
from sdme_tools.training.metrics import Interval, confusion
from sdme_tools.training.verdict.evidence import Evidence
from sdme_tools.training.verdict.learning_curve import GROWTH, extrapolate
from sdme_tools.training.verdict.semantics import Layout

_COLOURS = (
    "#3b6ea5",
    "#d1793b",
    "#5a9a5a",
    "#8b5a9a",
    "#a0a04a",
    "#4aa0a0",
    "#b04a5a",
    "#707070",
    "#c08ac0",
    "#304a30",
)
_MARKERS = "o^sDvP*X"
_DPI = 110
_NUM_EXAMPLES = 12


def draw_confusion(evidence: Evidence, name: str, judged: SeededPredictions) -> bytes:
    """Row shares of the confusion over all seeds; the number is the share in percent."""
    labels = evidence.table.label_names
    counts = sum(confusion(evidence.truth, predicted, len(labels)) for predicted in judged.predicted)
    shares = counts / np.maximum(np.asarray(counts).sum(axis=1, keepdims=True), 1)
    side = 2.2 + 0.45 * len(labels)
    picture, axes = _open(side, side)
    axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    axes.set_xticks(range(len(labels)), labels, rotation=45, ha="right")
    axes.set_yticks(range(len(labels)), labels)
    for row, column in np.ndindex(shares.shape):
        colour = "white" if shares[row, column] > 0.5 else "black"
        axes.text(column, row, f"{100 * shares[row, column]:.0f}", ha="center", va="center", color=colour, fontsize=8)
    axes.set(xlabel="predicted", ylabel="label", title=name)
    return _close(picture)


def draw_learning_curve(evidence: Evidence) -> bytes:
    """UA against training utterances, with the line that is extrapolated."""
    picture, axes = _open(5.5, 3.6)
    sizes = np.array([point.num_utterances for point in evidence.curve])
    intervals = [score(evidence.table, point.judged)["ua"] for point in evidence.curve]
    _draw_intervals(axes, sizes, intervals)
    if len(set(sizes)) > 1:
        fit = extrapolate(evidence)
        reach = np.linspace(sizes.min(), GROWTH * sizes.max(), 50)
        axes.plot(reach, fit.intercept + fit.slope * np.log(reach), "--", color=_COLOURS[1], label="linear in log n")
        axes.axvline(GROWTH * sizes.max(), color="#bbbbbb", linewidth=0.8)
        axes.legend(frameon=False)
    axes.axhline(evidence.chance, color="black", linewidth=0.8, linestyle=":")
    axes.set(xlabel="training utterances", ylabel="UA", title="learning curve (dotted: chance)")
    return _close(picture)


def draw_relevance_by_class(evidence: Evidence, judged: SeededPredictions) -> bytes:
    """Mean relevance weight of each modality over the utterances of each class."""
    weights = np.asarray(judged.relevance).mean(axis=0)
    labels, modalities = evidence.table.label_names, evidence.table.modalities
    picture, axes = _open(1.5 + 0.8 * len(labels), 3.6)
    left = np.zeros(len(labels))
    for place, modality in enumerate(modalities):
        means = np.array([_mean(weights[evidence.truth == c, place]) for c in range(len(labels))])
        axes.bar(range(len(labels)), means, bottom=left, color=_COLOURS[place % len(_COLOURS)], label=modality)
        left += means
    axes.set_xticks(range(len(labels)), labels, rotation=45, ha="right")
    axes.set(ylabel="mean relevance", title="relevance by class")
    axes.legend(frameon=False, bbox_to_anchor=(1, 1))
    return _close(picture)


def draw_examples(evidence: Evidence, judged: SeededPredictions) -> bytes:
    """Clips in which one modality is believed most or least, with what was said and predicted."""
    weights = np.asarray(judged.relevance).mean(axis=0)
    chosen = choose_examples(weights)
    names, table = evidence.table.label_names, evidence.table
    predicted = judged.mean_probabilities.argmax(axis=1)
    picture, axes = _open(8.5, 0.6 + 0.32 * len(chosen))
    for line, place in enumerate(chosen):
        left = 0.0
        for m in range(weights.shape[1]):
            label = table.modalities[m] if line == 0 else None
            axes.barh(line, weights[place, m], left=left, color=_COLOURS[m % len(_COLOURS)], label=label)
            left += float(weights[place, m])
    texts = [
        f"{table.utterance_ids[judged.rows[p]]}: {names[evidence.truth[p]]}, predicted {names[predicted[p]]}"
        for p in chosen
    ]
    axes.set_yticks(range(len(chosen)), texts, fontsize=8)
    axes.invert_yaxis()
    axes.set(xlabel="relevance", xlim=(0, 1), title="the most uneven and the most even clips")
    axes.legend(frameon=False, bbox_to_anchor=(1, 1))
    return _close(picture)


def choose_examples(weights: NDArray[np.float32]) -> list[int]:
    """Places of the clips with the most uneven weights, then of those with the most even ones."""
    order = np.argsort(-weights.max(axis=1), kind="stable")
    half = min(_NUM_EXAMPLES, len(order)) // 2
    return [*order[:half].tolist(), *order[len(order) - half :].tolist()]


def draw_reliability(evidence: Evidence) -> tuple[bytes, dict[str, Calibration]]:
    """Accuracy against confidence of each network, seeds pooled, with its ECE."""
    picture, axes = _open(4.2, 4.0)
    axes.plot([0, 1], [0, 1], color="#bbbbbb", linewidth=0.8)
    found = {}
    for place, (name, judged) in enumerate(evidence.networks.items()):
        num_seeds = len(judged.probabilities)
        one = calibration(np.concatenate(list(judged.probabilities)), np.tile(evidence.truth, num_seeds))
        found[name] = one
        confidence, accuracy = [b.confidence for b in one.bins], [b.accuracy for b in one.bins]
        colour = _COLOURS[place % len(_COLOURS)]
        axes.plot(confidence, accuracy, "o-", color=colour, label=f"{name}, ECE {one.ece:.3f}")
    axes.set(xlabel="confidence", ylabel="accuracy", xlim=(0, 1), ylim=(0, 1), title="reliability")
    axes.legend(frameon=False)
    return _close(picture), found


def draw_views(scores: Mapping[str, Interval], whole: Interval, chance: float) -> bytes:
    """UA when the network is shown less."""
    names = ["everything", *scores]
    picture, axes = _open(6, 1 + 0.32 * len(names))
    values = [whole, *scores.values()]
    for line, interval in enumerate(values):
        axes.plot([interval.low, interval.high], [line, line], color=_COLOURS[0])
        axes.plot(interval.value, line, "o", color=_COLOURS[0])
    axes.set_yticks(range(len(names)), names)
    axes.invert_yaxis()
    axes.axvline(chance, color="black", linewidth=0.8, linestyle=":")
    axes.set(xlabel="UA", title="shown less, or noise (dotted: chance)")
    return _close(picture)


def draw_semantics(layouts: Sequence[Layout], evidence: Evidence) -> bytes:
    """t-SNE of each modality's summaries; colours are classes, shapes modalities, large marks a class's mean."""
    picture = Picture(figsize=(5.2 * len(layouts), 4.8), dpi=_DPI, layout="constrained")
    panels = picture.subplots(1, len(layouts), squeeze=False)[0]
    labels, modalities = evidence.table.label_names, evidence.table.modalities
    for axes, layout in zip(panels, layouts, strict=True):
        for m, modality in enumerate(modalities):
            for c, label in enumerate(labels):
                mine = layout.points[(layout.modality == m) & (layout.label == c)]
                if len(mine) == 0:
                    continue
                style = {"marker": _MARKERS[m % len(_MARKERS)], "color": _COLOURS[c % len(_COLOURS)]}
                axes.scatter(*mine.T, s=12, alpha=0.45, linewidths=0, **style)
                axes.scatter(*mine.mean(axis=0), s=110, edgecolors="black", label=f"{label}, {modality}", **style)
        axes.set(xticks=[], yticks=[])
        axes.set_title(
            f"{layout.title}\nnearest of another modality: same class in {100 * layout.agreement:.0f} % "
            f"(chance {100 * layout.by_chance:.0f} %)",
            fontsize=9,
        )
    handles, texts = panels[0].get_legend_handles_labels()
    if len(texts) <= 30:
        picture.legend(handles, texts, loc="outside right upper", fontsize=7, frameon=False)
    return _close(picture)


def _draw_intervals(axes: Axes, places: NDArray[np.float64], intervals: Sequence[Interval]) -> None:
    for x, interval in zip(places, intervals, strict=True):
        axes.plot([x, x], [interval.low, interval.high], color=_COLOURS[0])
    axes.plot(places, [interval.value for interval in intervals], "o", color=_COLOURS[0])


def _mean(values: NDArray[np.float32]) -> float:
    return float(values.mean()) if len(values) else 0.0


def _open(width: float, height: float) -> tuple[Picture, Axes]:
    picture = Picture(figsize=(width, height), dpi=_DPI, layout="constrained")
    return picture, picture.subplots()


def _close(picture: Picture) -> bytes:
    content = io.BytesIO()
    picture.savefig(content, format="png")
    return content.getvalue()
