"""Transcribe: every utterance is given its own sound, and the sound is decoded once for each channel."""

import wave
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from sdme_tools.backends.asr.sidecar import SidecarTranscriber
from sdme_tools.backends.protocols import TranscriptionRequest, Voice
from sdme_tools.media import sound_blocks
from sdme_tools.records.base import Source
from sdme_tools.records.recording import Recording
from sdme_tools.records.span import Span
from sdme_tools.records.stage_config import TranscribeSection
from sdme_tools.records.utterance import Transcript, Utterance, make_utterance_id
from sdme_tools.stages.transcribe import transcribe_utterances
from tests.factories import ingest

SOURCE = Source(backend="loudness", version="1")


class LoudnessWriter:
    """Writes down how loud an utterance is: a backend of one's own, by which its sound can be told."""

    def identify(self) -> Source:
        return SOURCE

    def identify_for(self, recording: Path) -> Source:
        return SOURCE

    def transcribe(self, requests: Sequence[TranscriptionRequest]) -> list[Transcript]:
        return [
            Transcript(utterance_id=r.utterance_id, text=f"{len(r.voice)} {np.abs(r.voice).max():.1f}", source=SOURCE)
            for r in requests
        ]


@pytest.fixture
def recording(tmp_path: Path) -> Recording:
    """Two channels of five seconds: the left is .1, .2, .3, .4, .5 loud, the right is silent."""
    left = np.repeat(np.arange(1, 6) / 10, 16_000)
    path = tmp_path / "dinner.wav"
    with wave.open(str(path), "wb") as file:
        file.setnchannels(2)
        file.setsampwidth(2)
        file.setframerate(16_000)
        file.writeframes((np.stack([left, 0 * left], axis=1) * 32_767).astype("<i2").tobytes())
    return ingest(path)


def _utterance(start_ms: int, end_ms: int, channel: int | None) -> Utterance:
    span = Span(start_ms=start_ms, end_ms=end_ms)
    return Utterance(
        utterance_id=make_utterance_id("dinner", span, channel),
        recording_id="dinner",
        span=span,
        speech_ms=span.duration_ms,
        channel=channel,
        source=SOURCE,
    )


def test_each_utterance_is_heard_by_itself_and_in_order(recording: Recording, monkeypatch: pytest.MonkeyPatch) -> None:
    decoded: list[int | None] = []

    def read_voice(source: Path, recording: Recording, *, channel: int | None, span: Span) -> Voice:
        decoded.append(channel)
        return original(source, recording, channel=channel, span=span)

    original = sound_blocks.read_voice
    monkeypatch.setattr(sound_blocks, "read_voice", read_voice)
    utterances = [
        _utterance(3000, 3500, 0),
        _utterance(0, 250, 0),
        _utterance(3000, 4000, 1),
        _utterance(4250, 5000, 0),
    ]
    transcripts = transcribe_utterances(recording, Path(recording.source), utterances, LoudnessWriter())
    assert [transcript.text for transcript in transcripts] == ["8000 0.4", "4000 0.1", "16000 0.0", "12000 0.5"]
    assert [t.utterance_id for t in transcripts] == [u.utterance_id for u in utterances]
    assert sorted(decoded) == [0, 1]


def test_no_utterances_need_no_backend_and_no_sound(recording: Recording) -> None:
    sidecar = SidecarTranscriber(TranscribeSection(backend="sidecar"), "cpu")  # of which there is none
    assert transcribe_utterances(recording, Path(recording.source), [], sidecar) == []
