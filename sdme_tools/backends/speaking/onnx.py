"""Who speaks, by an ONNX file of your own; own_file.py tells its interface."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from sdme_tools.backends.packages import require_package
from sdme_tools.backends.protocols import Crops, Voice
from sdme_tools.backends.registry import Device
from sdme_tools.backends.speaking.own_file import Ask, OwnFileScorer, blame
from sdme_tools.errors import BackendError

_PROVIDERS: dict[Device, str] = {"cpu": "CPUExecutionProvider", "cuda": "CUDAExecutionProvider"}


class OnnxScorer(OwnFileScorer):
    """Speaking scores of an ONNX graph with inputs named crops and voice; its first output is the scores.

    On a GPU it needs the build of onnxruntime that is made for it; the usual one knows the CPU only.
    """

    backend = "onnx"
    distribution = "onnxruntime"

    def _open(self, path: Path) -> Ask:
        runtime = require_package("onnxruntime")
        wanted = _PROVIDERS[self._device]
        if wanted not in runtime.get_available_providers():
            raise _no_gpu()
        try:
            session = runtime.InferenceSession(str(path), providers=[wanted])
        except Exception as error:  # onnxruntime's errors share no class but this
            raise blame(path, "is no ONNX file", error) from error
        if session.get_providers()[0] != wanted:  # it goes on without a provider that does not start
            raise _no_gpu()
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


def _no_gpu() -> BackendError:
    return BackendError(
        "[speaking] shall run on cuda, but the onnxruntime that is installed here cannot use a CUDA device",
        cure="install onnxruntime-gpu in place of onnxruntime, with the CUDA libraries that it asks for; "
        "or run with --device cpu",
    )
