"""Feature tables: what is refused, batches, and the way through a file."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch

from sdme_tools.errors import TrainingError
from sdme_tools.training.batches import BatchSource, Standardisation
from sdme_tools.training.dataset import Dialogues, check_table, shorten
from sdme_tools.training.table_file import read_feature_table, write_feature_table
from tests.unit.training.tables import small_table, with_dialogues, with_people, without


def test_a_good_table_passes() -> None:
    check_table(with_people(small_table(), 0.5))


def test_everything_wrong_is_said_at_once() -> None:
    table = small_table()
    voice = list(table.sequences["voice"])
    voice[3] = np.full((4, 5), np.nan, dtype=np.float32)
    voice[4] = np.zeros((0, 5), dtype=np.float32)
    voice[5] = np.zeros((4, 7), dtype=np.float32)
    ids = list(table.utterance_ids)
    ids[1] = ids[0]
    splits = ["train" if split == "test" else split for split in table.splits]
    splits[0] = "dev"
    broken = replace(
        table,
        utterance_ids=ids,
        splits=splits,
        label_names=(*table.label_names, "fear"),
        sequences=dict(table.sequences) | {"voice": voice},
    )
    with pytest.raises(TrainingError) as caught:
        check_table(broken)
    said = str(caught.value)
    for expected in (
        "clip_00000: got 2 rows",
        "got split 'dev'",
        "split test: got no labelled utterance",
        "class 'fear': got no utterance in train",
        "clip_00003, voice: got 20 NaN",
        "clip_00004, voice: got 0 steps",
        "clip_00005, voice: got shape (4, 7)",
        "cure:",
    ):
        assert expected in said


def test_a_speaker_in_two_splits_is_refused() -> None:
    table = small_table()
    with pytest.raises(TrainingError, match="expected one split"):
        check_table(replace(table, speaker_ids=["same"] * len(table)))


def test_standardisation_looks_at_train_only() -> None:
    table = small_table()
    test_rows = set(table.rows_of("test").tolist())
    voice = [
        steps + 1000 if row in test_rows and steps is not None else steps
        for row, steps in enumerate(table.sequences["voice"])
    ]
    moved = replace(table, sequences=dict(table.sequences) | {"voice": voice})
    fitted, expected = Standardisation.fit(moved), Standardisation.fit(table)
    assert np.array_equal(fitted.mean["voice"], expected.mean["voice"])
    assert np.array_equal(fitted.deviation["voice"], expected.deviation["voice"])


def test_batches_pad_mask_and_repeat_with_the_seed() -> None:
    table = without(small_table(), "face", [0, 2])
    source = BatchSource(table, Standardisation.fit(table), max_steps=7)
    batch = source.collate(np.array([0, 1, 2]))
    assert batch.present.tolist() == [[True, False, True], [True, True, True], [True, False, True]]
    assert not batch.masks["face"][0].any()
    assert batch.masks["voice"].shape[1] <= 7
    assert (batch.sequences["voice"][~batch.masks["voice"]] == 0).all()
    rows = table.rows_of("train")
    orders = [np.concatenate([b.rows for b in source.batches(rows, batch_size=8, seed=s)]) for s in (1, 1, 2)]
    assert np.array_equal(orders[0], orders[1])
    assert not np.array_equal(orders[0], orders[2])
    assert sorted(orders[0]) == sorted(rows)


def test_batches_of_dialogues_are_whole_in_order_and_repeat_with_the_seed() -> None:
    table = with_dialogues(small_table())
    source = BatchSource(table, Standardisation.fit(table), max_steps=7)
    rows = table.rows_of("train")[2:]
    batches = list(source.dialogue_batches(rows, batch_size=5, max_dialogue=32, seed=1))
    seen = np.concatenate([batch.rows for batch in batches])
    assert sorted(seen) == table.rows_of("train").tolist()
    assert all(len(batch.rows) >= 5 for batch in batches[:-1])
    for batch in batches:
        assert batch.labels[~torch.from_numpy(batch.wanted)].eq(-1).all()
        for dialogue in range(int(batch.dialogue.max()) + 1):
            inside = batch.dialogue == dialogue
            its_rows = batch.rows[inside.numpy()]
            assert len({table.dialogues.dialogue_ids[row] for row in its_rows}) == 1
            assert its_rows.tolist() == sorted(its_rows)
            assert batch.place[inside].tolist() == list(range(len(its_rows)))
            assert batch.role[inside].tolist() == [row % 2 for row in its_rows]
    again, other = (
        np.concatenate([b.rows for b in source.dialogue_batches(rows, batch_size=5, max_dialogue=32, seed=seed)])
        for seed in (1, 2)
    )
    assert np.array_equal(seen, again)
    assert not np.array_equal(seen, other)


def test_a_long_dialogue_is_cut_and_one_of_two_splits_keeps_them_apart() -> None:
    table = small_table()
    together = Dialogues(["one"] * len(table), np.arange(len(table))[::-1].copy(), np.zeros(len(table), np.int64))
    table = replace(table, dialogues=together)
    source = BatchSource(table, Standardisation.fit(table), max_steps=7)
    batches = list(source.dialogue_batches(table.rows_of("train"), batch_size=1, max_dialogue=15))
    # 40 utterances of train, the last one first: three windows; nothing of other splits.
    assert [len(batch.rows) for batch in batches] == [14, 13, 13]
    assert np.concatenate([batch.rows for batch in batches]).tolist() == list(range(39, -1, -1))
    alone = list(source.dialogue_batches(np.array([3, 5]), batch_size=1, max_dialogue=1))
    assert [batch.rows.tolist() for batch in alone] == [[5], [3]]


def test_without_dialogues_each_utterance_is_one() -> None:
    table = small_table()
    source = BatchSource(table, Standardisation.fit(table), max_steps=7)
    (batch,) = source.dialogue_batches(np.array([4, 2]), batch_size=8, max_dialogue=32)
    assert (batch.rows.tolist(), batch.dialogue.tolist(), batch.place.tolist()) == ([4, 2], [0, 1], [0, 0])


def test_roles_are_numbered_as_people_first_speak() -> None:
    ids, speakers = ["a", "a", "a", "b", "b"], ["x", "y", "x", "x", "z"]
    dialogues = Dialogues.by_first_speech(ids, np.array([20, 10, 30, 9, 1]), speakers)
    assert dialogues.roles.tolist() == [1, 0, 1, 1, 0]


def test_dialogues_that_have_no_order_are_refused() -> None:
    table = small_table()
    count = len(table)
    ids, order, roles = ["one"] * count, np.arange(count), np.zeros(count, np.int64)
    order[1], roles[2] = 0, -1
    with pytest.raises(TrainingError) as caught:
        check_table(replace(table, dialogues=Dialogues(ids, order, roles)))
    assert "dialogue one: got 2 utterances of speaker speaker_000 with the order 0, expected one" in str(caught.value)
    assert "clip_00002: got role -1, expected 0 or more" in str(caught.value)
    with pytest.raises(TrainingError, match=r"dialogues.order: got 1 rows"):
        check_table(replace(table, dialogues=Dialogues(ids, order[:1], roles)))


def test_a_long_sequence_is_averaged_to_its_end() -> None:
    rows = np.arange(10, dtype=np.float32)[:, None]
    assert shorten(rows, 5)[:, 0].tolist() == [0.5, 2.5, 4.5, 6.5, 8.5]
    assert shorten(rows, 10) is rows


def test_a_table_comes_back_from_its_file(tmp_path: Path) -> None:
    table = with_people(without(small_table(), "face", [1]), 0.25)
    table = replace(table, labels=np.where(np.arange(len(table)) == 7, -1, table.labels))
    write_feature_table(table, tmp_path / "table.parquet")
    back = read_feature_table(tmp_path / "table.parquet")
    assert (back.utterance_ids, back.splits) == (list(table.utterance_ids), list(table.splits))
    assert (back.labels == table.labels).all()
    for modality in table.modalities:
        for got, expected in zip(back.sequences[modality], table.sequences[modality], strict=True):
            assert (got is None) == (expected is None)
            assert expected is None or np.array_equal(got, expected)
    assert np.array_equal(back.human_relevance, table.human_relevance, equal_nan=True)
    assert [path.name for path in tmp_path.iterdir()] == ["table.parquet"]


def test_a_file_of_something_else_is_refused(tmp_path: Path) -> None:
    pq.write_table(pa.table({"x": [1]}), tmp_path / "other.parquet")
    (tmp_path / "text.parquet").write_text("no Parquet")
    for name in ("other.parquet", "text.parquet", "missing.parquet"):
        with pytest.raises(TrainingError, match="not a feature table"):
            read_feature_table(tmp_path / name)
