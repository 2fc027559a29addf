"""Segmentation with several voices: whose speech is whose, how much of it is overlapped, nothing lost or doubled."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sdme_tools.backends.registry import create_diarizer, create_vad
from sdme_tools.errors import ConfigError
from sdme_tools.records.recording import Recording, SeatedParticipant
from sdme_tools.records.span import Span, merge_spans, subtract_spans
from sdme_tools.records.stage_config import DiarizeSection, SegmentSection
from sdme_tools.records.utterance import Drop, Utterance
from sdme_tools.stages.segment import segment_recording
from tests.factories import ingest, write_media
from tests.tooling.dialogues import read_lines
from tests.tooling.sounds import make_music, make_room

ANNA, BEN = (line.voice for line in read_lines() if line.number == 0 and line.speaker in ("p01", "p03"))


def place(voice: np.ndarray, start_ms: int, duration_ms: int, gain: float = 1.0) -> np.ndarray:
    """A quiet room in which somebody speaks."""
    sound = make_room(duration_ms / 1000)
    sound[start_ms * 16 : start_ms * 16 + len(voice)] += np.float32(gain) * voice
    return sound


def record(folder: Path, *channels: np.ndarray, seats: Sequence[tuple[str, int | None]] = ()) -> Recording:
    path = write_media(
        folder / "dinner.wav",
        sound=np.stack(channels, axis=1),
        rate_hz=16_000,
        audio_codec="pcm_s16le",
        layout=f"{len(channels)} channels" if len(channels) > 2 else None,
    )
    participants = tuple(SeatedParticipant(participant_id=name, channel=channel) for name, channel in seats)
    return ingest(path).model_copy(update={"participants": participants})


def segment(
    recording: Recording, backend: str = "auto", **rules: int | float | bool | str
) -> tuple[list[Utterance], list[Drop]]:
    section = SegmentSection.model_validate(rules)
    diarizer = create_diarizer(DiarizeSection(backend=backend), "cpu")
    return segment_recording(recording, Path(recording.source), section, create_vad(section, "cpu"), diarizer)


def test_a_neighbour_bleeding_over_is_dropped_as_crosstalk(tmp_path: Path) -> None:
    own = place(ANNA, 1000, 6000)
    bled = place(ANNA, 1002, 6000, gain=0.1)
    bled += place(BEN, 3800, 6000) - make_room(6)
    recording = record(tmp_path, own + 0.1 * place(BEN, 3802, 6000), bled, seats=[("anna", 0), ("ben", 1)])
    kept, dropped = segment(recording)
    assert [(utterance.speaker_id, utterance.channel) for utterance in kept] == [("anna", 0), ("ben", 1)]
    assert {(drop.reason, drop.detail[-1]) for drop in dropped} == {("crosstalk", "0"), ("crosstalk", "1")}
    assert kept[0].source.backend == "silero + channels"


def test_two_at_once_are_both_kept_and_flagged_or_dropped_by_rule(tmp_path: Path) -> None:
    recording = record(tmp_path, place(ANNA, 1000, 5000), place(BEN, 1000, 5000), seats=[("anna", 0), ("ben", 1)])
    kept, dropped = segment(recording, max_overlap_share=0.2)
    assert [(utterance.speaker_id, utterance.flags) for utterance in kept] == [
        ("anna", ("overlap",)),
        ("ben", ("overlap",)),
    ]
    assert not dropped
    kept, dropped = segment(recording, max_overlap_share=0.2, drop_overlap=True)
    assert not kept
    assert [drop.reason for drop in dropped] == ["overlap", "overlap"]
    kept, _ = segment(recording, max_overlap_share=1.0)
    assert [utterance.flags for utterance in kept] == [(), ()]


def _write_turns(recording: Recording, *turns: tuple[str, int, int]) -> Recording:
    rows = [
        f"SPEAKER dinner 1 {start / 1000} {(end - start) / 1000} <NA> <NA> {who} <NA> <NA>\n"
        for who, start, end in turns
    ]
    Path(recording.source).with_suffix(".rttm").write_text("".join(rows), encoding="utf-8")
    return recording


def test_utterances_are_cut_where_the_voice_changes(tmp_path: Path) -> None:
    sound = place(np.concatenate([ANNA, BEN]), 1000, 8000)
    change = 1000 + len(ANNA) // 16
    end = change + len(BEN) // 16
    recording = _write_turns(record(tmp_path, sound), ("a", 1000, change), ("b", change, end))
    kept, _ = segment(recording, "rttm")
    assert [utterance.voice_id for utterance in kept] == ["v1", "v2"]
    assert kept[0].span.end_ms == kept[1].span.start_ms == change, "padding stops at the other's voice"
    assert kept[0].utterance_id.endswith("_v1")


def test_overlap_within_one_channel_is_measured(tmp_path: Path) -> None:
    recording = _write_turns(record(tmp_path, place(ANNA, 1000, 8000)), ("a", 1000, 3000), ("b", 2400, 4000))
    kept, _ = segment(recording, "rttm")
    assert [utterance.overlap_ms for utterance in kept] == [600, 600]


def test_two_voices_in_exactly_the_same_span_have_ids_of_their_own(tmp_path: Path) -> None:
    recording = _write_turns(record(tmp_path, place(ANNA, 1000, 8000)), ("a", 1000, 3000), ("b", 1000, 3000))
    kept, _ = segment(recording, "rttm")
    assert kept[0].span == kept[1].span
    assert len({utterance.utterance_id for utterance in kept}) == 2


def test_speech_that_no_turn_covers_is_dropped_with_its_reason(tmp_path: Path) -> None:
    sound = place(ANNA, 1000, 9000) + place(BEN, 5000, 9000)
    recording = _write_turns(record(tmp_path, sound), ("a", 1000, 1000 + len(ANNA) // 16))
    kept, dropped = segment(recording, "rttm")
    assert [utterance.voice_id for utterance in kept] == ["v1"]
    later = [drop for drop in dropped if drop.span.start_ms > 4000]
    assert {drop.reason for drop in later} == {"no_turn"}
    assert sum(drop.span.duration_ms for drop in later) > 0.7 * len(BEN) / 16


@settings(max_examples=12, deadline=None)
@given(
    st.lists(st.tuples(st.sampled_from("abc"), st.integers(0, 7000), st.integers(1, 3000)), min_size=1, max_size=8),
    st.integers(0, 800),
)
def test_every_ms_of_every_voice_is_in_one_utterance_or_drop(
    tmp_path_factory: pytest.TempPathFactory, drawn: list[tuple[str, int, int]], least_ms: int
) -> None:
    folder = tmp_path_factory.mktemp("any")
    recording = record(folder, make_room(8))
    _write_turns(recording, *[(who, start, min(8000, start + length)) for who, start, length in drawn])
    kept, dropped = segment(recording, "rttm", min_utterance_ms=least_ms, padding_ms=0, split_pause_ms=200)
    assert len({utterance.utterance_id for utterance in kept}) == len(kept)
    for voice in {utterance.voice_id for utterance in kept}:
        spans = [utterance.span for utterance in kept if utterance.voice_id == voice]
        assert merge_spans(spans, max_gap_ms=-1) == sorted(spans, key=lambda span: span.start_ms), "disjoint"
    spoken = merge_spans(
        Span(start_ms=start, end_ms=min(8000, start + length)) for _, start, length in drawn if start < 8000
    )
    assert not subtract_spans(spoken, merge_spans(found.span for found in (*kept, *dropped)))


def test_silence_over_several_blocks_holds_nothing(tmp_path: Path) -> None:
    silence = np.zeros((8000 * 60 * 6, 1), np.float32)
    path = write_media(tmp_path / "quiet.flac", sound=silence, rate_hz=8000, audio_codec="flac")
    assert segment(ingest(path)) == ([], [])


def test_music_holds_no_utterance(tmp_path: Path) -> None:
    kept, _ = segment(record(tmp_path, make_music(20) + make_room(20)))
    assert not kept


def test_a_channel_that_is_not_there_is_named(tmp_path: Path) -> None:
    recording = record(tmp_path, make_room(2), make_room(2), seats=[("anna", 0), ("ben", 5)])
    with pytest.raises(ConfigError, match="no channel 5, it has 2") as caught:
        segment(recording)
    assert "recordings.csv" in (caught.value.cure or "")
