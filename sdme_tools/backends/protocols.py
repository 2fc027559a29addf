"""What a backend of each kind must do: arrays in, nouns out.

A backend is built by `registry.create(kind, name, settings, device)` from its section of corpus.toml. Construction is
cheap and imports nothing heavy; weights load at the first use. Every backend takes a batch. `identify` tells, without
loading anything, what goes into the receipt.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from sdme_tools.records.base import Source
from sdme_tools.records.face import Box, Face
from sdme_tools.records.recording import Recording
from sdme_tools.records.span import Span
from sdme_tools.records.utterance import Transcript

VOICE_RATE_HZ = 16_000
"""Every backend hears 16 kHz mono."""

Voice = NDArray[np.float32]
"""float32[num_samples], -1 to 1, 16 kHz mono."""

Frame = NDArray[np.uint8]
"""uint8[H, W, 3] RGB."""


class Backend(Protocol):
    """What all kinds have in common."""

    def identify(self) -> Source:
        """Name the backend, its version and the hash of its weights, without loading them.

        Raises:
            BackendError: the weights or the package are not there; says how to get them.
        """
        ...


class VoiceActivityDetector(Backend, Protocol):
    """Finds where somebody speaks."""

    def find_speech(self, voices: Sequence[Voice]) -> list[list[Span]]:
        """Return the stretches of speech of each voice, sorted and disjoint, in ms from its first sample.

        As fine as the model can tell: joining over pauses, padding and length rules belong to the segment stage.
        """
        ...


LEVEL_STEP_MS = 10


@dataclass(frozen=True)
class HeardChannel:
    """What was heard on one channel of a recording, small enough to keep for hours of it."""

    channel: int | None
    """0-based; None = the mix of all."""
    speech: tuple[Span, ...]
    """Where the voice activity detector found speech: sorted, disjoint, on the recording's clock."""
    energy: NDArray[np.float32]
    """float32[T]: mean square of the sound in each step of LEVEL_STEP_MS, from 0 on the recording's clock."""


@dataclass(frozen=True)
class DiarizationRequest:
    """A recording whose voices are to be told apart."""

    recording: Recording
    source: Path
    """The recording's file; an RTTM lies next to it."""
    heard: tuple[HeardChannel, ...]
    """One for each channel that the diarizer chose, in its order."""
    read_voice: Callable[[], Voice]
    """Reads the whole mix (230 MB an hour): for those that cannot work in pieces."""


@dataclass(frozen=True)
class VoiceLine:
    """All that one voice says in a recording."""

    speech: tuple[Span, ...]
    """Sorted and disjoint."""
    channel: int | None = None
    """Where it was heard; None = the mix of all."""
    voice_id: str | None = None
    """'v1', 'v2', … by first word; None where the voices of a channel are not told apart."""
    speaker_id: str | None = None
    """The participant, where it is known without looking."""


@dataclass(frozen=True)
class Unassigned:
    """Speech that was heard and is nobody's."""

    speech: tuple[Span, ...]
    """Sorted and disjoint."""
    channel: int | None
    reason: str
    """Code for the drop: 'crosstalk' (a neighbour's voice in this microphone), 'no_turn' (in no turn of any voice)."""


@dataclass(frozen=True)
class Diarization:
    """The voices of a recording. All speech heard is in a line or unassigned; lines may hold more than was heard."""

    lines: tuple[VoiceLine, ...]
    unassigned: tuple[Unassigned, ...] = ()


class Diarizer(Backend, Protocol):
    """Tells the voices of a recording apart."""

    def identify_for(self, recording: Recording, source: Path) -> Source:
        """Like identify, for one recording: what it chooses there, and the hash of whatever is read beside it."""
        ...

    def choose_channels(self, recording: Recording) -> tuple[int | None, ...]:
        """Name the channels that it wants to be heard, or (None,) for the mix of all.

        Raises:
            ConfigError: recordings.csv does not tell what this diarizer rests on.
        """
        ...

    def tell_voices(self, request: DiarizationRequest) -> Diarization:
        """Give every stretch of speech to a voice, or say why it is nobody's.

        Raises:
            BackendError: the model or the file that it reads is at fault.
        """
        ...


class FaceDetector(Backend, Protocol):
    """Finds faces, their landmarks and their pose in single pictures."""

    def find_faces(self, frames: Iterable[Frame]) -> Iterator[list[Face]]:
        """Yield the faces of each picture, in its own pixels, in no particular order."""
        ...


SPEAKING_RATE_HZ = 25
"""Speaking scorers look at so many pictures a second."""
SAMPLES_PER_PICTURE = VOICE_RATE_HZ // SPEAKING_RATE_HZ
"""Samples of the voice that are heard while one picture is shown."""
CROP_PX = 112
"""Side of the crops handed to speaking scorers."""

Crops = NDArray[np.uint8]
"""uint8[T, 112, 112] grey, 25 a second: a square around the mouth, from the eyes to the chin, with the cheeks.

With s half the longer side of the face's box, it reaches 0.7 s to each side of the box's centre, 0.3 s above it and
1.1 s below it: the inner half of the crops that the published networks were trained on.
"""


@dataclass(frozen=True)
class SpeakingQuestion:
    """One face while a voice is heard, T pictures long: does this mouth make this voice?"""

    voice: Voice
    """float32[640·T]: from the first picture to the end of the last."""
    mouth_opening: NDArray[np.float32]
    """float32[T]: see Face.mouth_opening; NaN where no landmarks were found near that time."""
    crops: Crops | None = None
    """None where the scorer does not need them."""


@dataclass(frozen=True)
class SpeakingAnswer:
    """How likely the face makes the voice, picture by picture."""

    scores: NDArray[np.float32]
    """float32[T], 0 to 1; 0.5 = undecided, NaN = the face could not be judged there."""
    offset_ms: int | None = None
    """See FaceSpeaking.offset_ms."""
    offset_confidence: float | None = None
    """See FaceSpeaking.offset_confidence."""


class SpeakingScorer(Backend, Protocol):
    """Tells how likely each of the visible faces is the one that speaks."""

    needs_crops: bool
    """Whether it looks at the pictures; False spares decoding the video."""

    def score(self, questions: Sequence[SpeakingQuestion]) -> list[SpeakingAnswer]:
        """Answer each question for itself: whatever else is in the batch changes nothing but rounding."""
        ...


@dataclass(frozen=True)
class TranscriptionRequest:
    """An utterance to be written down."""

    utterance_id: str
    recording: Path
    """The recording's file; a sidecar lies next to it."""
    span: Span
    """On the recording's clock."""
    voice: Voice
    speech_ms: int | None = None
    """How much of it is speech, as far as voice activity detection tells; None = not known."""


class Transcriber(Backend, Protocol):
    """Writes down what is said."""

    def transcribe(self, requests: Sequence[TranscriptionRequest]) -> list[Transcript]:
        """Return one transcript a request, in order; text is empty where nothing was recognised."""
        ...

    def identify_for(self, recording: Path) -> Source:
        """Like identify, with the hash of whatever is read beside the recording (a sidecar)."""
        ...


class FaceEmbedder(Backend, Protocol):
    """Tells people apart by their faces."""

    def embed_faces(self, frames: Sequence[Frame], boxes: Sequence[Box]) -> NDArray[np.float32]:
        """Return float32[N, D] of length 1 each: the nearer two lie (cosine), the likelier they are one person.

        Args:
            frames: whole pictures, N of them; the same picture may come several times.
            boxes: the face to look at in each, in its picture's pixels.

        A row is NaN where no face could be made out.
        """
        ...

    def weigh_evidence(self, cosines: NDArray[np.floating]) -> NDArray[np.float64]:
        """Return, for each cosine, the natural log of how much likelier it is between faces of one person than of two.

        As between two recordings, and finite for finite cosines: the calibration belongs to the model.
        """
        ...


class VoiceEmbedder(Backend, Protocol):
    """Tells people apart by their voices."""

    def embed_voices(self, voices: Sequence[Voice]) -> NDArray[np.float32]:
        """Return float32[N, D] of length 1 each, compared like those of faces; NaN where there is too little voice."""
        ...

    def weigh_evidence(self, cosines: NDArray[np.floating]) -> NDArray[np.float64]:
        """Return, for each cosine, the natural log of how much likelier it is between voices of one person than of two.

        As between two recordings, and finite for finite cosines: the calibration belongs to the model.
        """
        ...
