"""Bind: which of the visible faces speaks an utterance, or why none is claimed.

A wrong face is worse than none, so every doubt is an abstention with its reason. Nothing is looked at or listened to
here: the talking scores are read, so that a changed threshold costs seconds. In this order:

1. Candidates are the tracks that are seen in at least `min_visible_share` of the utterance's speech.
2. Where the voice alone tells the speaker (own channel, only participant), tracks known to be somebody else are no
   candidates; and where a track is known to be the speaker by seat, it is bound whatever its lips do: two independent
   notes of the corpus' owner agree on it. Its score is kept to be looked at.
3. An utterance of which more than `max_overlap_share` lies under another voice gets no face.
4. Otherwise the scores of the whole recording are fused (fusion.py). Where the likeliest face talks in one part of the
   speech and another face in another part, the voice is not one person's, and neither is bound.
5. Else the likeliest face is bound if its confidence reaches `min_confidence`.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sdme_tools.errors import CorpusError
from sdme_tools.records.face import Binding, BindingReason, FaceTrack
from sdme_tools.records.recording import Recording
from sdme_tools.records.span import Span, covered_ms, merge_spans
from sdme_tools.records.speaking import FaceSpeaking, Speaking
from sdme_tools.records.stage_config import BindSection
from sdme_tools.records.utterance import Utterance
from sdme_tools.stages.fusion import Evidence, find_speakers

MIN_JUDGED = 5
"""Pictures in the speech with a score that a face needs."""
TALKING, LISTENING = 0.6, 0.4
"""Scores of a moment in which one face talks and another does not."""
MAX_HANDED_OVER = 0.2
"""Share of the speech that each of two faces may have for itself before it is two people's. Both scorers together, on
the recordings of benchmarks/binding.py and 13 meetings of benchmarks/active_speaker.py --tune: of 377 utterances of one
speaker that were bound none came above .02, of 6 of two speakers 5 lay above .2. On 21 meetings of other people it took
six bindings away, each of an utterance of two speakers."""
_NARROW = 1e-4
"""Scores nearer to 0 or 1 are written so: their log odds would be infinite."""
_PLACES = 4


@dataclass(frozen=True)
class _Candidate:
    """A face that may speak an utterance."""

    track: FaceTrack
    score: float
    """Mean over the speech."""
    odds: float
    """Mean log odds over the speech."""
    spoken: FaceSpeaking

    def named(self) -> str:
        """Who it is, as far as is known: a person's tracks share their history."""
        return self.track.participant_id or f"track {self.track.track_id}"


@dataclass(frozen=True)
class _Ranked:
    """The candidates of one utterance, the likeliest first, and what the whole recording says of them."""

    candidates: tuple[_Candidate, ...] = ()
    confidence: float | None = None
    off_screen: float | None = None

    @property
    def margin(self) -> float | None:
        """See Binding.margin."""
        scores = [candidate.score for candidate in self.candidates[:2]]
        return None if not scores else round(scores[0] - sum(scores[1:]), _PLACES)


def bind_utterances(
    recording: Recording,
    utterances: Sequence[Utterance],
    tracks: Sequence[FaceTrack],
    speaking: Sequence[Speaking],
    settings: BindSection,
) -> list[Binding]:
    """Bind each utterance of a recording to a face track, or say why not; in the order of the utterances.

    Raises:
        CorpusError: the talking scores are not those of these utterances.
    """
    if [row.utterance_id for row in speaking] != [utterance.utterance_id for utterance in utterances]:
        raise CorpusError(
            f"{recording.recording_id}: the talking scores are not those of its utterances",
            cure="run all stages: `sdme run`",
        )
    visible = [
        _find_visible(utterance, row, tracks, settings) for utterance, row in zip(utterances, speaking, strict=True)
    ]
    judged = [_find_judged(row, seen) for row, seen in zip(speaking, visible, strict=True)]
    ranked = _rank(utterances, judged)
    return [
        _decide(recording, utterance, row, seen, rank, settings)
        for utterance, row, seen, rank in zip(utterances, speaking, visible, ranked, strict=True)
    ]


def _find_visible(
    utterance: Utterance, row: Speaking, tracks: Sequence[FaceTrack], settings: BindSection
) -> list[FaceTrack]:
    """The tracks that may be the speaker's; only their own where seat and voice tell."""
    visible = [
        track
        for track in tracks
        if row.speech
        and measure_visible_share(track, row.speech) >= settings.min_visible_share
        and not _is_somebody_else(track, utterance)
    ]
    return [track for track in visible if _is_own(track, utterance)] or visible


def _is_own(track: FaceTrack, utterance: Utterance) -> bool:
    return utterance.speaker_id is not None and track.participant_id == utterance.speaker_id


def _is_somebody_else(track: FaceTrack, utterance: Utterance) -> bool:
    return bool(track.participant_id and utterance.speaker_id) and track.participant_id != utterance.speaker_id


def _find_judged(row: Speaking, visible: Sequence[FaceTrack]) -> list[_Candidate]:
    faces = {face.track_id: face for face in row.faces}
    found = []
    for track in visible:
        spoken = faces.get(track.track_id)
        scores = _scores_in(spoken, row.speech) if spoken else np.zeros(0)
        if spoken is None or len(scores) < MIN_JUDGED:
            continue
        narrowed = scores.clip(_NARROW, 1 - _NARROW)
        odds = float(np.log(narrowed / (1 - narrowed)).mean())
        found.append(_Candidate(track, round(float(scores.mean()), _PLACES), odds, spoken))
    return found


def _scores_in(spoken: FaceSpeaking, speech: Sequence[Span]) -> NDArray[np.float64]:
    """Those scores that fall into the speech and are known."""
    t_ms, scores = np.array(spoken.t_ms, np.int64), np.array(spoken.scores, np.float64)  # None becomes NaN
    inside = np.zeros(len(t_ms), bool)
    for span in speech:
        inside |= (t_ms >= span.start_ms) & (t_ms < span.end_ms)
    known: NDArray[np.float64] = scores[inside & np.isfinite(scores)]
    return known


def _rank(utterances: Sequence[Utterance], judged: Sequence[Sequence[_Candidate]]) -> list[_Ranked]:
    """Fuse what all utterances tell of all faces."""
    people = sorted({candidate.named() for candidates in judged for candidate in candidates})
    columns = {name: column for column, name in enumerate(people)}
    odds, offset_ms, lead = (np.full((len(utterances), len(people)), np.nan) for _ in range(3))
    for row, candidates in enumerate(judged):
        for candidate in candidates:
            cell = row, columns[candidate.named()]
            if not odds[cell] >= candidate.odds:  # of two tracks of one person, the one that talks
                odds[cell] = candidate.odds
                offset_ms[cell] = np.nan if candidate.spoken.offset_ms is None else candidate.spoken.offset_ms
                lead[cell] = candidate.spoken.offset_confidence or 0.0
    speech_ms = np.array([utterance.speech_ms for utterance in utterances], np.float64)
    voices = [utterance.voice_id for utterance in utterances]
    likely = find_speakers(Evidence(odds, speech_ms, voices, offset_ms, lead))
    ranked = []
    for row, candidates in enumerate(judged):
        shares = {c.track.track_id: float(likely[row, columns[c.named()]]) for c in candidates}
        order = sorted(candidates, key=lambda c: (-shares[c.track.track_id], -c.odds, c.track.track_id))
        if not order:
            ranked.append(_Ranked())
            continue
        confidence = round(shares[order[0].track.track_id], _PLACES)
        ranked.append(_Ranked(tuple(order), confidence, round(float(likely[row, -1]), _PLACES)))
    return ranked


def _decide(
    recording: Recording,
    utterance: Utterance,
    row: Speaking,
    visible: Sequence[FaceTrack],
    ranked: _Ranked,
    settings: BindSection,
) -> Binding:
    if recording.video is None:
        return _write(utterance, row, ranked, BindingReason.NO_VIDEO)
    if visible and _is_own(visible[0], utterance):
        track = ranked.candidates[0].track if ranked.candidates else visible[0]
        return _write(utterance, row, ranked, BindingReason.BOUND, track)
    if not ranked.candidates:
        return _write(utterance, row, ranked, BindingReason.NO_LANDMARKS if visible else BindingReason.NO_FACE)
    reason = _judge(utterance, row, ranked, settings)
    bound = reason is BindingReason.BOUND
    return _write(utterance, row, ranked, reason, ranked.candidates[0].track if bound else None)


def _judge(utterance: Utterance, row: Speaking, ranked: _Ranked, settings: BindSection) -> BindingReason:
    """Whether the likeliest of the candidates is sure enough, or why not."""
    confidence, off_screen = ranked.confidence or 0.0, ranked.off_screen or 0.0
    if utterance.overlap_ms > settings.max_overlap_share * utterance.speech_ms:
        return BindingReason.OVERLAP
    if _is_handed_over(ranked.candidates, row.speech):
        return BindingReason.SEVERAL_CANDIDATES
    if confidence >= settings.min_confidence:
        return BindingReason.BOUND
    others = 1 - confidence - off_screen
    return BindingReason.OFF_SCREEN if off_screen >= others else BindingReason.SEVERAL_CANDIDATES


def _is_handed_over(candidates: Sequence[_Candidate], speech: Sequence[Span]) -> bool:
    """Whether the first candidate and another each talk alone in a good part of the speech.

    Diarization by face cannot tell that two people speak in one utterance, and the mean over the speech favours the one
    of them who has a little more of it.
    """
    best, *rivals = candidates
    mine = _scores_by_moment(best, speech)
    for rival in rivals:
        theirs = _scores_by_moment(rival, speech)
        both = [(mine[t_ms], theirs[t_ms]) for t_ms in mine.keys() & theirs.keys()]
        num_mine = sum(own >= TALKING and other <= LISTENING for own, other in both)
        num_theirs = sum(other >= TALKING and own <= LISTENING for own, other in both)
        if min(num_mine, num_theirs) > MAX_HANDED_OVER * len(mine) and rival.named() != best.named():
            return True
    return False


def _scores_by_moment(candidate: _Candidate, speech: Sequence[Span]) -> dict[int, float]:
    """The known scores of the speech by their time in ms."""
    spoken = candidate.spoken
    return {
        t_ms: score
        for t_ms, score in zip(spoken.t_ms, spoken.scores, strict=True)
        if score is not None and any(span.contains(t_ms) for span in speech)
    }


def _write(
    utterance: Utterance, row: Speaking, ranked: _Ranked, reason: BindingReason, track: FaceTrack | None = None
) -> Binding:
    best = ranked.candidates[0] if ranked.candidates else None
    runner_up = ranked.candidates[1] if len(ranked.candidates) > 1 else None
    return Binding(
        utterance_id=utterance.utterance_id,
        track_id=track.track_id if track else None,
        speaker_id=utterance.speaker_id or (track.participant_id if track else None),
        score=best.score if best else None,
        margin=ranked.margin,
        runner_up_track_id=runner_up.track.track_id if runner_up else None,
        confidence=ranked.confidence,
        off_screen=ranked.off_screen,
        offset_ms=best.spoken.offset_ms if best else None,
        reason=reason,
        source=row.source,
    )


def measure_visible_share(track: FaceTrack, speech: Sequence[Span]) -> float:
    """Share of the speech during which the track's face was seen, 0 to 1.

    Each observation holds for the track's usual distance between observations.

    Args:
        track: on the recording's clock.
        speech: likewise; at least one span.
    """
    t_ms = np.array(track.t_ms, np.int64)
    hold_ms = int(np.median(np.diff(t_ms))) if len(t_ms) > 1 else track.span.duration_ms
    near = t_ms[(t_ms > speech[0].start_ms - hold_ms) & (t_ms < speech[-1].end_ms)]
    seen = merge_spans(
        [Span(start_ms=int(t), end_ms=int(t) + hold_ms) for t in near], max_gap_ms=1
    )  # ticks are rounded to ms
    return sum(covered_ms(seen, piece) for piece in speech) / sum(piece.duration_ms for piece in speech)
