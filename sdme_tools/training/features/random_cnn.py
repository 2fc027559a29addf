"""Face: what a small convolutional network of fixed random weights sees, five times a second, in grey and 48×48.

It has never been trained: its filters are drawn from a seed, and what it gives are smooth random projections of local
patterns, which a network behind it can learn from. It is a yardstick for pretrained encoders: what does not beat it has
learned nothing that helps here.

Source: Saxe et al., On random weights and unsupervised feature learning, ICML 2011; Jarrett et al., What is the best
multi-stage architecture for object recognition?, ICCV 2009. Sizes and the seed are ours.
"""

import hashlib
from collections.abc import Sequence
from functools import cache

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from sdme_tools.backends.device import require_torch_device
from sdme_tools.records.base import Source
from sdme_tools.records.feature_table import ModalityEncoding
from sdme_tools.training.dataset import Features
from sdme_tools.training.features.decoding import look_at
from sdme_tools.training.features.encoders import EncoderSettings, Prepared

LOOKS_PER_SECOND = 5.0
MAX_STEPS = 100

_SIDE_PX = 48
_SEED = 0
_LAYERS = ((1, 32, 5), (32, 64, 3), (64, 64, 3))
"""Channels in, channels out and side of the filters; each halves the picture."""
_POOLED = 2
NUM_FEATURES = _LAYERS[-1][1] * _POOLED**2


class RandomCnn:
    """`float32[T, 256]`, 5 steps a second, T ≤ 100."""

    def __init__(self, settings: EncoderSettings) -> None:
        self._settings = settings

    def describe(self) -> ModalityEncoding:
        """Name the encoder and the hash of its drawn weights."""
        digest = hashlib.sha256(b"".join(weights.tobytes() for weights in draw_weights()))
        return ModalityEncoding(
            encoder=Source(backend="random_cnn", version="1", weights=digest.hexdigest()),
            num_features=NUM_FEATURES,
            steps_per_second=LOOKS_PER_SECOND,
            max_steps=MAX_STEPS,
        )

    def prepare(self, content: bytes) -> Prepared | None:
        """Look at a face video: `uint8[T, 48, 48]`; None where it holds no picture."""
        return look_at(content, looks_per_second=LOOKS_PER_SECOND, side_px=_SIDE_PX, pixels="gray", max_looks=MAX_STEPS)

    def encode(self, prepared: Sequence[Prepared]) -> list[Features]:
        """Run the network over the pictures of all utterances together."""
        require_torch_device(self._settings.device, "--face")
        pictures = torch.from_numpy(np.concatenate(prepared)).to(self._settings.device)
        with torch.inference_mode():
            features: Features = _see(pictures.float()[:, None]).cpu().numpy()
        return np.split(features, np.cumsum([len(looks) for looks in prepared])[:-1])


@cache
def draw_weights() -> list[Features]:
    """Draw the filters of each layer, `float32[out, in, side, side]`, scaled so that activations keep their size."""
    random = np.random.default_rng(_SEED)
    shapes = [(wide, deep, side, side) for deep, wide, side in _LAYERS]
    return [(random.standard_normal(shape) * np.sqrt(2 / np.prod(shape[1:]))).astype(np.float32) for shape in shapes]


def _see(pictures: Tensor) -> Tensor:
    """From `float32[N, 1, 48, 48]` to `float32[N, 256]`: contrast made even, three convolutions, 2×2 means."""
    mean = pictures.mean(dim=(2, 3), keepdim=True)
    seen = (pictures - mean) / pictures.std(dim=(2, 3), keepdim=True).clamp(min=1.0)
    for weights, (_, _, side) in zip(draw_weights(), _LAYERS, strict=True):
        filters = torch.from_numpy(weights).to(seen.device)
        seen = functional.conv2d(seen, filters, stride=2, padding=side // 2).relu()
    return functional.adaptive_avg_pool2d(seen, _POOLED).flatten(1)
