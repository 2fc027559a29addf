"""Transcribe: each utterance gets its words."""

from pathlib import Path

from sdme_tools.backends.protocols import VOICE_RATE_HZ, Transcriber, TranscriptionRequest, Voice
from sdme_tools.media.audio import read_voice
from sdme_tools.records.recording import Recording
from sdme_tools.records.span import Span
from sdme_tools.records.utterance import Transcript, Utterance


def transcribe_utterances(
    recording: Recording, source: Path, utterances: list[Utterance], transcriber: Transcriber
) -> list[Transcript]:
    """Write down what is said in each utterance; one transcript each, in the same order.

    The sound is decoded once for each channel and sliced, since opening and seeking once per utterance costs more than
    the slices. All utterances go to the backend in one call, which makes its own batches.

    Raises:
        MediaError: the sound cannot be decoded.
        BackendError: the backend lacks its weights or its sidecar, or refuses the work.
    """
    if not utterances:
        return []
    channels = {utterance.channel for utterance in utterances}
    voices = {channel: read_voice(source, recording, channel=channel) for channel in channels}
    return transcriber.transcribe(
        [
            TranscriptionRequest(
                utterance_id=utterance.utterance_id,
                recording=source,
                span=utterance.span,
                voice=_slice_voice(voices[utterance.channel], utterance.span),
            )
            for utterance in utterances
        ]
    )


def _slice_voice(voice: Voice, span: Span) -> Voice:
    start, end = (t_ms * VOICE_RATE_HZ // 1000 for t_ms in (span.start_ms, span.end_ms))
    return voice[start:end]
