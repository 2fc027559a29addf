"""What a training run leaves behind: checkpoint, metrics with intervals, confusion, predictions, relevance, summary."""

from __future__ import annotations

import csv
import io
import json
import math
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from sdme_tools.training.checkpoint import save_checkpoint
from sdme_tools.training.dataset import FeatureTable
from sdme_tools.training.loop import Predictions, TrainResult
from sdme_tools.training.metrics import ClassScores, Interval, class_scores, confusion, scores_with_intervals
from sdme_tools.training.table_file import write_atomically, write_parquet


@dataclass(frozen=True)
class TrainReport:
    """The figures of a run, of the test split unless said otherwise.

    Attributes:
        network: Which network.
        best_epoch: The epoch kept, counted from 1.
        num_epochs: Epochs run.
        num_utterances: Labelled utterances of each split.
        num_test_speakers: How many speakers the intervals resample.
        metrics: wa, ua, f1_weighted and f1_macro.
        chance_wa: What always saying the commonest class of train would reach.
        per_class: Precision, recall and F1 of each class.
        confusion: Rows the truth, columns the prediction, in the order of the label names.
        mean_relevance: Of each modality over the test utterances that have it; empty for a network that weighs none.
    """

    network: str
    best_epoch: int
    num_epochs: int
    num_utterances: dict[str, int]
    num_test_speakers: int
    metrics: dict[str, Interval]
    chance_wa: float
    per_class: dict[str, ClassScores]
    confusion: list[list[int]]
    mean_relevance: dict[str, float]


def write_report(table: FeatureTable, result: TrainResult, folder: Path) -> TrainReport:
    """Write everything of a run into a folder; a run again replaces its files one by one, each at once.

    Files: `checkpoint.safetensors` and `checkpoint.json`, `metrics.json`, `confusion.csv`, `relevance.parquet`
    (predictions, and the relevance weights where the network weighs), `summary.md`.

    Returns:
        The figures, for the command line to print.
    """
    report = make_report(table, result)
    save_checkpoint(result.trained, folder / "checkpoint.safetensors")
    settings = result.trained.settings.model_dump()
    content = {"report": asdict(report), "settings": settings, "epochs": [asdict(epoch) for epoch in result.epochs]}
    write_atomically(folder / "metrics.json", (json.dumps(without_nan(content), indent=2) + "\n").encode())
    write_atomically(folder / "confusion.csv", _confusion_csv(report, table.label_names).encode())
    write_parquet(prediction_rows(table, result), folder / "relevance.parquet")
    write_atomically(folder / "summary.md", summary_text(report).encode())
    return report


def make_report(table: FeatureTable, result: TrainResult) -> TrainReport:
    """Compute the figures of a run."""
    test = result.predictions["test"]
    labels, num_classes = table.labels[test.rows], len(table.label_names)
    speaker_ids = [table.speaker_ids[row] for row in test.rows]
    seed = result.trained.settings.seed
    commonest = int(np.bincount(table.labels[table.rows_of("train")], minlength=num_classes).argmax())
    return TrainReport(
        network=result.trained.settings.network,
        best_epoch=result.best_epoch,
        num_epochs=len(result.epochs),
        num_utterances={split: len(predictions.rows) for split, predictions in result.predictions.items()},
        num_test_speakers=len(set(speaker_ids)),
        metrics=scores_with_intervals(labels, test.predicted, speaker_ids, num_classes, seed=seed),
        chance_wa=float((labels == commonest).mean()),
        per_class=class_scores(labels, test.predicted, table.label_names),
        confusion=confusion(labels, test.predicted, num_classes).tolist(),
        mean_relevance=_mean_relevance(table, test),
    )


def prediction_rows(table: FeatureTable, result: TrainResult) -> Any:  # noqa: ANN401 - pyarrow ships no types
    """Lay out the predictions of all splits as a `pyarrow.Table`, in table order.

    Columns: utterance_id, speaker_id, split, label, predicted, probability_<label>, relevance_<modality> (null where
    the modality is missing).
    """
    parts = list(result.predictions.values())
    rows = np.concatenate([part.rows for part in parts])
    order = np.argsort(rows)
    rows = rows[order]
    probabilities = np.concatenate([part.probabilities for part in parts])[order]
    names = table.label_names
    columns: dict[str, Any] = {
        "utterance_id": [table.utterance_ids[row] for row in rows],
        "speaker_id": [table.speaker_ids[row] for row in rows],
        "split": [table.splits[row] for row in rows],
        "label": [names[table.labels[row]] for row in rows],
        "predicted": [names[index] for index in probabilities.argmax(axis=1)],
    }
    columns |= {f"probability_{name}": probabilities[:, place] for place, name in enumerate(names)}
    weights = [part.relevance for part in parts if part.relevance is not None]
    if weights:
        relevance = np.concatenate(weights)[order]
        for place, modality in enumerate(table.modalities):
            missing = np.array([table.sequences[modality][row] is None for row in rows])
            columns[f"relevance_{modality}"] = pa.array(relevance[:, place], pa.float32(), mask=missing)
    return pa.table(columns)


def summary_text(report: TrainReport) -> str:
    """Say the figures of a run in Markdown."""
    counts = ", ".join(f"{number} {split}" for split, number in report.num_utterances.items())
    lines = [
        f"# Network: {report.network}",
        "",
        f"Utterances: {counts}; {report.num_test_speakers} test speakers. Epoch {report.best_epoch} of "
        f"{report.num_epochs}, chosen on validation.",
        "",
        "| metric (test) | value | 95 % interval over speakers |",
        "|---|---|---|",
    ]
    for name, interval in report.metrics.items():
        bounds = "–" if math.isnan(interval.low) else f"{interval.low:.3f} – {interval.high:.3f}"
        lines.append(f"| {name} | {interval.value:.3f} | {bounds} |")
    lines += [f"| wa of the commonest class | {report.chance_wa:.3f} | |", ""]
    lines += ["| class | recall | precision | F1 | utterances |", "|---|---|---|---|---|"]
    lines += [
        f"| {name} | {scores.recall:.3f} | {scores.precision:.3f} | {scores.f1:.3f} | {scores.num_utterances} |"
        for name, scores in report.per_class.items()
    ]
    if report.mean_relevance:
        shares = ", ".join(f"{modality} {weight:.3f}" for modality, weight in report.mean_relevance.items())
        lines += ["", f"Mean relevance on test: {shares}. Per clip: relevance.parquet."]
    return "\n".join(lines) + "\n"


def _mean_relevance(table: FeatureTable, test: Predictions) -> dict[str, float]:
    """Mean weight of each modality over the utterances that have it."""
    if test.relevance is None:
        return {}
    means = {}
    for place, modality in enumerate(table.modalities):
        there = np.array([table.sequences[modality][row] is not None for row in test.rows])
        if there.any():
            means[modality] = float(test.relevance[there, place].mean())
    return means


def _confusion_csv(report: TrainReport, label_names: tuple[str, ...]) -> str:
    """Rows the truth, columns the prediction."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["label", *(f"predicted_{name}" for name in label_names)])
    writer.writerows([name, *counts] for name, counts in zip(label_names, report.confusion, strict=True))
    return text.getvalue()


def without_nan(value: Any) -> Any:  # noqa: ANN401 - any JSON value
    """Replace NaN by null, which JSON lacks."""
    if isinstance(value, dict):
        return {name: without_nan(part) for name, part in value.items()}
    if isinstance(value, list | tuple):
        return [without_nan(part) for part in value]
    return None if isinstance(value, float) and math.isnan(value) else value
