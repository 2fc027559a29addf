"""Scenes in which a face is easily taken for the speaker: each is bound rightly or not at all, with the reason.

Real photographs, real speech, real detector: through the stages in the order of the pipeline, on their defaults.
"""

from pathlib import Path

import numpy as np
import pytest

from sdme_tools.backends.fetch import fetch_models
from sdme_tools.backends.registry import create_face_detector, create_speaking_scorer, create_vad
from sdme_tools.records.face import Binding, BindingReason, FaceTrack
from sdme_tools.records.stage_config import BindSection, FacesSection, SegmentSection, SpeakingSection
from sdme_tools.records.utterance import Utterance
from sdme_tools.stages.bind import bind_utterances
from sdme_tools.stages.faces import track_faces
from sdme_tools.stages.segment import segment_recording
from sdme_tools.stages.speaking import score_speaking
from tests.factories import ingest
from tests.scenes import FPS, film, hang, listen, nobody, read_clip, say, shake, sit_still, talk, turn_aside, wear_mask
from tests.tooling.sounds import make_music

LINE, OTHER = "dinner_1_00", "dinner_1_02"


@pytest.fixture(scope="module", autouse=True)
def _model_files() -> None:
    fetch_models()


def _bind(path: Path, scorer: SpeakingSection | None = None) -> tuple[list[Utterance], list[FaceTrack], list[Binding]]:
    recording = ingest(path)
    utterances, _ = segment_recording(recording, path, SegmentSection(), create_vad(SegmentSection(), "cpu"))
    tracks, _ = track_faces(recording, path, FacesSection(), create_face_detector(FacesSection(), "cpu"))
    scores = score_speaking(
        recording, path, utterances, tracks, create_speaking_scorer(scorer or SpeakingSection(), "cpu")
    )
    return utterances, tracks, bind_utterances(recording, utterances, tracks, scores, BindSection())


def _place(binding: Binding, tracks: list[FaceTrack]) -> int | None:
    """The pane of the face that was bound, from the left."""
    bound = [track for track in tracks if track.track_id == binding.track_id]
    return bound[0].boxes[0][0] // 320 if bound else None


def _bind_one(path: Path) -> tuple[Binding, int | None]:
    utterances, tracks, bindings = _bind(path)
    assert len(utterances) == len(bindings) == 1
    return bindings[0], _place(bindings[0], tracks)


def test_a_poster_beside_the_speaker_is_never_bound(tmp_path: Path) -> None:
    binding, place = _bind_one(film(tmp_path / "a.mp4", [hang("p02", LINE), talk("p01", LINE)], say(LINE)))
    assert (binding.reason, place) == (BindingReason.BOUND, 1)


@pytest.mark.parametrize("is_shaken", [False, True], ids=["tripod", "hand"])
def test_a_poster_alone_does_not_speak(tmp_path: Path, is_shaken: bool) -> None:
    poster = hang("p02", LINE)
    binding, _ = _bind_one(film(tmp_path / "a.mp4", [shake(poster) if is_shaken else poster], say(LINE)))
    assert (binding.reason, binding.track_id) == (BindingReason.OFF_SCREEN, None)


def test_a_voice_over_is_no_silent_listeners(tmp_path: Path) -> None:
    people = [listen("p01", LINE), listen("p02", LINE)]
    binding, _ = _bind_one(film(tmp_path / "a.mp4", people, say(LINE)))
    assert (binding.reason, binding.track_id) == (BindingReason.OFF_SCREEN, None)


def test_a_mirror_image_talks_as_well_as_the_speaker_so_neither_is_sure(tmp_path: Path) -> None:
    speaker = talk("p01", LINE)
    binding, _ = _bind_one(film(tmp_path / "a.mp4", [speaker, speaker[:, :, ::-1]], say(LINE)))
    assert (binding.reason, binding.track_id) == (BindingReason.SEVERAL_CANDIDATES, None)


def test_two_who_speak_at_once_are_not_decided_between(tmp_path: Path) -> None:
    people, voice = [talk("p01", LINE), talk("p02", OTHER)], say(LINE) + say(OTHER)[: len(say(LINE))]
    _, _, bindings = _bind(film(tmp_path / "a.mp4", [pane[: len(people[0])] for pane in people], voice))
    assert bindings and all(binding.reason is BindingReason.SEVERAL_CANDIDATES for binding in bindings)


@pytest.mark.parametrize("has_listener", [False, True])
def test_a_mask_over_the_speakers_mouth_leaves_the_voice_without_a_face(tmp_path: Path, has_listener: bool) -> None:
    people = [wear_mask(talk("p01", LINE), "p01"), *([listen("p02", LINE)] if has_listener else [])]
    binding, _ = _bind_one(film(tmp_path / "a.mp4", people, say(LINE)))
    assert binding.reason in (BindingReason.OFF_SCREEN, BindingReason.NO_FACE, BindingReason.NO_LANDMARKS)


@pytest.mark.parametrize(("person", "listener"), [("p01", "p02"), ("p02", "p01")])
@pytest.mark.parametrize("yaw_deg", [70, -85])
def test_who_speaks_in_profile_is_bound_rightly_or_not_at_all(
    tmp_path: Path, person: str, listener: str, yaw_deg: float
) -> None:
    people = [turn_aside(talk(person, LINE), yaw_deg), listen(listener, LINE)]
    binding, place = _bind_one(film(tmp_path / "a.mp4", people, say(LINE)))
    assert (binding.reason, place) in ((BindingReason.BOUND, 0), (BindingReason.OFF_SCREEN, None))


def test_somebody_alone_in_profile_is_still_found_and_bound(tmp_path: Path) -> None:
    _, tracks, bindings = _bind(film(tmp_path / "a.mp4", [turn_aside(talk("p02", LINE), 70)], say(LINE)))
    assert [binding.reason for binding in bindings] == [BindingReason.BOUND]
    assert all(track.quality.frontal_share == 0 for track in tracks if track.quality)


def test_an_empty_wall_has_no_face(tmp_path: Path) -> None:
    binding, _ = _bind_one(film(tmp_path / "a.mp4", [nobody(LINE)], say(LINE)))
    assert binding.reason is BindingReason.NO_FACE


@pytest.mark.parametrize(("seen", "reason"), [(0.75, BindingReason.BOUND), (0.3, BindingReason.NO_FACE)])
def test_who_leaves_while_speaking_is_bound_if_seen_for_most_of_it(
    tmp_path: Path, seen: float, reason: BindingReason
) -> None:
    speaker = talk("p01", LINE)
    speech = len(speaker) - 2 * FPS  # a second of room on both sides
    leaves = FPS + round(seen * speech)
    seen_then_not = np.concatenate([speaker[:leaves], nobody(LINE)[leaves:]])
    binding, _ = _bind_one(film(tmp_path / "a.mp4", [seen_then_not, listen("p02", LINE)[:, :, :40]], say(LINE)))
    assert binding.reason is reason


def test_music_is_nobodys_voice(tmp_path: Path) -> None:
    """Voice activity detection may take a moment of it for speech; no face does."""
    music = make_music(len(say(LINE)) / 16_000)
    _, tracks, bindings = _bind(film(tmp_path / "a.mp4", [listen("p01", LINE)], music))
    assert len(tracks) == 1
    assert all(binding.reason is BindingReason.OFF_SCREEN for binding in bindings)


def test_sound_that_begins_after_the_picture_stays_with_its_lips(tmp_path: Path) -> None:
    people = [talk("p01", LINE), listen("p02", LINE)]
    (whole, *_), *_ = _bind(film(tmp_path / "whole.mp4", people, say(LINE)))
    (late, *_), tracks, (binding, *_) = _bind(film(tmp_path / "late.mkv", people, say(LINE), sound_start_ms=600))
    assert (binding.reason, _place(binding, tracks)) == (BindingReason.BOUND, 0)
    assert late.span.start_ms == pytest.approx(whole.span.start_ms, abs=60)


RATES = {
    "15": [k * 1000 / 15 for k in range(200)],
    "22.13": [k * 1000 / 22.13 for k in range(200)],
    "23.976": [k * 1001 / 24 for k in range(200)],
    "29.97": [k * 1001 / 30 for k in range(200)],
    "60": [k * 1000 / 60 for k in range(400)],
    "variable": [t for t in range(0, 9000, 20) if t % 300 not in (20, 40, 100, 180)],
}


@pytest.mark.parametrize("rate", RATES)
def test_the_speaker_is_bound_at_any_frame_rate(tmp_path: Path, rate: str) -> None:
    people = [talk("p01", LINE), listen("p02", LINE)]
    end_ms = len(people[0]) * 1000 // FPS
    times_ms = [round(t) for t in RATES[rate] if t < end_ms]
    numbers = [t * FPS // 1000 for t in times_ms]
    path = film(tmp_path / "a.mkv", [pane[numbers] for pane in people], say(LINE), times_ms=times_ms)
    binding, place = _bind_one(path)
    assert (binding.reason, place) == (BindingReason.BOUND, 0)


@pytest.fixture(params=["mouth_movement", "lr-asd"])
def scorer(request: pytest.FixtureRequest, shared_data: Path) -> SpeakingSection:
    weights = shared_data / "models" / "lr_asd" / "pretrain_AVA.model"
    return SpeakingSection(backend=request.param, model=str(weights) if request.param == "lr-asd" else "")


def test_real_people_beside_a_poster_and_under_a_voice_over(
    tmp_path: Path, shared_data: Path, scorer: SpeakingSection
) -> None:
    (speaker, voice), (other, _), (third, _) = (
        read_clip(shared_data / "clips" / "grid" / f"{name}.mpg") for name in ("bbaf2n", "brbk7n", "sbwe5n")
    )
    poster = np.repeat(other[:1], len(speaker), axis=0)
    beside = film(tmp_path / "beside.mp4", [poster, speaker], voice)
    _, tracks, (binding,) = _bind(beside, scorer)
    bound = [track for track in tracks if track.track_id == binding.track_id]
    assert all(track.boxes[0][0] > speaker.shape[2] for track in bound)
    assert bound or scorer.backend == "mouth_movement", "that one is not sure of this speaker"
    over = film(tmp_path / "over.mp4", [sit_still(other), sit_still(third)], voice)
    _, tracks, (binding,) = _bind(over, scorer)
    assert len(tracks) == 2
    assert (binding.reason, binding.track_id) == (BindingReason.OFF_SCREEN, None)
