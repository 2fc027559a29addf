"""What the scorers out of a user's own file have in common: the interface, the path, the checks of what comes out.

The interface of such a file, TorchScript or ONNX: two inputs, one output, one face at a time.

    crops   uint8[T, 112, 112]   grey, 25 pictures a second; protocols.Crops tells what they show
    voice   float32[640·T]       16 kHz mono, -1 to 1, heard while those pictures are shown
    scores  float32[T]           0 to 1, how likely the face makes the voice; 0.5 = undecided, NaN = cannot tell

T differs from call to call, from about ten to some hundreds.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from sdme_tools.backends.packages import require_version
from sdme_tools.backends.protocols import Crops, SpeakingAnswer, SpeakingQuestion, Voice
from sdme_tools.backends.registry import Device
from sdme_tools.backends.weights import hash_weights
from sdme_tools.errors import BackendError, ConfigError
from sdme_tools.records.base import Source
from sdme_tools.records.stage_config import SpeakingSection

Ask = Callable[[Crops, Voice], NDArray[np.float32]]


class OwnFileScorer(ABC):
    """A scorer that runs the file that [speaking] model names; what runs it is a subclass's matter."""

    needs_crops = True
    backend: ClassVar[str]
    """Its name in the registry."""
    distribution: ClassVar[str]
    """The package that runs the file, whose version goes into every row."""

    def __init__(self, settings: SpeakingSection, device: Device) -> None:
        self._settings = settings
        self._device = device

    def identify(self) -> Source:
        """Name the version of what runs the file, and the file's hash. Raises as `find_file`."""
        weights = hash_weights(find_file(self._settings))
        return Source(backend=self.backend, version=require_version(self.distribution), weights=weights)

    def score(self, questions: Sequence[SpeakingQuestion]) -> list[SpeakingAnswer]:
        """Ask the file about each face.

        Raises:
            BackendError: it cannot be loaded, fails, or answers in another form than the interface has.
        """
        path = find_file(self._settings)
        ask = self._open(path)
        return [
            _check(ask(_require_crops(question), question.voice), len(question.mouth_opening), path)
            for question in questions
        ]

    @abstractmethod
    def _open(self, path: Path) -> Ask:
        """Load the file; what it returns raises BackendError where the file fails."""


def find_file(settings: SpeakingSection) -> Path:
    """Return the file that [speaking] model names.

    Raises:
        ConfigError: none is named.
        BackendError: it does not exist.
    """
    if not settings.model:
        raise ConfigError(
            f'[speaking] backend = "{settings.backend}" runs a file of your own, but model names none',
            cure="name it as [speaking] model in corpus.toml",
        )
    path = Path(settings.model).expanduser()
    if not path.is_file():
        raise BackendError(f"[speaking] model names {path}, which does not exist", cure="correct the path")
    return path


def _require_crops(question: SpeakingQuestion) -> Crops:
    if question.crops is None:
        raise BackendError("a speaking scorer was asked about a face without its pictures", cure="report this as a bug")
    return question.crops


def _check(scores: NDArray[np.float32], num_pictures: int, path: Path) -> SpeakingAnswer:
    if scores.shape != (num_pictures,) or scores.dtype != np.float32:
        raise BackendError(
            f"{path} answers with {scores.dtype}{list(scores.shape)}, expected float32[{num_pictures}]",
            cure=f"give it the interface that {__name__} describes",
        )
    return SpeakingAnswer(scores)


def blame(path: Path, what: str, error: Exception) -> BackendError:
    """An error of the user's file, with its own first line."""
    lines = str(error).strip().splitlines() or [type(error).__name__]
    return BackendError(f"{path} {what}: {lines[-1]}", cure=f"give it the interface that {__name__} describes")
