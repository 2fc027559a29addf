"""Which backends there are: one plain dict a kind, name -> "module:Class".

The strings are lazy, so listing the names imports no model library. A backend of your own needs no packaging: write
`backend = "my_package.module:Class"` into corpus.toml; it is built as Class(settings, device), like those below.
Nothing here ever falls back to another backend, because that would falsify the provenance of what it makes.
"""

import importlib
from typing import TYPE_CHECKING, Literal, cast

from sdme_tools.errors import BackendError, ConfigError
from sdme_tools.records.stage_config import (
    DiarizeSection,
    FacesSection,
    IdentitySection,
    SegmentSection,
    SpeakingSection,
    TranscribeSection,
)

if TYPE_CHECKING:  # protocols needs numpy, which the core does without
    from sdme_tools.backends.protocols import (
        Diarizer,
        FaceDetector,
        FaceEmbedder,
        SpeakingScorer,
        Transcriber,
        VoiceActivityDetector,
        VoiceEmbedder,
    )

Device = Literal["cpu", "cuda"]

Kind = Literal["segment", "diarize", "faces", "speaking", "transcribe", "face_identity", "voice_identity"]

SETTINGS: dict[Kind, str] = {
    "segment": "[segment] backend",
    "diarize": "[diarize] backend",
    "faces": "[faces] backend",
    "speaking": "[speaking] backend",
    "transcribe": "[transcribe] backend",
    "face_identity": "[identity] face_backend",
    "voice_identity": "[identity] voice_backend",
}
"""What in corpus.toml names the backend of each kind."""

EXTRAS: dict[Kind, str] = {"face_identity": "identity", "voice_identity": "identity"}
"""The extra that brings a kind's packages, where it is not `extract`."""

BACKENDS: dict[Kind, dict[str, str]] = {
    "segment": {
        "silero": "sdme_tools.backends.vad.silero:SileroVad",
    },
    "diarize": {
        "auto": "sdme_tools.backends.diarization.declared:DeclaredVoices",
        "channels": "sdme_tools.backends.diarization.channels:ChannelVoices",
        "single": "sdme_tools.backends.diarization.single:SingleVoice",
        "visual": "sdme_tools.backends.diarization.visual:UntoldVoices",
        "pyannote": "sdme_tools.backends.diarization.pyannote:PyannoteDiarizer",
        "rttm": "sdme_tools.backends.diarization.rttm:RttmTurns",
    },
    "faces": {
        "mediapipe": "sdme_tools.backends.faces.mediapipe:MediapipeFaces",
    },
    "speaking": {
        "mouth_movement": "sdme_tools.backends.speaking.mouth_movement:MouthMovement",
        "lr-asd": "sdme_tools.backends.speaking.lr_asd:LrAsd",
        "torchscript": "sdme_tools.backends.speaking.torchscript:TorchScriptScorer",
        "onnx": "sdme_tools.backends.speaking.onnx:OnnxScorer",
    },
    "transcribe": {
        "whisper": "sdme_tools.backends.asr.whisper:WhisperTranscriber",
        "faster-whisper": "sdme_tools.backends.asr.faster_whisper:FasterWhisperTranscriber",
        "sidecar": "sdme_tools.backends.asr.sidecar:SidecarTranscriber",
    },
    "face_identity": {
        "dlib": "sdme_tools.backends.identity.dlib_faces:DlibFaces",
        "appearance": "sdme_tools.backends.identity.appearance:Appearance",
    },
    "voice_identity": {
        "resemblyzer": "sdme_tools.backends.identity.resemblyzer:ResemblyzerVoices",
    },
}


NEED_NO_GPU = frozenset({"auto", "channels", "single", "visual", "rttm", "mouth_movement"})
"""Diarizers and speaking scorers without a model."""


def create_vad(settings: SegmentSection, device: Device) -> "VoiceActivityDetector":
    """Build the detector that [segment] names; cheap, no weights are loaded. Raises as `find_backend`."""
    return cast("VoiceActivityDetector", find_backend("segment", settings.backend)(settings, device))


def create_diarizer(settings: DiarizeSection, device: Device) -> "Diarizer":
    """Build the diarizer that [diarize] names; cheap, no weights are loaded. Raises as `find_backend`."""
    return cast("Diarizer", find_backend("diarize", settings.backend)(settings, device))


def create_face_detector(settings: FacesSection, device: Device) -> "FaceDetector":
    """Build the detector that [faces] names; cheap, no weights are loaded. Raises as `find_backend`."""
    return cast("FaceDetector", find_backend("faces", settings.backend)(settings, device))


def create_speaking_scorer(settings: SpeakingSection, device: Device) -> "SpeakingScorer":
    """Build the scorer that [speaking] names; cheap, no weights are loaded. Raises as `find_backend`."""
    return cast("SpeakingScorer", find_backend("speaking", settings.backend)(settings, device))


def create_transcriber(settings: TranscribeSection, device: Device) -> "Transcriber":
    """Build the transcriber that [transcribe] names; cheap, no weights are loaded. Raises as `find_backend`."""
    return cast("Transcriber", find_backend("transcribe", settings.backend)(settings, device))


def create_face_embedder(settings: IdentitySection, device: Device, *, name: str = "") -> "FaceEmbedder":
    """Build the face embedder that [identity] names, or another by name; cheap. Raises as `find_backend`."""
    found = find_backend("face_identity", name or settings.face_backend)
    return cast("FaceEmbedder", found(settings, device))


def create_voice_embedder(settings: IdentitySection, device: Device) -> "VoiceEmbedder":
    """Build the voice embedder that [identity] names; cheap, no weights are loaded. Raises as `find_backend`."""
    return cast("VoiceEmbedder", find_backend("voice_identity", settings.voice_backend)(settings, device))


def pools_recordings(settings: TranscribeSection) -> bool:
    """Whether the transcriber gains from being handed short recordings together: its class says `pools = True`.

    Raises as `find_backend`.
    """
    return bool(getattr(find_backend("transcribe", settings.backend), "pools", False))


def find_backend(kind: Kind, name: str) -> type:
    """Import the class of a backend, given its short name or "module:Class".

    Raises:
        ConfigError: no backend has this name, or the module or class does not exist.
        BackendError: the backend exists, but a package that it needs is not installed.
    """
    target = BACKENDS[kind].get(name, name)
    module_name, colon, class_name = target.partition(":")
    if not (module_name and colon and class_name):
        known = ", ".join(BACKENDS[kind])
        raise ConfigError(
            f'{SETTINGS[kind]} = "{name}" is not known; known: {known}',
            cure=f"choose one of {known}, or write my_package.module:Class for one of your own",
        )
    try:
        found = getattr(importlib.import_module(module_name), class_name)
    except ModuleNotFoundError as error:
        raise _explain_missing(kind, name, module_name, error) from error
    except AttributeError as error:
        raise ConfigError(
            f'{SETTINGS[kind]} = "{name}": {error}', cure=f"name a class that {module_name} defines"
        ) from error
    if not isinstance(found, type):
        raise ConfigError(f'{SETTINGS[kind]} = "{name}" is no class', cure=f"name a class that {module_name} defines")
    return found


def _explain_missing(kind: Kind, name: str, module_name: str, error: ModuleNotFoundError) -> ConfigError | BackendError:
    absent = error.name or ""
    if module_name == absent or module_name.startswith(f"{absent}."):
        return ConfigError(
            f'{SETTINGS[kind]} = "{name}": there is no module {absent}',
            cure="correct the name, or put the folder that holds the module on PYTHONPATH",
        )
    return BackendError(
        f'{SETTINGS[kind]} = "{name}" needs the package {absent}, which is not installed',
        cure=f"install it: pip install 'sdme-tools[{EXTRAS.get(kind, 'extract')}]'"
        if name in BACKENDS[kind]
        else f"install {absent}",
    )
