"""From a feature table to a verdict: train, ask every gate, draw, write. The whole way on one screen."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from sdme_tools.training.dataset import FeatureTable
from sdme_tools.training.evaluation import Calibration, judge_views, score, spread_over_seeds
from sdme_tools.training.metrics import Interval
from sdme_tools.training.verdict.ambiguity import judge_ambiguity
from sdme_tools.training.verdict.ceiling import judge_ceiling
from sdme_tools.training.verdict.evidence import Evidence, Progress, gather_evidence
from sdme_tools.training.verdict.gate import Gate, Status
from sdme_tools.training.verdict.human_relevance import judge_human_relevance
from sdme_tools.training.verdict.leaks import (
    judge_background_probe,
    judge_shuffled,
    judge_speaker_probe,
    judge_splits,
)
from sdme_tools.training.verdict.learnable import judge_learnable
from sdme_tools.training.verdict.learning_curve import judge_learning_curve
from sdme_tools.training.verdict.multimodal import judge_multimodal
from sdme_tools.training.verdict.plots import (
    draw_confusion,
    draw_examples,
    draw_learning_curve,
    draw_relevance_by_class,
    draw_reliability,
    draw_semantics,
    draw_views,
)
from sdme_tools.training.verdict.release_facts import read_facts
from sdme_tools.training.verdict.semantics import lay_out_semantics
from sdme_tools.training.verdict.settings import ValidateSettings
from sdme_tools.training.verdict.subgroups import judge_subgroups
from sdme_tools.training.verdict.suspects import Suspect, find_suspects, judge_suspects

TRAININGS = "trainings"
"""Folder of the output in which trainings are kept; it may be deleted."""

_WORST_FIRST = (Status.FAIL, Status.WARN, Status.PASS, Status.NOT_MEASURED)


@dataclass(frozen=True)
class NetworkScores:
    """WA, UA, weighted and macro F1 of one network, with its standard deviation of UA over seeds."""

    metrics: Mapping[str, Interval]
    ua_over_seeds: float


@dataclass(frozen=True, eq=False)
class Verdict:
    """What the report says.

    Attributes:
        subject: What was judged, in words.
        judged_by: Plan, seeds, speakers, in words.
        gates: In the order of the report.
        networks: Scores of each network and of each modality alone.
        views: UA of the first network when it is shown less.
        calibration: Of each network.
        suspects: The most doubtful labels first.
        pictures: Caption -> PNG.
        evidence: What all of it rests on.
    """

    subject: str
    judged_by: str
    gates: Sequence[Gate]
    networks: Mapping[str, NetworkScores]
    views: Mapping[str, Interval]
    calibration: Mapping[str, Calibration]
    suspects: Sequence[Suspect]
    pictures: Mapping[str, bytes]
    evidence: Evidence

    @property
    def status(self) -> Status:
        """The worst of all gates; what was not measured is no pass, and no fault."""
        return next(status for status in _WORST_FIRST if any(gate.status is status for gate in self.gates))


def validate_table(
    table: FeatureTable,
    settings: ValidateSettings,
    *,
    subject: str,
    folder: Path,
    release_dir: Path | None = None,
    progress: Progress = lambda what, done, total: None,
) -> Verdict:
    """Train what is needed and judge.

    Args:
        table: The features; may be unfit in ways that gates tell.
        settings: How much to train.
        subject: What the report calls it.
        folder: Where trainings are kept, to go on after an interruption.
        release_dir: Where votes, raters and attributes are read from; without it those gates are not measured.
        progress: Called after each training.

    Raises:
        TrainingError: Nothing can be learned from the table, or it is of another release.
    """
    facts = None if release_dir is None else read_facts(release_dir, table)
    evidence = gather_evidence(table, settings, folder=folder / TRAININGS, facts=facts, progress=progress)
    suspects = find_suspects(evidence)
    gates = [
        judge_learnable(evidence),
        judge_multimodal(evidence),
        judge_splits(evidence),
        judge_shuffled(evidence),
        judge_speaker_probe(evidence),
        judge_background_probe(evidence),
        judge_ceiling(evidence),
        judge_learning_curve(evidence),
        judge_suspects(evidence, suspects),
        judge_human_relevance(evidence),
        judge_subgroups(evidence),
        judge_ambiguity(evidence),
    ]
    scored = {**evidence.networks, **{f"{modality} alone": one for modality, one in evidence.single.items()}}
    networks = {
        name: NetworkScores(score(evidence.table, judged), spread_over_seeds(evidence.table, judged)["ua"])
        for name, judged in scored.items()
    }
    views = judge_views(evidence.table, evidence.fused)
    pictures, calibration = _draw(evidence, views)
    judged_by = (
        f"{evidence.plan.describe()}; seeds of each network: {settings.seeds}; {len(evidence.plan.rows)} utterances of "
        f"{evidence.num_speakers} speakers judged; intervals are 95 %, over speakers"
    )
    return Verdict(subject, judged_by, gates, networks, views, calibration, suspects, pictures, evidence)


def _draw(evidence: Evidence, views: Mapping[str, Interval]) -> tuple[dict[str, bytes], dict[str, Calibration]]:
    """All pictures, by caption, and the calibration that one of them shows."""
    pictures = {
        f"Confusion of {name}, all seeds": draw_confusion(evidence, name, judged)
        for name, judged in evidence.networks.items()
    }
    pictures["Learning curve"] = draw_learning_curve(evidence)
    pictures["Reliability"], calibration = draw_reliability(evidence)
    whole = score(evidence.table, evidence.fused.of_seeds(evidence.settings.num_controls))["ua"]
    pictures["Shown less"] = draw_views(views, whole, evidence.chance)
    for name, judged in evidence.networks.items():
        if judged.relevance is not None:
            pictures[f"Relevance by class, {name}"] = draw_relevance_by_class(evidence, judged)
            pictures[f"Relevance of single clips, {name}"] = draw_examples(evidence, judged)
    layouts = lay_out_semantics(evidence)
    if layouts:
        pictures["Semantics of each modality (t-SNE)"] = draw_semantics(layouts, evidence)
    return pictures, calibration
