"""Who speaks, by a TorchScript file of your own; own_file.py tells its interface. Running it runs the code in it."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from sdme_tools.backends.packages import require_package, require_version
from sdme_tools.backends.protocols import Crops, SpeakingAnswer, SpeakingQuestion, Voice
from sdme_tools.backends.registry import Device
from sdme_tools.backends.speaking.own_file import ask_each, blame, find_file
from sdme_tools.backends.weights import hash_weights
from sdme_tools.records.base import Source
from sdme_tools.records.config import SpeakingSection


class TorchScriptScorer:
    """Speaking scores of a scripted or traced module."""

    needs_crops = True

    def __init__(self, settings: SpeakingSection, device: Device) -> None:
        self._settings = settings
        self._device = device

    def identify(self) -> Source:
        """Name torch's version and the hash of the file. Raises as `find_file`."""
        weights = hash_weights(find_file(self._settings))
        return Source(backend="torchscript", version=require_version("torch"), weights=weights)

    def score(self, questions: Sequence[SpeakingQuestion]) -> list[SpeakingAnswer]:
        """Ask the file about each face.

        Raises:
            BackendError: it is no TorchScript file, fails, or answers in another form than the interface has.
        """
        torch, path = require_package("torch"), find_file(self._settings)
        try:
            module = torch.jit.load(path, map_location=self._device).eval()
        except RuntimeError as error:
            raise blame(path, "is no TorchScript file", error) from error

        def ask(crops: Crops, voice: Voice) -> NDArray[np.float32]:
            given = (torch.from_numpy(value).to(self._device) for value in (crops, voice))
            try:
                with torch.inference_mode():
                    scores: NDArray[np.float32] = module(*given).cpu().numpy()
            except (RuntimeError, AttributeError) as error:
                raise blame(path, "failed", error) from error
            return scores

        return ask_each(questions, ask, path)
