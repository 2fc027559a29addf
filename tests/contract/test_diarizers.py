"""What every diarizer must do; a new one is one more name here."""

from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from sdme_tools.backends.protocols import Diarization, DiarizationRequest, Diarizer
from sdme_tools.backends.registry import BACKENDS, create_diarizer, create_vad
from sdme_tools.media.audio import read_voice
from sdme_tools.records.recording import Recording, SeatedParticipant
from sdme_tools.records.span import merge_spans, subtract_spans
from sdme_tools.records.stage_config import DiarizeSection, SegmentSection
from sdme_tools.stages.hearing import hear_channels
from tests.factories import ingest, write_media
from tests.tooling.dialogues import mix_dialogue, read_lines
from tests.tooling.pipeline import PIPELINE

LINES = [line for line in read_lines() if line.number >= 8 and line.speaker in ("p01", "p04")]


@pytest.fixture(params=sorted(BACKENDS["diarize"]))
def diarizer(request: pytest.FixtureRequest) -> Diarizer:
    return create_diarizer(DiarizeSection(backend=request.param, folder=str(PIPELINE)), "cpu")


@pytest.fixture(scope="module")
def dinner(tmp_path_factory: pytest.TempPathFactory) -> Recording:
    """A dialogue on two channels alike, with its turns beside it."""
    folder = tmp_path_factory.mktemp("dinner")
    voice, turns = mix_dialogue(LINES, 1, duration_ms=12_000)
    path = write_media(
        folder / "dinner.wav", sound=np.stack([voice, voice], axis=1), rate_hz=16_000, audio_codec="pcm_s16le"
    )
    places = [f"{turn.span.start_ms / 1000} {turn.span.duration_ms / 1000}" for turn in turns]
    rows = [
        f"SPEAKER dinner 1 {place} <NA> <NA> {turn.speaker} <NA> <NA>"
        for place, turn in zip(places, turns, strict=True)
    ]
    (folder / "dinner.rttm").write_text("\n".join(rows) + "\n", encoding="utf-8")
    return ingest(path)


def _seat(recording: Recording, diarizer: Diarizer) -> Recording:
    """Declare what the diarizer rests on."""
    everybody = (
        SeatedParticipant(participant_id="anna", channel=0),
        SeatedParticipant(participant_id="ben", channel=1),
    )
    alone = diarizer.identify().backend == "single"
    return recording.model_copy(update={"participants": everybody[:1] if alone else everybody})


def _tell(diarizer: Diarizer, recording: Recording) -> tuple[DiarizationRequest, Diarization]:
    source = Path(recording.source)
    detector = create_vad(SegmentSection(), "cpu")
    channels = diarizer.choose_channels(recording)
    heard = hear_channels(recording, source, channels, detector, with_harmonicity=False)
    request = DiarizationRequest(
        recording, source, tuple(h.heard for h in heard), lambda: read_voice(source, recording)
    )
    return request, diarizer.tell_voices(request)


_told: dict[str, tuple[DiarizationRequest, Diarization]] = {}


def _tell_once(diarizer: Diarizer, dinner: Recording) -> tuple[DiarizationRequest, Diarization]:
    """The dinner's voices; models are asked once for several tests."""
    name = diarizer.identify().backend
    if name not in _told:
        _told[name] = _tell(diarizer, _seat(dinner, diarizer))
    return _told[name]


def test_all_that_was_heard_is_somebodys_or_nobodys_with_a_reason(diarizer: Diarizer, dinner: Recording) -> None:
    request, told = _tell_once(diarizer, dinner)
    assert any(heard.speech for heard in request.heard)
    for heard in request.heard:
        lines = [span for line in told.lines if line.channel == heard.channel for span in line.speech]
        nobodys = [span for none in told.unassigned if none.channel == heard.channel for span in none.speech]
        assert not subtract_spans(heard.speech, merge_spans([*lines, *nobodys]))
        assert not subtract_spans(nobodys, heard.speech), "nobody's speech was heard"
    assert all(nobodys.reason for nobodys in told.unassigned)


def test_a_line_is_sorted_disjoint_and_inside(diarizer: Diarizer, dinner: Recording) -> None:
    _, told = _tell_once(diarizer, dinner)
    for line in told.lines:
        assert all(first.end_ms <= second.start_ms for first, second in pairwise(line.speech))
        assert all(span.end_ms <= dinner.duration_ms for span in line.speech)


def test_voices_are_numbered_by_first_word(diarizer: Diarizer, dinner: Recording) -> None:
    _, told = _tell_once(diarizer, dinner)
    voices = [(line.speech[0].start_ms, line.voice_id) for line in told.lines if line.voice_id]
    assert [voice for _, voice in sorted(voices)] == [f"v{number + 1}" for number in range(len(voices))]


def test_the_same_twice(diarizer: Diarizer, dinner: Recording) -> None:
    assert _tell(diarizer, _seat(dinner, diarizer))[1] == _tell_once(diarizer, dinner)[1]


def test_silence_is_nobodys(diarizer: Diarizer, dinner: Recording, tmp_path: Path) -> None:
    path = write_media(
        tmp_path / "dinner.wav", sound=np.zeros((32_000, 2), np.float32), rate_hz=16_000, audio_codec="pcm_s16le"
    )
    if diarizer.identify().backend == "rttm":
        pytest.skip("its turns are what the file says")
    _, told = _tell(diarizer, _seat(ingest(path), diarizer))
    assert not [line for line in told.lines if line.speech]
    assert not told.unassigned


def test_it_names_itself_the_same_way_each_time(diarizer: Diarizer, dinner: Recording) -> None:
    seated = _seat(dinner, diarizer)
    source = diarizer.identify_for(seated, Path(seated.source))
    assert source == diarizer.identify_for(seated, Path(seated.source))
    assert source.backend in BACKENDS["diarize"]
    assert source.version
