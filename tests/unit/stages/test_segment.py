"""The rules of segmentation on any speech whatever, and on real files."""

import wave
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sdme_tools.backends.vad.energy import find_quietest_ms
from sdme_tools.backends.vad.silero import SileroVad
from sdme_tools.errors import MediaError
from sdme_tools.media.audio import read_voice
from sdme_tools.records.recording import Recording, SeatedParticipant
from sdme_tools.records.span import Span, merge_spans
from sdme_tools.records.stage_config import SegmentSection
from sdme_tools.records.utterance import Drop, Utterance
from sdme_tools.stages.cutting import cut_speech
from sdme_tools.stages.segment import TOO_SHORT, segment_recording
from tests.factories import ingest

SPEECH = Path(__file__).parents[3] / "examples" / "speech"
RATE_HZ = 16_000


@st.composite
def speech_and_rules(draw: st.DrawFn) -> tuple[list[Span], int, SegmentSection]:
    """Sorted, disjoint stretches in a recording, and any rules that corpus.toml admits."""
    lengths = draw(st.lists(st.tuples(st.integers(1, 900), st.integers(1, 2500)), max_size=25))
    t_ms, speech = 0, []
    for pause_ms, speech_ms in lengths:
        t_ms += pause_ms
        speech.append(Span(start_ms=t_ms, end_ms=t_ms + speech_ms))
        t_ms += speech_ms
    duration_ms = t_ms + draw(st.integers(1, 400))
    least_ms = draw(st.integers(0, 600))
    rules = SegmentSection(
        split_pause_ms=draw(st.integers(1, 1000)),
        padding_ms=draw(st.integers(0, 600)),
        min_utterance_ms=least_ms,
        max_utterance_ms=draw(st.integers(least_ms + 1, 6000)),
    )
    return speech, duration_ms, rules


@settings(max_examples=150, deadline=None)
@given(speech_and_rules(), st.integers(0, 2**32 - 1))
def test_the_rules_hold_for_any_speech(drawn: tuple[list[Span], int, SegmentSection], seed: int) -> None:
    speech, duration_ms, rules = drawn
    energy = np.random.default_rng(seed).random(duration_ms // 10).astype(np.float32)
    cuts = cut_speech(speech, energy, duration_ms, rules)
    spans = [cut.span for cut in cuts]
    assert all(first.end_ms <= second.start_ms for first, second in pairwise(spans)), "disjoint"
    # Nothing is lost and nothing is there twice: the stretches, put together again, are the speech that went in.
    pieces = [stretch for cut in cuts for stretch in cut.phrase]
    assert merge_spans(pieces) == merge_spans(speech)
    assert sum(piece.duration_ms for piece in pieces) == sum(stretch.duration_ms for stretch in speech)
    for cut in cuts:
        bare = cut.phrase[0].hull(cut.phrase[-1])
        assert cut.span.end_ms <= duration_ms
        assert cut.span.duration_ms <= rules.max_utterance_ms
        assert 0 <= bare.start_ms - cut.span.start_ms <= rules.padding_ms
        assert 0 <= cut.span.end_ms - bare.end_ms <= rules.padding_ms
        assert cut.is_kept == (cut.speech_ms >= rules.min_utterance_ms)
        assert all(piece in cut.phrase or not piece.overlap_ms(cut.span) for piece in pieces), "a neighbour's speech"


def _cut(*stretches: tuple[int, int], duration_ms: int = 60_000, **rules: int) -> list[tuple[int, int]]:
    speech = [Span(start_ms=start, end_ms=end) for start, end in stretches]
    silence = np.zeros(duration_ms // 10, np.float32)
    return [(c.span.start_ms, c.span.end_ms) for c in cut_speech(speech, silence, duration_ms, SegmentSection(**rules))]


def test_a_pause_splits_from_exactly_its_length_on() -> None:
    assert _cut((1000, 2000), (2499, 3000), padding_ms=0) == [(1000, 3000)]
    assert _cut((1000, 2000), (2500, 3000), padding_ms=0) == [(1000, 2000), (2500, 3000)]


def test_padding_takes_half_of_a_short_pause_and_ends_at_the_edges() -> None:
    padded = _cut((50, 2000), (2200, 3000), split_pause_ms=100, padding_ms=150, duration_ms=3040)
    assert padded == [(0, 2100), (2100, 3040)]


def test_too_long_is_split_at_its_longest_pause() -> None:
    split = _cut((0, 4000), (4100, 7000), (7400, 9000), (9200, 11_000), max_utterance_ms=10_000, padding_ms=0)
    assert split == [(0, 7000), (7400, 11_000)]


def test_a_split_leaves_no_crumb_that_would_be_dropped() -> None:
    # The longest pause lies after a crumb of 200 ms; the next longest is taken.
    split = _cut((0, 200), (650, 5000), (5300, 11_000), max_utterance_ms=10_000, padding_ms=0)
    assert split == [(0, 5000), (5300, 11_000)]


def test_speech_without_a_pause_is_split_where_it_is_quietest() -> None:
    energy = np.random.default_rng(0).uniform(0.5, 1, 2000).astype(np.float32)
    energy[1100:1110] *= 0.01
    energy[100:110] = 0  # quieter still, but near the edge
    whole = [Span(start_ms=0, end_ms=20_000)]
    first, second = cut_speech(whole, energy, 20_000, SegmentSection(max_utterance_ms=15_000))
    assert first.span == Span(start_ms=0, end_ms=11_050)
    assert second.span == Span(start_ms=11_050, end_ms=20_000)


def test_the_quietest_point_of_silence_is_its_middle() -> None:
    assert find_quietest_ms(np.zeros(100, np.float32), Span(start_ms=200, end_ms=800)) == 500
    assert find_quietest_ms(np.zeros(100, np.float32), Span(start_ms=200, end_ms=250)) == 225


def _say(number: int) -> np.ndarray:
    path = sorted(SPEECH.glob("*.opus"))[number]
    return read_voice(path, _recording(path))


def _recording(path: Path, *participants: SeatedParticipant) -> Recording:
    return ingest(path).model_copy(update={"recording_id": "dinner", "participants": participants})


def _write(path: Path, *channels: np.ndarray) -> Path:
    with wave.open(str(path), "wb") as file:
        file.setnchannels(len(channels))
        file.setsampwidth(2)
        file.setframerate(RATE_HZ)
        file.writeframes((np.stack(channels, axis=1) * 32_000).astype("<i2").tobytes())
    return path


def _silence(seconds: float) -> np.ndarray:
    return np.zeros(round(seconds * RATE_HZ), np.float32)


def _segment(recording: Recording, **rules: int) -> tuple[list[Utterance], list[Drop]]:
    section = SegmentSection(**rules)
    return segment_recording(recording, Path(recording.source), section, SileroVad(section, "cpu"))


def test_two_turns_of_a_sole_participant(tmp_path: Path) -> None:
    first, second = _say(0), _say(1)
    sound = np.concatenate([_silence(1), first, _silence(1), second, _silence(1)])
    recording = _recording(_write(tmp_path / "a.wav", sound), SeatedParticipant(participant_id="anna"))
    kept, dropped = _segment(recording)
    turns = [
        Span(start_ms=1000, end_ms=1000 + len(first) // 16),
        Span(start_ms=2000 + len(first) // 16, end_ms=2000 + (len(first) + len(second)) // 16),
    ]
    assert len(kept) == 2
    assert not dropped
    for utterance, turn in zip(kept, turns, strict=True):
        assert utterance.span.overlap_ms(turn) >= 0.8 * turn.duration_ms
        assert utterance.speaker_id == "anna"
        assert utterance.channel is None
        assert utterance.utterance_id == f"dinner_{utterance.span.start_ms}_{utterance.span.end_ms}"
        assert utterance.source.backend == "silero + single"


def test_each_with_a_channel_of_their_own_is_heard_alone(tmp_path: Path) -> None:
    first, second = _say(0), _say(1)
    left = np.concatenate([_silence(1), first, _silence(3)])
    right = np.concatenate([_silence(1 + len(first) / RATE_HZ / 2), second, _silence(9)])[: len(left)]
    seats = (SeatedParticipant(participant_id="anna", channel=0), SeatedParticipant(participant_id="ben", channel=1))
    kept, _ = _segment(_recording(_write(tmp_path / "a.wav", left, right), *seats))
    assert [(utterance.speaker_id, utterance.channel) for utterance in kept] == [("anna", 0), ("ben", 1)]
    assert [utterance.utterance_id[-3:] for utterance in kept] == ["_c0", "_c1"]
    assert kept[0].overlap_ms == kept[1].overlap_ms > 100
    assert kept[0].overlap_ms <= kept[0].speech_ms


def test_what_is_dropped_overlaps_nobody(tmp_path: Path) -> None:
    long, short = _say(0), _say(1)[: RATE_HZ // 2]
    left = np.concatenate([_silence(1), long, _silence(1)])
    right = np.concatenate([_silence(1.5), short, _silence(9)])[: len(left)]
    seats = (SeatedParticipant(participant_id="anna", channel=0), SeatedParticipant(participant_id="ben", channel=1))
    recording = _recording(_write(tmp_path / "a.wav", left, right), *seats)
    assert [utterance.overlap_ms > 0 for utterance in _segment(recording, min_utterance_ms=100)[0]] == [True, True]
    kept, dropped = _segment(recording, min_utterance_ms=800)
    assert [(utterance.speaker_id, utterance.overlap_ms) for utterance in kept] == [("anna", 0)]
    assert len(dropped) == 1


def test_people_on_one_channel_are_not_told_apart(tmp_path: Path) -> None:
    sound = np.concatenate([_silence(1), _say(0), _silence(1)])
    seats = (SeatedParticipant(participant_id="anna", channel=0), SeatedParticipant(participant_id="ben"))
    kept, _ = _segment(_recording(_write(tmp_path / "a.wav", sound, sound), *seats))
    assert [(utterance.speaker_id, utterance.channel) for utterance in kept] == [(None, None)]


def test_too_short_is_dropped_with_its_reason(tmp_path: Path) -> None:
    recording = _recording(_write(tmp_path / "a.wav", np.concatenate([_silence(1), _say(0), _silence(1)])))
    kept, dropped = _segment(recording, min_utterance_ms=14_000)
    assert not kept
    assert [drop.reason for drop in dropped] == [TOO_SHORT]
    assert dropped[0].stage == "segment"


def test_silence_has_no_utterance(tmp_path: Path) -> None:
    assert _segment(_recording(_write(tmp_path / "a.wav", _silence(3)))) == ([], [])


def test_no_audio_stream_is_an_error_with_its_cure(tmp_path: Path) -> None:
    recording = _recording(_write(tmp_path / "a.wav", _silence(1))).model_copy(update={"audio": None})
    with pytest.raises(MediaError, match="no audio stream") as caught:
        _segment(recording)
    assert caught.value.cure
