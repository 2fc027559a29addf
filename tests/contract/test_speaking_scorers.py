"""What every speaking scorer must do; a new one is one more name in the registry."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from sdme_tools.backends.protocols import CROP_PX, SAMPLES_PER_PICTURE, SpeakingAnswer, SpeakingQuestion, SpeakingScorer
from sdme_tools.backends.registry import BACKENDS, create_speaking_scorer
from sdme_tools.errors import BackendError
from sdme_tools.records.stage_config import SpeakingSection
from tests.speaking_models import write_lr_asd, write_onnx, write_torchscript

MODELS = {"lr-asd": write_lr_asd, "torchscript": write_torchscript, "onnx": write_onnx}
"""Scorers with weights, and what makes some for them."""


@pytest.fixture(scope="module", params=sorted(BACKENDS["speaking"]))
def scorer(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> SpeakingScorer:
    name: str = request.param
    model = ""
    if name in MODELS:
        path: Path = tmp_path_factory.mktemp("weights") / name
        model = str(MODELS[name](path))
    return create_speaking_scorer(SpeakingSection(backend=name, model=model, batch_frames=80), "cpu")


def _ask(num_pictures: int, *, seed: int) -> SpeakingQuestion:
    rng = np.random.default_rng(seed)
    return SpeakingQuestion(
        voice=rng.normal(0, 0.1, SAMPLES_PER_PICTURE * num_pictures).astype(np.float32),
        mouth_opening=rng.uniform(0, 0.2, num_pictures).astype(np.float32),
        crops=rng.integers(0, 256, (num_pictures, CROP_PX, CROP_PX), np.uint8),
    )


def _require_well_formed(answer: SpeakingAnswer, question: SpeakingQuestion) -> None:
    assert answer.scores.shape == question.mouth_opening.shape
    assert answer.scores.dtype == np.float32
    known = answer.scores[np.isfinite(answer.scores)]
    assert ((known >= 0) & (known <= 1)).all()
    assert (answer.offset_ms is None) == (answer.offset_confidence is None)
    assert answer.offset_ms is None or answer.offset_ms % 40 == 0


def test_it_names_itself_and_what_it_was_made_with(scorer: SpeakingScorer) -> None:
    source = scorer.identify()
    assert source.backend in BACKENDS["speaking"] and source.version
    assert (source.weights is not None) == (source.backend in MODELS)
    assert isinstance(scorer.needs_crops, bool)


def test_there_is_a_score_for_every_picture(scorer: SpeakingScorer) -> None:
    questions = [_ask(length, seed=length) for length in (31, 40, 12)]
    answers = scorer.score(questions)
    assert len(answers) == 3
    for answer, question in zip(answers, questions, strict=True):
        _require_well_formed(answer, question)
        assert np.isfinite(answer.scores).any()
    assert scorer.score([]) == []


def test_what_else_is_asked_changes_nothing(scorer: SpeakingScorer) -> None:
    questions = [_ask(length, seed=length) for length in (33, 12, 40, 12)]
    together = scorer.score(questions)
    for question, answer in zip(questions, together, strict=True):
        (alone,) = scorer.score([question])
        assert answer.scores == pytest.approx(alone.scores, abs=2e-5, nan_ok=True)
        assert answer.offset_ms == alone.offset_ms


def test_the_same_question_has_the_same_answer_and_stays_as_it_is(scorer: SpeakingScorer) -> None:
    question, kept = _ask(20, seed=1), _ask(20, seed=1)
    (first,), (second,) = scorer.score([question]), scorer.score([question])
    assert np.array_equal(first.scores, second.scores, equal_nan=True)
    assert (first.offset_ms, first.offset_confidence) == (second.offset_ms, second.offset_confidence)
    assert question.crops is not None and kept.crops is not None
    for given, before in ((question.voice, kept.voice), (question.crops, kept.crops)):
        assert np.array_equal(given, before)


def test_silence_a_face_without_landmarks_and_very_few_pictures_are_no_error(scorer: SpeakingScorer) -> None:
    for num_pictures in (5, 31):
        question = SpeakingQuestion(
            voice=np.zeros(SAMPLES_PER_PICTURE * num_pictures, np.float32),
            mouth_opening=np.full(num_pictures, np.nan, np.float32),
            crops=np.zeros((num_pictures, CROP_PX, CROP_PX), np.uint8),
        )
        _require_well_formed(scorer.score([question])[0], question)


def test_pictures_are_needed_only_where_it_says_so(scorer: SpeakingScorer) -> None:
    question = _ask(30, seed=3)
    blind = replace(question, crops=None)
    if scorer.needs_crops:
        with pytest.raises(BackendError, match="without its pictures"):
            scorer.score([blind])
        return
    (seeing,), (unseeing,) = scorer.score([question]), scorer.score([blind])
    assert np.array_equal(seeing.scores, unseeing.scores, equal_nan=True)
