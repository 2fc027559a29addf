"""The light encoders: what they hear, see and read."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sdme_tools.training.features import edges, hashed_words, log_mel
from sdme_tools.training.features.decoding import decode_voice
from sdme_tools.training.features.edges import Edges, describe_faces
from sdme_tools.training.features.encoders import EncoderSettings
from sdme_tools.training.features.hashed_words import text_features, tokenise
from sdme_tools.training.features.log_mel import LogMel, LogMelDeltas, describe_voice, differentiate
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
