"""From a release to a feature table, and back from disk."""

import shutil
from pathlib import Path

import numpy as np
import pytest

from sdme_tools.corpus.corpus import Corpus
from sdme_tools.errors import TrainingError
from sdme_tools.release.build import build_release
from sdme_tools.training.dataset import NO_LABEL, FeatureTable, check_table
from sdme_tools.training.features import release as release_features
from sdme_tools.training.features.release import build_feature_table, untrainable_labels
from sdme_tools.training.features.store import load_feature_table
from sdme_tools.training.released import read_manifest
from tests.unit.release.tiny_corpus import LABELS, make_corpus, vote


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Corpus:
    root = tmp_path_factory.mktemp("features")
    corpus = make_corpus(root / "corpus")
    vote(corpus, root / "votes.csv")
    return corpus


@pytest.fixture(scope="module")
def release(corpus: Corpus) -> Path:
    return build_release(corpus, "1.0.0").folder


def assert_same(first: FeatureTable, second: FeatureTable) -> None:
    for name in ("utterance_ids", "speaker_ids", "splits", "label_names", "modalities"):
        assert list(getattr(first, name)) == list(getattr(second, name))
    assert (first.labels == second.labels).all()
    for modality in first.modalities:
        for mine, other in zip(first.sequences[modality], second.sequences[modality], strict=True):
            assert (mine is None) == (other is None)
            if mine is not None and other is not None:
                assert mine.dtype == other.dtype
                assert np.array_equal(mine, other)


def test_every_released_utterance_is_described(release: Path) -> None:
    seen: list[tuple[int, int]] = []
    table = build_feature_table(release, progress=lambda done, total: seen.append((done, total)))
    check_table(table)
    assert len(table) == 24
    assert seen == [(number, 24) for number in range(1, 25)]
    assert table.label_names == LABELS
    assert table.modalities == ("voice", "face", "text")
    faceless = [u for u, steps in zip(table.utterance_ids, table.sequences["face"], strict=True) if steps is None]
    assert sorted(faceless) == ["dinner_0_800", "lunch_0_800", "tea_0_800"]
    assert_same(table, build_feature_table(release))


def test_a_table_is_kept_and_read_again(release: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    computed = load_feature_table(release, tmp_path / "runs")
    monkeypatch.setattr(release_features, "_describe", None)  # whoever computes again fails
    assert_same(computed, load_feature_table(release, tmp_path / "runs"))
    (kept,) = (tmp_path / "runs").iterdir()
    kept.write_bytes(kept.read_bytes()[:-100])
    with pytest.raises(TrainingError, match="not a feature table"):
        load_feature_table(release, tmp_path / "runs")


def test_another_release_does_not_use_the_kept_table(corpus: Corpus, release: Path, tmp_path: Path) -> None:
    first = load_feature_table(release, tmp_path)
    other = build_release(corpus, "1.0.1", {"seed": 4, "splits": {"train": 0.4, "validation": 0.3, "test": 0.3}}).folder
    second = load_feature_table(other, tmp_path)
    assert len(list(tmp_path.iterdir())) == 2
    assert sorted(first.utterance_ids) == sorted(second.utterance_ids)


@pytest.mark.parametrize(
    ("damage", "expected"),
    [("remove", "is missing"), ("cut", "bytes, expected"), ("flip", "has sha256"), ("manifest", "no release here")],
)
def test_a_release_that_is_not_what_it_says_is_refused(
    release: Path, tmp_path: Path, damage: str, expected: str
) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(release, copy)
    path = sorted((copy / "data").iterdir())[0]
    content = path.read_bytes()
    if damage == "remove":
        path.unlink()
    elif damage == "cut":
        path.write_bytes(content[:-1])
    elif damage == "flip":
        path.write_bytes(bytes([content[0] ^ 1]) + content[1:])
    else:
        (copy / "manifest.json").unlink()
    with pytest.raises(TrainingError, match=expected):
        build_feature_table(copy)


def test_a_damaged_manifest_is_told(tmp_path: Path) -> None:
    (tmp_path / "manifest.json").write_text("{}")
    with pytest.raises(TrainingError, match="damaged"):
        read_manifest(tmp_path)


def test_labels_that_train_lacks_are_no_classes(tmp_path: Path) -> None:
    other = make_corpus(tmp_path / "other", labels=(*LABELS, "fear", "disgust"))
    vote(other, tmp_path / "votes.csv", lambda place: ("fear" if place == 23 else LABELS[place % 3],) * 2)
    for seed in range(12):
        built = build_release(
            other, f"1.0.{seed}", {"splits": {"train": 0.3, "validation": 0.3, "test": 0.4}, "seed": seed}
        )
        table = build_feature_table(built.folder)
        afraid = list(table.utterance_ids).index("tea_7000_7800")
        if table.splits[afraid] != "train":
            assert untrainable_labels(built.manifest) == {"fear": 1}
            assert table.labels[afraid] == NO_LABEL
            assert table.label_names == LABELS
            return
    pytest.fail("train had the only afraid utterance every time")
