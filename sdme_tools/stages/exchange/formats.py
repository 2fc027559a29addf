"""RTTM, WebVTT and CSV: the formats that are written as lines of text.

Source of RTTM: NIST, Rich Transcription 2009 Evaluation Plan, appendix A.
"""

import csv
import io
from collections.abc import Sequence

from sdme_tools.backends.asr.webvtt import VttCue, render_vtt
from sdme_tools.corpus.sheets import guard
from sdme_tools.corpus.view import RecordingView, UtteranceView
from sdme_tools.records.utterance import UtteranceKind
from sdme_tools.stages.exchange.tiers import clean, name_speaker

CSV_COLUMNS = (
    "utterance_id", "recording_id", "session_id", "start_ms", "end_ms", "kind", "speaker_id", "voice_id", "speech_ms",
    "overlap_ms", "text", "text_edited", "language", "label", "face_track_id", "binding_reason", "binding_score",
    "binding_margin", "binding_confidence", "flags", "failed_gates",
)  # fmt: skip


def render_rttm(view: RecordingView) -> str:
    """One line an utterance; a voice without words is NON-LEX, which scoring tools leave aside."""
    return "".join(_rttm_line(view.recording.recording_id, utterance) for utterance in view.utterances)


def _rttm_line(recording_id: str, view: UtteranceView) -> str:
    utterance = view.utterance
    kind, subtype = ("SPEAKER", "<NA>") if utterance.kind is UtteranceKind.SPEECH else ("NON-LEX", "other")
    channel = 1 if utterance.channel is None else utterance.channel + 1
    times = f"{utterance.span.start_ms / 1000:.3f} {utterance.span.duration_ms / 1000:.3f}"
    return f"{kind} {recording_id} {channel} {times} <NA> {subtype} {name_speaker(view)} <NA> <NA>\n"


def render_captions(view: RecordingView) -> str:
    """WebVTT with the speakers as voices; utterances without words have no cue."""
    return render_vtt(
        VttCue(
            u.utterance.utterance_id, u.utterance.span.start_ms, u.utterance.span.end_ms, clean(u.text), name_speaker(u)
        )
        for u in view.utterances
        if clean(u.text)
    )


def render_table(views: Sequence[RecordingView]) -> str:
    """All utterances as one CSV, with a byte order mark, by which spreadsheets know UTF-8."""
    buffer = io.StringIO(newline="")
    writer = csv.writer(buffer, lineterminator="\r\n")
    writer.writerow(CSV_COLUMNS)
    for view in views:
        for utterance in view.utterances:
            cells = _cells(view, utterance)
            writer.writerow([guard("" if cells[name] is None else str(cells[name])) for name in CSV_COLUMNS])
    return "\ufeff" + buffer.getvalue()


def _cells(recording: RecordingView, view: UtteranceView) -> dict[str, object]:
    utterance, binding, wording = view.utterance, view.binding, view.wording
    cells: dict[str, object] = utterance.model_dump(
        include={"utterance_id", "recording_id", "voice_id", "speech_ms", "overlap_ms"}
    )
    cells |= {"session_id": recording.recording.session_id, "kind": utterance.kind.value}
    cells |= {"start_ms": utterance.span.start_ms, "end_ms": utterance.span.end_ms}
    cells["speaker_id"] = (binding.speaker_id if binding else None) or utterance.speaker_id
    cells |= {"text": view.text, "text_edited": "yes" if wording and wording.edit else "no"}
    cells |= {"language": wording.language if wording else None, "label": view.label}
    cells |= {"face_track_id": binding.track_id, "binding_reason": binding.reason.value} if binding else {}
    for name in ("score", "margin", "confidence") if binding else ():
        value = getattr(binding, name)
        cells[f"binding_{name}"] = None if value is None else f"{value:.4f}"
    cells |= {
        "flags": " ".join(view.flags),
        "failed_gates": " ".join(view.quality.failed_gates) if view.quality else "",
    }
    return dict.fromkeys(CSV_COLUMNS) | cells
