"""Visual: the voice tells nobody. Who speaks is whoever the face belongs to that an utterance is bound to."""

from pathlib import Path
from typing import Literal

from sdme_tools.backends.protocols import Diarization, DiarizationRequest, VoiceLine
from sdme_tools.records.base import Source
from sdme_tools.records.recording import Recording
from sdme_tools.records.stage_config import DiarizeSection

VERSION = "1"


class UntoldVoices:
    """Hears the mix of all channels as one line that names nobody."""

    def __init__(self, settings: DiarizeSection, device: Literal["cpu", "cuda"]) -> None:
        del settings, device

    def identify(self) -> Source:
        """Name the version of the rule."""
        return Source(backend="visual", version=VERSION)

    def identify_for(self, recording: Recording, source: Path) -> Source:
        """Like identify: nothing depends on the recording."""
        del recording, source
        return self.identify()

    def choose_channels(self, recording: Recording) -> tuple[int | None, ...]:
        """The mix."""
        del recording
        return (None,)

    def tell_voices(self, request: DiarizationRequest) -> Diarization:
        """Leave the voices untold."""
        return Diarization(tuple(VoiceLine(heard.speech, heard.channel) for heard in request.heard))
