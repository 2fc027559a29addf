"""Fusion over a recording: what one utterance cannot tell, all of them together can."""

from collections.abc import Sequence

import numpy as np
import pytest

from sdme_tools.stages.fusion import Evidence, find_speakers


def _fuse(
    odds: Sequence[Sequence[float]],
    *,
    voices: Sequence[str | None] | None = None,
    speech_ms: int = 2000,
    offsets_ms: Sequence[Sequence[float]] | None = None,
) -> np.ndarray:
    table = np.array(odds, float)
    known = np.full(table.shape, np.nan) if offsets_ms is None else np.array(offsets_ms, float)
    return find_speakers(
        Evidence(
            odds=table,
            speech_ms=np.full(len(table), float(speech_ms)),
            voices=voices or [None] * len(table),
            offset_ms=known,
            offset_lead=np.where(np.isfinite(known), 1.0, np.nan),
        )
    )


def test_shares_sum_to_one_and_no_candidate_gets_none() -> None:
    likely = _fuse([[4, -3, np.nan], [np.nan, np.nan, np.nan]])
    assert likely.sum(axis=1) == pytest.approx([1, 1])
    assert likely[0, 2] == 0
    assert likely[1] == pytest.approx([0, 0, 0, 1])


def test_a_clear_talker_is_believed_and_still_faces_mean_nobody() -> None:
    assert _fuse([[4, -4]])[0, 0] > 0.95
    assert _fuse([[-4, -4]])[0, 2] > 0.95
    assert _fuse([[4, 4]])[0, :2] == pytest.approx([0.5, 0.5], abs=0.05)


def test_more_evidence_never_counts_against_a_face() -> None:
    others = [[4, -1], [-1, 3.5], [3.8, 0.5], [0, 4]]
    shares = [_fuse([[value, 1.0], *others])[0, 0] for value in np.linspace(-6, 9, 31)]
    assert (np.diff(shares) >= -0.01).all()
    assert shares[-1] > shares[0] + 0.5


def test_a_face_that_always_scores_high_says_little() -> None:
    """The chatterer scores 2.5 whoever speaks; the quiet one scores 2.5 once. Alone nobody could tell."""
    chatterer, others = [2.5] * 9, [-4, -4, -4, 3.5, 3.5, 3.5, 3.5, 3.5]
    history = np.column_stack([chatterer[:-1], others])
    together = _fuse([[2.5, 2.5], *history.tolist()])
    alone = _fuse([[2.5, 2.5]])
    assert alone[0, 0] == pytest.approx(alone[0, 1], abs=0.02)
    assert together[0, 1] > together[0, 0] + 0.2


def test_the_same_voice_has_the_same_face() -> None:
    odds = [[4, -3], [4, -3], [1.0, 1.0], [-3, 4], [-3, 4]]
    assert _fuse(odds, voices=["v1", "v1", "v1", "v2", "v2"])[2, 0] > 0.8
    assert _fuse(odds, voices=["v1", "v1", "v2", "v2", "v2"])[2, 1] > 0.8
    unknown = _fuse(odds)
    assert abs(unknown[2, 0] - unknown[2, 1]) < 0.1


def test_one_voice_does_not_overrule_a_clear_face() -> None:
    odds = [[4, -4], [4, -4], [-4, 4]]
    assert _fuse(odds, voices=["v1", "v1", "v1"])[2, 1] > 0.8


def test_a_mouth_that_fits_at_another_offset_than_the_rest_is_doubted() -> None:
    odds = [[4, -3], [-3, 4], [4, -3], [3.5, 3.5]]
    offsets = [[-40, 200], [320, -40], [-80, 120], [-40, 280]]
    likely = _fuse(odds, offsets_ms=offsets)
    assert likely[3, 0] > 2 * likely[3, 1]


def test_a_dubbed_film_is_off_everywhere_and_still_agrees_with_itself() -> None:
    odds = [[4, -3], [-3, 4], [4, -3], [3.5, 3.5]]
    offsets = [[240, 0], [320, 240], [280, -400], [240, 0]]
    likely = _fuse(odds, offsets_ms=offsets)
    assert likely[3, 0] > 2 * likely[3, 1]


def test_short_speech_is_weaker_evidence() -> None:
    assert _fuse([[3, 0]], speech_ms=300)[0, 0] < _fuse([[3, 0]], speech_ms=3000)[0, 0]
