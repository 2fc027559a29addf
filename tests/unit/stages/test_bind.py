"""An utterance gets the face whose mouth makes it, or a reason why none is claimed."""

from pathlib import Path

import numpy as np
import pytest

from sdme_tools.backends.registry import create_speaking_scorer
from sdme_tools.media.encode import write_voice
from sdme_tools.media.probe import probe_file
from sdme_tools.records.base import Source
from sdme_tools.records.config import BindSection
from sdme_tools.records.face import Binding, BindingReason, FaceQuality, FaceTrack
from sdme_tools.records.recording import Recording, VideoStream
from sdme_tools.records.span import Span
from sdme_tools.records.utterance import Utterance
from sdme_tools.stages.bind import bind_utterances, find_loudest, measure_visible_share

SOURCE = Source(backend="truth", version="1")
UTTERANCE = Span(start_ms=2000, end_ms=5000)
DURATION_MS = 7000
SPEECH_MS = 2600
T_MS = np.arange(0, DURATION_MS, 80)


def _loudness(seed: int) -> np.ndarray:
    """float64[700]: loudness every 10 ms; speech from 2.2 to 4.8 s in syllables of uneven length."""
    rng = np.random.default_rng(seed)
    loudness = np.zeros(DURATION_MS // 10)
    t = 220
    while t < 480:
        length = min(int(rng.integers(12, 30)), 480 - t)
        loudness[t : t + length] = np.hanning(length + 2)[1:-1] * rng.uniform(0.3, 1)
        t += length
    return loudness


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("bind") / "talk.flac"
    noise = np.random.default_rng(9).normal(0, 0.2, DURATION_MS * 16)
    write_voice(path, (noise * (np.repeat(_loudness(0), 160) + 0.003)).astype(np.float32))
    return path


@pytest.fixture(scope="module")
def recording(source: Path) -> Recording:
    whole = Span(start_ms=0, end_ms=DURATION_MS)
    video = VideoStream(
        index=1,
        codec="h264",
        width_px=720,
        height_px=288,
        rotation_deg=0,
        fps=25,
        is_variable_rate=False,
        num_frames=175,
        span=whole,
    )
    return Recording(
        recording_id="talk",
        session_id="talk",
        source=str(source),
        sha256="0" * 64,
        size_bytes=1,
        duration_ms=DURATION_MS,
        video=video,
        audio=probe_file(source).audio,
    )


def _utterance(speaker_id: str | None = None) -> Utterance:
    return Utterance(
        utterance_id="talk_2000_5000",
        recording_id="talk",
        span=UTTERANCE,
        speaker_id=speaker_id,
        speech_ms=SPEECH_MS,
        source=SOURCE,
    )


def _track(
    name: str, *, follows: int | None, participant_id: str | None = None, seen: Span | None = None, blind: bool = False
) -> FaceTrack:
    """A face whose mouth moves with the voice of this seed, or rests (None)."""
    seen = seen or Span(start_ms=0, end_ms=DURATION_MS)
    t_ms = [int(t) for t in T_MS if seen.contains(int(t))]
    loudness = np.zeros(DURATION_MS // 10) if follows is None else _loudness(follows)
    unsteady = np.random.default_rng(len(name)).normal(0, 0.002, DURATION_MS // 10)
    opening = [float(0.02 + 0.12 * loudness[t // 10] + unsteady[t // 10]) for t in t_ms]
    return FaceTrack(
        track_id=f"talk_{name}",
        recording_id="talk",
        span=seen,
        participant_id=participant_id,
        t_ms=tuple(t_ms),
        boxes=tuple((0, 0, 100, 100) for _ in t_ms),
        mouth_opening=tuple(None if blind else value for value in opening),
        quality=FaceQuality(median_size_px=100, median_sharpness=None, frontal_share=1, detected_share=1),
        source=SOURCE,
    )


def _bind(recording: Recording, source: Path, *tracks: FaceTrack, speaker_id: str | None = None) -> Binding:
    scorer = create_speaking_scorer(BindSection(), "cpu")
    (binding,) = bind_utterances(recording, source, [_utterance(speaker_id)], tracks, BindSection(), scorer)
    assert binding.utterance_id == "talk_2000_5000"
    assert (binding.track_id is not None) == (binding.reason is BindingReason.BOUND)
    return binding


def test_the_talker_is_bound_and_named(recording: Recording, source: Path) -> None:
    talker, listener = _track("f1", follows=0, participant_id="p1"), _track("f2", follows=None, participant_id="p2")
    for tracks in ((talker, listener), (listener, talker)):
        binding = _bind(recording, source, *tracks)
        assert (binding.track_id, binding.speaker_id, binding.runner_up_track_id) == ("talk_f1", "p1", "talk_f2")
        assert binding.score is not None
        assert binding.margin is not None
        assert binding.margin >= 0.5
        assert binding.source.backend == "mouth_movement"


def test_a_single_candidates_margin_is_its_score(recording: Recording, source: Path) -> None:
    binding = _bind(recording, source, _track("f1", follows=0))
    assert binding.margin == binding.score
    assert binding.runner_up_track_id is None
    assert binding.speaker_id is None


def test_still_listeners_mean_that_the_speaker_is_off_screen(recording: Recording, source: Path) -> None:
    binding = _bind(recording, source, _track("f1", follows=None), _track("f22", follows=None))
    assert binding.reason is BindingReason.OFF_SCREEN
    assert binding.score is not None
    assert binding.score < 0.5


def test_two_mouths_that_move_alike_are_not_decided_between(recording: Recording, source: Path) -> None:
    binding = _bind(recording, source, _track("f1", follows=0), _track("f22", follows=0))
    assert binding.reason is BindingReason.SEVERAL_CANDIDATES
    assert binding.runner_up_track_id is not None


def test_a_face_seen_too_little_is_no_candidate(recording: Recording, source: Path) -> None:
    late = _track("f1", follows=0, seen=Span(start_ms=4000, end_ms=7000))
    assert _bind(recording, source, late).reason is BindingReason.NO_FACE
    assert _bind(recording, source, late, _track("f2", follows=None)).reason is BindingReason.OFF_SCREEN


def test_faces_without_landmarks(recording: Recording, source: Path) -> None:
    assert _bind(recording, source, _track("f1", follows=0, blind=True)).reason is BindingReason.NO_LANDMARKS


def test_no_face_and_no_video(recording: Recording, source: Path) -> None:
    assert _bind(recording, source).reason is BindingReason.NO_FACE
    voice_only = recording.model_copy(update={"video": None})
    binding = _bind(voice_only, source, speaker_id="p1")
    assert (binding.reason, binding.speaker_id) == (BindingReason.NO_VIDEO, "p1")


def test_a_speaker_known_by_voice_is_never_bound_to_somebody_elses_face(recording: Recording, source: Path) -> None:
    other = _track("f1", follows=0, participant_id="p2")
    binding = _bind(recording, source, other, speaker_id="p1")
    assert (binding.reason, binding.speaker_id) == (BindingReason.NO_FACE, "p1")


def test_a_speaker_known_by_voice_and_seat_needs_no_lips(recording: Recording, source: Path) -> None:
    own, other = _track("f1", follows=None, participant_id="p1"), _track("f2", follows=0)
    binding = _bind(recording, source, own, other, speaker_id="p1")
    assert (binding.track_id, binding.speaker_id) == ("talk_f1", "p1")
    blind = _track("f1", follows=0, participant_id="p1", blind=True)
    binding = _bind(recording, source, blind, speaker_id="p1")
    assert (binding.track_id, binding.score, binding.margin) == ("talk_f1", None, None)


def test_a_speaker_known_by_voice_may_be_an_unnamed_face(recording: Recording, source: Path) -> None:
    binding = _bind(recording, source, _track("f1", follows=0), _track("f2", follows=None), speaker_id="p1")
    assert (binding.track_id, binding.speaker_id) == ("talk_f1", "p1")


def test_bindings_come_in_the_order_of_utterances(recording: Recording, source: Path) -> None:
    scorer = create_speaking_scorer(BindSection(), "cpu")
    again = _utterance().model_copy(update={"utterance_id": "talk_2000_5001"})
    tracks = [_track("f1", follows=0)]
    bindings = bind_utterances(recording, source, [again, _utterance()], tracks, BindSection(), scorer)
    assert [binding.utterance_id for binding in bindings] == ["talk_2000_5001", "talk_2000_5000"]
    assert bind_utterances(recording, source, [], tracks, BindSection(), scorer) == []


def test_the_loudest_pieces_add_up_to_the_speech() -> None:
    voice = np.full(16_000, 0.001, np.float32)
    voice[3200:6400] = 0.5
    voice[9600:11_200] = 0.2
    assert find_loudest(voice, 300) == [Span(start_ms=200, end_ms=400), Span(start_ms=600, end_ms=700)]
    assert find_loudest(voice, 5000) == [Span(start_ms=0, end_ms=1000)]
    assert find_loudest(voice[:80], 10) == [Span(start_ms=0, end_ms=5)]


def test_visible_share_counts_speech_only() -> None:
    track = _track("f1", follows=None, seen=Span(start_ms=0, end_ms=3000))
    early, late = Span(start_ms=0, end_ms=500), Span(start_ms=2000, end_ms=2500)
    assert measure_visible_share(track, [early], UTTERANCE) == pytest.approx(1)
    assert measure_visible_share(track, [late], UTTERANCE) == 0
    assert measure_visible_share(track, [early, late], UTTERANCE) == pytest.approx(0.5)
