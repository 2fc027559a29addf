"""Releases on disk: whole or not there, the same bytes each time, only what may go out."""

import errno
import hashlib
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from sdme_tools.corpus.corpus import Corpus
from sdme_tools.errors import ConfigError, CorpusError, ReleaseError
from sdme_tools.records.release import Manifest, Split
from sdme_tools.release import shards, write
from sdme_tools.release.build import build_release
from tests.unit.release.tiny_corpus import DYADS, LABELS, make_corpus, vote


@pytest.fixture
def corpus(tmp_path: Path) -> Corpus:
    corpus = make_corpus(tmp_path / "corpus")
    vote(corpus, tmp_path / "votes.csv")
    return corpus


def files_of(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def rows_of(folder: Path) -> list[dict[str, object]]:
    return [row for path in sorted((folder / "data").iterdir()) for row in pq.read_table(path).to_pylist()]


def releases_in(corpus: Corpus) -> list[str]:
    folder = corpus.layout.releases
    return sorted(path.name for path in folder.iterdir()) if folder.exists() else []


def test_manifest_and_sums_are_true(corpus: Corpus) -> None:
    built = build_release(corpus, "1.0.0")
    manifest = Manifest.model_validate_json((built.folder / "manifest.json").read_bytes())
    assert manifest == built.manifest
    assert (manifest.num_seen, manifest.excluded) == (24, {})
    for file in manifest.files:
        content = (built.folder / file.path).read_bytes()
        assert (hashlib.sha256(content).hexdigest(), len(content)) == (file.sha256, file.size_bytes)
    sums = (built.folder / "SHA256SUMS").read_text().splitlines()
    assert sums[:-1] == [f"{file.sha256}  {file.path}" for file in manifest.files]
    assert sums[-1] == f"{hashlib.sha256((built.folder / 'manifest.json').read_bytes()).hexdigest()}  manifest.json"
    rows = rows_of(built.folder)
    for split, part in manifest.splits.items():
        mine = [row for row in rows if row["split"] == split.value]
        assert len(mine) == part.num_utterances
        assert len({row["speaker_id"] for row in mine}) == part.num_speakers
        assert part.labels == {name: sum(row["label"] == i for row in mine) for i, name in enumerate(LABELS)}


def test_the_same_corpus_gives_the_same_bytes(corpus: Corpus, tmp_path: Path) -> None:
    other = make_corpus(tmp_path / "elsewhere" / "other")
    vote(other, tmp_path / "votes.csv")
    assert files_of(build_release(corpus, "1.0.0").folder) == files_of(build_release(other, "1.0.0").folder)


def test_media_are_those_of_the_corpus_and_tell_no_path(corpus: Corpus) -> None:
    for row in rows_of(build_release(corpus, "1.0.0", {"clips": True}).folder):
        name = row["utterance_id"]
        media = corpus.layout.media(str(row["recording_id"])) / str(name)
        for column, file, suffix in (
            ("voice", "voice.flac", ".flac"),
            ("face", "face.mp4", ".face.mp4"),
            ("clip", "clip.mp4", ".mp4"),
        ):
            path = media / file
            expected = {"bytes": path.read_bytes(), "path": f"{name}{suffix}"} if path.exists() else None
            assert row[column] == expected


def test_clips_stay_at_home_unless_asked_for(corpus: Corpus) -> None:
    assert "clip" not in rows_of(build_release(corpus, "1.0.0").folder)[0]


def test_nobody_who_refuses_is_in_any_byte(tmp_path: Path) -> None:
    corpus = make_corpus(tmp_path / "corpus", consent={"bob": "none"})
    vote(corpus, tmp_path / "votes.csv")
    built = build_release(corpus, "1.0.0")
    assert built.manifest.excluded == {"no_consent": 4}
    assert "bob" not in {row["speaker_id"] for row in rows_of(built.folder)}
    media = corpus.layout.media("dinner")
    refused = [(media / f"dinner_{turn}000_{turn}800" / "voice.flac").read_bytes() for turn in (1, 3, 5, 7)]
    for content in files_of(built.folder).values():
        assert not any(voice in content for voice in refused)
        assert b"bob" not in content


def test_ties_and_doubts_stay_unlabelled_and_at_home(corpus: Corpus, tmp_path: Path) -> None:
    other = make_corpus(tmp_path / "other")
    answers = {0: ("neutral", "sadness"), 1: ("cannot tell", "cannot tell"), 2: ()}
    vote(other, tmp_path / "votes.csv", lambda place: answers.get(place, (LABELS[place % 3],) * 2))
    built = build_release(other, "1.0.0")
    assert built.manifest.excluded == {"cannot_tell": 1, "no_label": 1, "tie": 1}
    assert len(built.exclusions) == 3
    assert len(rows_of(built.folder)) == 21


def test_speakers_are_in_one_split_and_lie_together(corpus: Corpus) -> None:
    rows = rows_of(build_release(corpus, "1.0.0", {"group_by": ("participant",)}).folder)
    splits = {
        name: {row["split"] for row in rows if row["speaker_id"] == name} for pair in DYADS.values() for name in pair
    }
    assert all(len(found) == 1 for found in splits.values())
    speakers = [row["speaker_id"] for row in rows]
    assert len({s for s, before in zip(speakers, [None, *speakers], strict=False) if s != before}) == 6


def test_large_splits_become_several_shards(corpus: Corpus, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = build_release(corpus, "1.0.0")
    monkeypatch.setattr(shards, "_OVERHEAD_BYTES", 400_000)
    monkeypatch.setattr(shards, "_ROW_GROUP_BYTES", 20_000)
    cut = build_release(corpus, "1.0.1", {"shard_mb": 1})
    names = [file.path for file in cut.manifest.files]
    assert "data/train-00000-of-00004.parquet" in names
    assert rows_of(cut.folder) == rows_of(whole.folder)


def test_shards_are_laid_out_for_loaders(corpus: Corpus) -> None:
    built = build_release(corpus, "1.0.0")
    file = pq.ParquetFile(built.folder / built.manifest.files[0].path)
    group = file.metadata.row_group(0)
    columns = {group.column(i).path_in_schema: group.column(i) for i in range(group.num_columns)}
    for path in ("voice.bytes", "face.bytes"):
        assert columns[path].compression == "UNCOMPRESSED"
        assert set(columns[path].encodings) == {"PLAIN", "RLE"}
        assert not columns[path].is_stats_set
        assert columns[path].has_offset_index
    assert columns["text"].compression == "ZSTD"
    assert columns["text"].has_column_index


@pytest.mark.parametrize("version", ["1", "1.0", "v1.0.0", "1.0.0-beta", "01.0.0", "../1.0.0", "", "1.0.0\n"])
def test_versions_are_three_numbers(corpus: Corpus, version: str) -> None:
    with pytest.raises(ReleaseError, match="is no version"):
        build_release(corpus, version)


def test_a_release_never_changes(corpus: Corpus) -> None:
    before = files_of(build_release(corpus, "1.0.0").folder)
    with pytest.raises(ReleaseError, match="exists already"):
        build_release(corpus, "1.0.0", {"seed": 3})
    assert files_of(corpus.layout.release_dir("1.0.0")) == before


def test_nothing_to_release_is_told_by_reason(tmp_path: Path) -> None:
    corpus = make_corpus(tmp_path / "corpus", consent={"ann": "none"})
    with pytest.raises(ReleaseError) as caught:
        build_release(corpus, "1.0.0")
    assert "no_label: 20" in str(caught.value)
    assert "no_consent: 4" in str(caught.value)
    assert releases_in(corpus) == []
    with pytest.raises(ReleaseError, match="has no utterances"):
        build_release(Corpus.create(tmp_path / "empty"), "1.0.0")


@pytest.mark.parametrize(
    ("overrides", "expected"),
    [
        ({"splits": {"train": 0.5}}, "must sum to 1"),
        ({"splits": {"dev": 1.0}}, "splits"),
        ({"group_by": ("recording",)}, "participant"),
        ({"colour": "red"}, "colour"),
    ],
)
def test_impossible_settings_are_told(corpus: Corpus, overrides: dict[str, object], expected: str) -> None:
    with pytest.raises(ConfigError, match=expected):
        build_release(corpus, "1.0.0", overrides)


@pytest.mark.parametrize("damage", ["flip", "cut", "remove"])
def test_damaged_media_are_named(corpus: Corpus, damage: str) -> None:
    path = corpus.layout.media("tea") / "tea_3000_3800" / "voice.flac"
    content = path.read_bytes()
    if damage == "remove":
        path.unlink()
    else:
        path.write_bytes(content[:-9] if damage == "cut" else content[:-9] + bytes([content[-9] ^ 1]) + content[-8:])
    with pytest.raises(ReleaseError, match=r"tea_3000_3800/voice\.flac"):
        build_release(corpus, "1.0.0")
    assert releases_in(corpus) == []


def test_a_full_disk_leaves_nothing(corpus: Corpus, monkeypatch: pytest.MonkeyPatch) -> None:
    def write_some(path: Path, *_: object) -> None:
        path.write_bytes(b"PAR1")
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(write, "write_shard", write_some)
    with pytest.raises(ReleaseError, match="no space left"):
        build_release(corpus, "1.0.0")
    assert releases_in(corpus) == []


def test_what_a_killed_build_left_is_no_release_and_no_hindrance(corpus: Corpus, tmp_path: Path) -> None:
    left = corpus.layout.releases / ".tmp-1.0.0" / "data"
    left.mkdir(parents=True)
    (left / "train-00000-of-00009.parquet").write_bytes(b"PAR1")
    assert len(build_release(corpus, "1.0.0").manifest.shards) == 3
    assert releases_in(corpus) == ["1.0.0"]
    assert len(list((corpus.layout.release_dir("1.0.0") / "data").iterdir())) == 3


def test_a_held_corpus_is_left_alone(corpus: Corpus) -> None:
    with corpus.hold(), pytest.raises(CorpusError, match="another process"):
        build_release(corpus, "1.0.0")


def test_labels_that_corpus_toml_has_lost_are_told(corpus: Corpus) -> None:
    section = corpus.config.corpus.model_copy(update={"labels": ("neutral", "happiness")})
    changed = Corpus(corpus.root, corpus.config.model_copy(update={"corpus": section}))
    with pytest.raises(ReleaseError, match="'sadness'"):
        build_release(changed, "1.0.0")


def test_labels_that_would_share_a_column_are_told(tmp_path: Path) -> None:
    corpus = make_corpus(tmp_path / "corpus", labels=("so so", "so-so", "no"))
    vote(corpus, tmp_path / "votes.csv", lambda place: (("so so", "so-so", "no")[place % 3],))
    with pytest.raises(ReleaseError, match="share a column"):
        build_release(corpus, "1.0.0")


def test_two_splits_are_enough_for_some(corpus: Corpus) -> None:
    built = build_release(corpus, "1.0.0", {"splits": {"train": 0.7, "test": 0.3}})
    assert set(built.manifest.splits) == {Split.TRAIN, Split.TEST}
