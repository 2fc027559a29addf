"""Word times, windows and doubts: the parts of transcription that need no model."""

import numpy as np
import pytest

from sdme_tools.backends.asr.doubts import Evidence, find_doubts, is_repetitive
from sdme_tools.backends.asr.readings import Reading, looks_wrong
from sdme_tools.backends.asr.windows import SILENCE_MS, Piece, Window, fit_window, sort_into_batches
from sdme_tools.backends.asr.words import STEP_MS, HeardWord, find_sounding, follow_tokens, trim_to_sound
from sdme_tools.records.span import Span

RATE_HZ = 16_000


def _tone(*stretches_ms: tuple[int, float]) -> np.ndarray:
    """Stretches of a tone, each so long and so loud."""
    parts = [np.full(ms * RATE_HZ // 1000, level) for ms, level in stretches_ms]
    level = np.concatenate(parts)
    return (level * np.sin(np.arange(len(level)) * 0.3)).astype(np.float32)


def _pieces(*durations_ms: int) -> list[Piece]:
    return [Piece(n, f"u{n}", 0, _tone((ms, 0.1))) for n, ms in enumerate(durations_ms)]


def test_the_path_finds_where_each_token_lies_in_each_of_several_matrices() -> None:
    random = np.random.default_rng(0)
    truths = [
        np.sort(random.choice(np.arange(1, steps), tokens - 1, replace=False)) for tokens, steps in ((5, 60), (9, 40))
    ]
    matrices = []
    for truth, steps in zip(truths, (60, 40), strict=True):
        owner = np.searchsorted(truth, np.arange(steps), side="right")
        matrix = random.normal(0, 0.2, (len(truth) + 1, steps))
        matrix[owner, np.arange(steps)] += 2
        matrices.append(matrix.astype(np.float32))
    for begins, truth in zip(follow_tokens(matrices), truths, strict=True):
        assert begins.tolist() == [0, *truth]


def test_more_tokens_than_steps_are_spread() -> None:
    (begins,) = follow_tokens([np.zeros((10, 5), np.float32)])
    assert begins[0] == 0 and begins[-1] < 5 and sorted(begins) == begins.tolist()


def test_a_word_ends_where_its_sound_does_and_leaves_out_what_lies_behind_a_pause() -> None:
    sounding = find_sounding(_tone((200, 0.0), (400, 0.3), (600, 0.0), (100, 0.3), (300, 0.0)))
    weight = np.zeros(len(sounding), np.float32)
    weight[12:25] = 1
    first, end = trim_to_sound(0, len(sounding), sounding, weight)
    assert (first * STEP_MS, end * STEP_MS) == (200, 600)


def test_a_window_holds_the_voice_and_a_second_of_silence_and_is_never_longer_than_thirty() -> None:
    for piece in _pieces(40, 900, 1_000, 2_999, 3_001, 15_000, 28_900, 29_100, 30_000):
        window = fit_window(piece, 2.0)
        assert window.is_full == (piece.duration_ms > 30_000 - 2_000 - SILENCE_MS)
        assert window.is_full or 0 <= window.duration_ms - piece.duration_ms - SILENCE_MS < 2_000
        assert fit_window(piece, 30.0) == Window(piece)
        assert fit_window(piece, 10.0).duration_ms == max(10_000, window.duration_ms)


def test_batches_are_of_one_length_and_hold_every_window_once() -> None:
    windows = [fit_window(piece, 2.0) for piece in _pieces(*[3_000, 1_234, 2_777, 900] * 8, 29_900, 7_000)]
    batches = list(sort_into_batches(windows, 5))
    assert all(len({window.num_steps for window in batch}) == 1 and len(batch) <= 5 for batch in batches)
    assert sorted(w.piece.request for batch in batches for w in batch) == list(range(len(windows)))
    assert len(batches) == 1 + 1 + 5 + 2  # of 30 s, 8 s, 4 s (24 pieces) and 2 s (8 pieces)


@pytest.mark.parametrize(
    ("given", "code"),
    [
        ({"text": ""}, "empty"),
        ({"avg_logprob": -1.2}, "low_confidence"),
        ({"avg_logprob": -1.2, "no_speech_prob": 0.8}, "no_speech"),
        ({"text": "thank you thank you thank you thank you"}, "repetitive"),
        ({"text": "and so it went on and on until nobody listened any more", "speech_ms": 900}, "too_fast"),
        ({"text": "hm", "speech_ms": 5_000}, "too_slow"),
        ({"loudest_db": -75.0}, "on_silence"),
    ],
)
def test_each_doubt_is_raised_by_what_it_is_about(given: dict[str, object], code: str) -> None:
    good = {
        "text": "I put the keys on the table", "language": "en", "avg_logprob": -0.1,
        "no_speech_prob": 0.01, "speech_ms": 1_800, "loudest_db": -20.0,
    }  # fmt: skip
    assert find_doubts(Evidence(**good)) == ()
    assert code in find_doubts(Evidence(**good | given))


def test_three_times_is_emphasis_four_times_a_loop() -> None:
    assert not is_repetitive("no no no, stop that")
    assert is_repetitive("no no no no, stop that")
    assert is_repetitive("He came. And then he left. And then he left. And then he left. And then he left.")


def _reading(**given: object) -> Reading:
    words = (HeardWord(" stop", Span(start_ms=100, end_ms=900), -0.1, 1),)
    fields = {
        "language": "en",
        "language_probability": None,
        "avg_logprob": -0.1,
        "no_speech_prob": 0.0,
        "is_whole": True,
    }
    return Reading(**{"words": words, **fields, **given})  # type: ignore[arg-type]


def test_a_piece_is_heard_again_where_sound_has_no_word_or_the_recogniser_is_unsure() -> None:
    voice = _tone((100, 0.0), (800, 0.3), (100, 0.0))
    assert not looks_wrong(_reading(), voice)
    assert looks_wrong(_reading(words=()), voice)
    assert looks_wrong(_reading(is_whole=False), voice)
    assert looks_wrong(_reading(avg_logprob=-0.9), voice)
    assert looks_wrong(_reading(language_probability=0.3), voice)
    assert looks_wrong(_reading(), _tone((100, 0.0), (800, 0.3), (400, 0.0), (1_200, 0.3)))
