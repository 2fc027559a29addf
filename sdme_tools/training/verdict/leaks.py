"""Gate 3: does anything but expression carry the labels? Shared splits, shuffled labels, speaker and background."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import KFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sdme_tools.training.dataset import NO_LABEL, FeatureTable
from sdme_tools.training.evaluation import compare, score
from sdme_tools.training.experiment import SeededPredictions
from sdme_tools.training.verdict.evidence import Evidence
from sdme_tools.training.verdict.gate import Figure, Gate, Status, percent, settle
from sdme_tools.training.verdict.overlap import Overlap

_NUM_PROBE_FOLDS = 5
_SHOWN = 5


def judge_splits(evidence: Evidence) -> Gate:
    """Fail where a speaker, an utterance or a copy of one is in two splits."""
    overlap = evidence.overlap
    faults = list(_name_faults(overlap))
    figures = [
        Figure("speakers in two splits", len(overlap.speakers)),
        Figure("utterances in two splits", len(overlap.utterances)),
        Figure("sequences copied over splits", overlap.num_copies, note="the same bit for bit; texts not counted"),
    ]
    says = " ".join(faults) or "Yes: no speaker, no utterance and no copied sequence is in two splits."
    if overlap.speakers:
        says += " The other gates were judged by folds over speakers, which share none."
    title = "No leak: are test speakers and utterances unseen?"
    return Gate("leak_splits", title, Status.FAIL if faults else Status.PASS, says, figures)


def judge_shuffled(evidence: Evidence) -> Gate:
    """Fail where a network that learned from shuffled labels is better than chance on true ones."""
    title = "No leak: does a network that learned shuffled labels know nothing?"
    ua = score(evidence.table, evidence.shuffled)["ua"]
    figures = [Figure.of("UA, labels shuffled", ua), Figure("UA of chance", evidence.chance)]
    if ua.low > evidence.chance:
        says = f"No: UA {percent(ua.value)} is above chance ({percent(evidence.chance)}); labels get in by another way."
        status = Status.FAIL
    else:
        says = f"Yes: UA {percent(ua.value)}, chance {percent(evidence.chance)}."
        status = Status.PASS
    return settle(Gate("leak_shuffled", title, status, says, figures), evidence.num_speakers)


def judge_speaker_probe(evidence: Evidence) -> Gate:
    """Warn where knowing who speaks tells the label: random splits would be flattered; fail where it tells as much."""
    title = "No leak: does it tell the label to know who speaks?"
    judged = probe_speakers(evidence.table, evidence.plan.rows)
    note = "by the speaker's other utterances; below chance where labels are dealt evenly over speakers"
    gate = _judge_probe(evidence, judged, "leak_speaker", title, "who speaks", note)
    return settle(gate, evidence.num_speakers)


def judge_background_probe(evidence: Evidence) -> Gate:
    """The same for lengths, missing modalities and recording quality, on unseen speakers."""
    title = "No leak: does the background tell the label?"
    names, values = describe_background(evidence)
    judged = probe_background(evidence, values)
    gate = _judge_probe(evidence, judged, "leak_background", title, "the background", f"from {', '.join(names)}")
    return settle(gate, evidence.num_speakers)


def probe_speakers(table: FeatureTable, rows: NDArray[np.int64]) -> SeededPredictions:
    """Predict each utterance from the speaker's other ones: folds over utterances, so that speakers are known."""
    labels, num_classes = table.labels[rows], len(table.label_names)
    speakers = np.unique([table.speaker_ids[row] for row in rows], return_inverse=True)[1]
    probabilities = np.zeros((1, len(rows), num_classes), np.float32)
    folds = KFold(min(_NUM_PROBE_FOLDS, len(rows)), shuffle=True, random_state=0)
    for train, test in folds.split(rows):
        # Half a count everywhere: a speaker with few utterances tells little.
        counts = np.full((speakers.max() + 1, num_classes), 0.5)
        np.add.at(counts, (speakers[train], labels[train]), 1)
        by_class = counts / counts.sum(axis=0)
        chosen = by_class[speakers[test]]
        probabilities[0, test] = chosen / chosen.sum(axis=1, keepdims=True)
    return SeededPredictions(rows, probabilities)


def describe_background(evidence: Evidence) -> tuple[list[str], NDArray[np.float64]]:
    """Names and `float64[N, F]` of what says how an utterance was recorded, not what it expresses."""
    table = evidence.table
    columns: dict[str, NDArray[np.float64]] = {}
    for modality, column in table.sequences.items():
        steps = np.array([0 if rows is None else len(rows) for rows in column], dtype=np.float64)
        columns[f"steps of {modality}"] = steps
        if (steps == 0).any():
            columns[f"has {modality}"] = (steps > 0).astype(np.float64)
    columns |= {name: values for name, values in evidence.facts.background.items() if not np.isnan(values).all()}
    return list(columns), np.stack(list(columns.values()), axis=1)


def probe_background(evidence: Evidence, values: NDArray[np.float64]) -> SeededPredictions:
    """A class-balanced logistic regression on the background, by the same partitions as the networks."""
    table, plan = evidence.table, evidence.plan
    probabilities = np.zeros((1, len(plan.rows), len(table.label_names)), np.float32)
    is_judged = np.isin(np.arange(len(table)), plan.rows)
    for splits in plan.partitions:
        is_test = np.asarray(splits) == "test"
        train = np.flatnonzero(~is_test & (table.labels != NO_LABEL))
        test = np.flatnonzero(is_test & is_judged)
        mean = _means(values[train])
        filled = np.where(np.isnan(values), mean, values)
        model = make_pipeline(StandardScaler(), LogisticRegression(class_weight="balanced", max_iter=1000))
        model.fit(filled[train], table.labels[train])
        places = np.searchsorted(plan.rows, test)
        probabilities[0, places[:, None], model.classes_[None, :]] = model.predict_proba(filled[test])
    return SeededPredictions(plan.rows, probabilities)


def _judge_probe(evidence: Evidence, judged: SeededPredictions, key: str, title: str, subject: str, note: str) -> Gate:
    """Compare a probe with chance and with the network."""
    ua = score(evidence.table, judged)["ua"]
    lead = compare(evidence.table, evidence.fused.of_seeds(1), judged)["ua"]
    figures = [
        Figure.of(f"UA of {subject} alone", ua, note),
        Figure("UA of chance", evidence.chance),
        Figure.of("UA of the network over it", lead, "its first seed, paired"),
    ]
    if not ua.low > evidence.chance:
        status, says = Status.PASS, f"No: UA {percent(ua.value)}, chance {percent(evidence.chance)}."
    elif lead.low > 0:
        status = Status.WARN
        says = f"Some: UA {percent(ua.value)} by {subject} alone, chance {percent(evidence.chance)}; "
        says += "the network knows more."
    else:
        status = Status.FAIL
        says = f"Yes: UA {percent(ua.value)} by {subject} alone, and the network is not better beyond doubt."
    return Gate(key, title, status, says, figures)


def _means(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Mean of each column over what is known; 0 where nothing is."""
    known = ~np.isnan(values)
    means: NDArray[np.float64] = np.where(known, values, 0.0).sum(axis=0) / np.maximum(known.sum(axis=0), 1)
    return means


def _name_faults(overlap: Overlap) -> Iterator[str]:
    if overlap.speakers:
        yield f"Speakers in two splits: {_some(overlap.speakers)}."
    if overlap.utterances:
        yield f"Utterances in two splits: {_some(overlap.utterances)}."
    for modality, groups in overlap.copies.items():
        if groups:
            yield f"The same {modality} in two splits: {_some(['='.join(group) for group in groups])}."


def _some(names: Sequence[str]) -> str:
    rest = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return ", ".join(names[:_SHOWN]) + rest
