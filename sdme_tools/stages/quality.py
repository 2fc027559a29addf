"""Quality: what each utterance's voice and face are worth as material, and which of them the gates leave out.

The sound is read in stretches of about a minute, the pictures not at all: the faces stage measured every sighting.
"""

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from itertools import islice, takewhile
from pathlib import Path

import av
import numpy as np

from sdme_tools.corpus.layout import FACE_MEASURES
from sdme_tools.media.audio import Sound, read_sound, require_audio
from sdme_tools.media.face_tables import FaceMeasures, read_measures
from sdme_tools.records.base import Source
from sdme_tools.records.face import Binding, FaceTrack
from sdme_tools.records.quality import FaceMaterialQuality, UtteranceQuality, VoiceQuality
from sdme_tools.records.recording import Recording
from sdme_tools.records.span import Span, merge_spans
from sdme_tools.records.stage_config import QualitySection
from sdme_tools.records.utterance import Drop, Utterance
from sdme_tools.stages.face_quality import measure_face
from sdme_tools.stages.gates import Failure, find_failures
from sdme_tools.stages.voice_quality import measure_voice

STAGE = "quality"
AROUND_MS = 1000
"""How far before and after an utterance its noise is looked for."""
STRETCH_MS = 60_000
"""Sound that is read at a time."""


def measure_utterances(
    recording: Recording,
    source: Path,
    utterances: Sequence[Utterance],
    bindings: Sequence[Binding],
    tracks: Sequence[FaceTrack],
    settings: QualitySection,
    recording_dir: Path,
) -> tuple[list[UtteranceQuality], list[Drop]]:
    """Measure each utterance and hold it against the gates.

    Returns:
        A row for every utterance, in the order given; and a drop for each that fails a gate, named by the first.

    Raises:
        MediaError: the sound cannot be decoded.
        CorpusError: the table of face measures is missing or damaged.
    """
    voices = dict(_measure_voices(recording, source, utterances)) if utterances else {}
    faces = dict(_measure_faces(recording, utterances, bindings, tracks, recording_dir))
    made_by = Source(backend="pyav", version=av.__version__)
    rows: list[UtteranceQuality] = []
    drops: list[Drop] = []
    for utterance in utterances:
        voice, face = voices[utterance.utterance_id], faces.get(utterance.utterance_id)
        failures = find_failures(voice, face, settings)
        rows.append(
            UtteranceQuality(
                utterance_id=utterance.utterance_id,
                voice=voice,
                face=face,
                failed_gates=tuple(failure.code for failure in failures),
                source=made_by,
            )
        )
        if failures:
            drops.append(_drop(utterance, failures))
    return rows, drops


def _drop(utterance: Utterance, failures: Sequence[Failure]) -> Drop:
    return Drop(
        recording_id=utterance.recording_id,
        stage=STAGE,
        span=utterance.span,
        utterance_id=utterance.utterance_id,
        reason=failures[0].code,
        detail="; ".join(failure.detail for failure in failures),
    )


def _measure_voices(
    recording: Recording, source: Path, utterances: Sequence[Utterance]
) -> Iterator[tuple[str, VoiceQuality]]:
    rate_hz = require_audio(recording).rate_hz
    whole = Span(start_ms=0, end_ms=recording.duration_ms)
    spoken = merge_spans(utterance.span for utterance in utterances)
    for group in _group(utterances):
        hull = Span(
            start_ms=max(0, min(u.span.start_ms for u in group) - AROUND_MS),
            end_ms=max(u.span.end_ms for u in group) + AROUND_MS,
        )
        stretch = hull.intersect(whole) or hull
        sound = read_sound(source, recording, span=stretch)
        for utterance in group:
            heard = sound if utterance.channel is None else sound[:, utterance.channel : utterance.channel + 1]
            pauses = _find_pauses(utterance.span, stretch, spoken)
            around = [_slice(heard, pause, stretch, rate_hz) for pause in pauses]
            yield (
                utterance.utterance_id,
                measure_voice(
                    _slice(heard, utterance.span, stretch, rate_hz),
                    np.concatenate([*around, heard[:0]]),
                    rate_hz,
                    utterance.speech_ms,
                ),
            )


def _group(utterances: Sequence[Utterance]) -> Iterator[list[Utterance]]:
    """Utterances by start, together as long as they lie in one stretch."""
    group: list[Utterance] = []
    for utterance in sorted(utterances, key=lambda u: u.span.start_ms):
        if group and utterance.span.end_ms - group[0].span.start_ms > STRETCH_MS:
            yield group
            group = []
        group.append(utterance)
    if group:
        yield group


def _find_pauses(span: Span, stretch: Span, spoken: Sequence[Span]) -> list[Span]:
    """What lies around `span` and in no utterance, within reach; `spoken` is sorted and disjoint."""
    reach = Span(start_ms=max(stretch.start_ms, span.start_ms - AROUND_MS), end_ms=span.end_ms + AROUND_MS)
    pauses: list[Span] = []
    start_ms = reach.start_ms
    first = bisect_right(spoken, reach.start_ms, key=lambda taken: taken.end_ms)
    for taken in takewhile(lambda taken: taken.start_ms < reach.end_ms, islice(spoken, first, None)):
        if start_ms < taken.start_ms:
            pauses.append(Span(start_ms=start_ms, end_ms=taken.start_ms))
        start_ms = max(start_ms, taken.end_ms)
    end_ms = min(reach.end_ms, stretch.end_ms)
    return [*pauses, Span(start_ms=start_ms, end_ms=end_ms)] if start_ms < end_ms else pauses


def _slice(sound: Sound, span: Span, stretch: Span, rate_hz: int) -> Sound:
    start, end = ((t_ms - stretch.start_ms) * rate_hz // 1000 for t_ms in (span.start_ms, span.end_ms))
    return sound[start:end]


def _measure_faces(
    recording: Recording,
    utterances: Sequence[Utterance],
    bindings: Sequence[Binding],
    tracks: Sequence[FaceTrack],
    recording_dir: Path,
) -> Iterator[tuple[str, FaceMaterialQuality]]:
    if recording.video is None:
        return
    spans = {utterance.utterance_id: utterance.span for utterance in utterances}
    by_id = {track.track_id: track for track in tracks}
    known: dict[str, FaceMeasures] = {}
    for binding in bindings:
        if binding.track_id is not None:
            if binding.track_id not in known:
                known[binding.track_id] = read_measures(recording_dir / FACE_MEASURES, binding.track_id)
            track, measures = by_id[binding.track_id], known[binding.track_id]
            yield binding.utterance_id, measure_face(track, measures, spans[binding.utterance_id], recording.video.span)
