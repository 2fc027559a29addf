"""Transcribe: each utterance gets its words."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import overload

from sdme_tools.backends.protocols import Transcriber, TranscriptionRequest, Voice
from sdme_tools.errors import SdmeError
from sdme_tools.media.voice_blocks import VoiceBlocks
from sdme_tools.records.recording import Recording
from sdme_tools.records.utterance import Transcript, Utterance, UtteranceKind

_DONE = {
    "redone": "decoded again in full windows, because short ones could not be trusted",
    "retried": "tried again at higher temperatures",
}


def transcribe_utterances(
    recording: Recording, source: Path, utterances: list[Utterance], transcriber: Transcriber
) -> list[Transcript]:
    """Write down what is said in each utterance; one transcript each, in the same order.

    Raises:
        SdmeError: as `transcribe_together`, and where the sound cannot be decoded.
    """
    (made,) = transcribe_together([Spoken(recording, source, utterances)], transcriber)
    if isinstance(made, SdmeError):
        raise made
    return made


@dataclass
class Spoken:
    """A recording and the utterances in it, in order of time.

    Their sound is decoded block by block, once for each channel, and sliced, since opening and seeking once per
    utterance costs more than the slices, and a recording of hours does not fit the memory.
    """

    recording: Recording
    source: Path
    utterances: Sequence[Utterance]
    _voices: dict[int | None, VoiceBlocks] = field(default_factory=dict)

    def worded(self) -> list[Utterance]:
        """Those that are speech; a laugh has no words, and recognisers make some up for it."""
        return [utterance for utterance in self.utterances if utterance.kind is UtteranceKind.SPEECH]

    def voice_of(self, utterance: Utterance) -> Voice:
        """Return an utterance's sound.

        Raises:
            MediaError: the sound cannot be decoded.
        """
        channel = utterance.channel
        if channel not in self._voices:
            self._voices[channel] = VoiceBlocks(self.source, self.recording, channel)
        return self._voices[channel].read(utterance.span.start_ms, utterance.span.end_ms)

    def fault(self) -> SdmeError | None:
        """Read the first block of each channel; what is wrong with the sound, None if nothing is."""
        try:
            for utterance in {utterance.channel: utterance for utterance in reversed(self.worded())}.values():
                self.voice_of(utterance)
        except SdmeError as error:
            return error
        return None


class _Requests(Sequence[TranscriptionRequest]):
    """The utterances of some recordings as requests, whose sound is read when they are taken."""

    def __init__(self, given: Sequence[Spoken]) -> None:
        self._asked = [(spoken, utterance) for spoken in given for utterance in spoken.worded()]

    def __len__(self) -> int:
        return len(self._asked)

    @overload
    def __getitem__(self, place: int) -> TranscriptionRequest: ...
    @overload
    def __getitem__(self, place: slice) -> list[TranscriptionRequest]: ...
    def __getitem__(self, place: int | slice) -> TranscriptionRequest | list[TranscriptionRequest]:
        if isinstance(place, slice):
            return [self[number] for number in range(*place.indices(len(self)))]
        spoken, utterance = self._asked[place]
        return TranscriptionRequest(
            utterance_id=utterance.utterance_id,
            recording=spoken.source,
            span=utterance.span,
            voice=spoken.voice_of(utterance),
            speech_ms=utterance.speech_ms,
        )


def transcribe_together(given: Sequence[Spoken], transcriber: Transcriber) -> list[list[Transcript] | SdmeError]:
    """Write down the utterances of several recordings; for each recording one transcript an utterance, in their order.

    All go to the backend in one call, which makes its own batches. A recording whose sound cannot be decoded gets its
    error, and the others are written down without it.

    Raises:
        BackendError: the backend lacks its weights or its sidecar, or refuses the work.
    """
    failures = {place: error for place, spoken in enumerate(given) if (error := spoken.fault())}
    requests = _Requests([spoken for place, spoken in enumerate(given) if place not in failures])
    made = transcriber.transcribe(requests) if requests else []
    by_id = {transcript.utterance_id: transcript for transcript in made}
    return [failures.get(place) or list(_complete(one, by_id, transcriber)) for place, one in enumerate(given)]


def _complete(spoken: Spoken, made: dict[str, Transcript], transcriber: Transcriber) -> Iterator[Transcript]:
    """Yield the transcripts of a recording, empty ones for voices without words."""
    for utterance in spoken.utterances:
        if utterance.kind is UtteranceKind.SPEECH and utterance.utterance_id in made:
            yield made[utterance.utterance_id]
        elif utterance.kind is not UtteranceKind.SPEECH:
            source = transcriber.identify_for(spoken.source)
            yield Transcript(utterance_id=utterance.utterance_id, text="", flags=("empty", "wordless"), source=source)


def describe_work(transcripts: Sequence[Transcript]) -> tuple[str, ...]:
    """Say how many utterances were not simply written down."""
    counts = {code: sum(code in transcript.flags for transcript in transcripts) for code in _DONE}
    return tuple(f"{count} of {len(transcripts)} {_DONE[code]}" for code, count in counts.items() if count)
