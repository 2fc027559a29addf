"""`sdme audit` on folders of clips, on a corpus and on a release, as a user types it."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from sdme_tools.audit.build import audit_path
from sdme_tools.audit.folder import read_folder
from sdme_tools.audit.items import Row
from sdme_tools.corpus.corpus import Corpus
from sdme_tools.errors import ConfigError, MediaError
from sdme_tools.release.build import build_release
from tests.factories import write_media
from tests.unit.audit.test_measure import make_speech
from tests.unit.release.tiny_corpus import make_corpus, vote


@pytest.fixture(scope="module")
def clips(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four good clips in a folder below, and no table."""
    root = tmp_path_factory.mktemp("clips")
    (root / "wav").mkdir()
    for seed in range(4):
        write_media(root / "wav" / f"c{seed}.wav", sound=make_speech(seed), audio_codec="pcm_s16le")
    return root


def copy(clips: Path, tmp_path: Path, table: str, name: str = "meta.csv", encoding: str = "utf-8") -> Path:
    root = tmp_path / "clips"
    shutil.copytree(clips, root)
    (root / name).write_text(table, encoding=encoding)
    return root


def found(root: Path, **given: object) -> list[tuple[str, str]]:
    return [(f.where, f.code) for f in audit_path(root, **given).findings]  # type: ignore[arg-type]


def test_clips_alone_and_with_a_bad_one_among_them(clips: Path, tmp_path: Path) -> None:
    root = tmp_path / "clips"
    shutil.copytree(clips, root)
    (root / "wav" / "bad.wav").write_bytes(b"RIFF" + bytes(100))
    shutil.copy(root / "wav" / "c0.wav", root / "z.wav")
    report = audit_path(root)
    assert [(f.where, f.code) for f in report.findings] == [
        ("z.wav", "duplicate_audio"),
        ("wav/bad.wav", "media_unreadable"),
    ]
    assert report.has_errors and report.num_files == 6 and report.skipped


def test_rows_and_files_that_have_no_partner(clips: Path, tmp_path: Path) -> None:
    root = copy(clips, tmp_path, "path,sentence\nc0,a b\nwav/c1.wav,c d\nwav\\c2.wav,e\nc9.wav,f\nc0.wav,g\n,h\n")
    assert found(root, jobs=1) == [
        ("meta.csv, line 6", "duplicate_row"),
        ("meta.csv, line 5", "orphan_row"),
        ("meta.csv, line 7", "orphan_row"),
        ("wav/c3.wav", "orphan_file"),
    ]


@pytest.mark.parametrize(
    ("header", "delimiter"),
    [
        ("file_name,transcription,speaker_id,split", ","),
        ("Path;Sentence;Client ID;Subset", ";"),
        ("clip\ttext\tactor\tfold", "\t"),
    ],
)
def test_columns_are_guessed_from_common_names(clips: Path, tmp_path: Path, header: str, delimiter: str) -> None:
    row = delimiter.join(["c0.wav", "good day", "ann", "train"])
    root = copy(clips, tmp_path, f"{header}\n{row}\n", "meta.tsv", "utf-8-sig")
    source = read_folder(root, None, {})
    assert source.items[0].row == Row(text="good day", speaker="ann", split="train")
    assert [note.split(":")[0] for note in source.skipped] == ["no column for recording"]


def test_columns_are_named_where_guessing_fails(clips: Path, tmp_path: Path) -> None:
    root = copy(clips, tmp_path, "nr,what,was\n1,c0.wav,hallo\n")
    with pytest.raises(ConfigError, match="no column names files; it has nr, what, was"):
        read_folder(root, None, {})
    source = read_folder(root, None, {"file": "what", "text": "was"})
    assert source.items[0].row == Row(text="hallo")
    with pytest.raises(ConfigError) as caught:
        read_folder(root, None, {"file": "wat", "colour": "nr"})
    assert "'wat'" in caught.value.what and "'colour' is no meaning" in caught.value.what
    with pytest.raises(ConfigError, match="names none of the 4 files"):
        read_folder(root, None, {"file": "was"})


def test_of_several_tables_the_one_that_names_files_is_taken(clips: Path, tmp_path: Path) -> None:
    root = copy(clips, tmp_path, "file,text\nc0,a\n")
    (root / "people.csv").write_text("name,age\nann,31\n")
    assert dict(read_folder(root, None, {}).columns) == {"file": "file", "text": "text"}
    (root / "more.csv").write_text("file,text\nc1,a\n")
    with pytest.raises(ConfigError, match=r"meta\.csv, more\.csv, people\.csv"):
        read_folder(root, None, {})
    assert read_folder(root, root / "more.csv", {}).items[0].where == "wav/c1.wav"


@pytest.mark.parametrize(
    ("table", "said"),
    [("file,text\nc0,a,b\n", "line 2: got 3 cells"), ('file,text\nc0,"a\n', "line"), ("", "it is empty")],
)
def test_a_table_that_cannot_be_read_is_told_with_the_line(clips: Path, tmp_path: Path, table: str, said: str) -> None:
    with pytest.raises(ConfigError) as caught:
        read_folder(copy(clips, tmp_path, table), None, {})
    assert said in caught.value.what and caught.value.cure


def test_a_folder_that_has_nothing_and_a_path_that_is_none(tmp_path: Path) -> None:
    with pytest.raises(MediaError, match="no audio or video files, and no table"):
        audit_path(tmp_path)
    for path in (tmp_path / "nowhere", Path(__file__)):
        with pytest.raises(MediaError):
            audit_path(path)
    (tmp_path / "latin.csv").write_bytes(b"file\n\xfc\n")
    with pytest.raises(ConfigError, match="not UTF-8"):
        audit_path(tmp_path)


def test_a_corpus_and_what_was_done_to_it(tmp_path: Path) -> None:
    corpus = make_corpus(tmp_path / "corpus")
    media = corpus.layout.media("tea")
    (media / "tea_1000_1800" / "voice.flac").write_bytes(b"gone wrong")
    (media / "tea_2000_2800" / "face.mp4").unlink()
    (media / "tea_7_8").mkdir()
    (media / "tea_7_8" / "voice.flac").write_bytes(b"left over")
    path = corpus.layout.table("tea", "utterances")
    path.write_text("".join(path.read_text(encoding="utf-8").splitlines(keepends=True)[:-1]), encoding="utf-8")
    places = {(f.where, f.code) for f in audit_path(corpus.root).findings}
    folder = "recordings/tea/media"
    assert places >= {
        (f"{folder}/tea_1000_1800/voice.flac", "file_changed"),
        ("tea_1000_1800 (voice)", "media_unreadable"),
        (f"{folder}/tea_2000_2800/face.mp4", "orphan_row"),
        (f"{folder}/tea_7_8/voice.flac", "orphan_file"),
        ("tea/transcripts.jsonl", "orphan_row"),
        ("tea", "orphan_row"),
    }
    with pytest.raises(ConfigError, match="its columns are known"):
        audit_path(corpus.root, columns={"file": "x"})


def test_a_release_and_its_shards(tmp_path: Path) -> None:
    corpus = make_corpus(tmp_path / "corpus")
    vote(corpus, tmp_path / "votes.csv")
    folder = build_release(corpus, "1.0.0").folder
    report = audit_path(folder)
    assert (report.kind, report.num_items) == ("release", 24) and report.num_files == 24 + 21
    assert not {f.code for f in report.findings} & {"media_unreadable", "speaker_in_splits", "recording_in_splits"}
    shard = next((folder / "data").glob("train*.parquet"))
    content = bytearray(shard.read_bytes())
    content[len(content) // 2] ^= 1
    shard.write_bytes(bytes(content))
    assert (f"data/{shard.name}", "file_changed") in found(folder, jobs=1)
    shard.write_bytes(b"PAR1 no more")
    report = audit_path(folder)
    assert 0 < report.num_items < 24 and report.counts["file_changed"] == 1


def test_the_command_tells_findings_and_exits_1(clips: Path, tmp_path: Path) -> None:
    root = copy(
        clips,
        tmp_path,
        "file,text,speaker,split\n" + "".join(f"c{i},word,ann,{('train', 'test')[i % 2]}\n" for i in range(4)),
    )
    command = [sys.executable, "-m", "sdme_tools.cli.main", "audit", str(root)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 1 and "Traceback" not in done.stderr
    assert "error speaker_in_splits (1)" in done.stdout and "in several splits: test (2), train (2)" in done.stdout
    assert "columns: file = 'file'" in done.stderr and "4 items, 4 files: 1 errors" in done.stderr
    done = subprocess.run([*command, "--column", "text"], capture_output=True, text=True, check=False)
    assert done.returncode == 2 and "file=clip_name" in done.stderr


def test_an_empty_corpus_is_no_error(tmp_path: Path) -> None:
    report = audit_path(Corpus.create(tmp_path / "c").root)
    assert (report.num_items, report.findings) == (0, ())
