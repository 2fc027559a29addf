"""Evidence with predictions of our own choosing, so that a gate can be asked without training."""

from collections.abc import Mapping, Sequence

import numpy as np

from sdme_tools.training.dataset import FeatureTable
from sdme_tools.training.experiment import SeededPredictions, plan_folds
from sdme_tools.training.verdict.evidence import CurvePoint, Evidence
from sdme_tools.training.verdict.overlap import find_overlap
from sdme_tools.training.verdict.release_facts import ReleaseFacts
from sdme_tools.training.verdict.settings import ValidateSettings

NUM_SPEAKERS, CLIPS = 8, 10
NAMES = ("calm", "upset")


def make_table(num_speakers: int = NUM_SPEAKERS) -> FeatureTable:
    """Every speaker says five calm and five upset clips; the numbers in them mean nothing."""
    random = np.random.default_rng(0)
    count = num_speakers * CLIPS
    steps = {
        m: [random.standard_normal((3, 2)).astype(np.float32) for _ in range(count)] for m in ("voice", "face", "text")
    }
    speakers = [f"p{row // CLIPS}" for row in range(count)]
    splits = ["test" if s == "p0" else "validation" if s == "p1" else "train" for s in speakers]
    return FeatureTable(
        utterance_ids=[f"u{row:03d}" for row in range(count)],
        speaker_ids=speakers,
        splits=splits,
        labels=np.arange(count) % 2,
        label_names=NAMES,
        sequences=steps,
    )


def judged(table: FeatureTable, wrong: Sequence[int] = (), relevance: np.ndarray | None = None) -> SeededPredictions:
    """Two seeds that know every label but those of some clips of each speaker."""
    rows = np.arange(len(table))
    said = np.where(np.isin(rows % CLIPS, wrong), 1 - table.labels, table.labels)
    probabilities = np.tile(np.where(said[:, None] == np.arange(2), 0.9, 0.1).astype(np.float32), (2, 1, 1))
    weights = None if relevance is None else np.tile(relevance.astype(np.float32), (2, 1, 1))
    return SeededPredictions(rows, probabilities, weights)


def make_evidence(
    table: FeatureTable,
    fused: SeededPredictions,
    *,
    single: Mapping[str, SeededPredictions] | None = None,
    curve: Sequence[CurvePoint] = (),
    facts: ReleaseFacts | None = None,
    shuffled: SeededPredictions | None = None,
) -> Evidence:
    half = judged(table, wrong=(0, 1, 2, 3, 5))
    return Evidence(
        table=table,
        empty_modalities=[],
        overlap=find_overlap(table),
        plan=plan_folds(table, 4),
        settings=ValidateSettings(networks=("relevance",), seeds=2),
        networks={"relevance": fused},
        single=single or dict.fromkeys(table.modalities, half),
        shuffled=shuffled or half,
        curve=curve,
        out_of_fold=fused,
        facts=facts or ReleaseFacts(),
    )
