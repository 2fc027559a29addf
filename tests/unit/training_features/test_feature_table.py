"""From a release to a feature table, and back from disk."""

import hashlib
import shutil
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from sdme_tools.corpus.corpus import Corpus
from sdme_tools.errors import TrainingError
from sdme_tools.records.feature_table import ModalityEncoding, ReleaseOrigin
from sdme_tools.release.build import build_release
from sdme_tools.training.dataset import NO_LABEL, Features, FeatureTable
from sdme_tools.training.features import make
from sdme_tools.training.features.encoders import (
    DEFAULT_ENCODERS,
    Encoder,
    EncoderSettings,
    Modality,
    Prepared,
    create_encoder,
)
from sdme_tools.training.features.log_mel import LogMel
from sdme_tools.training.features.make import make_feature_table
from sdme_tools.training.features.release import untrainable_labels
from sdme_tools.training.features.store import load_feature_table
from sdme_tools.training.released import read_manifest
from sdme_tools.training.table_file import read_feature_table
from tests.unit.release.tiny_corpus import LABELS, make_corpus, make_voice, vote
from tests.unit.training_features.damage import damage_media


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


def light(**names: str) -> dict[Modality, Encoder]:
    """The default encoders, or others by modality."""
    chosen = DEFAULT_ENCODERS | names
    return {modality: create_encoder(modality, EncoderSettings(name)) for modality, name in chosen.items()}


def test_every_released_utterance_is_described(release: Path, tmp_path: Path) -> None:
    seen: list[tuple[int, int]] = []
    made = make_feature_table(
        release, light(), folder=tmp_path, progress=lambda done, total: seen.append((done, total))
    )
    table = read_feature_table(made.path)
    assert len(table) == 24
    assert seen == [(24, 24)]
    assert table.label_names == LABELS
    assert table.modalities == ("voice", "face", "text")
    faceless = [u for u, steps in zip(table.utterance_ids, table.sequences["face"], strict=True) if steps is None]
    assert sorted(faceless) == ["dinner_0_800", "lunch_0_800", "tea_0_800"]
    assert (made.num_computed, made.num_known) == (24 * 3 - 3, 0)
    manifest_sha256 = hashlib.sha256((release / "manifest.json").read_bytes()).hexdigest()
    assert made.metadata.release == ReleaseOrigin(name="corpus", version="1.0.0", sha256=manifest_sha256)
    assert made.metadata.encodings["voice"].encoder.backend == "log_mel"
    assert made.metadata.faults == ()


def test_a_second_run_does_nothing(release: Path, tmp_path: Path) -> None:
    first = make_feature_table(release, light(), folder=tmp_path)
    before = first.path.stat()
    again = make_feature_table(release, light(), folder=tmp_path)
    assert (again.path, again.num_computed, again.num_known) == (first.path, 0, 0)
    assert again.path.stat().st_mtime_ns == before.st_mtime_ns
    assert again.metadata == first.metadata


def test_what_other_tables_hold_is_not_computed_again(corpus: Corpus, release: Path, tmp_path: Path) -> None:
    first = read_feature_table(make_feature_table(release, light(), folder=tmp_path).path)
    other = build_release(corpus, "1.0.1", {"seed": 4, "splits": {"train": 0.4, "validation": 0.3, "test": 0.3}}).folder
    made = make_feature_table(other, light(voice="log_mel_deltas"), folder=tmp_path)
    assert (made.num_computed, made.num_known) == (24, 24 * 2 - 3)
    assert made.path != make_feature_table(release, light(), folder=tmp_path).path
    second = read_feature_table(made.path)
    rows = {utterance_id: row for row, utterance_id in enumerate(second.utterance_ids)}
    for row, utterance_id in enumerate(first.utterance_ids):
        for modality in ("face", "text"):
            mine, its = first.sequences[modality][row], second.sequences[modality][rows[utterance_id]]
            assert (mine is None) == (its is None)
            assert mine is None or np.array_equal(mine, its)


def test_interrupted_at_any_part_it_goes_on(release: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(make, "PART_ROWS", 5)
    whole = make_feature_table(release, light(), folder=tmp_path / "whole")

    def stop(done: int, total: int) -> None:
        raise KeyboardInterrupt

    for _ in range(4):
        with pytest.raises(KeyboardInterrupt):
            make_feature_table(release, light(), folder=tmp_path / "torn", progress=stop)
        assert not list((tmp_path / "torn").glob("*.parquet"))
    made = make_feature_table(release, light(), folder=tmp_path / "torn")
    assert 0 < made.num_computed <= 4 * 3  # the last part
    assert made.path.read_bytes() == whole.path.read_bytes()
    assert sorted(path.name for path in made.path.parent.iterdir()) == [".lock", made.path.name]


class Picky:
    """An encoder that cannot decode one voice, and gives NaN for another."""

    def __init__(self, settings: EncoderSettings) -> None:
        del settings
        self.log_mel = LogMel(EncoderSettings("log_mel"))

    def describe(self) -> ModalityEncoding:
        return self.log_mel.describe()

    def prepare(self, content: bytes) -> Prepared | None:
        if content == make_voice(150):
            raise TrainingError("it is too low")
        return self.log_mel.prepare(content)

    def encode(self, prepared: Sequence[Prepared]) -> list[Features]:
        pitches = [steps[:, 40].mean() / steps[:, 41].mean() for steps in prepared]
        return [
            steps * np.float32("nan") if abs(60 * 2**pitch - 160) < 2 else steps
            for steps, pitch in zip(prepared, pitches, strict=True)
        ]


def test_one_bad_file_does_not_spoil_the_others(release: Path, tmp_path: Path) -> None:
    encoders: dict[Modality, Encoder] = {"voice": Picky(EncoderSettings("picky"))}
    made = make_feature_table(release, encoders, folder=tmp_path)
    faults = {fault.utterance_id: fault.what for fault in made.metadata.faults}
    assert faults.pop("dinner_0_800") == "it is too low"
    assert faults.pop("dinner_1000_1800").startswith("the encoder gave")
    assert faults == {}
    assert set(made.metadata.left_out) == {"dinner_0_800", "dinner_1000_1800"}
    assert len(read_feature_table(made.path)) == 22
    again = make_feature_table(release, encoders, folder=tmp_path)
    assert again.metadata == made.metadata


def test_a_damaged_media_file_is_a_fault(release: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(release, copy)
    damage_media(copy, "dinner_1000_1800", "face")
    made = make_feature_table(copy, light(), folder=tmp_path)
    (fault,) = made.metadata.faults
    assert (fault.utterance_id, fault.modality) == ("dinner_1000_1800", "face")
    assert "its pictures cannot be decoded" in fault.what
    table = read_feature_table(made.path)
    row = list(table.utterance_ids).index("dinner_1000_1800")
    assert table.sequences["face"][row] is None
    assert table.sequences["voice"][row] is not None


def test_the_default_table_lies_beside_the_release(corpus: Corpus) -> None:
    release = build_release(corpus, "2.0.0").folder
    before = sorted(path.name for path in release.rglob("*"))
    computed = load_feature_table(release)
    (kept,) = release.with_name("2.0.0.features").glob("*.parquet")
    assert kept.name.startswith("log_mel+edges+hashed_words-")
    assert_same(computed, load_feature_table(release, kept))
    assert sorted(path.name for path in release.rglob("*")) == before
    kept.write_bytes(kept.read_bytes()[:-100])
    with pytest.raises(TrainingError, match="not a feature table"):
        load_feature_table(release)


def test_a_released_table_knows_who_spoke_when(release: Path) -> None:
    table = load_feature_table(release)
    assert table.dialogues is not None
    assert set(table.dialogues.dialogue_ids) == {name.rsplit("_", 2)[0] for name in table.utterance_ids}
    assert (table.dialogues.roles == 0).any()


def test_a_table_of_another_release_is_refused(corpus: Corpus, release: Path, tmp_path: Path) -> None:
    other = build_release(corpus, "2.0.1", {"seed": 4}).folder
    made = make_feature_table(release, light(), folder=tmp_path)
    with pytest.raises(TrainingError, match=r"is of corpus 1\.0\.0 .*expected the release corpus 2\.0\.1"):
        load_feature_table(other, made.path)
    assert len(load_feature_table(None, made.path)) == 24
    with pytest.raises(TrainingError, match="nothing to train on"):
        load_feature_table(None)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("no_such.module:Encoder", "cannot be imported"),
        ("sdme_tools.training.features.log_mel:Nothing", "cannot be imported"),
    ],
)
def test_an_encoder_that_is_not_there_is_told(name: str, expected: str) -> None:
    with pytest.raises(TrainingError, match=expected):
        create_encoder("voice", EncoderSettings(name))


def test_an_encoder_of_ones_own_needs_no_packaging() -> None:
    encoder = create_encoder("voice", EncoderSettings("sdme_tools.training.features.functionals:Functionals"))
    assert encoder.describe().num_features == 46


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
        make_feature_table(copy, light(), folder=tmp_path)


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
        table = load_feature_table(built.folder)
        afraid = list(table.utterance_ids).index("tea_7000_7800")
        if table.splits[afraid] != "train":
            assert untrainable_labels(built.manifest) == {"fear": 1}
            assert table.labels[afraid] == NO_LABEL
            assert table.label_names == LABELS
            return
    pytest.fail("train had the only afraid utterance every time")
