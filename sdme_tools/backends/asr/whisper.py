"""OpenAI Whisper (Radford et al. 2022, arXiv 2212.04356), many utterances at a time.

`whisper.transcribe` takes one file, hears 30 s for it however short it is, and runs the encoder twice where it detects
the language. Here utterances are decoded in batches (work.py), greedily, since beam search does not batch, and in
windows that fit them where the checkpoint bears that (windows.py). The same recordings always give the same text.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from sdme_tools.backends.asr.checkpoint import fetch_whisper, find_checkpoint, load_checkpoint
from sdme_tools.backends.asr.decoding import WhisperDecoder
from sdme_tools.backends.asr.work import write_down
from sdme_tools.backends.packages import require_package, require_version
from sdme_tools.backends.protocols import TranscriptionRequest
from sdme_tools.errors import ConfigError
from sdme_tools.records.base import Source
from sdme_tools.records.stage_config import TranscribeSection
from sdme_tools.records.utterance import Transcript

if TYPE_CHECKING:
    from whisper.model import Whisper

__all__ = ["WhisperTranscriber", "fetch_whisper"]


class WhisperTranscriber:
    """Transcription by openai-whisper with a published model or a local checkpoint."""

    pools = True

    def __init__(self, settings: TranscribeSection, device: Literal["cpu", "cuda"]) -> None:
        self._settings = settings
        self._device = device

    def identify(self) -> Source:
        """Name whisper's version and the hash of the checkpoint.

        Raises:
            BackendError: whisper is not installed, or the checkpoint is not on this machine.
        """
        weights = find_checkpoint(self._settings.model).sha256
        return Source(backend="whisper", version=require_version("openai-whisper"), weights=weights)

    def identify_for(self, recording: Path) -> Source:
        """Return the same for every recording: nothing beside it is read."""
        del recording
        return self.identify()

    def transcribe(self, requests: Sequence[TranscriptionRequest]) -> list[Transcript]:
        """Write down each utterance; an empty text where nothing was recognised, doubts as flags.

        The requests are taken one after the other, once each.

        Raises:
            BackendError: the checkpoint is missing or unusable, there is no such device, or its memory does not do.
            ConfigError: the model does not know the language that corpus.toml sets.
        """
        if not requests:
            return []
        source = self.identify()
        model = load_checkpoint(find_checkpoint(self._settings.model), self._device)
        self._check_language(model)
        return write_down(
            WhisperDecoder(model, self._settings.language or None, self._device), requests, self._settings, source
        )

    def _check_language(self, model: "Whisper") -> None:
        tokenizer = require_package("whisper.tokenizer")
        known = list(tokenizer.LANGUAGES) if model.is_multilingual else ["en"]
        language = self._settings.language
        if language and language not in known:
            raise ConfigError(
                f'[transcribe] language = "{language}" is not known to {self._settings.model}, which knows '
                f"{', '.join(known)}",
                cure='write the code of one of them, or "" to detect it'
                if model.is_multilingual
                else 'write "en" or "", or choose a multilingual model',
            )
