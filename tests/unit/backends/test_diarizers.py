"""What the diarizers without a model make of what is declared, of levels, and of RTTM files good and bad."""

import unicodedata
from pathlib import Path

import numpy as np
import pytest

from sdme_tools.backends.diarization.crosstalk import find_crosstalk
from sdme_tools.backends.protocols import Diarization, DiarizationRequest, HeardChannel
from sdme_tools.backends.registry import create_diarizer
from sdme_tools.errors import BackendError, ConfigError
from sdme_tools.records.recording import AudioStream, Recording, SeatedParticipant
from sdme_tools.records.span import Span
from sdme_tools.records.stage_config import DiarizeSection

DURATION_MS = 30_000


def span(start_ms: int, end_ms: int) -> Span:
    return Span(start_ms=start_ms, end_ms=end_ms)


def make_recording(*seats: tuple[str, int | None], source: str = "/nowhere/dinner.wav") -> Recording:
    return Recording(
        recording_id="dinner",
        session_id="dinner",
        source=source,
        sha256="0" * 64,
        size_bytes=1,
        duration_ms=DURATION_MS,
        video=None,
        audio=AudioStream(index=0, codec="pcm", rate_hz=16_000, num_channels=4, span=span(0, DURATION_MS)),
        participants=tuple(SeatedParticipant(participant_id=name, channel=channel) for name, channel in seats),
    )


@pytest.mark.parametrize(
    ("seats", "chosen", "channels"),
    [
        ((("anna", 0), ("ben", 1)), "channels", (0, 1)),
        ((("anna", 2),), "channels", (2,)),
        ((("anna", None),), "single", (None,)),
        ((("anna", 0), ("ben", None)), "visual", (None,)),
        ((), "visual", (None,)),
    ],
)
def test_auto_follows_what_is_declared(
    seats: tuple[tuple[str, int | None], ...], chosen: str, channels: tuple[int | None, ...]
) -> None:
    recording = make_recording(*seats)
    diarizer = create_diarizer(DiarizeSection(), "cpu")
    assert diarizer.identify_for(recording, Path(recording.source)).backend == chosen
    assert diarizer.choose_channels(recording) == channels


@pytest.mark.parametrize(
    ("backend", "seats", "message"),
    [
        ("channels", (("anna", 0), ("ben", None)), "no channel for ben"),
        ("channels", (), "no channel for anybody"),
        ("single", (("anna", None), ("ben", None)), "names anna, ben"),
    ],
)
def test_what_is_not_declared_is_asked_for(
    backend: str, seats: tuple[tuple[str, int | None], ...], message: str
) -> None:
    with pytest.raises(ConfigError, match=message) as caught:
        create_diarizer(DiarizeSection(backend=backend), "cpu").choose_channels(make_recording(*seats))
    assert "recordings.csv" in str(caught.value)
    assert caught.value.cure


def _hear(channel: int, *spans: Span, level_db: float = -20) -> HeardChannel:
    energy = np.full(DURATION_MS // 10, 1e-7, np.float32)
    for spoken in spans:
        energy[spoken.start_ms // 10 : spoken.end_ms // 10] = 10 ** (level_db / 10)
    return HeardChannel(channel, spans, energy)


def test_a_neighbour_s_voice_is_crosstalk_and_one_s_own_is_not() -> None:
    own, bled = _hear(0, span(1000, 3000)), _hear(1, span(1000, 2990), level_db=-35)
    assert find_crosstalk([own, bled], 8.0) == [[], [span(1000, 2990)]]
    both = _hear(1, span(1000, 2990), level_db=-24)
    assert find_crosstalk([own, both], 8.0) == [[], []]
    assert find_crosstalk([bled], 8.0) == [[]]


def test_one_s_own_words_in_the_middle_of_crosstalk_stay_one_s_own() -> None:
    neighbour = _hear(0, span(1000, 6000))
    energy = _hear(1, span(1000, 6000), level_db=-36).energy
    energy[300:400] = 10**-2.0
    ((), (before, after)) = find_crosstalk([neighbour, HeardChannel(1, (span(1000, 6000),), energy)], 8.0)
    assert before.start_ms == 1000
    assert abs(before.end_ms - 3000) <= 30
    assert abs(after.start_ms - 4000) <= 30
    assert after.end_ms == 6000


def test_crosstalk_is_dropped_and_the_rest_is_the_owner_s() -> None:
    heard = (_hear(0, span(1000, 3000)), _hear(1, span(1000, 2990), span(4000, 5000), level_db=-35))
    told = _tell("channels", make_recording(("anna", 0), ("ben", 1)), heard)
    assert [(line.speaker_id, line.speech) for line in told.lines] == [
        ("anna", (span(1000, 3000),)),
        ("ben", (span(4000, 5000),)),
    ]
    assert [(none.channel, none.reason, none.speech) for none in told.unassigned] == [
        (1, "crosstalk", (span(1000, 2990),))
    ]


def test_two_who_share_a_channel_are_not_told_apart() -> None:
    told = _tell("channels", make_recording(("anna", 0), ("ben", 0)), (_hear(0, span(1000, 3000)),))
    assert [line.speaker_id for line in told.lines] == [None]


def _tell(backend: str, recording: Recording, heard: tuple[HeardChannel, ...]) -> Diarization:
    def read() -> np.ndarray:
        raise AssertionError("it needs no sound")

    return create_diarizer(DiarizeSection(backend=backend), "cpu").tell_voices(
        DiarizationRequest(recording, Path(recording.source), heard, read)
    )


def _read_rttm(folder: Path, text: str, *, name: str = "dinner", **heard: tuple[Span, ...]) -> Diarization:
    (folder / f"{name}.rttm").write_text(text, encoding="utf-8")
    recording = make_recording(("anna", None), ("ben", None), source=str(folder / f"{name}.wav"))
    return _tell("rttm", recording, (HeardChannel(None, heard.get("speech", ()), np.zeros(2000, np.float32)),))


def _row(uri: str, start: float, duration: float, speaker: str) -> str:
    return f"SPEAKER {uri} 1 {start} {duration} <NA> <NA> {speaker} <NA> <NA>\n"


def test_turns_become_voices_by_first_word_and_participants_by_name(tmp_path: Path) -> None:
    text = ";; a comment\nSPKR-INFO dinner 1 <NA> <NA> <NA> adult guest <NA> <NA>\n"
    text += _row("dinner", 5, 1, "anna") + _row("dinner", 1, 2, "guest") + _row("dinner", 2.5, 1, "guest")
    told = _read_rttm(tmp_path, text, speech=(span(500, 4000), span(8000, 9000)))
    assert [(line.voice_id, line.speaker_id, line.speech) for line in told.lines] == [
        ("v1", None, (span(1000, 3500),)),
        ("v2", "anna", (span(5000, 6000),)),
    ]
    assert [(none.reason, none.speech) for none in told.unassigned] == [
        ("no_turn", (span(500, 1000), span(3500, 4000), span(8000, 9000)))
    ]


@pytest.mark.parametrize("uri", ["trñ00", "trn00", unicodedata.normalize("NFD", "trñ00"), "dinner", "TRN00"])
def test_a_recording_is_found_however_its_accents_are_written(tmp_path: Path, uri: str) -> None:
    text = _row(uri, 1, 2, "guest") + _row("other", 3, 1, "guest")
    told = _read_rttm(tmp_path, text, name="trñ00")
    assert [line.speech for line in told.lines] == [(span(1000, 3000),)]


def test_the_file_beside_is_found_however_its_name_is_composed(tmp_path: Path) -> None:
    (tmp_path / unicodedata.normalize("NFD", "trñ00.rttm")).write_text(_row("x", 1, 2, "guest"), encoding="utf-8")
    recording = make_recording(source=str(tmp_path / unicodedata.normalize("NFC", "trñ00.wav")))
    told = _tell("rttm", recording, (HeardChannel(None, (), np.zeros(2000, np.float32)),))
    assert [line.speech for line in told.lines] == [(span(1000, 3000),)], "the sole uri is taken"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "holds no turn for dinner"),
        (_row("a", 1, 2, "x") + _row("b", 1, 2, "x"), "none of them is dinner"),
        (_row("dínner", 1, 2, "x") + _row("dinnér", 1, 2, "x"), "may all be dinner"),
        (_row("dinner", 1, -2, "x") + "SPEAKER dinner 1 a b\n", r"line 1.*\n.*line 2"),
        (_row("dinner", float("nan"), 1, "x"), "line 1"),
        (_row("dinner", 3600, 2, "x"), "after the end of dinner"),
    ],
)
def test_a_wrong_rttm_says_what_is_wrong(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(BackendError, match=message) as caught:
        _read_rttm(tmp_path, text)
    assert "dinner.rttm" in str(caught.value)
    assert caught.value.cure


def test_no_rttm_and_no_text_are_told_apart(tmp_path: Path) -> None:
    diarizer = create_diarizer(DiarizeSection(backend="rttm"), "cpu")
    recording = make_recording(source=str(tmp_path / "dinner.wav"))
    with pytest.raises(BackendError, match=r"no dinner\.rttm beside"):
        diarizer.identify_for(recording, Path(recording.source))
    (tmp_path / "dinner.rttm").write_bytes(b"SPEAKER \xff\xfe")
    with pytest.raises(BackendError, match="UTF-8"):
        _tell("rttm", recording, ())


def test_real_turns_whose_file_lost_its_accent(shared_data: Path, tmp_path: Path) -> None:
    """AMI as pyannote ships it: the file name has an ñ that its RTTM lacks, and one speaker an É."""
    folder = shared_data / "audio" / "ami"
    names = [unicodedata.normalize("NFC", path.stem) for path in folder.glob("*.wav")]
    assert "trñ00" in names
    told = _read_rttm(tmp_path, (folder / "debug.train.rttm").read_text(encoding="utf-8"), name="trñ00")
    assert len(told.lines) > 1
