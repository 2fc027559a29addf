"""From turns with labels to the voices of a recording: what pyannote and RTTM have in common."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from sdme_tools.backends.protocols import Diarization, DiarizationRequest, Unassigned, VoiceLine
from sdme_tools.records.span import Span, merge_spans, subtract_spans

NO_TURN = "no_turn"
"""Reason of a drop: speech that lies in no turn of any voice."""


@dataclass(frozen=True)
class Turn:
    """Somebody speaks."""

    span: Span
    label: str
    """Whatever the maker calls the voice."""


def assign_turns(turns: Iterable[Turn], request: DiarizationRequest) -> Diarization:
    """Make a line of each label's turns, cut to the recording; speech outside of all turns is nobody's.

    Voices are numbered by their first word, then by label. A label that is the name of a participant of the recording
    names the speaker.
    """
    whole = Span(start_ms=0, end_ms=request.recording.duration_ms)
    spans: dict[str, list[Span]] = {}
    for turn in turns:
        if inside := turn.span.intersect(whole):
            spans.setdefault(turn.label, []).append(inside)
    spoken = {label: merge_spans(found) for label, found in spans.items()}
    names = {seated.participant_id for seated in request.recording.participants}
    in_order = sorted(spoken, key=lambda label: (spoken[label][0].start_ms, label))
    lines = [
        VoiceLine(tuple(spoken[label]), voice_id=f"v{number}", speaker_id=label if label in names else None)
        for number, label in enumerate(in_order, start=1)
    ]
    return Diarization(tuple(lines), tuple(_outside(request, [s for found in spoken.values() for s in found])))


def _outside(request: DiarizationRequest, spoken: Sequence[Span]) -> Iterable[Unassigned]:
    for heard in request.heard:
        if rest := subtract_spans(heard.speech, merge_spans(spoken)):
            yield Unassigned(tuple(rest), heard.channel, NO_TURN)
