"""The light scorer: still listeners are told from talkers, and mostly silent talkers too."""

import numpy as np
import pytest

from sdme_tools.backends.protocols import SAMPLES_PER_PICTURE, SpeakingAnswer, SpeakingQuestion
from sdme_tools.backends.speaking.mouth_movement import MouthMovement, correlate, measure_level
from sdme_tools.records.stage_config import SpeakingSection

PICTURES = 100
SPEECH = slice(20, 80)
SCORER = MouthMovement(SpeakingSection(), "cpu")


def _syllables(seed: int) -> np.ndarray:
    """float64[400]: loudness of somebody's speech every 10 ms, from 0.8 to 3.2 s, in syllables of uneven length."""
    rng = np.random.default_rng(seed)
    loudness = np.zeros(4 * PICTURES)
    t = 80
    while t < 300:
        length = int(rng.integers(12, 30))
        loudness[t : t + length] = np.hanning(length) * rng.uniform(0.3, 1)
        t += length
    return loudness


def _voice(loudness: np.ndarray) -> np.ndarray:
    noise = np.random.default_rng(99).normal(0, 0.2, PICTURES * SAMPLES_PER_PICTURE)
    return (noise * (np.repeat(loudness, 160) + 0.003)).astype(np.float32)


def _mouth(loudness: np.ndarray, *, seed: int = 5) -> np.ndarray:
    """float32[100]: an opening that follows the loudness, with the unsteadiness of landmarks."""
    unsteady = np.random.default_rng(seed).normal(0, 0.002, PICTURES)
    return (0.02 + 0.12 * loudness[::4] + unsteady).astype(np.float32)


def _answer(voice: np.ndarray, mouth: np.ndarray) -> SpeakingAnswer:
    return SCORER.score([SpeakingQuestion(voice=voice, mouth_opening=mouth)])[0]


def _mean(voice: np.ndarray, mouth: np.ndarray) -> float:
    return float(_answer(voice, mouth).scores[SPEECH].mean())


def test_the_moving_mouth_beats_the_still_one() -> None:
    for seed in range(5):
        loudness = _syllables(seed)
        assert _mean(_voice(loudness), _mouth(loudness)) > 0.8
        assert _mean(_voice(loudness), _mouth(loudness * 0)) < 0.2


def test_the_mouth_that_moves_with_the_voice_beats_one_that_talks_silently() -> None:
    ahead = 0
    for seed in range(20):
        voice = _voice(_syllables(seed))
        ahead += _mean(voice, _mouth(_syllables(seed))) > _mean(voice, _mouth(_syllables(100 + seed)))
    assert ahead >= 18


@pytest.mark.parametrize("late_pictures", [-5, 0, 5])
def test_the_offset_of_sound_and_lips_is_found(late_pictures: int) -> None:
    loudness = _syllables(2)
    answer = _answer(_voice(np.roll(loudness, 4 * late_pictures)), _mouth(loudness))
    assert answer.offset_ms == pytest.approx(40 * late_pictures, abs=40)
    assert answer.offset_confidence is not None and answer.offset_confidence > 0.2


def test_a_mouth_that_was_hardly_measured_has_no_score() -> None:
    mouth = _mouth(_syllables(0))
    mouth[5:] = np.nan
    answer = _answer(_voice(_syllables(0)), mouth)
    assert np.isnan(answer.scores).all() and answer.offset_ms is None


def test_a_picture_without_landmarks_has_no_score_and_spoils_no_other() -> None:
    loudness = _syllables(1)
    mouth = _mouth(loudness)
    whole = _answer(_voice(loudness), mouth).scores
    mouth[40:44] = np.nan
    scores = _answer(_voice(loudness), mouth).scores
    assert np.isnan(scores[40:44]).all() and np.isfinite(np.delete(scores, range(40, 44))).all()
    assert np.delete(scores, range(40, 44)) == pytest.approx(np.delete(whole, range(40, 44)), abs=0.15)


def test_level_and_correlation_of_nothing() -> None:
    assert measure_level(np.zeros(0, np.float32), 0).shape == (0,)
    assert set(measure_level(np.zeros(6400, np.float32), 10)) == {-100.0}
    assert correlate(np.ones(9), np.arange(9.0)) == 0
