"""What every speaking scorer must do; a new one is one more name in the registry."""

import numpy as np
import pytest

from sdme_tools.backends.protocols import SpeakingQuestion, SpeakingScorer
from sdme_tools.backends.registry import BACKENDS, create_speaking_scorer
from sdme_tools.records.config import BindSection
from sdme_tools.records.span import Span

SECONDS = 3
T_MS = np.arange(-480, SECONDS * 1000 + 480, 80)
SPEECH = (Span(start_ms=500, end_ms=2500),)


@pytest.fixture(params=sorted(BACKENDS["bind"]))
def scorer(request: pytest.FixtureRequest) -> SpeakingScorer:
    return create_speaking_scorer(BindSection(backend=request.param), "cpu")


def _syllables(seed: int) -> np.ndarray:
    """float64[480]: loudness of somebody's speech every 10 ms from -900 ms on, 0 to 1, syllables of uneven length."""
    rng = np.random.default_rng(seed)
    loudness = np.zeros(480)
    t = 140
    while t < 330:
        length = int(rng.integers(12, 30))
        loudness[t : t + length] = np.hanning(length) * rng.uniform(0.3, 1)
        t += length
    loudness[340:] = 0
    return loudness


def _voice(loudness: np.ndarray) -> np.ndarray:
    noise = np.random.default_rng(99).normal(0, 0.2, SECONDS * 16_000)
    envelope = np.repeat(loudness[90 : 90 + SECONDS * 100], 160)
    return (noise * (envelope + 0.003)).astype(np.float32)


def _mouth(loudness: np.ndarray, *, seed: int = 5) -> np.ndarray:
    """float32[T]: an opening that follows the loudness, with the unsteadiness of landmarks."""
    opening = 0.02 + 0.12 * loudness[(T_MS + 900) // 10]
    return (opening + np.random.default_rng(seed).normal(0, 0.002, len(T_MS))).astype(np.float32)


def _ask(voice: np.ndarray, mouth: np.ndarray) -> SpeakingQuestion:
    return SpeakingQuestion(voice=voice, speech=SPEECH, t_ms=T_MS, mouth_opening=mouth)


def _scores(scorer: SpeakingScorer, *questions: SpeakingQuestion) -> list[float]:
    scores = scorer.score(questions)
    assert all(score is not None and 0 <= score <= 1 for score in scores)
    return [score for score in scores if score is not None]


def test_the_moving_mouth_beats_the_still_one(scorer: SpeakingScorer) -> None:
    for seed in range(10):
        loudness = _syllables(seed)
        voice = _voice(loudness)
        talker, listener = _scores(scorer, _ask(voice, _mouth(loudness)), _ask(voice, _mouth(loudness * 0)))
        assert talker > 0.8
        assert listener < 0.2


def test_the_mouth_that_moves_with_the_voice_beats_one_that_talks_silently(scorer: SpeakingScorer) -> None:
    ahead = 0
    for seed in range(20):
        voice = _voice(_syllables(seed))
        talker, other = _scores(
            scorer, _ask(voice, _mouth(_syllables(seed))), _ask(voice, _mouth(_syllables(100 + seed)))
        )
        ahead += talker > other
    assert ahead >= 18


def test_a_mouth_that_was_not_measured_has_no_score(scorer: SpeakingScorer) -> None:
    loudness = _syllables(0)
    unseen = np.full(len(T_MS), np.nan, np.float32)
    scores = scorer.score([_ask(_voice(loudness), unseen), _ask(_voice(loudness), _mouth(loudness))])
    assert scores[0] is None
    assert scores[1] is not None


def test_a_few_missing_measurements_change_little(scorer: SpeakingScorer) -> None:
    loudness = _syllables(1)
    gappy = _mouth(loudness)
    gappy[::7] = np.nan
    whole, with_gaps = _scores(scorer, _ask(_voice(loudness), _mouth(loudness)), _ask(_voice(loudness), gappy))
    assert with_gaps == pytest.approx(whole, abs=0.15)


def test_silence_is_scored_without_complaint(scorer: SpeakingScorer, recwarn: pytest.WarningsRecorder) -> None:
    silence = np.zeros(SECONDS * 16_000, np.float32)
    _scores(scorer, _ask(silence, _mouth(_syllables(0))), _ask(silence, np.full(len(T_MS), 0.02, np.float32)))
    assert not recwarn.list


def test_nobody_to_score_gives_nothing(scorer: SpeakingScorer) -> None:
    assert scorer.score([]) == []


def test_the_order_of_candidates_does_not_matter_and_scores_repeat(scorer: SpeakingScorer) -> None:
    loudness = _syllables(2)
    voice = _voice(loudness)
    questions = [_ask(voice, _mouth(loudness)), _ask(voice, _mouth(loudness * 0)), _ask(voice, _mouth(_syllables(3)))]
    assert scorer.score(questions[::-1]) == scorer.score(questions)[::-1]


def test_it_names_itself(scorer: SpeakingScorer) -> None:
    assert scorer.identify().backend in BACKENDS["bind"]
    assert scorer.identify().version
