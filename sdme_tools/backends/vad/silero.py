"""Silero VAD: the sequence model in ONNX, whose weights lie in the package's own wheel (MIT).

The sequence model computes the same probabilities as the streaming one and runs four times as fast, because blocks of
16 s go through the network at once (silero_vad/sequence_vad.py).
"""

import importlib.util
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal

from sdme_tools.backends.packages import require_package, require_version
from sdme_tools.backends.protocols import VOICE_RATE_HZ, Voice
from sdme_tools.backends.weights import hash_weights
from sdme_tools.errors import BackendError
from sdme_tools.records.base import Source
from sdme_tools.records.span import Span
from sdme_tools.records.stage_config import SegmentSection

_WEIGHTS = "silero_vad_16k_sequence.onnx"
_SAMPLES_PER_MS = VOICE_RATE_HZ // 1000

BRIDGED_PAUSE_MS = 64
"""Gaps up to this long stay speech: two of the model's 32 ms frames, so that a single doubtful frame inside a word
does not cut it into bursts that are each too short to count. Pauses between words are longer and are reported."""


class SileroVad:
    """Voice activity by silero-vad; runs on the CPU whatever the device, at hundreds of times real time."""

    def __init__(self, settings: SegmentSection, device: Literal["cpu", "cuda"]) -> None:
        del device
        self._threshold = settings.threshold
        self._min_speech_ms = settings.min_speech_ms

    def identify(self) -> Source:
        """Name the package's version and the hash of the weights in its wheel.

        Raises:
            BackendError: silero-vad is not installed, or its wheel lacks the sequence model.
        """
        return Source(backend="silero", version=require_version("silero-vad"), weights=hash_weights(_locate_weights()))

    def find_speech(self, voices: Sequence[Voice]) -> list[list[Span]]:
        """Return the stretches of speech of each voice, sorted and disjoint, in ms from its first sample.

        Boundaries lie on the model's frames of 32 ms. A voice shorter than one millisecond holds no speech.

        Raises:
            BackendError: silero-vad or onnxruntime is not installed, or the weights are missing.
        """
        return [self._find_in_one(voice) for voice in voices]

    def _find_in_one(self, voice: Voice) -> list[Span]:
        if len(voice) < _SAMPLES_PER_MS:
            return []
        sequence_vad = _import_silero()
        found = sequence_vad.get_speech_timestamps_sequence(
            voice,
            _load_model(_locate_weights()),
            threshold=self._threshold,
            sampling_rate=VOICE_RATE_HZ,
            min_speech_duration_ms=self._min_speech_ms,
            min_silence_duration_ms=BRIDGED_PAUSE_MS,
            speech_pad_ms=0,
        )
        return [
            Span(start_ms=stretch["start"] // _SAMPLES_PER_MS, end_ms=stretch["end"] // _SAMPLES_PER_MS)
            for stretch in found
            if stretch["end"] - stretch["start"] >= _SAMPLES_PER_MS
        ]


def _locate_weights() -> Path:
    # Found without importing the package, which would import torch only to read a hash.
    spec = importlib.util.find_spec("silero_vad")
    folders = list(spec.submodule_search_locations or ()) if spec else []
    paths = [path for folder in folders if (path := Path(folder) / "data" / _WEIGHTS).is_file()]
    if not paths:
        raise BackendError(
            f"the installed silero-vad carries no {_WEIGHTS}" if folders else "the package silero-vad is not installed",
            cure="install it: pip install 'sdme-tools[extract]'",
        )
    return paths[0]


@lru_cache(maxsize=1)
def _import_silero() -> Any:  # noqa: ANN401 - a module without types
    """Import silero_vad.sequence_vad, and undo what the import does to everybody else in the process.

    silero_vad sets torch to one thread for the whole process, which would make every later model slow.
    """
    torch = require_package("torch")
    num_threads = torch.get_num_threads()
    try:
        return require_package("silero_vad.sequence_vad")
    finally:
        torch.set_num_threads(num_threads)


@lru_cache(maxsize=1)
def _load_model(weights: Path) -> Any:  # noqa: ANN401 - a class without types
    sequence_vad = _import_silero()
    require_package("onnxruntime")
    return sequence_vad.SileroVADSequence(str(weights), sampling_rate=VOICE_RATE_HZ)
