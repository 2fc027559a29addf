"""Single: one person speaks in each recording."""

from pathlib import Path
from typing import Literal

from sdme_tools.backends.protocols import Diarization, DiarizationRequest, VoiceLine
from sdme_tools.errors import ConfigError
from sdme_tools.records.base import Source
from sdme_tools.records.recording import Recording
from sdme_tools.records.stage_config import DiarizeSection

VERSION = "1"


class SingleVoice:
    """Gives all speech to the only participant, or to nobody by name where recordings.csv names none."""

    def __init__(self, settings: DiarizeSection, device: Literal["cpu", "cuda"]) -> None:
        del settings, device

    def identify(self) -> Source:
        """Name the version of the rule."""
        return Source(backend="single", version=VERSION)

    def identify_for(self, recording: Recording, source: Path) -> Source:
        """Like identify: nothing depends on the recording."""
        del recording, source
        return self.identify()

    def choose_channels(self, recording: Recording) -> tuple[int | None, ...]:
        """The mix.

        Raises:
            ConfigError: recordings.csv names several participants.
        """
        names = [seated.participant_id for seated in recording.participants]
        if len(names) > 1:
            raise ConfigError(
                f'{recording.recording_id}: [diarize] backend = "single", but recordings.csv names {", ".join(names)}',
                cure='use "auto" or another backend, or correct recordings.csv and ingest again',
            )
        return (None,)

    def tell_voices(self, request: DiarizationRequest) -> Diarization:
        """Give everything to the one."""
        names = [seated.participant_id for seated in request.recording.participants]
        return Diarization(
            tuple(
                VoiceLine(heard.speech, heard.channel, speaker_id=names[0] if names else None)
                for heard in request.heard
            )
        )
