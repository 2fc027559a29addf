"""Who speaks, by an ONNX file of your own; own_file.py tells its interface."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from sdme_tools.backends.packages import require_package, require_version
from sdme_tools.backends.protocols import Crops, SpeakingAnswer, SpeakingQuestion, Voice
from sdme_tools.backends.registry import Device
from sdme_tools.backends.speaking.own_file import ask_each, blame, find_file
from sdme_tools.backends.weights import hash_weights
from sdme_tools.errors import BackendError
from sdme_tools.records.base import Source
from sdme_tools.records.config import SpeakingSection


class OnnxScorer:
    """Speaking scores of an ONNX graph with inputs named crops and voice; its first output is the scores."""

    needs_crops = True

    def __init__(self, settings: SpeakingSection, device: Device) -> None:
        self._settings = settings
        self._device = device

    def identify(self) -> Source:
        """Name onnxruntime's version and the hash of the file. Raises as `find_file`."""
        weights = hash_weights(find_file(self._settings))
        return Source(backend="onnx", version=require_version("onnxruntime"), weights=weights)

    def score(self, questions: Sequence[SpeakingQuestion]) -> list[SpeakingAnswer]:
        """Ask the file about each face; on the GPU where onnxruntime has been installed for it.

        Raises:
            BackendError: it is no ONNX file, has other inputs, fails, or answers in another form than it should.
        """
        runtime, path = require_package("onnxruntime"), find_file(self._settings)
        wanted = ["CUDAExecutionProvider"] if self._device == "cuda" else []
        providers = [name for name in (*wanted, "CPUExecutionProvider") if name in runtime.get_available_providers()]
        try:
            session = runtime.InferenceSession(str(path), providers=providers)
        except Exception as error:  # onnxruntime's errors share no class but this
            raise blame(path, "is no ONNX file", error) from error
        names = sorted(given.name for given in session.get_inputs())
        if names != ["crops", "voice"]:
            raise BackendError(
                f"{path} has the inputs {', '.join(names)}, expected crops and voice",
                cure="rename them when you export the graph",
            )

        def ask(crops: Crops, voice: Voice) -> NDArray[np.float32]:
            try:
                scores: NDArray[np.float32] = session.run(None, {"crops": crops, "voice": voice})[0]
            except Exception as error:  # see above
                raise blame(path, "failed", error) from error
            return scores

        return ask_each(questions, ask, path)
