"""Every visible face is scored during every utterance, whatever the video's rate, from one decode of the video."""

from collections.abc import Iterator, Sequence
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from av.video.frame import VideoFrame

from sdme_tools.backends.protocols import SAMPLES_PER_PICTURE, SpeakingAnswer, SpeakingQuestion, SpeakingScorer
from sdme_tools.errors import BackendError
from sdme_tools.media import decoding, video
from sdme_tools.records.base import Source
from sdme_tools.records.face import FaceTrack
from sdme_tools.records.recording import Recording
from sdme_tools.records.span import Span
from sdme_tools.records.speaking import Speaking
from sdme_tools.records.utterance import Utterance
from sdme_tools.stages.face_windows import MAX_PICTURES, FacePath, cut_crop
from sdme_tools.stages.speaking import find_loudest, score_speaking
from tests.factories import grey_of, ingest, make_clicks, make_still_track, make_tone, make_utterance, write_media

BOX = (30, 20, 30, 30)


class Witness:
    """Scores by the crop's grey and keeps what it was asked, as a scorer of one's own would be written."""

    needs_crops = True

    def __init__(self) -> None:
        self.asked: list[SpeakingQuestion] = []
        self.num_calls = 0

    def identify(self) -> Source:
        return Source(backend="witness", version="1")

    def score(self, questions: Sequence[SpeakingQuestion]) -> list[SpeakingAnswer]:
        self.asked += questions
        self.num_calls += 1
        return [self.answer(question) for question in questions]

    def answer(self, question: SpeakingQuestion) -> SpeakingAnswer:
        assert question.crops is not None
        assert question.voice.shape == (SAMPLES_PER_PICTURE * len(question.mouth_opening),)
        return SpeakingAnswer((question.crops.mean(axis=(1, 2)) / 255).astype(np.float32))


def _film(tmp_path: Path, **how: object) -> Recording:
    """Six seconds; each frame is of another grey."""
    how = {"num_frames": 150, "sound": make_tone(6000)} | how
    return ingest(write_media(tmp_path / "a.mkv", **how))  # type: ignore[arg-type]


def _greys(row_scores: Sequence[float | None]) -> list[int]:
    return [-1 if score is None else round(score * 255) for score in row_scores]


def _score(
    recording: Recording, utterances: list[Utterance], *tracks: FaceTrack, scorer: SpeakingScorer | None = None
) -> list[Speaking]:
    return score_speaking(recording, Path(recording.source), utterances, tracks, scorer or Witness())


@pytest.mark.parametrize(
    "times_ms",
    [
        [round(k * 1000 / 15) for k in range(90)],
        [round(k * 1000 / 22.13) for k in range(133)],
        [round(k * 1000 / 29.97) for k in range(180)],
        [round(k * 1000 / 60) for k in range(360)],
        [t for t in range(0, 6000, 20) if t % 300 not in (20, 40, 100, 180)],
    ],
    ids=["15", "22.13", "29.97", "60", "variable"],
)
def test_pictures_come_at_25_a_second_at_whatever_rate_they_were_filmed(tmp_path: Path, times_ms: list[int]) -> None:
    recording = _film(tmp_path, num_frames=len(times_ms), frame_times_ms=times_ms)
    track = make_still_track(recording, "f1", BOX, range(0, 5900, 80))
    (row,) = _score(recording, [make_utterance(recording, 1000, 3000)], track)
    (face,) = row.faces
    assert face.t_ms == tuple(range(600, 3400, 40))
    shown = [max(k for k, time in enumerate(times_ms) if time <= t) for t in face.t_ms]
    assert np.abs(np.array(_greys(face.scores)) - [grey_of(k) for k in shown]).max() <= 4


def test_the_video_is_decoded_once_however_many_utterances(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    recording = _film(tmp_path)
    tracks = [make_still_track(recording, name, BOX, range(0, 5900, 80)) for name in ("f1", "f2")]
    utterances = [make_utterance(recording, start, start + 500) for start in range(200, 5200, 500)]
    frames: list[int] = []
    decode = decoding.decode_video

    def count(source: Path, index: int, *, from_us: int) -> Iterator[tuple[int, VideoFrame]]:
        for time_us, frame in decode(source, index, from_us=from_us):
            frames.append(time_us)
            yield time_us, frame

    monkeypatch.setattr(video, "decode_video", count)
    scorer = Witness()
    rows = _score(recording, utterances, *tracks, scorer=scorer)
    assert [row.utterance_id for row in rows] == [utterance.utterance_id for utterance in utterances]
    assert all([face.track_id for face in row.faces] == ["a_f1", "a_f2"] for row in rows)
    assert len(frames) == len(set(frames)) <= 150
    assert scorer.num_calls == 1 and len(scorer.asked) == 20


def test_without_a_need_of_pictures_none_is_decoded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Blind(Witness):
        needs_crops = False

        def answer(self, question: SpeakingQuestion) -> SpeakingAnswer:
            assert question.crops is None
            return SpeakingAnswer(question.mouth_opening)

    recording = _film(tmp_path)
    monkeypatch.setattr(video, "decode_video", None)
    track = make_still_track(recording, "f1", BOX, range(0, 5900, 80), mouth=0.25)
    (row,) = _score(recording, [make_utterance(recording, 1000, 2000)], track, scorer=Blind())
    assert set(row.faces[0].scores) == {0.25}


def test_sound_that_starts_later_than_the_picture_is_silence_before(tmp_path: Path) -> None:
    recording = _film(tmp_path, sound=make_clicks(4000, [500]), sound_start_ms=2000)
    scorer = Witness()
    _score(
        recording,
        [make_utterance(recording, 1000, 4000)],
        make_still_track(recording, "f1", BOX, range(0, 5900, 80)),
        scorer=scorer,
    )
    loud = np.flatnonzero(np.abs(scorer.asked[0].voice) > 0.2) / 16 + 600
    assert len(loud) and abs(loud[0] - 2500) < 10  # lossy coding smears by some milliseconds
    assert not scorer.asked[0].voice[: 1300 * 16].any()


def test_a_face_that_comes_and_goes_is_scored_while_it_is_seen(tmp_path: Path) -> None:
    recording = _film(tmp_path)
    late = make_still_track(recording, "f1", BOX, range(2000, 3000, 80))
    torn = make_still_track(recording, "f2", BOX, [*range(0, 1600, 80), *range(2400, 5900, 80)])
    brief = make_still_track(recording, "f3", BOX, [1800, 1880])
    away = make_still_track(recording, "f4", BOX, [*range(0, 900, 80), *range(3200, 5900, 80)])
    (row,) = _score(recording, [make_utterance(recording, 1000, 3000)], late, torn, brief, away)
    faces = {face.track_id: face for face in row.faces}
    assert set(faces) == {"a_f1", "a_f2"}
    assert (faces["a_f1"].t_ms[0], faces["a_f1"].t_ms[-1]) == (2000, 3000)
    unseen = [t for t, score in zip(faces["a_f2"].t_ms, faces["a_f2"].scores, strict=True) if score is None]
    assert unseen == list(range(1680, 2280, 40)) or unseen == list(range(1640, 2320, 40))


def test_nobody_in_sight_and_no_video_give_rows_without_faces(tmp_path: Path) -> None:
    recording = _film(tmp_path)
    utterances = [make_utterance(recording, 1000, 2000), make_utterance(recording, 3000, 4000)]
    for filmed, tracks in (
        (recording, ()),
        (recording, (make_still_track(recording, "f1", BOX, range(5000, 5900, 80)),)),
        (recording.model_copy(update={"video": None}), (make_still_track(recording, "f1", BOX, range(0, 5900, 80)),)),
    ):
        rows = _score(filmed, utterances, *tracks)
        assert [row.faces for row in rows] == [(), ()]
        assert [row.speech for row in rows] == [(), ()]
        assert rows[0].source.backend == "witness"


def test_a_long_utterance_is_looked_at_in_pieces_and_comes_back_whole(tmp_path: Path) -> None:
    recording = _film(tmp_path, num_frames=750, sound=make_tone(30_000))
    scorer = Witness()
    track = make_still_track(recording, "f1", BOX, range(0, 29_900, 80))
    (row,) = _score(recording, [make_utterance(recording, 500, 29_000)], track, scorer=scorer)
    assert max(len(question.mouth_opening) for question in scorer.asked) <= MAX_PICTURES
    assert {after - before for before, after in pairwise(row.faces[0].t_ms)} == {40}
    assert (row.faces[0].t_ms[0], row.faces[0].t_ms[-1]) == (120, 29_360)


def test_a_mouth_without_landmarks_stays_unknown(tmp_path: Path) -> None:
    recording = _film(tmp_path)
    track = make_still_track(recording, "f1", BOX, range(0, 5900, 80))
    assert np.isnan(FacePath(track).measure_opening(10, 30)).all()
    half = track.model_copy(update={"mouth_opening": (0.1,) * 10 + (None,) * 64})
    opening = FacePath(half).measure_opening(0, 40)
    assert np.isfinite(opening[:20]).all() and np.isnan(opening[24:]).all()


@pytest.mark.parametrize(
    ("x", "y", "half"), [(0, 0, 20), (95, 63, 20), (-300, 30, 10), (500, 500, 10), (48, 32, 400), (48, 32, 0.2)]
)
def test_a_face_at_the_edge_or_beyond_gives_a_crop_all_the_same(x: float, y: float, half: float) -> None:
    crop = cut_crop(np.full((64, 96), 200, np.uint8), x, y, half)
    assert crop.shape == (112, 112) and crop.dtype == np.uint8
    assert set(np.unique(crop)) <= set(range(110, 201))


def test_a_crop_shows_what_lies_around_the_mouth() -> None:
    """With half side 50 around (100, 100): from 65 to 135 across and from 85 to 155 down."""
    grey = np.zeros((300, 300), np.uint8)
    grey[85:155, 65:135] = 255
    assert cut_crop(grey, 100, 100, 50).min() == 255
    assert cut_crop(grey, 110, 100, 50)[:, -10:].max() == 0


@pytest.mark.parametrize(
    ("scores", "what"),
    [(np.zeros(3, np.float32), "shape"), (np.full(70, 1.5, np.float32), "outside 0 to 1"), (None, "gave 0 answers")],
)
def test_a_scorer_that_answers_wrongly_is_named(tmp_path: Path, scores: np.ndarray | None, what: str) -> None:
    class Wrong(Witness):
        def score(self, questions: Sequence[SpeakingQuestion]) -> list[SpeakingAnswer]:
            return [] if scores is None else [SpeakingAnswer(scores) for _ in questions]

    recording = _film(tmp_path)
    track = make_still_track(recording, "f1", BOX, range(0, 5900, 80))
    with pytest.raises(BackendError, match=what) as error:
        _score(recording, [make_utterance(recording, 1000, 3000)], track, scorer=Wrong())
    assert "witness" in str(error.value) and "[speaking]" in str(error.value)


def test_the_loudest_pieces_add_up_to_the_speech() -> None:
    voice = np.full(16_000, 0.001, np.float32)
    voice[3200:6400] = 0.5
    voice[9600:11_200] = 0.2
    assert find_loudest(voice, 300) == [Span(start_ms=200, end_ms=400), Span(start_ms=600, end_ms=700)]
    assert find_loudest(voice, 5000) == [Span(start_ms=0, end_ms=1000)]
    assert find_loudest(voice[:80], 10) == [Span(start_ms=0, end_ms=5)]
