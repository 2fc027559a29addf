"""Bind: which of the visible faces speaks an utterance, or why none is claimed.

A wrong face is worse than none, so every doubt is an abstention with its reason. In this order:

1. Candidates are the tracks that are seen in at least `min_visible_share` of the utterance's speech.
2. Where the voice alone tells the speaker (own channel, only participant), tracks known to be somebody else are no
   candidates; and where a track is known to be the speaker by seat, it is bound whatever its lips do: two independent
   notes of the corpus' owner agree on it. Its score is kept to be looked at.
3. Otherwise the best speaking score must reach `min_score`, and lead the runner-up by `min_margin`.

Speech is where the voice is loudest: the loudest 20 ms pieces that add up to the utterance's `speech_ms`, which is what
the voice activity detector found in it.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from sdme_tools.backends.protocols import VOICE_RATE_HZ, SpeakingQuestion, SpeakingScorer, Voice
from sdme_tools.media.audio import read_voice
from sdme_tools.records.base import Source
from sdme_tools.records.config import BindSection
from sdme_tools.records.face import Binding, BindingReason, FaceTrack
from sdme_tools.records.recording import Recording
from sdme_tools.records.span import Span, covered_ms, merge_spans
from sdme_tools.records.utterance import Utterance

PIECE_MS = 20
AROUND_MS = 1000
"""Mouth measurements this long before and after the utterance are handed to the scorer too."""

Scored = tuple[float | None, FaceTrack]
"""A candidate with its speaking score; None only for a track that is bound without one."""


def bind_utterances(
    recording: Recording,
    source: Path,
    utterances: Sequence[Utterance],
    tracks: Sequence[FaceTrack],
    settings: BindSection,
    scorer: SpeakingScorer,
) -> list[Binding]:
    """Bind each utterance of a recording to a face track, or say why not; in the order of the utterances.

    Raises:
        MediaError: the recording cannot be decoded.
        BackendError: the scorer cannot work.
    """
    made_by = scorer.identify()
    if recording.video is None or not tracks:
        reason = BindingReason.NO_VIDEO if recording.video is None else BindingReason.NO_FACE
        return [_abstain(utterance, reason, made_by) for utterance in utterances]
    channels = {utterance.channel for utterance in utterances}
    voices = {channel: read_voice(source, recording, channel=channel) for channel in channels}
    return [
        _bind(utterance, _slice(voices[utterance.channel], utterance.span), tracks, settings, scorer, made_by)
        for utterance in utterances
    ]


def _bind(
    utterance: Utterance,
    voice: Voice,
    tracks: Sequence[FaceTrack],
    settings: BindSection,
    scorer: SpeakingScorer,
    made_by: Source,
) -> Binding:
    speech = find_loudest(voice, utterance.speech_ms)
    candidates = [
        track
        for track in tracks
        if measure_visible_share(track, speech, utterance.span) >= settings.min_visible_share
        and not _is_somebody_else(track, utterance)
    ]
    own = [track for track in candidates if utterance.speaker_id and track.participant_id == utterance.speaker_id]
    candidates = own or candidates
    scores = scorer.score([_ask(track, utterance.span, voice, speech) for track in candidates])
    ranked = _rank(scores, candidates)
    if own:
        return _claim(utterance, ranked or [(None, own[0])], made_by)
    return _decide(utterance, candidates, ranked, settings, made_by)


def _rank(scores: Sequence[float | None], candidates: Sequence[FaceTrack]) -> list[Scored]:
    """Those with a score, the best first."""
    scored = [(score, track) for score, track in zip(scores, candidates, strict=True) if score is not None]
    return [*sorted(scored, key=lambda pair: (-pair[0], pair[1].track_id))]


def _decide(
    utterance: Utterance,
    candidates: Sequence[FaceTrack],
    ranked: Sequence[Scored],
    settings: BindSection,
    made_by: Source,
) -> Binding:
    if not ranked:
        reason = BindingReason.NO_LANDMARKS if candidates else BindingReason.NO_FACE
        return _abstain(utterance, reason, made_by)
    best, margin = ranked[0][0], _margin(ranked)
    if best is None or best < settings.min_score:
        return _abstain(utterance, BindingReason.OFF_SCREEN, made_by, ranked)
    if len(ranked) > 1 and (margin is None or margin < settings.min_margin):
        return _abstain(utterance, BindingReason.SEVERAL_CANDIDATES, made_by, ranked)
    return _claim(utterance, ranked, made_by)


def _claim(utterance: Utterance, ranked: Sequence[Scored], made_by: Source) -> Binding:
    score, track = ranked[0]
    return Binding(
        utterance_id=utterance.utterance_id,
        track_id=track.track_id,
        speaker_id=utterance.speaker_id or track.participant_id,
        score=score,
        margin=_margin(ranked),
        runner_up_track_id=ranked[1][1].track_id if len(ranked) > 1 else None,
        reason=BindingReason.BOUND,
        source=made_by,
    )


def _abstain(utterance: Utterance, reason: BindingReason, made_by: Source, ranked: Sequence[Scored] = ()) -> Binding:
    return Binding(
        utterance_id=utterance.utterance_id,
        track_id=None,
        speaker_id=utterance.speaker_id,
        score=ranked[0][0] if ranked else None,
        margin=_margin(ranked),
        runner_up_track_id=ranked[1][1].track_id if len(ranked) > 1 else None,
        reason=reason,
        source=made_by,
    )


def _margin(ranked: Sequence[Scored]) -> float | None:
    scores = [score for score, _ in ranked if score is not None]
    if len(scores) > 1:
        return scores[0] - scores[1]
    return scores[0] if scores else None


def _is_somebody_else(track: FaceTrack, utterance: Utterance) -> bool:
    return bool(track.participant_id and utterance.speaker_id) and track.participant_id != utterance.speaker_id


def _ask(track: FaceTrack, span: Span, voice: Voice, speech: Sequence[Span]) -> SpeakingQuestion:
    t_ms = np.array(track.t_ms, np.int64) - span.start_ms
    near = (t_ms >= -AROUND_MS) & (t_ms < span.duration_ms + AROUND_MS)
    opening = np.array(track.mouth_opening, np.float32)  # None becomes NaN
    return SpeakingQuestion(voice=voice, speech=tuple(speech), t_ms=t_ms[near], mouth_opening=opening[near])


def find_loudest(voice: Voice, speech_ms: int) -> list[Span]:
    """Find the loudest pieces of a voice that add up to `speech_ms`, joined where they touch.

    Returns:
        At least one span, in ms from the first sample; the whole voice where it is shorter than a piece.
    """
    piece = PIECE_MS * VOICE_RATE_HZ // 1000
    num_pieces = len(voice) // piece
    if num_pieces == 0:
        return [Span(start_ms=0, end_ms=max(1, len(voice) * 1000 // VOICE_RATE_HZ))]
    energy = np.square(voice[: num_pieces * piece].reshape(num_pieces, piece), dtype=np.float64).sum(axis=1)
    wanted = min(num_pieces, max(1, round(speech_ms / PIECE_MS)))
    loudest = np.argsort(-energy, kind="stable")[:wanted]
    return merge_spans(Span(start_ms=int(i) * PIECE_MS, end_ms=(int(i) + 1) * PIECE_MS) for i in loudest)


def measure_visible_share(track: FaceTrack, speech: Sequence[Span], span: Span) -> float:
    """Share of the speech during which the track's face was seen, 0 to 1.

    Each observation holds for the track's usual distance between observations.

    Args:
        track: on the recording's clock.
        speech: in ms from the start of `span`.
        span: the utterance's.
    """
    t_ms = np.array(track.t_ms, np.int64)
    hold_ms = int(np.median(np.diff(t_ms))) if len(t_ms) > 1 else track.span.duration_ms
    near = t_ms[(t_ms > span.start_ms - hold_ms) & (t_ms < span.end_ms)]
    seen = merge_spans(
        [Span(start_ms=int(t), end_ms=int(t) + hold_ms) for t in near], max_gap_ms=1
    )  # ticks are rounded to ms
    pieces = [Span(start_ms=s.start_ms + span.start_ms, end_ms=s.end_ms + span.start_ms) for s in speech]
    return sum(covered_ms(seen, piece) for piece in pieces) / sum(piece.duration_ms for piece in pieces)


def _slice(voice: Voice, span: Span) -> Voice:
    start, end = (t_ms * VOICE_RATE_HZ // 1000 for t_ms in (span.start_ms, span.end_ms))
    return voice[start:end]
