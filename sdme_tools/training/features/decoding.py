"""From the bytes of a media file to arrays, in memory."""

from __future__ import annotations

import io
from collections.abc import Iterator
from typing import Literal

import av
import numpy as np
from av.error import FFmpegError
from numpy.typing import NDArray

from sdme_tools.errors import TrainingError

RATE_HZ = 16_000

Signal = NDArray[np.float32]
"""float32[num_samples], -1 to 1, 16 kHz mono."""

Pictures = NDArray[np.uint8]
"""uint8[T, H, W, 3] RGB, or uint8[T, H, W] grey."""


def decode_voice(content: bytes) -> Signal:
    """Decode an audio file to 16 kHz mono.

    Raises:
        TrainingError: The file is damaged or holds no sound.
    """
    resampler = av.AudioResampler(format="flt", layout="mono", rate=RATE_HZ)
    parts: list[Signal] = []
    try:
        with av.open(io.BytesIO(content), "r") as container:
            for frame in (*container.decode(audio=0), None):
                parts += [part.to_ndarray().reshape(-1).astype(np.float32) for part in resampler.resample(frame)]
    except (FFmpegError, IndexError) as error:
        raise TrainingError(f"its sound cannot be decoded ({error})") from error
    return np.concatenate(parts) if parts else np.zeros(0, np.float32)


def look_at(
    content: bytes, *, looks_per_second: float, side_px: int, pixels: Literal["gray", "rgb24"], max_looks: int
) -> Pictures | None:
    """Return the first picture at or after each look, scaled to a square; None where the file holds no picture.

    Args:
        content: A video file.
        looks_per_second: How often to look.
        side_px: Side of the square.
        pixels: `gray` gives `uint8[T, side, side]`, `rgb24` `uint8[T, side, side, 3]`.
        max_looks: Where there would be more looks, evenly many are left out, so that memory stays bounded.

    Raises:
        TrainingError: The file is damaged or holds no video.
    """
    try:
        pictures = list(_look(content, looks_per_second, side_px, pixels))
    except (FFmpegError, IndexError) as error:
        raise TrainingError(f"its pictures cannot be decoded ({error})") from error
    if len(pictures) > max_looks:
        pictures = [pictures[place * len(pictures) // max_looks] for place in range(max_looks)]
    return np.stack(pictures) if pictures else None


def _look(content: bytes, looks_per_second: float, side_px: int, pixels: str) -> Iterator[NDArray[np.uint8]]:
    next_s = 0.0
    with av.open(io.BytesIO(content), "r") as container:
        stream = container.streams.video[0]
        stream.thread_type = "NONE"
        for frame in container.decode(stream):
            if frame.time + 1e-6 >= next_s:
                next_s = max(next_s, frame.time) + 1 / looks_per_second
                yield frame.reformat(side_px, side_px, pixels, interpolation="AREA").to_ndarray().astype(np.uint8)
