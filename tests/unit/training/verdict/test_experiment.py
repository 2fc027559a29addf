"""Plans, seeds, missing modalities and trainings that are kept."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from sdme_tools.errors import TrainingError
from sdme_tools.training.dataset import NO_LABEL, FeatureTable
from sdme_tools.training.evaluation import calibration, judge_views, make_views, score, speaker_interval
from sdme_tools.training.experiment import Experiments, plan_folds, plan_split
from sdme_tools.training.loop import TrainSettings
from tests.unit.training.tables import small_table, without

QUICK = TrainSettings(network="concat", epochs=2, warm_up_epochs=1, width=16, batch_size=16, device="cpu")


def test_folds_share_no_speaker_and_judge_every_labelled_utterance_once() -> None:
    table = small_table()
    labels = table.labels.copy()
    labels[3] = NO_LABEL
    plan = plan_folds(replace(table, labels=labels), 4)
    assert len(plan.partitions) == 4
    assert plan.rows.tolist() == [row for row in range(len(table)) if row != 3]
    for splits in plan.partitions:
        of_split = {
            split: {s for s, found in zip(table.speaker_ids, splits, strict=True) if found == split} for split in splits
        }
        assert sum(map(len, of_split.values())) == len(set(table.speaker_ids))
    tested = np.sum([np.array(splits) == "test" for splits in plan.partitions], axis=0)
    assert (tested == 1).all()


def test_two_speakers_are_too_few() -> None:
    table = small_table()
    alone = replace(table, speaker_ids=["a" if row < 40 else "b" for row in range(len(table))])
    with pytest.raises(TrainingError, match="got 2 speakers with labelled utterances, expected at least 3"):
        plan_folds(alone, 5)


def test_each_seed_is_another_training_and_what_was_kept_is_taken(tmp_path: Path) -> None:
    table = small_table()
    plan = plan_split(table)
    made = Experiments(table, tmp_path).run(plan, QUICK, 2)
    assert made.probabilities.shape == (2, 20, 2)
    assert not np.array_equal(made.probabilities[0], made.probabilities[1])
    files = sorted(tmp_path.iterdir())
    assert len(files) == 2
    written = [file.stat().st_mtime_ns for file in files]
    again = Experiments(table, tmp_path).run(plan, QUICK, 2)
    assert np.array_equal(again.probabilities, made.probabilities)
    assert [file.stat().st_mtime_ns for file in files] == written


def test_a_damaged_training_is_done_again(tmp_path: Path) -> None:
    table = small_table()
    made = Experiments(table, tmp_path).run(plan_split(table), QUICK, 1)
    (file,) = tmp_path.iterdir()
    whole = file.read_bytes()
    file.write_bytes(whole[: len(whole) // 2])
    assert np.array_equal(
        Experiments(table, tmp_path).run(plan_split(table), QUICK, 1).probabilities, made.probabilities
    )
    assert file.read_bytes() == whole


def test_other_features_are_another_training(tmp_path: Path) -> None:
    table = small_table()
    Experiments(table, tmp_path).run(plan_split(table), QUICK, 1)
    Experiments(small_table(seed=1), tmp_path).run(plan_split(table), QUICK, 1)
    assert len(list(tmp_path.iterdir())) == 2


def test_who_lacks_the_only_modality_is_predicted_by_class_shares() -> None:
    table = small_table()
    test = table.rows_of("test")
    table = without(table, "voice", [int(test[0])])
    made = Experiments(table).run(plan_split(table), QUICK, 1, modalities=["voice"])
    train = table.labels[table.rows_of("train")]
    assert made.probabilities[0, 0] == pytest.approx([(train == 0).mean(), (train == 1).mean()])


def test_a_class_that_a_fold_cannot_learn_gets_probability_zero_there() -> None:
    table = small_table()
    is_rare = (np.asarray(table.splits) == "test") & (np.arange(len(table)) % 2 == 0)
    labels = np.where(is_rare, 2, table.labels)
    wide = replace(table, labels=labels, label_names=("a", "b", "c"))
    made = Experiments(wide).run(plan_split(wide), QUICK, 1)
    assert (made.probabilities[0, :, 2] == 0).all()
    assert made.probabilities[0].sum(axis=1) == pytest.approx(np.ones(20))


def test_a_network_is_shown_less() -> None:
    table = small_table()
    made = Experiments(table).run(plan_split(table), QUICK, 1, views=make_views(table))
    assert set(made.views) == {
        *(f"{word} {name}" for word in ("only", "without") for name in ("voice", "face", "text")),
        *("noise 0.5", "noise 1", "noise 2"),
    }
    assert all(not np.array_equal(view.probabilities, made.probabilities) for view in made.views.values())
    assert set(judge_views(table, made)) == set(made.views)


def test_calibration_by_hand() -> None:
    probabilities = np.array([[0.95, 0.05], [0.95, 0.05], [0.35, 0.65], [0.35, 0.65]], np.float32)
    one = calibration(probabilities, np.array([0, 1, 1, 1]))
    # Half of the sure ones are right, all of the others: (2 · |.5 − .95| + 2 · |1 − .65|) / 4.
    assert one.ece == pytest.approx(0.4, abs=1e-6)
    assert [(b.count, round(b.accuracy, 6)) for b in one.bins] == [(2, 1.0), (2, 0.5)]


def test_intervals_resample_speakers_and_one_speaker_has_none() -> None:
    values = np.array([1.0, 1.0, 0.0, np.nan])
    found = speaker_interval(values, ["a", "a", "b", "b"])
    assert (found.value, found.low, found.high) == (pytest.approx(2 / 3), 0.0, 1.0)
    assert np.isnan(speaker_interval(values, ["a"] * 4).low)


def test_scores_are_means_over_seeds() -> None:
    table: FeatureTable = small_table()
    made = Experiments(table).run(plan_split(table), QUICK, 2)
    truth = table.labels[made.rows]
    assert score(table, made)["wa"].value == pytest.approx(np.mean([(one == truth).mean() for one in made.predicted]))
