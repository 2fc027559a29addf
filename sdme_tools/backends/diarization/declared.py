"""Auto: the diarizer that follows from what recordings.csv declares, never from what is heard.

1. Every participant of the recording has a channel: `channels`.
2. There is one participant: `single`.
3. Else `visual`: the voice tells nobody, and the face that an utterance is bound to does.

The rows name the one that was chosen, and a participant or channel added to recordings.csv changes the recording, so
that the stage runs again.
"""

from pathlib import Path
from typing import Literal

from sdme_tools.backends.diarization.channels import ChannelVoices
from sdme_tools.backends.diarization.single import SingleVoice
from sdme_tools.backends.diarization.visual import UntoldVoices
from sdme_tools.backends.protocols import Diarization, DiarizationRequest, Diarizer
from sdme_tools.records.base import Source
from sdme_tools.records.recording import Recording
from sdme_tools.records.stage_config import DiarizeSection

VERSION = "1"


class DeclaredVoices:
    """Chooses for each recording among the diarizers that need no model."""

    def __init__(self, settings: DiarizeSection, device: Literal["cpu", "cuda"]) -> None:
        self._channels = ChannelVoices(settings, device)
        self._single = SingleVoice(settings, device)
        self._visual = UntoldVoices(settings, device)

    def choose(self, recording: Recording) -> Diarizer:
        """Apply the rule of this module."""
        told = [seated.channel for seated in recording.participants]
        if told and None not in told:
            return self._channels
        return self._single if len(told) == 1 else self._visual

    def identify(self) -> Source:
        """Name the version of the rule."""
        return Source(backend="auto", version=VERSION)

    def identify_for(self, recording: Recording, source: Path) -> Source:
        """Name the diarizer that is chosen."""
        return self.choose(recording).identify_for(recording, source)

    def choose_channels(self, recording: Recording) -> tuple[int | None, ...]:
        """As the chosen one."""
        return self.choose(recording).choose_channels(recording)

    def tell_voices(self, request: DiarizationRequest) -> Diarization:
        """As the chosen one."""
        return self.choose(request.recording).tell_voices(request)
