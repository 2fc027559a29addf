"""Voice without words is neither thrown away nor made up."""

from pathlib import Path

import numpy as np
import pytest

from sdme_tools.backends.vad.voicing import measure_harmonicity
from sdme_tools.records.stage_config import SegmentSection
from sdme_tools.records.utterance import UtteranceKind
from tests.tooling.dialogues import read_lines
from tests.tooling.sounds import make_breath, make_laugh, make_music, make_room
from tests.unit.stages.test_segment_voices import record, segment

LINE = next(line.voice for line in read_lines() if line.speaker == "p02")
LAUGH = make_laugh(pitch_hz=500)
"""Too high for the detector of speech to take it for some."""


def test_harmonicity_tells_tones_from_noise() -> None:
    t = np.arange(16_000) / 16_000
    steps = np.arange(10, 90)
    tone = np.sin(2 * np.pi * 200 * t).astype(np.float32)
    noise = np.random.default_rng(0).standard_normal(16_000).astype(np.float32)
    assert measure_harmonicity(tone, steps).min() > 0.95
    assert measure_harmonicity(noise, steps).mean() < 0.35
    # As much noise as tone: half of the energy is periodic (Boersma's definition).
    mixed = measure_harmonicity(tone * np.float32(np.sqrt(2)) + noise, steps)
    assert mixed.mean() == pytest.approx(0.5, abs=0.1)
    assert not measure_harmonicity(np.zeros(16_000, np.float32), steps).any()


def _sound(event: np.ndarray, at_ms: int, *, with_line: bool) -> np.ndarray:
    sound = make_room(10)
    if with_line:
        sound[16_000 : 16_000 + len(LINE)] += LINE
    sound[at_ms * 16 : at_ms * 16 + len(event)] += event
    return sound


def test_a_laugh_beside_speech_is_joined_kept_or_ignored_by_rule(tmp_path: Path) -> None:
    after_ms = 1000 + len(LINE) // 16 + 200
    recording = record(tmp_path, _sound(LAUGH, after_ms, with_line=True))
    ((alone,), ignored) = segment(recording, vocal_events="ignore")
    ((joined,), _) = segment(recording, vocal_events="join")
    assert not ignored
    assert joined.kind is UtteranceKind.SPEECH
    assert joined.span.start_ms == alone.span.start_ms
    assert joined.span.end_ms > alone.span.end_ms + 500
    spoken, laughed = segment(recording, vocal_events="keep")[0]
    assert (spoken.kind, laughed.kind) == (UtteranceKind.SPEECH, UtteranceKind.VOCAL)
    assert laughed.span.end_ms == joined.span.end_ms
    assert spoken.span.end_ms <= laughed.span.start_ms


@pytest.mark.parametrize("rule", ["join", "keep"])
def test_a_laugh_by_itself_is_an_utterance_of_its_own_kind(tmp_path: Path, rule: str) -> None:
    kept, dropped = segment(record(tmp_path, _sound(LAUGH, 6000, with_line=True)), vocal_events=rule)
    assert [utterance.kind for utterance in kept] == [UtteranceKind.SPEECH, UtteranceKind.VOCAL]
    assert abs(kept[1].span.start_ms - (6000 - SegmentSection().padding_ms)) <= 30
    assert kept[1].speech_ms >= 600
    assert not dropped


def test_a_laugh_is_its_owner_s_where_channels_tell(tmp_path: Path) -> None:
    own, other = _sound(LAUGH, 6000, with_line=True), 0.05 * _sound(LAUGH, 6001, with_line=True)
    kept, dropped = segment(record(tmp_path, own, other, seats=[("anna", 0), ("ben", 1)]))
    assert [(utterance.speaker_id, utterance.kind) for utterance in kept] == [
        ("anna", UtteranceKind.SPEECH),
        ("anna", UtteranceKind.VOCAL),
    ]
    assert {drop.reason for drop in dropped} <= {"crosstalk"}


def test_a_laugh_outside_of_all_turns_is_not_lost(tmp_path: Path) -> None:
    recording = record(tmp_path, _sound(LAUGH, 6000, with_line=True))
    end = 1 + len(LINE) / 16_000
    row = f"SPEAKER dinner 1 1.0 {end - 1} <NA> <NA> a <NA> <NA>\n"
    (tmp_path / "dinner.rttm").write_text(row, encoding="utf-8")
    kept, _ = segment(recording, "rttm")
    assert [(utterance.voice_id, utterance.kind) for utterance in kept] == [
        ("v1", UtteranceKind.SPEECH),
        (None, UtteranceKind.VOCAL),
    ]


@pytest.mark.parametrize(
    "sound",
    [make_breath(), make_music(7), np.zeros(16_000, np.float32), make_laugh(1)[: 16 * 60]],
    ids=["breath", "music", "nothing", "a click"],
)
def test_breath_music_and_clicks_are_no_vocal_events(tmp_path: Path, sound: np.ndarray) -> None:
    kept, dropped = segment(record(tmp_path, _sound(sound, 2000, with_line=False)))
    assert not [utterance for utterance in kept if utterance.kind is UtteranceKind.VOCAL]
    assert not [drop for drop in dropped if "vocal" in drop.detail]
