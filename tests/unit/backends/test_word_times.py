"""Word times, packing and doubts: the parts of transcription that need no model."""

import itertools

import numpy as np
import pytest

from sdme_tools.backends.asr.doubts import Evidence, find_doubts, is_repetitive
from sdme_tools.backends.asr.packing import GAP_MS, WINDOW_MS, Piece, cut_rows, pack
from sdme_tools.backends.asr.readings import Reading, looks_wrong
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


def test_windows_hold_the_pieces_in_order_with_silence_between_and_after() -> None:
    pieces = _pieces(*[3_000, 1_234, 2_777, 900] * 8, 29_900)
    windows = list(pack(pieces, together=True))
    assert [piece for window in windows for piece in window.pieces] == pieces
    assert len(windows) < 6
    for window in windows[:-1]:
        spans = window.spans
        assert all(later.start_ms - earlier.end_ms >= GAP_MS for earlier, later in itertools.pairwise(spans))
        assert all(span.start_ms % STEP_MS == 0 for span in spans)
        assert spans[-1].end_ms + GAP_MS <= WINDOW_MS
        first = spans[1].start_ms * RATE_HZ // 1000
        assert np.array_equal(window.voice()[first : first + len(window.pieces[1].voice)], window.pieces[1].voice)
    assert [len(window.pieces) for window in pack(pieces, together=False)] == [1] * len(pieces)


def test_rows_are_a_pieces_own_steps_then_silence_and_every_piece_is_in_one() -> None:
    windows = list(pack(_pieces(*[3_000, 1_234, 2_777, 900] * 8), together=True))
    spans = [(number, span) for number, window in enumerate(windows) for span in window.spans]
    seen = []
    for rows in cut_rows(windows):
        assert len({len(steps) for steps in rows.steps}) == 1
        assert len(rows.pieces) * len(rows.steps[0]) <= max(1, len(windows)) * WINDOW_MS // STEP_MS
        for piece, window, steps in zip(rows.pieces, rows.windows, rows.steps, strict=True):
            number, span = spans[piece]
            assert window == number
            own = range(span.start_ms // STEP_MS, -(-span.end_ms // STEP_MS))
            assert steps[: len(own)] == list(own)
            silence = set(steps[len(own) :])
            touched = {
                step
                for other, its in spans
                if other == window
                for step in range(its.start_ms // STEP_MS, its.end_ms // STEP_MS)
            }
            assert silence.isdisjoint(touched) and max(silence) < WINDOW_MS // STEP_MS
            seen.append(piece)
    assert sorted(seen) == list(range(len(spans)))


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
