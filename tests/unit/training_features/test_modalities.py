"""The light encoders: what they hear, see and read."""

import io
from pathlib import Path

import av
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sdme_tools.backends.fetch import fetch_models
from sdme_tools.errors import TrainingError
from sdme_tools.training.features import edges, hashed_words, landmark_motion, log_mel, random_cnn
from sdme_tools.training.features.decoding import decode_voice
from sdme_tools.training.features.edges import Edges, describe_faces
from sdme_tools.training.features.encoders import EncoderSettings
from sdme_tools.training.features.functionals import FUNCTIONALS, Functionals, compute_functionals
from sdme_tools.training.features.hashed_words import text_features, tokenise
from sdme_tools.training.features.landmark_motion import LandmarkMotion, describe_motion
from sdme_tools.training.features.log_mel import LogMel, LogMelDeltas, describe_voice, differentiate
from sdme_tools.training.features.random_cnn import RandomCnn
from tests.unit.release.tiny_corpus import make_face, make_voice

VOICE, FACE = LogMel(EncoderSettings("log_mel")), Edges(EncoderSettings("edges"))
PITCH, PERIODICITY = log_mel.NUM_MELS, log_mel.NUM_MELS + 1


@pytest.mark.parametrize("pitch_hz", [80, 150, 220, 400])
def test_a_tone_has_its_pitch(pitch_hz: int) -> None:
    features = VOICE.prepare(make_voice(pitch_hz, 1000))
    assert features is not None
    middle = features[len(features) // 2]
    assert middle[PERIODICITY] > 0.99
    assert 60 * 2 ** (middle[PITCH] / middle[PERIODICITY]) == pytest.approx(pitch_hz, rel=0.02)


def test_a_buzz_has_the_pitch_of_its_period_not_of_its_harmonics() -> None:
    pulses = np.zeros(16_000, np.float32)
    pulses[::128] = 0.5
    features = describe_voice(pulses)
    middle = features[len(features) // 2]
    assert 60 * 2 ** (middle[PITCH] / middle[PERIODICITY]) == pytest.approx(125, rel=0.02)


def test_the_loudest_mel_band_is_the_tones() -> None:
    centres = [np.argmax(filter_) * 16_000 / 1024 for filter_ in log_mel.mel_filters()]
    for pitch_hz in (300, 1000, 3000):
        features = VOICE.prepare(make_voice(pitch_hz, 500))
        assert features is not None
        loudest = int(features[10, : log_mel.NUM_MELS].argmax())
        assert centres[loudest] == pytest.approx(pitch_hz, rel=0.12)


def test_every_frequency_is_in_a_mel_band() -> None:
    weight = log_mel.mel_filters().sum(axis=0)
    frequencies = np.fft.rfftfreq(1024, 1 / 16_000)
    assert (weight[(frequencies > 110) & (frequencies < 7300)] > 0).all()


@pytest.mark.parametrize("num_samples", [1, 639, 640, 641, 16_000, 240_000])
def test_any_length_of_voice_is_described(num_samples: int) -> None:
    features = describe_voice(np.random.default_rng(0).uniform(-1, 1, num_samples).astype(np.float32))
    assert len(features) == max(1, 1 + (num_samples - 640) // 320)
    assert features.shape[1] == log_mel.NUM_FEATURES
    assert features.dtype == np.float32
    assert np.isfinite(features).all()


def test_silence_is_finite_and_aperiodic() -> None:
    features = describe_voice(np.zeros(8000, np.float32))
    assert np.isfinite(features).all()
    assert (features[:, PERIODICITY] == 0).all()


def test_a_long_voice_is_averaged_down() -> None:
    features = VOICE.prepare(make_voice(200, 9000))
    assert features is not None
    assert features.shape == (log_mel.MAX_STEPS, log_mel.NUM_FEATURES)


def test_deltas_are_the_slope_of_what_they_stand_beside() -> None:
    steps = np.arange(10, dtype=np.float32)[:, None] * np.array([[2.0, -3.0]], np.float32)
    assert np.allclose(differentiate(steps)[2:-2], [2.0, -3.0])
    assert (differentiate(np.ones((4, 2), np.float32)) == 0).all()
    both = LogMelDeltas(EncoderSettings("log_mel_deltas")).prepare(make_voice(200, 1000))
    plain = VOICE.prepare(make_voice(200, 1000))
    assert both is not None and plain is not None
    assert np.array_equal(both[:, : log_mel.NUM_FEATURES], plain)
    assert np.array_equal(both[:, log_mel.NUM_FEATURES :], differentiate(plain))


def test_flac_decodes_to_its_samples() -> None:
    assert len(decode_voice(make_voice(200, 730))) == 730 * 16


def test_a_face_is_looked_at_five_times_a_second() -> None:
    features = FACE.prepare(make_face(200, num_frames=50))
    assert features is not None
    assert features.shape == (10, edges.NUM_FEATURES)
    assert features.dtype == np.float32
    assert np.isfinite(features).all()


def test_edges_are_blind_to_brightness_and_contrast() -> None:
    picture = np.random.default_rng(0).uniform(50, 150, (1, 48, 48))
    assert np.allclose(describe_faces(picture), describe_faces(picture * 0.5 + 60), atol=1e-5)


@pytest.mark.parametrize(("turned", "orientation"), [(False, 0), (True, 4)])
def test_edges_have_their_direction(turned: bool, orientation: int) -> None:
    picture = np.zeros((1, 48, 48))
    picture[0, :, 24:] = 200
    edges = describe_faces(picture.transpose(0, 2, 1) if turned else picture)[0, : 36 * 8]
    assert (edges.reshape(8, 36).sum(axis=1) > 0).nonzero()[0].tolist() == [orientation]


def test_change_is_felt_where_it_happens() -> None:
    pictures = np.random.default_rng(0).uniform(0, 255, (1, 48, 48)).repeat(3, axis=0)
    pictures[1:, :8, :8] = pictures[1:, :8, :8][:, ::-1]
    change = describe_faces(pictures)[:, -36:]
    assert (change[0] == 0).all()
    assert (change[2] == 0).all()
    assert change[1].argmax() == 0
    assert np.allclose(change[1, 1:], 0, atol=1e-6)


@pytest.mark.parametrize(
    ("written", "tokens"),
    [
        ("Don't you DARE!", ["don't", "you", "dare", "!"]),
        ("ça va… Straße", ["ça", "va", "...", "strasse"]),
        ("我很高兴。", ["我", "很", "高", "兴"]),
        ("안녕 세계", ["안녕", "세계"]),
        (" ,.; _", []),
        ("don’t 3 ok", ["don’t", "3", "ok"]),
    ],
)
def test_words_of_many_scripts(written: str, tokens: list[str]) -> None:
    assert tokenise(written) == tokens


def test_words_that_are_spelt_alike_are_near() -> None:
    happy, happier, table = (text_features(word)[0] for word in ("happiness", "happily", "table"))  # type: ignore[index]
    assert happy @ happier > 0.3
    assert happy @ happier > happy @ table + 0.2


def test_hashes_are_the_same_everywhere() -> None:
    features = text_features("hello")
    assert features is not None
    assert np.flatnonzero(features[0]).tolist() == [0, 1, 12, 35, 43, 46, 53, 59, 62, 84]


@given(st.text(max_size=300))
def test_any_text_is_described_or_missing(written: str) -> None:
    features = text_features(written)
    if features is not None:
        assert 1 <= len(features) <= hashed_words.MAX_STEPS
        assert np.isfinite(features).all()


def functional(values: np.ndarray, name: str) -> float:
    return float(values[0, FUNCTIONALS.index(name)])


@pytest.mark.parametrize("pitch_hz", [110.0, 220.0])
def test_functionals_of_a_steady_tone_are_steady(pitch_hz: float) -> None:
    described = Functionals(EncoderSettings("functionals")).prepare(make_voice(pitch_hz, 1000))
    assert described is not None
    assert described.shape == (1, len(FUNCTIONALS))
    assert functional(described, "pitch_semitones_mean") == pytest.approx(12 * np.log2(pitch_hz / 27.5), abs=0.3)
    assert functional(described, "pitch_semitones_sd") < 0.1
    assert functional(described, "voiced_share") == 1.0
    assert functional(described, "period_change_mean") < 0.01
    level_db = 20 * np.log10(8000 / 32768 / np.sqrt(2))
    assert functional(described, "level_db") == pytest.approx(level_db, abs=0.2)


def test_functionals_tell_loud_from_soft_dark_from_bright_and_pauses() -> None:
    time = np.arange(16_000) / 16_000
    low, high = (0.2 * np.sin(2 * np.pi * hz * time).astype(np.float32) for hz in (300, 3000))
    assert functional(compute_functionals(low), "loudness_mean") > 2 * functional(
        compute_functionals(low / 20), "loudness_mean"
    )
    assert functional(compute_functionals(low), "alpha_ratio_db_mean") > 20
    assert functional(compute_functionals(high), "alpha_ratio_db_mean") < -20
    assert functional(compute_functionals(high), "hammarberg_db_mean") < 0
    broken = low.copy()
    broken[6000:10_000] = 0
    assert functional(compute_functionals(broken), "voiced_per_s") == pytest.approx(2, abs=0.1)
    assert functional(compute_functionals(broken), "unvoiced_mean_s") == pytest.approx(0.25, abs=0.05)


@pytest.mark.parametrize(("num_samples", "num_steps"), [(1, 1), (16_000, 1), (40_000, 4), (3_000_000, 100)])
def test_functionals_of_any_length_are_finite(num_samples: int, num_steps: int) -> None:
    noise = np.random.default_rng(0).uniform(-1, 1, num_samples).astype(np.float32)
    steps = compute_functionals(noise)
    assert abs(min(len(steps), 100) - num_steps) <= 1
    assert np.isfinite(steps).all()
    assert np.isfinite(compute_functionals(np.zeros(num_samples, np.float32))).all()


def test_a_random_network_is_the_same_each_time_and_sees_differences() -> None:
    first, second = (RandomCnn(EncoderSettings("random_cnn")) for _ in range(2))
    assert first.describe() == second.describe()
    faces = [make_face(200, 50), make_face(90, 20)]
    prepared = [first.prepare(face) for face in faces]
    assert prepared[0] is not None and prepared[1] is not None
    together = first.encode([prepared[0], prepared[1]])
    assert [steps.shape for steps in together] == [(10, random_cnn.NUM_FEATURES), (4, random_cnn.NUM_FEATURES)]
    (alone,) = second.encode([prepared[1]])
    assert np.allclose(together[1], alone, atol=1e-5)
    assert np.abs(together[0][0] - together[0][-1]).max() > 0.01


def made_landmarks(num: int) -> np.ndarray:
    return np.random.default_rng(0).uniform(40, 150, (468, 3))[None].repeat(num, axis=0)


def test_landmarks_are_blind_to_where_how_large_and_how_tilted_a_face_is() -> None:
    face = made_landmarks(2)
    turn = np.array([[0.8, -0.6, 0], [0.6, 0.8, 0], [0, 0, 1.0]])
    moved = 1.7 * face @ turn.T + np.array([30.0, -20.0, 0.0])
    times = np.array([0.0, 0.1])
    num_shape = 2 * len(landmark_motion.POINTS) + 1
    here, there = describe_motion(times, face)[:, :num_shape], describe_motion(times, moved)[:, :num_shape]
    assert np.allclose(here, there, atol=1e-4)


def test_landmarks_tell_how_fast_a_lip_moves() -> None:
    face = made_landmarks(2)
    unit = np.linalg.norm(face[0, 263] - face[0, 33])
    face[1, 84, 1] += unit  # the lower lip
    still, moving = (describe_motion(np.array([0.0, 0.5]), points) for points in (made_landmarks(2), face))
    num_shape = 2 * len(landmark_motion.POINTS) + 1
    assert (still[1, num_shape : 2 * num_shape] == 0).all()
    speed = moving[1, num_shape : 2 * num_shape - 1].reshape(-1, 2)
    place = landmark_motion.POINTS.index(84)
    assert np.linalg.norm(speed[place]) == pytest.approx(2.0, abs=1e-3)
    assert np.allclose(np.delete(speed, place, axis=0), 0, atol=1e-5)


def test_landmarks_are_found_in_a_real_face_and_told_where_there_is_none(shared_data: Path) -> None:
    fetch_models()
    encoder = LandmarkMotion(EncoderSettings("landmarks"))
    clip = sorted((shared_data / "clips" / "grid").glob("*.mpg"))[0]
    features = encoder.prepare(cut_face(clip))
    assert features is not None
    assert features.shape[1] == encoder.describe().num_features
    assert 20 <= len(features) <= 31  # ten a second of three seconds
    assert np.isfinite(features).all()
    with pytest.raises(TrainingError, match="no face is found in any of its"):
        encoder.prepare(make_face(200))


def cut_face(clip: Path) -> bytes:
    """The middle of a GRID clip, where the face is, as an MP4."""
    buffer = io.BytesIO()
    with av.open(str(clip)) as source, av.open(buffer, "w", format="mp4") as out:
        stream = out.add_stream("libx264", rate=25)
        stream.width, stream.height, stream.pix_fmt = 200, 200, "yuv420p"
        for frame in source.decode(video=0):
            picture = frame.to_ndarray(format="rgb24")[60:260, 80:280]
            out.mux(stream.encode(av.VideoFrame.from_ndarray(np.ascontiguousarray(picture), format="rgb24")))
        out.mux(stream.encode(None))
    return buffer.getvalue()
