"""A file becomes a recording: named, seated, recognised by its content."""

import shutil
from pathlib import Path

import pytest

from sdme_tools.corpus.sheets import SeatRow
from sdme_tools.errors import ConfigError, CorpusError
from sdme_tools.stages.ingest import IngestStatus, ingest_file, make_recording_id
from tests.factories import make_tone, write_media


@pytest.fixture
def take(tmp_path: Path) -> Path:
    """cam1/take.mp4, with an empty cam2 beside it."""
    (tmp_path / "cam1").mkdir()
    (tmp_path / "cam2").mkdir()
    return write_media(tmp_path / "cam1" / "take.mp4", num_frames=50, sound=make_tone(2000).repeat(2, axis=1))


@pytest.mark.parametrize(
    ("stem", "expected"),
    [
        ("take", "take"),
        ("Señora Núñez (2)", "Senora-Nunez-2"),
        ("a__b", "a_b"),
        ("  x  ", "x"),
        ("v" * 200, "v" * 80),
        ("-_.lead", "lead"),
    ],
)
def test_names_become_identifiers(stem: str, expected: str) -> None:
    assert make_recording_id(Path(f"{stem}.mp4")) == expected


def test_a_name_without_any_ascii_asks_for_one(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="recording_id"):
        make_recording_id(tmp_path / "日本.mp4")


def test_recordings_csv_names_and_seats(take: Path) -> None:
    rows = [
        SeatRow(file="take.mp4", recording_id="dyad1", session_id="s1", participant_id="p1", seat="left", channel=0),
        SeatRow(file="cam1/take.mp4", participant_id="p2", seat="right", channel=1),
        SeatRow(file="other.mp4", participant_id="p3", seat="left"),
    ]
    recording = ingest_file(take, known=[], seats=rows).recording
    assert (recording.recording_id, recording.session_id) == ("dyad1", "s1")
    assert [(p.participant_id, p.seat, p.channel) for p in recording.participants] == [
        ("p1", "left", 0),
        ("p2", "right", 1),
    ]
    assert recording.duration_ms == 2000 and recording.video is not None and recording.audio is not None


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([{"participant_id": "p1", "channel": 7}], "on channel 7, the file has 2"),
        (
            [{"participant_id": "p1", "seat": "left"}, {"participant_id": "p2", "seat": "left"}],
            "seat left is given twice",
        ),
        ([{"participant_id": "p1"}, {"participant_id": "p1"}], "participant_id p1 is given twice"),
        ([{"recording_id": "a"}, {"recording_id": "b"}], "more than one recording_id"),
    ],
)
def test_rows_that_contradict_each_other_are_refused(take: Path, rows: list[dict[str, object]], message: str) -> None:
    seats = [SeatRow.model_validate({"file": "take.mp4"} | row) for row in rows]
    with pytest.raises(ConfigError, match=message):
        ingest_file(take, known=[], seats=seats)


def test_known_content_is_known_under_any_name(take: Path, tmp_path: Path) -> None:
    known = ingest_file(take, known=[], seats=[]).recording
    again = ingest_file(Path(shutil.copy(take, tmp_path / "cam2" / "else.mp4")), known=[known], seats=[])
    assert again.status is IngestStatus.KNOWN and again.recording == known


def test_a_changed_file_and_a_namesake_are_told_apart(take: Path, tmp_path: Path) -> None:
    known = ingest_file(take, known=[], seats=[]).recording
    namesake = write_media(tmp_path / "cam2" / "take.mp4", num_frames=60, sound=make_tone(2400))
    with pytest.raises(ConfigError, match="already is, but their contents differ") as caught:
        ingest_file(namesake, known=[known], seats=[])
    assert "recording_id of its own" in str(caught.value)
    named = ingest_file(namesake, known=[known], seats=[SeatRow(file="cam2/take.mp4", recording_id="take-2")])
    assert named.recording.recording_id == "take-2"
    write_media(take, num_frames=70, sound=make_tone(2800))
    with pytest.raises(CorpusError, match="has changed since it was ingested"):
        ingest_file(take, known=[known], seats=[])


def test_every_real_recording_is_ingested_or_refused_in_words(shared_data: Path) -> None:
    for folder in ("interactions", "clips/grid"):
        for path in sorted((shared_data / folder).glob("*.mp[4g]")):
            recording = ingest_file(path, known=[], seats=[]).recording
            assert recording.video is not None and recording.audio is not None and recording.duration_ms > 2000
