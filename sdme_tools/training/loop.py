"""Training: one network, one seed, stopped by validation only; test is looked at once, after the end."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Literal, Self, cast

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import Field, model_validator
from torch import Tensor, nn

from sdme_tools.errors import TrainingError
from sdme_tools.training.batches import Batch, BatchSource, Standardisation
from sdme_tools.training.dataset import Features, FeatureTable, check_table
from sdme_tools.training.losses import balanced_class_weights, weighted_cross_entropy
from sdme_tools.training.metrics import confusion, scores_of_confusion
from sdme_tools.training.networks import LossContext, Network, NetworkConfig, build_network

_LARGEST_GRADIENT = 5.0
_PREDICTION_BATCH_SIZE = 128


class TrainSettings(NetworkConfig):
    """Everything beside the table that decides what comes out.

    The defaults are those that benchmarks/relevance_generated.py and networks_generated.py measure.

    Attributes:
        network: A key of `registry.NETWORKS` or "package.module:Class".
        seed: Of the weights, the order of batches and dropout; the same seed on a CPU gives the same weights.
        epochs: At most this many.
        batch_size: Utterances of a step; of a network that uses dialogues, at least this many, their context included.
        weight_decay: Of AdamW, on weight matrices only.
        warm_up_epochs: Epochs in which only encoders and unimodal heads learn.
        patience: Epochs without a better validation result after which to stop.
        max_steps: Longer sequences are averaged down to this many steps.
        num_threads: CPU threads. One: networks this small gain nothing from more, and sums in another order differ in
            the last digit.
        device: "auto" takes CUDA where there is one.
    """

    network: str = "relevance"
    seed: int = Field(default=0, ge=0)
    epochs: int = Field(default=60, ge=1)
    batch_size: int = Field(default=32, ge=2)
    learning_rate: float = Field(default=1.5e-3, gt=0)
    weight_decay: float = Field(default=1e-2, ge=0)
    warm_up_epochs: int = Field(default=12, ge=0)
    patience: int = Field(default=15, ge=1)
    max_steps: int = Field(default=128, ge=1)
    num_threads: int = Field(default=1, ge=1)
    device: Literal["auto", "cpu", "cuda"] = "auto"

    @model_validator(mode="after")
    def _check_epochs(self) -> Self:
        if self.epochs <= self.warm_up_epochs:
            raise ValueError(f"epochs: got {self.epochs}, expected more than warm_up_epochs = {self.warm_up_epochs}")
        return self


@dataclass(frozen=True)
class EpochReport:
    """What one epoch brought; the validation figures are None in the warm-up, when nothing is judged."""

    epoch: int
    num_epochs: int
    losses: dict[str, float]
    validation_ua: float | None = None
    validation_loss: float | None = None
    is_best: bool = False


@dataclass(frozen=True, eq=False)
class Predictions:
    """What a network says about N utterances.

    Attributes:
        rows: `int64[N]`, their rows in the table.
        probabilities: `float32[N, C]`.
        relevance: `float32[N, M]`, or None from a network that weighs nothing.
    """

    rows: NDArray[np.int64]
    probabilities: Features
    relevance: Features | None

    @property
    def predicted(self) -> NDArray[np.int64]:
        """The most probable class, `int64[N]`."""
        classes: NDArray[np.int64] = self.probabilities.argmax(axis=1).astype(np.int64)
        return classes


@dataclass(frozen=True, eq=False)
class TrainedNetwork:
    """A network with everything needed to apply it to another table of the same kind of features."""

    network: nn.Module
    settings: TrainSettings
    input_dims: dict[str, int]
    label_names: tuple[str, ...]
    standardisation: Standardisation


@dataclass(frozen=True, eq=False)
class TrainResult:
    """The trained network of the best epoch, how it got there, and what it says of each labelled utterance by split."""

    trained: TrainedNetwork
    epochs: list[EpochReport]
    best_epoch: int
    predictions: dict[str, Predictions]


Progress = Callable[[EpochReport], None]


def train_network(table: FeatureTable, settings: TrainSettings, progress: Progress | None = None) -> TrainResult:
    """Train on train, keep the epoch with the best UA on validation (then the lowest loss), predict every split.

    Args:
        table: Checked before anything else.
        settings: What to train, and how.
        progress: Called after each epoch.

    Raises:
        TrainingError: The table is unfit, the network unknown, CUDA asked for and missing, or the loss not finite.
    """
    check_table(table)
    device = choose_device(settings.device)
    standardisation = Standardisation.fit(table)
    source = BatchSource(table, standardisation, max_steps=settings.max_steps)
    with _reproducible(settings.seed, settings.num_threads):
        input_dims, num_classes = table.feature_dims, len(table.label_names)
        network = build_network(settings.network, input_dims, num_classes, settings).to(device)
        reports = _run_epochs(network, source, table, settings, device, progress)
        trained = TrainedNetwork(network, settings, input_dims, table.label_names, standardisation)
        splits = ("train", "validation", "test")
        predictions = {split: _predict(network, source, table.rows_of(split), settings, device) for split in splits}
    best_epoch = max(report.epoch for report in reports if report.is_best)
    return TrainResult(trained, reports, best_epoch, predictions)


def predict(trained: TrainedNetwork, table: FeatureTable, rows: NDArray[np.int64]) -> Predictions:
    """Apply a trained network to utterances of a table, labelled or not.

    Raises:
        TrainingError: The table's modalities or feature sizes are not those the network was trained on.
    """
    if table.feature_dims != trained.input_dims:
        raise TrainingError(
            f"features differ from those of the checkpoint: got {table.feature_dims}, expected {trained.input_dims}",
            cure="extract the features with the settings that the checkpoint was trained with",
        )
    source = BatchSource(table, trained.standardisation, max_steps=trained.settings.max_steps)
    with _reproducible(trained.settings.seed, trained.settings.num_threads):
        device = next(trained.network.parameters()).device
        return _predict(trained.network, source, rows, trained.settings, device)


def choose_device(name: str) -> torch.device:
    """Turn "auto", "cpu" or "cuda" into a device.

    Raises:
        TrainingError: CUDA was asked for and there is none.
    """
    if name == "cuda" and not torch.cuda.is_available():
        raise TrainingError(
            "device: got cuda, but no CUDA device is available",
            cure="use --device cpu, or auto; or install a driver and a CUDA build of torch",
        )
    return torch.device("cuda" if name != "cpu" and torch.cuda.is_available() else "cpu")


@contextmanager
def _reproducible(seed: int, num_threads: int) -> Iterator[None]:
    """Fix randomness and threads for a while, and leave the caller's as they were."""
    threads_before = torch.get_num_threads()
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        torch.set_num_threads(num_threads)
        try:
            yield
        finally:
            torch.set_num_threads(threads_before)


def _run_epochs(
    network: nn.Module,
    source: BatchSource,
    table: FeatureTable,
    settings: TrainSettings,
    device: torch.device,
    progress: Progress | None,
) -> list[EpochReport]:
    """Train until patience ends and leave the weights of the best epoch in the network."""
    train_labels = torch.from_numpy(table.labels[table.rows_of("train")])
    class_weights = balanced_class_weights(train_labels, len(table.label_names)).to(device)
    optimiser = _optimiser(network, settings)
    has_warm_up = cast(Network, network).has_warm_up and settings.lambda_rse > 0
    num_warm_up = settings.warm_up_epochs if has_warm_up else 0
    best, best_weights, reports = (-1.0, 0.0), copy.deepcopy(network.state_dict()), list[EpochReport]()
    epochs_since_best = 0
    for epoch in range(settings.epochs):
        context = LossContext(class_weights, warm_up=epoch < num_warm_up)
        losses = _train_epoch(network, source, table, settings, context, optimiser, epoch)
        report = EpochReport(epoch + 1, settings.epochs, losses)
        if not context.warm_up:
            ua, loss = _validate(network, source, table, settings, class_weights)
            is_best = (ua, -loss) > best
            epochs_since_best = 0 if is_best else epochs_since_best + 1
            if is_best:
                best, best_weights = (ua, -loss), copy.deepcopy(network.state_dict())
            report = EpochReport(epoch + 1, settings.epochs, losses, ua, loss, is_best)
        reports.append(report)
        if progress is not None:
            progress(report)
        if epochs_since_best >= settings.patience:
            break
    network.load_state_dict(best_weights)
    return reports


def _optimiser(network: nn.Module, settings: TrainSettings) -> torch.optim.Optimizer:
    """AdamW that lets biases and norms be as large as they like."""
    matrices = [parameter for parameter in network.parameters() if parameter.ndim > 1]
    rest = [parameter for parameter in network.parameters() if parameter.ndim <= 1]
    groups = [
        {"params": matrices, "weight_decay": settings.weight_decay},
        {"params": rest, "weight_decay": 0.0},
    ]
    return torch.optim.AdamW(groups, lr=settings.learning_rate)


def _train_epoch(
    network: nn.Module,
    source: BatchSource,
    table: FeatureTable,
    settings: TrainSettings,
    context: LossContext,
    optimiser: torch.optim.Optimizer,
    epoch: int,
) -> dict[str, float]:
    """Go through train once; returns the mean of each term of the loss."""
    network.train()
    device = context.class_weights.device
    history: dict[str, list[float]] = {}
    order_seed = settings.seed * 1_000_003 + epoch
    for batch in _batches(network, source, table.rows_of("train"), settings, settings.batch_size, order_seed):
        on_device = batch.to(device)
        terms = cast(Network, network).loss(network(on_device), on_device, context)
        total = torch.stack(list(terms.values())).sum()
        if not torch.isfinite(total):
            raise TrainingError(
                f"epoch {epoch + 1}: got a loss that is not finite ({ {k: float(v) for k, v in terms.items()} })",
                cure="lower the learning rate, or look for extreme values in the features",
            )
        optimiser.zero_grad()
        total.backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(network.parameters(), _LARGEST_GRADIENT)
        optimiser.step()
        for name, value in terms.items():
            history.setdefault(name, []).append(float(value.detach()))
    return {name: float(np.mean(values)) for name, values in history.items()}


def _batches(
    network: nn.Module,
    source: BatchSource,
    rows: NDArray[np.int64],
    settings: TrainSettings,
    batch_size: int,
    seed: int | None = None,
) -> Iterator[Batch]:
    """Batches of utterances or of dialogues, as the network wants them."""
    if not cast(Network, network).uses_dialogue:
        return source.batches(rows, batch_size=batch_size, seed=seed)
    return source.dialogue_batches(rows, batch_size=batch_size, max_dialogue=settings.max_dialogue, seed=seed)


def _validate(
    network: nn.Module, source: BatchSource, table: FeatureTable, settings: TrainSettings, class_weights: Tensor
) -> tuple[float, float]:
    """UA and class-weighted cross-entropy on validation."""
    rows = table.rows_of("validation")
    logits, _ = _apply(network, source, rows, settings, class_weights.device)
    labels = torch.from_numpy(table.labels[rows]).to(logits.device)
    counts = confusion(table.labels[rows], logits.argmax(dim=1).cpu().numpy(), len(table.label_names))
    return float(scores_of_confusion(counts)["ua"]), float(weighted_cross_entropy(logits, labels, class_weights))


def _predict(
    network: nn.Module, source: BatchSource, rows: NDArray[np.int64], settings: TrainSettings, device: torch.device
) -> Predictions:
    """What the network says of each of the rows, in their order."""
    logits, relevance = _apply(network, source, rows, settings, device)
    return Predictions(
        rows, logits.softmax(dim=1).cpu().numpy(), None if relevance is None else relevance.cpu().numpy()
    )


def _apply(
    network: nn.Module, source: BatchSource, rows: NDArray[np.int64], settings: TrainSettings, device: torch.device
) -> tuple[Tensor, Tensor | None]:
    """Logits `float32[N, C]` and relevance `float32[N, M]` of the rows in their order, without dropout."""
    network.eval()
    logits, relevance, seen = list[Tensor](), list[Tensor](), list[NDArray[np.int64]]()
    with torch.inference_mode():
        for batch in _batches(network, source, rows, settings, _PREDICTION_BATCH_SIZE):
            output, wanted = network(batch.to(device)), torch.from_numpy(batch.wanted)
            seen.append(batch.rows[batch.wanted])
            logits.append(output.logits[wanted])
            if output.relevance is not None:
                relevance.append(output.relevance[wanted])
    place_of = {int(row): place for place, row in enumerate(np.concatenate(seen))}
    order = torch.tensor([place_of[int(row)] for row in rows])
    return torch.cat(logits)[order], torch.cat(relevance)[order] if relevance else None
