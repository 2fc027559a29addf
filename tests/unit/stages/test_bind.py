"""An utterance gets the face whose mouth makes it, or a reason why none is claimed."""

import pytest

from sdme_tools.errors import CorpusError
from sdme_tools.records.base import Source
from sdme_tools.records.face import Binding, BindingReason, FaceQuality, FaceTrack
from sdme_tools.records.recording import Recording, VideoStream
from sdme_tools.records.span import Span
from sdme_tools.records.speaking import FaceSpeaking, Speaking
from sdme_tools.records.stage_config import BindSection
from sdme_tools.records.utterance import Utterance
from sdme_tools.stages.bind import bind_utterances, measure_visible_share

SOURCE = Source(backend="truth", version="1")
UTTERANCE = Span(start_ms=2000, end_ms=5000)
SPEECH = (Span(start_ms=2200, end_ms=3400), Span(start_ms=3600, end_ms=4800))
DURATION_MS = 7000
TALKS, RESTS, UNSURE = 0.97, 0.03, 0.5


@pytest.fixture(scope="module")
def recording() -> Recording:
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
        source="talk.mp4",
        sha256="0" * 64,
        size_bytes=1,
        duration_ms=DURATION_MS,
        video=video,
        audio=None,
    )


def _utterance(name: str = "talk_2000_5000", *, speaker_id: str | None = None, overlap_ms: int = 0) -> Utterance:
    return Utterance(
        utterance_id=name,
        recording_id="talk",
        span=UTTERANCE,
        speaker_id=speaker_id,
        speech_ms=2400,
        overlap_ms=overlap_ms,
        source=SOURCE,
    )


def _track(name: str, *, participant_id: str | None = None, seen: Span | None = None) -> FaceTrack:
    seen = seen or Span(start_ms=0, end_ms=DURATION_MS)
    t_ms = [t for t in range(0, DURATION_MS, 80) if seen.contains(t)]
    return FaceTrack(
        track_id=f"talk_{name}",
        recording_id="talk",
        span=seen,
        participant_id=participant_id,
        t_ms=tuple(t_ms),
        boxes=((0, 0, 100, 100),) * len(t_ms),
        mouth_opening=(None,) * len(t_ms),
        quality=FaceQuality(median_size_px=100, median_sharpness=None, frontal_share=1, detected_share=1),
        source=SOURCE,
    )


def _row(scores: dict[str, float | None], *, name: str = "talk_2000_5000", outside: float = UNSURE) -> Speaking:
    """Each face with one score all through the speech, and another outside of it; None = could not be judged."""
    t_ms = tuple(range(1600, 5400, 40))
    inside = [any(span.contains(t) for span in SPEECH) for t in t_ms]
    return Speaking(
        utterance_id=name,
        speech=SPEECH,
        faces=tuple(
            FaceSpeaking(
                track_id=f"talk_{face}",
                t_ms=t_ms,
                scores=tuple(None if score is None else score if speech else outside for speech in inside),
                offset_ms=-40,
                offset_confidence=0.9,
            )
            for face, score in scores.items()
        ),
        source=SOURCE,
    )


def _bind(
    recording: Recording,
    tracks: list[FaceTrack],
    scores: dict[str, float | None],
    *,
    speaker_id: str | None = None,
    overlap_ms: int = 0,
) -> Binding:
    utterance = _utterance(speaker_id=speaker_id, overlap_ms=overlap_ms)
    (binding,) = bind_utterances(recording, [utterance], tracks, [_row(scores)], BindSection())
    assert binding.utterance_id == utterance.utterance_id
    assert (binding.track_id is not None) == (binding.reason is BindingReason.BOUND)
    return binding


def test_the_talker_is_bound_and_named(recording: Recording) -> None:
    talker, listener = _track("f1", participant_id="p1"), _track("f2", participant_id="p2")
    for tracks in ([talker, listener], [listener, talker]):
        binding = _bind(recording, tracks, {"f1": TALKS, "f2": RESTS})
        assert (binding.track_id, binding.speaker_id, binding.runner_up_track_id) == ("talk_f1", "p1", "talk_f2")
        assert binding.score == pytest.approx(TALKS)
        assert binding.margin == pytest.approx(TALKS - RESTS)
        assert binding.confidence is not None and binding.confidence > 0.9
        assert binding.off_screen is not None and binding.off_screen < 0.1
        assert (binding.offset_ms, binding.source) == (-40, SOURCE)


def test_a_single_candidates_margin_is_its_score(recording: Recording) -> None:
    binding = _bind(recording, [_track("f1")], {"f1": TALKS})
    assert binding.margin == binding.score
    assert binding.runner_up_track_id is None
    assert binding.speaker_id is None


def test_still_listeners_mean_that_the_speaker_is_off_screen(recording: Recording) -> None:
    binding = _bind(recording, [_track("f1"), _track("f2")], {"f1": RESTS, "f2": RESTS})
    assert binding.reason is BindingReason.OFF_SCREEN
    assert binding.score == pytest.approx(RESTS)
    assert binding.off_screen is not None and binding.off_screen > 0.9


def test_two_mouths_that_move_alike_are_not_decided_between(recording: Recording) -> None:
    binding = _bind(recording, [_track("f1"), _track("f2")], {"f1": TALKS, "f2": TALKS})
    assert binding.reason is BindingReason.SEVERAL_CANDIDATES
    assert binding.runner_up_track_id == "talk_f2"
    assert binding.confidence == pytest.approx(0.5, abs=0.05)


def _take_turns(share: float, *, at_once: float = 0.0) -> Speaking:
    """f1 talks in the first `share` of the speech, f2 in the rest; for `at_once` of it before the change both do."""
    row = _row({"f1": TALKS, "f2": TALKS})
    spoken = [t for t in row.faces[0].t_ms if any(span.contains(t) for span in SPEECH)]
    change, begin = (spoken[min(round(at * len(spoken)), len(spoken) - 1)] for at in (share, share - at_once))
    first, second = row.faces
    scores = tuple(TALKS if t < change else RESTS for t in first.t_ms)
    others = tuple(TALKS if t >= begin else RESTS for t in first.t_ms)
    faces = (first.model_copy(update={"scores": scores}), second.model_copy(update={"scores": others}))
    return row.model_copy(update={"faces": faces})


@pytest.mark.parametrize(("share", "at_once"), [(0.5, 0.0), (0.7, 0.0), (0.7, 0.4), (0.3, 0.0)])
def test_a_word_handed_over_within_an_utterance_is_neither_faces(
    recording: Recording, share: float, at_once: float
) -> None:
    """However often each of them was the speaker before: their levels are known, and one of them is ahead."""
    tracks = [_track("f1"), _track("f2")]
    history = [{"f1": TALKS, "f2": RESTS}, {"f1": RESTS, "f2": TALKS}] * 3
    rows = [_take_turns(share, at_once=at_once), *(_row(s, name=f"talk_{n}") for n, s in enumerate(history))]
    utterances = [_utterance(row.utterance_id) for row in rows]
    settings = BindSection(min_confidence=0.0)  # it is no question of confidence
    first, *others = bind_utterances(recording, utterances, tracks, rows, settings)
    assert (first.track_id, first.reason) == (None, BindingReason.SEVERAL_CANDIDATES)
    assert first.score is not None and first.confidence is not None
    assert [binding.track_id for binding in others] == ["talk_f1", "talk_f2"] * 3


def test_a_listeners_short_word_does_not_take_the_face_away(recording: Recording) -> None:
    tracks = [_track("f1"), _track("f2")]
    (binding,) = bind_utterances(recording, [_utterance()], tracks, [_take_turns(0.9)], BindSection())
    assert binding.track_id == "talk_f1"


def test_only_the_speech_counts(recording: Recording) -> None:
    row = _row({"f1": RESTS}, outside=1.0)
    (binding,) = bind_utterances(recording, [_utterance()], [_track("f1")], [row], BindSection())
    assert binding.reason is BindingReason.OFF_SCREEN


def test_two_voices_at_once_get_no_face(recording: Recording) -> None:
    for overlap_ms, reason in ((1100, BindingReason.BOUND), (1300, BindingReason.OVERLAP)):
        binding = _bind(recording, [_track("f1")], {"f1": TALKS}, overlap_ms=overlap_ms)
        assert binding.reason is reason
        assert binding.score is not None


def test_a_face_seen_too_little_is_no_candidate(recording: Recording) -> None:
    late = _track("f1", seen=Span(start_ms=4000, end_ms=7000))
    assert _bind(recording, [late], {"f1": TALKS}).reason is BindingReason.NO_FACE
    both = _bind(recording, [late, _track("f2")], {"f1": TALKS, "f2": RESTS})
    assert both.reason is BindingReason.OFF_SCREEN


def test_faces_that_could_not_be_judged(recording: Recording) -> None:
    assert _bind(recording, [_track("f1")], {"f1": None}).reason is BindingReason.NO_LANDMARKS
    assert _bind(recording, [_track("f1")], {}).reason is BindingReason.NO_LANDMARKS


def test_no_face_and_no_video(recording: Recording) -> None:
    empty = Speaking(utterance_id="talk_2000_5000", source=SOURCE)
    (binding,) = bind_utterances(recording, [_utterance()], [], [empty], BindSection())
    assert (binding.reason, binding.score, binding.confidence) == (BindingReason.NO_FACE, None, None)
    voice_only = recording.model_copy(update={"video": None})
    (binding,) = bind_utterances(voice_only, [_utterance(speaker_id="p1")], [], [empty], BindSection())
    assert (binding.reason, binding.speaker_id) == (BindingReason.NO_VIDEO, "p1")


def test_a_speaker_known_by_voice_is_never_bound_to_somebody_elses_face(recording: Recording) -> None:
    binding = _bind(recording, [_track("f1", participant_id="p2")], {"f1": TALKS}, speaker_id="p1")
    assert (binding.reason, binding.speaker_id) == (BindingReason.NO_FACE, "p1")


def test_a_speaker_known_by_voice_and_seat_needs_no_lips(recording: Recording) -> None:
    own, other = _track("f1", participant_id="p1"), _track("f2")
    binding = _bind(recording, [own, other], {"f1": RESTS, "f2": TALKS}, speaker_id="p1", overlap_ms=2400)
    assert (binding.track_id, binding.speaker_id) == ("talk_f1", "p1")
    binding = _bind(recording, [own], {"f1": None}, speaker_id="p1")
    assert (binding.track_id, binding.score, binding.margin) == ("talk_f1", None, None)


def test_a_speaker_known_by_voice_may_be_an_unnamed_face(recording: Recording) -> None:
    binding = _bind(recording, [_track("f1"), _track("f2")], {"f1": TALKS, "f2": RESTS}, speaker_id="p1")
    assert (binding.track_id, binding.speaker_id) == ("talk_f1", "p1")


def test_a_person_in_two_tracks_is_one_person(recording: Recording) -> None:
    """Seated tracks of one participant share their history; of two that are visible, the one that talks is bound."""
    before, after = Span(start_ms=0, end_ms=4000), Span(start_ms=2000, end_ms=7000)
    tracks = [_track("f1", participant_id="p1", seen=before), _track("f2", participant_id="p1", seen=after)]
    binding = _bind(recording, tracks, {"f1": 0.9, "f2": TALKS})
    assert (binding.track_id, binding.speaker_id) == ("talk_f2", "p1")


def test_bindings_come_in_the_order_of_utterances_and_need_their_scores(recording: Recording) -> None:
    utterances = [_utterance("talk_2000_5001"), _utterance("talk_2000_5000")]
    rows = [_row({"f1": TALKS}, name=utterance.utterance_id) for utterance in utterances]
    bindings = bind_utterances(recording, utterances, [_track("f1")], rows, BindSection())
    assert [binding.utterance_id for binding in bindings] == ["talk_2000_5001", "talk_2000_5000"]
    assert bind_utterances(recording, [], [_track("f1")], [], BindSection()) == []
    with pytest.raises(CorpusError, match="not those of its utterances"):
        bind_utterances(recording, utterances, [_track("f1")], rows[::-1], BindSection())


def test_a_chatterer_is_not_bound_where_it_only_scores_as_always(recording: Recording) -> None:
    """Its lips always move: bound where nothing else is known of it, not where all other utterances show the same."""
    tracks = [_track("chats"), _track("talks")]
    history = [{"chats": 0.9, "talks": TALKS}] * 6 + [{"chats": TALKS, "talks": RESTS}] * 2
    rows = [_row(scores, name=f"talk_{n}") for n, scores in enumerate([{"chats": 0.9, "talks": RESTS}, *history])]
    utterances = [_utterance(row.utterance_id) for row in rows]
    assert bind_utterances(recording, utterances[:1], tracks, rows[:1], BindSection())[0].track_id == "talk_chats"
    first = bind_utterances(recording, utterances, tracks, rows, BindSection())[0]
    assert first.track_id is None
    assert first.score == pytest.approx(0.9)


def test_visible_share_counts_speech_only() -> None:
    track = _track("f1", seen=Span(start_ms=0, end_ms=3000))
    early, late = Span(start_ms=2000, end_ms=2500), Span(start_ms=4000, end_ms=4500)
    assert measure_visible_share(track, [early]) == pytest.approx(1)
    assert measure_visible_share(track, [late]) == 0
    assert measure_visible_share(track, [early, late]) == pytest.approx(0.5)
