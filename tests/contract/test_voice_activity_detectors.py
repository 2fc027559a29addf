"""What every voice activity detector must do; a new one is one more name here."""

from itertools import pairwise
from pathlib import Path

import av
import numpy as np
import pytest

from sdme_tools.backends.protocols import VoiceActivityDetector
from sdme_tools.backends.registry import BACKENDS, create_vad
from sdme_tools.records.stage_config import SegmentSection

SPEECH = Path(__file__).parents[2] / "examples" / "speech"


@pytest.fixture(params=sorted(BACKENDS["segment"]))
def detector(request: pytest.FixtureRequest) -> VoiceActivityDetector:
    return create_vad(SegmentSection(backend=request.param), "cpu")


@pytest.fixture(scope="module")
def voices() -> list[np.ndarray]:
    """Four lines, each between seconds of silence; the last twice as long as 16 s, a block of silero's."""
    second = np.zeros(16_000, np.float32)
    lines = [_read(path) for path in sorted(SPEECH.glob("*.opus"))[:3]]
    voices = [np.concatenate([second, line, second]) for line in lines]
    return [*voices, np.concatenate(voices * 3)]


def _read(path: Path) -> np.ndarray:
    resampler = av.AudioResampler(format="flt", layout="mono", rate=16_000)
    with av.open(str(path)) as container:
        frames = [out for frame in container.decode(audio=0) for out in resampler.resample(frame)]
    return np.concatenate([frame.to_ndarray()[0] for frame in (*frames, *resampler.resample(None))])


def test_spans_are_sorted_disjoint_and_inside(detector: VoiceActivityDetector, voices: list[np.ndarray]) -> None:
    for voice, spans in zip(voices, detector.find_speech(voices), strict=True):
        assert spans
        assert spans[-1].end_ms <= len(voice) // 16
        assert all(first.end_ms <= second.start_ms for first, second in pairwise(spans))


def test_a_batch_gives_what_one_by_one_gives(detector: VoiceActivityDetector, voices: list[np.ndarray]) -> None:
    assert detector.find_speech(voices) == [detector.find_speech([voice])[0] for voice in voices]


def test_silence_holds_no_speech_and_loudness_matters_little(
    detector: VoiceActivityDetector, voices: list[np.ndarray]
) -> None:
    assert detector.find_speech([np.zeros(48_000, np.float32)]) == [[]]
    (loud,), (soft,) = detector.find_speech(voices[:1]), detector.find_speech([voices[0] * np.float32(0.3)])
    assert abs(loud[0].start_ms - soft[0].start_ms) <= 100
    assert abs(loud[-1].end_ms - soft[-1].end_ms) <= 100


def test_nothing_gives_nothing(detector: VoiceActivityDetector) -> None:
    assert detector.find_speech([]) == []
    assert detector.find_speech([np.zeros(0, np.float32)]) == [[]]


def test_it_does_not_change_what_it_hears(detector: VoiceActivityDetector, voices: list[np.ndarray]) -> None:
    before = voices[0].copy()
    detector.find_speech([voices[0]])
    assert np.array_equal(voices[0], before)


def test_it_names_itself_the_same_way_each_time(detector: VoiceActivityDetector) -> None:
    source = detector.identify()
    assert source == detector.identify()
    assert source.backend in BACKENDS["segment"]
    assert source.version
