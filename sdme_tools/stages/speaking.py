"""Speaking: how much each visible face talks while an utterance is heard, picture by picture.

The video is decoded once for the whole recording, and only if the scorer looks at pictures at all. The faces of all
utterances are cut out as the pictures pass by and handed to the scorer in batches, so memory holds some seconds of
small crops whatever the recording's length. Which face is bound is decided later, by bind, from what is written here.
"""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from sdme_tools.backends.protocols import (
    CROP_PX,
    SPEAKING_RATE_HZ,
    VOICE_RATE_HZ,
    Crops,
    SpeakingAnswer,
    SpeakingQuestion,
    SpeakingScorer,
    Voice,
)
from sdme_tools.errors import BackendError
from sdme_tools.media.video import read_ticks, require_video, to_grey
from sdme_tools.media.voice_blocks import VoiceBlocks
from sdme_tools.records.base import Source
from sdme_tools.records.face import FaceTrack
from sdme_tools.records.recording import Recording
from sdme_tools.records.span import Span, merge_spans
from sdme_tools.records.speaking import FaceSpeaking, Speaking
from sdme_tools.records.utterance import Utterance
from sdme_tools.stages.face_windows import OUTSIDE_GREY, PICTURE_MS, FacePath, Window, cut_crop, plan_windows

PIECE_MS = 20
"""Speech is found in pieces of this length."""
PENDING_PICTURES = 2000
"""Pictures of faces gathered before the scorer is asked: 25 MB of crops."""
_PLACES = 4
"""Decimal places of a score: what is left is above the noise of a network's order of summation."""


def score_speaking(
    recording: Recording,
    source: Path,
    utterances: Sequence[Utterance],
    tracks: Sequence[FaceTrack],
    scorer: SpeakingScorer,
) -> list[Speaking]:
    """Score every visible face during every utterance; one row an utterance, in their order.

    Raises:
        MediaError: the recording cannot be decoded.
        BackendError: the scorer cannot work, or answers something else than it was asked.
    """
    made_by = scorer.identify()
    windows = plan_windows(utterances, tracks) if recording.video is not None else []
    if not windows:
        return [Speaking(utterance_id=utterance.utterance_id, source=made_by) for utterance in utterances]
    task = _Task(recording, source, utterances, tracks, scorer)
    answers: dict[tuple[int, int], list[tuple[Window, SpeakingAnswer]]] = defaultdict(list)
    for window, answer in task.ask(windows):
        answers[window.utterance, window.track].append((window, answer))
    return [task.make_row(number, answers, made_by) for number in range(len(utterances))]


class _Task:
    """What the scoring of one recording needs at hand."""

    def __init__(
        self,
        recording: Recording,
        source: Path,
        utterances: Sequence[Utterance],
        tracks: Sequence[FaceTrack],
        scorer: SpeakingScorer,
    ) -> None:
        self._recording, self._source, self._scorer = recording, source, scorer
        self._utterances, self._tracks = utterances, tracks
        self._paths = [FacePath(track) for track in tracks]
        channels = {utterance.channel for utterance in utterances}
        self._voices = {channel: VoiceBlocks(source, recording, channel) for channel in channels}

    def ask(self, windows: Sequence[Window]) -> Iterator[tuple[Window, SpeakingAnswer]]:
        """Yield each window with its answer, in order of the windows' ends."""
        passing = self._cut(windows) if self._scorer.needs_crops else ((window, None) for window in windows)
        pending: list[tuple[Window, SpeakingQuestion]] = []
        num_pictures = 0
        for window, crops in passing:
            pending.append((window, self._make_question(window, crops)))
            num_pictures += window.end - window.first
            if num_pictures >= PENDING_PICTURES:
                yield from self._answer(pending)
                pending, num_pictures = [], 0
        yield from self._answer(pending)

    def _cut(self, windows: Sequence[Window]) -> Iterator[tuple[Window, Crops]]:
        """Let the pictures pass by once; yield each window with uint8[T, 112, 112] when it has had its last."""
        video = require_video(self._recording)
        waiting, passing = list(reversed(windows)), dict[Window, Crops]()
        span = Span(start_ms=windows[0].first * PICTURE_MS, end_ms=max(w.end for w in windows) * PICTURE_MS)
        for number, frame in read_ticks(self._source, self._recording, SPEAKING_RATE_HZ, span):
            while waiting and waiting[-1].first <= number:
                window = waiting.pop()
                passing[window] = np.full((window.end - window.first, CROP_PX, CROP_PX), OUTSIDE_GREY, np.uint8)
            ended = [window for window in passing if window.end <= number]
            yield from ((window, passing.pop(window)) for window in ended)
            if passing:  # only now is the picture worth converting
                grey = to_grey(frame, video)
                cut = {place: cut_crop(grey, *self._paths[place].find(number)) for place in {w.track for w in passing}}
                for window, crops in passing.items():
                    crops[number - window.first] = cut[window.track]
        yield from passing.items()

    def _make_question(self, window: Window, crops: Crops | None) -> SpeakingQuestion:
        voice = self._voices[self._utterances[window.utterance].channel]
        return SpeakingQuestion(
            voice=voice.read(window.first * PICTURE_MS, window.end * PICTURE_MS),
            mouth_opening=self._paths[window.track].measure_opening(window.first, window.end),
            crops=crops,
        )

    def _answer(self, pending: Sequence[tuple[Window, SpeakingQuestion]]) -> Iterator[tuple[Window, SpeakingAnswer]]:
        answers = self._scorer.score([question for _, question in pending]) if pending else []
        if len(answers) != len(pending):
            raise self._blame(f"gave {len(answers)} answers to {len(pending)} questions")
        for (window, _), answer in zip(pending, answers, strict=True):
            self._require_scores(window, answer)
            yield window, answer

    def _require_scores(self, window: Window, answer: SpeakingAnswer) -> None:
        scores = answer.scores
        if scores.shape != (window.end - window.first,):
            raise self._blame(f"gave scores of shape {scores.shape} for {window.end - window.first} pictures")
        if not ((np.isnan(scores)) | ((scores >= 0) & (scores <= 1))).all():
            raise self._blame(f"gave a score outside 0 to 1, {scores.min():g} to {scores.max():g}")

    def _blame(self, what: str) -> BackendError:
        return BackendError(
            f"{self._recording.recording_id}: the speaking scorer {self._scorer.identify().backend} {what}",
            cure="the backend that [speaking] of corpus.toml names is at fault; nothing was written",
        )

    def make_row(
        self, number: int, answers: dict[tuple[int, int], list[tuple[Window, SpeakingAnswer]]], made_by: Source
    ) -> Speaking:
        """Gather what was answered about one utterance."""
        utterance = self._utterances[number]
        places = [place for place in range(len(self._tracks)) if (number, place) in answers]
        return Speaking(
            utterance_id=utterance.utterance_id,
            speech=tuple(self._find_speech(utterance)) if places else (),
            faces=tuple(self._make_face(place, answers[number, place]) for place in places),
            source=made_by,
        )

    def _find_speech(self, utterance: Utterance) -> list[Span]:
        start_ms = utterance.span.start_ms
        voice = self._voices[utterance.channel].read(start_ms, utterance.span.end_ms)
        loudest = find_loudest(voice, utterance.speech_ms)
        return [Span(start_ms=s.start_ms + start_ms, end_ms=s.end_ms + start_ms) for s in loudest]

    def _make_face(self, place: int, pieces: Sequence[tuple[Window, SpeakingAnswer]]) -> FaceSpeaking:
        t_ms: list[int] = []
        scores: list[float | None] = []
        for window, answer in sorted(pieces, key=lambda piece: piece[0].first):
            t_ms += [picture * PICTURE_MS for picture in range(window.first, window.end)]
            seen = self._paths[place].is_seen(window.first, window.end) & np.isfinite(answer.scores)
            rounded = [round(float(score), _PLACES) for score in answer.scores]
            scores += [score if known else None for score, known in zip(rounded, seen, strict=True)]
        told = [answer for _, answer in pieces if answer.offset_ms is not None]
        clearest = max(told, key=lambda answer: answer.offset_confidence or 0.0, default=None)
        confidence = None if clearest is None else clearest.offset_confidence
        return FaceSpeaking(
            track_id=self._tracks[place].track_id,
            t_ms=tuple(t_ms),
            scores=tuple(scores),
            offset_ms=None if clearest is None else clearest.offset_ms,
            offset_confidence=None if confidence is None else round(confidence, 2),
        )


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
