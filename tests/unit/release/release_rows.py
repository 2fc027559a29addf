"""Rows of a release as the division sees them."""

from sdme_tools.records.annotation import Condition
from sdme_tools.records.release import ReleaseRow
from sdme_tools.records.span import Span


def make_row(
    name: str, speaker: str, recording: str, *, session: str = "s", label: str = "neutral", text: str = ""
) -> ReleaseRow:
    return ReleaseRow(
        utterance_id=name,
        recording_id=recording,
        session_id=session,
        speaker_id=speaker,
        span=Span(start_ms=0, end_ms=1000),
        text=text,
        language=None,
        label=label,
        votes={label: 1},
        num_raters=1,
        condition=Condition.FULL,
        binding_score=None,
        binding_reason="bound",
        binding_confidence=None,
        speech_ms=1000,
        overlap_ms=0,
        segmented_by="made 1",
        bound_by="made 1",
        transcribed_by="made 1",
        voice_quality=None,
        face_quality=None,
        voice_path="v",
        face_path=None,
        clip_path=None,
    )
