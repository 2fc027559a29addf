"""Reading a release row by row: any order, any process, and damage that is told in words."""

import pickle
import shutil
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from sdme_tools.errors import TrainingError
from sdme_tools.release.build import build_release
from sdme_tools.training.released import EpochOrder, ReleaseDataset
from tests.unit.release.tiny_corpus import make_corpus, vote


@pytest.fixture(scope="module")
def release(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("released")
    corpus = make_corpus(root / "corpus")
    vote(corpus, root / "votes.csv")
    return build_release(corpus, "1.0.0", {"clips": True}).folder


def test_rows_have_what_was_asked_for(release: Path) -> None:
    rows = ReleaseDataset(release, "test", columns=("label", "voice_snr_db"), media=("clip",))
    expected = pq.read_table(next((release / "data").glob("test-*")), columns=["label", "voice_snr_db", "clip"])
    assert list(rows) == expected.to_pylist()
    assert list(ReleaseDataset(release, columns=("text",), media=())) == [
        {"text": text} for path in sorted_by_split(release) for text in pq.read_table(path)["text"].to_pylist()
    ]


def sorted_by_split(release: Path) -> list[Path]:
    return [path for split in ("train", "validation", "test") for path in sorted((release / "data").glob(f"{split}-*"))]


def test_any_order_and_another_process_give_the_same_rows(release: Path) -> None:
    rows = ReleaseDataset(release)
    in_order = list(rows)
    assert [rows[place] for place in reversed(range(len(rows)))] == in_order[::-1]
    assert list(pickle.loads(pickle.dumps(rows))) == in_order  # what DataLoader does where it spawns
    with pytest.raises(IndexError):
        rows[len(rows)]


def test_an_epoch_goes_on_where_it_was_left() -> None:
    whole = list(EpochOrder(50, seed=1, epoch=2))
    assert sorted(whole) == list(range(50))
    rest = EpochOrder(50, seed=1, epoch=2, start=20)
    assert (list(rest), len(rest)) == (whole[20:], 30)
    assert whole not in (list(EpochOrder(50, seed=1, epoch=3)), list(EpochOrder(50, seed=2, epoch=2)))


def test_a_column_that_is_not_there_is_named(release: Path) -> None:
    with pytest.raises(TrainingError, match="no column") as caught:
        ReleaseDataset(release, columns=("mood", "label"))
    assert "mood" in str(caught.value)


@pytest.mark.parametrize("damage", ["cut", "empty", "rewritten"])
def test_damaged_shards_are_named(release: Path, tmp_path: Path, damage: str) -> None:
    copy = shutil.copytree(release, tmp_path / "copy")
    path = next((copy / "data").glob("validation-*"))
    if damage == "rewritten":
        pq.write_table(pq.read_table(path), path, compression="snappy")  # by somebody's tool, with pages of its own
    else:
        path.write_bytes(path.read_bytes()[:-900] if damage == "cut" else b"")
    with pytest.raises(TrainingError, match="validation-00000-of-00001"):
        ReleaseDataset(copy)
