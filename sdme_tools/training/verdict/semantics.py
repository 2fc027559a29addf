"""What each modality's summary says of the classes, without and with the contrastive loss, as a picture can show it.

Two trainings on the first partition, the same seed: one with the contrastive loss weighed 0. Their summaries of
utterances that were not trained on are laid out in two dimensions by t-SNE.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import cast

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.manifold import TSNE
from torch import nn

from sdme_tools.errors import TrainingError
from sdme_tools.training.batches import BatchSource
from sdme_tools.training.dataset import Features, FeatureTable
from sdme_tools.training.loop import TrainedNetwork, train_network
from sdme_tools.training.networks import Network, NetworkOutput
from sdme_tools.training.verdict.evidence import Evidence

_MAX_UTTERANCES = 300
_BATCH = 64
_MIN_POINTS = 12


@dataclass(frozen=True, eq=False)
class Layout:
    """One panel: a point for each modality of each utterance.

    Attributes:
        title: Which training.
        points: `float32[P, 2]`.
        modality: `int64[P]`, its place in the table.
        label: `int64[P]`.
        agreement: Share of points whose nearest point of another modality has their class; before t-SNE.
        by_chance: What classes spread at random would give.
    """

    title: str
    points: Features
    modality: NDArray[np.int64]
    label: NDArray[np.int64]
    agreement: float
    by_chance: float


def lay_out_semantics(evidence: Evidence) -> list[Layout]:
    """Two panels, or none where the first network has no summaries a modality or there is too little to show."""
    table = dataclasses.replace(evidence.table, splits=evidence.plan.partitions[0])
    settings = evidence.settings.training(evidence.settings.networks[0])
    if settings.network != "relevance" or len(table.modalities) < 2:
        return []
    rows = np.concatenate([table.rows_of("validation"), table.rows_of("test")])
    if len(rows) > _MAX_UTTERANCES:
        rows = np.sort(np.random.default_rng(0).choice(rows, _MAX_UTTERANCES, replace=False))
    layouts = []
    for title, weight in (("without contrastive loss", 0.0), ("with contrastive loss", settings.lambda_con)):
        try:
            result = train_network(table, settings.model_copy(update={"lambda_con": weight}))
        except TrainingError:
            return []  # the first fold lacks a class; gates could do without it, a picture of classes cannot
        summaries, modality, label = _summarise(result.trained, table, rows)
        if len(summaries) < _MIN_POINTS:
            return []
        layouts.append(_lay_out(title, summaries, modality, label))
    return layouts


def _summarise(
    trained: TrainedNetwork, table: FeatureTable, rows: NDArray[np.int64]
) -> tuple[Features, NDArray[np.int64], NDArray[np.int64]]:
    """Normalised embeddings `float32[P, d]` with modality and label."""
    network = trained.network
    source = BatchSource(table, trained.standardisation, max_steps=trained.settings.max_steps)
    network.eval()
    device = next(network.parameters()).device
    summaries, modality, label = [], [], []
    with torch.inference_mode():
        for batch in source.batches(rows, batch_size=_BATCH):
            output: NetworkOutput = cast(Network, network)(batch.to(device))
            if output.embeddings is None:
                continue
            directions = nn.functional.normalize(output.embeddings, dim=-1).cpu().numpy()
            row, place = np.nonzero(batch.present.numpy())
            summaries.append(directions[row, place])
            modality.append(place)
            label.append(batch.labels.numpy()[row])
    if not summaries:
        return np.zeros((0, 1), np.float32), np.zeros(0, np.int64), np.zeros(0, np.int64)
    return np.concatenate(summaries), np.concatenate(modality), np.concatenate(label)


def _lay_out(title: str, summaries: Features, modality: NDArray[np.int64], label: NDArray[np.int64]) -> Layout:
    perplexity = min(30.0, (len(summaries) - 1) / 3)
    points = TSNE(perplexity=perplexity, init="pca", random_state=0).fit_transform(summaries)
    similarity = summaries @ summaries.T
    similarity[modality[:, None] == modality[None, :]] = -np.inf
    agreement = float((label[similarity.argmax(axis=1)] == label).mean())
    shares = np.bincount(label) / len(label)
    return Layout(title, points.astype(np.float32), modality, label, agreement, float((shares**2).sum()))
