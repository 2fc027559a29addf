"""Where to cut the bound face out of the picture: a square of steady size whose centre moves smoothly."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sdme_tools.media.video import Picture
from sdme_tools.records.config import ClipsSection
from sdme_tools.records.face import FaceTrack
from sdme_tools.records.span import Span

_SMOOTHED_MS = 500


@dataclass(frozen=True)
class FaceCrops:
    """The square to cut at any time of an utterance."""

    side_px: int
    t_ms: NDArray[np.float64]
    """float64[T]: times of the observations."""
    centre_px: NDArray[np.float64]
    """float64[T, 2]: x and y of the box's centre."""

    def cut(self, rgb: Picture, t_ms: float) -> Picture:
        """Return uint8[side, side, 3] RGB; where the square leaves the picture its edge is repeated."""
        around = t_ms + np.linspace(-_SMOOTHED_MS / 2, _SMOOTHED_MS / 2, 11)
        x, y = (np.interp(around, self.t_ms, self.centre_px[:, axis]).mean() for axis in (0, 1))
        reach = np.arange(self.side_px) - self.side_px // 2
        rows = np.clip(round(y) + reach, 0, rgb.shape[0] - 1)
        columns = np.clip(round(x) + reach, 0, rgb.shape[1] - 1)
        return np.ascontiguousarray(rgb[rows][:, columns])


def plan_crops(track: FaceTrack, span: Span, settings: ClipsSection) -> FaceCrops:
    """Plan the crops of one utterance: the side is `face_context` times its median longer box side."""
    t_ms, boxes = np.array(track.t_ms, np.float64), np.array(track.boxes, np.float64)
    inside = (t_ms >= span.start_ms) & (t_ms < span.end_ms)
    sizes = boxes[inside] if inside.any() else boxes
    side = round(float(np.median(sizes[:, 2:].max(axis=1))) * settings.face_context)
    return FaceCrops(side_px=max(2, side), t_ms=t_ms, centre_px=boxes[:, :2] + boxes[:, 2:] / 2)
