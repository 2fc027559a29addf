"""Who speaks, by a TorchScript file of your own; own_file.py tells its interface. Running it runs the code in it."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from sdme_tools.backends.device import require_torch_device
from sdme_tools.backends.packages import require_package
from sdme_tools.backends.protocols import Crops, Voice
from sdme_tools.backends.speaking.own_file import Ask, OwnFileScorer, blame


class TorchScriptScorer(OwnFileScorer):
    """Speaking scores of a scripted or traced module."""

    backend = "torchscript"
    distribution = "torch"

    def _open(self, path: Path) -> Ask:
        torch = require_package("torch")
        require_torch_device(self._device, "[speaking]")
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

        return ask
