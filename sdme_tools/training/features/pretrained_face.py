"""Face by CLIP, SigLIP, ViT, DeiT, BEiT or DINOv2: one vector for the picture, five times a second.

Pictures are scaled, cut and made even by the model's own preprocessor_config.json. Of CLIP the projected image vector
is taken, of SigLIP the pooled one, of the others the last layer's class token.

Source: Radford et al. 2021, arXiv:2103.00020; Zhai et al. 2023, arXiv:2303.15343; Dosovitskiy et al. 2020,
arXiv:2010.11929; Oquab et al. 2023, arXiv:2304.07193.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import Any

import numpy as np

from sdme_tools.records.feature_table import ModalityEncoding
from sdme_tools.training.dataset import Features
from sdme_tools.training.features.decoding import look_at
from sdme_tools.training.features.encoders import EncoderSettings, Prepared
from sdme_tools.training.features.pretrained import PretrainedModel

LOOKS_PER_SECOND = 5.0
MAX_STEPS = 100

_SIDE_PX = 224
_CLIP = ("CLIPVisionModelWithProjection", "image_embeds")
_SIGLIP = ("SiglipVisionModel", "pooler_output")
_OTHERS = ("AutoModel", "last_hidden_state")
_KINDS = {
    "clip": _CLIP,
    "clip_vision_model": _CLIP,
    "siglip": _SIGLIP,
    "siglip_vision_model": _SIGLIP,
    "vit": _OTHERS,
    "deit": _OTHERS,
    "beit": _OTHERS,
    "dinov2": _OTHERS,
}
"""Architecture -> the class of transformers that sees with it, and which of its outputs is taken."""


class PretrainedFace:
    """`float32[T, D]`, D the size of the picture's vector, 5 steps a second, T ≤ 100."""

    def __init__(self, settings: EncoderSettings) -> None:
        self._model = PretrainedModel("face", settings, _KINDS)

    def describe(self) -> ModalityEncoding:
        """Name the model and the hash of its files. Raises as `PretrainedModel`."""
        config = self._model.config
        of_vision = getattr(config, "vision_config", config)
        is_clip = _KINDS[self._model.kind] == _CLIP
        return ModalityEncoding(
            encoder=self._model.source,
            num_features=of_vision.projection_dim if is_clip else of_vision.hidden_size,
            steps_per_second=LOOKS_PER_SECOND,
            max_steps=MAX_STEPS,
        )

    @cached_property
    def _processor(self) -> Any:  # noqa: ANN401 - of the model's own class
        return self._model.load_processor("AutoImageProcessor", backend="pil")

    def prepare(self, content: bytes) -> Prepared | None:
        """Look at a face video: `uint8[T, 224, 224, 3]`; None where it holds no picture."""
        return look_at(
            content, looks_per_second=LOOKS_PER_SECOND, side_px=_SIDE_PX, pixels="rgb24", max_looks=MAX_STEPS
        )

    def encode(self, prepared: Sequence[Prepared]) -> list[Features]:
        """Run the model over the pictures of all utterances together.

        Raises:
            BackendError: The model cannot be loaded, or the GPU's memory does not suffice.
        """
        class_name, output = _KINDS[self._model.kind]
        model = self._model.load(lambda package: getattr(package, class_name))
        vectors: list[Features] = []
        for batch in self._model.batches([picture for looks in prepared for picture in looks]):
            given = self._processor(images=list(batch), return_tensors="pt")
            with self._model.computing():
                seen = getattr(model(given["pixel_values"].to(model.device)), output)
                seen = seen[:, 0] if output == "last_hidden_state" else seen
                vectors += list(seen.float().cpu().numpy())
        return np.split(np.stack(vectors), np.cumsum([len(looks) for looks in prepared])[:-1]) if vectors else []
