"""Fusion: from the talking scores of all faces in all utterances of a recording to who speaks each of them.

One utterance alone cannot tell a speaker from somebody who chews in time. The whole recording can:

- Each face has a level of its own while it talks and one while it listens. A listener whose lips always move scores
  high in everybody's utterances; then its high scores say little, and its listening level is found to be high.
- One person speaks at a time, or somebody who is not in the picture: a score is weighed against all others'.
- The same voice has the same face, where diarization tells voices apart.
- Sound and picture are apart by the same offset all through a recording: a mouth that fits best at another offset than
  the rest fits by chance.

The levels are found by expectation–maximisation of a mixture with two normal distributions a face, pulled towards what
scorers usually give (a face seen in one utterance only has nothing else to go by). A face's value is the mean log odds
of its scores over the speech. Talking spreads no wider than listening and values above the talking level count as that
level, so that a higher value never counts against a face.
Source: Dempster, Laird & Rubin 1977, JRSS B 39(1); the mixture and its numbers are ours (benchmarks/active_speaker.py).
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Table = NDArray[np.float64]


@dataclass(frozen=True)
class Usual:
    """What a face is taken to be like as long as little is known of it."""

    level: float
    """Log odds."""
    spread: float
    """Standard deviation around it."""
    weight: float
    """Utterances that the usual level counts for against a face's own."""


TALKING = Usual(level=3.5, spread=1.0, weight=2.0)
LISTENING = Usual(level=-2.0, spread=2.0, weight=1.0)
"""Listeners differ more than talkers: some keep still, some never do."""
SPREAD_WEIGHT = 2.0
"""Utterances that a usual spread counts for."""
SHORT_MS = 500
"""Speech of this length has evidence of twice the variance of long speech."""
OFF_SCREEN = 0.2
"""Share of utterances that are expected to have their speaker out of the picture."""
VOICE_WEIGHT = 1.0
"""Utterances of a voice that have to be seen for its face to count as known by half."""
OFFSET_SLACK_MS = 100
OFFSET_FIT, OFFSET_MISFIT = 1.5, 0.2
"""Factors on a face whose own offset lies within the slack of the recording's, or outside."""
MIN_OFFSET_LEAD = 0.2
"""A fit no clearer than this tells no offset."""
ROUNDS = 30


@dataclass(frozen=True)
class Evidence:
    """What is known of the utterances (U) and faces (F) of one recording."""

    odds: Table
    """float64[U, F]: mean log odds of talking over the speech; NaN = no candidate."""
    speech_ms: Table
    """float64[U]"""
    voices: Sequence[str | None]
    """[U]: whose voice it is, where told."""
    offset_ms: Table
    """float64[U, F]: NaN where not told."""
    offset_lead: Table
    """float64[U, F]: how much better that offset fits than others; NaN where not told."""


def find_speakers(evidence: Evidence) -> Table:
    """Return float64[U, F + 1]: how likely each face speaks each utterance; the last column is nobody in view."""
    candidate = np.isfinite(evidence.odds)
    odds = np.where(candidate, evidence.odds, 0.0)
    doubt = 1 + SHORT_MS / np.maximum(evidence.speech_ms, 1)[:, None]
    prior = _share_prior(candidate)
    likely = _weigh(odds, candidate, doubt, _usual_levels(candidate.shape[1]), prior)
    for _ in range(ROUNDS):
        known = prior + np.log(_hear_voices(likely, evidence.voices)) + _fit_offsets(likely, evidence)
        likely = _weigh(odds, candidate, doubt, _find_levels(odds, candidate, doubt, likely), known)
    return likely


@dataclass(frozen=True)
class _Levels:
    """float64[F] each."""

    talking: Table
    talking_variance: Table
    listening: Table
    listening_variance: Table

    def compare(self, odds: Table, doubt: Table) -> Table:
        """float64[U, F]: log likelihood ratio of talking against listening."""
        known = np.minimum(odds, self.talking)
        talks = (known - self.talking) ** 2 / self.talking_variance + np.log(self.talking_variance)
        listens = (known - self.listening) ** 2 / self.listening_variance + np.log(self.listening_variance)
        ratio: Table = (listens - talks) / 2 / doubt
        return ratio


def _usual_levels(num_faces: int) -> _Levels:
    ones = np.ones(num_faces)
    return _Levels(TALKING.level * ones, TALKING.spread**2 * ones, LISTENING.level * ones, LISTENING.spread**2 * ones)


def _find_levels(odds: Table, candidate: NDArray[np.bool_], doubt: Table, likely: Table) -> _Levels:
    talks = likely[:, :-1] * candidate / doubt
    listens = (1 - likely[:, :-1]) * candidate / doubt
    talking, talking_variance = _find_level(odds, talks, TALKING)
    listening, listening_variance = _find_level(odds, listens, LISTENING)
    return _Levels(
        talking, np.minimum(talking_variance, listening_variance), np.minimum(listening, talking), listening_variance
    )


def _find_level(odds: Table, weights: Table, usual: Usual) -> tuple[Table, Table]:
    """Mean and variance of each face's weighted values, pulled towards the usual ones; float64[F] each."""
    num_utterances = weights.sum(axis=0)
    level = (usual.weight * usual.level + (weights * odds).sum(axis=0)) / (usual.weight + num_utterances)
    apart = (weights * (odds - level) ** 2).sum(axis=0)
    variance = (SPREAD_WEIGHT * usual.spread**2 + apart) / (SPREAD_WEIGHT + num_utterances)
    return level, variance


def _weigh(odds: Table, candidate: NDArray[np.bool_], doubt: Table, levels: _Levels, known: Table) -> Table:
    """float64[U, F + 1]: shares of the faces and of nobody, whose evidence is the zero that the others are against."""
    total = known.copy()
    total[:, :-1] += np.where(candidate, levels.compare(odds, doubt), -np.inf)
    total -= total.max(axis=1, keepdims=True)
    shares: Table = np.exp(total)
    shares /= shares.sum(axis=1, keepdims=True)
    return shares


def _share_prior(candidate: NDArray[np.bool_]) -> Table:
    """float64[U, F + 1], logarithms: each candidate alike, and nobody."""
    each = (1 - OFF_SCREEN) / np.maximum(candidate.sum(axis=1, keepdims=True), 1)
    prior = np.concatenate([np.broadcast_to(each, candidate.shape), np.full((len(candidate), 1), OFF_SCREEN)], axis=1)
    logarithms: Table = np.log(prior)
    return logarithms


def _hear_voices(likely: Table, voices: Sequence[str | None]) -> Table:
    """float64[U, F + 1]: factors from the faces that the other utterances of the same voice have."""
    factors = np.ones_like(likely)
    num_columns = likely.shape[1]
    for voice in {voice for voice in voices if voice is not None}:
        rows = np.array([other == voice for other in voices])
        others = likely[rows].sum(axis=0) - likely[rows]  # without the utterance itself
        factors[rows] = num_columns * (VOICE_WEIGHT / num_columns + others) / (VOICE_WEIGHT + rows.sum() - 1)
    return factors


def _fit_offsets(likely: Table, evidence: Evidence) -> Table:
    """float64[U, F + 1], logarithms: how well each face's own offset fits that of the recording's likely speakers."""
    fits = np.zeros_like(likely)
    told = np.isfinite(evidence.offset_ms) & (evidence.offset_lead >= MIN_OFFSET_LEAD)
    if told.sum() < 2:
        return fits
    usual_ms = _weighted_median(evidence.offset_ms[told], likely[:, :-1][told])
    near = np.abs(evidence.offset_ms - usual_ms) <= OFFSET_SLACK_MS
    fits[:, :-1] = np.where(told, np.where(near, np.log(OFFSET_FIT), np.log(OFFSET_MISFIT)), 0.0)
    return fits


def _weighted_median(values: Table, weights: Table) -> float:
    order = np.argsort(values, kind="stable")
    reached = np.cumsum(weights[order])
    return float(values[order][np.searchsorted(reached, reached[-1] / 2)])
