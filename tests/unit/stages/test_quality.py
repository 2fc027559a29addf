"""From a file to a row an utterance: the sound at its own rate, each channel for itself, silence and late sound."""

from pathlib import Path

import numpy as np
import pytest

from sdme_tools.errors import CorpusError
from sdme_tools.records.quality import UtteranceQuality
from sdme_tools.records.stage_config import QualitySection
from sdme_tools.records.utterance import Drop
from sdme_tools.stages.quality import measure_utterances
from tests.factories import bind, ingest, make_tone, make_track, make_utterance, write_measures_of, write_media


def _noise(duration_ms: int, deviation: float) -> np.ndarray:
    return np.random.default_rng(0).normal(0, deviation, (duration_ms * 48, 1)).astype(np.float32)


def _measure(
    source: Path, *spans: tuple[int, int], channel: int | None = None, **gates: float
) -> tuple[list[UtteranceQuality], list[Drop]]:
    recording = ingest(source)
    utterances = [make_utterance(recording, *span, channel=channel) for span in spans]
    settings = QualitySection.model_validate(gates)
    return measure_utterances(recording, source, utterances, [], [], settings, source.parent)


def test_the_noise_around_an_utterance_counts_and_its_neighbours_do_not(tmp_path: Path) -> None:
    sound = _noise(6000, 0.005)
    sound[2000 * 48 : 3000 * 48] += make_tone(1000)
    sound[3000 * 48 : 4000 * 48] += 1.5 * make_tone(1000, frequency_hz=1000)
    source = write_media(tmp_path / "a.wav", sound=sound, audio_codec="pcm_f32le")
    (first, second), drops = _measure(source, (2000, 3000), (3000, 4000))
    expected_db = 10 * np.log10(0.125 / 0.005**2)
    assert first.voice.snr_db == pytest.approx(expected_db, abs=0.5)
    assert second.voice.snr_db == pytest.approx(expected_db + 20 * np.log10(1.5), abs=0.5)
    assert drops == []


def test_each_channel_is_measured_for_itself(tmp_path: Path) -> None:
    loud, quiet = np.clip(4 * make_tone(3000), -1, 1), 0.02 * make_tone(3000)
    source = write_media(tmp_path / "a.wav", sound=np.hstack([loud, quiet]), audio_codec="pcm_f32le")
    (clipped,), _ = _measure(source, (500, 2500), channel=0)
    (clean,), _ = _measure(source, (500, 2500), channel=1)
    assert clipped.voice.clipped_share > 0.5
    assert clean.voice.clipped_share == 0
    assert clean.voice.loudness_lufs == pytest.approx(-43.7, abs=0.5)  # K-weighting: 440 Hz counts less than 1 kHz


def test_sound_that_starts_late_is_measured_where_it_is(tmp_path: Path) -> None:
    source = write_media(tmp_path / "a.mkv", num_frames=100, sound=make_tone(3000), sound_start_ms=1000)
    (late, before), _ = _measure(source, (1500, 3500), (100, 800))
    assert late.voice.loudness_lufs == pytest.approx(-9.7, abs=1)
    assert before.voice.loudness_lufs is None
    assert before.voice.bandwidth_hz is None
    assert late.face is None


def test_a_telephone_is_told_from_a_microphone(tmp_path: Path) -> None:
    rows = []
    for rate_hz in (8000, 48_000):
        sound = np.random.default_rng(0).normal(0, 0.1, (3 * rate_hz, 1)).astype(np.float32)
        path = write_media(tmp_path / f"{rate_hz}.wav", sound=sound, rate_hz=rate_hz, audio_codec="pcm_s16le")
        rows += _measure(path, (500, 2500), min_bandwidth_hz=7000)
    (narrow,), (drop,), (wide,), none = rows
    assert narrow.failed_gates == (drop.reason,) == ("voice_narrow",)
    assert (drop.utterance_id, drop.stage) == (narrow.utterance_id, "quality")
    assert (wide.failed_gates, none) == ((), [])


def test_many_utterances_are_answered_in_their_order(tmp_path: Path) -> None:
    source = write_media(tmp_path / "a.wav", sound=0.5 * make_tone(150_000), audio_codec="pcm_s16le")
    spans = [(start, start + 700) for start in range(0, 149_000, 1000)][::-1]
    rows, _ = _measure(source, *spans)
    assert [row.utterance_id for row in rows] == [f"a_{start}_{end}" for start, end in spans]


def test_the_bound_face_is_measured_from_its_table(tmp_path: Path) -> None:
    source = write_media(tmp_path / "a.mp4", num_frames=75, sound=make_tone(3000))
    recording = ingest(source)
    utterance, track = make_utterance(recording, 500, 2500), make_track(recording, [(30, 16, 24, 24)] * 30)
    given = ([utterance], [bind(utterance, track)], [track], QualitySection(min_size_px=64), tmp_path)
    with pytest.raises(CorpusError, match=r"face_measures\.npz"):
        measure_utterances(recording, source, *given)
    write_measures_of(track, tmp_path)
    (row,), (drop,) = measure_utterances(recording, source, *given)
    assert row.face is not None
    assert (row.face.seen_share, row.face.median_size_px, row.face.brightness) == (1, 24, None)
    assert drop.reason == "face_small"


def test_no_utterances_need_no_sound(tmp_path: Path) -> None:
    source = write_media(tmp_path / "a.mp4", num_frames=25)
    assert measure_utterances(ingest(source), source, [], [], [], QualitySection(), tmp_path) == ([], [])
