"""Which device the models run on."""

import ctypes

from sdme_tools.backends.packages import require_package
from sdme_tools.backends.registry import Device
from sdme_tools.errors import BackendError


def resolve_device(device: str) -> Device:
    """Settle 'auto': a CUDA device where one answers, else the CPU.

    Raises:
        BackendError: 'cuda' was asked for and no CUDA device answers.
    """
    if device == "cpu":
        return "cpu"
    if has_cuda_driver() and require_package("torch").cuda.is_available():
        return "cuda"
    if device == "cuda":
        raise BackendError("device 'cuda' was asked for, but no CUDA device answers", cure="use --device auto or cpu")
    return "cpu"


def require_torch_device(device: Device, setting: str) -> None:
    """Check that torch can use the device: a backend that was handed cuda never computes elsewhere.

    Args:
        device: what the backend was built for.
        setting: the section of corpus.toml that names the backend, for the message.

    Raises:
        BackendError: cuda was asked for and torch sees no CUDA device.
    """
    if device == "cuda" and not require_package("torch").cuda.is_available():
        raise BackendError(f"{setting} shall run on cuda, but torch sees no CUDA device", cure="run with --device cpu")


def has_cuda_driver() -> bool:
    """Whether NVIDIA's driver is installed: where it is not, nobody needs to import torch to know."""
    try:
        ctypes.CDLL("libcuda.so.1")
    except OSError:
        return False
    return True
