"""What people look and sound like: real people, one of whom is in two recordings of different days' clips."""

import json
from pathlib import Path

import numpy as np
import pytest

from sdme_tools.backends.fetch import fetch_models
from sdme_tools.backends.registry import create_face_detector, create_face_embedder, create_voice_embedder
from sdme_tools.backends.weights import FACE_MODELS, IDENTITY_MODELS
from sdme_tools.corpus.identity import LocalSpeaker
from sdme_tools.media.video import read_frames_at
from sdme_tools.records.identity import SpeakerKind
from sdme_tools.records.recording import Recording
from sdme_tools.records.stage_config import FacesSection, IdentitySection
from sdme_tools.stages.linking import find_likely_pairs
from sdme_tools.stages.people import PeopleEmbeddings, choose_glimpses, embed_people
from tests.factories import ingest, make_track, make_utterance

SETTINGS = IdentitySection(faces_per_person=2)


def _people(source: Path, recording: Recording) -> list[LocalSpeaker]:
    """Everybody of a composed recording: the face in their pane, and their turns."""
    truth = json.loads(source.with_suffix(".json").read_text())
    (_, frame), *_ = read_frames_at(source, recording, [1000])
    (faces,) = create_face_detector(FacesSection(), "cpu").find_faces([frame])
    people = []
    for pane in truth["panes"]:
        left, top, width, height = pane["box_px"]
        (box,) = [f.box for f in faces if left <= f.box.x_px < left + width and top <= f.box.y_px < top + height]
        track = make_track(recording, [(box.x_px, box.y_px, box.width_px, box.height_px)] * 60)
        turns = [turn for turn in truth["turns"] if turn["speaker"] == pane["speaker"]]
        spoken = [make_utterance(recording, round(t["start"] * 1000), round(t["end"] * 1000)) for t in turns]
        people.append(LocalSpeaker(pane["speaker"], SpeakerKind.FACE, (track,), tuple(spoken)))
    return people


@pytest.fixture(scope="module")
def likenesses(shared_data: Path) -> list[PeopleEmbeddings]:
    fetch_models([*FACE_MODELS, *IDENTITY_MODELS])
    embedders = create_face_embedder(SETTINGS, "cpu"), create_voice_embedder(SETTINGS, "cpu")
    sources = [shared_data / "interactions" / f"{name}.mp4" for name in ("dyad_d", "panel_4")]
    recordings = [ingest(source) for source in sources]
    return [
        embed_people(recording, source, _people(source, recording), SETTINGS, *embedders)
        for source, recording in zip(sources, recordings, strict=True)
    ]


def _likely(likenesses: list[PeopleEmbeddings], *, faces: bool, voices: bool) -> set[tuple[str, str]]:
    names = [name for likeness in likenesses for name in likeness.names]
    face, voice = (np.concatenate([getattr(one, column) for one in likenesses]) for column in ("faces", "voices"))
    pairs = find_likely_pairs(
        face if faces else np.full_like(face, np.nan),
        voice if voices else np.full_like(voice, np.nan),
        create_face_embedder(SETTINGS, "cpu").weigh_evidence,
        create_voice_embedder(SETTINGS, "cpu").weigh_evidence,
        prior=SETTINGS.prior,
        least=SETTINGS.min_confidence if faces else 0.2,
    )
    return {(names[pair.first], names[pair.second]) for pair in pairs}


def test_the_person_of_both_recordings_is_the_only_likely_pair(likenesses: list[PeopleEmbeddings]) -> None:
    assert _likely(likenesses, faces=True, voices=True) == {("grid_swwp2s", "grid_swwp2s")}
    assert _likely(likenesses, faces=True, voices=False) == {("grid_swwp2s", "grid_swwp2s")}


def test_the_voice_alone_says_less_and_the_same(likenesses: list[PeopleEmbeddings]) -> None:
    assert _likely(likenesses, faces=False, voices=True) == {("grid_swwp2s", "grid_swwp2s")}


def test_what_there_was_to_see_and_hear_is_told(likenesses: list[PeopleEmbeddings]) -> None:
    for likeness in likenesses:
        assert likeness.num_faces.tolist() == [2] * len(likeness.names)
        assert all(3000 <= voice_ms <= 6000 for voice_ms in likeness.voice_ms)
        assert np.linalg.norm(likeness.faces, axis=1) == pytest.approx(1, abs=1e-3)


def test_glimpses_are_spread_and_take_the_largest_face_of_each_stretch(shared_data: Path) -> None:
    recording = ingest(shared_data / "interactions" / "dyad_d.mp4")
    boxes = [(0, 0, 50 + (number % 5), 50) for number in range(20)]
    glimpses = choose_glimpses([make_track(recording, boxes)], 4)
    assert [(g.t_ms, g.box.width_px) for g in glimpses] == [(400, 54), (900, 54), (1400, 54), (1900, 54)]
    assert choose_glimpses([], 4) == []
    assert len(choose_glimpses([make_track(recording, boxes[:2])], 4)) == 2
