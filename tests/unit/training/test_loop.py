"""Training, checkpoints and the report, from a table to files and back."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
import torch
from pydantic import ValidationError
from safetensors.torch import save_file

from sdme_tools.errors import TrainingError
from sdme_tools.training.checkpoint import load_checkpoint
from sdme_tools.training.dataset import FeatureTable
from sdme_tools.training.loop import EpochReport, TrainResult, TrainSettings, predict, train_network
from sdme_tools.training.registry import NETWORKS
from sdme_tools.training.report import write_report
from tests.unit.training.tables import clear_table, small_table, with_dialogues, without

QUICK = TrainSettings(epochs=4, warm_up_epochs=1, width=16, batch_size=16, device="cpu")


@pytest.fixture(scope="module")
def table() -> FeatureTable:
    return without(small_table(), "face", [0, 1])


@pytest.fixture(scope="module")
def result(table: FeatureTable) -> TrainResult:
    return train_network(table, QUICK)


def test_the_same_seed_gives_the_same_bytes(table: FeatureTable, result: TrainResult) -> None:
    torch.manual_seed(99)
    again = train_network(table, QUICK).predictions["test"]
    assert again.probabilities.tobytes() == result.predictions["test"].probabilities.tobytes()
    other = train_network(table, QUICK.model_copy(update={"seed": 1})).predictions["test"]
    assert other.probabilities.tobytes() != again.probabilities.tobytes()


def test_progress_reports_each_epoch_and_judges_none_of_the_warm_up(table: FeatureTable) -> None:
    seen: list[EpochReport] = []
    train_network(table, QUICK, seen.append)
    assert [report.epoch for report in seen] == [1, 2, 3, 4]
    assert seen[0].validation_ua is None
    assert set(seen[0].losses) == {"semantics", "contrast"}
    assert seen[1].is_best


@pytest.mark.parametrize("network", NETWORKS)
def test_clear_classes_are_learned(network: str) -> None:
    modality = "voice" if network == "unimodal" else None
    settings = QUICK.model_copy(update={"network": network, "modality": modality, "epochs": 15, "learning_rate": 3e-3})
    table = clear_table()
    predictions = train_network(table, settings).predictions["train"]
    assert (predictions.predicted == table.labels[predictions.rows]).mean() > 0.9


@pytest.mark.parametrize("network", ["foal", "mmmie", "crossmodal"])
def test_predictions_keep_the_order_of_rows_and_repeat_with_the_seed(network: str) -> None:
    table = with_dialogues(small_table())
    settings = QUICK.model_copy(update={"network": network, "epochs": 2})
    result, again = train_network(table, settings), train_network(table, settings)
    expected = result.predictions["test"]
    assert expected.probabilities.tobytes() == again.predictions["test"].probabilities.tobytes()
    backwards = predict(result.trained, table, expected.rows[::-1].copy())
    np.testing.assert_allclose(backwards.probabilities[::-1], expected.probabilities, rtol=1e-5)


@pytest.mark.parametrize("network", NETWORKS)
def test_very_long_and_very_short_sequences_are_trained_on(network: str) -> None:
    table = small_table()
    random = np.random.default_rng(0)
    voice = list(table.sequences["voice"])
    voice[0] = random.standard_normal((10_000, 5)).astype(np.float32)
    voice[1] = random.standard_normal((1, 5)).astype(np.float32)
    long = replace(table, sequences=dict(table.sequences) | {"voice": voice})
    modality = "voice" if network == "unimodal" else None
    settings = QUICK.model_copy(update={"network": network, "modality": modality, "epochs": 2})
    assert np.isfinite(train_network(long, settings).predictions["train"].probabilities).all()


def _without_steps(table: FeatureTable) -> FeatureTable:
    return replace(table, sequences=dict(table.sequences) | {"face": [np.zeros((0, 4), np.float32)] * len(table)})


def _not_finite(table: FeatureTable) -> FeatureTable:
    face = [np.full((2, 4), np.inf, np.float32), *list(table.sequences["face"])[1:]]
    return replace(table, sequences=dict(table.sequences) | {"face": face})


def _of_other_size(table: FeatureTable) -> FeatureTable:
    face = [np.zeros((2, 9), np.float32), *list(table.sequences["face"])[1:]]
    return replace(table, sequences=dict(table.sequences) | {"face": face})


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (lambda table: without(table, "face", list(range(len(table)))), "modality face: got no utterance in train"),
        (_without_steps, "face: got 0 steps"),
        (_not_finite, "face: got 8 NaN or infinite"),
        (_of_other_size, "face: got shape"),
        (lambda table: replace(table, labels=np.zeros(len(table), np.int64)), "class 'class_1': got no utterance"),
    ],
)
@pytest.mark.parametrize("network", ["relevance", "foal", "mmmie"])
def test_features_that_nothing_can_be_learned_from_are_refused(
    network: str, spoil: Callable[[FeatureTable], FeatureTable], said: str
) -> None:
    with pytest.raises(TrainingError, match=said):
        train_network(spoil(small_table()), QUICK.model_copy(update={"network": network}))


def test_a_checkpoint_predicts_what_the_network_did(table: FeatureTable, result: TrainResult, tmp_path: Path) -> None:
    write_report(table, result, tmp_path)
    trained = load_checkpoint(tmp_path / "checkpoint.safetensors")
    expected = result.predictions["test"]
    assert np.array_equal(predict(trained, table, expected.rows).probabilities, expected.probabilities)
    assert (trained.label_names, trained.settings) == (table.label_names, QUICK)


def test_a_checkpoint_of_others_or_changed_is_refused(table: FeatureTable, result: TrainResult, tmp_path: Path) -> None:
    write_report(table, result, tmp_path)
    path = tmp_path / "checkpoint.safetensors"
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)
    with pytest.raises(TrainingError, match="changed after it was written"):
        load_checkpoint(path)
    path.write_bytes(content[: len(content) // 2])
    save_file({"weight": torch.zeros(2)}, tmp_path / "other.safetensors")
    for name in ("checkpoint.safetensors", "other.safetensors", "missing.safetensors"):
        with pytest.raises(TrainingError, match="not a checkpoint of sdme_tools"):
            load_checkpoint(tmp_path / name)


def test_another_kind_of_features_is_refused(result: TrainResult) -> None:
    other = small_table()
    narrower = {m: [s[:, :2] for s in column if s is not None] for m, column in other.sequences.items()}
    table = FeatureTable(**{**vars(other), "sequences": narrower})
    with pytest.raises(TrainingError, match="differ from those of the checkpoint"):
        predict(result.trained, table, table.rows_of("test"))


def test_the_report_lies_in_files_that_agree(table: FeatureTable, result: TrainResult, tmp_path: Path) -> None:
    report = write_report(table, result, tmp_path)
    names = {"checkpoint.safetensors", "checkpoint.json", "metrics.json", "confusion.csv", "relevance.parquet"}
    assert {path.name for path in tmp_path.iterdir()} == names | {"summary.md"}
    written = json.loads((tmp_path / "metrics.json").read_text())
    assert written["report"]["metrics"]["wa"]["value"] == report.metrics["wa"].value
    rows = pq.read_table(tmp_path / "relevance.parquet").to_pylist()
    assert [row["utterance_id"] for row in rows] == list(table.utterance_ids)
    test_rows = [row for row in rows if row["split"] == "test"]
    assert np.mean([row["label"] == row["predicted"] for row in test_rows]) == pytest.approx(report.metrics["wa"].value)
    assert rows[0]["relevance_face"] is None
    assert rows[0]["relevance_voice"] + rows[0]["relevance_text"] == pytest.approx(1)
    assert sum(map(sum, report.confusion)) == len(test_rows)


def test_cuda_without_cuda_is_an_error(table: FeatureTable) -> None:
    if torch.cuda.is_available():
        pytest.skip("this machine has CUDA")
    with pytest.raises(TrainingError, match="no CUDA device"):
        train_network(table, QUICK.model_copy(update={"device": "cuda"}))


@pytest.mark.parametrize("wrong", [{"width": 30}, {"epochs": 3, "warm_up_epochs": 3}, {"nonsense": 1}])
def test_settings_that_contradict_are_refused(wrong: dict[str, int]) -> None:
    with pytest.raises(ValidationError):
        TrainSettings.model_validate(wrong)
