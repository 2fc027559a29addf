"""Who speaks, by an ONNX file of your own; own_file.py tells its interface."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from sdme_tools.backends.packages import require_package
from sdme_tools.backends.protocols import Crops, Voice
from sdme_tools.backends.speaking.own_file import Ask, OwnFileScorer, blame
from sdme_tools.errors import BackendError


class OnnxScorer(OwnFileScorer):
    """Speaking scores of an ONNX graph with inputs named crops and voice; its first output is the scores.

    It runs on the GPU where onnxruntime has been installed for it.
    """

    backend = "onnx"
    distribution = "onnxruntime"

    def _open(self, path: Path) -> Ask:
        runtime = require_package("onnxruntime")
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

        return ask
