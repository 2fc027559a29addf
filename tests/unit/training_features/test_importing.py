"""Features of others, as files that numpy, h5py and csv write, become a table; what does not fit is told at once."""

import json
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import h5py
import numpy as np
import pytest

from sdme_tools.errors import TrainingError
from sdme_tools.training.features.importing import ImportPlan, IndexFile, SequenceFile, import_features
from sdme_tools.training.table_file import read_feature_table, read_metadata

NUM = 21
RANDOM = np.random.default_rng(0)
IDS = [f"clip{number}" for number in range(NUM)]
LABELS = ["joy" if number % 2 else "anger" for number in range(NUM)]
GROUPS = [f"s{number // 3}" for number in range(NUM)]
SPLITS = ["train"] * 9 + ["valid"] * 6 + ["test"] * 6
LENGTHS = np.array([1 + number % 4 for number in range(NUM)])
STEPS = [RANDOM.standard_normal((length, 5)).astype(np.float32) for length in LENGTHS]
PADDED = np.stack([np.pad(steps, ((0, 4 - len(steps)), (0, 0)), constant_values=9) for steps in STEPS])


def write_index(path: Path, **columns: Sequence[object] | None) -> Path:
    """id, label, group and split as csv; a column given as None is left out."""
    found = {"id": IDS, "label": LABELS, "group": GROUPS, "split": SPLITS} | columns
    kept = {name: column for name, column in found.items() if column is not None}
    lines = [",".join(kept), *(",".join(map(str, row)) for row in zip(*kept.values(), strict=True))]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def padded_npz(path: Path) -> None:
    np.savez(path, voice=PADDED, voice_lengths=LENGTHS)


def flat_npz(path: Path) -> None:
    np.savez(path, voice=np.concatenate(STEPS).astype(np.float64), voice_lengths=LENGTHS)


def grouped_npz(path: Path) -> None:
    np.savez(path, **{f"voice/{name}": steps for name, steps in zip(IDS, STEPS, strict=True)})


def padded_h5(path: Path) -> None:
    with h5py.File(path, "w") as file:
        file["voice"], file["voice_lengths"] = PADDED, LENGTHS


def grouped_h5(path: Path) -> None:
    with h5py.File(path, "w") as file:
        for name, steps in zip(IDS, STEPS, strict=True):
            file[f"voice/{name}"] = steps


def steps_csv(path: Path) -> None:
    rows = [
        f"{name},{','.join(repr(float(x)) for x in step)}"
        for name, steps in zip(IDS, STEPS, strict=True)
        for step in steps
    ]
    path.write_text("id,a,b,c,d,e\n" + "\n".join(rows) + "\n")


@pytest.mark.parametrize(
    ("name", "write"),
    [
        ("padded.npz", padded_npz),
        ("flat.npz", flat_npz),
        ("grouped.npz", grouped_npz),
        ("padded.h5", padded_h5),
        ("grouped.hdf5", grouped_h5),
        ("steps.csv", steps_csv),
    ],
)
def test_every_layout_gives_the_same_table(tmp_path: Path, name: str, write: Callable[[Path], None]) -> None:
    index = write_index(tmp_path / "index.csv")
    write(tmp_path / name)
    plan = ImportPlan([IndexFile(index)], [SequenceFile("voice", tmp_path / name)])
    import_features(plan, tmp_path / "out.parquet")
    table = read_feature_table(tmp_path / "out.parquet")
    assert (list(table.utterance_ids), list(table.speaker_ids)) == (IDS, GROUPS)
    assert table.label_names == ("anger", "joy")
    assert [table.label_names[label] for label in table.labels] == LABELS
    assert list(table.splits) == ["validation" if split == "valid" else split for split in SPLITS]
    for got, expected in zip(table.sequences["voice"], STEPS, strict=True):
        assert got is not None
        assert np.array_equal(got, expected)
    metadata = read_metadata(tmp_path / "out.parquet")
    assert [file.name for file in metadata.files] == sorted(["index.csv", name])
    assert metadata.release is None
    assert str(tmp_path) not in metadata.model_dump_json()


def test_a_modality_may_be_missing_and_a_label_too(tmp_path: Path) -> None:
    index = write_index(tmp_path / "index.csv", label=["", *LABELS[1:]])
    lengths = np.where(np.arange(NUM) == 2, 0, LENGTHS)
    np.savez(tmp_path / "all.npz", voice=PADDED, voice_lengths=lengths, text=RANDOM.standard_normal((NUM, 3)))
    files = [SequenceFile(modality, tmp_path / "all.npz") for modality in ("voice", "text")]
    import_features(ImportPlan([IndexFile(index)], files), tmp_path / "out.parquet")
    table = read_feature_table(tmp_path / "out.parquet")
    assert table.labels[0] == -1
    assert table.sequences["voice"][2] is None
    assert all(steps is not None and steps.shape == (1, 3) for steps in table.sequences["text"])


def test_splits_are_drawn_by_groups_and_the_same_each_time(tmp_path: Path) -> None:
    index = write_index(tmp_path / "index.csv", split=None)
    padded_npz(tmp_path / "voice.npz")
    drawn = []
    for seed in (3, 3, 4, 5, 6, 7):
        plan = ImportPlan([IndexFile(index)], [SequenceFile("voice", tmp_path / "voice.npz")], seed=seed)
        metadata = import_features(plan, tmp_path / "out.parquet")
        assert metadata.split_seed == seed
        drawn.append(list(read_feature_table(tmp_path / "out.parquet").splits))  # which refuses a group in two splits
    assert drawn[0] == drawn[1]
    assert len({tuple(splits) for splits in drawn}) > 1
    assert [drawn[0].count(split) for split in ("train", "validation", "test")] == [15, 3, 3]


def test_a_file_a_split_with_one_hot_labels_and_no_speakers(tmp_path: Path) -> None:
    for split, num in (("train", 6), ("valid", 4), ("test", 4)):
        with h5py.File(tmp_path / f"y_{split}.h5", "w") as file:
            file["d1"] = np.eye(2, dtype=np.float32)[np.arange(num) % 2]
        with h5py.File(tmp_path / f"x_{split}.h5", "w") as file:
            file["d1"] = RANDOM.standard_normal((num, 3, 4))
    splits = ("train", "valid", "test")
    plan = ImportPlan(
        [IndexFile(tmp_path / f"y_{split}.h5", split) for split in splits],
        [SequenceFile("voice", tmp_path / f"x_{split}.h5", split, "d1") for split in splits],
        columns={"label": "d1"},
        label_names=("no", "yes"),
        groups_known=False,
    )
    assert not import_features(plan, tmp_path / "out.parquet").speakers_known
    table = read_feature_table(tmp_path / "out.parquet")
    assert [list(table.splits).count(split) for split in ("train", "validation", "test")] == [6, 4, 4]
    assert table.label_names == ("no", "yes")
    assert list(table.speaker_ids) == list(table.utterance_ids)


def test_all_faults_of_the_files_are_told_at_once(tmp_path: Path) -> None:
    index = write_index(tmp_path / "index.csv", group=None)
    np.savez(tmp_path / "short.npz", voice=PADDED[:3])
    np.savez(tmp_path / "pickled.npz", face=np.array([{"a": 1}] * NUM, dtype=object))
    (tmp_path / "torn.h5").write_bytes(b"no h5")
    (tmp_path / "words.csv").write_text("id,a\nclip0,one\n")
    names = {"voice": "short.npz", "face": "pickled.npz", "text": "torn.h5", "gaze": "words.csv", "hands": "none.npz"}
    files = [SequenceFile(modality, tmp_path / name) for modality, name in names.items()]
    with pytest.raises(TrainingError) as told:
        import_features(ImportPlan([IndexFile(index)], files), tmp_path / "out.parquet")
    said = str(told.value)
    for expected in (
        "has no column 'group'",
        "say --no-groups",
        "expected 21 rows",
        "pickled.npz: cannot be read",
        "torn.h5: cannot be read",
        "every column but 'id' must hold numbers",
        "none.npz: cannot be read",
    ):
        assert expected in said
    assert not (tmp_path / "out.parquet").exists()


@pytest.mark.parametrize(
    ("fault", "expected"),
    [
        ("nan", "clip4, voice: got 5 NaN or infinite values"),
        ("too large", "clip4, voice: got 1 NaN or infinite values"),
        ("leak", "speaker s0: got utterances in test, train"),
        ("double", "utterance clip0: got 2 rows"),
        ("split", "got split 'holdout'"),
        ("class", "class 'fear': got no utterance in train"),
        ("empty", "modality voice: got no utterance in train that has it"),
    ],
)
def test_a_table_that_cannot_be_trained_on_is_refused(tmp_path: Path, fault: str, expected: str) -> None:
    padded, lengths, changed = PADDED.astype(np.float64), LENGTHS.copy(), dict[str, Sequence[object]]()
    if fault == "nan":
        padded[4, 0] = np.nan
    elif fault == "too large":
        padded[4, 0, 0] = 1e300
    elif fault == "leak":
        changed["group"] = [*GROUPS[:-1], "s0"]
    elif fault == "double":
        changed["id"] = [IDS[0], IDS[0], *IDS[2:]]
    elif fault == "split":
        changed["split"] = ["holdout", *SPLITS[1:]]
    elif fault == "class":
        changed["label"] = [*LABELS[:-1], "fear"]
    else:
        lengths[:9] = 0
    np.savez(tmp_path / "voice.npz", voice=padded, voice_lengths=lengths, text=np.ones((NUM, 2)))
    index = write_index(tmp_path / "index.csv", **changed)
    files = [SequenceFile(modality, tmp_path / "voice.npz") for modality in ("voice", "text")]
    with pytest.raises(TrainingError) as told:
        import_features(ImportPlan([IndexFile(index)], files), tmp_path / "out.parquet")
    assert expected in str(told.value)


def type_it(*words: str, folder: Path | None = None) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(words, capture_output=True, text=True, cwd=folder, check=False)


def test_imported_and_trained_as_a_user_types_it(tmp_path: Path) -> None:
    index = write_index(tmp_path / "index.csv", id=None, clip=IDS, group=None, speaker=GROUPS)
    padded_npz(tmp_path / "theirs.npz")
    command = [sys.executable, "-m", "sdme_tools.cli.main"]
    options = ["--index", str(index), "--features", f"voice={tmp_path}/theirs.npz#voice"]
    columns = ["--columns", "id=clip,group=speaker", "--json"]
    table = str(tmp_path / "theirs.parquet")
    done = type_it(*command, "features", "import", table, *options, *columns)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["metadata"]["feature_dims"] == {"voice": 5}
    quick = ("--model", "concat", "--epochs", "2", "--device", "cpu", "--json")
    trained = type_it(*command, "train", "--features", table, *quick, folder=tmp_path)
    assert trained.returncode == 0, trained.stderr
    assert Path(json.loads(trained.stdout)["folder"]) == tmp_path / "runs" / "theirs-concat-0"
    wrong = type_it(*command, "features", "import", table, *options)
    assert wrong.returncode == 1
    assert "Traceback" not in wrong.stderr
    assert "has no column 'group'" in wrong.stderr
