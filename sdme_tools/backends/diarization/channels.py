"""Channels: every participant has a microphone or camera of their own, as recordings.csv declares.

What a channel hears is its participant's, unless another channel hears the same moment much louder: then it is the
neighbour's voice that bled over (crosstalk.py). Where two participants share a channel, its speaker stays untold.
"""

from pathlib import Path
from typing import Literal

from sdme_tools.backends.diarization.crosstalk import find_crosstalk
from sdme_tools.backends.protocols import Diarization, DiarizationRequest, Unassigned, VoiceLine
from sdme_tools.errors import ConfigError
from sdme_tools.records.base import Source
from sdme_tools.records.recording import Recording
from sdme_tools.records.span import subtract_spans
from sdme_tools.records.stage_config import DiarizeSection

VERSION = "2"
CROSSTALK = "crosstalk"
"""Reason of a drop: another participant's voice, heard in this microphone."""


class ChannelVoices:
    """Gives what each channel hears to the participant it belongs to."""

    def __init__(self, settings: DiarizeSection, device: Literal["cpu", "cuda"]) -> None:
        del device
        self._crosstalk_db = settings.crosstalk_db

    def identify(self) -> Source:
        """Name the version of the rule."""
        return Source(backend="channels", version=VERSION)

    def identify_for(self, recording: Recording, source: Path) -> Source:
        """Like identify: nothing depends on the recording."""
        del recording, source
        return self.identify()

    def choose_channels(self, recording: Recording) -> tuple[int | None, ...]:
        """Every channel that a participant has, in order.

        Raises:
            ConfigError: a participant has none, or there are no participants.
        """
        without = [seated.participant_id for seated in recording.participants if seated.channel is None]
        if without or not recording.participants:
            who = ", ".join(without) or "anybody"
            raise ConfigError(
                f'{recording.recording_id}: [diarize] backend = "channels", '
                f"but recordings.csv tells no channel for {who}",
                cure="fill in the column 'channel' of recordings.csv and ingest again, or use another backend",
            )
        return tuple(sorted({seated.channel for seated in recording.participants if seated.channel is not None}))

    def tell_voices(self, request: DiarizationRequest) -> Diarization:
        """Part each channel's speech into its owner's and its neighbours'."""
        bled = find_crosstalk(request.heard, self._crosstalk_db)
        lines, unassigned = [], []
        for heard, crosstalk in zip(request.heard, bled, strict=True):
            seated = request.recording.participants
            owners = [person.participant_id for person in seated if person.channel == heard.channel]
            own = tuple(subtract_spans(heard.speech, crosstalk))
            lines.append(VoiceLine(own, heard.channel, speaker_id=owners[0] if len(owners) == 1 else None))
            if crosstalk:
                unassigned.append(Unassigned(tuple(crosstalk), heard.channel, CROSSTALK))
        return Diarization(tuple(lines), tuple(unassigned))
