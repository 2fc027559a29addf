"""On somebody's own microphone utterances begin and end where the voice does, and nothing is lost by that."""

from pathlib import Path

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from sdme_tools.backends.registry import create_vad
from sdme_tools.records.recording import SeatedParticipant
from sdme_tools.records.span import Span, merge_spans
from sdme_tools.records.stage_config import SegmentSection
from sdme_tools.stages.edges import MOST_MS, trim_edges
from sdme_tools.stages.segment import segment_recording
from tests.factories import ingest, write_media
from tests.tooling.dialogues import read_lines, record_dialogue


def _edges(spans: list[Span]) -> list[int]:
    return [edge for span in merge_spans(spans, max_gap_ms=499) for edge in (span.start_ms, span.end_ms)]


def _measure_edges(folder: Path, bleed_db: float) -> np.ndarray:
    """How far from each edge of each speaker's turns an utterance of theirs begins or ends, in ms."""
    rules = SegmentSection(padding_ms=0)
    away: list[int] = []
    for seed in (811, 812, 813):
        sound, turns = record_dialogue(read_lines(), seed, duration_ms=30_000, num_speakers=2, bleed_db=bleed_db)
        path = write_media(folder / f"{seed}{bleed_db}.wav", sound=sound, rate_hz=16_000, audio_codec="pcm_s16le")
        names = sorted({turn.speaker for turn in turns})
        seats = tuple(SeatedParticipant(participant_id=name, channel=place) for place, name in enumerate(names))
        recording = ingest(path).model_copy(update={"participants": seats})
        utterances, _ = segment_recording(recording, path, rules, create_vad(rules, "cpu"))
        for name in names:
            found = _edges([utterance.span for utterance in utterances if utterance.speaker_id == name])
            away += [
                min(abs(edge - other) for other in found)
                for edge in _edges([turn.span for turn in turns if turn.speaker == name])
            ]
    return np.array(away)


def test_turns_on_microphones_that_hear_each_other_are_found_to_200_ms(tmp_path: Path) -> None:
    for bleed_db in (-12.0, -30.0):
        away = _measure_edges(tmp_path, bleed_db)
        assert len(away) > 30
        assert np.mean(away <= 200) >= 0.9, bleed_db
        assert np.median(away) <= 40, bleed_db


def span(start_ms: int, end_ms: int) -> Span:
    return Span(start_ms=start_ms, end_ms=end_ms)


def _sound(duration_ms: int, *loud: Span) -> np.ndarray:
    energy = np.full(duration_ms // 10, 1e-6, np.float32)
    for piece in loud:
        energy[piece.start_ms // 10 : piece.end_ms // 10] = 1e-2
    return energy


def test_quiet_edges_are_taken_off_and_pauses_inside_stay() -> None:
    energy = _sound(5000, span(1100, 1800), span(2100, 2800))
    rules = SegmentSection()
    assert trim_edges([span(1000, 1900), span(2000, 3000)], energy, rules) == [span(1100, 1900), span(2000, 2800)]
    assert trim_edges([span(1000, 1900), span(2500, 3000)], energy, SegmentSection(split_pause_ms=400)) == [
        span(1100, 1800),
        span(2500, 2800),
    ]


def test_what_would_become_too_short_stays_whole() -> None:
    energy = _sound(3000, span(1000, 1200))
    assert trim_edges([span(1000, 1400)], energy, SegmentSection(min_utterance_ms=300)) == [span(1000, 1400)]
    assert trim_edges([span(1000, 1400)], energy, SegmentSection(min_utterance_ms=200)) == [span(1000, 1200)]


def test_in_a_loud_room_nothing_is_taken_off() -> None:
    energy = _sound(3000, span(1000, 2000)) + np.float32(1e-3)
    assert trim_edges([span(900, 2200)], energy, SegmentSection()) == [span(900, 2200)]


@settings(max_examples=100, deadline=None)
@given(
    st.lists(st.tuples(st.integers(1, 900), st.integers(1, 1500)), max_size=12),
    st.integers(0, 2**32 - 1),
    st.integers(0, 600),
)
def test_no_stretch_is_lost_and_none_grows(drawn: list[tuple[int, int]], seed: int, least_ms: int) -> None:
    t_ms, speech = 0, []
    for pause_ms, speech_ms in drawn:
        speech.append(span(t_ms + pause_ms, t_ms + pause_ms + speech_ms))
        t_ms += pause_ms + speech_ms
    energy = (10 ** np.random.default_rng(seed).uniform(-9, -1, t_ms // 10 + 1)).astype(np.float32)
    trimmed = trim_edges(speech, energy, SegmentSection(min_utterance_ms=least_ms))
    assert len(trimmed) == len(speech)
    for before, after in zip(speech, trimmed, strict=True):
        assert 0 <= after.start_ms - before.start_ms <= MOST_MS
        assert 0 <= before.end_ms - after.end_ms <= MOST_MS
