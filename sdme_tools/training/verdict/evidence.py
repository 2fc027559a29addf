"""Everything that is trained for a verdict, once, for all gates."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from sdme_tools.training.dataset import NO_LABEL, FeatureTable
from sdme_tools.training.evaluation import make_views, presence
from sdme_tools.training.experiment import Experiments, Plan, SeededPredictions, plan_folds, plan_split
from sdme_tools.training.verdict.overlap import Overlap, find_overlap
from sdme_tools.training.verdict.release_facts import ReleaseFacts
from sdme_tools.training.verdict.settings import ValidateSettings

SINGLE_NETWORK = "concat"
"""What a modality is judged alone by: with one modality it is an encoder, a pooling and a classifier."""

Progress = Callable[[str, int, int], None]
"""Called after each training with what is being done, trainings done and all."""


@dataclass(frozen=True, eq=False)
class CurvePoint:
    """A network that learned from part of the training speakers: mean utterances and speakers of a partition."""

    share: float
    num_utterances: float
    num_speakers: float
    judged: SeededPredictions


@dataclass(frozen=True, eq=False)
class Evidence:
    """What the gates judge; all predictions are of utterances whose speakers the network has not met.

    Attributes:
        table: Without modalities that no labelled utterance has.
        empty_modalities: Those.
        overlap: What the table's own splits share.
        plan: What was judged.
        networks: By name; the first is the one that gates judge.
        single: Of each modality alone.
        shuffled: The first network, its training labels shuffled.
        curve: The first network on less data; the last point is all of it.
        out_of_fold: The first network on every labelled utterance.
        facts: What the release says besides.
    """

    table: FeatureTable
    empty_modalities: Sequence[str]
    overlap: Overlap
    plan: Plan
    settings: ValidateSettings
    networks: Mapping[str, SeededPredictions]
    single: Mapping[str, SeededPredictions]
    shuffled: SeededPredictions
    curve: Sequence[CurvePoint]
    out_of_fold: SeededPredictions
    facts: ReleaseFacts = field(default_factory=ReleaseFacts)

    @property
    def fused(self) -> SeededPredictions:
        """What gates judge."""
        return next(iter(self.networks.values()))

    @property
    def speakers(self) -> list[str]:
        """Speaker of each judged utterance."""
        return [self.table.speaker_ids[row] for row in self.plan.rows]

    @property
    def num_speakers(self) -> int:
        """How many speakers were judged."""
        return len(set(self.speakers))

    @property
    def truth(self) -> NDArray[np.int64]:
        """Label of each judged utterance."""
        labels: NDArray[np.int64] = self.table.labels[self.plan.rows]
        return labels

    @property
    def chance(self) -> float:
        """UA of a guess: 1 over the classes that occur."""
        return 1 / len(np.unique(self.truth))


def gather_evidence(
    table: FeatureTable,
    settings: ValidateSettings,
    *,
    folder: Path | None = None,
    facts: ReleaseFacts | None = None,
    progress: Progress = lambda what, done, total: None,
) -> Evidence:
    """Train everything.

    Args:
        table: May be unfit in ways that a gate tells: speakers in two splits, a modality that nobody has.
        settings: How much.
        folder: Where trainings are kept, to go on after an interruption.
        facts: What the release says besides.
        progress: Called after each training.

    Raises:
        TrainingError: Nothing can be learned from the table.
    """
    overlap = find_overlap(table)
    empty = [modality for modality, count in presence(table).items() if count == 0]
    sequences = {modality: column for modality, column in table.sequences.items() if modality not in empty}
    relevance = table.human_relevance
    if relevance is not None:
        relevance = relevance[:, [place for place, m in enumerate(table.modalities) if m not in empty]]
    table = dataclasses.replace(table, sequences=sequences, human_relevance=relevance)
    plan = _choose_plan(table, settings, overlap)
    counter = _Counter(_count_trainings(table, plan, settings), progress)
    experiments = Experiments(table, folder, counter.step)
    first = settings.training(settings.networks[0])

    networks = {}
    for name in settings.networks:
        counter.what = f"training {name}"
        views = make_views(table) if name == settings.networks[0] else None
        networks[name] = experiments.run(plan, settings.training(name), settings.seeds, views=views)
    single = {}
    for modality in table.modalities:
        counter.what = f"training {modality} alone"
        alone = settings.training(SINGLE_NETWORK)
        single[modality] = experiments.run(plan, alone, settings.seeds, modalities=[modality])
    counter.what = "training on shuffled labels"
    shuffled = experiments.run(plan, first, settings.num_controls, alter=shuffle_labels)
    counter.what = "learning curve"
    curve = [_curve_point(experiments, plan, settings, share) for share in settings.curve_shares]
    fused = networks[settings.networks[0]]
    curve.append(_all_data(table, plan, fused.of_seeds(settings.num_controls)))
    out_of_fold = fused
    if plan.name == "split":
        counter.what = "training folds for suspect labels"
        out_of_fold = experiments.run(plan_folds(table, settings.folds), first, settings.num_controls)
    return Evidence(
        table=table,
        empty_modalities=empty,
        overlap=overlap,
        plan=plan,
        settings=settings,
        networks=networks,
        single=single,
        shuffled=shuffled,
        curve=curve,
        out_of_fold=out_of_fold,
        facts=facts or ReleaseFacts(),
    )


def shuffle_labels(table: FeatureTable, seed: int) -> FeatureTable:
    """Deal the labels of train and validation out anew among them; test keeps its own."""
    labels = table.labels.copy()
    rows = np.concatenate([table.rows_of("train"), table.rows_of("validation")])
    labels[rows] = np.random.default_rng([seed, 1]).permutation(labels[rows])
    return dataclasses.replace(table, labels=labels)


def keep_speakers(table: FeatureTable, seed: int, *, share: float) -> FeatureTable:
    """Learn from a share of the training speakers, rounded, at least one: the first of an order drawn from the seed."""
    rows = table.rows_of("train")
    speakers = sorted({table.speaker_ids[row] for row in rows})
    order = np.random.default_rng([seed, 2]).permutation(len(speakers))
    kept = {speakers[place] for place in order[: max(1, round(share * len(speakers)))]}
    labels = table.labels.copy()
    labels[[row for row in rows if table.speaker_ids[row] not in kept]] = NO_LABEL
    return dataclasses.replace(table, labels=labels)


def _choose_plan(table: FeatureTable, settings: ValidateSettings, overlap: Overlap) -> Plan:
    """The table's split where it is sound and has enough test speakers, else folds."""
    test_speakers = {table.speaker_ids[row] for row in table.rows_of("test")}
    train_classes = set(table.labels[table.rows_of("train")].tolist())
    sound = not overlap.speakers and len(table.rows_of("validation")) > 0
    complete = train_classes >= set(range(len(table.label_names)))
    if sound and complete and len(test_speakers) >= settings.min_test_speakers:
        return plan_split(table)
    return plan_folds(table, settings.folds)


def _curve_point(experiments: Experiments, plan: Plan, settings: ValidateSettings, share: float) -> CurvePoint:
    alter = partial(keep_speakers, share=share)
    settings_of = settings.training(settings.networks[0])
    judged = experiments.run(plan, settings_of, settings.num_controls, alter=alter)
    sizes = []
    for splits in plan.partitions:
        whole = dataclasses.replace(experiments.table, splits=splits)
        sizes += [_size(keep_speakers(whole, settings.seed + k, share=share)) for k in range(settings.num_controls)]
    utterances, speakers = np.mean(sizes, axis=0)
    return CurvePoint(share, float(utterances), float(speakers), judged)


def _all_data(table: FeatureTable, plan: Plan, judged: SeededPredictions) -> CurvePoint:
    sizes = [_size(dataclasses.replace(table, splits=splits)) for splits in plan.partitions]
    utterances, speakers = np.mean(sizes, axis=0)
    return CurvePoint(1.0, float(utterances), float(speakers), judged)


def _size(table: FeatureTable) -> tuple[int, int]:
    rows = table.rows_of("train")
    return len(rows), len({table.speaker_ids[row] for row in rows})


def _count_trainings(table: FeatureTable, plan: Plan, settings: ValidateSettings) -> int:
    each = settings.seeds * (len(settings.networks) + len(table.modalities))
    each += settings.num_controls * (1 + len(settings.curve_shares))
    return each * len(plan.partitions) + (settings.num_controls * settings.folds if plan.name == "split" else 0)


class _Counter:
    """Counts trainings for the progress bar."""

    def __init__(self, total: int, progress: Progress) -> None:
        self.what = ""
        self._done, self._total, self._progress = 0, total, progress

    def step(self) -> None:
        self._done += 1
        self._progress(self.what, self._done, self._total)
